import type { Batch } from './mutation.js';

const early = '/usr/lib/boardrig/early.sh';
const config = '/usr/lib/boardrig/config.sh';

/** What only a boot shows: each test here boots once more. */
export const bootBatch: Batch = {
  name: 'full-boots',
  base: 'full',
  select: {
    tier: 'nightly',
    only: /^(config\/(takes its|boots)|logging\/with|networking\/takes up|storage\/(partitions|a purge)|resilience\/(boots|a power|a board))/,
  },
  breakages: [
    {
      name: 'hostname-ignored-by-full',
      breaks: 'hostname in config.json is ignored',
      apply: (image) => image.editRoot(config, 'hostname) hostname=$value ;;', 'hostname) ;;'),
      fails: { 'config/takes its host name from config.json': /the board is called as config\.json says/ },
    },
    {
      name: 'silent-about-config',
      breaks: 'a malformed config.json is ignored without a word',
      apply: (image) => image.editRoot(config, "report 'config.json is malformed and ignored'", ':'),
      fails: { 'config/boots with a malformed config.json, and says so': /the log tells of it/ },
    },
    {
      name: 'other-default-name',
      breaks: 'without a config.json the board is called otherwise',
      apply: (image) =>
        // Not by what is read: another breakage ignores that.
        image.editRoot(config, 'set_hostname() {\n', 'set_hostname() {\n  [ -s $config ] || hostname=lost\n'),
      fails: { 'config/boots without a config.json': /the default host name holds/ },
    },
    {
      name: 'persistent-logging-ignored',
      breaks: 'persistentLogging in config.json is ignored',
      apply: (image) =>
        image.editRoot(config, 'persistentLogging) logging=$value ;;', 'persistentLogging) ;;'),
      fails: {
        'logging/with persistentLogging the journal knows one more boot after each':
          /the journal knows one more/,
      },
    },
    {
      name: 'connections-not-copied',
      breaks: 'the connections of the boot partition are not copied',
      apply: (image) =>
        image.editRoot(
          early,
          'for file in /mnt/boot/system-connections/*',
          'for file in /mnt/boot/nowhere/*',
        ),
      fails: {
        'networking/takes up the connections of the boot partition': /rig0 has an address: not within/,
      },
    },
    {
      name: 'no-repair',
      breaks: 'file systems are mounted as they are',
      apply: (image) => image.editRoot(early, 'e2fsck -p "$2"', 'true "$2"'),
      // The kernel itself takes the mark off a file system that it mounts all the same.
      fails: {
        'storage/partitions that were marked dirty are clean after the next boot':
          /none was mounted before it was repaired/,
      },
    },
    {
      name: 'data-not-purged',
      breaks: 'a purge leaves the data partition as it is',
      apply: (image) => image.editRoot(early, 'purge_part resin-data &&', 'true &&'),
      fails: { 'storage/a purge empties state and data, and the board recovers': /nothing is left in/ },
    },
    {
      name: 'no-substitute',
      breaks: 'nothing takes the place of a partition that cannot be mounted',
      apply: (image) =>
        image.editRoot(early, 'mount -t tmpfs -o nosuid,nodev,mode=0755 "$1" "$3"\n}', ':\n}'),
      fails: { 'resilience/boots with a corrupt data partition': /memory takes the place of/ },
    },
    {
      name: 'identity-lost-when-full',
      breaks: 'a board whose state partition is full becomes another one',
      apply: (image) =>
        image.editRoot(
          early,
          'make_identity() {\n',
          'make_identity() {\n  [ "$(df -P -k $state | awk \'END { print $4 }\')" -ge 64 ] || rm -f $state/uuid $state/machine-id\n',
        ),
      fails: { 'resilience/boots with a full state partition': /the board is who it was/ },
    },
    {
      name: 'no-sync',
      breaks: 'sync does nothing',
      apply: (image) => image.replaceInRoot('/usr/bin/sync', '#!/bin/sh\n'),
      fails: {
        'resilience/a power cut in the middle of writing leaves sound file systems': /it is still there/,
      },
    },
    {
      name: 'network-at-boot-or-never',
      breaks: 'a board that boots without a network stays without',
      apply: (image) =>
        image.editRoot(
          '/usr/lib/systemd/system/NetworkManager.service.d/boardrig.conf',
          '[Service]\n',
          "[Service]\nExecCondition=/bin/sh -c 'ip link set eth0 up; sleep 3; grep -q 1 /sys/class/net/eth0/carrier'\n",
        ),
      fails: {
        'resilience/boots without a network, and takes it up when it comes':
          /The board can be reached again: not within/,
      },
    },
    {
      name: 'watchdog-unused',
      breaks: 'nobody uses the watchdog',
      apply: (image) =>
        image.editRoot(
          '/etc/systemd/system.conf.d/boardrig.conf',
          'RuntimeWatchdogSec=20',
          'RuntimeWatchdogSec=off',
        ),
      fails: { 'resilience/a board that hangs is reset by its watchdog': /Cannot see the expected reset/ },
    },
  ],
};
