import type { CommandModule } from './command.js';

/** One command of the grammar. Its module is loaded when it is called, never for `--help`. */
export interface CommandEntry {
  /** Words and arguments as commander writes them: `image build <flavour>`. */
  readonly usage: string;
  readonly summary: string;
  /** Flags as commander writes them, with what they do. */
  readonly options?: readonly (readonly [flags: string, meaning: string, fallback?: string | number])[];
  readonly load: () => Promise<CommandModule>;
}

const json = ['--json', 'print JSON for programs'] as const;
const lab = ['--lab <file>', 'lab file (default: lab.yaml here, if there is one)'] as const;

export const grammar: readonly CommandEntry[] = [
  {
    usage: 'doctor',
    summary: 'tells what this machine has of what the rig needs',
    options: [json],
    load: () => import('./commands/doctor.js'),
  },
];

/** Flags that every command takes. */
export const commonOptions = { json, lab } as const;
