"""Reads a unix socket through labgrid's own matcher (labgrid.util.PtxExpect on pexpect) until a prompt; prints CPU seconds.

Its driver reads 1 to 4096 bytes at a time.
"""
import random
import select
import socket
import sys
import time

import pexpect
from labgrid.util import PtxExpect


class Driver:
    def __init__(self, path):
        self.line = socket.socket(socket.AF_UNIX)
        self.line.connect(path)
        self.sizes = random.Random(7)

    def read(self, size=1, timeout=0.0):
        ready, _, _ = select.select([self.line], [], [], timeout)
        data = self.line.recv(self.sizes.randint(1, 4096)) if ready else b""
        if not data:
            raise pexpect.TIMEOUT("timeout")
        return data

    def write(self, data):
        return self.line.send(data)


driver = Driver(sys.argv[1])
matcher = PtxExpect(driver)
began = time.process_time()
matcher.expect(["never printed", "board login: ", r"never (\w+)\r"], timeout=300)
print(time.process_time() - began)
