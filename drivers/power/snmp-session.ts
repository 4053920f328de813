import snmp from 'net-snmp';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import { RigError } from '../../rig/contracts/errors.js';
import { abortable } from '../../rig/lifetime/abortable.js';

export interface SnmpAccess {
  readonly host: string;
  readonly port: number;
  readonly version: '1' | '2c' | '3';
  readonly community: string;
  readonly user?: {
    readonly name: string;
    readonly authentication: 'md5' | 'sha' | 'sha256' | 'sha512';
    readonly password?: string | undefined;
    readonly privacy: 'des' | 'aes';
    readonly privacyPassword?: string | undefined;
  };
  readonly timeoutMs: number;
}

/** An agent is asked again after so long: datagrams get lost. */
const attemptMs = 1_500;

/** Integer objects of an SNMP agent. A session for each question: none outlives a change of the network. */
export class SnmpObjects {
  readonly #access: SnmpAccess;

  constructor(access: SnmpAccess) {
    this.#access = access;
  }

  async get(oid: string, cancel: Cancellable): Promise<number> {
    const value = await this.#ask(`read ${oid}`, cancel, (session, done) => session.get([oid], done));
    if (typeof value === 'number') return value;
    throw snmpError(
      `Cannot read ${oid} of ${this.#access.host}: it is no number but ${JSON.stringify(String(value))}`,
    );
  }

  async set(oid: string, value: number, cancel: Cancellable): Promise<void> {
    const varbind = { oid, type: snmp.ObjectType.Integer, value };
    await this.#ask(`set ${oid} to ${value}`, cancel, (session, done) => session.set([varbind], done));
  }

  async #ask(
    what: string,
    { signal }: Cancellable,
    act: (session: snmp.Session, done: (error: Error | null, varbinds?: snmp.Varbind[]) => void) => void,
  ): Promise<unknown> {
    signal?.throwIfAborted();
    const session = this.#open();
    try {
      const answer = new Promise<snmp.Varbind[]>((resolve, reject) => {
        session.on('error', reject);
        act(session, (error, varbinds) => (error ? reject(error) : resolve(varbinds ?? [])));
      });
      const [varbind] = await abortable(answer, { signal });
      if (!varbind || snmp.isVarbindError(varbind))
        throw new Error(varbind ? snmp.varbindError(varbind) : 'an empty answer');
      return varbind.value;
    } catch (cause) {
      signal?.throwIfAborted();
      const { host, port } = this.#access;
      throw snmpError(`Cannot ${what} at the PDU ${host}:${port}: ${(cause as Error).message}`, cause);
    } finally {
      session.close();
    }
  }

  #open(): snmp.Session {
    const { host, port, version, community, user, timeoutMs } = this.#access;
    const timing = {
      port,
      timeout: Math.min(attemptMs, timeoutMs),
      retries: Math.max(0, Math.ceil(timeoutMs / attemptMs) - 1),
      backoff: 1,
    };
    if (version !== '3' || !user)
      return snmp.createSession(host, community, {
        ...timing,
        version: version === '1' ? snmp.Version1 : snmp.Version2c,
      });
    const level = user.privacyPassword ? 'authPriv' : user.password ? 'authNoPriv' : 'noAuthNoPriv';
    return snmp.createV3Session(
      host,
      {
        name: user.name,
        level: snmp.SecurityLevel[level],
        authProtocol: snmp.AuthProtocols[user.authentication],
        authKey: user.password ?? '',
        privProtocol: snmp.PrivProtocols[user.privacy],
        privKey: user.privacyPassword ?? '',
      },
      { ...timing, version: snmp.Version3 },
    );
  }
}

function snmpError(message: string, cause?: unknown): RigError {
  return new RigError(message, {
    code: 'power.snmp-failed',
    blame: 'rig',
    hint: 'Try the same with snmpget and snmpset: host, port, version and who may write must be right, and the PDU must allow this host.',
    cause,
  });
}
