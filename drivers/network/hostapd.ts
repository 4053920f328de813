import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import { RigError } from '../../rig/contracts/errors.js';
import { administratorEnv } from '../../rig/lifetime/administrator-env.js';
import { type Child, startChild } from '../../rig/lifetime/child-process.js';
import { withTimeout } from '../../rig/lifetime/deadline.js';
import { pollUntil } from '../../rig/lifetime/poll.js';

export interface AccessPoint {
  readonly ssid: string;
  readonly security: 'wpa2' | 'wpa3';
  readonly password: string;
  readonly country: string;
  readonly channel: number;
  /** For its configuration, which holds the password. */
  readonly folder: string;
}

const startMs = 20_000;
const endMs = 5_000;

/** A hostapd that runs; it dies with this process. */
export class Hostapd implements AsyncDisposable {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  /** Resolves when boards can join. @throws RigError `network.access-point`, `process.missing` */
  static async start(name: string, options: AccessPoint & Cancellable): Promise<Hostapd> {
    const file = join(options.folder, 'hostapd.conf');
    await writeFile(file, configuration(name, options), { mode: 0o600 });
    const child = await startChild('hostapd', {
      env: administratorEnv(),
      args: [file],
    });
    const point = new Hostapd(child);
    try {
      await pollUntil(() => child.stdout.text().includes('AP-ENABLED') || child.end !== undefined, {
        timeoutMs: startMs,
        signal: options.signal,
        what: `hostapd to open the access point on ${name}`,
      });
      if (child.end) throw point.#failed(name);
      return point;
    } catch (error) {
      await point[Symbol.asyncDispose]();
      throw error;
    }
  }

  get isRunning(): boolean {
    return this.#child.end === undefined;
  }

  /** It takes its beacon back itself when it is asked to end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    const ended = withTimeout(() => this.#child.ended, { timeoutMs: endMs, what: 'hostapd to end' });
    await ended.catch(() => this.#child.kill('SIGKILL'));
    await this.#child.ended;
  }

  #failed(name: string): RigError {
    const said = this.#child.stdout.lastLines(4).join('\n');
    return new RigError(`hostapd cannot open an access point on ${name}: ${said}`, {
      code: 'network.access-point',
      blame: 'rig',
      hint: 'It needs root, a radio that can be an access point (iw list, "Supported interface modes"), and that nothing else uses it (nmcli, wpa_supplicant, rfkill).',
    });
  }
}

/** hostapd.conf; WPA2 is WPA-PSK of RSN with CCMP, WPA3 is SAE, which asks for protected management frames. */
function configuration(name: string, { ssid, security, password, country, channel }: AccessPoint): string {
  const keys =
    security === 'wpa3'
      ? ['wpa_key_mgmt=SAE', 'ieee80211w=2', `sae_password=${password}`]
      : ['wpa_key_mgmt=WPA-PSK', `wpa_passphrase=${password}`];
  return [
    `interface=${name}`,
    'driver=nl80211',
    // In hexadecimal, so that no name is taken for anything else.
    `ssid2=${Buffer.from(ssid).toString('hex')}`,
    `country_code=${country}`,
    'ieee80211d=1',
    `hw_mode=${channel <= 14 ? 'g' : 'a'}`,
    `channel=${channel}`,
    'wpa=2',
    'rsn_pairwise=CCMP',
    ...keys,
    '',
  ].join('\n');
}
