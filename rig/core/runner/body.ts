import { writeFile } from 'node:fs/promises';
import type { EventBody, TestPlace } from '../../contracts/events.js';
import { type AttemptOutcome, runAttempt } from './attempt.js';
import type { EvidenceFile } from './evidence.js';
import { type DeriveImage, type MakeBundle, TestHostServices } from './host-services.js';
import { imageFacts } from './image-facts.js';
import type { ManagedBoard } from './managed-board.js';
import type { PlannedTest } from './plan.js';

export interface BodyOptions {
  readonly place: TestPlace;
  /** The test's own board first. */
  readonly boards: readonly ManagedBoard[];
  readonly seed: number;
  readonly derive: DeriveImage;
  readonly bundle: MakeBundle;
  readonly scale: number;
  readonly signal: AbortSignal;
  readonly emit: (event: EventBody) => void;
  readonly evidenceFile: EvidenceFile;
  readonly stepBegins?: ((step: number) => Promise<void>) | undefined;
}

/** Runs a test's body on boards that are in its start state, and tells where in the log it begins and ends. */
export async function runBody(planned: PlannedTest, options: BodyOptions): Promise<AttemptOutcome> {
  const { place, boards, seed, scale, signal, emit, stepBegins } = options;
  const [own] = boards;
  if (!own) throw new TypeError('a test needs at least one board');
  const { image } = own;
  const useSignal = (used: AbortSignal): void => {
    for (const board of boards) board.useSignal(used);
  };
  /** A replay plays what stands between the two: all that the board had said by then. */
  const tell = (phase: 'begin' | 'end', more: { image?: ReturnType<typeof imageFacts> } = {}): void => {
    for (const board of boards) board.reportConsole();
    emit({ type: 'test.body', ...place, phase, ...more });
  };
  tell('begin', image ? { image: imageFacts(image) } : {});
  const host = new TestHostServices({
    bindAddress: own.type.machine ? '127.0.0.1' : '0.0.0.0',
    observe: own.observe,
    onRequest: (request) => emit({ type: 'host.request', ...place, ...request }),
    derive: options.derive,
    bundle: options.bundle,
    signal,
  });
  const outcome = await runAttempt(planned, {
    place,
    boards,
    host,
    seed,
    scale,
    signal,
    emit,
    useSignal,
    keep: async (name, content) => {
      const { path, relative } = await options.evidenceFile(place, name);
      await writeFile(path, content);
      emit({ type: 'evidence', ...place, name, file: relative });
    },
    stepBegins,
  });
  tell('end');
  useSignal(signal);
  return outcome;
}
