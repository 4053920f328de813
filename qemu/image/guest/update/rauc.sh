#!/bin/sh
# RAUC as one calls it. What only an update needs is set up at the first call, so that no boot has to wait for it.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
. /usr/lib/boardrig/common.sh

set_up() {
  [ -S /run/dbus/system_bus_socket ] && return
  while read -r module; do insmod "/lib/modules/update/$module"; done </lib/modules/update/order
  mkdir -p /dev/disk/by-partlabel /run/dbus
  for label in resin-rootA resin-rootB; do
    part=$(part_of_label $label) && ln -sf "$part" /dev/disk/by-partlabel/$label
  done
  # It comes back when it listens. The bus starts the service when it is asked for.
  dbus-daemon --config-file=/etc/boardrig/bus.conf --fork --nopidfile
}

exec 9>/run/lock/update
flock 9
set_up 9>&-
exec 9>&-
exec /usr/libexec/rauc "$@"
