# SPDX-License-Identifier: ISC
"""A file of JSON lines. No event is poison for it: a batch is written whole, or not at all."""
import base64
import fcntl
import json

from targets import SinkTarget


class FileTarget(SinkTarget):
    type, poisons = "file", False

    def options(self):
        return {"path": "out.jsonl"}

    @property
    def path(self):
        return self.home.dir / "out.jsonl"

    def arrived(self):
        """Whole lines only."""
        data = self.path.read_bytes() if self.path.is_file() else b""
        lines = [json.loads(line) for line in data[:data.rfind(b"\n") + 1].splitlines()]
        name = self.home.spool.query("SELECT name FROM spool")[0]["name"] if lines else None
        return [(f"evt_{name}_{line['id']}", base64.b64decode(line["body_base64"]) if "body_base64" in line else line["body"].encode())
                for line in lines]

    def down(self):
        """A directory is in its place."""
        self.path.mkdir()

    def up(self):
        self.path.rmdir()

    def hang(self):
        """The lock is held, and not given back."""
        self.held = open(self.path, "ab")
        self.path.chmod(0o666)
        fcntl.flock(self.held, fcntl.LOCK_EX)

    def unhang(self):
        self.held.close()
