import type { AddTest, TestContext } from '../../rig/mod.js';
import { Engine } from '../board/engine.js';
import { filesystemOf } from '../board/marks.js';
import { mountsCommand, parseMounts } from '../facts/mounts.js';
import { ask } from '../facts/sections.js';

export function containerTests(test: AddTest): void {
  test('runs a container apart from the system', {
    dirties: 'disk',
    deadlineMs: 400_000,
  }, async (t: TestContext) => {
    const engine = await Engine.of(t);
    const said = t.random.uuid();
    const out = await t.step('Run one', () =>
      engine.run(
        `echo ${said}; echo "pid $$"; grep Seccomp: /proc/self/status; cat /proc/self/oom_score_adj; hostname`,
      ),
    );
    const [first, pid, seccomp, oom, hostname] = out.split('\n').map((line) => line.trim());
    t.equal(first, said, 'it ran');
    t.equal(pid, 'pid 1', 'its processes are its own');
    // proc(5): 2 is a filter.
    t.match(seccomp ?? '', /^Seccomp:\s+2$/, 'its system calls are filtered');
    t.equal(oom, '0', 'it is not one of the last to be killed when memory runs out');
    t.not(hostname, await t.board.shell.text('cat /proc/sys/kernel/hostname'), 'it has a name of its own');
  });

  test('keeps its data on the data partition, over a reboot', {
    dirties: 'disk',
    tier: 'nightly',
    deadlineMs: 600_000,
  }, async (t: TestContext) => {
    const engine = await Engine.of(t);
    const said = t.random.uuid();
    const root = await t.step('Ask where its data is', () =>
      engine.text("info --format '{{.DockerRootDir}}'"),
    );
    const { mounts, data } = await ask(t.board.shell, {
      mounts: mountsCommand,
      data: `df -P ${root} ${t.board.profile.mounts.data} | awk 'NR > 1 { print $1 }' | sort -u | wc -l`,
    });
    t.equal(
      filesystemOf(parseMounts(mounts.text), t.board.profile.mounts.data),
      'ext4',
      'data is a partition',
    );
    t.equal(data.text.trim(), '1', `${root} is on the data partition`);
    await t.step('Write to a volume', () =>
      engine.run(`echo ${said} >/volume/said && sync`, { options: '-v rig-volume:/volume' }),
    );
    await t.step('Reboot', () => t.board.reboot());
    await t.step('Wait for the engine', () => engine.ready(t));
    const kept = await t.step('Read it', () =>
      engine.run('cat /volume/said', { options: '-v rig-volume:/volume' }),
    );
    t.equal(kept, said, 'the volume is kept');
  });

  test("a container resolves names by the board's resolver, and its words are in the journal", {
    dirties: 'disk',
    deadlineMs: 400_000,
  }, async (t: TestContext) => {
    const engine = await Engine.of(t);
    const said = t.random.uuid();
    const { nameServer } = engine.promise;
    const out = await t.step('Run a container that asks for a name', () =>
      engine.run(`echo ${said}; nslookup localhost ${nameServer} 2>&1 | head -n 2; cat /etc/resolv.conf`),
    );
    t.match(out, new RegExp(`Server:\\s+${nameServer.replaceAll('.', '\\.')}`), `${nameServer} answers it`);
    t.match(
      out,
      new RegExp(`^nameserver ${nameServer.replaceAll('.', '\\.')}$`, 'm'),
      'it asks this one by itself',
    );
    const journal = await t.step('Read the journal', () =>
      t.board.shell.text(`journalctl -b -q --no-pager -o cat -u ${engine.promise.unit}`),
    );
    t.match(journal, said, 'what it said is logged');
  });
}
