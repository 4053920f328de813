#!/bin/sh
exec acpid -f -l /dev/null
