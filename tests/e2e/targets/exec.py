# SPDX-License-Identifier: ISC
"""A program, which keeps what it gets in a directory."""
from place import own
from targets import SinkTarget

PROGRAM = """#!/bin/sh
cd "$(dirname "$0")/got" || exit 75
while [ -e ../hang ]; do sleep 0.1; done
[ -e ../down ] && exit 75
[ -e "../poison.$HOOKSPOOL_ID" ] && exit 65
cat >$$.part
mv $$.part "$(date +%s%N).$HOOKSPOOL_ID"
"""


class ExecTarget(SinkTarget):
    type = "exec"

    def options(self):
        return {"command": ["./program"]}

    def prepare(self, home):
        super().prepare(home)
        home.write("program", PROGRAM, 0o755)
        (home.dir / "got").mkdir()
        own(home.dir / "got")

    def arrived(self):
        files = sorted(path for path in (self.home.dir / "got").iterdir() if path.suffix != ".part")
        return [(path.name.partition(".")[2], path.read_bytes()) for path in files]

    def down(self):
        self.home.write("down", "")

    def up(self):
        (self.home.dir / "down").unlink()

    def poison(self, id):
        self.home.write(f"poison.{id}", "")
        return 2

    def hang(self):
        self.home.write("hang", "")

    def unhang(self):
        (self.home.dir / "hang").unlink()
