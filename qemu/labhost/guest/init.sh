#!/bin/busybox sh
# Process 1 of the initrd: the host's own file system, read only, under a layer of packages and a writable one of memory.
b=/bin/busybox
stop() {
  echo "boardrig: lab host: $*" >/dev/console
  $b poweroff -f
}
$b mount -t devtmpfs dev /dev
while read -r module; do
  $b insmod "/modules/$module" || stop "cannot load $module"
done </modules/order
for tag in host layer; do
  $b mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=loose,ro $tag /$tag || stop "cannot mount $tag"
done
$b mount -t tmpfs -o mode=755 memory /memory
$b mkdir /memory/upper /memory/work
$b mount -t overlay -o lowerdir=/layer:/host,upperdir=/memory/upper,workdir=/memory/work root /root || stop 'cannot mount the root'
$b mount -o move /dev /root/dev
cd /
$b cp start.sh root/.boardrig-start
exec $b switch_root /root /bin/sh /.boardrig-start
