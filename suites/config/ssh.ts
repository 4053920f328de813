import type { AddTest, TestContext } from '../../rig/mod.js';
import { configure } from '../board/config-json.js';
import { promised } from '../board/promised.js';
import { newSshKey } from '../board/ssh-key.js';

export function sshTests(test: AddTest): void {
  test('lets in who has an ssh key of config.json', {
    dirties: 'disk',
    needs: ['address'],
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    await promised(t, 'sshKeys');
    const [first, second] = [newSshKey(t.random), newSshKey(t.random)];
    const accepts = ({ privateKey }: typeof first) => t.board.sshAccepts({ method: 'key', privateKey });
    t.notOk(await t.step('Offer a key that nobody knows', () => accepts(first)), 'it is refused');
    await configure(t, { os: { sshKeys: [first.publicLine, second.publicLine] } });
    t.ok(await t.step('Offer it again', () => accepts(first)), 'it is accepted');
    t.ok(await t.step('Offer another key of the list', () => accepts(second)), 'this one too');
    const stranger = newSshKey(t.random);
    t.notOk(await t.step('Offer a key that is not in the list', () => accepts(stranger)), 'it is refused');
    const own = await t.step("Offer the image's own key", () => t.board.sshAccepts({ method: 'key' }));
    t.ok(own, 'it still opens');
  });
}
