import type { AddTest, TestContext } from '../../rig/mod.js';
import { promised, variantOf } from '../board/promised.js';

/** Of the block for link-local addresses (RFC 3927), which multicast DNS was made for. */
const [own, neighbour] = ['169.254.77.1', '169.254.77.2'];

/** A network with one neighbour on it, inside the board: what a phone on the same wire would ask is asked from there. */
const makeNeighbour = `ip netns add rig &&
ip link add rig-wire type veth peer name rig-far &&
ip link set rig-far netns rig &&
ip addr add ${own}/16 dev rig-wire && ip link set rig-wire up &&
ip netns exec rig ip addr add ${neighbour}/16 dev rig-far && ip netns exec rig ip link set rig-far up`;

export function mdnsTests(test: AddTest): void {
  test('answers to its name with .local', {
    dirties: 'memory',
    deadlineMs: 120_000,
  }, async (t: TestContext) => {
    const mdns = await promised(t, 'mdns');
    if (!mdns[variantOf(t)]) t.skip('the profile promises it for the other variant only');
    const name = `${await t.board.shell.text('cat /proc/sys/kernel/hostname')}.local`;
    await t.step('Put a neighbour on a wire of its own', () => t.board.shell.text(makeNeighbour));
    // A question to the board's own address and not to the group: any mDNS responder must answer it (RFC 6762, 5.5).
    const query = (asked: string) =>
      t.board.shell.run(
        `timeout 5 ip netns exec rig nslookup -type=a -port=5353 -retry=1 -timeout=2 ${asked} ${own}`,
      );
    await t.step(`Ask from there for ${name}`, () =>
      t.eventually(
        `${name} is ${own}`,
        async () => (await query(name)).stdout.includes(`Address: ${own}\n`),
        {
          everyMs: 1_000,
        },
      ),
    );
    const other = await t.step('Ask for a name that nobody has', () => query('nobody-has-this.local'));
    t.notMatch(other.stdout, `Address: ${own}\n`, 'the board answers to its own name only');
  });
}
