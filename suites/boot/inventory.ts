import type { AddTest, TestContext } from '../../rig/mod.js';
import { readLayout } from '../board/layout.js';
import { ask, quoted } from '../facts/sections.js';

/** Firmware, a graphics processor and the kernel itself take their share of the memory before it is counted. */
const leastShare = 0.7;

export function inventoryTests(test: AddTest): void {
  test('has the processors, memory, disk, network and LEDs of its type', {
    tier: 'smoke',
  }, async (t: TestContext) => {
    const { cpus, memoryMiB, disk, network, leds } = t.board.type.inventory;
    const answer = await t.step('Count what the system sees', () =>
      ask(t.board.shell, {
        cpus: "grep -c '^processor' /proc/cpuinfo",
        memory: "sed -n 's/^MemTotal: *\\([0-9]*\\) kB$/\\1/p' /proc/meminfo",
        network: 'ls /sys/class/net',
        leds: 'ls /sys/class/leds 2>/dev/null',
      }),
    );
    const names = (section: { readonly text: string }) => section.text.split(/\s+/);
    if (cpus !== undefined) t.equal(Number(answer.cpus.text), cpus, `it has ${cpus} processors`);
    if (memoryMiB !== undefined) {
      const seenMiB = Number(answer.memory.text) / 1024;
      t.measure('memory.total', Math.round(seenMiB), 'MiB');
      t.ok(
        seenMiB <= memoryMiB,
        `${Math.round(seenMiB)} MiB are no more than the ${memoryMiB} MiB of its type`,
      );
      t.ok(seenMiB >= leastShare * memoryMiB, 'and no less than what is left of them');
    }
    if (disk !== undefined) {
      const layout = await t.step('Find the disk of the root', () => readLayout(t, t.board));
      t.equal(layout.disk.name, disk, `it runs from ${disk}`);
    }
    for (const name of network ?? [])
      t.ok(names(answer.network).includes(name), `it has the interface ${name}`);
    for (const name of Object.keys(leds ?? {}))
      t.ok(names(answer.leds).includes(name), `it has the LED ${name}`);
  });

  test('a LED follows what the system tells it', {
    tier: 'smoke',
    needs: ['gpio'],
  }, async (t: TestContext) => {
    const shown = Object.entries(t.board.type.inventory.leds ?? {}).filter(
      (entry): entry is [string, string] => entry[1] !== null,
    );
    if (shown.length === 0) t.skip('the board type names no LED whose line the rig sees');
    for (const [led, line] of shown)
      await t.step(`Switch ${led}`, async () => {
        const folder = quoted(`/sys/class/leds/${led}`);
        const trigger = await t.board.shell.text(`sed 's/.*\\[\\(.*\\)\\].*/\\1/' ${folder}/trigger`);
        const levelAt = async (brightness: 0 | 1) => {
          await t.board.shell.text(`echo none >${folder}/trigger; echo ${brightness} >${folder}/brightness`);
          return t.board.gpio.read(line);
        };
        const [dark, lit, again] = [await levelAt(0), await levelAt(1), await levelAt(0)];
        // Many light up when their line is low.
        t.not(lit, dark, `line ${line} changes when ${led} is lit`);
        t.equal(again, dark, 'and changes back when it is dark again');
        // What drove it before drives it again.
        await t.board.shell.text(`echo ${quoted(trigger)} >${folder}/trigger`);
      });
  });
}
