import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf, RigError } from '../rig/contracts/errors.js';
import type { RunRecord } from '../rig/record/model.js';
import { readRun } from '../rig/record/reader.js';
import { htmlReport } from './html/page.js';
import { junitReport } from './junit.js';
import { tapReport } from './tap.js';

export interface WrittenReports {
  readonly run: RunRecord;
  readonly junit: string;
  readonly tap: string;
  readonly html: string;
}

/**
 * Writes `junit.xml`, `report.tap` and `report.html` into a run folder, from what it holds. Reports that are there are replaced
 * whole.
 *
 * @param options.junit a second copy of the JUnit report, for a CI server
 * @throws RigError as `readRun`, and `report.unwritable`
 */
export async function writeReports(
  runDir: string,
  options: { readonly junit?: string } = {},
): Promise<WrittenReports> {
  const run = await readRun(runDir);
  const paths = {
    junit: join(run.dir, 'junit.xml'),
    tap: join(run.dir, 'report.tap'),
    html: join(run.dir, 'report.html'),
  };
  const junit = junitReport(run);
  await writeReport(paths.junit, junit);
  await writeReport(paths.tap, tapReport(run));
  await writeReport(paths.html, htmlReport(run));
  if (options.junit !== undefined) await writeReport(options.junit, junit);
  return { run, ...paths };
}

/** Replaces a report whole. @throws RigError `report.unwritable` */
export async function writeReport(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.part`, text);
    await rename(`${path}.part`, path);
  } catch (error) {
    throw new RigError(`Cannot write the report ${path}: ${messageOf(error)}`, {
      code: 'report.unwritable',
      blame: 'rig',
      hint: 'Check the folder, its owner and the space on its disk; rig report RUN writes the reports again.',
      cause: error,
    });
  }
}
