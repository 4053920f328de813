/** A wifi network to join; without a key it is an open one. */
export interface WifiNetwork {
  readonly ssid: string;
  readonly key?: string | undefined;
}

/**
 * A connection as NetworkManager's keyfile plugin reads it (NetworkManager, nm-settings-keyfile(5)), without a UUID and an
 * interface name: NetworkManager makes the first from the file's name, and any wifi device takes the connection.
 */
export function wifiKeyfile({ ssid, key }: WifiNetwork, id: string): string {
  const sections = [
    ['connection', `id=${keyfileValue(id)}`, 'type=wifi', 'autoconnect-retries=0'],
    ['wifi', `ssid=${ssidValue(ssid)}`, 'mode=infrastructure', 'hidden=true'],
    ...(key === undefined ? [] : [['wifi-security', 'key-mgmt=wpa-psk', `psk=${keyfileValue(key)}`]]),
    ['ipv4', 'method=auto'],
    ['ipv6', 'method=auto', 'addr-gen-mode=stable-privacy'],
  ];
  return sections
    .map(([name, ...lines]) => `[${name}]\n${lines.map((line) => `${line}\n`).join('')}`)
    .join('\n');
}

/** Why NetworkManager would not take this text for a connection; undefined when it would at least read it. */
export function keyfileProblem(text: string): string | undefined {
  if (text.includes('\0') || text.includes('\ufffd')) return 'it is no text';
  let section = '';
  const keys = new Set<string>();
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trimStart();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const heading = /^\[([^[\]\x00-\x1f]+)\]\s*$/.exec(line);
    if (heading?.[1]) section = heading[1];
    else if (section === '' || !/^[^=[\]]+(\[[^\]]*\])?\s*=/.test(line))
      return `line ${index + 1} is neither a [section] nor KEY=VALUE in one`;
    else keys.add(`${section}.${line.slice(0, line.indexOf('=')).trim()}`);
  }
  // Ethernet connections may leave the type out where a section of the type's name is there, others may not.
  return keys.has('connection.type') || keys.has('connection.id')
    ? undefined
    : 'it has no [connection] section with an id or a type';
}

/** `text` with the values of keys that are secrets replaced. */
export function maskKeyfile(text: string): string {
  return text.replace(
    /^(\s*(?:psk|password|private-key-password|wep-key\d|leap-password|pin|secret|key|.*-password)\s*=).*$/gim,
    '$1***',
  );
}

/**
 * Printable ASCII as it is, with `;` escaped since a list of bytes has it between; anything else as such a list, as
 * NetworkManager itself writes it (libnm-core, nm-keyfile.c: ssid_writer).
 */
function ssidValue(ssid: string): string {
  if (/^[\x20-\x7e]+$/.test(ssid)) return keyfileValue(ssid.replaceAll(';', '\\;'));
  return [...Buffer.from(ssid, 'utf8')].map((byte) => `${byte};`).join('');
}

/** Escapes of GLib's key files (g_key_file_set_string): backslash, line ends, and white space in front. */
function keyfileValue(text: string): string {
  return text
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replace(/^[ \t]+/, (space) => space.replaceAll(' ', '\\s').replaceAll('\t', '\\t'));
}
