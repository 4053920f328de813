# What bmaptool leaves to its user: reads the mapped ranges back from the medium, not from the page cache, and compares
# their checksums. `read-back.py IMAGE.bmap MEDIUM`
import hashlib
import os
import sys
from xml.etree import ElementTree

root = ElementTree.parse(sys.argv[1]).getroot()
block = int(root.find("BlockSize").text)
size = int(root.find("ImageSize").text)
fd = os.open(sys.argv[2], os.O_RDONLY)
os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
for element in root.find("BlockMap"):
    first, _, last = element.text.strip().partition("-")
    at, end = int(first) * block, min((int(last or first) + 1) * block, size)
    digest = hashlib.sha256()
    while at < end:
        data = os.pread(fd, min(1 << 20, end - at), at)
        if not data:
            sys.exit("the medium is too short")
        digest.update(data)
        at += len(data)
    if digest.hexdigest() != element.get("chksum"):
        sys.exit(f"range {element.text} differs")
