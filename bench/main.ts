// `npm run bench [-- NAME…] [--write-readme]`: runs the bench modules one after the other, since each wants the machine to
// itself, and writes what they measured.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chooseAccelerator } from '../qemu/accelerator.js';
import { packageRoot } from '../rig/config/package.js';
import type { BenchRow } from './row.js';
import { type BenchResults, intoReadme, markdown } from './table.js';

/** Files of this folder that are no bench. */
const others = new Set(['main', 'median', 'row', 'table']);

interface BenchModule {
  run(): Promise<BenchRow[]>;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'write-readme': { type: 'boolean', default: false } },
});
const names = readdirSync(join(packageRoot, 'bench'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.replace(/\.ts$/, ''))
  .filter((name) => !others.has(name))
  .filter((name) => positionals.length === 0 || positionals.some((word) => name.includes(word)));

process.exitCode = await main();

async function main(): Promise<number> {
  if (names.length === 0) {
    process.stderr.write(`No bench matches ${positionals.join(' ')}\n`);
    return 2;
  }
  const rows: BenchRow[] = [];
  let failed = 0;
  for (const name of names) {
    process.stderr.write(`bench: ${name}\n`);
    try {
      rows.push(...(await ((await import(`./${name}.js`)) as BenchModule).run()));
    } catch (error) {
      // The others' numbers are worth having all the same.
      failed += 1;
      process.stderr.write(
        `bench: ${name} failed: ${error instanceof Error ? error.stack : String(error)}\n`,
      );
    }
  }
  const results: BenchResults = {
    host: {
      cpus: availableParallelism(),
      model: cpus()[0]?.model.trim() ?? 'unknown',
      node: process.versions.node,
      kvm: chooseAccelerator('amd64').name === 'kvm',
    },
    rows,
  };
  const table = markdown(results);
  process.stdout.write(`\n${table}`);
  if (positionals.length === 0 && failed === 0) write(results, table);
  else process.stderr.write('bench: not written: that takes a whole run without failures\n');
  return failed > 0 ? 1 : 0;
}

function write(results: BenchResults, table: string): void {
  const folder = join(packageRoot, 'bench');
  writeFileSync(join(folder, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(join(folder, 'results.md'), table);
  if (!values['write-readme']) return;
  const readme = join(packageRoot, 'README.md');
  writeFileSync(readme, intoReadme(readFileSync(readme, 'utf8'), table));
}
