"""The privileges of each process: root's commands give them up, and nobody else's files are trusted."""
import re
import shutil
from pathlib import Path

import pytest

from place import BIN, ROOT
from proc import Child
from relaying import deliver, home_with, sink

as_root = pytest.mark.skipif(not ROOT, reason="only root has privileges to give up")

COMMANDS = [["list"], ["export"], ["stats"], ["rejects"], ["rejects", "--verify", "--accept"], ["tail"], ["show", "1"],
            ["verify", "--id", "1"], ["purge", "--older-than", "1h"], ["relay", "--once"], ["deliveries"], ["retry", "--sink", "out"],
            ["replay", "--sink", "out"], ["drop", "--sink", "out"]]


def users(pid):
    """The real, effective, saved and file system's user and group of a process, and its other groups."""
    status = Path(f"/proc/{pid}/status").read_text()
    return [set(re.search(rf"^{name}:\s*(.*)$", status, re.M)[1].split()) for name in ("Uid", "Gid", "Groups")]


def stored(receiver, **how):
    """A home with one event in its spool, whose receiver has ended."""
    one = receiver(home=home_with(sink("out", url="http://127.0.0.1:9/"), **how))
    deliver(one)
    one.stop()
    return one.home


@as_root
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_roots_command_opens_the_spool_as_its_owner(receiver, command):
    """The owner can't open the database here, and root could."""
    home = stored(receiver)
    shutil.chown(home.spool.dir / "hookspool.db", "root", "root")
    done = home.cli(*command, user=None)
    assert done.returncode == 75 and b"unable to open" in done.stderr, (done.stdout, done.stderr)


@as_root
@pytest.mark.parametrize("command", [["tail"], ["relay"]], ids=lambda command: command[0])
def test_roots_command_becomes_the_owner_for_good(receiver, children, command):
    home = stored(receiver)
    child = Child([BIN / "hookspool", "-c", home.conf, *command], home.dir / "command.log", user=None)
    owner = home.spool.dir.stat()
    child.until(lambda: users(child.pid)[0] == {str(owner.st_uid)}, "the change of the user")
    uids, gids, groups = users(child.pid)
    assert (uids, gids) == ({str(owner.st_uid)}, {str(owner.st_gid)}) and "0" not in groups
    assert re.search(r"^CapPrm:\s*0+$", Path(f"/proc/{child.pid}/status").read_text(), re.M)


@as_root
def test_root_refuses_its_own_directory_that_others_may_write(receiver):
    home = stored(receiver)
    shutil.chown(home.spool.dir, "root", "root")
    home.spool.dir.chmod(0o777)
    done = home.cli("list", user=None)
    assert done.returncode == 75 and b"other users may write into it (mode 0777); chown it" in done.stderr, done.stderr
