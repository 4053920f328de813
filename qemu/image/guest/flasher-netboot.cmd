# U-Boot gets this from the network, where the rig has the flasher's files (TFTP) and the image (HTTP, at the port in netboot.env).
echo "boardrig: bootloader slot=network"
if tftpboot 0x44000000 netboot.env && env import -t 0x44000000 ${filesize} rig_port && tftpboot 0x44000000 initrd && setenv initrd_bytes ${filesize} && tftpboot 0x40400000 Image; then
  setenv bootargs rig.led=@LED@ rig.net=${ethaddr},${ipaddr},${netmask} rig.source=http://${serverip}:${rig_port} @CMDLINE@
  setenv initrd_high 0xffffffffffffffff
  booti 0x40400000 0x44000000:${initrd_bytes} ${fdtcontroladdr}
fi
echo "boardrig: bootloader cannot boot slot=network"
reset
