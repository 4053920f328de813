# Runs a command to its end and prints, as JSON, its wall time, the CPU time of all its processes and the largest of their peaks.
# Also of those that it leaves behind: bmaptool does not wait for the program that unpacks for it.
import ctypes
import json
import os
import resource
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36  # man 2 prctl
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
began = time.monotonic()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
wall = time.monotonic() - began
if done.returncode != 0:
    sys.stderr.buffer.write(done.stderr)
    sys.exit(done.returncode)
try:
    while True:
        os.wait()
except ChildProcessError:
    pass
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"wall": wall, "cpu": used.ru_utime + used.ru_stime, "peakMiB": used.ru_maxrss / 1024}))
