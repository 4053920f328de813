import type { AddTest, TestContext } from '../../rig/mod.js';
import { promised } from '../board/promised.js';
import { ask, quoted } from '../facts/sections.js';

const searchMs = 120_000;
const line = '/dev/ttyGS0';

/**
 * Plays a modem of few words on the far end of a serial line that the kernel loops back over USB (dummy_hcd, g_serial):
 * it says who it is and takes every other command (3GPP TS 27.007, 5).
 */
const modem = `exec 3<>${line}
stty -F ${line} raw -echo icrnl
while read -r said <&3; do
  said=$(printf '%s' "$said" | tr -d '\\r')
  answer=
  case $said in
    AT+CGMI* | AT+GMI*) answer=BoardrigModems ;;
    AT+CGMM* | AT+GMM*) answer=Emulated ;;
    AT+CGSN* | AT+GSN*) answer=490154203237518 ;;
    AT+GCAP*) answer='+GCAP: +CGSM' ;;
    ATI*) answer=BoardrigModems ;;
    AT+CPIN*) answer='+CPIN: READY' ;;
    AT+CIMI*) answer=001010123456789 ;;
    AT+CFUN[?]*) answer='+CFUN: 1' ;;
    AT+CREG[?]*) answer='+CREG: 0,1' ;;
    AT+CSQ*) answer='+CSQ: 20,99' ;;
    AT*) ;;
    *) continue ;;
  esac
  [ -z "$answer" ] || printf '\\r\\n%s\\r\\n' "$answer" >&3
  printf '\\r\\nOK\\r\\n' >&3
done`;

export function modemTests(test: AddTest): void {
  test('says nothing of a modem that is not there', async (t: TestContext) => {
    await promised(t, 'modems');
    const { active, modems, warnings } = await ask(t.board.shell, {
      active: 'systemctl is-active ModemManager.service',
      modems: 'mmcli -L',
      warnings: 'journalctl -b -q --no-pager -u ModemManager.service -o cat -p warning',
    });
    t.equal(active.text.trim(), 'active', 'ModemManager runs');
    t.match(modems.text, 'No modems were found', 'it knows of no modem');
    t.equal(warnings.text, '', 'and does not complain');
  });

  test('finds a modem that appears', {
    dirties: 'memory',
    tier: 'nightly',
    deadlineMs: 240_000,
  }, async (t: TestContext) => {
    await promised(t, 'modems');
    const { modems } = await ask(t.board.shell, { modems: 'mmcli -L' });
    t.notMatch(modems.text, 'Emulated', 'it is not known before');
    await t.step('Plug a serial modem in', async () => {
      await t.board.shell.text('modprobe dummy_hcd && modprobe g_serial use_acm=1');
      await t.eventually(
        'The serial line is there',
        async () => (await t.board.shell.run(`[ -c ${line} ]`)).exitCode === 0,
      );
      await t.board.shell.text(
        `printf '%s' ${quoted(modem)} >/run/rig-modem && { setsid sh /run/rig-modem </dev/null >/dev/null 2>&1 & }`,
      );
    });
    const found = await t.step('Wait for ModemManager to see it', () =>
      t.eventually(
        'ModemManager knows the modem',
        async () => {
          const { stdout } = await t.board.shell.run('mmcli -L');
          return stdout.includes('/Modem/') && stdout;
        },
        { timeoutMs: searchMs, everyMs: 3_000 },
      ),
    );
    t.match(found, 'Emulated', 'it is the one that was plugged in');
  });
}
