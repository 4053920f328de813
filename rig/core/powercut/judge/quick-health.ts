import type { DeviceProfile } from '../../../contracts/board.js';
import type { Shell } from '../../../contracts/suite.js';
import { quoted } from '../../shell-text.js';

/** What is wrong with a board that came up, one sentence each; `lost` where state or data are not on the medium any more. */
export interface Complaint {
  readonly what: string;
  readonly lost: boolean;
}

/**
 * The quick health suite of a board after a cut: state and data lie on the medium and not in memory, and take a write that
 * reaches it; the root is mounted read-only where the product promises so.
 */
export async function quickHealth(
  shell: Shell,
  { mounts, roots, partitions }: DeviceProfile,
): Promise<Complaint[]> {
  const complaints: Complaint[] = [];
  const table = (await shell.text('cat /proc/mounts')).split('\n').map((line) => line.split(' '));
  for (const [name, point] of [
    ['state', mounts.state],
    ['data', mounts.data],
  ] as const) {
    const mount = table.findLast(([, at]) => at === point);
    const [device = ''] = mount ?? [];
    if (!device.startsWith('/dev/')) {
      complaints.push({ what: `The ${name} partition is not mounted at ${point}`, lost: true });
      continue;
    }
    const file = quoted(`${point}/powercut-written`);
    const wrote = await shell.run(`echo written >${file} && sync ${file} && rm ${file}`);
    if (wrote.exitCode !== 0)
      complaints.push({ what: `The ${name} partition takes no write: ${wrote.stderr.trim()}`, lost: true });
  }
  const promisesReadOnly = partitions.some(({ label, readOnly }) => readOnly && roots.includes(label));
  const root = table.findLast(([, at]) => at === '/');
  if (promisesReadOnly && !root?.[3]?.split(',').includes('ro'))
    complaints.push({ what: 'The root is not mounted read-only', lost: false });
  return complaints;
}
