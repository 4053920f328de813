/** What the host and the agent inside the lab host say to each other over a virtio port: JSON values, one a line. */
export const agentPort = 'boardrig.agent';

export type LabRequest = { readonly id: number } & (
  | {
      readonly do: 'run';
      readonly program: string;
      readonly args: readonly string[];
      readonly cwd: string;
      readonly env: Readonly<Record<string, string>>;
    }
  /** Ends a program that runs; `of` is the id of its `run`. */
  | { readonly do: 'kill'; readonly of: number; readonly signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL' }
  /** Makes a chip of simulated lines; each of its outputs is told from then on. */
  | { readonly do: 'chip'; readonly label: string; readonly lines: readonly string[] }
  /** Pulls a line up or down, as a wire from outside does. */
  | { readonly do: 'pull'; readonly line: string; readonly level: 0 | 1 }
  /** Tells from then on whether the network port of that address is up, as the level of a line; down is what it is until told. */
  | { readonly do: 'watch-port'; readonly line: string; readonly mac: string }
  | { readonly do: 'end' }
);

export type LabAnswer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string }
  | { readonly kind: 'output'; readonly id: number; readonly stream: 'out' | 'err'; readonly text: string }
  | {
      readonly kind: 'ended';
      readonly id: number;
      readonly code: number | null;
      readonly signal: string | null;
    }
  /** A line has another level than when it was last told: an output of a driver, what it was pulled to, or a network port. */
  | { readonly kind: 'level'; readonly line: string; readonly level: 0 | 1 };
