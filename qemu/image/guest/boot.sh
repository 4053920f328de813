#!/bin/sh
# Brings the system up: busybox init runs it once, before anything else.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root
. /etc/os-release
. /usr/lib/boardrig/common.sh

mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sys /sys
slot=$(slot_of_cmdline)
echo 4 >/proc/sys/kernel/printk
mark "init version=$VERSION_ID slot=$slot"

mount -t tmpfs -o nosuid,nodev,mode=0755 run /run
mount -t tmpfs -o nosuid,nodev,mode=1777 tmp /tmp
mount -t tmpfs -o nosuid,nodev,mode=0755 var /var
mkdir -p /dev/pts /dev/shm /run/lock /run/ssh /run/www /var/lib /var/log /var/tmp /var/spool
mount -t devpts -o nosuid,noexec,gid=0,mode=0620 pts /dev/pts
ln -s /run /var/run
ln -s /run/lock /var/lock
echo "$slot" >/run/slot
syslogd -C64
while read -r module; do insmod "/lib/modules/boot/$module" || report "cannot load $module"; done </lib/modules/boot/order

# A partition that cannot be mounted must not stop the boot: memory takes its place.
mount_part() { # LABEL TYPE POINT OPTIONS
  part=$(part_of_label "$1") && mount -t "$2" -o "$4" "$part" "$3" && return
  report "cannot mount $1, using memory instead"
  mount -t tmpfs -o nosuid,nodev,mode=0755 "$1" "$3"
}

# What a board that is dead can still be asked, from its medium: when it booted what, and how far it came.
record_boot() { # HOW-FAR
  echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $1 boot=$boot_id slot=$slot version=$VERSION_ID" >>/mnt/state/log/boots
  sync /mnt/state/log/boots
}

mount_part resin-boot vfat /mnt/boot ro,noatime,nosuid,nodev,umask=0022
mount_part resin-state ext4 /mnt/state rw,noatime,nosuid,nodev

# The kernel takes a file system's size from its superblock before it replays the journal. Where a power cut has left a growth in there, the first
# mount refuses writes (EUCLEAN); the second one knows better.
size= grown=
data=$(part_of_label resin-data) && read -r size <"/sys/class/block/${data#/dev/}/size"
read -r grown 2>/dev/null </mnt/state/data-sectors
[ "$grown" = "$size" ] || { mount -t ext4 "$data" /mnt/data && umount /mnt/data; }
mount_part resin-data ext4 /mnt/data rw,noatime,nosuid,nodev

read -r boot_id </proc/sys/kernel/random/boot_id
/usr/lib/boardrig/identity.sh
mkdir -p /mnt/state/log
if [ "$(stat -c %s /mnt/state/log/boots 2>/dev/null || echo 0)" -gt 65536 ]; then
  tail -n 200 /mnt/state/log/boots | replace_file /mnt/state/log/boots
fi
[ -f /mnt/state/log/boot ] && mv /mnt/state/log/boot /mnt/state/log/boot.previous
record_boot started
keep network /usr/lib/boardrig/network.sh
keep ssh dropbear -F -P '' -p 22222 -r /mnt/state/ssh/host_ed25519 $DROPBEAR_OPTIONS
keep http httpd -f -p 80 -h /run/www
[ -x /usr/lib/boardrig/power-button.sh ] && keep power-button /usr/lib/boardrig/power-button.sh
/usr/lib/boardrig/grow.sh
record_boot ready
{ dmesg; logread; } >/mnt/state/log/boot 2>/dev/null
sync
touch /run/ready
mark "ready"
/usr/lib/boardrig/health
