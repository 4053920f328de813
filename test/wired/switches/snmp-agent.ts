import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { pollUntil } from '../../../rig/lifetime/poll.js';
import type { SwitchFault } from '../../conformance/power-faults.js';
import { folder } from '../support.js';

export const snmpd = '/usr/sbin/snmpd';
export const hasSnmp = existsSync(snmpd) && existsSync('/usr/bin/snmpget');

export const apcCommand = '1.3.6.1.4.1.318.1.1.12.3.3.1.1.4';
export const apcState = '1.3.6.1.4.1.318.1.1.12.3.5.1.1.4';

/**
 * A PDU with eight outlets: Debian's own agent in front (so the wire is not ours), whose two tables a shell script keeps in
 * files. Its states are those of the APC table.
 */
export interface FakePdu {
  readonly port: number;
  /** Every order for outlet 3 so far. */
  orders(): string[];
  /** What the outlet is, asked with Debian's snmpget. */
  ask(oid: string): string;
  set(state: 'on' | 'off'): void;
  readonly isOn: boolean;
  /** Undefined: it is well. */
  set fault(fault: SwitchFault | undefined);
}

export async function startPdu(t: Test): Promise<FakePdu> {
  const cwd = folder(t);
  const script = join(cwd, 'outlet.sh');
  const state = join(cwd, 'state');
  const log = join(cwd, 'log');
  const fault = join(cwd, 'fault');
  writeFileSync(state, '2');
  writeFileSync(fault, '');
  writeFileSync(log, '');
  // snmpd.conf(5), "pass": -g OID prints OID, type and value; -s OID TYPE VALUE sets.
  writeFileSync(
    script,
    `#!/bin/sh
case "$(cat ${fault}) $1 $2" in
  garbage*-g*) printf '%s\\nstring\\n%s\\n' "$2" 'ttyS0 login: '; exit 0;;
  deaf*-s*) exit 0;;
  late*-s*) sleep 0.3;;
esac
case "$1 $2" in
  "-g .${apcCommand}.3" | "-g .${apcState}.3") printf '%s\\ninteger\\n%s\\n' "$2" "$(cat ${state})";;
  "-s .${apcCommand}.3")
    case "$4" in 1) echo on >> ${log};; 2) echo off >> ${log};; *) echo wrong-value; exit 0;; esac
    echo "$4" > ${state};;
  -s*) echo not-writable;;
esac
`,
  );
  chmodSync(script, 0o755);
  const port = await freePort();
  const config = join(cwd, 'snmpd.conf');
  writeFileSync(
    config,
    `agentaddress udp:127.0.0.1:${port}
rocommunity public 127.0.0.1
rwcommunity secret-words 127.0.0.1
createUser rig SHA-256 "long password" AES "other password"
rwuser rig priv
pass .${apcCommand} ${script}
pass .${apcState} ${script}
`,
  );
  const agent = spawn(
    snmpd,
    [
      '-f',
      '-Lo',
      '-C',
      '-c',
      config,
      '-p',
      join(cwd, 'pid'),
      '-I',
      'pass,snmpv3mibs,usmUser,usmConf,vacm_conf,vacm_vars',
    ],
    {
      env: { ...process.env, SNMP_PERSISTENT_DIR: cwd, MIBS: '' },
      stdio: 'ignore',
    },
  );
  t.teardown(async () => {
    agent.kill('SIGKILL');
    await once(agent, 'exit');
  });
  const ask = (oid: string): string =>
    execFileSync('/usr/bin/snmpget', ['-v2c', '-cpublic', '-Oqv', '-r0', '-t1', `127.0.0.1:${port}`, oid], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, MIBS: '' },
    }).trim();
  await pollUntil(
    () => {
      try {
        return ask(`${apcState}.3`) === '2';
      } catch {
        return false;
      }
    },
    { timeoutMs: 20_000, what: 'the agent' },
  );
  return {
    port,
    ask,
    orders: () => readFileSync(log, 'utf8').split('\n').filter(Boolean),
    set: (wanted) => writeFileSync(state, wanted === 'on' ? '1' : '2'),
    get isOn() {
      return readFileSync(state, 'utf8').trim() === '1';
    },
    set fault(wanted: SwitchFault | undefined) {
      writeFileSync(fault, wanted ?? '');
      // One that is stopped keeps what it is asked, and answers when nobody waits any more.
      agent.kill(wanted === 'silent' ? 'SIGSTOP' : 'SIGCONT');
      // It keeps what a script said until it asks for something else (ucd-snmp/extensible.h, NETSNMP_EXCACHETIME).
      if (wanted !== 'silent') ask(`${apcCommand}.3`);
    },
  };
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}
