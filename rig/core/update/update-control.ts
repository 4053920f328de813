import { RigError } from '../../contracts/errors.js';
import type { ShellResult, WaitOptions } from '../../contracts/suite.js';
import type {
  BoardUpdate,
  Bundle,
  InstallOptions,
  SlotBoot,
  UpdatePromise,
  UpdateStatus,
} from '../../contracts/update.js';
import { type Bootable, reboot } from '../board/boot.js';
import { type UpdateDriver, updateDriver } from './driver.js';
import { follow } from './follow.js';
import { handOver } from './hand-over.js';
import { installAndReboot, type RebootBegun } from './self-reboot.js';
import type { SlotHistory } from './slot-history.js';

export interface UpdateControlOptions {
  readonly board: Bootable;
  readonly promise: UpdatePromise;
  /** Absent on a board without a console, or where the profile knows no signs. */
  readonly history: SlotHistory | undefined;
}

/** Updates of a board in use, by what its profile says of its product. */
export class UpdateControl implements BoardUpdate {
  readonly #board: Bootable;
  readonly #promise: UpdatePromise;
  readonly #history: SlotHistory | undefined;
  readonly #driver: UpdateDriver;
  #rebooting: RebootBegun | undefined;

  constructor({ board, promise, history }: UpdateControlOptions) {
    this.#board = board;
    this.#promise = promise;
    this.#history = history;
    this.#driver = updateDriver(promise);
  }

  get boots(): readonly SlotBoot[] {
    return this.#history?.boots ?? [];
  }

  status(options: WaitOptions = {}): Promise<UpdateStatus> {
    return this.#driver.status(this.#board.shells.preferred, options);
  }

  async install(bundle: Bundle, options: InstallOptions = {}): Promise<void> {
    const how = { ...options, promise: this.#promise, driver: this.#driver };
    const { name } = this.#board.circuit;
    const installing = (): Promise<ShellResult> => handOver(this.#board, bundle, how);
    if (this.#driver.reboots) {
      const came = await installAndReboot(this.#board, {
        history: this.#history,
        installing,
        took: this.#driver.took,
      });
      if ('exitCode' in came) throw notInstalled(name, came);
      this.#rebooting = came;
      return;
    }
    const result = await installing();
    if (!this.#driver.took(result)) throw notInstalled(name, result);
    const { booted, next } = await this.status();
    if (next === booted) throw notNext(name, next);
  }

  async kill(options: WaitOptions = {}): Promise<void> {
    await this.#board.shells.preferred.text(this.#promise.kill, options);
  }

  async settle(options: WaitOptions = {}): Promise<readonly SlotBoot[]> {
    const { circuit } = this.#board;
    const bootMs = (options.timeoutMs ?? circuit.session.board.type.budgetsMs.shell) * circuit.scale;
    if (!this.#history) {
      await reboot(this.#board, bootMs);
      return [];
    }
    const from = this.#rebooting;
    this.#rebooting = undefined;
    const tells = this.#promise.driver === 'rauc' || this.#promise.health !== undefined;
    return follow(this.#board, {
      promise: this.#promise,
      history: this.#history,
      bootMs,
      from,
      heldGood: tells ? () => this.#heldGood() : undefined,
    });
  }

  /** A board that has just begun to reboot does not answer, which is a no for now. */
  async #heldGood(): Promise<boolean> {
    try {
      const { booted, slots } = await this.status({ timeoutMs: 10_000 });
      return slots.find(({ name }) => name === booted)?.health === 'good';
    } catch (error) {
      if (!(error instanceof RigError) || error.code.startsWith('update.')) throw error;
      return false;
    }
  }
}

function notInstalled(name: string, { exitCode, stdout }: ShellResult): RigError {
  const said = stdout.trim().split('\n').slice(-5);
  return new RigError(`${name} did not install the bundle (exit code ${exitCode}): ${said.join(' | ')}`, {
    code: 'update.not-installed',
    blame: 'board',
    hint: 'Unless it was meant to be refused: these are the words of the product itself.',
    evidence: { exitCode, said },
  });
}

function notNext(name: string, slot: string): RigError {
  return new RigError(`${name} took the bundle, and will boot slot ${slot} again, which runs already`, {
    code: 'update.not-next',
    blame: 'board',
    hint: 'Ask the product for its status: did it switch, or mark the new slot bad?',
  });
}
