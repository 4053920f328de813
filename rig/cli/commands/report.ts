import { slotsText } from '../../../reports/terminal/slots.js';
import { writeReports } from '../../../reports/write.js';
import { exitCodes } from '../../contracts/verdict.js';
import type { CommandInput, CommandIo } from '../command.js';
import { findRun, shortest } from '../find-run.js';

/** `rig report RUN`: makes every report of a run again, from its folder alone. The run's own verdict is not the command's. */
export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  const [name = ''] = input.args as [string | undefined];
  const dir = await findRun(name, io.cwd);
  const { run, junit, tap, html } = await writeReports(dir);
  if (input.options.json === true) {
    const { counts, exitCode, truncated } = run;
    const slots = run.boards.flatMap(({ name: board, slotBoots }) =>
      slotBoots.map((boot) => ({ board, ...boot })),
    );
    io.out(
      `${JSON.stringify({ run: run.run, dir, html, junit, tap, counts, exitCode, truncated, slots }, null, 2)}\n`,
    );
    return exitCodes.passed;
  }
  for (const path of [html, junit, tap]) io.out(`${shortest(path, io.cwd)}\n`);
  io.out(slotsText(run));
  if (run.truncated) io.err('The run has no end: its unfinished test is reported as errored.\n');
  return exitCodes.passed;
}
