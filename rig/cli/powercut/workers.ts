import { join } from 'node:path';
import type { BoardConfig, Image } from '../../contracts/board.js';
import type { CrashState } from '../../contracts/powercut.js';
import type { Verdict } from '../../contracts/powercut-verdict.js';
import { type BootSight, type CrashBoard, judgeBoot } from '../../core/powercut/judge/boot-judge.js';
import { type Judgement, judgeFully } from '../../core/powercut/judge/full-judge.js';
import type { Boots, Trial } from '../../core/powercut/judge/trial.js';
import { boardPlaces, sessionRoots } from '../../core/session/directory.js';
import { DisposalStack } from '../../lifetime/disposal-stack.js';
import { mediumWriter } from '../medium-writer.js';
import { attach, type BoardsContext, type ExplorableBoard, openTwin } from './boards.js';
import type { CrashSpace } from './space.js';

export interface WorkersOptions {
  readonly board: BoardConfig;
  readonly context: BoardsContext;
  readonly space: CrashSpace;
  readonly judgement: Judgement;
  readonly image: Image;
}

/** Virtual boards that boot states, each one state at a time; opened when they are first needed. */
export class Workers implements AsyncDisposable {
  readonly #options: WorkersOptions;
  readonly #boards = new Map<number, Promise<ExplorableBoard>>();
  readonly #ends = new DisposalStack();

  constructor(options: WorkersOptions) {
    this.#options = options;
  }

  readonly toBootloader: Boots<BootSight> = (state, { worker, signal }) =>
    this.#on(state, worker, (board) => {
      const { signs, limits } = this.#options.judgement;
      return judgeBoot(state, { board, signs, limits, signal });
    });

  readonly fully: Boots<Verdict> = (state, { worker, signal }) =>
    this.#on(state, worker, (board) => {
      const { context, image, judgement } = this.#options;
      return judgeFully(state, {
        ...{ board, judgement, signal },
        attach: async () => await attach(board.session, { ...context, image }),
      });
    });

  [Symbol.asyncDispose](): Promise<void> {
    return this.#ends[Symbol.asyncDispose]();
  }

  async #on<Sight>(
    state: CrashState,
    worker: number,
    judge: (board: CrashBoard) => Promise<Trial<Sight>>,
  ): Promise<Trial<Sight>> {
    const { session, medium } = await this.#board(worker);
    if (this.#options.judgement.bySlot)
      await session.capabilities.mux?.toBoard({ signal: this.#options.context.io.signal });
    const { work } = boardPlaces(session.board.name, sessionRoots(this.#options.context.io.env));
    await using view = await this.#options.space.serve(state, { socketPath: join(work, 'medium.sock') });
    return await judge({ session, medium, view });
  }

  #board(worker: number): Promise<ExplorableBoard> {
    let opened = this.#boards.get(worker);
    if (!opened) {
      opened = this.#open(worker);
      this.#boards.set(worker, opened);
    }
    return opened;
  }

  async #open(worker: number): Promise<ExplorableBoard> {
    const { board, context, image, judgement } = this.#options;
    const twin = this.#ends.use(await openTwin(board, { ...context, suffix: `cut${worker + 1}` }));
    const { mux } = twin.session.capabilities;
    const { signal } = context.io;
    if (judgement.bySlot && mux) await mediumWriter.write(image, await mux.toRig({ signal }), { signal });
    return twin;
  }
}
