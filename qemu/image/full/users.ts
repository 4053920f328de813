/** Groups that Debian's udev rules, tmpfiles and services name, with Debian's numbers where these are fixed. */
const groups: Readonly<Record<string, number>> = {
  root: 0,
  daemon: 1,
  adm: 4,
  tty: 5,
  disk: 6,
  lp: 7,
  mail: 8,
  man: 12,
  kmem: 15,
  dialout: 20,
  cdrom: 24,
  floppy: 25,
  tape: 26,
  audio: 29,
  shadow: 42,
  utmp: 43,
  video: 44,
  plugdev: 46,
  staff: 50,
  users: 100,
  'systemd-journal': 101,
  'systemd-network': 102,
  messagebus: 103,
  input: 104,
  sgx: 105,
  kvm: 106,
  render: 107,
  netdev: 108,
  avahi: 109,
  _chrony: 110,
  docker: 111,
  dnsmasq: 112,
  bluetooth: 113,
  nogroup: 65534,
};

const users: Readonly<Record<string, { readonly id: number; readonly home: string }>> = {
  daemon: { id: 1, home: '/usr/sbin' },
  man: { id: 6, home: '/var/cache/man' },
  'systemd-network': { id: 102, home: '/run/systemd' },
  messagebus: { id: 103, home: '/nonexistent' },
  avahi: { id: 109, home: '/run/avahi-daemon' },
  _chrony: { id: 110, home: '/var/lib/chrony' },
  dnsmasq: { id: 112, home: '/var/lib/misc' },
  nobody: { id: 65534, home: '/nonexistent' },
};

/**
 * The files of accounts: what the packages' own scripts would have added on an installed system.
 *
 * @param openRoot root logs in without a password, rather than not at all
 */
export function accountFiles(openRoot: boolean): Readonly<Record<'passwd' | 'group' | 'shadow', string>> {
  const groupOf = (name: string): number => groups[name] ?? groups.nogroup ?? 65534;
  const passwd = Object.entries(users).map(
    ([name, { id, home }]) => `${name}:x:${id}:${groupOf(name)}::${home}:/usr/sbin/nologin\n`,
  );
  const shadow = Object.keys(users).map((name) => `${name}:!*:19000::::::\n`);
  return {
    passwd: ['root:x:0:0:root:/root:/bin/bash\n', ...passwd].join(''),
    group: Object.entries(groups)
      .map(([name, id]) => `${name}:x:${id}:\n`)
      .join(''),
    shadow: [`root:${openRoot ? '' : '*'}:19000:0:99999:7:::\n`, ...shadow].join(''),
  };
}
