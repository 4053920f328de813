import type { World } from '../e2e/world.js';

/** Boards of the desk that are scripts: `switch.sh` is their power, `speak.sh` their console. Counting from 1, the orders to switch on that fail. */
export function desk(
  world: World,
  boards: Readonly<Record<string, { readonly failing?: readonly number[] }>>,
): void {
  const path = (name: string): string => `${world.cwd}/${name}`;
  const entries = Object.entries(boards).map(
    ([name, { failing = [] }]) => `  ${name}:
    type: ./desk-type.yaml
    labels: [desk]
    drivers:
      power:
        driver: power-command
        on: [sh, ${path('switch.sh')}, ${path(name)}, '${failing.join(' ')}']
        off: [rm, -f, ${path(`${name}.on`)}]
        offReads: 1
      console: { driver: console-program, command: [sh, ${path('speak.sh')}, ${path(`${name}.on`)}] }
`,
  );
  world.write({
    'lab.yaml': `boards:\n${entries.join('')}`,
    'desk-type.yaml': deskType,
    'switch.sh': switchScript,
    'speak.sh': speakScript,
  });
}

const deskType = `summary: a script on a desk
arch: arm64
capabilities: [power, console]
signatures: { kernel: { literal: 'Linux version' } }
budgets: { shell: 30s }
`;

const switchScript = `echo >> "$1.orders"
case " $2 " in *" $(wc -l < "$1.orders") "*) echo "the relay is stuck" >&2; exit 1 ;; esac
touch "$1.on"
`;

const speakScript = `while :; do
  [ ! -e "$1" ] || echo "tick"
  sleep 0.2
done
`;
