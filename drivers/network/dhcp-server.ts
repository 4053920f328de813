import { join } from 'node:path';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import { RigError } from '../../rig/contracts/errors.js';
import { administratorEnv } from '../../rig/lifetime/administrator-env.js';
import { type Child, startChild } from '../../rig/lifetime/child-process.js';
import { pollUntil } from '../../rig/lifetime/poll.js';
import type { HostNetwork } from './ipv4.js';
import { type Lease, readLeases } from './leases.js';

const startMs = 10_000;

export interface DhcpServerOptions extends Cancellable {
  readonly interface: string;
  readonly network: HostNetwork;
  /** Its leases lie there, and go with it. */
  readonly folder: string;
}

/** dnsmasq for one interface of this host: addresses, the way out, and names as this host knows them. It dies with this process. */
export class DhcpServer implements AsyncDisposable {
  readonly #child: Child;
  readonly #leaseFile: string;

  private constructor(child: Child, leaseFile: string) {
    this.#child = child;
    this.#leaseFile = leaseFile;
  }

  /** @throws RigError `network.dhcp-server`, `process.missing` */
  static async start(options: DhcpServerOptions): Promise<DhcpServer> {
    const { network, signal } = options;
    const leaseFile = join(options.folder, 'leases');
    const child = await startChild('dnsmasq', {
      env: administratorEnv(),
      args: [
        ...['--keep-in-foreground', '--log-facility=-', '--log-dhcp', '--conf-file=/dev/null', '--pid-file='],
        // The kernel forgets whose death to follow when a process changes its user or group (kernel/cred.c, commit_creds).
        ...['--user=root', '--group=root'],
        ...[`--interface=${options.interface}`, '--except-interface=lo', '--bind-interfaces'],
        ...[
          `--dhcp-range=${network.first},${network.last},${network.mask},1h`,
          `--dhcp-leasefile=${leaseFile}`,
        ],
        // Nobody else serves this wire: no pinging before an address is given, and a stranger's lease is refused at once.
        ...['--dhcp-authoritative', '--no-ping'],
      ],
    });
    const server = new DhcpServer(child, leaseFile);
    try {
      await pollUntil(() => child.stderr.text().includes('DHCP, IP range') || child.end !== undefined, {
        timeoutMs: startMs,
        signal,
        what: 'dnsmasq to begin',
      });
      if (child.end) throw server.#failed();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** @throws RigError `network.dhcp-server` when it has ended */
  async leases(): Promise<Lease[]> {
    if (this.#child.end) throw this.#failed();
    return readLeases(this.#leaseFile);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#child.ended;
  }

  #failed(): RigError {
    const said = this.#child.stderr.lastLines(3).join('\n');
    return new RigError(`The DHCP server of the board has ended: ${said || 'it said nothing'}`, {
      code: 'network.dhcp-server',
      blame: 'rig',
      hint: 'It needs root, and the ports 53 and 67 of that interface for itself: ss -ulpn tells who has them.',
    });
  }
}
