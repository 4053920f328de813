/**
 * Debian packages of the full flavour, their libraries included. Their scripts are not run and what only these need
 * (perl, debconf, initramfs-tools) is left out: the build stops when a program asks for a library that is not here.
 */
export const basePackages = `
  avahi-daemon avahi-utils base-files bash busybox-static chrony coreutils dash dbus dbus-bin dbus-daemon
  dbus-system-bus-common dmsetup dnsmasq-base dosfstools dropbear-bin e2fsprogs fdisk findutils grep gzip hostname
  iproute2 iputils-ping iw jq kmod libacl1 libapparmor1 libattr1 libaudit-common libaudit1 libavahi-client3
  libavahi-common-data libavahi-common3 libavahi-core7 libblkid1 libbluetooth3 libbpf1 libbrotli1 libbsd0 libbz2-1.0
  libc-bin libc6 libcap-ng0 libcap2 libcap2-bin libcom-err2 libcrypt1 libcurl3-gnutls libdaemon0 libdbus-1-3
  libdevmapper1.02.1 libedit2 libelf1 libexpat1 libext2fs2 libfdisk1 libffi8 libgcc-s1 libgcrypt20 libgdbm6 libglib2.0-0 libgmp10
  libgnutls30 libgpg-error0 libgssapi-krb5-2 libgudev-1.0-0 libhogweed6 libidn2-0 libip4tc2 libjansson4 libjq1
  libjson-c5 libjson-glib-1.0-0 libk5crypto3 libkeyutils1 libkmod2 libkrb5-3 libkrb5support0 libldap-2.5-0 liblz4-1 liblzma5 liblzo2-2
  libmbim-glib4 libmbim-proxy libmd0 libmm-glib0 libmnl0 libmount1 libncursesw6 libndp0 libnetfilter-conntrack3
  libnettle8 libnewt0.52 libnfnetlink0 libnftables1 libnftnl11 libnghttp2-14 libnl-3-200 libnl-genl-3-200
  libnl-route-3-200 libnm0 libnss-mdns libonig5 libp11-kit0 libpam-modules libpam-modules-bin libpam0g libpcre2-8-0 libpcsclite1
  libpkcs11-helper1 libpolkit-agent-1-0 libpolkit-gobject-1-0 libproc2-0 libpsl5 libqmi-glib5 libqmi-proxy
  libqrtr-glib0 libreadline8 librtmp1 libsasl2-2 libseccomp2 libselinux1 libslang2 libsmartcols1 libss2 libssh2-1
  libssl3 libsystemd-shared libsystemd0 libtasn1-6 libteamdctl0 libtinfo6 libtirpc3 libtomcrypt1 libtommath1 libudev1
  libunistring2 libuuid1 libxtables12 libzstd1 login modemmanager mount netbase network-manager openvpn procps rauc rauc-service sed
  systemd systemd-sysv tar udev util-linux wireless-regdb wpasupplicant zlib1g grub-efi-amd64-bin
`
  .trim()
  .split(/\s+/)
  .sort();

export const enginePackages = ['containerd', 'docker.io', 'iptables', 'libip6tc2', 'runc', 'tini'];
