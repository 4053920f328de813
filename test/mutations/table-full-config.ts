import type { Batch } from './mutation.js';

const config = '/usr/lib/boardrig/config.sh';
const units = '/usr/lib/systemd/system';

/** Configuration and services on a running system; each test begins on a restored board. */
export const configBatch: Batch = {
  name: 'full-config',
  base: 'full',
  select: {
    tier: 'nightly',
    only: /^(config\/(asks|checks|randomises|takes the time|applies|lets)|logging\/the journal|resilience\/a (critical|skewed)|networking\/(answers to|the VPN|has))/,
  },
  breakages: [
    {
      name: 'name-servers-ignored',
      breaks: 'dnsServers in config.json is ignored',
      apply: (image) => image.editRoot(config, 'dnsServers) dns=$value ;;', 'dnsServers) ;;'),
      fails: { 'config/asks the name servers of config.json': /the board knows the address/ },
    },
    {
      name: 'connectivity-ignored',
      breaks: 'os.network.connectivity in config.json is ignored',
      apply: (image) =>
        image.editRoot(
          config,
          'os.network.connectivity.uri) uri=$value ;;',
          'os.network.connectivity.uri) ;;',
        ),
      fails: {
        'config/checks its connection with the server of config.json': /The connection is portal: not within/,
      },
    },
    {
      name: 'random-mac-ignored',
      breaks: 'os.network.wifi.randomMacAddressScan in config.json is ignored',
      apply: (image) =>
        image.editRoot(
          config,
          /os\.network\.wifi\.randomMacAddressScan\) .*/,
          'os.network.wifi.randomMacAddressScan) ;;',
        ),
      fails: { 'config/randomises the address of wifi scans only where config.json says so': /it is on/ },
    },
    {
      name: 'ssh-keys-ignored-by-full',
      breaks: 'os.sshKeys in config.json is ignored',
      apply: (image) => image.editRoot(config, /os\.sshKeys\) .*/, 'os.sshKeys) ;;'),
      fails: { 'config/lets in who has an ssh key of config.json': /it is accepted/ },
    },
    {
      name: 'country-ignored',
      breaks: 'country in config.json is ignored',
      apply: (image) => image.editRoot(config, 'country) country=$value ;;', 'country) ;;'),
      fails: {
        'config/lets radios send what the country of config.json allows':
          /The regulatory domain is DE: not within/,
      },
    },
    {
      name: 'udev-rules-ignored',
      breaks: 'os.udevRules in config.json is ignored',
      apply: (image) => image.editRoot(config, /os\.udevRules\.\*\) .*/, 'os.udevRules.*) ;;'),
      fails: { 'config/applies the udev rules of config.json': /the rule of config\.json made the link/ },
    },
    {
      name: 'time-servers-ignored',
      breaks: 'ntpServers in config.json is ignored',
      apply: (image) => image.editRoot(config, 'ntpServers) ntp=$value ;;', 'ntpServers) ;;'),
      fails: {
        'config/takes the time from the servers of config.json': /The clock is \d+ s ahead.*: not within/,
        'resilience/a skewed clock is put right': /The board asked the time server: not within/,
      },
    },
    {
      name: 'no-restart',
      breaks: 'the name server is not started again when it is killed',
      apply: (image) => image.editRoot(`${units}/dnsmasq.service`, 'Restart=always', 'Restart=no'),
      fails: { 'resilience/a critical service that is killed comes back': /run again: not within/ },
    },
    {
      name: 'journal-without-limit',
      breaks: 'the journal takes as much memory as it likes',
      apply: (image) =>
        image.editRoot(
          '/etc/systemd/journald.conf.d/10-boardrig.conf',
          'RuntimeMaxUse=8M',
          'RuntimeMaxUse=64M',
        ),
      fails: { 'logging/the journal stays in memory and within its limit': /KiB are at most about 8 MiB/ },
    },
    {
      name: 'no-mdns',
      breaks: 'the board does not announce its name',
      apply: (image) =>
        image.editRoot('/etc/avahi/avahi-daemon.conf', '[publish]\n', '[publish]\ndisable-publishing=yes\n'),
      fails: { 'networking/answers to its name with .local': /\.local is [0-9.]+: not within/ },
    },
    {
      name: 'vpn-unconditional',
      breaks: 'the VPN client starts without a configuration',
      apply: (image) =>
        image.editRoot(
          `${units}/openvpn-resin.service`,
          'ConditionPathExists=/etc/openvpn/client.conf',
          'ConditionPathExists=/etc/passwd',
        ),
      fails: { 'networking/the VPN client is off until it is configured': /it still does not/ },
    },
  ],
};
