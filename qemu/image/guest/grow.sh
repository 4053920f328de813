#!/bin/sh
# The data partition fills the medium: the partition first, then its file system, each only when it has to.
. /etc/os-release
. /usr/lib/boardrig/common.sh
label=resin-data
part=$(part_of_label $label) || exit 0
name=${part#/dev/}
for disk in /sys/class/block/*; do [ -d "$disk/$name" ] && break; done
disk=${disk##*/}
read -r number </sys/class/block/$name/partition
read -r start </sys/class/block/$name/start
read -r size </sys/class/block/$name/size
read -r whole </sys/class/block/$disk/size

# The last 33 sectors hold the backup table; less than 1 MiB behind the partition is alignment.
if [ $((whole - 33 - start - size)) -ge 2048 ]; then
  # The kernel cannot read the table again while it uses the disk, so it is told of the one change.
  echo ', +' | sfdisk -q --no-reread --no-tell-kernel --force -N "$number" "/dev/$disk" >/run/grow.log 2>&1 &&
    size=$(($(sfdisk -l -o device,sectors "/dev/$disk" | sed -n "s,^$part *,,p") + 0)) &&
    resizepart "/dev/$disk" "$number" "$size" >>/run/grow.log 2>&1 ||
    report "cannot grow partition $label: $(tail -n 1 /run/grow.log)"
  read -r size </sys/class/block/$name/size
fi
# Which size the file system was grown to: a power cut in between makes the next boot do it again.
read -r grown 2>/dev/null </mnt/state/data-sectors || grown=
if [ "$grown" != "$size" ]; then
  if resize2fs "$part" >/run/grow.log 2>&1; then
    echo "$size" | replace_file /mnt/state/data-sectors
  else
    report "cannot grow the file system of $label: $(tail -n 1 /run/grow.log)"
  fi
fi
