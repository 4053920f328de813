# Sourced by /sbin/init and resin-config: config.json of the boot partition becomes what the services read. A key that is
# not given, or that cannot be, leaves the default.
tab=$(printf '\t')

read_config() {
  config=/mnt/boot/config.json
  given=/run/boardrig/config
  : >$given
  if [ ! -s $config ]; then
    report 'config.json is missing, defaults hold'
  elif ! jq -r -f /usr/lib/boardrig/config.jq $config >$given.new 2>/dev/null; then
    report 'config.json is malformed and ignored'
  else
    mv $given.new $given
  fi
  read -r uuid </mnt/state/uuid
  hostname=${uuid%%-*} logging=false ntp= dns= country= uri= interval= response= random_mac=false
  mkdir -p /run/ssh /run/www /run/udev/rules.d /run/NetworkManager/conf.d /run/boardrig/chrony /run/systemd/journald.conf.d /run/modprobe.d
  cat /etc/boardrig/authorized_keys >/run/ssh/authorized_keys.new
  chmod 0600 /run/ssh/authorized_keys.new
  rm -f /run/udev/rules.d/*-config.rules
  while IFS=$tab read -r what key value; do
    [ "$what" = bad ] && report "config.json: $key is $value, ignored" && continue
    case $key in
      hostname) hostname=$value ;;
      persistentLogging) logging=$value ;;
      ntpServers) ntp=$value ;;
      dnsServers) dns=$value ;;
      country) country=$value ;;
      os.sshKeys) printf '%b\n' "$value" >>/run/ssh/authorized_keys.new ;;
      os.network.connectivity.uri) uri=$value ;;
      os.network.connectivity.interval) interval=$value ;;
      os.network.connectivity.response) response=$value ;;
      os.network.wifi.randomMacAddressScan) random_mac=$value ;;
      os.udevRules.*) printf '%b\n' "$value" >/run/udev/rules.d/${key#os.udevRules.}-config.rules ;;
    esac
  done <$given
  mv /run/ssh/authorized_keys.new /run/ssh/authorized_keys
  set_hostname
  set_time_servers
  set_name_servers
  set_network
  set_logging
}

set_hostname() {
  hostname "$hostname"
  echo "$hostname" >/run/hostname
  printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$hostname" >/run/hosts
  printf '<!doctype html>\n<title>%s</title>\n<h1>%s</h1>\n<p>%s</p>\n' "$hostname" "$hostname" "$PRETTY_NAME" >/run/www/index.html
}

# A clock that jumped is right again after three answers. Servers of one's own are asked every 16 seconds for that, those of
# the pool no more often than chrony does by itself.
set_time_servers() {
  pace=${ntp:+ minpoll 4}
  for server in ${ntp:-0.debian.pool.ntp.org 1.debian.pool.ntp.org 2.debian.pool.ntp.org 3.debian.pool.ntp.org}; do
    case $server in
      *:*) echo "server ${server%:*} port ${server##*:} iburst$pace" ;;
      *) echo "server $server iburst$pace" ;;
    esac
  done >/run/boardrig/chrony/ntp.sources
}

set_name_servers() {
  {
    [ -n "$dns" ] && echo no-resolv
    for server in $dns; do echo "server=$server"; done
  } >/run/boardrig/dnsmasq.conf
}

set_network() {
  {
    printf '[device]\nwifi.scan-rand-mac-address=%s\n' "$random_mac"
    if [ -n "$uri" ]; then
      printf '[connectivity]\nenabled=true\nuri=%s\ninterval=%s\n' "$uri" "${interval:-3600}"
      [ -n "$response" ] && printf 'response=%b\n' "$response"
    fi
  } >/run/NetworkManager/conf.d/50-config.conf
  rm -f /run/modprobe.d/country.conf /run/boardrig/country
  if [ -n "$country" ]; then
    echo "options cfg80211 ieee80211_regdom=$country" >/run/modprobe.d/country.conf
    echo "$country" >/run/boardrig/country
  fi
}

# The journal of all boots on the state partition, which is small.
set_logging() {
  rm -f /run/systemd/journald.conf.d/50-config.conf
  [ "$logging" = true ] || return 0
  mkdir -p /mnt/state/root-overlay/var/log/journal /var/log/journal
  if ! mountpoint -q /var/log/journal; then
    mount -o bind /mnt/state/root-overlay/var/log/journal /var/log/journal || return 0
  fi
  printf '[Journal]\nStorage=persistent\nSystemMaxUse=16M\nSystemMaxFileSize=4M\n' >/run/systemd/journald.conf.d/50-config.conf
}
