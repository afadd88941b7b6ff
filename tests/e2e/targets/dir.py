# SPDX-License-Identifier: ISC
"""A directory with a file for each event."""
import fcntl
import os

from place import own
from targets import SinkTarget


class DirTarget(SinkTarget):
    type, dedupes, in_order = "dir", True, True

    def options(self):
        return {"path": "out"}

    @property
    def path(self):
        return self.home.dir / "out"

    def arrived(self):
        """By the time of the rename, which is the change time of a file."""
        if not self.path.is_dir():
            return []
        files = sorted((path for path in self.path.iterdir() if path.is_file()), key=lambda path: (path.stat().st_ctime_ns, int(path.name.rpartition("_")[2])))
        return [(path.name, path.read_bytes()) for path in files]

    def down(self):
        """A file is in its place."""
        self.path.write_bytes(b"")

    def up(self):
        self.path.unlink()

    def poison(self, id):
        """A directory has the event's name. It is tried again: an admin can remove it."""
        self.path.mkdir(exist_ok=True)
        own(self.path)
        (self.path / id).mkdir()
        return 0

    def hang(self):
        """The lock is held, and not given back."""
        self.path.mkdir(exist_ok=True)
        own(self.path)
        self.held = os.open(self.path, os.O_RDONLY)
        fcntl.flock(self.held, fcntl.LOCK_EX)

    def unhang(self):
        os.close(self.held)
