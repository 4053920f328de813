/** Switched on while it is offered something, this board does what a flasher does: fetches, writes its disk, is off again. */
const playedBoard = `#!/bin/sh
cd "$(dirname "$0")"
echo on > state
[ -L tftp ] || exit 0
get() { python3 -c 'import sys, urllib.request as web; sys.stdout.buffer.write(web.urlopen(sys.argv[1]).read())' "http://127.0.0.1:$rig_port/$1"; }
(
  . ./tftp/netboot.env
  get files.tar | tar -x -O -f - image.ranges > ranges
  read -r _ bytes _ < ranges
  truncate -s "$bytes" disk
  tail -n +2 ranges | while read -r first count _; do
    get "blocks/$first/$count" | dd of=disk bs=4096 seek="$first" conv=notrunc status=none
  done
  echo off > state
) > /dev/null 2>&1 &
`;

/** Files of a lab whose board `desk` hangs on scripts; `at`: where they will be. */
export function netbootDesk(at: (name: string) => string): Record<string, string> {
  const state = at('state');
  return {
    'on.sh': playedBoard,
    state: 'off\n',
    'desk.yaml':
      'arch: arm64\nflash: netboot\ncapabilities: [power]\nsignatures: {}\nbudgets: { shell: 20s }\n',
    'lab.yaml': `boards:
  desk:
    type: ./desk.yaml
    drivers:
      power: { driver: power-command, on: [sh, ${at('on.sh')}], off: [sh, -c, 'echo off > ${state}'], state: [cat, ${state}] }
      netboot: { driver: netboot-command, offer: [sh, -c, 'ln -sfn "$BOARDRIG_BOOT_FOLDER" ${at('tftp')}'], withdraw: [rm, -f, ${at('tftp')}] }
`,
  };
}
