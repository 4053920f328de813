// test: light
// What the tools say of the sources without running them.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../rig/config/package.js';

/** Runs a tool of node_modules; resolves with its exit code and what it printed. */
function runTool(script: string, args: readonly string[]): Promise<{ exitCode: unknown; text: string }> {
  return new Promise((resolve) => {
    const command = [join(packageRoot, 'node_modules', script), ...args];
    execFile(process.execPath, command, { cwd: packageRoot, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
      resolve({ exitCode: error ? error.code : 0, text: stdout + stderr }),
    );
  });
}

t.test('types', async (t) => {
  // The state of the last check is kept, so that an unchanged tree costs a second instead of several.
  const incremental = ['--incremental', '--tsBuildInfoFile', 'dist/.types'];
  const { exitCode, text } = await runTool('typescript/bin/tsc', [
    '--noEmit',
    '-p',
    'tsconfig.json',
    ...incremental,
  ]);
  t.equal(exitCode === 0 ? '' : text, '');
});

t.test('lint and format', async (t) => {
  const { exitCode, text } = await runTool('@biomejs/biome/bin/biome', ['check', '--error-on-warnings', '.']);
  t.equal(exitCode === 0 ? '' : text, '');
});
