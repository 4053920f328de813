import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { UpdateFault } from '../../../rig/contracts/image-builder.js';
import type { Bundle, WantedBundle } from '../../../rig/contracts/update.js';
import { damagedCopy } from '../../../rig/core/update/damaged-copy.js';
import { fileFacts } from '../../../rig/core/update/file-facts.js';

/** A product of nobody: two slots of one disk, an update that is a line of text and a root, and a script that installs it. */
export const slotBytes = 1024 * 1024;
export const blockBytes = 512;
export const firstBlocks: Readonly<Record<string, number>> = { A: 2048, B: 4096 };
export const tries = 3;
/** A slot that was found good. */
export const goodLeft = 9;

/** What is wrong with a product; each is a defect that the suite must find. */
export interface Quirks {
  /** It takes what a stranger signed. */
  readonly takesStrangers?: true;
  readonly takesOtherProducts?: true;
  readonly takesHalves?: true;
  readonly takesWrongBytes?: true;
  readonly takesOlder?: true;
  /** It switches first and writes then. */
  readonly switchesFirst?: true;
  /** It writes a note into the root that runs. */
  readonly writesOwnRoot?: true;
  /** It forgets to switch. */
  readonly neverSwitches?: true;
  /** It empties the partition for data. */
  readonly losesData?: true;
  /** Its slot counts as good as soon as it is written. */
  readonly goodUntried?: true;
  /** What cannot be stored is left out, and nobody notices. */
  readonly ignoresFullDisk?: true;
  /** Half a download is taken for the whole. */
  readonly ignoresCutNetwork?: true;
  /** Its bootloader never counts. */
  readonly neverCounts?: true;
  /** Its bootloader gives the slot that failed new tries instead of turning to the other. */
  readonly insists?: true;
  /** Its health check holds everything good. */
  readonly blindHealth?: true;
  /** No defect: its health check takes longer than the rig's patience with a silent console. */
  readonly slowHealth?: true;
  /** No defect: its console says nothing behind the bootloader. */
  readonly silent?: true;
}

/** The bytes of a slot: a line that tells what it is, and filling that differs from version to version. */
export function rootOf({ version, fault }: { version: string; fault?: UpdateFault | undefined }): Buffer {
  const head = `${JSON.stringify({ version, fault: fault ?? 'none' })}\n`;
  const filling = createHash('sha256').update(head).digest('hex');
  return Buffer.concat([
    Buffer.from(head),
    Buffer.alloc(slotBytes - Buffer.byteLength(head), `${filling}\n`),
  ]);
}

export async function makeBundle(
  { version = '1.0.1', fault, compatible = 'ab', signer = 'image', damage }: WantedBundle,
  { folder }: { readonly folder: string },
): Promise<Bundle> {
  const root = rootOf({ version, fault });
  const sum = createHash('sha256').update(root).digest('hex');
  const facts = `${compatible} ${version} ${root.length} ${sum}`;
  const signature = createHash('sha256').update(`${facts} ${signer}\n`).digest('hex');
  const name = [version, fault, compatible, signer].filter(Boolean).join('-');
  const path = join(folder, `${name}.ab`);
  await writeFile(path, Buffer.concat([Buffer.from(`${facts} ${signature}\n`), root]));
  const bundle = { path, ...(await fileFacts(path)), version, compatible };
  return damage ? damagedCopy(bundle, { damage, folder }) : bundle;
}

/** `ab-update`, as it stands on the board; `home` is its disk, its environment and its notes. */
export function updateScript(
  { home, downgrades }: { readonly home: string; readonly downgrades: 'refused' | undefined },
  quirks: Quirks,
): string {
  const unless = (quirk: keyof Quirks, line: string): string => (quirks[quirk] ? ':' : line);
  const whenQuirk = (quirk: keyof Quirks, line: string): string => (quirks[quirk] ? line : ':');
  return `#!/bin/sh
home=${home}
refuse() { echo "refused: $*"; exit 1; }
. "$home/env"
active=$(cat "$home/run/active")
if [ "$active" = A ]; then other=B at=${firstBlocks.B}; own=${firstBlocks.A}; else other=A at=${firstBlocks.A}; own=${firstBlocks.B}; fi
left() { eval "echo \\$LEFT_$1"; }
save() { printf 'ORDER="%s"\\nLEFT_A=%s\\nLEFT_B=%s\\n' "$ORDER" "$LEFT_A" "$LEFT_B" >"$home/env.new" && mv "$home/env.new" "$home/env"; }
switch() { ORDER="$other $active"; eval "LEFT_$other=${quirks.goodUntried ? goodLeft : tries}"; save; }
case $1 in
next) for s in $ORDER; do [ "$(left $s)" -gt 0 ] && { echo $s; exit; }; done ;;
health) if [ "$(left $2)" -gt ${tries} ]; then echo good; elif [ "$(left $2)" = 0 ]; then echo bad; fi ;;
tries) left "$2" ;;
good) eval "LEFT_$active=${goodLeft}"; save ;;
install)
  echo $$ >"$home/run/pid"
  read -r product version size sum signature <"$2" || refuse 'no head'
  ${unless('takesOtherProducts', `[ "$product" = ab ] || refuse "for $product"`)}
  ${unless('takesStrangers', `[ "$signature" = "$(echo "$product $version $size $sum image" | sha256sum | cut -d' ' -f1)" ] || refuse signature`)}
  head=$(($(head -n 1 "$2" | wc -c)))
  ${unless('takesHalves', `[ $(($(wc -c <"$2") - head)) = "$size" ] || refuse 'it is not whole'`)}
  ${downgrades && !quirks.takesOlder ? `[ "$(printf '%s\\n%s\\n' "$version" "$(cat "$home/run/version")" | sort -V | tail -n 1)" = "$version" ] || refuse "$version is older"` : ':'}
  ${whenQuirk('switchesFirst', 'switch')}
  ${unless('switchesFirst', `eval "LEFT_$other=0"; ORDER="$active $other"; save`)}
  tail -c +$((head + 1)) "$2" >"$home/run/root" || refuse 'no room'
  n=0; while [ $n -lt 16 ]; do
    dd if="$home/run/root" of="$home/disk" bs=65536 count=1 skip=$n seek=$((at / 128 + n)) conv=notrunc 2>/dev/null
    n=$((n + 1)); echo "0 0 0 0 0 0 $((n * 1024)) 0" >"$home/sys/class/block/vd$other/stat"; sleep 0.05
  done
  ${whenQuirk('writesOwnRoot', `printf seen | dd of="$home/disk" bs=1 seek=$((own * 512 + 5000)) conv=notrunc 2>/dev/null`)}
  ${whenQuirk('losesData', 'rm -rf "$home"/mnt/data/.[a-z]*')}
  ${unless('takesWrongBytes', `[ "$(sha256sum <"$home/run/root" | cut -d' ' -f1)" = "$sum" ] || refuse 'a wrong byte'`)}
  rm -f "$home/run/pid"
  ${quirks.neverSwitches ? ':' : 'switch'}
  echo "installed $version in $other" ;;
esac
`;
}
