#!/bin/sh
# udhcpc calls it with what happened in $1 and the lease in the environment.
case $1 in
  deconfig)
    ip addr flush dev "$interface"
    ;;
  bound | renew)
    ip addr replace "$ip/$mask" dev "$interface"
    for gateway in $router; do
      ip route replace default via "$gateway" dev "$interface" && break
    done
    {
      [ -n "$domain" ] && echo "search $domain"
      for server in $dns; do echo "nameserver $server"; done
    } >/run/resolv.conf.new
    mv /run/resolv.conf.new /run/resolv.conf
    echo up >/run/link-state
    logger -t network "$interface has $ip/$mask"
    ;;
esac
