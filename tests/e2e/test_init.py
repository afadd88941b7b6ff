# SPDX-License-Identifier: ISC
"""hookspool init: what it makes works behind real web servers, is readable by its user alone, and takes no other file's place."""
import base64
import os
import pty
import re
import select
import shutil
import stat
import subprocess
from http.client import HTTPConnection
from pathlib import Path

import pytest

from outcomes import expect
from place import BIN, ROOT, SLOW, SOURCE, USER, in_own_mounts, new_dir, own, run
from proc import Child
from receiver import REPORT, accepts
from sender import SECRET, deliver, message
from servers import BY_FILE, Server, free_port, start_apache, start_nginx, module
from spool import Spool
from test_web_servers import caddy, haproxy, lighttpd


AUTHENTICATION = ["auth_basic", "authn_core", "authn_file", "authz_user"]  # of Apache; Debian's has them on


class Made:
    """What init makes in an empty directory."""

    def __init__(self, web="nginx", port=None, name="linkedin", provider="connectsafely"):
        self.dir, self.port, self.web, self.name = new_dir("init"), port or free_port(), web, name
        self.dir.chmod(0o755)
        self.conf, self.site = self.dir / "hookspool.conf", self.dir / "site"
        self.secret, self.socket = self.dir / f"{name}.secret", self.dir / "sock"
        self.spool, self.provider = Spool(self, self.dir / "spool"), provider
        self.url = f"http://localhost:{self.port}/webhook/{name}"

    def options(self, *more):
        users = ["--user", USER, "--group", USER] if ROOT else []
        return ["-c", self.conf, "init", "--provider", self.provider, "--url", self.url, "--spool", self.spool.dir, "--socket", self.socket,
                f"--{self.web}", self.site, *users, *more]

    def init(self, *more, stdin=b""):
        """As root, where the tests are, as an administrator does."""
        done = run([BIN / "hookspool", *self.options(*more)], stdin=stdin)
        assert not REPORT.search(done.stderr.decode())
        return done

    def cli(self, *args, **how):
        return run([BIN / "hookspool", "-c", self.conf, *args], **how)

    def start(self):
        """The receiver, as "Next" says."""
        child = Child([BIN / "hookspool.fcgi", "-c", self.conf], self.dir / "receiver.log")
        child.until(lambda: accepts(self.socket), "the receiver listens")
        return child

    def files(self):
        return {path.name for path in self.dir.iterdir() if path.name != "spool" and not path.name.endswith(".log")}


def serve(made):
    """A real web server with the site that was made, and nothing else of ours."""
    text = made.site.read_text()
    if made.web == "nginx":
        return start_nginx(text, made.port)
    if made.web == "apache":
        text = re.sub(rf"^Listen {made.port}\n", "", text)
        return start_apache(module("proxy", "proxy_fcgi", *AUTHENTICATION) + text, made.port)
    argv, where = {"caddy": caddy, "lighttpd": lighttpd, "haproxy": haproxy}[made.web](text.replace("bind :", "bind 127.0.0.1:"), None, made.port)
    return Server(argv, where / "server.log", made.port)


@pytest.mark.parametrize("web", ["nginx", "apache", "caddy", "lighttpd", "haproxy"])
def test_first_delivery_behind_each_web_server(web, children):
    """One command, the receiver and the web server: a signed delivery is stored, a forged one is not."""
    made = Made(web)
    done = made.init("--secret-file", "-", stdin=SECRET.encode())
    said = done.stdout.decode()
    assert done.returncode == 0, said + done.stderr.decode()
    assert "ok    a signed delivery, to hookspool.fcgi, run once as CGI: 200" in said and "FAIL" not in said
    assert len(made.spool.events()) == 1 and made.files() == {"hookspool.conf", "linkedin.secret", "site"}
    made.start()
    server = serve(made)
    assert made.cli("send", made.url).returncode == 0
    expect(deliver(made.port, "/webhook/linkedin", message()), "stored")
    expect(deliver(made.port, "/webhook/linkedin", message(), secret="another"), "unauthorized")
    assert len(made.spool.events()) == 3
    expect(deliver(made.port, "/webhook/linkedin", message(text="x" * 100_000)), "stored")
    assert BY_FILE not in server.log.read_text(), "nginx keeps a body of that size in memory"
    server.stop()


def page_status(made, password=None, path="events.json"):
    headers = {"Authorization": "Basic " + base64.b64encode(f"hookspool:{password}".encode()).decode()} if password else {}
    connection = HTTPConnection("127.0.0.1", made.port, timeout=30)
    connection.request("GET", f"/hookspool/{path}", headers={"Host": f"localhost:{made.port}", **headers})
    answer = connection.getresponse()
    return answer.status, answer.read()


@pytest.mark.parametrize("web", ["nginx", "apache"])
def test_page_is_shown_to_its_user_alone(web, children):
    """With --page, started as "Next" says: the event is shown with the password, and nothing without it."""
    made = Made(web)
    done = made.init("--new-secret", "--page")
    said = done.stdout.decode()
    assert done.returncode == 0 and f"http://localhost:{made.port}/hookspool/ as the user hookspool" in said, said + done.stderr.decode()
    password = (made.dir / "page.password").read_text().strip()
    users = (made.dir / "hookspool.users").stat()
    assert re.fullmatch("[0-9a-f]{64}", password) and password not in said and password not in (made.dir / "hookspool.users").read_text()
    assert stat.S_IMODE((made.dir / "page.password").stat().st_mode) == 0o600 and stat.S_IMODE(users.st_mode) == (0o640 if ROOT else 0o600)
    own(made.dir)
    line = re.search(r"The page:  (.*)&$", said, re.M)
    argv = f"exec {line[1]}" if line else f"exec {BIN}/hookspool-page.fcgi -c {made.conf} --listen unix:{made.dir}/page.sock"  # systemd runs here
    page = Child(["/bin/sh", "-c", f"HOOKSPOOL_PAGE_FILES={SOURCE}/share/page {argv}"], made.dir / "page.log", user=None)
    page.until(lambda: accepts(made.dir / "page.sock"), "the page listens")
    server = serve(made)
    status, body = page_status(made, password)
    assert status == 200 and b'"event":"message.received"' in body, body
    assert [page_status(made, wrong)[0] for wrong in (None, "", "x" * 64)] == [401] * 3
    assert page_status(made, password, "")[0] == 200
    assert [page_status(made, None, path)[0] for path in ("health", "ready", "metrics", "healthy", "health/x")] == [200] * 2 + [401] * 3
    server.stop()


def test_page_needs_a_web_server_that_has_it():
    for more in (["--page", "--no-web-server"], ["--page"]):
        made = Made("caddy")
        options = [one for one in made.options("--new-secret", *more) if "--no-web-server" not in more or one not in ("--caddy", made.site)]
        done = run([BIN / "hookspool", *options])
        assert done.returncode == 64 and b"--page is for nginx and Apache" in done.stderr and not made.files()


def test_modes_and_owners():
    made = Made()
    assert made.init("--new-secret").returncode == 0
    state = made.secret.stat()
    assert stat.S_IMODE(state.st_mode) == 0o600 and re.fullmatch(r"[0-9a-f]{64}\n", made.secret.read_text())
    assert stat.S_IMODE(made.conf.stat().st_mode) == 0o644 and stat.S_IMODE(made.spool.dir.stat().st_mode) == 0o700
    for path in (made.secret, made.spool.dir, *made.spool.dir.iterdir()):
        assert not ROOT or path.owner() == USER, path
    assert not ROOT or made.conf.owner() == "root"


def test_delivery_through_a_receiver_that_runs(children):
    """A second configuration of the same receiver: init finds its socket."""
    made = Made()
    assert made.init("--new-secret").returncode == 0
    made.start()
    text, secret = made.conf.read_text(), made.secret.read_text()
    for path in (made.conf, made.secret, made.site):
        path.unlink()
    done = made.init("--secret-file", "-", stdin=secret.encode())
    assert made.conf.read_text() == text and done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert b"ok    a signed delivery, through the socket of the receiver that runs: 200" in done.stdout
    assert len(made.spool.events()) == 2


@pytest.mark.parametrize("name", ["hookspool.conf", "linkedin.secret", "site", "sinks/slack.url", "hookspool.users", "page.password"])
def test_nothing_is_overwritten(name):
    """Where one file is there, none is made; a link to nowhere is there, too."""
    for link in (False, True):
        made = Made()
        path = made.dir / name
        path.parent.mkdir(exist_ok=True)
        path.symlink_to("/nonexistent/target") if link else path.write_text("mine")
        url = made.dir / "url"
        url.write_text("https://hooks.slack.com/services/T/B/x\n")
        url.chmod(0o600)
        before = made.files()
        done = made.init("--new-secret", "--page", "--sink-url-file", url)
        assert done.returncode == 1 and f"{name}: exists".encode() in done.stderr and made.files() - {"sinks"} == before - {"sinks"}
        assert link or path.read_text() == "mine"
        assert [p.name for p in made.dir.glob("sinks/*")] == (["slack.url"] if "/" in name else [])


def test_files_of_a_configuration_that_does_not_load_are_taken_back():
    """A secret that is no key of the scheme."""
    made = Made(provider="standard-webhooks")
    done = made.init("--secret-file", "-", stdin=b"!!! no base64 !!!")
    assert done.returncode == 1 and b"standard-webhooks" in done.stderr and made.files() == set()


PROVIDERS = ["github", "gitlab", "telegram", "microsoft-graph", "meta", "stripe", "slack", "twilio", "hubspot-v3", "svix", "zoom", "bearer"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_providers(provider):
    """Each by its scheme, with what that needs besides a secret; the event is stored."""
    made = Made(provider=provider, name="in")
    done = made.init("--new-secret")
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert f'scheme = "{provider}"' in made.conf.read_text() and len(made.spool.events()) == 1
    assert (made.dir / "in.token").exists() == (provider == "meta")


def test_trial_that_fails():
    """The files stay: what is wrong is another thing, here a file where the spool is to be."""
    made = Made()
    made.spool.dir.write_text("no directory")
    done = made.init("--new-secret")
    said = done.stdout.decode()
    assert done.returncode == 1 and "FAIL  a signed delivery, to hookspool.fcgi, run once as CGI: 503" in said and "\nNext:" in said, said
    assert {"hookspool.conf", "linkedin.secret", "site"} <= made.files()


@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="systemd makes the socket")
def test_socket_in_a_directory_that_the_receiver_may_not_write():
    """The delivery by CGI is stored, and check finds nothing: the start would fail."""
    made, other = Made(), new_dir("other")
    if ROOT:
        os.chown(other, 0, 0)
    other.chmod(0o555)
    made.socket = other / "hs.sock"
    done = made.init("--new-secret")
    said = done.stdout.decode()
    assert done.returncode == 1 and said.count("FAIL") == 1, said
    assert f"FAIL  the receiver can't make its socket in {other}: Permission denied; " in said and "\nNext:" in said
    if ROOT:
        assert f'"chown {USER} {other}"' in said


@pytest.mark.parametrize("answer, message", [
    ("Status: 503 Service Unavailable\\r\\n\\r\\nbusy", "503  busy"), ("Status: 401 Unauthorized\\r\\n\\r\\n", "401"), ("hello", "0"),
    ("", "the connection was closed without an answer")])
def test_trial_alone_decides_the_status(answer, message):
    """A receiver of another kind beside the program: check finds nothing, and init's status says that no delivery was stored."""
    made, beside = Made(), new_dir("beside")
    shutil.copy(BIN / "hookspool", beside)
    (beside / "hookspool.fcgi").write_text(f"#!/bin/sh\ncat >/dev/null\nprintf '{answer}'\n")
    (beside / "hookspool.fcgi").chmod(0o755)
    done = run([beside / "hookspool", *made.options("--new-secret")])
    said = done.stdout.decode()
    assert f"FAIL  a signed delivery, to hookspool.fcgi, run once as CGI: {message}" in said and said.count("FAIL") == 1, said
    assert done.returncode == 1 and "\nNext:" in said


def test_secret_that_the_provider_chooses_must_be_given():
    made = Made(provider="stripe")
    done = made.init()
    assert done.returncode == 64 and b"--secret-file is missing: Stripe shows its" in done.stderr and made.files() == set()
    done = Made(provider="github").init()
    assert done.returncode == 0 and b"Give GitHub the address" in done.stdout and b"and the secret in" in done.stdout


WRONG = {
    "provider": (["--provider", "nobody"], 'there is no provider "nobody"'),
    "url": (["--url", "hooks.example.com"], "begins with https://"),
    "host": (["--url", "http://a;b/webhook"], "the host's name"),
    "path": (["--url", 'http://localhost/a"b'], "the path has parts"),
    "hidden": (["--url", "http://localhost/../etc"], "the path has parts"),
    "port": (["--url", "http://localhost:99999/a"], "the port"),
    "two": (["--caddy", "/tmp/x"], "choose one web server"),
    "both": (["--secret-file", "-"], "choose one"),
    "socket": (["--socket", "/run/a;b"], "letters, digits"),
}


@pytest.mark.parametrize("more, message", WRONG.values(), ids=WRONG)
def test_wrong_answers(more, message):
    """What would mean something to a web server's configuration does not get into one."""
    made = Made()
    done = made.init("--new-secret", *more)
    assert done.returncode == 64 and message in done.stderr.decode() and made.files() == set()


def test_sink():
    made, address = Made(), "https://93.184.216.34/hook"
    url = made.dir / "url"
    url.write_text(f"{address}\n")
    url.chmod(0o600)
    done = made.init("--new-secret", "--sink-url-file", url)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    file = made.dir / "sinks/forward.url"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and address in file.read_text() and address not in made.conf.read_text()
    assert 'relay = {"forward"}' in made.conf.read_text()
    slack = Made()
    url.write_text("https://hooks.slack.com/services/T/B/x\n")
    assert slack.init("--new-secret", "--sink-url-file", url).returncode == 0
    assert 'sink "slack"' in slack.conf.read_text() and "mrkdwn" in slack.conf.read_text()


@pytest.mark.parametrize("web", ["nginx", "caddy"])
def test_snippet_goes_into_a_site_that_is_there(web, children):
    made = Made(web)
    assert made.init("--new-secret", "--snippet").returncode == 0
    made.start()
    text = f"include {made.site};" if web == "nginx" else f"import {made.site}"
    made.site = made.dir / "whole"
    made.site.write_text(f"server {{ listen {made.port}; {text} }}" if web == "nginx" else f"http://localhost:{made.port} {{\n{text}\n}}\n")
    server = serve(made)
    assert made.cli("send", made.url).returncode == 0
    server.stop()


def talk(made, answers):
    """Runs init on a terminal, and types an answer to each question. Its exit status and what the terminal showed."""
    leader, follower = pty.openpty()
    users = ["--user", USER, "--group", USER] if ROOT else []
    argv = [BIN / "hookspool", "-c", made.conf, "init", "--spool", made.spool.dir, "--socket", made.socket, *users]
    child = subprocess.Popen([str(a) for a in argv], stdin=follower, stdout=follower, stderr=follower, start_new_session=True)
    os.close(follower)
    shown, asked = "", 0
    while True:
        if not select.select([leader], [], [], 60 * SLOW)[0]:
            child.kill()
            raise AssertionError(f"it waits: {shown}")
        try:
            data = os.read(leader, 4096)
        except OSError:
            break
        if not data:
            break
        shown += data.decode()
        if asked < len(answers) and len(re.findall(r"^\d/5  .*: ", shown, re.M)) > asked:
            os.write(leader, answers[asked].encode() + b"\n")
            asked += 1
    os.close(leader)
    return child.wait(60 * SLOW), shown


def test_questions_on_a_terminal():
    """Wrong answers are asked for again, and the secret is not shown."""
    made = Made()
    status, shown = talk(made, ["nobody", "github", made.url, "my own secret", f"nginx {made.site}", ""])
    assert status == 0, shown
    assert 'there is no provider "nobody"' in shown and "my own secret" not in shown
    assert made.secret.read_text() == "my own secret\n" and made.url.split("/")[2].split(":")[0] in made.site.read_text()
    assert len(made.spool.events()) == 1 and "\nNext:" in shown.replace("\r", "")


def test_input_that_ends():
    made = Made()
    status, shown = talk(made, ["github", "\x04"])
    assert status == 64 and "nothing was written" in shown and made.files() == set()


MOUNTED = "mount -t tmpfs tmpfs /etc/nginx/conf.d"
BROKEN = f"{MOUNTED} && echo 'no_such_directive on;' >/etc/nginx/conf.d/other.conf"


@pytest.mark.skipif(not ROOT or not os.path.isdir("/etc/nginx/conf.d"), reason="only root writes into nginx's own directory")
@pytest.mark.parametrize("commands, status", [(MOUNTED, 0), (BROKEN, 1)], ids=["good", "broken"])
def test_site_in_the_web_servers_own_directory_is_tested(commands, status):
    """By nginx itself, with all that its configuration includes."""
    made = Made()
    made.site = "/etc/nginx/conf.d/hookspool.conf"
    done = run([*in_own_mounts(commands), BIN / "hookspool", *made.options("--new-secret")])
    said = done.stdout.decode()
    assert done.returncode == status and f"{'FAIL' if status else 'ok  '}  nginx takes the configuration" in said, said + done.stderr.decode()


def test_next_steps_start_the_receiver(children):
    """The line of "Start it", as it is printed."""
    made = Made()
    done = made.init("--new-secret")
    line = re.search(r"Start it:  (.*)&$", done.stdout.decode(), re.M)
    if not line:  # systemd runs here
        assert b"systemctl enable --now hookspool.socket hookspool.service" in done.stdout
        return
    own(made.dir)
    child = Child(["/bin/sh", "-c", f"exec {line[1]}"], made.dir / "receiver.log", user=None)
    child.until(lambda: accepts(made.socket), "the receiver listens")
    assert made.cli("check").returncode < 2
