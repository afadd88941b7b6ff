# SPDX-License-Identifier: ISC
"""Calls that fail in a running receiver: the nth write, sync, open or allocation from now."""
import errno
import mmap
import shutil
import struct
from collections import namedtuple
from contextlib import contextmanager

from place import BIN, find_build, own

PAGE = struct.Struct("<4I4i")
WRITES, SYNCS, OPENS, ALLOCATIONS = range(4)
NEVER = 2 ** 30
KILL = -9  # in place of an errno: the process is killed before the call

Fault = namedtuple("Fault", "kind error")
FAULTS = {
    "ENOSPC on a write": Fault(WRITES, errno.ENOSPC),
    "EIO on a write": Fault(WRITES, errno.EIO),
    "half of a write": Fault(WRITES, 0),
    "EIO on a sync": Fault(SYNCS, errno.EIO),
    "EMFILE on an open or accept": Fault(OPENS, errno.EMFILE),
    "ENOMEM on an allocation": Fault(ALLOCATIONS, errno.ENOMEM),
}


class Faults:
    """The page through which a home's receivers are told what is to fail."""

    def __init__(self, home):
        path = home.dir / "faults"
        path.write_bytes(bytes(mmap.PAGESIZE))
        own(path)
        with open(path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        shutil.copy(find_build() / "tests/crash/faults.so", BIN)
        self.env = [f"LD_PRELOAD={BIN}/faults.so", f"FAULTS={path}"]

    @contextmanager
    def armed(self, fault, nth, times=1):
        """From the nth call on, so many fail."""
        struct.pack_into("<4i", self.page, 16, fault.kind, nth - 1, times, fault.error)
        yield
        struct.pack_into("<4i", self.page, 16, -1, 0, 0, 0)

    def armed_still(self):
        """Whether something is still to fail."""
        return PAGE.unpack_from(self.page)[6] > 0

    def calls(self, kind):
        return PAGE.unpack_from(self.page)[kind]
