import type { Story } from './story.js';

/** A cold boot of the arm64 board as its console tells it, up to `until`. */
export function boot(
  story: Story,
  options: { until?: 'kernel' | 'init' | 'shell'; slow?: number } = {},
): void {
  const { until = 'shell', slow = 1 } = options;
  story.say(
    '\r\n\r\nU-Boot 2023.01+dfsg-2+deb12u1 (Jan 04 2024 - 10:21:14 +0000)\r\n\r\nDRAM:  256 MiB\r\n',
    240 * slow,
  );
  story.stage('firmware');
  story.say(
    'Core:  51 devices, 14 uclasses, devicetree: board\r\nFlash: 64 MiB\r\nNet:   eth0: virtio-net#31\r\n',
    90 * slow,
  );
  story.say('Hit any key to stop autoboot:  2 \b\b\b 1 \b\b\b 0 \r\n', 130 * slow).stage('bootloader');
  story.say(
    'Found U-Boot script /boot.scr\r\n1204 bytes read in 1 ms (1.1 MiB/s)\r\nBooting slot A (resin-rootA)\r\n',
    150 * slow,
  );
  story.say(
    '34603008 bytes read in 51 ms (647.1 MiB/s)\r\n## Flattened Device Tree blob at 4fe00000\r\n\r\nStarting kernel ...\r\n\r\n',
    260 * slow,
  );
  story.say(
    '[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x411fd070]\r\n[    0.000000] Linux version 6.1.0-32-cloud-arm64 (debian-kernel@lists.debian.org)\r\n[    0.000000] Machine model: linux,dummy-virt\r\n[    0.000000] Kernel command line: root=/dev/vda2 ro console=ttyAMA0 rauc.slot=A panic=5\r\n',
    310 * slow,
  );
  story.stage('kernel');
  story.say(
    '[    0.412033] virtio_blk virtio0: [vda] 4194304 512-byte logical blocks (2.15 GB/2.00 GiB)\r\n[    0.431180]  vda: vda1 vda2 vda3 vda4 vda5\r\n[    0.502211] EXT4-fs (vda2): mounted filesystem without journal. Quota mode: none.\r\n',
    820 * slow,
  );
  if (until === 'kernel') return;
  story.say(
    '[    0.611804] Run /sbin/init as init process\r\n\x1b[1;32minit:\x1b[0m resin 2026.3.1 (dev) starting\r\n',
    260 * slow,
  );
  story.stage('init');
  story.say(
    '\x1b[32m[  OK  ]\x1b[0m state mounted\r\n\x1b[32m[  OK  ]\x1b[0m data grown to fill the medium\r\n',
    700 * slow,
  );
  story.say(
    '\x1b[32m[  OK  ]\x1b[0m eth0: 10.0.2.15/24 by DHCP, default via 10.0.2.2\r\n\x1b[33m[ WARN ]\x1b[0m clock set from the medium, no RTC\r\n',
    480 * slow,
  );
  if (until === 'init') return;
  story.say('\x1b[32m[  OK  ]\x1b[0m dropbear on port 22222\r\n\r\nresin-9f3a login: ', 420 * slow);
  story.after(160 * slow).stage('shell');
}
