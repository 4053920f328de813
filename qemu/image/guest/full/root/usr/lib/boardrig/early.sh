# Sourced by /sbin/init. Here nothing may end the script: whatever fails is reported and the boot goes on.
. /usr/lib/boardrig/common.sh
state=/mnt/state
overlay=$state/root-overlay

# The journal takes what the kernel was told; on the serial line of a production image nothing of it appears.
report() {
  echo "<4>boardrig: $*" >/dev/kmsg
  mark "$*"
}

# Repairs an ext4 file system that says it is not clean; 4 and above means that it still is not.
check_ext4() { # LABEL DEVICE
  e2fsck -p "$2" >/run/boardrig/fsck-$1 2>&1
  code=$?
  [ $code -ge 4 ] && { e2fsck -y "$2" >>/run/boardrig/fsck-$1 2>&1; code=$?; }
  case $code in
    0) ;;
    1 | 2 | 3) report "repaired $1" ;;
    *) report "cannot repair $1" ;;
  esac
}

check_root() {
  root=$(part_of_label "resin-root$slot") && check_ext4 "resin-root$slot" "$root"
}

# A partition that cannot be mounted must not stop the boot: memory takes its place.
mount_part() { # LABEL TYPE POINT OPTIONS
  if part=$(part_of_label "$1"); then
    if [ "$2" = ext4 ]; then
      check_ext4 "$1" "$part"
    else
      fsck.vfat -a "$part" >/run/boardrig/fsck-$1 2>&1
      [ $? = 1 ] && report "repaired $1"
    fi
    mount -t "$2" -o "$4" "$part" "$3" && return
  fi
  report "cannot mount $1, using memory instead"
  mount -t tmpfs -o nosuid,nodev,mode=0755 "$1" "$3"
}

# An empty file system in a partition's place, with the label and the identifier that it had.
purge_part() { # LABEL
  part=$(part_of_label "$1") || return
  uuid=$(blkid -p -o value -s UUID "$part")
  /usr/sbin/mke2fs -q -F -t ext4 -L "$1" ${uuid:+-U "$uuid"} -E nodiscard "$part" >/run/boardrig/purge-$1 2>&1 &&
    report "purged $1" || report "cannot purge $1"
}

# What `resin-purge` left to be done, while neither partition is in use. resinOS wipes the state of a board on which the
# file remove_me_to_reset is gone; a board that boots for the first time has none and nothing to wipe.
purge_wanted() {
  read -r what 2>/dev/null <$state/purge || what=
  [ -f $state/remove_me_to_reset ] || [ ! -f $state/uuid ] || what="$what state"
  case " $what " in *' data '*) purge_part resin-data && rm -f $state/data-sectors ;; esac
  case " $what " in *' state '*)
    umount $state && purge_part resin-state
    mount_part resin-state ext4 $state rw,noatime,nosuid,nodev
    ;;
  esac
  rm -f $state/purge
  [ -f $state/remove_me_to_reset ] || : >$state/remove_me_to_reset
}

# A board wakes where it was shut down, and never before its image was made.
set_clock() {
  read -r saved 2>/dev/null <$state/clock || saved=0
  case $saved in '' | *[!0-9]*) saved=0 ;; esac
  [ "$saved" -ge "$BUILD_EPOCH" ] || saved=$BUILD_EPOCH
  [ "$(date +%s)" -ge "$saved" ] || date -u -s "@$saved" >/dev/null
}

make_identity() {
  [ -s $state/uuid ] || replace_file $state/uuid </proc/sys/kernel/random/uuid
  read -r uuid <$state/uuid || read -r uuid </proc/sys/kernel/random/uuid
  read -r id 2>/dev/null <$state/machine-id || id=
  case $id in
    '' | *[!0-9a-f]*)
      id=$(echo "$uuid" | tr -d -)
      echo "$id" | replace_file $state/machine-id
      ;;
  esac
  # A copy, so that the id holds although the state partition may be unmounted or wiped.
  echo "$id" >/run/machine-id
  mount -o bind /run/machine-id /etc/machine-id
}

bind_path() { # PATH
  mkdir -p "$overlay/$1" "/$1" 2>/dev/null
  if ! mount -o bind "$overlay/$1" "/$1"; then
    report "cannot keep /$1, using memory instead"
    case $1 in etc/*) mount -t tmpfs -o nosuid,nodev,mode=0755 memory "/$1" ;; esac
  fi
}

bind_state() {
  for path in etc/NetworkManager/system-connections etc/dropbear etc/openvpn var/lib/systemd var/lib/chrony; do
    bind_path $path
  done
  for file in /mnt/boot/system-connections/*; do
    [ -f "$file" ] || continue
    target=/etc/NetworkManager/system-connections/${file##*/}
    cmp -s "$file" "$target" && continue
    # NetworkManager takes only what no one else can read.
    (umask 077 && replace_file "$target" <"$file") || report "cannot copy $file"
  done
}

# What a board that is dead can still be asked, from its medium: when it booted what, and how far it came.
record_boot() { # HOW-FAR
  read -r boot_id </proc/sys/kernel/random/boot_id
  mkdir -p $state/log
  if [ "$(stat -c %s $state/log/boots 2>/dev/null || echo 0)" -gt 65536 ]; then
    tail -n 200 $state/log/boots | replace_file $state/log/boots
  fi
  echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $1 boot=$boot_id slot=$slot version=$VERSION_ID" >>$state/log/boots
  sync $state/log/boots
}

# Links that tell what a partition is at the moment, beside those that tell what it is called.
link_by_state() {
  case $slot in A) other=B ;; *) other=A ;; esac
  mkdir -p /run/udev/rules.d
  {
    echo "ENV{ID_PART_ENTRY_NAME}==\"resin-root$slot\", SYMLINK+=\"disk/by-state/active\""
    echo "ENV{ID_PART_ENTRY_NAME}==\"resin-root$other\", SYMLINK+=\"disk/by-state/inactive\""
    for label in boot state data; do
      echo "ENV{ID_PART_ENTRY_NAME}==\"resin-$label\", SYMLINK+=\"disk/by-state/resin-$label\""
    done
  } >/run/udev/rules.d/70-boardrig-by-state.rules
}

enable_vpn() {
  [ -s /etc/openvpn/client.conf ] || return 0
  mkdir -p /run/systemd/system/multi-user.target.wants
  ln -sf /usr/lib/systemd/system/openvpn-resin.service /run/systemd/system/multi-user.target.wants/
}
