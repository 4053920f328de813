#!/bin/sh
# Who this board is: made on the first boot, kept on the state partition.
. /etc/os-release
. /usr/lib/boardrig/common.sh
state=/mnt/state
tab=$(printf '\t')

# The clock: a board without one of its own wakes where it was shut down, and never before its image was made.
read -r saved 2>/dev/null <$state/clock || saved=0
case $saved in '' | *[!0-9]*) saved=0 ;; esac
[ "$saved" -ge "$BUILD_EPOCH" ] || saved=$BUILD_EPOCH
[ "$(date +%s)" -ge "$saved" ] || date -u -s "@$saved" >/dev/null

[ -s $state/random-seed ] && cat $state/random-seed >/dev/urandom

[ -s $state/uuid ] || replace_file $state/uuid </proc/sys/kernel/random/uuid
read -r uuid <$state/uuid
if [ ! -s $state/machine-id ]; then
  echo "$uuid" | tr -d - | replace_file $state/machine-id
fi
if [ ! -s $state/ssh/host_ed25519 ]; then
  mkdir -p -m 0700 $state/ssh
  rm -f $state/ssh/host_ed25519 $state/ssh/new
  dropbearkey -t ed25519 -f $state/ssh/new >/dev/null 2>&1 && sync $state/ssh/new && mv $state/ssh/new $state/ssh/host_ed25519
  dd if=/dev/urandom of=$state/random-seed bs=512 count=1 2>/dev/null
fi

# A config.json that is missing or malformed must not stop the boot, and nothing in it is trusted.
cat /etc/boardrig/authorized_keys >/run/ssh/authorized_keys
hostname=
if [ -s /mnt/boot/config.json ]; then
  if awk -f /usr/lib/boardrig/json.awk /mnt/boot/config.json >/run/config; then
    while IFS="$tab" read -r key value; do
      case $key in
        hostname) hostname=$value ;;
        os.sshKeys.*) echo "$value" >>/run/ssh/authorized_keys ;;
      esac
    done </run/config
  else
    report 'config.json is malformed and ignored'
  fi
fi
chmod 0600 /run/ssh/authorized_keys
case $hostname in
  '' | *[!A-Za-z0-9-]* | -* | *-) [ -z "$hostname" ] || report 'the host name in config.json is no host name' && hostname= ;;
esac
[ "${#hostname}" -le 63 ] || hostname=
hostname=${hostname:-${uuid%%-*}}
hostname "$hostname"
echo "$hostname" >/run/hostname
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$hostname" >/run/hosts
printf 'nameserver 127.0.0.1\n' >/run/resolv.conf
printf '<!doctype html>\n<title>%s</title>\n<h1>%s</h1>\n<p>%s</p>\n' "$hostname" "$hostname" "$PRETTY_NAME" >/run/www/index.html
