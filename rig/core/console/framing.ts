import { RigError } from '../../contracts/errors.js';

/**
 * A terminal in canonical mode cuts a line at 4095 bytes (N_TTY, termios(3)) and line editors do it much earlier (busybox:
 * FEATURE_EDITING_MAX_LEN, 1024 by default): no line typed is longer than this.
 */
const maxLineBytes = 800;
const maxCommandBytes = 64 * 1024;

/**
 * Functions for the board's shell, defined once after login so that each command costs one short line. `_r` prints the
 * first marker, runs the command in a subshell without our names or arguments, and prints the second marker right behind its output. `_q` does
 * without the subshell, for a command that cannot change the shell: a fork is most of the time of a short one. The first marker carries
 * /proc/uptime, by which kernel messages in the output are told from a command that prints old ones; `read` and `echo` are builtins.
 */
const functions = [
  '_b(){ _u=;{ read -r _u _ </proc/uptime;} 2>/dev/null;echo "<$1 $_u";}',
  '_r(){ _b $1;(_c=$2;set --;eval "$_c") 2>&1 </dev/null;echo "[$1 $?]";}',
  '_q(){ _b $1;eval "$2" 2>&1 </dev/null;echo "[$1 $?]";}',
  '_k(){ echo "<$1>";}',
].join(';');

/** Programs and builtins that leave the shell as it was, with arguments that the shell reads as plain words. */
const harmless =
  /^(?:\/[\w./-]+|arch|awk|basename|blkid|cat|cksum|cut|date|df|dirname|dmesg|du|echo|env|false|findmnt|free|grep|head|hostname|id|ifconfig|ip|journalctl|ls|lsblk|lsmod|md5sum|mkdir|mount|nproc|od|pidof|ping|ps|pwd|readlink|realpath|rm|sha256sum|sleep|sort|stat|sync|sysctl|systemctl|tail|test|touch|true|umount|uname|uniq|uptime|wc|whoami|zcat)(?: +[\w./:,@%+=-]*)*$/;

/** The line that defines them and then shows `answerTo(nonce)`: whoever sees that talks to a shell that is ready. */
export function setUpLine(nonce: string): string {
  return `${functions};_k ${nonce}\n`;
}

/** What the board prints for `_k nonce`. The echo of the line does not hold it. */
export function answerTo(nonce: string): string {
  return `<${nonce}>`;
}

/**
 * The lines that run `command`: one, or for a long command several, each but the last to be answered (`answerTo`) before the next is
 * typed, because a terminal's input buffer is as short as a line.
 *
 * @throws RigError `shell.bad-command` (blame: suite)
 */
export function commandLines(command: string, nonce: string): readonly string[] {
  if (command.includes('\0')) throw badCommand('it holds a NUL byte', 'No shell can be given one.');
  // A tab would complete a file name, other controls edit the line or end it: such a command travels as octal escapes.
  const plain = /^[\x20-\x7e]*$/.test(command);
  const units = plain ? quotedUnits(command) : escapedUnits(command);
  const wrap = (value: string): string => (plain ? value : `"$(printf %b ${value})"`);
  const runner = harmless.test(command) ? '_q' : '_r';
  const whole = `${runner} ${nonce} ${wrap(`'${units.join('')}'`)}\n`;
  if (whole.length <= maxLineBytes) return [whole];
  if (units.length > maxCommandBytes)
    throw badCommand(`it is longer than ${maxCommandBytes} bytes`, 'Put it into a file over ssh.');
  const lines: string[] = [];
  let piece = '';
  const flush = (): void => {
    lines.push(`_l=${lines.length === 0 ? '' : '$_l'}'${piece}';_k ${nonce}${lines.length}\n`);
    piece = '';
  };
  for (const unit of units) {
    if (piece.length + unit.length > maxLineBytes - 64) flush();
    piece += unit;
  }
  flush();
  return [...lines, `_r ${nonce} ${wrap('"$_l"')}\n`];
}

/** Characters as they stand between single quotes. */
function quotedUnits(command: string): string[] {
  return [...command].map((char) => (char === "'" ? "'\\''" : char));
}

/** Bytes as printf's %b reads them between single quotes (POSIX, printf). */
function escapedUnits(command: string): string[] {
  return [...Buffer.from(command)].map((byte) => {
    const char = String.fromCharCode(byte);
    if (char === "'") return "'\\''";
    if (char === '\\') return '\\\\';
    return byte >= 0x20 && byte <= 0x7e ? char : `\\0${byte.toString(8).padStart(3, '0')}`;
  });
}

function badCommand(why: string, hint: string): RigError {
  return new RigError(`Cannot type this command on a console: ${why}`, {
    code: 'shell.bad-command',
    blame: 'suite',
    hint,
  });
}
