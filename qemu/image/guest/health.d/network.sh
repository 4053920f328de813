#!/bin/sh
# An address that others can reach.
ip -4 -o address show scope global | grep -q inet
