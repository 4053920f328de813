import { type SnapshotKey, snapshotMiss } from '../../contracts/snapshot.js';

const maxShown = 200;

/** What a snapshot depends on, and what its image is called by people. */
export interface Described {
  readonly key: SnapshotKey;
  readonly imageName?: string | undefined;
}

/** Of the first word of the fact `board type`; snapshots of other types are no near misses. */
export function boardTypeOf(key: SnapshotKey): string | undefined {
  return key['board type']?.split(' ')[0];
}

/** Why `saved` is not what a board of `wanted` can start from, a sentence a fact; empty when it is. */
export function missSentences(saved: Described, wanted: Described): string[] {
  const names = [...new Set([...Object.keys(wanted.key), ...Object.keys(saved.key)])].sort();
  return names
    .filter((name) => saved.key[name] !== wanted.key[name])
    .map((name) => sentence(name, { saved, wanted }));
}

function sentence(name: string, { saved, wanted }: { saved: Described; wanted: Described }): string {
  const was = saved.key[name];
  const is = wanted.key[name];
  if (was !== undefined && is !== undefined) {
    if (name === 'image')
      return `the image differs: it was ${imageWords(saved)} and is ${imageWords(wanted)}`;
    if (name === 'board type' && boardTypeOf(saved.key) === boardTypeOf(wanted.key))
      return `the description of the board type ${boardTypeOf(wanted.key)} has changed`;
    if (name === 'machine') return `QEMU's command line differs: ${optionsApart(was, is)}`;
    if (name === 'firmware') return `the firmware was ${withShortHashes(was)} and is ${withShortHashes(is)}`;
  }
  const [line = ''] = snapshotMiss(pick(was, name), pick(is, name));
  return line;
}

/** Of two command lines the options that only one has, with their values. */
function optionsApart(was: string, is: string): string {
  const [before, now] = [was, is].map((line) => line.split(/ (?=-)/)) as [string[], string[]];
  const words = (some: readonly string[], others: readonly string[]): string => {
    const text = some.filter((option) => !others.includes(option)).join(' ');
    if (text === '') return 'nothing in place of it';
    return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
  };
  return `it had ${words(before, now)} and has ${words(now, before)}`;
}

function pick(value: string | undefined, name: string): SnapshotKey {
  return value === undefined ? {} : { [name]: value };
}

function imageWords({ key, imageName }: Described): string {
  const hash = key.image === undefined ? '' : withShortHashes(key.image);
  return imageName === undefined ? hash : `${imageName} (${hash})`;
}

/** As reports shorten a SHA-256. */
function withShortHashes(text: string): string {
  return text.replaceAll(/\b([0-9a-f]{12})[0-9a-f]{52}\b/g, '$1');
}
