# SPDX-License-Identifier: ISC
"""Programs of one file each, ./configure --enable-static-programs: on a web host that has none of the libraries, nor any other file."""
import os
import re
import shutil
from pathlib import Path

import pytest

from outcomes import expect
from place import COMPILER, ROOT, SANITIZER, SOURCE, new_dir, own, run
from receiver import Home
from sender import AUTHORIZATION, SECRET, message
from servers import free_port, module, start_apache

FILES = SOURCE / "conf-examples/shared-hosting"
URL = "/webhook/hookspool.cgi"

pytestmark = pytest.mark.skipif(bool(SANITIZER), reason="it makes a build of its own, without sanitizers")


@pytest.fixture(scope="module")
def programs():
    """The command of README.md, in a directory of its own; not optimised, which takes a third of the time."""
    where = new_dir("static")
    line, = re.findall(r"^\./configure (--enable-static-programs) && make$", (SOURCE / "conf-examples/shared-hosting/README.txt").read_text().replace("  ", ""), re.M)
    for argv in ([SOURCE / "configure", "--quiet", line, "CFLAGS=-O0 -Wno-cpp"], ["make", "-s", f"-j{os.cpu_count()}", "hookspool.fcgi", "hookspool"]):
        done = run(argv, cwd=where, env=COMPILER, within=500)
        assert done.returncode == 0, done.stdout.decode()[-3000:] + done.stderr.decode()[-3000:]
    return where


@pytest.mark.parametrize("name", ["hookspool.fcgi", "hookspool"])
def test_program_needs_no_library(programs, name):
    """No interpreter, no dynamic libraries, and still an address of its own choice."""
    done = run(["readelf", "--program-headers", "--dynamic", "--file-header", programs / name])
    assert b"INTERP" not in done.stdout and b"(NEEDED)" not in done.stdout and b"DYN " in done.stdout, done.stdout.decode()


def test_version_tells_what_is_left_out(programs):
    said = run([programs / "hookspool", "--version"]).stdout.decode()
    assert "exec" in said and "http" not in said
    done = run([programs / "hookspool", "send", "http://localhost/"], env={"HOOKSPOOL_CONF": "/nonexistent"})
    assert done.returncode == 69 and b"without libcurl" in done.stderr


class Jail:
    """A root directory that has nothing but a customer's home; what the programs may write is the spool alone."""

    def __init__(self, programs):
        self.root, self.me = new_dir("jail"), new_dir("me")
        self.root.chmod(0o755)
        self.home = Home()
        inside = Path(f"{self.root}{self.me}")
        self.web, self.data = inside / "public_html/webhook", inside / "hookspool"
        self.web.mkdir(parents=True)
        (self.data / "spool").mkdir(parents=True)
        for name in (".htaccess", "hookspool.conf"):
            shutil.copy(FILES / name, self.web)
        shutil.copy(programs / "hookspool.fcgi", self.web / "hookspool.cgi")
        shutil.copy(programs / "hookspool", self.data)
        secret = self.data / "linkedin.secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        own(secret)
        own(self.data / "spool").chmod(0o700)
        for path in (self.web, self.web.parent, self.data, self.data.parent):
            path.chmod(0o555)
        self.home.spool.dir = self.data / "spool"

    def apache(self):
        """It reads its configuration, and then goes into the jail with all it starts. Outside there is only what Apache looks for before that."""
        port = free_port()
        (self.me / "public_html").mkdir()
        socket = new_dir("cgid")
        socket.rename(inside := Path(f"{self.root}{socket}"))
        socket.symlink_to(inside)  # it is made outside of the jail, and connected to inside
        threads, = Path("/usr/lib").glob("*-linux-gnu/libgcc_s.so.1")  # Apache's own threads need it to end
        return start_apache(f"""
LoadFile {threads}
{module("cgid", "mime", "setenvif")}
ChrootDir {self.root}
ScriptSock {socket}/sock
TypesConfig /dev/null
DocumentRoot {self.me}/public_html
<Directory {self.me}/public_html>
  AllowOverride FileInfo AuthConfig Limit Options
  Require all granted
</Directory>
""", port, home=self.home)


@pytest.mark.skipif(not ROOT, reason="only root may chroot")
def test_cgi_in_an_empty_chroot_with_a_read_only_home(programs, children):
    jail = Jail(programs)
    site = jail.apache()
    body = message()
    expect(site.deliver(URL, body), "stored")
    expect(site.deliver(URL, body), "duplicate")
    expect(site.deliver(URL, body, {"X-Webhook-Signature": None}), "unauthorized")
    expect(site.deliver(URL, message(text="x" * 900_000), {"Authorization": AUTHORIZATION}, chunked=True), "stored")
    assert jail.home.spool.events()[0]["body"] == body
    site.stop()
    listed = run(["chroot", jail.root, f"{jail.me}/hookspool/hookspool", "-c", f"{jail.me}/public_html/webhook/hookspool.conf", "list"])
    assert listed.returncode == 0 and listed.stdout.count(b"message.received") == 2, listed.stderr
    written = {path.name for path in jail.root.rglob("*") if path.is_file() and os.access(path, os.W_OK) and path.stat().st_mtime > jail.web.stat().st_ctime}
    assert written <= {path.name for path in jail.home.spool.dir.iterdir()}
