# SPDX-License-Identifier: ISC
"""Real web servers in front of a receiver, each on a free loopback port with a log of its own."""
import random
import shutil
import socket
from contextlib import contextmanager
from pathlib import Path

import pytest

import sender
from place import BIN, PACKAGES, ROOT, USER, need, new_dir, own
from proc import Child
from receiver import accepts, log_entries

MODULES = Path("/usr/lib/apache2/modules")

NGINX = """
daemon off;
{user}
pid {dir}/nginx.pid;
error_log {log} warn;
worker_processes 2;
worker_rlimit_nofile 8192;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  client_max_body_size 4m;
  client_body_temp_path {dir}/body;
  fastcgi_temp_path {dir}/fastcgi;
  proxy_temp_path {dir}/proxy;
  scgi_temp_path {dir}/scgi;
  uwsgi_temp_path {dir}/uwsgi;
  {http}
}}
"""

BY_FILE = "a client request body is buffered to a temporary file"  # nginx's warning

APACHE = """
ServerRoot {dir}
DefaultRuntimeDir {dir}
PidFile {dir}/apache.pid
{user}
Listen 127.0.0.1:{port}
ServerName localhost
ErrorLog {log}
LogLevel warn
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
StartServers 1
ThreadsPerChild 16
MaxRequestWorkers 16
ServerLimit 1
{config}
"""


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def lasting_port():
    """A free port that stays free while its server is down: no outgoing connection gets one of these."""
    while True:
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", random.randrange(10000, 32000)))
                return sock.getsockname()[1]
            except OSError:
                pass


class Server:
    """A running web server: deliver() is what a sender on the Internet could do."""

    def __init__(self, argv, log, port, receivers=(), home=None):
        self.port, self.receivers, self.home, self.log = port, list(receivers), home, log
        self.child = Child(argv, log, user=None)
        try:
            self.child.until(lambda: accepts(("127.0.0.1", port)), f"{argv[0]} accepts on {port}", 20)
        except BaseException:
            self.child.end()
            raise

    def deliver(self, path, body=b"", headers=(), **how):
        return sender.deliver(self.port, path, body, headers=headers, **how)

    def connect(self):
        return sender.Http(self.port)

    def text(self):
        """The log of the receiver: its own, or the server's when that starts it."""
        return "".join(r.text() for r in self.receivers) or self.log.read_text(errors="replace")

    def entries(self, **where):
        return [e for e in log_entries(self.text()) if where.items() <= e.items()]

    def stop(self):
        self.child.end()
        for receiver in self.receivers:
            if receiver.alive():
                receiver.stop()


def start_nginx(http, port, receivers=(), home=None):
    """nginx with this inside its http block."""
    where = new_dir("nginx")
    conf, log = where / "nginx.conf", where / "nginx.log"
    conf.write_text(NGINX.format(dir=where, log=log, http=http, user=f"user {USER};" if ROOT else ""))
    return Server([need("nginx"), "-e", "stderr", "-c", conf], log, port, receivers, home)


def start_apache(config, port, receivers=(), home=None):
    """Apache with this after the directives every one of ours has."""
    where = new_dir("apache")
    conf, log = where / "httpd.conf", where / "apache.log"
    user = f"User {USER}\nGroup {USER}" if ROOT else ""
    conf.write_text(APACHE.format(dir=where, log=log, port=port, modules=MODULES, user=user, config=config))
    return Server([need("apache2"), "-f", conf, "-DFOREGROUND"], log, port, receivers, home)


def module(*names):
    """LoadModule lines; a module that isn't installed fails the test with the name of its package."""
    for name in names:
        if not (MODULES / f"mod_{name}.so").exists():
            pytest.fail(f"mod_{name} is missing: apt-get install {PACKAGES.get(f'mod_{name}.so', 'apache2-bin')}", False)
    return "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n" for name in names)


def program(home):
    """A copy of the receiver beside its configuration, as a server starts it by itself."""
    path = home.dir / "hookspool.fcgi"
    shutil.copy(BIN / "hookspool.fcgi", path)
    if (BIN / "modules").exists() and not (home.dir / "modules").exists():
        (home.dir / "modules").symlink_to(BIN / "modules")
    return own(path)


def script(home):
    """Apache's directives to run that copy for all below /webhook/, with Authorization passed."""
    return f"""
{module("alias", "env")}
ScriptAlias /webhook/ {program(home)}/
PassEnv ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS
<Directory {home.dir}>
  Require all granted
  CGIPassAuth On
</Directory>
"""


def upstream(receivers, keep):
    servers = "".join(f"server unix:{r.socket} max_fails=0; " for r in receivers)
    return f"upstream hookspool {{ {servers} {'keepalive 8;' if keep else ''} }}\n"


def location(keep, buffered):
    return f"""location / {{
      include /etc/nginx/fastcgi_params;
      fastcgi_pass hookspool;
      fastcgi_keep_conn {"on" if keep else "off"};
      fastcgi_request_buffering {"on" if buffered else "off"};
    }}"""


def nginx(home, keep=False, buffered=True, receivers=1):
    """nginx before receivers on sockets; keep: connections to them are kept; buffered: whole bodies are sent."""
    started, port = [home.start() for _ in range(receivers)], free_port()
    http = upstream(started, keep) + f"server {{ listen 127.0.0.1:{port}; {location(keep, buffered)} }}"
    return start_nginx(http, port, started, home)


def apache_fcgid(home):
    port = free_port()
    return start_apache(f"""
{module("fcgid")}{script(home)}
FcgidIPCDir {new_dir("ipc")}
FcgidProcessTableFile {home.dir}/fcgid_shm
FcgidMaxRequestLen 4194304
FcgidMaxProcesses 4
FcgidInitialEnv LANG C
<Directory {home.dir}>
  SetHandler fcgid-script
  Options +ExecCGI
</Directory>
""", port, home=home)


def apache_proxy(home):
    receiver, port = home.start(), free_port()
    return start_apache(f"""
{module("proxy", "proxy_fcgi")}
ProxyPass /webhook/ unix:{receiver.socket}|fcgi://hookspool/webhook/
<Location /webhook/>
  CGIPassAuth On
</Location>
""", port, [receiver], home)


def apache_cgid(home):
    port = free_port()
    return start_apache(f"{module('cgid')}{script(home)}\nScriptSock {home.dir}/cgid.sock\n", port, home=home)


KINDS = {
    "nginx": nginx,
    "nginx-kept": lambda home: nginx(home, keep=True),
    "nginx-streaming": lambda home: nginx(home, keep=True, buffered=False),
    "mod_fcgid": apache_fcgid,
    "mod_proxy_fcgi": apache_proxy,
    "mod_cgid": apache_cgid,
}


@contextmanager
def serving(kind, home):
    """A server of that kind in front of the home, ended on the way out."""
    server = KINDS[kind](home)
    server.kind = kind
    try:
        yield server
    finally:
        server.stop()
