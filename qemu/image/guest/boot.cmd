# U-Boot runs this from the boot partition. Slot A first; a slot without a kernel yields to the other one.
setenv first A
setenv second B
for slot in ${first} ${second}; do
  if test ${slot} = A; then setenv part 2; else setenv part 3; fi
  echo "boardrig: bootloader slot=${slot}"
  if load virtio 0:${part} 0x44000000 /boot/initrd && setenv initrd_bytes ${filesize} && load virtio 0:${part} 0x40400000 /boot/Image; then
    setenv bootargs root=PARTLABEL=resin-root${slot} ro rig.slot=${slot} @CMDLINE@
    setenv initrd_high 0xffffffffffffffff
    booti 0x40400000 0x44000000:${initrd_bytes} ${fdtcontroladdr}
  fi
  echo "boardrig: bootloader cannot boot slot=${slot}"
done
reset
