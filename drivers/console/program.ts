import { z } from 'zod';
import type { ConsoleLine, ConsoleSink } from '../../rig/contracts/capabilities.js';
import type { Driver } from '../../rig/contracts/driver.js';
import { RigError } from '../../rig/contracts/errors.js';
import { startChild } from '../../rig/lifetime/child-process.js';
import { outputPipe } from '../../rig/lifetime/output-pipe.js';
import { command } from '../command.js';
import { driverOptions } from '../options.js';
import { ConsoleDevice, OpenLine } from './open-line.js';

const options = driverOptions(
  z.strictObject({
    command: command('[conserver-client, desk]').meta({
      description: 'Program that carries the console on its standard input and output, and its arguments.',
    }),
  }),
);

/** A console that a program of the lab carries: `ssh HOST cat`, a client of a console server, a debugger's terminal. */
export const programConsoleDriver: Driver = {
  name: 'console-program',
  roles: ['console'],
  validate: options.validate,
  optionsSchema: options.optionsSchema,
  claimScope: 'lab',
  claims: (config) => [`console program ${JSON.stringify(options.parse(config).command)}`],
  open: async (config) => {
    const { command } = options.parse(config);
    return new ConsoleDevice('console-program', (sink) => openProgram(command, sink));
  },
};

/** Messages name the program only: arguments may hold a password. */
async function openProgram(command: readonly string[], sink: ConsoleSink): Promise<ConsoleLine> {
  const [program = '', ...args] = command;
  const pipe = await outputPipe();
  const child = await startChild(program, { args, stdin: 'pipe', stdout: pipe.writer }).catch((error) => {
    pipe[Symbol.dispose]();
    throw error;
  });
  // A program that ended breaks the pipe; its end tells more.
  child.stdin?.on('error', () => undefined);
  const line = new OpenLine(sink, {
    write: (bytes, done) => child.stdin?.write(bytes, done),
    close: async () => {
      child.kill('SIGKILL');
      await child.ended;
      await read;
      pipe[Symbol.dispose]();
    },
  });
  const read = readAll(pipe.chunks, line);
  void child.ended.then(async ({ code, signal }) => {
    // Its last words come before the news that it is gone; one that left a child behind keeps its output open.
    await Promise.race([read, new Promise((resolve) => setTimeout(resolve, lastWordsMs).unref())]);
    pipe[Symbol.dispose]();
    const said = child.stderr.lastLines(3).join('\n');
    line.lose(
      new RigError(
        `The console was lost: ${program} ended with ${signal ?? `exit code ${code}`}${said === '' ? '' : `: ${said}`}`,
        {
          code: 'console.lost',
          blame: 'rig',
          hint: 'Run the same command by hand: it must go on until its input ends.',
        },
      ),
    );
  });
  return line;
}

const lastWordsMs = 500;

async function readAll(chunks: AsyncIterable<Uint8Array>, line: OpenLine): Promise<void> {
  for await (const chunk of chunks) line.data(chunk);
}
