# SPDX-License-Identifier: ISC
"""The limits and hookspool itself, as systems to be measured: each starts, gives where to send to, and ends."""
import contextlib
import os
import shutil
import socket
from pathlib import Path

import counts
from web import AUTHORIZATION, PATH, SECRET, USER, Running, child, free_port, new_dir, nginx

BUILD = Path(os.environ["HOOKSPOOL_BUILD"])
KEPT = 64  # connections that nginx's workers keep together, and the empty handler's threads

CONF = """spool = "spool"
endpoint "%s" {
	secret-file = {"secret"}
	authorization-file = {"authorization"}
}
"""

FASTCGI = """include /etc/nginx/fastcgi_params;
			fastcgi_pass handler;
			fastcgi_keep_conn {keep};"""

APACHE = """ServerRoot {dir}
DefaultRuntimeDir {dir}
PidFile {dir}/apache.pid
{user}
Listen 127.0.0.1:{port}
ServerName localhost
ErrorLog {dir}/error.log
KeepAlive On
MaxKeepAliveRequests 0
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule env_module /usr/lib/apache2/modules/mod_env.so
PassEnv {counts}
# each of two processes has threads for all connections, or it would close kept ones
ThreadLimit 300
ServerLimit 2
StartServers 2
ThreadsPerChild 300
MaxRequestWorkers 600
MaxSpareThreads 600
{config}
"""


def place(path, mode=0o600):
    path.chmod(mode)
    if USER:
        shutil.chown(path, USER, USER)
    return path


def program(where, name, source):
    """A copy of a program where the service user may run it."""
    shutil.copy(BUILD / source, where / name)
    return place(where / name, 0o755)


def home(below="/var/tmp"):
    """A directory with the receiver, its configuration and secrets; the options are the defaults."""
    where = new_dir("hookspool", below)
    for name, text in (("hookspool.conf", CONF % PATH), ("secret", SECRET + "\n"), ("authorization", AUTHORIZATION + "\n")):
        (where / name).write_text(text)
        place(where / name)
    program(where, "hookspool.fcgi", "hookspool.fcgi")
    return where


def listener(where):
    """A listening socket for a handler that takes it as fd 0, as spawn-fcgi and systemd give it."""
    (where / "handler.sock").unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(where / "handler.sock"))
    (where / "handler.sock").chmod(0o666)
    sock.listen(1024)
    return sock


@contextlib.contextmanager
def behind_nginx(where, argv, keep):
    upstream = f"upstream handler {{ server unix:{where}/handler.sock; {f'keepalive {KEPT // os.cpu_count()};' if keep else ''} }}"
    with listener(where) as sock, child(argv, where, where / "handler.sock", stdin=sock, name="handler") as handler:
        with nginx(where, FASTCGI.format(keep="on" if keep else "off"), upstream) as port:
            yield Running(port, lambda: [handler.pid])


def hookspool_nginx(keep):
    @contextlib.contextmanager
    def start():
        where = home()
        with behind_nginx(where, [where / "hookspool.fcgi"], keep) as running:
            yield running
    return start


def empty_nginx(keep):
    @contextlib.contextmanager
    def start():
        where = new_dir("empty")
        with behind_nginx(where, [program(where, "empty", "tests/bench/empty"), KEPT], keep) as running:
            yield running
    return start


@contextlib.contextmanager
def nginx_return():
    where = new_dir("nginx")
    with nginx(where, """return 200 '{"status":"stored","id":1234567}';""") as port:
        yield Running(port, lambda: [])


@contextlib.contextmanager
def apache(where, config):
    port = free_port()
    user = f"User {USER}\nGroup {USER}" if USER else ""
    (where / "httpd.conf").write_text(APACHE.format(dir=where, port=port, user=user, counts=" ".join(counts.ENV), config=config))
    with child(["apache2", "-f", where / "httpd.conf", "-DFOREGROUND"], where, port, user=None, name="apache"):
        yield port


def module(*names):
    return "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in names)


def script(where, name):
    return f"""{module("alias")}
ScriptAlias {PATH} {where}/{name}{PATH}
<Directory {where}>
	Require all granted
	CGIPassAuth On
	Options +ExecCGI
</Directory>
"""


def called(name, below):
    """The processes of that name whose program lies below a directory."""
    found = []
    for exe in Path("/proc").glob("[0-9]*/exe"):
        with contextlib.suppress(OSError):
            if exe.readlink() == below / name:
                found.append(int(exe.parent.name))
    return found


@contextlib.contextmanager
def hookspool_mod_fcgid():
    where = home()
    config = f"""{module("fcgid")}{script(where, "hookspool.fcgi")}
FcgidIPCDir {where}
FcgidProcessTableFile {where}/fcgid_shm
FcgidMaxProcesses 16
{"".join(f"FcgidInitialEnv {name} {value}{chr(10)}" for name, value in counts.ENV.items())}
<Directory {where}>
	SetHandler fcgid-script
</Directory>
"""
    with apache(where, config) as port:
        yield Running(port, lambda: called("hookspool.fcgi", where))


@contextlib.contextmanager
def hookspool_mod_proxy_fcgi():
    where = home()
    config = f"""{module("proxy", "proxy_fcgi")}
ProxyPass /webhook/ unix:{where}/handler.sock|fcgi://handler/webhook/
<Location /webhook/>
	CGIPassAuth On
</Location>
"""
    with listener(where) as sock, child([where / "hookspool.fcgi"], where, where / "handler.sock", stdin=sock, name="handler") as handler:
        with apache(where, config) as port:
            yield Running(port, lambda: [handler.pid])


def cgi(make):
    @contextlib.contextmanager
    def start():
        where, name = make()
        with apache(where, f"{module('cgid')}{script(where, name)}\nScriptSock {where}/cgid.sock\n") as port:
            yield Running(port, lambda: [])
    return start


def empty_home():
    where = new_dir("empty")
    program(where, "empty", "tests/bench/empty")
    return where, "empty"


LIMITS = {
    "nginx-return": nginx_return,
    "empty-kept": empty_nginx(True),
    "empty-plain": empty_nginx(False),
    "empty-cgi": cgi(empty_home),
}

HOOKSPOOL = {
    "hookspool-kept": hookspool_nginx(True),
    "hookspool-plain": hookspool_nginx(False),
    "hookspool-mod_fcgid": hookspool_mod_fcgid,
    "hookspool-mod_proxy_fcgi": hookspool_mod_proxy_fcgi,
    "hookspool-cgi": cgi(lambda: (home(), "hookspool.fcgi")),
}
