#!/bin/sh
# The bus starts this.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
/usr/libexec/rauc service 2>&1 </dev/null | logger -t rauc
