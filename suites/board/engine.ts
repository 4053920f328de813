import { type EnginePromise, RigError, type Shell, type TestContext } from '../../rig/mod.js';
import { quoted } from '../facts/sections.js';
import { parseUnits, type UnitFacts, unitsCommand } from '../facts/units.js';
import { promised } from './promised.js';

/** Starting a container takes an emulated board seconds of its processor. */
export const containerMs = 120_000;

/** The engine, once it answers. */
export class Engine {
  readonly promise: EnginePromise;
  readonly #shell: Shell;

  private constructor(promise: EnginePromise, shell: Shell) {
    this.promise = promise;
    this.#shell = shell;
  }

  /** Ends the test as skipped where no engine is promised; waits for it and for the image of the tests otherwise. */
  static async of(t: TestContext): Promise<Engine> {
    const engine = new Engine(await promised(t, 'engine'), t.board.shell);
    await t.step('Wait for the engine', () => engine.ready(t));
    return engine;
  }

  /** Waits until it answers and has the image. */
  async ready(t: TestContext): Promise<void> {
    const { command, image } = this.promise;
    await t.eventually(
      `The engine answers and has the image ${image}`,
      async () =>
        (await this.#shell.run(`${command} image inspect ${image}`, { timeoutMs: 60_000 })).exitCode === 0,
      { timeoutMs: 180_000, everyMs: 2_000 },
    );
  }

  /** Standard output of the engine's command with these words of a shell; its failure is the board's. */
  text(words: string): Promise<string> {
    return this.#shell.text(`${this.promise.command} ${words}`, { timeoutMs: containerMs });
  }

  /** Runs a command in a container that is gone afterwards. */
  run(command: string, { options = '' }: { readonly options?: string } = {}): Promise<string> {
    return this.text(`run --rm ${options} ${this.promise.image} sh -c ${quoted(command)}`);
  }

  async unit(name: string): Promise<UnitFacts> {
    const [unit] = parseUnits(await this.#shell.text(unitsCommand([name])), [name]);
    if (unit && unit.mainPid > 0) return unit;
    throw new RigError(`${name} has no process: it is ${unit?.active ?? 'unknown'}`, {
      code: 'engine.not-running',
      blame: 'board',
      hint: 'See the log of the unit: systemctl status and journalctl -u.',
    });
  }
}
