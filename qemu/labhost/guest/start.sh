#!/bin/sh
# Process 1 of the lab host: devices as on any Debian (udev names them), then the agent, then off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs -o mode=1777 shm /dev/shm
mkdir -p /run/lock
mount -t debugfs debug /sys/kernel/debug
ip link set lo up
# The name servers of the host outside cannot be reached from here.
: >/etc/resolv.conf
/usr/lib/systemd/systemd-udevd --daemon
for module in virtio_console configfs gpio-sim-boardrig xhci_pci ftdi_sio usb_storage sd_mod; do
  modprobe "$module" || echo "boardrig: lab host: cannot load $module"
done
mount -t configfs config /sys/kernel/config
# As Debian's systemd-udev-trigger: the rules of subsystems make the kernel look for cards in readers.
udevadm trigger --type=subsystems --action=add
udevadm trigger --action=add
udevadm settle
read -r line </proc/cmdline
node= agent=
for word in $line; do
  case $word in
    boardrig.node=*) node=${word#*=} ;;
    boardrig.agent=*) agent=${word#*=} ;;
  esac
done
"$node" "$agent" || echo "boardrig: lab host: the agent ended with $?"
echo o >/proc/sysrq-trigger
while :; do sleep 1; done
