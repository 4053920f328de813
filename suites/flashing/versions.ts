import type { AddTest, Image, TestContext } from '../../rig/mod.js';
import { parseOsRelease } from '../facts/os-release.js';
import { ask, quoted } from '../facts/sections.js';
import { bootImageOf } from './image.js';

/** Earlier than any version that anybody runs. */
const olderVersion = '0.9.0';

export function versionTests(test: AddTest): void {
  test('an image flashed over an older version is alone there', {
    from: 'fresh',
    dirties: 'disk',
    needs: ['shell'],
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    const image = bootImageOf(t);
    const older = await t.step(`Get version ${olderVersion}`, () => t.host.image({ version: olderVersion }));
    if (!older) t.skip('the rig cannot build another version of this image');
    const mark = `${t.board.profile.mounts.state}/.boardrig-${t.random.uuid()}`;
    await t.step('Flash the older version and boot it', () => flashAndBoot(t, older));
    t.equal(await version(t), olderVersion, 'the older version runs');
    await t.step('Leave a mark in its state', () => t.board.shell.text(`echo old >${quoted(mark)}; sync`));
    await t.step('Flash the image over it and boot', () => flashAndBoot(t, image));
    if (image.version !== undefined)
      t.equal(await version(t), image.version, 'the version of the image runs');
    const left = await t.board.shell.run(`test -e ${quoted(mark)}`);
    t.equal(left.exitCode, 1, 'nothing of the older state is left');
  });

  test('the configuration of the image is on the board after flashing', {
    from: 'fresh',
    dirties: 'disk',
    needs: ['shell'],
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    bootImageOf(t);
    const { hostname, connection } = configuration(t);
    const configured = await t.step('Configure a copy of the image', () =>
      t.host.image({ config: { hostname }, connections: { [connection.name]: connection.text } }),
    );
    t.require(configured, 'the rig can configure the image');
    await t.step('Flash it and boot', () => flashAndBoot(t, configured));
    await t.step('Read what the board has of it', () => assertConfigured(t, { hostname, connection }));
  });
}

export interface Configuration {
  readonly hostname: string;
  readonly connection: { readonly name: string; readonly text: string };
}

/** One that no board has by chance. */
export function configuration({ random }: TestContext): Configuration {
  const id = random.uuid().slice(0, 8);
  return {
    hostname: `flashed-${id}`,
    connection: { name: 'rig-test', text: `[connection]\nid=rig-test-${id}\ntype=ethernet\n` },
  };
}

export async function assertConfigured(
  t: TestContext,
  { hostname, connection }: Configuration,
): Promise<void> {
  const { boot } = t.board.profile.mounts;
  const answer = await ask(t.board.shell, {
    hostname: 'cat /proc/sys/kernel/hostname',
    connection: `cat ${quoted(`${boot}/system-connections/${connection.name}`)}`,
  });
  t.equal(answer.hostname.text, hostname, 'the board is called as its config.json says');
  t.equal(`${answer.connection.text}\n`, connection.text, 'its connection file is on the boot partition');
}

async function flashAndBoot(t: TestContext, image: Image): Promise<void> {
  await t.board.medium.atRig((drive) => t.board.medium.write(image, drive));
  await t.board.boot();
}

async function version(t: TestContext): Promise<string | undefined> {
  return parseOsRelease(await t.board.shell.text('cat /etc/os-release')).get('VERSION_ID');
}
