#!/bin/sh
# Judges this boot. Every check of health.d passes: the slot is good. One does not within the grace: a slot on trial (the
# bootloader counts its tries) reboots, until it has none left and the other one starts; a good one is only told of.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
. /etc/os-release
. /usr/lib/boardrig/common.sh
slot=$(slot_of_cmdline)
checks=/usr/lib/boardrig/health.d
bad=

is_on_trial() {
  read -r line </proc/cmdline
  case " $line " in *' rig.trial=yes '*) ;; *) return 1 ;; esac
}

check_all() {
  for check in $checks/*; do
    bad=${check##*/}
    "$check" >/dev/null 2>&1 || return 1
  done
  bad=mark-good
  ! is_on_trial || rauc status mark-good >/dev/null 2>&1
}

tell_good() {
  logger -t boardrig "health good slot=$slot"
  mark "health good slot=$slot"
}

# By the clock: a check of an engine that is not there takes many seconds.
read -r began _ </proc/uptime
is_over() { # SECONDS since this began
  read -r now _ </proc/uptime
  [ "${now%%.*}" -ge $((${began%%.*} + $1)) ]
}

wait_for_good() {
  until check_all; do
    if is_over "$HEALTH_GRACE"; then
      report "health bad: $bad"
      is_on_trial && reboot
      return 1
    fi
    sleep 1
  done
  tell_good
}

# Mostly all is well within moments: then the verdict comes before anybody can log in and have it between his words.
until check_all; do
  is_over 3 || { usleep 200000 && continue; }
  wait_for_good </dev/null >/dev/null 2>&1 &
  exit
done
tell_good
