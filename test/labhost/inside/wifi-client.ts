import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pollUntil } from '../../../rig/lifetime/poll.js';

const patienceMs = 60_000;

/** What a program of the lab host prints. */
export async function run(program: string, ...args: string[]): Promise<string> {
  return (await promisify(execFile)(program, args)).stdout;
}

/** Of the interface with that address, now. */
export async function nameOf(mac: string): Promise<string> {
  const line = (await run('ip', '-oneline', 'link'))
    .split('\n')
    .find((one) => one.includes(`link/ether ${mac}`));
  return /^\d+: ([^:@]+)/.exec(line ?? '')?.[1] ?? '';
}

export interface Station {
  readonly mac: string;
  readonly ssid: string;
  readonly password: string;
  readonly security: 'wpa2' | 'wpa3';
}

/** A station in a network namespace of its own, so that all that it says goes through the air. */
export class WifiClient implements AsyncDisposable {
  readonly name: string;
  readonly #folder: string;
  readonly #supplicant: ChildProcess;
  said = '';

  private constructor(name: string, { folder, supplicant }: { folder: string; supplicant: ChildProcess }) {
    this.name = name;
    this.#folder = folder;
    this.#supplicant = supplicant;
    supplicant.stdout?.on('data', (text: Buffer) => {
      this.said += text.toString();
    });
  }

  static async start(folder: string, { mac, ssid, password, security }: Station): Promise<WifiClient> {
    const name = await nameOf(mac);
    const phy = readFileSync(`/sys/class/net/${name}/phy80211/name`, 'utf8').trim();
    await run('ip', 'netns', 'add', 'client');
    await run('iw', 'phy', phy, 'set', 'netns', 'name', 'client');
    const file = join(folder, 'client.conf');
    const keys =
      security === 'wpa3'
        ? [`key_mgmt=SAE`, 'ieee80211w=2', `sae_password="${password}"`]
        : [`key_mgmt=WPA-PSK`, `psk="${password}"`];
    writeFileSync(file, `network={\nssid=${Buffer.from(ssid).toString('hex')}\n${keys.join('\n')}\n}\n`);
    const supplicant = spawn('ip', ['netns', 'exec', 'client', 'wpa_supplicant', '-i', name, '-c', file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return new WifiClient(name, { folder, supplicant });
  }

  exec(...command: string[]): Promise<string> {
    return run('ip', 'netns', 'exec', 'client', ...command);
  }

  async joined(wanted: boolean): Promise<void> {
    await pollUntil(
      async () => {
        const stations = await this.exec('iw', 'dev', this.name, 'station', 'dump');
        return /authorized:\s*yes/.test(stations) === wanted;
      },
      {
        what: `the client to ${wanted ? 'join' : 'leave'}; it said ${this.said.slice(-500)}`,
        timeoutMs: patienceMs,
      },
    );
  }

  /** By busybox's DHCP client. @returns the address */
  async lease(): Promise<string> {
    const script = join(this.#folder, 'leased.sh');
    writeFileSync(script, '#!/bin/sh\n[ "$1" != bound ] || ip address add "$ip/$mask" dev "$interface"\n', {
      mode: 0o755,
    });
    await this.exec('busybox', 'udhcpc', '-f', '-q', '-n', '-t', '10', '-i', this.name, '-s', script);
    return (
      /inet ([\d.]+)/.exec(await this.exec('ip', '-4', 'address', 'show', 'dev', this.name))?.[1] ?? 'none'
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#supplicant.exitCode !== null || this.#supplicant.signalCode !== null) return;
    this.#supplicant.kill('SIGTERM');
    await once(this.#supplicant, 'exit');
    await this.exec('ip', 'address', 'flush', 'dev', this.name);
    await this.exec('ip', 'link', 'set', 'dev', this.name, 'down');
    // Its radio comes back to the first namespace.
    await run('ip', 'netns', 'delete', 'client');
    await pollUntil(() => readdirSync('/sys/class/net').includes(this.name), {
      what: 'the radio',
      timeoutMs: patienceMs,
    });
  }
}
