# SPDX-License-Identifier: ISC
"""hookspool check: what it finds, how it says so, and what it must not miss; secrets and configurations with characters unseen."""
import fcntl
import json
import os
import pwd
import re
import signal
import socket
import sqlite3
import threading
import time

import fcgi_client
import pytest
from place import BIN, SOURCE, USER, in_own_mounts, own, run, until
from proc import Child
from receiver import Home, endpoint
from relaying import home_with, sink
from sender import AUTHORIZATION, SECRET, message, sign
from servers import free_port

PATH = "/webhook/linkedin"
PID_MAX = 1 << 22  # of Linux: no process has a higher number
MANUAL = (SOURCE / "man/hookspool.1").read_text().split("Names are stable:")[1].split(".El")[0]


def check(home, *args, socket=None, **how):
    """The exit status, and the findings as (name, status, message)."""
    if socket:
        args += ("--socket", f"unix:{socket}")
    done = home.cli("check", "--json", *args, **how)
    told = json.loads(done.stdout)
    worst = {"ok": 0, "warn": 1, "fail": 2}[told["status"]]
    assert all(re.search(rf"\b{re.escape(c['name'])}\b", MANUAL) for c in told["checks"])
    assert done.returncode == worst == max({"ok": 0, "warn": 1, "fail": 2}[c["status"]] for c in told["checks"])
    return done.returncode, [(c["name"], c["status"], c["message"]) for c in told["checks"]]


def bad(found):
    """What is not ok, but for the kind of disk that tests run on."""
    return [one for one in found if one[1] != "ok" and one[0] != "spool-filesystem"]


def named(found, name):
    return [one for one in found if one[0] == name]


def as_cgi(home, body=None, env=()):
    """One delivery to the receiver as a CGI program: the answer's status."""
    body = body or message()
    done = run([BIN / "hookspool.fcgi", "-c", home.conf, "--mode", "cgi"], user=USER, stdin=body, env={
        "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "POST", "SCRIPT_NAME": PATH, "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/json", "REMOTE_ADDR": "127.0.0.1", "HTTP_X_WEBHOOK_SIGNATURE": sign(body), **dict(env)})
    return int(done.stdout.split(b"Status: ")[1][:3])


# ---- exit status and JSON

def test_manual_has_the_names_of_the_code():
    text = "".join(path.read_text() for path in (SOURCE / "src/cli").glob("check*.c"))
    names = set(re.findall(r'check_say\([^;]*?CHECK_\w+, "([a-z-]+)"', text))
    assert len(names) > 20
    assert names <= set(re.findall(r"[a-z][a-z-]+", MANUAL)), names - set(re.findall(r"[a-z][a-z-]+", MANUAL))


def test_exit_statuses_of_monitoring_plugins(receiver):
    home = Home(endpoint(PATH))
    for wrong in (["--frobnicate"], ["more"], ["--socket"]):
        assert home.cli("check", *wrong).returncode == 3
    one = receiver(home=home)
    fcgi_client.deliver(one.socket, message())
    assert not bad(check(home, socket=one.socket)[1])
    home.write("secret", "short\n")
    status, found = check(home, socket=one.socket)
    assert status == 1 and any("has only 5 characters" in text for _, _, text in bad(found))
    home.write("secret", SECRET, mode=0o644)
    assert check(home, socket=one.socket)[0] == 2


def test_lines_and_json_say_the_same(receiver):
    one = receiver()
    fcgi_client.deliver(one.socket, message())
    found = check(one.home, socket=one.socket)[1]
    lines = one.home.cli("check", "--socket", f"unix:{one.socket}").stdout.decode().splitlines()
    label = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}
    assert [re.sub(r"\d+", "N", line) for line in lines] == [re.sub(r"\d+", "N", f"{label[s]} {text}") for _, s, text in found]


def test_json_of_root_has_the_findings_of_the_owner(receiver):
    one = receiver()
    fcgi_client.deliver(one.socket, message())
    named_by = [check(one.home, socket=one.socket, user=user)[1] for user in (USER, "root")]
    assert {name for name, _, _ in named_by[0]} == {name for name, _, _ in named_by[1]} >= {"spool", "spool-database", "socket"}


# ---- characters that can't be seen

SPACES = ["", "\n", "\r\n", " ", "\t", "\v", "\f", "\u00a0", "\u200b", "\u2060", "\u3000", "\ufeff", " \u00a0\r\n"]


@pytest.mark.parametrize("after", SPACES, ids=ascii)
@pytest.mark.parametrize("before", ["", "\ufeff", "\n\u00a0"], ids=ascii)
def test_secret_of_the_environment_is_trimmed_as_a_file_is(before, after):
    text = before + SECRET + after
    home = Home(endpoint(PATH, secret_env=["WS"]))
    assert as_cgi(home, env={"WS": text}) == 200
    home.configure(endpoint(PATH, secret_file=["odd"]))
    home.write("odd", text)
    assert as_cgi(home) == 200


def test_authorization_and_verify_token_of_the_environment_are_trimmed():
    home = Home(endpoint(PATH, authorization_env=["AUTH"]))
    for text in (AUTHORIZATION + "\n", "\ufeff" + AUTHORIZATION + "\r\n"):
        assert as_cgi(home, env={"AUTH": text, "HTTP_AUTHORIZATION": AUTHORIZATION}) == 200
    assert as_cgi(home, env={"AUTH": AUTHORIZATION + "\n", "HTTP_AUTHORIZATION": "Bearer other"}) == 401
    home.configure(endpoint(PATH, scheme="meta", verify_token_env=["TOKEN"]))
    query = "hub.mode=subscribe&hub.verify_token=token-of-meta&hub.challenge=123"
    assert as_cgi(home, env={"TOKEN": "token-of-meta \n", "REQUEST_METHOD": "GET", "QUERY_STRING": query}) == 200


@pytest.mark.parametrize("data, named_so", [
    (SECRET.encode("utf-16"), "UTF-16"), (SECRET.encode("utf-16-le"), "UTF-16"), (SECRET.encode("utf-16-be"), "UTF-16"),
    (SECRET.encode("utf-32"), "UTF-32"), (b"", "empty"), (b" \n", "only white space"), ("\u200b\u00a0\n".encode(), "only white space"),
    ("abcdefgh\u200bijklmnop".encode(), "a zero-width space (U+200B) is at byte 9"),
    ("abcdefgh\u00a0ijklmnop".encode(), "a non-breaking space (U+00A0) is at byte 9"), (b"abcdefgh\0ijklmnop", "a NUL byte is at byte 9"),
    (b"one-secret-of-two\nanother-secret", "more than one line")], ids=lambda v: v if isinstance(v, str) else "")
def test_error_names_invisible_characters_of_a_secret(data, named_so):
    home = Home(endpoint(PATH, secret_file=["odd"]))
    own(home.dir / "odd").write_bytes(data) if (home.dir / "odd").exists() else home.write("odd", "")
    (home.dir / "odd").write_bytes(data)
    status, found = check(home)
    text = found[0][2]
    assert status == 2 and named_so in text and f"{home.conf}:" in text and "abcdefgh" not in text
    if b"\0" not in data:
        home.configure(endpoint(PATH, secret_env=["WS"]))
        status, found = check(home, env={"WS": os.fsdecode(data)})
        assert status == 2 and named_so in found[0][2] and "WS" in found[0][2] and "abcdefgh" not in found[0][2]


def test_short_secret_of_a_token_warns():
    """RFC 7518 section 3.2 wants 32 bytes for HS256. Other schemes' secrets are as their providers give them."""
    home = Home(endpoint("/netlify", scheme="netlify", secret_file=["short"]), endpoint("/long", scheme="netlify", secret_file=["long"]),
                endpoint("/github", scheme="github", secret_file=["abc"]), files={"short": "x" * 31, "long": "y" * 32, "abc": "abc"})
    found = named(check(home)[1], "short-secret")
    assert len(found) == 1 and found[0][1] == "warn" and "/netlify: its secret" in found[0][2] and "31 bytes" in found[0][2]


def test_missing_secret_names_the_command_that_makes_one():
    home = Home(endpoint(secret_file=["nowhere"]))
    done = home.cli("verify", "-", stdin=b"{}")
    assert done.returncode == 78 and b"nowhere: No such file or directory; write the provider's secret into it, or let `hookspool keygen " in done.stderr
    command = re.search(r"`hookspool (keygen \S+)`", done.stderr.decode())[1]
    assert home.cli(*command.split()).returncode == 0 and home.cli("verify", "-", stdin=b"{}").returncode == 1, "it loads, and nothing is signed"


def line_of(home, number):
    """The line in the configuration that has that number where one option is above the endpoint."""
    return number - 1 + home.conf.read_text().split("endpoint ")[0].count("\n")


def rewrite(home, change):
    home.conf.write_bytes(change(home.conf.read_text()))


def test_named_pipe_as_configuration_does_not_block():
    home = Home(endpoint(PATH))
    os.mkfifo(home.dir / "more.conf")
    own(home.dir / "more.conf")
    rewrite(home, lambda text: (text + 'include("more.conf")\n').encode())
    status, found = check(home)
    assert status == 2 and found[0][2] == f"{home.dir}/more.conf: it is a pipe, and no file"
    done = run(["bash", "-c", f"{BIN}/hookspool -c <(printf nonsense) list"], user=USER)
    assert done.returncode == 78 and b"nonsense" in done.stderr, "the shell's own may be read"


def test_configuration_with_a_byte_order_mark_is_read():
    home = Home(endpoint(PATH))
    rewrite(home, lambda text: b"\xef\xbb\xbf" + text.encode())
    assert as_cgi(home) == 200
    home.write("more.conf", "\ufeff" + endpoint("/more"))
    rewrite(home, lambda text: (text + 'include("more.conf")\n').encode())
    assert not named(bad(check(home)[1]), "configuration")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_configuration_in_another_encoding_is_named(encoding):
    home = Home(endpoint(PATH))
    rewrite(home, lambda text: text.encode(encoding))
    status, found = check(home)
    assert status == 2 and f"its text is {encoding[:6].upper()}" in found[0][2] and "save it as UTF-8" in found[0][2]


@pytest.mark.parametrize("old, new, line", [
    ("secret-file", "\u00a0secret-file", 3), ('"secret"', '"secret\u200b"', 3), (PATH, PATH + "\u2060", 2), ("}", "}\ufeff", 4),
    ("endpoint ", "endpoint\u3000", 2)])
def test_invisible_character_in_a_configuration_has_its_line(old, new, line):
    home = Home(endpoint(PATH))
    line = line_of(home, line)
    rewrite(home, lambda text: text.replace(old, new, 1).encode() if old != "}" else new.join(text.rsplit(old, 1)).encode())
    status, found = check(home)
    assert status == 2 and f"{home.conf}:{line}: " in found[0][2] and "can't be seen" in found[0][2]


@pytest.mark.parametrize("byte, named_so", [
    (b"\xa0", "a non-breaking space of Latin-1 (0xA0)"), (b"\x0b", "a control character"), (b"\x1a", "a control character"),
    (b"\x7f", "a control character"), (b"\xc2\x85", "a control character (U+0080 to U+009F)")])
def test_invalid_utf8_in_a_configuration_has_its_line(byte, named_so):
    home = Home(endpoint(PATH))
    line = line_of(home, 3)
    rewrite(home, lambda text: text.encode().replace(b"secret-file", byte + b"secret-file", 1))
    status, found = check(home)
    assert status == 2 and f"{home.conf}:{line}: {named_so}, which can't be seen" in found[0][2]


@pytest.mark.parametrize("after", ["\n", " ", "\u200b"], ids=ascii)
def test_variable_with_blanks_around_it_warns(after):
    """In a configuration it is part of a name, where it can't be seen."""
    home = Home(endpoint(PATH, secret_file=["${NAME}"]))
    status, found = check(home, env={"NAME": "secret" + after})
    assert status == 2 and any(s == "warn" and "the text of NAME in the environment" in text and f"{home.conf}:{line_of(home, 3)}" in text
                               for _, s, text in found)
    assert not any("NAME" in text for _, _, text in check(home, env={"NAME": "secret"})[1])


def test_free_text_and_comments_may_have_invisible_characters():
    home = Home(endpoint(PATH, answer_body="Merci\u00a0!"))
    rewrite(home, lambda text: ("# \u00a0 a comment\n" + text).encode())
    assert as_cgi(home) == 200


# ---- the receiver: a request through its socket

@pytest.fixture
def healthy(receiver):
    """A receiver with one event in its spool, which is told of it: beside PostgreSQL a thread does that."""
    one = receiver(home=Home(endpoint(PATH)))
    fcgi_client.deliver(one.socket, message())
    until(lambda: one.home.spool.query("SELECT 1 FROM program"), "the spool is told of the receiver")
    return one


def probes(one):
    return named(check(one.home, socket=one.socket)[1], "socket")


def test_probe_is_answered_and_stored_nowhere(healthy):
    assert all(status == "ok" and "a receiver answers" in text for _, status, text in probes(healthy))
    fcgi_client.deliver(healthy.socket, message())
    healthy.stop()
    assert [(row["code"], row["n"]) for row in healthy.home.spool.query("SELECT code, n FROM counter")] == [("stored", 2)]
    assert not healthy.home.spool.query("SELECT * FROM reject") and len(healthy.home.spool.events()) == 2
    assert "probe" not in healthy.text()


@pytest.mark.parametrize("headers", [{"Hookspool-Probe": "1"}, {"HOOKSPOOL_PROBE": "1"}])
def test_header_cannot_make_a_probe(healthy, headers):
    reply = fcgi_client.deliver(healthy.socket, message(), headers=headers, path="/hookspool-probe")
    assert reply.status == 404 and b"hookspool-probe-pid" not in reply.body


@pytest.mark.parametrize("how", ["listen", "noted", "option"])
def test_stopped_receiver_fails_within_seconds(healthy, how):
    """The kernel accepts for it, as systemd's socket does: only an answer proves a receiver."""
    if how == "listen":
        healthy.home.configure(endpoint(PATH), listen=f"unix:{healthy.socket}")
    healthy.signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        status, found = check(healthy.home, socket=healthy.socket if how == "option" else None)
        assert status == 2 and time.monotonic() - began < 20
        assert any("no receiver answers within" in text for _, _, text in named(bad(found), "socket"))
        assert any("is stopped by a signal" in text for _, _, text in named(bad(found), "receiver"))
    finally:
        healthy.signal(signal.SIGCONT)
    assert not named(bad(check(healthy.home)[1]), "socket")


def test_held_socket_without_a_receiver_fails(healthy):
    """As systemd holds it, and spawn-fcgi's parent does."""
    healthy.stop()
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(healthy.socket))
    sock.listen(8)
    os.chmod(healthy.socket, 0o666)
    for given in (None, healthy.socket):
        status, found = check(healthy.home, socket=given)
        assert status == 2 and "no receiver answers" in named(found, "socket")[0][2]
    sock.close()
    status, found = check(healthy.home)
    assert status == 2 and "no process listens" in named(found, "socket")[0][2]


def test_killed_receiver_fails_and_its_successor_does_not(healthy, children):
    healthy.signal(signal.SIGKILL)
    healthy.wait(20)
    healthy.end()
    status, found = check(healthy.home)
    assert status == 2 and named(bad(found), "socket")
    one = healthy.home.start(number=1)
    until(lambda: not named(bad(check(healthy.home)[1]), "socket"), "it is ready")
    assert [row["role"] for row in healthy.home.spool.query("SELECT role FROM program")] == ["receiver"]
    one.stop()


def test_another_program_at_the_socket_is_no_receiver(healthy):
    """A web server, an older release, or a receiver with another spool."""
    other = Home(endpoint(PATH), files={})
    other.configure(endpoint(PATH), spool=str(other.dir / "other"))
    status, found = check(other, socket=healthy.socket)
    assert status == 2 and "does not use this configuration's spool" in named(found, "socket")[0][2]

    sock = socket.socket(socket.AF_UNIX)
    path = healthy.home.dir / "odd"
    sock.bind(str(path))
    os.chmod(path, 0o666)
    sock.listen(8)

    def answer():
        while True:
            try:
                one, _ = sock.accept()
            except OSError:
                return
            one.recv(4096)
            one.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 400)
            one.close()
    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    status, found = check(healthy.home, socket=path)
    sock.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    sock.close()
    assert status == 2 and "no receiver of this release" in named(found, "socket")[0][2]


def test_receiver_that_cannot_write_its_spool_fails(healthy):
    """Its own files fail, and so does what check tries by itself."""
    for name in ("hookspool.db", "hookspool.db-wal"):
        (healthy.home.spool.dir / name).rename(healthy.home.spool.dir / f"{name}.away")
    (healthy.home.spool.dir / "hookspool.db").mkdir()
    status, found = check(healthy.home, socket=healthy.socket)
    assert status == 2 and any("can't write its spool" in text for _, _, text in named(found, "socket")), found
    (healthy.home.spool.dir / "hookspool.db").rmdir()


def test_spool_on_a_full_disk_fails(children):
    home = Home(endpoint(PATH))
    home.configure(endpoint(PATH), min_free="1k")
    home.spool.dir.mkdir(mode=0o700)
    own(home.spool.dir)
    script = (f"mount -t tmpfs -o size=1m,mode=700,uid=$(id -u {USER}) none {home.spool.dir} && setpriv --reuid={USER} --regid={USER} "
              f"--clear-groups sh -c '{BIN}/hookspool.fcgi -c {home.conf} --mode cgi; "
              f"dd if=/dev/zero of={home.spool.dir}/fill bs=4k 2>&1; {BIN}/hookspool -c {home.conf} check --socket none'")
    done = run([*in_own_mounts(script), "true"], env={"GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET", "SCRIPT_NAME": PATH})
    assert b"FAIL spool database: can't be written: database or disk is full; make room" in done.stdout, done.stdout + done.stderr


def test_many_sockets_of_a_receiver_with_another_spool_are_each_named(healthy, receiver):
    """
    Each look reads all rows again, and adds a note for each receiver: the addresses must outlast that. The rows' numbers are those of
    no process, so that the other receiver's is not among them.
    """
    other = receiver(home=Home(endpoint(PATH)))
    links = [healthy.home.dir / f"link{n}" for n in range(9)]
    for link in links:
        link.symlink_to(other.socket)
    with sqlite3.connect(healthy.home.spool.dir / "hookspool.db") as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(program)")]
        db.execute("DELETE FROM program")
        for n in range(2000):
            row = dict.fromkeys(columns, 0) | dict.fromkeys(("version", "files", "secrets", "address", "reload_error"), "")
            row |= {"role": "receiver", "pid": PID_MAX + n + 1, "space": 1, "address": f"unix:{links[n]}" if n < len(links) else ""}
            db.execute(f"INSERT INTO program({', '.join(row)}) VALUES({', '.join('?' * len(row))})", list(row.values()))
    for user in (USER, None):
        for _ in range(10):  # on a busy machine a probe may end without an answer
            told = named(check(healthy.home, user=user)[1], "socket")
            assert [text.split(": ")[0] for _, _, text in told] == [f"socket unix:{link}" for link in links[:8]]
            if not any("no receiver answers within" in text for _, _, text in told):
                break
        assert all("does not use this configuration's spool" in text for _, _, text in told), told


@pytest.mark.parametrize("gone", ["ticks = 1", "ended_at = 1"])
def test_reused_pid_of_a_dead_receiver_is_not_taken_for_it(healthy, receiver, gone):
    """Its number may be another process's by now: here that of a receiver with another spool."""
    other = receiver(home=Home(endpoint(PATH)))
    healthy.stop()
    until(lambda: other.home.spool.query("SELECT 1 FROM sqlite_master WHERE name = 'program'"), "the other receiver has made its spool")
    ticks = until(lambda: other.home.spool.query("SELECT ticks FROM program"), "the other receiver has told of itself")[0]["ticks"]
    with sqlite3.connect(healthy.home.spool.dir / "hookspool.db") as db:
        db.execute("UPDATE program SET pid = ?, ticks = ?, ended_at = 0", (other.pid, ticks))
        db.execute(f"UPDATE program SET {gone}")
    told = named(check(healthy.home, socket=other.socket)[1], "socket")
    assert [status for _, status, _ in told] == ["fail"] and "does not use this configuration's spool" in told[0][2]


def test_receiver_ended_by_a_reboot_fails(healthy):
    """Its socket is gone with /run, and it has told of no end."""
    healthy.signal(signal.SIGKILL)
    healthy.wait(20)
    healthy.end()
    healthy.socket.unlink()
    told = named(check(healthy.home)[1], "socket")
    assert [status for _, status, _ in told] == ["fail"] and "was killed, or the machine stopped" in told[0][2]
    assert not bad(check(healthy.home, "--socket", "none")[1])


def test_stopped_receiver_warns(healthy):
    """It has removed its socket; what it has noted remains. An end by a signal may be meant, so that it fails where a socket is named."""
    healthy.stop()
    assert not healthy.socket.exists()
    told = named(check(healthy.home)[1], "socket")
    assert [status for _, status, _ in told] == ["warn"] and "the receiver ended at 20" in told[0][2]
    told = named(check(healthy.home, socket=healthy.socket)[1], "socket")
    assert [status for _, status, _ in told] == ["fail"] and "is the receiver running" in told[0][2]
    assert not bad(check(healthy.home, "--socket", "none")[1])


@pytest.mark.parametrize("address", ["tcp:192.0.2.1:80", "tcp:localhost:80", "unix:/etc/passwd", "http://127.0.0.1", "unix:relative", "\x1b[2J"])
def test_only_sockets_of_this_machine_are_asked(healthy, address):
    """The receiver's user can write any address to the spool. It must not make root connect to another machine."""
    healthy.stop()
    with sqlite3.connect(healthy.home.spool.dir / "hookspool.db") as db:
        db.execute("UPDATE program SET address = ?, ended_at = 0", (address,))
    for user in (USER, None):
        done = healthy.home.cli("check", user=user)
        assert b"FAIL socket: there is none, and the receiver that was started at 20" in done.stdout and address.encode() not in done.stdout and b"\x1b" not in done.stdout


def test_check_of_cgi_without_a_receiver_asks_no_socket(receiver):
    home = Home(endpoint(PATH))
    assert named(check(home)[1], "socket")[0][1] == "warn", "nothing has run yet"
    assert as_cgi(home) == as_cgi(home) == 200
    told = named(check(home)[1], "socket")
    assert told[0][1] == "ok" and "there is none to ask" in told[0][2]
    assert len(home.spool.query("SELECT 1 FROM program")) == 1
    one = receiver(home=home)
    until(lambda: home.spool.query("SELECT 1 FROM program WHERE role = 'receiver'"), "it tells of itself")
    assert named(check(home)[1], "socket")[0][2].startswith(f"socket unix:{one.socket}: a receiver answers")
    one.stop()
    (one.socket).unlink(missing_ok=True)
    assert named(check(home)[1], "socket")[0][1] == "warn", "it was ended after that"
    assert as_cgi(home) == 200
    assert named(check(home)[1], "socket")[0][1] == "ok"
    assert home.cli("reload").returncode == 1, "nothing to reload"


def test_without_a_socket_check_says_so(healthy):
    """A CGI program notes nothing."""
    healthy.stop()
    with sqlite3.connect(healthy.home.spool.dir / "hookspool.db") as db:
        db.execute("DELETE FROM program")
    told = named(check(healthy.home)[1], "socket")
    assert [status for _, status, _ in told] == ["warn"] and "--socket none" in told[0][2]


def test_spool_that_is_locked_for_long_fails_once(healthy):
    with open(healthy.home.spool.dir / "lock", "rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        began = time.monotonic()
        for user in (USER, None):
            status, found = check(healthy.home, socket=healthy.socket, user=user)
            told = named(bad(found), "spool-database")
            assert status == 2 and len(told) == 1 and "lock: held by another process" in told[0][2]
            assert [s for _, s, _ in named(found, "socket")] in (["warn"], ["fail"])
        assert time.monotonic() - began < 30
    assert not bad(check(healthy.home, socket=healthy.socket)[1])


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]"])
def test_receiver_at_a_port_is_asked(receiver, address):
    port = free_port()
    home = Home(endpoint(PATH))
    one = Child([BIN / "hookspool.fcgi", "-c", home.conf, "--listen", f"tcp:{address}:{port}"], home.dir / "port.log")
    one.until(lambda: "receiving" in one.text(), "it is ready")
    told = named(check(home)[1], "socket")
    one.end()
    assert [status for _, status, _ in told] == ["ok"] and f"tcp:{address}:{port}: a receiver answers" in told[0][2]


# ---- the configuration that a program runs

def test_receiver_with_an_older_configuration_warns(healthy):
    home = healthy.home
    home.write("more.conf", "# nothing yet\n")
    home.write("secret3", "a-secret-of-thirty-two-characters\n")
    for change in (lambda: home.configure(endpoint(PATH), endpoint("/new", secret_file=["secret2"])),
                   lambda: home.write("hookspool.conf", home.conf.read_text() + 'include("more.conf")\n'),
                   lambda: home.write("more.conf", endpoint("/more", secret_file=["secret3"]))):
        change()
        status, found = check(home, socket=healthy.socket)
        assert status == 1 and [name for name, _, text in bad(found) if "runs an older configuration" in text] == ["receiver"], found
        healthy.hup()
        until(lambda: not bad(check(home, socket=healthy.socket)[1]), "the reload is noted")


def test_receiver_with_another_configuration_warns(healthy):
    """The file's time is before the load, as where another file was named, or an old one was put back."""
    home = healthy.home
    home.configure(endpoint(PATH), endpoint("/new", secret_file=["secret2"]))
    os.utime(home.conf, (1, time.time() - 86400))
    told = bad(check(home, socket=healthy.socket)[1])
    assert [name for name, _, text in told if f"runs another configuration than {home.conf}, read at" in text] == ["receiver"], told
    assert "was changed at" not in told[0][2]
    healthy.hup()
    until(lambda: not bad(check(home, socket=healthy.socket)[1]), "the reload is noted")


def test_receiver_with_an_older_secret_warns(healthy):
    healthy.home.write("secret", "another-secret-of-the-same-provider\n")
    status, found = check(healthy.home, socket=healthy.socket)
    assert status == 1 and "has other secrets" in bad(found)[0][2] and "another-secret" not in str(found)
    healthy.hup()
    until(lambda: not bad(check(healthy.home, socket=healthy.socket)[1]), "the reload is noted")


@pytest.mark.parametrize("wrong, named_so", [("frobnicate = 1\n", "no such option 'frobnicate'"), ("", "spool can't change")])
def test_failed_reload_warns(healthy, wrong, named_so):
    home = healthy.home
    right = home.conf.read_text()
    home.write("hookspool.conf", right + wrong if wrong else right.replace(str(home.spool.dir), str(home.dir / "elsewhere")))
    healthy.hup()
    healthy.until(lambda: "reload failed" in healthy.text(), "the refusal")
    home.write("hookspool.conf", right)
    told = until(lambda: named(bad(check(home, socket=healthy.socket)[1]), "receiver"), "the refusal is noted")
    assert told[0][1] == "fail" and named_so in told[0][2] and "reload at 20" in told[0][2]
    healthy.hup()
    until(lambda: not bad(check(home, socket=healthy.socket)[1]), "the reload is noted")


def test_spool_holds_no_secrets_beside_the_fingerprints(healthy):
    healthy.stop()
    row = healthy.home.spool.query("SELECT * FROM program")[0]
    assert len(row["files"]) == len(row["secrets"]) == 64 and row["ended_at"] >= row["started_at"] > 0
    assert all(SECRET.encode() not in path.read_bytes() for path in healthy.home.spool.dir.iterdir() if path.is_file())


# ---- reload, which waits for its result

def test_reload_waits_for_receiver_and_relay(healthy, relay, target):
    home = healthy.home
    home.configure(endpoint(PATH, relay=["out"]), sink("out", url=target.url))
    running = relay(home).ready()
    home.configure(endpoint(PATH, relay=["out"], events=["message.received"]), sink("out", url=target.url))
    done = home.cli("reload")
    assert done.returncode == 0 and sorted(line.split()[0] for line in done.stdout.splitlines()) == [b"receiver", b"relay"], done
    assert not named(bad(check(home)[1]), "receiver") + named(bad(check(home)[1]), "relay")
    for args in (["receiver"], ["relay"], ["--pid", str(running.pid)], ["--pid", str(healthy.pid), "receiver"]):
        done = home.cli("reload", *args)
        assert done.returncode == 0 and len(done.stdout.splitlines()) == 1
    assert healthy.text().count("configuration reloaded") == 3


def test_reload_fails_where_the_configuration_is_refused(healthy, relay, target):
    """The command reads the configuration first; what only the process can know comes back through the spool."""
    home = healthy.home
    right = home.conf.read_text()
    home.write("hookspool.conf", right + "frobnicate = 1\n")
    done = home.cli("reload")
    assert done.returncode == 78 and b"no such option 'frobnicate'" in done.stderr and "reload failed" not in healthy.text()
    home.write("hookspool.conf", right + f'listen = "unix:{home.dir}/other"\n')
    done = home.cli("reload")
    assert done.returncode == 1 and b"listen can't change on a reload; restart" in done.stderr
    home.write("hookspool.conf", right)
    home.write("secret", " ")
    done = home.cli("reload")
    assert done.returncode == 1 and b"only white space" in done.stderr
    home.write("secret", SECRET)
    assert home.cli("reload").returncode == 0


def test_reload_of_a_relay_that_refuses(healthy, relay, target):
    home = healthy.home
    home.write("token", "Bearer abc\n")
    home.configure(endpoint(PATH, relay=["out"]), sink("out", url=target.url, authorization_file="token"))
    running = relay(home).ready()
    (home.dir / "token").unlink()
    done = home.cli("reload", "relay")
    assert done.returncode == 1 and b"reload failed" in done.stderr and b"token" in done.stderr
    told = named(bad(check(home)[1]), "relay")
    assert told[0][1] == "fail" and "its reload at" in told[0][2]
    home.write("token", "Bearer abc\n")
    assert home.cli("reload", "--pid", str(running.pid)).returncode == 0


def test_reload_of_a_stopped_receiver_fails_at_once(healthy):
    healthy.signal(signal.SIGSTOP)
    begin = time.monotonic()
    done = healthy.home.cli("reload")
    healthy.signal(signal.SIGCONT)
    assert done.returncode == 1 and b"is stopped by a signal" in done.stderr and time.monotonic() - begin < 20
    assert healthy.home.cli("reload").returncode == 0 and healthy.text().count("configuration reloaded") == 1


def test_reload_without_anything_to_reload(healthy):
    assert healthy.home.cli("reload", "relay").returncode == 1
    assert healthy.home.cli("reload", "--pid", "1").returncode == 1, "no program of this spool"
    for wrong in (["somebody"], ["--pid", "x"], ["--pid", "-1"], ["--pid"], ["receiver", "relay"], ["--frobnicate"]):
        assert healthy.home.cli("reload", *wrong).returncode == 64
    healthy.signal(signal.SIGKILL)
    healthy.wait(20)
    healthy.end()
    done = healthy.home.cli("reload")
    assert done.returncode == 1 and b"nothing was sent" in done.stderr
    assert Home().cli("reload").returncode == 66


# ---- the relay and what waits for it

@pytest.fixture
def relayed(receiver, target):
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    fcgi_client.deliver(one.socket, message())
    return one


def test_endpoints_with_sinks_and_no_relay_warn(relayed, relay):
    told = named(check(relayed.home)[1], "relay")
    assert told[0][1] == "warn" and "none runs; start hookspool relay" in told[0][2]
    assert relayed.home.cli("relay", "--once").returncode == 0
    told = named(check(relayed.home)[1], "relay")
    assert told[0][1] == "ok" and "one did at" in told[0][2], "as by cron"
    os.utime(relayed.home.spool.dir / "relay.lock", (1, time.time() - 601))
    assert named(check(relayed.home)[1], "relay")[0][1] == "warn"
    relay(relayed.home).ready()
    assert [status for _, status, _ in named(check(relayed.home)[1], "relay")] == ["ok"]


@pytest.mark.parametrize("by, says", [(signal.SIGKILL, "was killed, or the machine stopped"), (signal.SIGTERM, "it ended at 20")])
def test_missing_relay_warns_at_once(relayed, relay, by, says):
    """Until cron's relay runs in its place."""
    home = relayed.home
    running = relay(home).ready()
    until(lambda: home.spool.query("SELECT 1 FROM program WHERE role = 'relay'"), "it tells of itself")
    running.signal(by)
    running.wait(20)
    running.end()
    told = bad(check(home)[1])
    assert [(name, status) for name, status, _ in told] == [("relay", "warn")] and says in told[0][2], told
    assert home.cli("relay", "--once").returncode == 0
    assert not bad(check(home)[1]) and not home.spool.query("SELECT 1 FROM program WHERE role = 'relay'")


def test_relay_that_hangs_fails(relayed, relay):
    running = relay(relayed.home).ready()
    lock = relayed.home.spool.dir / "relay.lock"
    until(lambda: time.time() - lock.stat().st_mtime < 10, "it shows that it lives")
    os.utime(lock, (1, 1))
    until(lambda: time.time() - lock.stat().st_mtime < 10, "and again", 30)
    running.signal(signal.SIGSTOP)
    try:
        assert ("relay", "fail", f"relay (pid {running.pid}): is stopped by a signal; kill -CONT {running.pid}") in check(relayed.home)[1]
        os.utime(lock, (1, time.time() - 61))
        assert any("hangs" in text for _, status, text in named(check(relayed.home)[1], "relay") if status == "fail")
    finally:
        running.signal(signal.SIGCONT)


def test_relay_with_an_older_configuration_warns(relayed, relay, target):
    running = relay(relayed.home).ready()
    home = relayed.home
    home.configure(endpoint(PATH, relay=["out"]), sink("out", url=target.url + "/new"))
    assert home.cli("reload", "receiver").returncode == 0
    told = bad(check(home)[1])
    assert [(name, status) for name, status, _ in told] == [("relay", "warn")] and "hookspool-relay" in told[0][2], told
    assert home.cli("reload", "relay").returncode == 0 and not bad(check(home)[1])
    running.signal(signal.SIGKILL)
    running.wait(20)
    running.end()
    os.utime(home.spool.dir / "relay.lock", (1, 1))
    assert [(name, status) for name, status, _ in bad(check(home)[1])] == [("relay", "warn")]


@pytest.mark.parametrize("alive", [True, False])
@pytest.mark.parametrize("minutes, status", [(5, None), (11, "warn"), (61, "fail"), (300, "fail")])
def test_sink_that_is_down_for_hours(relayed, relay, target, minutes, status, alive):
    home = relayed.home
    target.answers = [{"status": 503}] * 50
    if alive:
        relay(home).ready()
        until(lambda: home.spool.query("SELECT attempts FROM relay")[0]["attempts"] == 1, "the first attempt is noted")
    with sqlite3.connect(home.spool.dir / "hookspool.db", timeout=10) as db:
        db.execute("UPDATE relay SET since = since - ?1, due = iif(?2, due + 3600000, due - ?1)", (minutes * 60000, alive))
    told = [s for name, s, text in check(home)[1] if name == "deliveries" and "sink out: 1 delivery" in text]
    assert told == ([status] if status else ["warn"] if not alive else [])


# ---- commands that need no secret

@pytest.mark.parametrize("how", ["missing", "unreadable", "blank", "environment"])
def test_spool_commands_need_no_secrets(healthy, how):
    home = healthy.home
    if how == "environment":
        home.configure(endpoint(PATH, secret_env=["NOT_THERE"]))
    elif how == "missing":
        (home.dir / "secret").unlink()
    else:
        home.write("secret", " \n" if how == "blank" else SECRET, mode=0o604)
    for command in (["list"], ["list", "--json"], ["stats"], ["stats", "--json"], ["export"], ["rejects"], ["deliveries"], ["show", "1"],
                    ["show", "1", "--json"], ["tail"], ["purge", "--older-than", "1d", "--dry-run"]):
        done = home.cli(*command)
        assert done.returncode == 0 and not done.stderr, (command, done)
    assert b"signature not checked: the secret from" in home.cli("show", "1").stdout
    for command in (["rejects", "--verify"], ["verify", "--id", "1"], ["send", "http://127.0.0.1:1" + PATH]):
        assert home.cli(*command).returncode == 78, command
    assert check(home)[0] == 2


# ---- the spool: whose it is, and whether it is whole

def owner(name):
    return pwd.getpwnam(name).pw_uid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_advice_for_a_directory_that_was_given_to_root(healthy):
    """It told to give root the files as well, and then no receiver could use any."""
    spool = healthy.home.spool.dir
    os.chown(spool, 0, 0)
    status, found = check(healthy.home, socket=healthy.socket, user=None)
    told = named(bad(found), "spool")
    assert status == 2 and len(told) == 1 and f"chown {USER} {spool}" in told[0][2] and "belongs to user root" in told[0][2]
    status, found = check(healthy.home, socket=healthy.socket)
    told = named(bad(found), "spool")
    assert status == 2 and f"if the receiver runs as {USER}, as root: chown -R {USER} {spool}" in told[0][2]
    run(["sh", "-c", re.search(r"chown \S+ \S+", f"chown {USER} {spool}")[0]])
    assert not bad(check(healthy.home, socket=healthy.socket, user=None)[1])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("name", ["hookspool.db-wal", "lock", "hookspool.db"])
def test_advice_for_a_file_that_was_given_to_root(healthy, name):
    path = healthy.home.spool.dir / name
    os.chown(path, 0, 0)
    told = named(bad(check(healthy.home, socket=healthy.socket, user=None)[1]), "spool")
    assert len(told) == 1 and f"{path}: belongs to user root; as root: chown {USER} {path}" in told[0][2]
    os.chown(path, owner(USER), -1)
    assert not bad(check(healthy.home, socket=healthy.socket, user=None)[1])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("name", ["hookspool.db", "hookspool.db-wal", "lock", "relay.lock"])
def test_file_that_its_owner_cannot_use_is_named(relayed, relay, name):
    relay(relayed.home).ready()
    path = relayed.home.spool.dir / name
    for mode in (0o400, 0o200, 0):
        path.chmod(mode)
        status, found = check(relayed.home)
        assert status == 2 and bad(found)[0][2] == f"{path}: its mode is {mode:03o}, so that its owner can't use it; chmod 600 it"
        assert not any("no receiver is registered" in text or "none runs" in text for _, _, text in found)
    path.chmod(0o600)
    assert not bad(check(relayed.home)[1])


@pytest.mark.parametrize("make, what", [(lambda path: path.symlink_to("/etc/passwd"), "a link"), (lambda path: path.mkdir(), "a directory"),
                                        (lambda path: os.mkfifo(path), "a device, a pipe or a socket")], ids=["link", "directory", "pipe"])
def test_advice_never_changes_special_files(healthy, make, what):
    """chown follows a link."""
    healthy.stop()
    path = healthy.home.spool.dir / "hookspool.db"
    path.unlink()
    make(path)
    status, found = check(healthy.home)
    assert status == 2 and bad(found)[0][2] == f"{path}: it is {what}, and must be a plain file; move it away"


def test_missing_database_fails(healthy):
    healthy.stop()
    for path in healthy.home.spool.dir.glob("hookspool.db*"):
        path.unlink()
    told = named(check(healthy.home)[1], "spool-database")
    assert told[0][1] == "warn" and "restore a backup" in told[0][2]


def test_socket_that_an_unreadable_spool_names(healthy):
    (healthy.home.spool.dir / "hookspool.db").write_bytes(b"no database" * 1000)
    told = named(bad(check(healthy.home)[1]), "socket")
    assert told[0][2].startswith("socket not checked: its address is in the spool, which can't be read")


def test_advice_for_a_directory_of_a_third_user(healthy):
    spool = healthy.home.spool.dir
    os.chown(spool, owner("daemon"), -1)
    told = named(bad(check(healthy.home, socket=healthy.socket, user=None)[1]), "spool")
    assert len(told) == 1 and f"chown {USER} {spool}" in told[0][2]
    os.chown(spool, owner(USER), -1)


@pytest.mark.skipif(os.geteuid() != 0, reason="another user has to look")
def test_user_without_access_to_the_socket_is_told_which_user_has_it(healthy):
    os.chmod(healthy.socket, 0o600)
    os.chown(healthy.socket, 0, 0)
    told = named(check(healthy.home, socket=healthy.socket)[1], "socket")
    assert told[0][1] == "warn" and "may not connect" in told[0][2] and "check as root" in told[0][2]
    assert named(check(healthy.home, socket=healthy.socket, user=None)[1], "socket")[0][1] == "ok"


def fill(one, n=60):
    for _ in range(n):
        fcgi_client.deliver(one.socket, message(text="x" * 4000))
    one.stop()
    with sqlite3.connect(one.home.spool.dir / "hookspool.db") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def test_database_damaged_in_the_middle_fails(healthy):
    fill(healthy)
    path = healthy.home.spool.dir / "hookspool.db"
    assert not named(bad(check(healthy.home, "--socket", "none", "--deep")[1]), "spool-integrity")
    data = bytearray(path.read_bytes())
    at = len(data) // 2 // 16384 * 16384
    data[at:at + 8192] = os.urandom(8192)
    path.write_bytes(data)
    for args in ((), ("--deep",)):
        status, found = check(healthy.home, "--socket", "none", *args)
        told = named(bad(found), "spool-integrity")
        assert status == 2 and told and "damaged" in told[0][2] and "restore a backup" in told[0][2]


def test_deep_compares_indexes_with_their_tables(healthy):
    """An index that lacks a row is no fault of a page: only check --deep finds it."""
    fill(healthy, 5)
    path = healthy.home.spool.dir / "hookspool.db"
    with sqlite3.connect(path) as db:
        sql = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'event_key'").fetchone()[0]
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = 'CREATE TABLE other(x)', type = 'table', tbl_name = 'other', name = 'other'"
                   " WHERE name = 'event_key'")
    with sqlite3.connect(path) as db:  # without that index: the row stays in it alone
        db.execute("DELETE FROM event WHERE id = 3")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = ?, type = 'index', tbl_name = 'event', name = 'event_key' WHERE name = 'other'", (sql,))
    shallow, deep = (named(bad(check(healthy.home, "--socket", "none", *args)[1]), "spool-integrity") for args in ((), ("--deep",)))
    assert deep and deep[0][1] == "fail" and not shallow


def test_orphaned_rows_are_damage(healthy):
    healthy.stop()
    with sqlite3.connect(healthy.home.spool.dir / "hookspool.db") as db:
        db.execute("INSERT INTO attempt(relay, at, ms, status) VALUES(77, 1, 1, 200)")
    told = named(bad(check(healthy.home, "--socket", "none")[1]), "spool-integrity")
    assert told and "1 attempts without their delivery" in told[0][2]


@pytest.mark.parametrize("kind", ["nginx-kept", "mod_fcgid", "mod_proxy_fcgi", "mod_cgid"])
def test_behind_a_web_server(served, kind):
    """The socket is the one that receivers have noted; CGI has none, and no web server makes a probe of a header."""
    home = Home(endpoint(PATH))
    server = served(kind, home)
    assert server.deliver(PATH, message(), headers={"HOOKSPOOL_PROBE": "1", "Hookspool-Probe": "1"}).status == 200
    for user in (USER, None):
        told = named(check(home, user=user)[1], "socket")
        assert {status for _, status, _ in told} == {"ok"}, told
        assert ("as CGI; the last one at 20" in told[0][2]) == (kind == "mod_cgid"), told
    assert not bad(check(home, "--socket", "none")[1])
