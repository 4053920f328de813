"""Runs commands on a console behind a TCP port through labgrid's own drivers; prints the median round trip in ms."""
import statistics
import sys
import time

from labgrid import Target
from labgrid.driver import SerialDriver, ShellDriver
from labgrid.resource import NetworkSerialPort

port, times = int(sys.argv[1]), int(sys.argv[2])
target = Target("bench")
NetworkSerialPort(target, name=None, host="127.0.0.1", port=port, speed=115200, protocol="raw")
SerialDriver(target, name=None)
shell = ShellDriver(
    target, name=None, prompt=r"root@[\w-]+:[^ ]*# ", login_prompt=" login: ", username="root"
)
target.activate(shell)
taken = []
for number in range(times):
    began = time.monotonic()
    stdout, _, code = shell.run(f"echo word{number}")
    taken.append((time.monotonic() - began) * 1000)
    assert (stdout, code) == ([f"word{number}"], 0), (stdout, code)
print(statistics.median(taken))
