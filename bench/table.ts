import type { BenchRow } from './row.js';

export interface BenchResults {
  readonly host: {
    readonly cpus: number;
    readonly model: string;
    readonly node: string;
    readonly kvm: boolean;
  };
  readonly rows: readonly BenchRow[];
}

/** The results as a Markdown table. */
export function markdown({ host, rows }: BenchResults): string {
  const header = ['what', 'measured', 'compared with', 'ratio', 'goal'];
  const body = rows.map((row) => [
    row.what,
    `${number(row.value)} ${row.unit}`,
    row.compared ? `${row.compared.with}: ${number(row.compared.value)} ${row.unit}` : '',
    row.compared ? number(row.value / row.compared.value) : '',
    row.goal ? `${row.goal.text}${row.goal.met ? '' : ' (missed)'}` : '',
  ]);
  const lines = [header, header.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`);
  const kvm = host.kvm ? 'KVM for amd64 guests' : 'no KVM';
  return `${lines.join('\n')}\n\n${host.cpus} × ${host.model}, Node ${host.node}, ${kvm}.\n`;
}

/** Replaces what stands between `<!-- bench -->` and `<!-- /bench -->`. */
export function intoReadme(readme: string, table: string): string {
  const [open, close] = ['<!-- bench -->', '<!-- /bench -->'];
  const [start, end] = [readme.indexOf(open), readme.indexOf(close)];
  if (start < 0 || end < start) throw new Error(`README.md has no ${open} … ${close}`);
  return `${readme.slice(0, start + open.length)}\n\n${table}\n${readme.slice(end)}`;
}

/** Three significant digits, without an exponent. */
export function number(value: number): string {
  const rounded = Number(value.toPrecision(3));
  return rounded >= 1000 ? String(Math.round(rounded)) : String(rounded);
}
