import type { AddTest, TestContext } from '../../rig/mod.js';
import { boardClockOffsetS } from '../board/clock.js';
import { promisedOrNot } from '../board/promised.js';
import { kernelLogCommand, parseKernelLog, warningLevel } from '../facts/kernel-log.js';
import { parseOsRelease } from '../facts/os-release.js';
import { parseUptime } from '../facts/uptime.js';

/** A clock that runs, but was never set, is off by years; one that was set is not off by this. */
const clockToleranceS = 10;

export function systemTests(test: AddTest): void {
  test('os-release names the system', { tier: 'smoke' }, async (t: TestContext) => {
    const promised = Object.entries(t.board.profile.osRelease);
    if (promised.length === 0) t.skip('the profile promises no field of os-release');
    const fields = parseOsRelease(
      await t.step('Read /etc/os-release', () => t.board.shell.text('cat /etc/os-release')),
    );
    for (const [name, pattern] of promised) {
      const value = fields.get(name);
      if (t.ok(value !== undefined, `${name} is there`))
        t.match(value ?? '', new RegExp(pattern), `${name} fits`);
    }
    const { version, variant } = t.board.image ?? {};
    // Names of os-release(5).
    if (version !== undefined)
      t.equal(fields.get('VERSION_ID'), version, "VERSION_ID is the image's version");
    if (variant !== undefined)
      t.equal(fields.get('VARIANT_ID'), variant, "VARIANT_ID is the image's variant");
  });

  test('uptime runs as fast as time', { tier: 'smoke' }, async (t: TestContext) => {
    const read = async (command: string) => {
      const from = performance.now();
      const uptimeMs = parseUptime(await t.board.shell.text(command));
      return { from, to: performance.now(), uptimeMs };
    };
    const first = await t.step('Read the uptime', () => read('cat /proc/uptime'));
    const second = await t.step('Read it again a second later', () => read('sleep 1; cat /proc/uptime'));
    const passedMs = second.uptimeMs - first.uptimeMs;
    t.ok(first.uptimeMs > 0, `the uptime is ${first.uptimeMs} ms`);
    // Each reading lies somewhere between its question and its answer; the board's clock may err by a tenth.
    const least = 0.9 * (second.from + 1_000 - first.to);
    const most = 1.1 * (second.to - first.from) + 20;
    t.ok(
      passedMs >= least && passedMs <= most,
      `it moved on by ${Math.round(passedMs)} ms, from ${Math.round(least)} to ${Math.round(most)} ms by the host`,
    );
  });

  test('the clock is right', { tier: 'smoke' }, async (t: TestContext) => {
    if (t.board.type.inventory.clock === false && (await promisedOrNot(t, 'timeSync')) === undefined)
      t.skip(
        'the board has no clock that runs while it is off, and its product does not promise to ask for the time',
      );
    let offsetS = Number.NaN;
    await t.step("Compare with the host's clock", () =>
      t
        .eventually(
          `The clock comes within ${clockToleranceS} s of the host's`,
          async () => {
            offsetS = await boardClockOffsetS(t);
            return Math.abs(offsetS) <= clockToleranceS;
          },
          { timeoutMs: 20_000, everyMs: 2_000 },
        )
        .finally(() => Number.isFinite(offsetS) && t.measure('clock.offset', Math.round(offsetS), 's')),
    );
    t.ok(Math.abs(offsetS) <= clockToleranceS, `the clock is off by ${offsetS.toFixed(1)} s`);
  });

  test('the kernel log has no warning', { tier: 'smoke' }, async (t: TestContext) => {
    const log = parseKernelLog(
      await t.step('Read the kernel log', () => t.board.shell.text(kernelLogCommand)),
    );
    t.require(
      log.some(({ text }) => text.includes('Linux version')),
      'the log reaches back to the beginning of the boot',
    );
    const { profile, type } = t.board;
    const known = [...profile.knownKernelWarnings, ...(type.knownKernelWarnings ?? [])].map(
      ({ pattern }) => new RegExp(pattern),
    );
    const warnings = log.filter(({ level }) => level <= warningLevel);
    const isKnown = (text: string) => known.some((pattern) => pattern.test(text));
    t.measure('kernel.known-warnings', warnings.filter(({ text }) => isKnown(text)).length, 'lines');
    t.same(
      warnings.map(({ text }) => text).filter((text) => !isKnown(text)),
      [],
      'no line at warning level or above, but those that the profile and the board type know',
    );
  });
}
