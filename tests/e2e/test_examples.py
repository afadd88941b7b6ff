# SPDX-License-Identifier: ISC
"""Each file in conf-examples, loaded by the program it is for, and a delivery through it."""
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import fcgi_client
from examples import EXAMPLES, loads
from outcomes import expect
from place import BIN, USER, need, new_dir, own, run, until
from receiver import Home, endpoint
from sender import AUTHORIZATION, SECRET, message
from servers import BY_FILE, free_port, module, start_apache, start_nginx

# What the files are, by their paths below conf-examples; each kind has its test below.
KINDS = {
    "nginx": "nginx-*.conf",
    "apache": "apache-*.conf",
    "Caddy": "Caddyfile",  # these five: test_web_servers.py
    "lighttpd": "lighttpd.conf",
    "HAProxy": "haproxy.cfg",
    "h2o": "h2o.yaml",
    "OpenBSD's httpd": "openbsd-httpd.conf",
    "hookspool.conf": "hookspool.*.conf",
    "shared hosting": "shared-hosting/*",
    "spawn-fcgi": "spawn-fcgi.sh",
    "logrotate": "logrotate",
    "monitoring": "monitoring/*",  # test_monitoring.py
    "sinks": "sinks/*",
    "alerts": "alerts/*",
    "page": "page/*",  # test_page_servers.py
    "scale": "scale/*",  # test_scale.py
}
KINDS = {kind: sorted(EXAMPLES.glob(pattern)) for kind, pattern in KINDS.items()}


def of_kind(kind):
    return [pytest.param(path, id=path.name) for path in KINDS[kind]]


def test_every_example_is_covered():
    files = {path for path in EXAMPLES.rglob("*") if path.is_file()}
    assert files and files == {path for paths in KINDS.values() for path in paths}
    assert all(KINDS.values()), "a kind of which there is no file has a test that tests nothing"


def here(text, home, socket="", **more):
    """The example with this home's paths for the documented ones."""
    for old, new in {
        "/run/hookspool/hookspool.sock": socket,
        "/etc/hookspool/hookspool.conf": home.conf,
        "/run/hookspool/hookspool.pid": home.dir / "pid",
        "/var/log/hookspool/receiver.log": home.dir / "log/receiver.log",
        "/usr/local/libexec": BIN,
        "/usr/local/bin": BIN,
        **more,
    }.items():
        text = text.replace(old, str(new))
    return text


def try_out(server, path="/webhook/linkedin"):
    """Deliveries with everything a sender has, with less, and with more than fits into a server's first buffer."""
    body = message()
    authorization = {"Authorization": AUTHORIZATION}
    expect(server.deliver(path, body, authorization), "stored")
    assert server.home.spool.events()[-1]["body"] == body
    expect(server.deliver(path, body), "unauthorized")
    expect(server.deliver(path, message(text="x" * 200_000), authorization, chunked=True), "stored")
    expect(server.deliver(path, message(text="x" * 1_000_000), authorization), "stored")


@pytest.fixture
def home():
    return Home(endpoint(authorization_file=["auth"]))


@pytest.mark.parametrize("path", of_kind("nginx"))
def test_nginx(path, home, children):
    receiver, port = home.start(), free_port()
    text = here(path.read_text(), home, receiver.socket).replace("include fastcgi_params", "include /etc/nginx/fastcgi_params")
    if re.search(r"^server {", text, re.M):
        text = text.replace("listen 80;", f"listen 127.0.0.1:{port};")
    else:
        text = f"server {{\nlisten 127.0.0.1:{port};\n{text}\n}}"
    server = start_nginx(text, port, [receiver], home)
    tested = run([need("nginx"), "-e", "stderr", "-t", "-c", server.log.with_name("nginx.conf")])
    assert tested.returncode == 0 and b"warn" not in tested.stderr, tested.stderr.decode()
    expect(server.deliver("/webhook/linkedin", message(text="x" * 100_000), {"Authorization": AUTHORIZATION}), "stored")
    assert BY_FILE not in server.log.read_text(), "a body of that size stays in memory"
    try_out(server)
    assert BY_FILE in server.log.read_text()
    server.stop()


MODULES = {  # besides those that Debian's Apache has on: what the example says to enable
    "apache-mod_cgid.conf": ["cgid"],
    "apache-mod_fcgid.conf": ["fcgid"],
    "apache-mod_proxy_fcgi.conf": ["proxy", "proxy_fcgi"],
}


@pytest.mark.parametrize("path", of_kind("apache"))
def test_apache(path, home, children):
    receiver, port = home.start(), free_port()
    text = f"""
{module("alias", "env", "setenvif", *MODULES[path.name])}
<IfModule cgid_module>
ScriptSock {home.dir}/cgid.sock
</IfModule>
<IfModule fcgid_module>
FcgidIPCDir {new_dir("ipc")}
FcgidProcessTableFile {home.dir}/fcgid_shm
</IfModule>
{here(path.read_text(), home, receiver.socket)}
"""
    server = start_apache(text, port, home=home)
    try_out(server)
    server.stop()
    receiver.stop()


def test_shared_hosting(children):
    """Nothing but the drop-in's files, in a directory that the program can't write; the data beside it."""
    home = Home()
    shutil.rmtree(home.dir)
    web, files = home.dir / "public_html/webhook", EXAMPLES / "shared-hosting"
    web.mkdir(parents=True)
    shutil.copy(files / ".htaccess", web)
    shutil.copy(files / "hookspool.conf", web)
    shutil.copy(BIN / "hookspool.fcgi", web / "hookspool.cgi")
    name = re.search(r'spool = "../../(.*)/spool"', (web / "hookspool.conf").read_text())[1]
    assert name in (files / "README.txt").read_text(), "the explanation is of other directories"
    data = home.dir / name
    data.mkdir(mode=0o700)
    own(data)
    home.write(f"{name}/linkedin.secret", SECRET + "\r\n")
    home.spool.dir = data / "spool"
    for path in (web, web.parent, home.dir, *web.iterdir()):
        path.chmod(path.stat().st_mode & ~0o222)
    before = set(home.dir.rglob("*"))
    port = free_port()
    server = start_apache(f"""
{module("cgid", "mime", "setenvif")}
ScriptSock {new_dir("cgid")}/sock
TypesConfig /dev/null
DocumentRoot {web.parent}
<Directory {web.parent}>
  AllowOverride FileInfo AuthConfig Limit Options
  Require all granted
</Directory>
""", port, home=home)
    url, body = "/webhook/hookspool.cgi", message()
    expect(server.deliver(url, body), "stored")
    expect(server.deliver(url, body), "duplicate")
    expect(server.deliver(url, body, {"X-Webhook-Signature": None}), "unauthorized")
    expect(server.deliver(url, message(text="x" * 500_000), chunked=True), "stored")
    assert home.spool.events()[0]["body"] == body
    for hidden in ("hookspool.conf", ".htaccess"):
        assert server.deliver(f"/webhook/{hidden}", method="GET").status == 403
    server.stop()
    new = set(home.dir.rglob("*")) - before
    assert data / "spool/hookspool.db" in new and all(data / "spool" in (path, path.parent) for path in new)


@pytest.mark.sqlite  # they name a directory
@pytest.mark.parametrize("path", of_kind("hookspool.conf"))
def test_hookspool_conf(path, children):
    """As it is, and with what it shows as comments."""
    text = path.read_text()
    assert loads(text).spool.events()
    assert loads(re.sub(r"^(\s*)#(?=[a-z-]+( = |\())", r"\1", text, flags=re.M)).spool.events()


def restarted(does, home, headers):
    """Restarts it while deliveries come, each over a connection of its own, as a web server makes them. How many were stored; all must be."""
    ended, count = threading.Event(), [0]

    def send():
        while not ended.is_set():
            expect(fcgi_client.deliver(home.dir / "sock1", message(), headers=headers), "stored")
            count[0] += 1

    with ThreadPoolExecutor(4) as pool:
        sending = [pool.submit(send) for _ in range(4)]
        before = (home.dir / "pid").read_text()
        try:
            assert does("restart") == 0 and (home.dir / "pid").read_text() != before
        finally:
            ended.set()
        for one in sending:
            one.result()
    return count[0]


@pytest.mark.parametrize("path", of_kind("spawn-fcgi"))
def test_spawn_fcgi(path, home, children):
    """Every word of the script, and what the socket and the log are like."""
    need("spawn-fcgi")
    text = here(path.read_text(), home, home.dir / "sock1")
    text = re.sub(r"^(user|group)=.*", rf"\1={USER}", text, flags=re.M)
    script = home.write("spawn", text, 0o755)
    log, headers = home.dir / "log/receiver.log", {"Authorization": AUTHORIZATION}

    said = []

    def does(word):
        done = run([script, word])
        print(word, done)
        said.append(done.stderr.decode())
        return done.returncode

    assert [does(word) for word in ("status", "reload", "frobnicate")] == [3, 1, 2]
    assert [does("start"), does("start"), does("status")] == [0, 0, 0]
    expect(fcgi_client.deliver(home.dir / "sock1", message(), headers=headers), "stored")
    assert (home.dir / "sock1").stat().st_mode & 0o777 == 0o660
    until(lambda: "outcome=stored" in log.read_text(), "the log")
    assert does("reload") == 0
    assert "configuration reloaded" in log.read_text(), "the script waits for it"
    good = home.conf.read_text()
    home.conf.write_text("nonsense\n")
    assert does("reload") == 1
    home.conf.write_text(good)
    home.conf.write_text(f'listen = "unix:{home.dir}/other"\n{good}')
    assert does("reload") == 1, "refused by the receiver"
    home.conf.write_text(good)
    assert does("reload") == 0
    assert log.stat().st_mode & 0o777 == 0o640
    log.chmod(0o644)
    assert restarted(does, home, headers) > 20
    assert does("status") == 0 and log.stat().st_mode & 0o777 == 0o640
    good, before = home.conf.read_text(), (home.dir / "pid").read_text()
    home.configure("nonsense\n")
    with log.open("a") as lines:
        lines.write("time=2026-11-27T14:00:00.000Z level=info outcome=stored id=1\n" * 5)
    assert [does("restart"), does("status")] == [1, 0] and (home.dir / "pid").read_text() == before
    assert "no such option 'nonsense'" in said[-2] and "outcome" not in said[-2], "the error, and not what the old receiver logs"
    expect(fcgi_client.deliver(home.dir / "sock1", message(), headers=headers), "stored")
    assert (home.dir / "sock1").stat().st_mode & 0o777 == 0o660 and not (home.dir / "sock1.new").exists()
    home.write("hookspool.conf", good)
    assert [does("stop"), does("status"), does("stop")] == [0, 3, 0]
    home.configure("nonsense\n")
    assert does("start") == 1


@pytest.mark.parametrize("path", of_kind("logrotate"))
def test_logrotate(path, home, children):
    """A dry run finds no fault; a real one, under a receiver that writes on, loses no line."""
    log = home.dir / "log/receiver.log"
    log.parent.mkdir()
    own(log.parent)
    conf = new_dir("rotate") / "conf"
    conf.write_text(here(path.read_text(), home))
    conf.chmod(0o644)
    command = f"exec {BIN}/hookspool.fcgi -c {home.conf} --listen unix:{home.dir}/sock1 2>>{log}"
    receiver = home.start(argv=["/bin/sh", "-c", command])
    headers = {"Authorization": AUTHORIZATION}
    expect(fcgi_client.deliver(receiver.socket, message("urn:before"), headers=headers), "stored")
    until(lambda: "urn:before" in log.read_text(), "the line before")
    rotate = [need("logrotate"), "--state", conf.with_name("state"), conf]
    dry = run([*rotate, "--debug"], user=USER)
    assert dry.returncode == 0 and b"error" not in dry.stderr, dry.stderr.decode()
    done = run([*rotate, "--force"], user=USER)
    assert done.returncode == 0 and not done.stderr, done.stderr.decode()
    assert "urn:before" in log.with_name("receiver.log.1").read_text() and not log.read_text()
    expect(fcgi_client.deliver(receiver.socket, message("urn:after"), headers=headers), "stored")
    until(lambda: "urn:after" in log.read_text(), "the line after")
    assert "\0" not in log.read_text()
    receiver.stop()
