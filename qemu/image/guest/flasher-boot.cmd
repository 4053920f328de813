# U-Boot runs this from the boot partition of a flasher image, which is in the slot and so the first medium.
echo "boardrig: bootloader slot=flasher"
if load virtio 0:1 0x44000000 initrd && setenv initrd_bytes ${filesize} && load virtio 0:1 0x40400000 Image; then
  setenv bootargs rig.led=@LED@ @CMDLINE@
  setenv initrd_high 0xffffffffffffffff
  booti 0x40400000 0x44000000:${initrd_bytes} ${fdtcontroladdr}
fi
echo "boardrig: bootloader cannot boot slot=flasher"
reset
