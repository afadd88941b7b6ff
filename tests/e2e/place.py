# SPDX-License-Identifier: ISC
"""Where things are: the build under test, the source tree, a private directory, the user that services run as."""
import atexit
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

SOURCE = Path(os.environ.get("HOOKSPOOL_SRC") or Path(__file__).resolve().parents[2]).resolve()
SANITIZER = os.environ.get("HOOKSPOOL_SANITIZER", "")
SLOW = 4 if SANITIZER else 1  # how much longer everything may take
ROOT = os.geteuid() == 0
USER = "www-data" if ROOT else None  # the user of receivers and web servers' workers; None: the user of the tests

# Short, because a socket's path has 107 bytes at most; 0755, because www-data must get through.
BASE = Path(tempfile.mkdtemp(prefix="hs-"))
BASE.chmod(0o755)
if not os.environ.get("HOOKSPOOL_KEEP"):
    atexit.register(shutil.rmtree, BASE, ignore_errors=True)
BIN = BASE / "bin"
COUNT = itertools.count(1)
MADE = []  # the directories of new_dir()

PACKAGES = {
    "nginx": "nginx",
    "pgbouncer": "pgbouncer",
    "apache2": "apache2-bin",
    "mod_fcgid.so": "libapache2-mod-fcgid",
    "caddy": "caddy",
    "lighttpd": "lighttpd",
    "haproxy": "haproxy",
    "h2o": "h2o",
    "spawn-fcgi": "spawn-fcgi",
    "mandoc": "mandoc",
    "logrotate": "logrotate",
    "systemd-analyze": "systemd",
    "journalctl": "systemd",
    "setpriv": "util-linux",
    "systemd-sysusers": "systemd",
    "systemd-tmpfiles": "systemd",
    "python3": "python3",
    "bash": "bash",
    "fish": "fish",
    "zsh": "zsh",
    "prlimit": "util-linux",
    "unshare": "util-linux",
    "valgrind": "valgrind",
    "wrk": "wrk",
    "node": "nodejs",
    "npm": "npm",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "msmtp": "msmtp",
    "mosquitto": "mosquitto",
    "mosquitto_pub": "mosquitto-clients",
    "mosquitto_sub": "mosquitto-clients",
    "mosquitto_passwd": "mosquitto",
    "redis-server": "redis-server",
    "nats-server": "nats-server",
    "rabbitmq-server": "rabbitmq-server",
    "promtool": "prometheus",
    "prometheus": "prometheus",
    "nagios4": "nagios4-core",
    "icinga2": "icinga2-bin",
    "prometheus-blackbox-exporter": "prometheus-blackbox-exporter",
    "sqlite3": "sqlite3",
    "lintian": "lintian",
    "chromium": "chromium",
    "chromedriver": "chromium-driver",
}
PROGRAM_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


# For builds of the tests' own: what was built from the same sources before is not built again, whatever the directory is called.
COMPILER = {"CC": "ccache gcc", "CCACHE_NOHASHDIR": "1", "CCACHE_BASEDIR": str(BASE)} if shutil.which("ccache") else {}


def need(program):
    """The path of a program that the tests can't do without; without it the test fails and says how to get it."""
    path = shutil.which(program, path=PROGRAM_PATH)
    if not path:
        pytest.fail(f"{program} is missing: apt-get install {PACKAGES[program]}", pytrace=False)
    return path


def find_build():
    """$HOOKSPOOL_BUILD, else the newest build in the source tree."""
    given = os.environ.get("HOOKSPOOL_BUILD")
    places = [Path(given)] if given else [SOURCE, *SOURCE.glob("*build*")]
    built = [p for p in places if (p / "hookspool.fcgi").exists() and (p / "hookspool").exists()]
    if not built:
        pytest.exit("no build found: run make, or set HOOKSPOOL_BUILD to the directory of hookspool.fcgi", 2)
    return max(built, key=lambda p: (p / "hookspool.fcgi").stat().st_mtime)


def stage():
    """Copies the programs to where www-data can run them, whatever the modes of the build and the source."""
    build = find_build()
    BIN.mkdir()
    for name in ("hookspool.fcgi", "hookspool", "hookspool-page.fcgi"):
        shutil.copy(build / name, BIN / name)
        (BIN / name).chmod(0o755)
    if (build / "modules").exists():
        shutil.copytree(build / "modules", BIN / "modules", ignore=shutil.ignore_patterns(".*"))
    shutil.copy(Path(__file__).with_name("activate.py"), BIN)


def own(path):
    """Gives a file or directory to the user that services run as."""
    if USER:
        shutil.chown(path, USER, USER)
    return path


def new_dir(name="d"):
    """A directory of that user's, empty, not entered by others' writes."""
    path = BASE / f"{name}{next(COUNT)}"
    path.mkdir(mode=0o755)
    MADE.append(path)
    return own(path)


def stay(path):
    """Keeps a directory of new_dir()'s beyond the file of tests that made it."""
    MADE.remove(path)
    return path


def until(check, what, within=30.0):
    """Polls until check() gives something true, and returns that."""
    end = time.monotonic() + within * SLOW
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < end, f"did not happen within {within * SLOW:g} s: {what}"
        time.sleep(0.01)


def run(argv, stdin=b"", env=None, user=None, within=60, cwd="/"):
    """Runs a command to its end. The output is bytes, undecoded."""
    return subprocess.run([str(a) for a in argv], input=stdin, capture_output=True, timeout=within * SLOW, cwd=cwd,
                          env={**os.environ, **(env or {})}, **as_user(user))


def in_own_mounts(commands):
    """What comes before a command's words to run it, after such commands of the shell, where mounts are only its own."""
    namespaces = ["--mount"] if ROOT else ["--user", "--map-root-user", "--mount"]
    return [need("unshare"), *namespaces, "sh", "-c", f'{commands} && exec "$@"', "sh"]


def as_user(user):
    """The arguments that make subprocess run a command as that user; none when user is None."""
    return {"user": user, "group": user, "extra_groups": []} if user else {}
