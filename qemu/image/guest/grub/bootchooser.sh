#!/bin/busybox sh
# RAUC's backend for GRUB (RAUC: docs/integration.rst, "Custom"): which slot is next, and which is good. GRUB's environment
# lies in single sectors outside of every partition (grub-environment.ts); of the two copies the second is written first and
# is on the medium before the first one is touched. What is already there is not written.
first=@FIRST@
second=@SECOND@
spare=@SPARE@
. /usr/lib/boardrig/common.sh

# The disk that the boot partition is on.
find_disk() {
  part=$(part_of_label resin-boot) || return
  for folder in /sys/class/block/*; do
    [ -d "$folder/${part#/dev/}" ] && echo "/dev/${folder##*/}" && return
  done
  return 1
}

fail() {
  echo "bootchooser: $*" >&2
  exit 1
}

read_sector() { # SECTOR
  dd if="$disk" bs=512 skip="$1" count=1 2>/dev/null | tr -d '\0'
}

# Sets order, left_A and left_B from a copy that is whole: the last of it says all of it again.
parse() { # TEXT
  case $1 in '# GRUB Environment Block'*) ;; *) return 1 ;; esac
  order= left_A= left_B= again=
  while read -r line; do
    case $line in
      BOOT_ORDER=*) order=${line#*=} ;;
      BOOT_A_LEFT=*) left_A=${line#*=} ;;
      BOOT_B_LEFT=*) left_B=${line#*=} ;;
      BOOT_AGAIN=*) again=${line#*=} ;;
    esac
  done <<END
$1
END
  [ "$again" = "$order $left_A $left_B" ] || return 1
  case $again in 'A B '[0-@TRIES@@GOOD@]' '[0-@TRIES@@GOOD@] | 'B A '[0-@TRIES@@GOOD@]' '[0-@TRIES@@GOOD@]) ;; *) return 1 ;; esac
}

# As GRUB reads it: the first copy that is whole, else the spare one, else what an image begins with.
load() {
  for sector in $first $second $spare; do parse "$(read_sector $sector)" && return; done
  order='A B' left_A=@TRIES@ left_B=0
}

# Writes what has changed, each copy on the medium before the next is touched.
save() {
  write_sector $second "$order" "$left_A" "$left_B"
  write_sector $first "$order" "$left_A" "$left_B"
  write_sector $spare 'A B' @TRIES@ 0
}

write_sector() { # SECTOR ORDER LEFT-A LEFT-B
  head="# GRUB Environment Block
BOOT_ORDER=$2
BOOT_A_LEFT=$3
BOOT_B_LEFT=$4
BOOT_AGAIN=$2 $3 $4
"
  block=$head$(printf "%$((512 - ${#head}))s" '' | tr ' ' '#')
  [ "$(read_sector "$1")" = "$block" ] && return
  printf '%s' "$block" | dd of="$disk" bs=512 seek="$1" conv=notrunc,fsync 2>/dev/null ||
    fail "cannot write sector $1 of $disk"
}

left_of() { # SLOT
  case $1 in A) echo "$left_A" ;; B) echo "$left_B" ;; *) fail "there is no slot $1" ;; esac
}

set_left() { # SLOT COUNT
  case $1 in A) left_A=$2 ;; B) left_B=$2 ;; *) fail "there is no slot $1" ;; esac
}

disk=${BOOTCHOOSER_DISK:-$(find_disk)} || fail 'the boot partition is on no disk'
load
case $1 in
  get-primary)
    for slot in $order; do
      [ "$(left_of "$slot")" -gt 0 ] && echo "$slot" && exit
    done
    fail 'no slot has tries left'
    ;;
  set-primary)
    case $2 in A) order='A B' ;; B) order='B A' ;; esac
    set_left "$2" @TRIES@
    save
    ;;
  get-state)
    left=$(left_of "$2") || exit 1
    [ "$left" -gt 0 ] && echo good || echo bad
    ;;
  set-state)
    case $3 in good) set_left "$2" @GOOD@ ;; bad) set_left "$2" 0 ;; *) fail "there is no state $3" ;; esac
    save
    ;;
  # Both copies as the one that GRUB went by.
  mend) save ;;
  list) printf 'BOOT_ORDER=%s\nBOOT_A_LEFT=%s\nBOOT_B_LEFT=%s\n' "$order" "$left_A" "$left_B" ;;
  *) fail "usage: bootchooser get-primary | set-primary SLOT | get-state SLOT | set-state SLOT good|bad | mend | list" ;;
esac
