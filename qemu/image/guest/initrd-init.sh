#!/bin/busybox sh
# Process 1 of the initrd: reaches the disk, mounts the root that the kernel command line names, hands over to it.
PATH=/bin
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys

say() { echo "boardrig: initrd $*" >/dev/console; }

read -r line </proc/cmdline
label=
for word in $line; do
  case $word in root=PARTLABEL=*) label=${word#root=PARTLABEL=} ;; esac
done

while read -r module; do
  /bin/busybox insmod "/modules/$module" || say "cannot load $module"
done </modules/order

# The kernel tells each partition's label in its uevent file.
find_root() {
  for uevent in /sys/class/block/*/uevent; do
    device= found=
    while IFS='=' read -r key value; do
      case $key in
        DEVNAME) device=$value ;;
        PARTNAME) [ "$value" = "$label" ] && found=yes ;;
      esac
    done <"$uevent"
    [ -n "$found" ] && root=/dev/$device && return 0
  done
  return 1
}

root=
tries=0
until find_root; do
  tries=$((tries + 1))
  [ "$tries" -ge 100 ] && break
  /bin/busybox usleep 50000
done
if [ -z "$root" ] || ! /bin/busybox mount -o ro "$root" /root; then
  say "cannot mount the root ${label:-that the command line does not name}"
  exit 1
fi
/bin/busybox umount /sys
/bin/busybox umount /proc
/bin/busybox mount -o move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
