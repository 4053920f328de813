# Sourced by the scripts of this folder.
. /etc/boardrig/image.conf

# A line for who watches the serial line. A production image says nothing there.
mark() {
  [ "$VARIANT_ID" = prod ] || echo "boardrig: $*" >/dev/console
}

# A line for the system log, and for who watches.
report() {
  logger -t boardrig -p daemon.err "$*"
  mark "$*"
}

slot_of_cmdline() {
  read -r line </proc/cmdline
  for word in $line; do
    case $word in rig.slot=*) echo "${word#rig.slot=}" && return ;; esac
  done
  echo unknown
}

# The device of the partition with this label, as the kernel tells it.
part_of_label() {
  for uevent in /sys/class/block/*/uevent; do
    device= found=
    while IFS='=' read -r key value; do
      case $key in
        DEVNAME) device=$value ;;
        PARTNAME) [ "$value" = "$1" ] && found=yes ;;
      esac
    done <"$uevent"
    [ -n "$found" ] && echo "/dev/$device" && return 0
  done
  return 1
}

# Runs a service for ever, away from the console: a serial line that nobody reads would stop it.
keep() { # NAME COMMAND...
  service=$1
  shift
  (
    while :; do
      "$@" </dev/null >/dev/null 2>&1
      logger -t boardrig "service $service ended with $?"
      sleep 1
    done
  ) </dev/null >/dev/null 2>&1 &
}

# Replaces a file so that a power cut leaves the old or the new one.
replace_file() { # FILE, content on standard input
  cat >"$1.new" && sync "$1.new" && mv "$1.new" "$1"
}
