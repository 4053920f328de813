#!/bin/sh
# An address by DHCP, and again whenever the carrier comes back: udhcpc itself does not watch the link.
. /etc/os-release
. /usr/lib/boardrig/common.sh
link=$LINK
ip link set lo up
ip link set $link up || exit 1
read -r hostname </run/hostname
udhcpc -f -S -i $link -s /usr/lib/boardrig/dhcp.sh -t 6 -T 1 -A 2 -x "hostname:$hostname" </dev/null >/dev/null 2>&1 &
client=$!

# `read -t` on a pipe that stays empty waits without starting a process.
rm -f /run/network.tick
mkfifo /run/network.tick
exec 3<>/run/network.tick
had=1
while kill -0 $client 2>/dev/null; do
  read -r carrier 2>/dev/null </sys/class/net/$link/carrier || carrier=0
  if [ "$carrier" != "$had" ]; then
    had=$carrier
    if [ "$carrier" = 1 ]; then
      logger -t network "$link carrier up, renewing the lease"
      echo up >/run/link-state
      kill -USR1 $client
    else
      logger -t network "$link carrier lost"
      echo down >/run/link-state
    fi
  fi
  read -r -t 1 _ <&3
done
