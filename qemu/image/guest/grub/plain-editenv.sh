#!/bin/sh
# What RAUC calls as grub-editenv. The boot partition is writable only meanwhile.
mount -o remount,rw /mnt/boot || exit
/usr/libexec/grub-editenv "$@"
code=$?
sync
mount -o remount,ro /mnt/boot
exit $code
