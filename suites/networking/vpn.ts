import type { AddTest, TestContext } from '../../rig/mod.js';
import { promised } from '../board/promised.js';
import { quoted } from '../facts/sections.js';
import { parseUnits, unitsCommand } from '../facts/units.js';

/** A tunnel to nobody: enough for the client to run. */
const config =
  'dev tun\\nifconfig 192.0.2.1 192.0.2.2\\nremote 127.0.0.1\\nnobind\\ncipher none\\nauth none\\n';

export function vpnTests(test: AddTest): void {
  test('the VPN client is off until it is configured', {
    dirties: 'disk',
    tier: 'nightly',
    deadlineMs: 120_000,
  }, async (t: TestContext) => {
    const vpn = await promised(t, 'vpn');
    const read = async () => {
      const [unit] = parseUnits(await t.board.shell.text(unitsCommand([vpn.unit])), [vpn.unit]);
      t.require(unit, 'systemd tells of the unit');
      return unit;
    };
    const before = await read();
    t.equal(before.load, 'loaded', 'the unit is there');
    t.equal(before.active, 'inactive', 'it does not run');
    await t.step('Start it without a configuration', () =>
      t.board.shell.run(`systemctl start ${quoted(vpn.unit)}`),
    );
    t.equal((await read()).active, 'inactive', 'it still does not');
    await t.step('Configure it and start it', () =>
      t.board.shell.text(
        `printf ${quoted(config)} >${quoted(vpn.config)} && systemctl start ${quoted(vpn.unit)}`,
      ),
    );
    await t.eventually('The client runs', async () => {
      const { active, mainPid } = await read();
      return active === 'active' && mainPid > 0;
    });
  });
}
