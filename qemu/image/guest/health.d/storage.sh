#!/bin/sh
# State and data are on the medium and can be written, rather than memory in their place.
for point in /mnt/state /mnt/data; do
  found=
  while read -r device place type options _; do
    [ "$place" = $point ] || continue
    case $device,$options in /dev/*,rw | /dev/*,rw,*) found=yes ;; *) found= ;; esac
  done </proc/mounts
  [ -n "$found" ] || exit 1
done
