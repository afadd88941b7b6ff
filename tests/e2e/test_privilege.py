# SPDX-License-Identifier: ISC
"""The privileges of each process: root's commands give them up, and no other user's files are trusted."""
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import fcgi_client
from outcomes import expect
from place import BIN, ROOT, USER, new_dir, own, run
from proc import Child
from receiver import Home, endpoint
from relaying import deliver, home_with, sink
from sender import message

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
def test_roots_command_cannot_return_to_root(receiver, children, command):
    home = stored(receiver)
    child = Child([BIN / "hookspool", "-c", home.conf, *command], home.dir / "command.log", user=None)
    owner = home.spool.dir.stat()
    child.until(lambda: users(child.pid)[0] == {str(owner.st_uid)}, "the change of the user")
    uids, gids, groups = users(child.pid)
    assert (uids, gids) == ({str(owner.st_uid)}, {str(owner.st_gid)}) and "0" not in groups
    assert re.search(r"^CapPrm:\s*0+$", Path(f"/proc/{child.pid}/status").read_text(), re.M)


@as_root
@pytest.mark.parametrize("role", ["receiver", "relay"])
def test_reload_by_root_sends_no_signal_to_another_users_process(receiver, children, role):
    """The spool's user can write any process's number into it."""
    home = stored(receiver)
    roots = Child(["sleep", "60"], home.dir / "sleep.log", user=None)
    with sqlite3.connect(home.spool.dir / "hookspool.db") as db:
        db.execute("UPDATE program SET role = ?, pid = ?, ticks = 0, ended_at = 0", (role, roots.pid))
    done = home.cli("reload", user=None)
    assert done.returncode == 1 and b"another user's" in done.stderr, done
    assert Path(f"/proc/{roots.pid}/stat").read_text().split()[2] == "S", "it runs on"


@as_root
@pytest.mark.parametrize("kind", ["http", "exec"])
def test_root_reads_no_sink_files_before_the_relays_user_is_known(receiver, kind):
    """In a directory that two users share, the socket that the relay makes tells its user. The receiver's must not stand in for it."""
    one = receiver(home=home_with(sink("out", url="http://127.0.0.1:9/", authorization_file="auth") if kind == "http" else
                                  sink("out", type="exec", command=["/bin/true"], allow_private=None)))
    deliver(one)
    one.stop()
    home, unseen = one.home, "no relay has run yet: the files of sinks were not checked"
    told = lambda: [c for c in json.loads(home.cli("check", "--json", "--socket", "none", user=None).stdout)["checks"] if c["name"] in ("sink", "file")]
    assert not any(unseen in c["message"] for c in told()), "one user's directory"
    home.spool.dir.chmod(0o2770)
    assert [c["status"] for c in told() if unseen in c["message"]] == ["warn"]
    assert not any(re.search("sink out: (authorization-file|.*/bin/true)", c["message"]) for c in told())
    done = home.cli("send", "--relay", "out", user=None)
    assert done.returncode == 75 and b"no relay has run yet" in done.stderr and not done.stdout
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wakeup:
        wakeup.bind(str(home.spool.dir / "relay"))
        os.chown(home.spool.dir / "relay", 65534, home.spool.dir.stat().st_gid)
    assert not any(unseen in c["message"] for c in told())
    assert any(re.search("sink out: (authorization-file|.*/bin/true)", c["message"]) for c in told())


@as_root
def test_root_reads_its_secret_before_the_spool(receiver):
    home = stored(receiver)
    secret = home.write("roots", (home.dir / "secret").read_text())
    shutil.chown(secret, "root", "root")
    assert home.cli("verify", "--id", "1", "--secret-file", secret, user=None).returncode == 0


@as_root
def test_root_refuses_its_own_directory_that_others_may_write(receiver):
    home = stored(receiver)
    shutil.chown(home.spool.dir, "root", "root")
    home.spool.dir.chmod(0o777)
    done = home.cli("list", user=None)
    assert done.returncode == 75 and b"other users may write into it (mode 0777); chown it" in done.stderr, done.stderr


# ---- what each process gives up

MEMORY = """
import re, sys
found = []
for line in open(f"/proc/{sys.argv[1]}/maps"):
    found += re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", line)
with open(f"/proc/{sys.argv[1]}/mem", "rb", 0) as memory:
    for start, end in found:
        memory.seek(int(start, 16))
        print(len(memory.read(int(end, 16) - int(start, 16))))
"""


@pytest.mark.parametrize("which", ["receiver", "relay", "tail"])
def test_memory_is_closed_to_others_of_the_same_user(receiver, relay, which):
    """Not even a process of the same user reads a secret out of it; the test's own process shows that it could."""
    home = home_with(sink("out", url="http://127.0.0.1:9/"))
    one = receiver(home=home)
    deliver(one)
    if which == "relay":
        one = relay(home).ready()
    elif which == "tail":
        one = Child([BIN / "hookspool", "-c", home.conf, "tail"], home.dir / "tail.log")
        one.until(lambda: "message.received" in one.text(), "the first line")
    open_one = Child(["sleep", "60"], home.dir / "sleep.log")
    reader = [sys.executable if not ROOT else "/usr/bin/python3", "-c", MEMORY]
    assert run([*reader, open_one.pid], user=USER).returncode == 0
    done = run([*reader, one.pid], user=USER)
    assert done.returncode == 1 and b"PermissionError" in done.stderr, done.stdout + done.stderr


def test_receiver_gives_up_programs_and_network(receiver):
    """Where the kernel lets it: seccomp's filter, and no new privileges."""
    home = Home(endpoint(), log_level="debug")
    one = receiver(home=home)
    expect(fcgi_client.deliver(one.socket, message()), "stored")
    status = Path(f"/proc/{one.pid}/status").read_text()
    assert re.search(r"^NoNewPrivs:\s*1$", status, re.M) and re.search(r"^Seccomp:\s*2$", status, re.M), status
    assert re.search(r'msg="sandbox: seccomp yes, landlock version \d+"', one.text())
    one.hup()
    one.until(lambda: "configuration reloaded" in one.text(), "the reload, which reads files")


def test_sandbox_can_be_turned_off(receiver):
    """For a kernel or a library that does not go with it. There is still no core file."""
    one = receiver(home=Home(endpoint(), sandbox=False, log_level="debug"))
    expect(fcgi_client.deliver(one.socket, message()), "stored")
    assert re.search(r"^Seccomp:\s*0$", Path(f"/proc/{one.pid}/status").read_text(), re.M)
    assert 'msg="sandbox: off, as the configuration says"' in one.text()
    assert re.search(r"^Max core file size +0 +0 ", Path(f"/proc/{one.pid}/limits").read_text(), re.M)


# ---- forged spools

def changed(home, sql):
    """Changes the spool's database as the receiver's user could, from outside of hookspool."""
    db = sqlite3.connect(home.spool.dir / "hookspool.db", isolation_level=None)
    try:
        db.executescript(sql)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        db.close()
    for file in home.spool.dir.iterdir():
        own(file)


FORGED = "PRAGMA writable_schema=ON; INSERT INTO sqlite_schema VALUES('{}', '{}', '{}', 0, '{}')"
RENAMED = "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET name = '{0}', sql = 'CREATE INDEX {0} ON event(hex(body))' WHERE name = '{1}'"

FOREIGN = {
    "a trigger": ("CREATE TRIGGER \"o\x1b[2Jwn\" AFTER UPDATE ON relay BEGIN DELETE FROM event; END", "trigger \"o?[2Jwn\""),
    "a view": ("CREATE VIEW own AS SELECT * FROM event", "view \"own\""),
    "a view in a table's place": ("ALTER TABLE deleted RENAME TO d2; CREATE VIEW deleted AS SELECT 0 AS last_id", "table \"d2\""),
    "a virtual table": ("CREATE VIRTUAL TABLE own USING fts5(a)", "table \"own"),
    "an index": ("CREATE INDEX own ON event(hex(body))", "index \"own\""),
    "another trigger of the same name": ("DROP TRIGGER event_deleted; CREATE TRIGGER event_deleted AFTER DELETE ON event BEGIN DELETE FROM relay; END",
                                         "trigger \"event_deleted\""),
    "a column more": ("ALTER TABLE spool ADD COLUMN own TEXT GENERATED ALWAYS AS (hex(name))", "table \"spool\""),
    "a trigger with a name of SQLite's": (FORGED.format("trigger", "sqlite_t", "relay", "CREATE TRIGGER sqlite_t AFTER UPDATE ON relay BEGIN DELETE"
                                                        " FROM event; END"), "trigger \"sqlite_t\""),
    "a trigger with the name of SQLite's table": (FORGED.format("trigger", "sqlite_stat1", "relay", "CREATE TRIGGER sqlite_stat1 AFTER UPDATE ON"
                                                                " relay BEGIN DELETE FROM event; END"), "trigger \"sqlite_stat1\""),
    "a view with the name of SQLite's table": (FORGED.format("view", "sqlite_stat4", "sqlite_stat4", "CREATE VIEW sqlite_stat4 AS SELECT * FROM event"),
                                               "view \"sqlite_stat4\""),
    "an index with a name of SQLite's": ("CREATE INDEX own ON event(hex(body)); " + RENAMED.format("sqlite_autoindex_event_9", "own"),
                                         "index \"sqlite_autoindex_event_9\""),
    "a trigger that is missing": ("DROP TRIGGER event_deleted", "trigger \"event_deleted\" is missing"),
}


@pytest.mark.parametrize("sql, named", FOREIGN.values(), ids=FOREIGN)
def test_foreign_schema_is_refused(receiver, sql, named):
    home = stored(receiver)
    changed(home, sql)
    for command in (["list"], ["relay", "--once"], ["drop", "--sink", "out"]):
        done = home.cli(*command)
        assert done.returncode == 75 and named in done.stderr.decode().replace("\\", ""), done.stderr
    assert len(home.spool.events()) == 1


def test_sqlites_own_tables_are_no_foreign_schema(receiver):
    home = stored(receiver)
    changed(home, "ANALYZE")
    assert home.spool.query("SELECT count(*) AS n FROM sqlite_schema WHERE name LIKE 'sqlite_stat%'")[0]["n"] >= 1
    assert home.cli("list").returncode == 0


@pytest.mark.parametrize("name", ["hookspool.db", "hookspool.db-wal", "hookspool.db-shm", "hookspool.db-journal", "lock", "relay.lock"])
@pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
def test_special_file_in_the_spool_is_refused(receiver, name, kind):
    """Neither the command nor the receiver follows it; what it points to stays as it was."""
    home = stored(receiver)
    file, other = home.spool.dir / name, home.write("other", "precious", mode=0o640)
    if kind == "link":
        if file.exists():
            other.write_bytes(file.read_bytes())
            file.unlink()
        file.symlink_to(other)
        os.chown(file, other.stat().st_uid, other.stat().st_gid, follow_symlinks=False)
    else:
        file.unlink(missing_ok=True)
        os.mkfifo(file) if kind == "fifo" else file.mkdir()
        own(file)
    before = other.read_bytes(), other.stat().st_mode
    done = home.cli("list")
    assert done.returncode == 75 and f"{name}: ".encode() in done.stderr and b"remove it" in done.stderr, done.stderr
    fcgi = receiver(home=home)
    expect(fcgi_client.deliver(fcgi.socket, message()), "unavailable")
    assert (other.read_bytes(), other.stat().st_mode) == before


def test_link_to_the_spools_directory_is_followed(receiver):
    """It is the administrator's own."""
    home = stored(receiver)
    (home.dir / "by-name").symlink_to(home.spool.dir)
    home.configure(spool=str(home.dir / "by-name"))
    assert home.cli("list").returncode == 0
    one = receiver(home=home)
    expect(fcgi_client.deliver(one.socket, message()), "stored")


FORGED = {"null": None, "minus one": -1, "largest": 2 ** 63 - 1, "smallest": -2 ** 63, "out of range": 99, "text": "9\x1b[2J\u202ex" * 40,
          "empty": "", "blob": b"\x00\xff\x00", "real": 1e300}
READERS = [["list"], ["list", "--json"], ["show", "1"], ["show", "1", "--json"], ["stats"], ["stats", "--json"], ["rejects"],
           ["rejects", "--json"], ["rejects", "--verify"], ["deliveries"], ["deliveries", "--json"], ["deliveries", "--shape"],
           ["deliveries", "--event", "1"], ["export"], ["tail", "-n", "0", "--since", "1h"], ["verify", "--id", "1"], ["check"], ["relay", "--once"],
           ["retry", "--sink", "out"], ["replay", "1", "--sink", "out"], ["drop", "--sink", "out"], ["purge"], ["purge", "--older-than", "1h"]]


def forge(home, value):
    """Sets all columns of all tables but the rows' ids to this value, also where the schema forbids it."""
    file = home.spool.dir / "hookspool.db"
    with sqlite3.connect(file) as db:
        schema = db.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
        version, = db.execute("PRAGMA schema_version").fetchone()
        db.executescript("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') WHERE type = 'table';"
                         f"PRAGMA schema_version={version + 1}")
    with sqlite3.connect(file) as db:
        for name, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            db.execute(f'DROP TRIGGER "{name}"')
        for table, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'").fetchall():
            for _, column, _, _, _, key in db.execute(f'PRAGMA table_info("{table}")').fetchall():
                if not key and (table, column) != ("event", "key"):
                    db.execute(f'UPDATE OR IGNORE "{table}" SET "{column}" = ?', (value,))
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA writable_schema=ON")
        for name, sql in schema:
            if not db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (sql, name)).rowcount:
                db.execute("INSERT INTO sqlite_schema VALUES('trigger', ?, ?, 0, ?)", (name, sql.split(" ON ")[1].split()[0], sql))
        db.execute(f"PRAGMA schema_version={version + 2}")
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for path in home.spool.dir.iterdir():
        own(path)


def drop_not_null(file):
    with sqlite3.connect(file) as db:
        version, = db.execute("PRAGMA schema_version").fetchone()
        schema = db.execute("SELECT name, sql FROM sqlite_schema WHERE name = 'relay'").fetchall()
        db.executescript("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') WHERE name = 'relay';"
                         f"PRAGMA schema_version={version + 1}")
    return schema, version


@pytest.mark.parametrize("name", ["null", "smallest", "text"])
def test_forged_value_of_a_delivery_ends_no_command(receiver, name):
    """The others are right, so that the row is found: a pending delivery to no sink, for one."""
    home = stored(receiver)
    file = home.spool.dir / "hookspool.db"
    (schema, *_), version = drop_not_null(file)
    with sqlite3.connect(file) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(relay)") if not row[5]]
        for column in columns:
            db.execute(f"INSERT INTO relay SELECT {', '.join(c if c != column else '?' for c in ['NULL', *columns])} FROM relay WHERE id = 1",
                       (FORGED[name],))
        db.executescript(f"PRAGMA writable_schema=ON; PRAGMA schema_version={version + 2}")
        db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", schema[::-1])
    assert len(columns) > 8
    for command in (["check"], ["check", "--json"], ["deliveries"], ["deliveries", "--json"], ["stats"], ["show", "1"], ["relay", "--once"]):
        done = home.cli(*command)
        assert done.returncode in (0, 1, 2, 65, 75), (command, done)


@pytest.mark.parametrize("value", FORGED.values(), ids=FORGED)
def test_forged_values_end_no_command(receiver, target, value):
    """Neither a signal nor a sanitizer's report, and nothing that steers a terminal."""
    home = home_with(sink("out", url=target.url), reject_bodies=True, reject_keep=10)
    one = receiver(home=home)
    deliver(one, 3)
    target.answers = [{"status": 404}, {"status": 503}]
    expect(fcgi_client.deliver(one.socket, message(), headers={"X-Webhook-Signature": "sha256=" + "0" * 64}), "unauthorized")
    home.cli("relay", "--once")
    one.stop()
    forge(home, value)
    for command in READERS:
        try:
            done = home.cli(*command, within=5)
        except subprocess.TimeoutExpired as ended:
            assert command[0] == "tail"
            done = ended
        else:
            assert done.returncode in (0, 1, 2, 64, 65, 66, 75, 78), (command, done)
        out = (done.stdout or b"") + (done.stderr or b"")
        assert b"schema:" not in out, (command, out)
        if command == ["deliveries", "--json"]:
            for row in map(json.loads, done.stdout.splitlines()):
                assert 0 <= row["attempts"] <= 1000000 and row["state"] in ("pending", "delivered", "dead")
        if command[0] != "export":
            assert b"\x1b" not in out and "\u202e".encode() not in out, (command, out)


# ---- files that others may change

@pytest.mark.parametrize("name", ["hookspool.conf", "conf.d/a.conf", "conf.d"])
def test_configuration_that_others_may_change_is_refused(receiver, relay, name):
    """By the receiver, the relay and each command; a reload keeps the configuration that there is."""
    home = home_with(sink("out", url="http://127.0.0.1:9/"))
    (home.dir / "conf.d").mkdir()
    own(home.dir / "conf.d")
    home.write("conf.d/a.conf", "dedupe-window = \"1h\"\n")
    home.conf.write_text('include("conf.d")\n' + home.conf.read_text())
    one = receiver(home=home)
    (home.dir / name).chmod(0o777 if name == "conf.d" else 0o646)
    one.hup()
    one.until(lambda: "reload failed" in one.text(), "the reload")
    said = f"{name}: anybody may change it (mode 0{'777' if name == 'conf.d' else '646'}, user "
    for args in (["relay"], ["list"], ["check"]):
        done = home.cli(*args)
        out = (done.stdout + done.stderr).decode().replace("\\", "")
        assert done.returncode in (78, 2) and said in out and "chmod o-w it" in out, out
    expect(fcgi_client.deliver(one.socket, message()), "stored")


def checked(home, *expected):
    """What check says in lines that are not ok; each of the expected texts must be in one of them."""
    lines = [line for line in home.cli("check").stdout.decode().splitlines() if not line.startswith("ok")]
    for text in expected:
        assert any(text in line for line in lines), (text, lines)
    return lines


def test_programs_that_others_may_change_get_a_warning(receiver, relay):
    """The program, the interpreter of its first line, a script among the arguments, and a directory in which any of them stands."""
    home = Home(sink("a", type="exec", command=["@/prog"], allow_private=None), sink("b", type="exec", command=["/bin/sh", "@/script"], allow_private=None),
                sink("c", type="exec", command=["@/open/prog", "--rules=@/rules"], allow_private=None), endpoint(relay=["a", "b", "c"]))
    home.conf.write_text(home.conf.read_text().replace("@", str(home.dir)))
    (home.dir / "open").mkdir()
    own(home.dir / "open")
    for name in ("prog", "script", "interpreter", "rules", "open/prog"):
        home.write(name, f"#!{home.dir}/interpreter\n" if name == "prog" else "#!/bin/sh\n", 0o755)
    lines = home.cli("check").stdout.decode()
    assert "anybody" not in lines, lines
    for name in ("prog", "script", "interpreter", "rules"):
        (home.dir / name).chmod(0o757)
    (home.dir / "open").chmod(0o777)
    found = [f"sink {of}: {home.dir}/{name}: anybody may change it (mode 0757, user " for of, name in
             (("a", "prog"), ("a", "interpreter"), ("b", "script"), ("c", "rules"))]
    found.append(f"sink c: {home.dir}/open/prog: anybody may replace it, for {home.dir}/open has mode 0777; chmod o-w that directory")
    assert all(line.startswith("FAIL") for line in checked(home, *found) if "anybody" in line)
    one = receiver(home=home)
    running = relay(home).ready()
    for text in found:
        assert text.split(": ", 1)[1].split(" (")[0] in running.text(), running.text()
    one.stop()


@pytest.mark.parametrize("way", ["link", "link to a link", "link to a link to the directory", "relative link out of a directory"])
def test_links_that_others_may_replace_get_a_warning(receiver, way):
    """Any link on the way to a file, however far."""
    safe, shared = new_dir("safe"), new_dir("shared")
    home = Home(endpoint(secret_file=[str(safe / "first")]))
    file = {"link": home.dir / "secret", "link to a link": home.dir / "secret", "link to a link to the directory": home.dir,
            "relative link out of a directory": Path("../") / home.dir.name / "secret"}[way]
    (shared / "middle").symlink_to(file)
    first = shared / "middle" if way == "link" else safe / "first"
    if way != "link":
        first.symlink_to(shared / "middle")
    if way == "link to a link to the directory":
        first /= "secret"
    home.configure(endpoint(secret_file=[str(first)]))
    assert not any("replace" in line for line in checked(home))
    shared.chmod(0o777)
    checked(home, f"{first}: anybody may replace it, for {shared} has mode 0777; chmod o-w that directory")


def test_files_that_a_group_may_change_get_a_warning(receiver):
    """Of root's group nothing is said."""
    home = Home(endpoint(verify_token_file=["token"], secret_file=["secret"], scheme="meta"), files={"token": "a-token-of-meta"})
    for file in (home.conf, home.dir / "token"):
        file.chmod(0o660)
        lines = checked(home, f"{file}: its group may change it (mode 0660, user ")
        assert all(line.startswith("warn") for line in lines if "its group" in line)
        if ROOT:
            shutil.chown(file, group="root")
            file.chmod(0o664 if file == home.conf else 0o660)
            assert f"{file}: its group" not in home.cli("check", user=None).stdout.decode()
        own(file)
        file.chmod(0o600)
    (home.dir / "token").chmod(0o604)
    done = home.cli("check")
    assert done.returncode == 2 and b"token: others may read or change it (mode 0604, user " in done.stdout
