# SPDX-License-Identifier: ISC
"""What the systems under test have in common: a directory, an nginx in front, processes to end."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import namedtuple
from pathlib import Path

import counts

SECRET = "whsec-7f1c0a94b2d84c1d9e65"
AUTHORIZATION = "Bearer the-value-set-in-the-dashboard"
PATH = "/webhook/linkedin"
USER = "www-data" if os.geteuid() == 0 else None
MADE = []  # directories, to be removed by the caller

# A system that runs: where to send deliveries, and what gives the process ids its handler's processes descend from.
Running = namedtuple("Running", "port pids")


def new_dir(name, below="/var/tmp"):
    """A directory of the service user's, on the same disk for all."""
    path = Path(tempfile.mkdtemp(prefix=f"hookspool-bench-{name}-", dir=below))
    MADE.append(path)
    path.chmod(0o755)
    if USER:
        shutil.chown(path, USER, USER)
    return path


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def until(true, what, seconds=20, every=0.02):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(every)


def accepts(address):
    """Whether something listens on a port of this machine or on a socket's path."""
    with socket.socket(socket.AF_INET if isinstance(address, int) else socket.AF_UNIX) as sock:
        return sock.connect_ex(("127.0.0.1", address) if isinstance(address, int) else str(address)) == 0


@contextlib.contextmanager
def child(argv, where, ready, user=USER, env=None, stdin=subprocess.DEVNULL, name="child"):
    """
    Runs a program as the service user until the block ends; its output goes to a file below `where`. It is ready when an address
    accepts, or when a function gives true.
    """
    with open(where / f"{name}.log", "wb") as log:
        process = subprocess.Popen([str(a) for a in argv], cwd=where, stdin=stdin, stdout=log, stderr=log,
                                   user=user, group=user, extra_groups=[] if user else None,
                                   env={**os.environ, **counts.ENV, **(env or {})}, start_new_session=True)
    try:
        until(lambda: process.poll() is not None or (ready() if callable(ready) else accepts(ready)), f"{argv[0]} is ready")
        if process.poll() is not None:
            raise RuntimeError((where / f"{name}.log").read_text())
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


NGINX = """daemon off;
{user}
worker_processes auto;
pid nginx.pid;
error_log error.log;
events {{ worker_connections 4096; }}
http {{
	access_log off;
	keepalive_requests 1000000000;
	client_max_body_size 2m;
	client_body_buffer_size 128k;
	client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
	{http}
	server {{
		listen 127.0.0.1:{port} backlog=1024;
		location = {path} {{
			{location}
		}}
	}}
}}
"""


@contextlib.contextmanager
def nginx(where, location, http=""):
    """nginx with one location, the same for all systems that stand behind it; gives its port."""
    port = free_port()
    user = f"user {USER};" if USER else ""
    (where / "nginx.conf").write_text(NGINX.format(user=user, port=port, path=PATH, location=location, http=http))
    with child(["nginx", "-p", where, "-c", where / "nginx.conf"], where, port, user=None, name="nginx"):
        yield port
