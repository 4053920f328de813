import { RigError } from '../../../contracts/errors.js';
import type { BoardSession } from '../../../contracts/session.js';
import { measureSpeedFactor } from '../../../lifetime/host-speed.js';
import { pollUntil } from '../../../lifetime/poll.js';
import { checkMux } from './mux-check.js';

/** What one check came to. */
export interface Finding {
  readonly check: string;
  readonly state: 'good' | 'bad';
  readonly found: string;
  readonly hint?: string;
}

/** Resolves with what was found, rejects when that is bad. */
export interface HealthCheck {
  readonly name: string;
  readonly run: (signal: AbortSignal) => Promise<string>;
}

const silenceMs = 1_500;
const silentWithinMs = 8_000;

/** The checks that the capabilities of `session` allow, in an order that ends with the board off. */
export function healthChecks(session: BoardSession): HealthCheck[] {
  const { power, link, mux } = session.capabilities;
  const ear = new Ear(session);
  const checks: HealthCheck[] = [
    {
      name: 'session',
      run: async () =>
        `${session.drivers.map(({ name, version }) => `${name} ${version}`).join(', ')}: ${[...session.has].join(', ')}`,
    },
  ];
  if (power)
    checks.push({
      name: 'power on',
      run: async (signal) => {
        await power.off({ signal });
        ear.forget();
        await power.on({ signal });
        return expectState(await power.state({ signal }), 'on');
      },
    });
  if (power && session.console)
    checks.push({ name: 'console speaks', run: (signal) => ear.expectBytes(signal) });
  if (link)
    checks.push({
      name: 'link down and up',
      run: async (signal) => {
        for (const wanted of ['down', 'up'] as const) {
          await link[wanted]({ signal });
          expectState(await link.state({ signal }), wanted);
        }
        return 'down, then up';
      },
    });
  if (power)
    checks.push({
      name: 'power off',
      run: async (signal) => {
        await power.off({ signal });
        return expectState(await power.state({ signal }), 'off');
      },
    });
  if (power && session.console)
    checks.push({ name: 'console is silent', run: (signal) => ear.expectSilence(signal) });
  // A virtual mux cannot be wired wrongly, and taking its medium out would unname it.
  if (mux && !session.board.type.machine)
    checks.push({ name: 'mux switches', run: (signal) => checkMux(mux, signal) });
  return checks;
}

/** Listens to the console from the beginning, since what the board said first cannot be asked for later. */
class Ear {
  readonly #budgetMs: () => Promise<number>;
  #bytes = 0;
  #lastMs = 0;
  #lost: RigError | undefined;

  constructor(session: BoardSession) {
    const { budgetsMs, machine } = session.board.type;
    const budgetMs = budgetsMs.firmware ?? budgetsMs.bootloader ?? budgetsMs.kernel ?? budgetsMs.shell;
    this.#budgetMs = async () => budgetMs * (machine ? measureSpeedFactor() : 1);
    session.console?.subscribe({
      data: (chunk) => {
        this.#bytes += chunk.byteLength;
        this.#lastMs = performance.now();
      },
      lost: (error) => {
        this.#lost = error;
      },
    });
  }

  forget(): void {
    this.#bytes = 0;
  }

  async expectBytes(signal: AbortSignal): Promise<string> {
    await pollUntil(() => this.#throwIfLost() || this.#bytes > 0, {
      timeoutMs: await this.#budgetMs(),
      everyMs: 100,
      signal,
      what: 'a first byte on the console after power-on',
      hint: 'Look at the wiring (TX to RX), the speed of the port, and whether the board got power.',
    });
    return 'bytes after power-on';
  }

  async expectSilence(signal: AbortSignal): Promise<string> {
    const offMs = performance.now();
    await pollUntil(() => performance.now() - Math.max(this.#lastMs, offMs) > silenceMs, {
      timeoutMs: silentWithinMs,
      everyMs: 100,
      signal,
      what: `the console to be silent for ${silenceMs} ms after power-off`,
      hint: 'The board still runs: the power switch is another one, or something else powers the board (USB, the adapter, an SD mux).',
    });
    return `silent for ${silenceMs} ms after power-off`;
  }

  #throwIfLost(): false {
    if (this.#lost) throw this.#lost;
    return false;
  }
}

/** A switch that cannot be read back says `unknown`, which is no contradiction. */
function expectState(found: string, wanted: string): string {
  if (found === wanted) return found;
  if (found === 'unknown') return 'done (the device cannot tell its state)';
  throw new RigError(`The state is ${found} after it was set to ${wanted}`, {
    code: 'check.wrong-state',
    blame: 'rig',
    hint: 'Look whether the driver of the lab file switches this board and no other.',
  });
}
