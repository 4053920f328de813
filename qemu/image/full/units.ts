import type { FileTree } from '../tree.js';

interface Choice {
  readonly variant: 'dev' | 'prod';
  readonly withEngine: boolean;
}

const always: Readonly<Record<string, readonly string[]>> = {
  'sysinit.target': [
    'kmod-static-nodes.service',
    'systemd-journald.service',
    'systemd-journal-flush.service',
    'systemd-modules-load.service',
    'systemd-random-seed.service',
    'systemd-sysctl.service',
    'systemd-tmpfiles-setup-dev.service',
    'systemd-tmpfiles-setup.service',
    'systemd-udev-trigger.service',
    'systemd-udevd.service',
    'zram-swap.service',
  ],
  'sockets.target': [
    'dbus.socket',
    'dropbear.socket',
    'systemd-journald.socket',
    'systemd-journald-dev-log.socket',
    'systemd-udevd-control.socket',
    'systemd-udevd-kernel.socket',
  ],
  'timers.target': ['systemd-tmpfiles-clean.timer'],
  'multi-user.target': [
    'ModemManager.service',
    'NetworkManager.service',
    'boardrig-health.service',
    'boardrig-ready.service',
    'chrony.service',
    'dbus.service',
    'dnsmasq.service',
    'getty.target',
    'resin-clock.service',
    'resin-filesystem-expand.service',
    'systemd-logind.service',
    'systemd-user-sessions.service',
  ],
};

const dev: Readonly<Record<string, readonly string[]>> = {
  'getty.target': ['getty@tty1.service', 'serial-getty@ttyS0.service'],
  'multi-user.target': ['avahi-daemon.service', 'boardrig-http.service'],
  'sockets.target': ['avahi-daemon.socket'],
};

const prod: Readonly<Record<string, readonly string[]>> = { 'sysinit.target': ['boardrig-splash.service'] };

const engine: Readonly<Record<string, readonly string[]>> = {
  'multi-user.target': ['docker.service', 'resin-engine-image.service'],
  'sockets.target': ['docker.socket'],
};

/** No terminal asks who sits at it, not even when the boot fails. */
const maskedInProd = [
  'avahi-daemon.service',
  'avahi-daemon.socket',
  'boardrig-http.service',
  'debug-shell.service',
  'emergency.service',
  'getty@tty1.service',
  'rescue.service',
  'serial-getty@ttyS0.service',
];

/** Names by which D-Bus starts a service. */
const aliases: Readonly<Record<string, string>> = {
  'dbus-org.freedesktop.Avahi.service': 'avahi-daemon.service',
  'dbus-org.freedesktop.ModemManager1.service': 'ModemManager.service',
  'dbus-org.freedesktop.nm-dispatcher.service': 'NetworkManager-dispatcher.service',
  'dbus-fi.w1.wpa_supplicant1.service': 'wpa_supplicant.service',
  'default.target': 'multi-user.target',
};

/** Enables units by the links that `systemctl enable` would make. */
export function enableUnits(tree: FileTree, { variant, withEngine }: Choice): void {
  const chosen = [always, variant === 'dev' ? dev : prod, ...(withEngine ? [engine] : [])];
  for (const wants of chosen)
    for (const [target, units] of Object.entries(wants))
      for (const unit of units) tree.link(`etc/systemd/system/${target}.wants/${unit}`, unitFile(tree, unit));
  for (const [alias, unit] of Object.entries(aliases))
    tree.link(`etc/systemd/system/${alias}`, unitFile(tree, unit));
  if (variant === 'prod')
    for (const unit of maskedInProd) tree.link(`etc/systemd/system/${unit}`, '/dev/null');
}

/** An instance is started from its template. */
function unitFile(tree: FileTree, unit: string): string {
  const name = unit.replace(/@[^.]+\./, '@.');
  const path = [`etc/systemd/system/${name}`, `usr/lib/systemd/system/${name}`].find((file) =>
    tree.has(file),
  );
  if (path === undefined) throw new Error(`there is no unit ${unit} to enable`);
  return `/${path}`;
}
