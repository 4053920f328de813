#!/bin/sh
# Process 1 becomes busybox init here. It talks to the console; in a production image nothing may, so it gets none.
. /etc/os-release
[ "$VARIANT_ID" = prod ] && export CONSOLE=/dev/null
exec /bin/busybox init
