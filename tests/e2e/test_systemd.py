# SPDX-License-Identifier: ISC
"""The units at work, installed as README says: under a systemd of our own, that has nothing else to start."""
import json
import os
import re
import time
from pathlib import Path

import pytest

import fcgi_client
import readme
import units
from examples import EXAMPLES, with_endpoint
from outcomes import expect
from page import Asked
from place import BASE, BIN, ROOT, SANITIZER, SOURCE, need, new_dir, run, until
from proc import Child
from relaying import Target
from sender import SECRET, message, sign

UNITS = ("hookspool.socket", "hookspool.service", "hookspool-relay.service")
USERS = {"hookspool.service": "hookspool", "hookspool-relay.service": "hookspool-relay"}
TARGETS = ("sysinit", "basic", "sockets", "network-online", "multi-user", "shutdown")
BOOT = f"""set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /run
cp -a /etc /run/etc
mount --bind /run/etc /etc
mount -t tmpfs -o mode=755 tmpfs /var/lib
mount -t tmpfs -o mode=755 tmpfs /usr/local

mkdir -p /run/others /etc/systemd/journald.conf.d /etc/hookspool
rm -r /etc/systemd/system
cd /run/others
for target in {" ".join(TARGETS)}; do printf '[Unit]\\nDefaultDependencies=no\\n' > $target.target; done
printf '[Unit]\\nRequires=systemd-journald.service\\nAfter=systemd-journald.service\\n' > default.target
cp /lib/systemd/system/systemd-journald* .
printf '[Journal]\\nReadKMsg=no\\n' > /etc/systemd/journald.conf.d/own.conf

install -D {BIN}/hookspool /usr/local/bin/hookspool
install -D {BIN}/hookspool.fcgi /usr/local/libexec/hookspool.fcgi
install -D {BIN}/hookspool-page.fcgi /usr/local/libexec/hookspool-page.fcgi
mkdir -p /usr/local/share/hookspool
cp -r {SOURCE}/share/page /usr/local/share/hookspool/page
cp -r "$1"/* /etc/hookspool
cp -r "$2" /usr/local/lib
mkdir /etc/systemd/system
{readme.units()}
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /var/tmp
exec env container=test SYSTEMD_UNIT_PATH=/etc/systemd/system:/usr/local/lib/systemd/system:/run/others /lib/systemd/systemd --system
"""


def cgroups():
    """Where the hierarchy of version 2 is mounted."""
    found = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    found = [Path(fields[1]) for fields in found if fields[2] == "cgroup2" and "rw" in fields[3].split(",")]
    return found[0] if found else None


pytestmark = [
    pytest.mark.skipif(not ROOT or not cgroups(), reason="only root can boot a systemd, and in a control group"),
    pytest.mark.skipif(bool(SANITIZER), reason="the units forbid what sanitizers do"),
]


class Machine:
    """systemd as the first process of namespaces of its own, with a root of which /etc, /run, /tmp, /usr/local, /var/lib and /var/tmp are private."""

    def __init__(self, files):
        given, lib = new_dir("etc"), new_dir("lib")
        self.cgroup = cgroups() / f"{BASE.name}-{given.name}"
        (given / "sinks").mkdir()
        for name, text in files.items():
            (given / name).write_text(text)
        units.write(lib)
        self.cgroup.mkdir()
        enter = f'echo $$ > {self.cgroup}/cgroup.procs && exec "$@"'
        self.child = Child(["sh", "-c", enter, "sh", need("unshare"), "--mount", "--pid", "--fork", "--kill-child", "--cgroup", "--ipc",
                            "--uts", "sh", "-c", BOOT, "sh", given, lib], given / "boot.log", user=None)
        self.first = self.child.until(self.find_first, "systemd", 30)
        self.child.until(lambda: self.call("systemctl", "is-active", "default.target").stdout == b"active\n", "the boot", 30)

    def find_first(self):
        """Its first process, once that is systemd: until then a command would reach the one outside."""
        for pid in Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text().split():
            if Path(f"/proc/{pid}/comm").read_text() == "systemd\n":
                return pid
        return None

    def call(self, *argv):
        """Runs a command in it to its end."""
        return run([need("nsenter"), f"--target={self.first}", "--mount", "--pid", "--cgroup", "--ipc", "--uts", "--", *argv])

    def do(self, *argv):
        done = self.call(*argv)
        assert done.returncode == 0, done.stdout + done.stderr + self.call("journalctl", "-n50").stdout
        return done.stdout.decode()

    def cli(self, *argv):
        return self.do("hookspool", "-c", "/etc/hookspool/hookspool.conf", *argv)

    def checks(self):
        """hookspool check, run by root, finds no fault."""
        done = self.call("hookspool", "-c", "/etc/hookspool/hookspool.conf", "check", "--socket", "unix:/run/hookspool/hookspool.sock")
        assert done.returncode in (0, 1) and b"FAIL" not in done.stdout, done.stdout.decode()
        print(done.stdout.decode())

    def path(self, path):
        return Path(f"/proc/{self.first}/root{path}")

    def deliver(self, **data):
        socket = self.path("/run/hookspool/hookspool.sock")
        expect(fcgi_client.deliver(socket, message(**data), path="/webhook/linkedin"), "stored")

    def deliveries(self):
        return [json.loads(line) for line in self.cli("deliveries", "-n0", "--json").splitlines()]

    def show(self, unit, name):
        return self.do("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def users(self, unit):
        """The users, the groups and the other groups of a unit's process."""
        status = self.path(f"/proc/{self.show(unit, 'MainPID')}/status").read_text()
        return [set(re.search(rf"^{name}:\s*(.*)$", status, re.M)[1].split()) for name in ("Uid", "Gid", "Groups")]

    def may_read(self, unit, path):
        """Whether another process of the unit's user and groups could open that file."""
        (uid, *_), (gid, *_), groups = self.users(unit)
        return self.call("setpriv", f"--reuid={uid}", f"--regid={gid}", f"--groups={','.join(groups)}", "cat", path).returncode == 0

    def end(self):
        self.child.end()
        for path, _, _ in os.walk(self.cgroup, topdown=False):
            until(lambda: gone(path), f"the end of {path}")


def gone(cgroup):
    try:
        os.rmdir(cgroup)
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def service():
    """Where programs and sinks send to: the assistant's service, and ConnectSafely's API."""
    one = Target()
    yield one
    one.close()


@pytest.fixture(scope="module")
def machine(service):
    """One with the assistant of conf-examples."""
    text = with_endpoint((EXAMPLES / "sinks/assistant.conf").read_text())
    text = text.replace("https://api.openai.com/v1", f"http://127.0.0.1:{service.port}/v1")
    text = re.sub(r'^\turl = .*', f'\turl = "{service.url}"\n\tallow-private = true', text, flags=re.M)
    one = Machine({
        "hookspool.conf": text, "linkedin.secret": SECRET, "sinks/assistant.py": (EXAMPLES / "sinks/assistant.py").read_text(),
        "sinks/assistant.prompt": "Be kind.", "sinks/assistant.key": "key", "sinks/connectsafely.auth": "Bearer of-the-sink"})
    try:
        one.do("systemctl", "enable", "--now", *UNITS)
        yield one
    finally:
        one.end()


def serves(machine, service):
    """What comes is answered by the assistant."""
    n = len(service.got)
    service.answers = [{"body": b'{"choices": [{"message": {"content": "Thanks"}}]}'}]
    machine.deliver(conversation_id=f"urn:{n}")
    asked, replied = service.until(n + 2)[n:]
    assert json.loads(replied[4]) == {"accountId": "acc-1", "conversationUrn": f"urn:{n}", "message": "Thanks"}
    until(lambda: {one["state"] for one in machine.deliveries()} == {"delivered"}, "the note of it")


def test_units_serve(machine, service):
    """Each runs as the user that is made for it, and check finds nothing wrong."""
    machine.checks()
    serves(machine, service)
    for unit, user in USERS.items():
        assert machine.users(unit)[0] == {machine.do("id", "-u", user).strip()}
        assert machine.show(unit, "NRestarts") == "0"
    until(lambda: "outcome=stored" in machine.do("journalctl", "--unit=hookspool.service"), "the journal's entry")


def test_receiver_and_relay_share_the_spool_and_no_secret(machine):
    """Each file of the spool belongs to both users and to no other one; of the secrets, each user reads its own."""
    receiver, relay = USERS
    spool = machine.path("/var/lib/hookspool")
    assert spool.stat().st_mode & 0o7777 == 0o2770
    group = int(machine.do("getent", "group", "hookspool-spool").split(":")[2])
    assert {(path.stat().st_gid, path.stat().st_mode & 0o777) for path in spool.iterdir() if path.is_file()} == {(group, 0o660)}
    assert {(path.stat().st_gid, path.stat().st_mode & 0o777) for path in spool.iterdir() if path.is_dir()} <= {(group, 0o770)}
    assert len({path.stat().st_uid for path in spool.iterdir()}) == 2
    for path, reader in (("linkedin.secret", receiver), ("sinks/connectsafely.auth", relay), ("sinks/assistant.key", relay),
                         ("sinks/assistant.prompt", relay)):
        may = {unit: machine.may_read(unit, f"/etc/hookspool/{path}") for unit in USERS}
        assert may == {unit: unit == reader for unit in USERS}, path
    assert all(machine.may_read(unit, "/etc/hookspool/hookspool.conf") for unit in USERS)


def test_relay_makes_files_that_the_receiver_can_use(machine, service):
    """What the relay makes anew, as SQLite does, is the receiver's too."""
    receiver, relay = USERS
    machine.do("systemctl", "stop", receiver, relay)
    for name in ("hookspool.db-wal", "hookspool.db-shm", "lock", "relay.lock"):
        machine.path(f"/var/lib/hookspool/{name}").unlink(missing_ok=True)
    machine.do("systemctl", "start", relay)
    machine.do("systemctl", "start", receiver)
    serves(machine, service)
    machine.checks()


def test_spool_of_one_user_is_shared_after_the_upgrade(machine, service):
    """As 0.1's units left it: a directory with mode 0700 and files with 0600, all of the receiver's own group."""
    receiver, relay = USERS
    machine.do("systemctl", "stop", receiver, relay)
    machine.do("chown", "-R", "hookspool:hookspool", "/var/lib/hookspool")
    machine.do("sh", "-c", "chmod 700 /var/lib/hookspool && chmod 600 /var/lib/hookspool/*")
    machine.do("systemd-tmpfiles", "--create", "hookspool.conf")
    done = machine.call("hookspool", "-c", "/etc/hookspool/hookspool.conf", "check")
    assert b"hookspool.db: another group than the directory's; chgrp --reference=/var/lib/hookspool it" in done.stdout
    machine.do("sh", "-c", "chgrp hookspool-spool /var/lib/hookspool/*")
    machine.do("systemctl", "start", receiver)
    machine.do("systemctl", "start", relay)
    serves(machine, service)
    machine.checks()
    machine.do("hookspool", "-c", "/etc/hookspool/hookspool.conf", "send", "--relay", "connectsafely")


def test_page_in_its_unit(machine, service):
    """It shows the shared spool, explains with the receiver's secrets, and acts, in all that the unit forbids."""
    conf = machine.path("/etc/hookspool/hookspool.conf")
    conf.write_text("page-actions = true\nreject-bodies = true\n" + conf.read_text())
    machine.do("systemctl", "reload", "hookspool.service")
    machine.do("systemctl", "start", "hookspool-page.socket")
    serves(machine, service)
    page = Asked(machine.path("/run/hookspool/page.sock"))
    newest = page.get("/events.json").json["events"][0]
    assert newest["kind"] == "event" and page.get("/").status == 200
    summary = page.get("/summary.json").json
    assert summary["receiver"] == "up" and summary["relay"] == "up" and summary["token"]
    body = message(text="forged")
    answer = fcgi_client.deliver(machine.path("/run/hookspool/hookspool.sock"), body + b" ", path="/webhook/linkedin",
                                 headers=[("X-Webhook-Signature", sign(body))])
    assert answer.status == 401
    refused = until(lambda: page.get("/events.json", outcome="refused").json["events"], "the refused delivery")[0]
    assert page.get(f"/event/{refused['id']}.json").json["explain"]["verdict"] == "wrong signature"
    service.answers = [{"body": b'{"choices": [{"message": {"content": "Thanks"}}]}'}]
    answer = page.get("/action", method="POST", body=json.dumps({"action": "replay", "id": newest["id"]}).encode(), headers={
        "Content-Type": "application/json", "X-Hookspool-Token": summary["token"], "Origin": "http://page.example"})
    assert answer.status == 200 and answer.json["changed"] >= 1, answer
    machine.do("systemctl", "reload", "hookspool-page.service")
    machine.do("systemctl", "stop", "hookspool-page.socket", "hookspool-page.service")
    assert machine.show("hookspool-page.service", "Result") == "success"
    until(lambda: {one["state"] for one in machine.deliveries()} == {"delivered"}, "the replay")
    machine.checks()


@pytest.mark.parametrize("unit", UNITS[1:])
def test_killed_receiver_is_restarted(machine, service, unit):
    """It is started again, and deliveries that came before that have only waited."""
    machine.do("systemctl", "kill", "--signal=KILL", unit)
    serves(machine, service)
    assert machine.show(unit, "NRestarts") == "1"


@pytest.mark.parametrize("unit", UNITS[1:])
@pytest.mark.parametrize("wrong", ["frobnicate = 1", 'listen = "unix:/run/other"'])
def test_reload_fails_where_the_configuration_is_refused(machine, service, unit, wrong):
    """By the command, which reads it first, or by the process: the receiver can't change where it listens."""
    conf = machine.path("/etc/hookspool/hookspool.conf")
    right = conf.read_text()
    refused = "frobnicate" in wrong or unit == "hookspool.service"
    conf.write_text(f"{wrong}\n{right}")
    done = machine.call("systemctl", "reload", unit)
    assert (done.returncode != 0) == refused
    assert machine.call("systemctl", "is-active", unit).stdout == b"active\n"
    conf.write_text(right)
    machine.do("systemctl", "reload", unit)
    serves(machine, service)
    machine.checks()


def test_root_reloads_both_users_processes(machine, service):
    """Without systemctl: each gets its signal from a process of its own user."""
    done = machine.call("hookspool", "-c", "/etc/hookspool/hookspool.conf", "reload")
    assert done.returncode == 0 and [line.split()[0] for line in done.stdout.splitlines()] == [b"receiver", b"relay"], done.stderr
    for role in ("receiver", "relay"):
        assert machine.cli("reload", role).startswith(f"{role} (pid ")
    machine.do("systemctl", "stop", "hookspool-relay")
    assert machine.cli("reload").startswith("receiver (pid ")
    assert machine.call("hookspool", "-c", "/etc/hookspool/hookspool.conf", "reload", "relay").returncode == 1
    machine.do("systemctl", "start", "hookspool-relay")
    serves(machine, service)


def test_stopped_receiver_behind_the_held_socket(machine, service):
    """systemd's socket accepts for it. The socket's path is what the receiver has noted."""
    machine.do("systemctl", "kill", "--signal=STOP", "hookspool.service")
    done = machine.call("hookspool", "-c", "/etc/hookspool/hookspool.conf", "check")
    machine.do("systemctl", "kill", "--signal=CONT", "hookspool.service")
    assert done.returncode == 2 and b"FAIL socket unix:/run/hookspool/hookspool.sock: no receiver answers within" in done.stdout
    serves(machine, service)
    machine.checks()


def test_reload_and_stop(machine, service):
    """A stop takes the programs with it that run, and what they were to do is done later."""
    conf = machine.path("/etc/hookspool/hookspool.conf")
    slow = 'sink "slow" {\n\ttype = "exec"\n\tcommand = {"sh", "-c", "trap : TERM; sleep 600 & wait; wait"}\n}\n'
    conf.write_text(slow + conf.read_text().replace('relay = {"assistant"}', 'relay = {"slow"}'))
    receiver, relay = UNITS[1:]
    machine.do("systemctl", "reload", receiver, relay)
    until(lambda: "reloaded" in machine.do("journalctl", f"--unit={receiver}"), "the reload")
    machine.deliver()
    machine.child.until(lambda: "sleep" in machine.do("systemctl", "status", "--no-pager", relay), "the program")
    start = time.monotonic()
    machine.do("systemctl", "stop", relay)
    assert time.monotonic() - start < 9 and machine.show(relay, "Result") == "success"
    assert b"sleep" not in machine.call("ps", "-eo", "comm").stdout
    assert machine.deliveries()[-1]["state"] == "pending"


def test_init_makes_what_the_units_need():
    """The first minutes of a machine without a configuration: nothing starts, then init with its defaults, and the line that it prints."""
    machine = Machine({})
    try:
        machine.do("systemctl", "enable", "--now", *UNITS[:2])
        assert machine.call("systemctl", "is-active", *UNITS).stdout.split() == [b"inactive"] * 3
        said = machine.do("hookspool", "-c", "/etc/hookspool/hookspool.conf", "init", "--url", "https://hooks.example.com/webhook/linkedin",
                          "--new-secret", "--no-web-server")
        line, = re.findall(r"Start it:  (.*)$", said, re.M)
        assert line == "systemctl enable --now hookspool.socket hookspool.service" and "FAIL" not in said, said
        machine.do(*line.split())
        secret, body = machine.path("/etc/hookspool/linkedin.secret"), message()
        assert machine.may_read(UNITS[1], "/etc/hookspool/linkedin.secret") and secret.stat().st_mode & 0o777 == 0o600
        expect(fcgi_client.deliver(machine.path("/run/hookspool/hookspool.sock"), body, path="/webhook/linkedin",
                                   headers={"X-Webhook-Signature": sign(body, secret.read_text().strip())}), "stored")
        assert len(machine.cli("list").splitlines()) == 3, "a header, the delivery of init, and this one"
        machine.checks()
    finally:
        machine.end()
