import { type Json, RigError } from '../contracts/errors.js';
import { type ConfigChange, parseConfig, valueAt } from './config-json.js';
import { keyfileProblem, type WifiNetwork, wifiKeyfile } from './keyfile.js';

/** What a person wants of a device, before anything of the image is known. */
export interface Settings {
  readonly hostname?: string | undefined;
  readonly wifi?: WifiNetwork | undefined;
  readonly persistentLogging?: boolean | undefined;
  /** Lines of an `authorized_keys` file, added to those that are there. */
  readonly sshKeys?: readonly string[];
  /** NetworkManager connection files by name. */
  readonly connections?: readonly { readonly name: string; readonly text: string }[];
  /** Any other key of `config.json`. */
  readonly changes?: readonly ConfigChange[];
}

/** A file of the boot partition with its new content. */
export interface BootFile {
  readonly path: string;
  readonly content: string;
}

export const connectionsFolder = 'system-connections';
/** Name under which the wifi network of `Settings` is kept; another one replaces it. */
const wifiName = 'rig-wifi';
const sshKeysPath = ['os', 'sshKeys'];
const connectionBytes = 64 * 1024;

/** @throws RigError `config.bad-setting` that tells all problems at once, no secret among them */
export function checkSettings(settings: Settings): void {
  const problems = [
    settings.hostname === undefined ? undefined : hostnameProblem(settings.hostname),
    ...(settings.wifi ? wifiProblems(settings.wifi) : []),
    ...(settings.sshKeys ?? []).map(sshKeyProblem),
    ...(settings.connections ?? []).map(connectionProblem),
    ...(settings.changes ?? []).map(changeProblem),
  ].filter((problem) => problem !== undefined);
  if (problems.length === 0) return;
  throw new RigError(problems.join('\n'), {
    code: 'config.bad-setting',
    blame: 'config',
    hint: 'Nothing was changed; rig configure --help tells what each setting takes.',
    evidence: { problems },
  });
}

/** The changes of `config.json` that `settings` mean for one that reads `text` now. */
export function configChanges(settings: Settings, text: string | undefined): ConfigChange[] {
  const { hostname, persistentLogging, sshKeys = [], changes = [] } = settings;
  const there = valueAt(text === undefined ? {} : parseConfig(text), sshKeysPath);
  const before = Array.isArray(there) ? (there as readonly Json[]) : [];
  const keys = [...before, ...sshKeys.filter((key) => !before.includes(key))];
  return [
    ...(hostname === undefined ? [] : [{ path: ['hostname'], value: hostname }]),
    ...(persistentLogging === undefined ? [] : [{ path: ['persistentLogging'], value: persistentLogging }]),
    ...(sshKeys.length === 0 ? [] : [{ path: sshKeysPath, value: keys }]),
    ...changes,
  ];
}

export function connectionFiles({ wifi, connections = [] }: Settings): BootFile[] {
  const all = wifi ? [...connections, { name: wifiName, text: wifiKeyfile(wifi, wifiName) }] : connections;
  return all.map(({ name, text }) => ({ path: `${connectionsFolder}/${name}`, content: text }));
}

/** Every value of `settings` that nobody may see. */
export function secretsOf({ wifi, connections = [] }: Settings): string[] {
  const inFiles = connections.flatMap(({ text }) =>
    [...text.matchAll(/^\s*(?:psk|.*password|wep-key\d|pin)\s*=\s*(.+)$/gim)].map(([, value = '']) => value),
  );
  return [...(wifi?.key === undefined ? [] : [wifi.key]), ...inFiles];
}

export function isEmpty(settings: Settings): boolean {
  return Object.values(settings).every(
    (value) => value === undefined || (Array.isArray(value) && value.length === 0),
  );
}

/** Labels as in RFC 1123, the whole at most 63 characters: what Linux takes and DHCP hands on. */
export function hostnameProblem(name: string): string | undefined {
  return /^(?=.{1,63}$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/.test(name)
    ? undefined
    : `${JSON.stringify(name)} is no host name: letters, digits and "-" within, at most 63`;
}

/** IEEE 802.11: a name of 1 to 32 bytes; WPA2's passphrase has 8 to 63 printable characters, its key 64 hexadecimal digits. */
export function wifiProblems({ ssid, key }: WifiNetwork): string[] {
  const bytes = Buffer.byteLength(ssid);
  const problems: string[] = [];
  if (bytes < 1 || bytes > 32)
    problems.push(`The network name has ${bytes} bytes; a wifi network's has 1 to 32`);
  if (key !== undefined && !/^[\x20-\x7e]{8,63}$/.test(key) && !/^[0-9a-fA-F]{64}$/.test(key))
    problems.push(
      `The network key has ${key.length} characters; a WPA key has 8 to 63 printable ones, or 64 hexadecimal digits`,
    );
  return problems;
}

export function sshKeyProblem(line: string): string | undefined {
  if (/PRIVATE KEY/.test(line)) return 'An ssh key is a private one: give the .pub file';
  return /^(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp\d+|sk-[\w@.-]+) [A-Za-z0-9+/]{16,}={0,3}(?: [^\r\n]*)?$/.test(
    line,
  )
    ? undefined
    : `${JSON.stringify(line.slice(0, 40))} is no public ssh key`;
}

/** FAT's long names (and NetworkManager, which skips hidden files and back-ups). */
function connectionProblem({ name, text }: { name: string; text: string }): string | undefined {
  const shown = JSON.stringify(name.slice(0, 80));
  if (!/^[^\x00-\x1f"*/:<>?\\|]{1,200}$/.test(name) || /^\.|[. ~]$/.test(name))
    return `${shown} cannot be the name of a connection file`;
  if (Buffer.byteLength(text) > connectionBytes) return `The connection file ${shown} is larger than 64 KiB`;
  const problem = keyfileProblem(text);
  return problem && `The file ${shown} is no NetworkManager connection: ${problem}`;
}

function changeProblem({ path, value }: ConfigChange): string | undefined {
  if (value === undefined) return undefined;
  if (path.join('.') === 'hostname')
    return typeof value === 'string' ? hostnameProblem(value) : 'hostname must be a text';
  if (path.join('.') === 'os.network.country')
    return /^[A-Z]{2}$/.test(String(value))
      ? undefined
      : `${JSON.stringify(value)} is no country: two capital letters (ISO 3166-1)`;
  return undefined;
}
