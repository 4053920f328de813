#!/bin/sh
# Process 1 of a flasher image: copies the image that lies beside it (or, booted from the network, that the rig serves) to the internal
# medium, reads it back, hands its configuration on, and powers off. An LED blinks evenly while it works and stays on at the end; three short flashes and a
# pause say that it has given up, and the log on the flasher's own medium says why.
export PATH=/bin
# A fetch that breaks off is an error also where what it brought is written well.
set -o pipefail
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys

log=/flasher.log
block=4096
blinker=
led=
medium_boot=
server=

say() {
  echo "boardrig: flasher $*" >/dev/console
  read -r up _ </proc/uptime
  echo "$up $*" >>$log
}

# What the bootloader says of this boot.
read_words() {
  read -r line </proc/cmdline
  for word in $line; do
    case $word in
      rig.led=*:*) chip=${word#rig.led=} ;;
      rig.source=http://*) server=${word#rig.source=} ;;
      rig.net=*,*,*) net=${word#rig.net=} ;;
    esac
  done
}

# The line that the command line names as CHIP:LINE; without one the flasher works in the dark.
find_led() {
  for folder in /sys/class/gpio/gpiochip*; do
    [ -r "$folder/label" ] && read -r label <"$folder/label" || continue
    [ "$label" = "${chip%:*}" ] || continue
    read -r base <"$folder/base"
    pin=$((base + ${chip##*:}))
    echo $pin >/sys/class/gpio/export
    echo low >/sys/class/gpio/gpio$pin/direction && led=/sys/class/gpio/gpio$pin/value
  done
}

light() { [ -z "$led" ] || echo "$1" >"$led"; }

blink_working() {
  while :; do
    light 1
    usleep 250000
    light 0
    usleep 250000
  done
}

blink_failed() {
  while :; do
    for _ in 1 2 3; do
      light 1
      usleep 120000
      light 0
      usleep 120000
    done
    usleep 700000
  done
}

stop_blinking() {
  [ -z "$blinker" ] || kill "$blinker" 2>/dev/null
  wait "$blinker" 2>/dev/null
  blinker=
}

# On the medium that a person takes out and reads elsewhere.
keep_log() {
  [ -n "$medium_boot" ] || return
  mkdir -p /medium
  grep -q ' /medium ' /proc/mounts || mount -t vfat "$medium_boot" /medium || return
  mount -o remount,rw /medium && { cat $log; dmesg | tail -n 60; } >/medium/flasher.log
  sync
  umount /medium
}

fail() { # CODE TEXT...
  code=$1
  shift
  say "failed $code: $*"
  stop_blinking
  light 0
  keep_log
  [ -n "$medium_boot" ] || tail -n 20 $log >/dev/console
  # Powered on it stays, so that whoever comes sees it.
  blink_failed
}

# Names of the partition's device and of its disk: PARTITION DISK, one line for each partition of that name.
partitions_named() { # NAME
  for uevent in /sys/block/*/*/uevent; do
    grep -q "^PARTNAME=$1\$" "$uevent" 2>/dev/null || continue
    folder=${uevent%/uevent}
    disk=${folder%/*}
    echo "${folder##*/} ${disk##*/}"
  done
}

# The interface that the firmware came over, with the address that it got there: MAC,ADDRESS,MASK.
join_network() {
  mac=${net%%,*}
  address=${net#*,}
  for folder in /sys/class/net/*; do
    read -r own_mac <"$folder/address"
    [ "$own_mac" = "$mac" ] || continue
    ifconfig "${folder##*/}" "${address%,*}" netmask "${address#*,}" up && return
  done
  return 1
}

# Fixed media that can be written and are not the flasher's own.
internal_media() {
  for folder in /sys/block/*; do
    name=${folder##*/}
    case $name in vd* | sd* | nvme* | mmcblk[0-9]) ;; *) continue ;; esac
    [ "$name" = "$own" ] && continue
    read -r readonly <"$folder/ro"
    read -r removable <"$folder/removable"
    read -r sectors <"$folder/size"
    [ "$readonly$removable" = 00 ] && [ "$sectors" -gt 0 ] && echo "$name $sectors"
  done
}

while read -r module; do insmod "/modules/$module"; done </modules/order
read_words
find_led
blink_working &
blinker=$!
say "working"

# Sets where the image is, and mounts the files that lie beside it.
find_medium() {
  tries=0
  until [ -n "$(partitions_named flash-image)" ] || [ "$tries" -ge 100 ]; do
    tries=$((tries + 1))
    usleep 100000
  done
  set -- $(partitions_named flash-image)
  [ $# -gt 0 ] || fail no-image "no medium holds a partition flash-image"
  [ $# -eq 2 ] || fail two-flashers "media of $2 and $4 both hold a flasher: take one out"
  source=/dev/$1
  own=$2
  set -- $(partitions_named flash-boot)
  medium_boot=/dev/$1
  mount -t vfat -o ro "$medium_boot" /medium || fail no-boot "cannot mount $medium_boot"
}

# The same of a rig that serves it: no medium of this board is the flasher's own.
find_server() {
  source=$server
  own=the-network
  join_network || fail no-network "no interface has what the firmware got: $net"
  wget -q -O /files.tar "$server/files.tar" && tar -x -f /files.tar -C /medium ||
    fail no-image "cannot get $server/files.tar"
}

mkdir -p /medium /boot
if [ -n "$server" ]; then find_server; else find_medium; fi
cp -r /medium/image.ranges /config
[ -f /medium/config.json ] && cp /medium/config.json /boot/
[ -d /medium/system-connections ] && cp -r /medium/system-connections /boot/
[ -n "$server" ] || umount /medium
read -r _ image_bytes total_blocks version </config

tries=0
until [ -n "$(internal_media)" ] || [ "$tries" -ge 50 ]; do
  tries=$((tries + 1))
  usleep 100000
done
set -- $(internal_media)
[ $# -gt 0 ] || fail no-target "there is no internal medium beside $own, which holds this flasher"
[ $# -eq 2 ] || fail ambiguous-target "which of these is the internal medium: $*"
target=/dev/$1
[ $(($2 * 512)) -ge "$image_bytes" ] ||
  fail too-small "$target has $(($2 * 512)) bytes, the image needs $image_bytes"
say "writing version=$version from $source to $target"

copy_blocks() { # FIRST COUNT
  if [ -z "$server" ]; then
    dd if="$source" of="$target" bs=$block skip="$1" seek="$1" count="$2" conv=notrunc 2>>$log
    return
  fi
  wget -q -O - "$server/blocks/$1/$2" 2>>$log | dd of="$target" bs=$block seek="$1" iflag=fullblock conv=notrunc 2>>$log
}

done_blocks=0
while read -r first count sum; do
  [ "$first" = image ] && continue
  at=$first
  end=$((first + count))
  while [ "$at" -lt "$end" ]; do
    part=$((end - at))
    [ "$part" -le 2048 ] || part=2048
    copy_blocks "$at" "$part" || fail write-error "at block $at of $target"
    at=$((at + part))
    done_blocks=$((done_blocks + part))
    percent=$((done_blocks * 100 / total_blocks))
    [ "$((percent / 10))" = "$said" ] || say "progress $percent %"
    said=$((percent / 10))
  done
done </config
sync

# From the medium, not from what the kernel remembers having written.
blockdev --flushbufs "$target"
say "verifying"
while read -r first count sum; do
  [ "$first" = image ] && continue
  found=$(dd if="$target" bs=$block skip="$first" count="$count" 2>/dev/null | sha256sum)
  [ "${found%% *}" = "$sum" ] || fail verify-error "blocks $first to $((first + count - 1)) of $target differ"
done </config

blockdev --rereadpt "$target"
set -- $(partitions_named resin-boot)
if [ $# -eq 2 ]; then
  mkdir -p /target
  mount -t vfat "/dev/$1" /target && cp -r /boot/. /target/ && sync && umount /target ||
    fail no-configuration "cannot write the configuration to /dev/$1"
else
  fail no-configuration "the image has no boot partition to hand the configuration to"
fi
sync

stop_blinking
light 1
say "done"
keep_log
# Long enough to be told from a blink.
usleep 2000000
sync
poweroff -f
