import type { Batch } from './mutation.js';

const scripts = '/usr/lib/boardrig';
const units = '/usr/lib/systemd/system';
const networkManagerConfig = '/etc/NetworkManager/NetworkManager.conf';

/** What can be seen on a running system: nothing here makes another boot necessary. */
export const systemBatches: readonly Batch[] = [
  {
    name: 'full-reading',
    base: 'full',
    select: {
      tier: 'nightly',
      only: /^(storage\/(the|swaps)|boot\/(every|udev|critical|os-release|the root|boots from)|networking\/(says|resolves|name|has|finds|HTTP)|variants\/dev:|logging\/(what|the state))/,
    },
    breakages: [
      {
        name: 'no-swap',
        breaks: 'there is no swap',
        apply: (image) => image.editRoot(`${scripts}/zram-swap`, 'modprobe zram || exit 1', 'exit 0'),
        fails: { 'storage/swaps to compressed memory and to nothing else': /zram0 is the only swap/ },
      },
      {
        name: 'wrong-link',
        breaks: 'the link of the inactive root leads to the active one',
        apply: (image) =>
          image.editRoot(
            `${scripts}/early.sh`,
            'resin-root$other\\", SYMLINK+=\\"disk/by-state/inactive',
            'resin-root$slot\\", SYMLINK+=\\"disk/by-state/inactive',
          ),
        fails: { 'storage/the links by state lead to their partitions': /inactive is \/dev\// },
      },
      {
        name: 'root-written',
        breaks: 'the boot writes to the root before it is read-only again',
        apply: (image) =>
          image.editRoot(
            '/usr/sbin/init',
            'exec /usr/lib/systemd/systemd',
            'mount -o remount,rw / && echo x >/etc/written; mount -o remount,ro /\nexec /usr/lib/systemd/systemd',
          ),
        fails: { "storage/the root's bytes are those of the image": /nothing on the root was written/ },
      },
      {
        name: 'killed-first',
        breaks: 'NetworkManager may be killed when memory runs out',
        apply: (image) =>
          image.editRoot(`${units}/NetworkManager.service.d/boardrig.conf`, 'OOMScoreAdjust=-900\n', ''),
        fails: {
          'boot/critical services run apart and outlive the others':
            /NetworkManager\.service: 0 is at most -900/,
        },
      },
      {
        name: 'udev-complains',
        breaks: 'udev is given a rule that makes no sense',
        apply: (image) =>
          image.editRoot(
            `${scripts}/early.sh`,
            'for label in boot state data; do',
            'echo "NONSENSE==1"\n    for label in boot state data; do',
          ),
        fails: { 'boot/udev warns of nothing': /no warning among it/ },
      },
      {
        name: 'failed-unit',
        breaks: 'a service fails',
        apply: (image) =>
          image.editRoot(`${units}/resin-clock.service`, 'ExecStart=/bin/true', 'ExecStart=/bin/false'),
        fails: { 'boot/every service started': /no unit failed/ },
      },
      {
        name: 'modem-complaint',
        breaks: 'the modem manager complains that there is no modem',
        apply: (image) =>
          image.editRoot(
            `${units}/ModemManager.service`,
            'ExecStart=/usr/sbin/ModemManager',
            "ExecStartPre=/bin/echo '<4>there is no modem'\nExecStart=/usr/sbin/ModemManager",
          ),
        fails: { 'networking/says nothing of a modem that is not there': /and does not complain/ },
      },
      {
        name: 'modem-ignored',
        breaks: 'the modem manager is told to leave every serial line alone',
        apply: (image) =>
          image.editRoot(
            `${scripts}/early.sh`,
            'for label in boot state data; do',
            'echo \'SUBSYSTEM=="tty", ENV{ID_MM_PORT_IGNORE}="1", ENV{ID_MM_DEVICE_IGNORE}="1"\'\n    for label in boot state data; do',
          ),
        fails: { 'networking/finds a modem that appears': /ModemManager knows the modem: not within/ },
      },
      {
        name: 'port-8080',
        breaks: 'a server listens to a port that nobody promised',
        apply: (image) =>
          image.editRoot(`${units}/boardrig-http.service`, 'httpd -f -p 80', 'httpd -f -p 8080'),
        fails: { 'variants/dev: the promised ports are open and no others': /exactly these are open/ },
      },
      {
        name: 'no-login-on-screen',
        breaks: 'nobody waits for a login on the screen',
        apply: (image) =>
          image.editRoot(`${units}/getty@.service`, /^ExecStart=.*$/m, 'ExecStart=/bin/sleep 1000000'),
        fails: {
          'variants/dev: the screen shows what it should': /The screen shows something: not within/,
          'variants/dev: a picture of the screen is what it should be':
            /More than a cursor is drawn: not within/,
        },
      },
      {
        name: 'no-record',
        breaks: 'the record of boots does not tell that a boot was done',
        apply: (image) => image.editRoot(`${scripts}/ready`, 'record_boot ready\n', ''),
        fails: {
          'logging/the state partition tells of this boot':
            /The record tells that the boot was done: not within/,
        },
      },
    ],
  },
  {
    name: 'full-outside',
    base: 'full',
    select: {
      tier: 'nightly',
      only: /^(boot\/(critical|the root|boots from)|networking\/(has|resolves|HTTP|reaches|joins)|logging\/what|config\/lets radios)/,
    },
    breakages: [
      {
        name: 'shared-namespace',
        breaks: 'dnsmasq sees the mounts of the system',
        apply: (image) => image.editRoot(`${units}/dnsmasq.service`, 'PrivateMounts=yes\n', ''),
        fails: {
          'boot/critical services run apart and outlive the others': /dnsmasq\.service has one of its own/,
        },
      },
      {
        name: 'other-resolver',
        breaks: 'programs ask a name server outside instead of the own one',
        apply: (image) => image.editRoot('/etc/resolv.conf', '127.0.0.2', '10.0.2.3'),
        fails: { 'networking/resolves names by a resolver of its own': /programs ask this one/ },
      },
      {
        name: 'no-connections-out',
        breaks: 'the board can make no connection, because no port is left for one',
        apply: (image) =>
          image.editRoot(
            '/usr/sbin/init',
            'exec /usr/lib/systemd/systemd',
            'echo 60000 60000 >/proc/sys/net/ipv4/ip_local_port_range\necho 60000 >/proc/sys/net/ipv4/ip_local_reserved_ports\nexec /usr/lib/systemd/systemd',
          ),
        fails: {
          'networking/HTTP goes out through each interface': /wget/,
          'networking/reaches an HTTP server of the rig': /wget/,
        },
      },
      {
        name: 'country-of-present-radios',
        breaks: 'the country of config.json holds only for radios that are there already',
        apply: (image) =>
          image.editRoot(`${scripts}/config.sh`, 'echo "options cfg80211 ieee80211_regdom=$country"', 'echo'),
        fails: {
          'config/lets radios send what the country of config.json allows':
            /The regulatory domain is DE: not within/,
        },
      },
      {
        name: 'log-of-errors-only',
        breaks: 'the journal keeps errors only',
        apply: (image) =>
          image.editRoot(
            '/etc/systemd/journald.conf.d/10-boardrig.conf',
            'Storage=volatile\n',
            'Storage=volatile\nMaxLevelStore=err\n',
          ),
        fails: { 'logging/what is logged can be read back': /The log tells of it: not within/ },
      },
      {
        name: 'no-wifi',
        breaks: 'NetworkManager leaves wifi alone',
        apply: (image) =>
          image.editRoot(
            networkManagerConfig,
            'unmanaged-devices=',
            'unmanaged-devices=interface-name:wlan*;',
          ),
        fails: {
          'networking/joins an access point, and is one': /NetworkManager has two wifi devices: not within/,
        },
      },
    ],
  },
  {
    name: 'full-prod',
    base: 'full',
    variant: 'prod',
    select: { tier: 'nightly', only: /^variants\/prod:/ },
    breakages: [
      {
        name: 'prod-name-server-outside',
        breaks: 'the name server of a prod image answers others',
        apply: (image) =>
          image.editRoot('/etc/dnsmasq.conf', 'listen-address=127.0.0.2', 'listen-address=0.0.0.0'),
        fails: { 'variants/prod: the promised ports are open and no others': /exactly these are open/ },
      },
      {
        name: 'prod-without-picture',
        breaks: 'a prod image shows no picture',
        apply: (image) =>
          image.editRoot(`${units}/boardrig-splash.service`, /^ExecStart=.*$/m, 'ExecStart=/bin/true'),
        fails: {
          'variants/prod: the screen shows what it should': /The screen shows something: not within/,
          'variants/prod: a picture of the screen is what it should be':
            /More than a cursor is drawn: not within/,
        },
      },
    ],
  },
];
