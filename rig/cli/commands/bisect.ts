import { join, resolve } from 'node:path';
import { visibleLine } from '../../../reports/visible.js';
import { duration } from '../../../reports/words.js';
import { firstLine } from '../../contracts/errors.js';
import { exitCodes } from '../../contracts/verdict.js';
import { type Bisected, bisect, type Judged } from '../../core/bisect/bisect.js';
import type { RunRecord } from '../../record/model.js';
import { nightName } from '../../record/night-folder.js';
import { readRun } from '../../record/reader.js';
import type { CommandInput, CommandIo } from '../command.js';
import { signalExitCode } from '../print-error.js';
import { OptionReader } from '../read-options.js';
import { runRig } from '../rig-child.js';

const read = new OptionReader('rig bisect');

interface Try {
  readonly image: string;
  readonly judged: Judged;
  /** What was said of it. */
  readonly why: string;
  readonly dir: string;
}

interface Search {
  readonly images: readonly string[];
  readonly words: readonly string[];
  readonly test: string;
  readonly dir: string;
  readonly io: CommandIo;
}

/** `rig bisect IMAGE… --board B --test SUITE/TEST`: the first of the images, the oldest first, in which a test fails. */
export async function run({ args, options }: CommandInput, io: CommandIo): Promise<number> {
  const images = ((args[0] as readonly string[] | undefined) ?? []).map((image) => imagePath(image, io.cwd));
  const search = readSearch(images, { options, io });
  const tries: Try[] = [];
  const found = await bisect(images.length, async (index) => {
    io.signal.throwIfAborted();
    const one = await tryImage(index, search);
    tries.push(one);
    io.err(`${one.judged.padEnd(7)}  ${visibleLine(one.image)}  ${visibleLine(one.why)}\n`);
    return one.judged;
  }).catch((error: unknown) => {
    if (!io.signal.aborted) throw error;
    return undefined;
  });
  // A try that was interrupted judged nothing, and the search may have ended by it.
  if (!found || io.signal.aborted) return signalExitCode(io.signal);
  if (options.json === true) io.out(`${JSON.stringify({ ...named(found, images), tries }, null, 2)}\n`);
  else io.out(`${words(found, images)}\n`);
  return found.found === 'first bad' ? exitCodes.passed : exitCodes.rigFailed;
}

function readSearch(
  images: readonly string[],
  { options, io }: { options: CommandInput['options']; io: CommandIo },
): Search {
  if (images.length < 2)
    throw read.bad('Give at least two images, the oldest first: a good one and a bad one');
  const { board, test, suite, lab } = options as Readonly<Record<string, string | undefined>>;
  if (board === undefined || test === undefined)
    throw read.bad(
      'Say on which board and by which test: --board virt-arm64 --test "boot/the clock is right"',
    );
  const [, ownSuite = ''] = /^([^/]+)\/./.exec(test) ?? [];
  if (ownSuite === '') throw read.bad(`--test takes a test by its suite/name, not "${test}"`);
  const times = read.wholeNumber(options.repeat, { name: '--repeat', least: 1 }) ?? 1;
  return {
    images,
    test,
    words: [
      ...['run', suite ?? ownSuite, '--board', board, '--test', test, '--no-keep-on-failure'],
      ...(times === 1 ? [] : ['--repeat', String(times)]),
      ...(lab === undefined ? [] : ['--lab', lab]),
    ],
    dir: join(io.cwd, 'runs', nightName(new Date()).replace('night', 'bisect')),
    io,
  };
}

async function tryImage(index: number, { images, words, test, dir, io }: Search): Promise<Try> {
  const image = images[index] ?? '';
  const runDir = join(dir, String(index + 1));
  const { stderr } = await runRig([...words, '--image', image, '--report', runDir], { io });
  const ran = await readRun(runDir).catch(() => undefined);
  const said = stderr.lastLines(2).join(' ');
  return { image, dir: runDir, ...(ran ? judge(ran, test) : { judged: 'unknown', why: said }) };
}

/** Bad when it failed once; good when it passed each time. Errors of the rig, skips and what was cut short say nothing. */
function judge({ tests, durationMs }: RunRecord, test: string): Pick<Try, 'judged' | 'why'> {
  const own = tests.filter(({ suite, name }) => `${suite}/${name}` === test);
  const failed = own.find(({ verdict }) => verdict === 'failed' || verdict === 'flaky');
  if (failed) return { judged: 'bad', why: firstLine(failed.error?.message ?? failed.verdict) };
  if (own.length > 0 && own.every(({ verdict }) => verdict === 'passed'))
    return { judged: 'good', why: `passed in ${duration(durationMs)}` };
  const [other] = own.filter(({ verdict }) => verdict !== 'passed');
  return {
    judged: 'unknown',
    why: firstLine(other?.error?.message ?? other?.reason ?? 'the test did not run'),
  };
}

function named(found: Bisected, images: readonly string[]): object {
  if (found.found !== 'first bad') return found;
  const { firstBad, suspects } = found;
  return { ...found, firstBad: images[firstBad], suspects: suspects.map((index) => images[index]) };
}

function words(found: Bisected, images: readonly string[]): string {
  const name = (index: number): string => visibleLine(images[index] ?? '');
  switch (found.found) {
    case 'first is bad':
      return `${name(0)} is bad already: begin with an older image`;
    case 'last is good':
      return `${name(images.length - 1)} is good: there is nothing to look for`;
    case 'nothing':
      return `${name(found.why === 'first' ? 0 : images.length - 1)} cannot be judged: begin or end with another image`;
    case 'first bad':
      return found.suspects.length === 0
        ? `${name(found.firstBad)} is the first bad image`
        : `the first bad image is one of ${[...found.suspects, found.firstBad].map(name).join(', ')}: the others could not be judged`;
  }
}

/** A file, or a reference image. */
function imagePath(image: string, cwd: string): string {
  return /^(tiny|full)([+:]|$)/.test(image) ? image : resolve(cwd, image);
}
