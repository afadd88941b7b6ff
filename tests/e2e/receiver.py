# SPDX-License-Identifier: ISC
"""A home for hookspool (configuration, secrets, spool) and hookspool.fcgi running in it."""
import functools
import itertools
import json
import os
import re
import signal
import socket
from pathlib import Path

from place import BIN, USER, own, new_dir, run, stay, until
from proc import Child
from sender import AUTHORIZATION, SECRET, SECRET2
from spool import ServerSpool, Spool

REPORT = re.compile(r"ERROR: \w+Sanitizer|WARNING: \w+Sanitizer|runtime error: ")


DATABASES = itertools.count(1)


@functools.cache
def shared_server():
    """One server for all homes of a session; each has a database of its own."""
    from postgresql_server import PostgreSQL
    server = PostgreSQL("max_connections=100", table=None)
    stay(server.dir)
    return server


def value(v):
    if isinstance(v, bool):
        return str(v).lower()
    if isinstance(v, list):
        return "{" + ", ".join(value(item) for item in v) + "}"
    return str(v) if isinstance(v, int) else '"' + v.replace('"', '\\"') + '"'


def options(given):
    return "".join(f"{name.replace('_', '-')} = {value(v)}\n" for name, v in given.items())


def endpoint(path="/webhook/linkedin", **given):
    """An endpoint's section; the secret is the usual one unless something else is said."""
    if given.get("scheme") != "none" and "secret_env" not in given:
        given.setdefault("secret_file", ["secret"])
    return f'endpoint "{path}" {{\n{options(given)}}}\n'


class Home:
    """A directory of the service user's with a hookspool.conf in it."""
    relay_in = {}  # arguments of Relay() for what its relays run in

    def __init__(self, *endpoints, files=None, **given):
        self.dir = new_dir("home")
        self.conf = self.dir / "hookspool.conf"
        self.spool = self.own_spool(given)
        self.numbers = itertools.count(1)
        for name, text in (("secret", SECRET), ("secret2", SECRET2), ("auth", AUTHORIZATION), *(files or {}).items()):
            self.write(name, text + "\n")
        self.configure(*endpoints, **given)

    def own_spool(self, given):
        """A directory of its own; with HOOKSPOOL_ENGINE=postgresql a database, where the test names no directory."""
        if os.environ.get("HOOKSPOOL_ENGINE") != "postgresql" or "spool" in given:
            return Spool(self, given.setdefault("spool", str(self.dir / "spool")))
        given["overflow"] = str(self.dir / "spool")
        if not shared_server().child.alive():
            shared_server().start()
        spool = ServerSpool(self, given["overflow"], shared_server(), f"spool{next(DATABASES)}")
        given["spool"] = spool.url
        return spool

    def write(self, name, text, mode=0o600):
        path = self.dir / name
        path.write_text(text)
        path.chmod(mode)
        return own(path)

    def configure(self, *endpoints, **given):
        given.setdefault("spool", str(getattr(self.spool, "url", self.spool.dir)))
        if hasattr(self.spool, "url"):
            given.setdefault("overflow", str(self.spool.dir))
        return self.write("hookspool.conf", options(given) + "".join(endpoints or [endpoint()]))

    def cli(self, *args, user=USER, **how):
        """Runs hookspool on this home."""
        done = run([BIN / "hookspool", "-c", self.conf, *args], user=user, **how)
        assert not REPORT.search(done.stderr.decode(errors="replace")), done.stderr.decode(errors="replace")
        return done

    def start(self, *args, **how):
        return Receiver(self, *args, **how)


def log_entries(text):
    """The logfmt lines in a log as dictionaries; a web server may have put its own words before them."""
    entries = []
    for line in text.splitlines():
        at = line.find("time=20")
        if at >= 0:
            pairs = re.findall(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|\S*)', line[at:])
            entries.append({name: json.loads(v) if v.startswith('"') else v for name, v in pairs})
    return entries


def accepts(address):
    family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
    with socket.socket(family) as sock:
        return sock.connect_ex(address if isinstance(address, tuple) else str(address)) == 0


class Receiver(Child):
    """hookspool.fcgi on a socket of its own, ready when this returns."""

    def __init__(self, home, *args, listen=None, argv=None, before=(), number=None, **how):
        number = number or next(home.numbers)
        self.home, self.socket = home, home.dir / f"sock{number}"
        argv = argv or [BIN / "hookspool.fcgi", "-c", home.conf, "--listen", listen or f"unix:{self.socket}", *args]
        super().__init__([*before, *argv], home.dir / f"receiver{number}.log", **how)
        address = self.socket
        if listen and listen.startswith("tcp:"):
            self.socket = int(listen.rsplit(":", 1)[1])
            address = ("127.0.0.1", self.socket)
        self.until(lambda: accepts(address) and self.takes_signals(), "the receiver is ready")

    def takes_signals(self):
        """Until it has made itself ready for them, a signal would just kill it."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"SigBlk:\t(\w+)", status)[1], 16) & 1 << signal.SIGTERM - 1

    def entries(self, **where):
        """The log's entries that have these values."""
        return [e for e in log_entries(self.text()) if where.items() <= e.items()]

    def until_entry(self, **where):
        return until(lambda: self.entries(**where), f"a log entry with {where} in\n{self.text()[-2000:]}")[-1]

    def hup(self):
        self.signal(signal.SIGHUP)

    def stop(self):
        """Ends it as a supervisor would, with status 0 and nothing to complain about; test_signals.py has how long that may take."""
        self.signal(signal.SIGTERM)
        status = self.wait(20)
        self.end()
        assert status == 0, f"exit status {status}:\n{self.text()[-3000:]}"
        assert not REPORT.search(self.text()), self.text()
