# SPDX-License-Identifier: ISC
"""What people run now, each as its documentation leads one to set it up, as systems to be measured."""
import contextlib
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import counts
import machine
from web import AUTHORIZATION, PATH, SECRET, USER, Running, child, free_port, new_dir, nginx

HERE = Path(__file__).with_name("peers")
ENV = {"SECRET": SECRET, "AUTHORIZATION": AUTHORIZATION}
PHP = next(iter(sorted(Path("/usr/sbin").glob("php-fpm*"))), None)
express = None  # where it is installed; set by install()

PHP_FPM = """[global]
error_log = {dir}/error.log
daemonize = no
[www]
{user}
listen = {dir}/handler.sock
listen.mode = 0666
listen.backlog = 1024
pm = dynamic
pm.max_children = 16
pm.start_servers = 4
pm.min_spare_servers = 2
pm.max_spare_servers = 8
"""


def install(where):
    """Installs Express, in the versions of package-lock.json, outside of the source."""
    global express
    express = where / "express"
    shutil.copytree(HERE / "express", express)
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=express, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"npm ci: {done.stderr}")


def versions():
    return {
        "Node.js": machine.version("node", "--version"),
        "Express": machine.version("grep", "-m1", '"express":', str(HERE / "express/package.json")),
        "Flask": machine.version("dpkg-query", "-W", "python3-flask"),
        "gunicorn": machine.version("gunicorn", "--version"),
        "PHP": machine.version(str(PHP), "-v"),
        "webhook": machine.version("webhook", "-version"),
        "fcgiwrap": machine.version("dpkg-query", "-W", "fcgiwrap"),
    }


def node(durable):
    @contextlib.contextmanager
    def start():
        where, port = new_dir("express"), free_port()
        argv = ["node", express / "server.js", port, *([where / "events"] if durable else [])]
        with child(argv, where, port, env={**ENV, "NODE_ENV": "production"}) as process:
            yield Running(port, lambda: [process.pid])
    return start


@contextlib.contextmanager
def node_postgresql(url):
    where, port = new_dir("express"), free_port()
    with child(["node", express / "postgresql.js", port, url], where, port, env={**ENV, "NODE_ENV": "production"}) as process:
        yield Running(port, lambda: [process.pid])


@contextlib.contextmanager
def flask():
    where, port = new_dir("flask"), free_port()
    shutil.copy(HERE / "flask/app.py", where)
    argv = ["gunicorn", "--workers", 2 * os.cpu_count() + 1, "--bind", f"127.0.0.1:{port}", "app:app"]
    with child(argv, where, port, env={**ENV, "EVENTS": where / "events"}) as process:
        yield Running(port, lambda: [process.pid])


def handler_params(where, script, **more):
    params = {"SCRIPT_FILENAME": script, "EVENTS": where / "events", **ENV, **counts.ENV, **more}
    return "include /etc/nginx/fastcgi_params;\n" + "".join(f'fastcgi_param {name} "{value}";\n' for name, value in params.items()) \
        + f"fastcgi_pass unix:{where}/handler.sock;"


@contextlib.contextmanager
def php_fpm(where, script, **params):
    """PHP-FPM behind nginx, with a script of the directory."""
    shutil.copy(HERE / "php" / script, where)
    (where / "fpm.conf").write_text(PHP_FPM.format(dir=where, user=f"user = {USER}\ngroup = {USER}" if USER else ""))
    # PHP binds its extensions past what is preloaded, but not past a library that is there already
    env = {"LD_PRELOAD": f"{counts.LIBRARY} libsqlite3.so.0"}
    with child([PHP, "--fpm-config", where / "fpm.conf"], where, where / "handler.sock", user=None, env=env) as process:
        with nginx(where, handler_params(where, where / script, **params)) as port:
            yield Running(port, lambda: [process.pid])


@contextlib.contextmanager
def php_postgresql(url):
    with php_fpm(new_dir("php"), "postgresql.php", SERVER=url) as running:
        yield running


@contextlib.contextmanager
def php():
    where = new_dir("php")
    db = sqlite3.connect(where / "events")
    db.executescript("PRAGMA journal_mode=WAL; CREATE TABLE event(id INTEGER PRIMARY KEY, message_urn TEXT UNIQUE, body TEXT);")
    db.close()
    for path in where.glob("events*"):
        if USER:
            shutil.chown(path, USER, USER)
    with php_fpm(where, "hook.php") as running:
        yield running


@contextlib.contextmanager
def webhook():
    where, port = new_dir("webhook"), free_port()
    shutil.copy(HERE / "webhook/store.sh", where)
    hooks = (HERE / "webhook/hooks.json").read_text()
    for name, value in {"STORE": where / "store.sh", **ENV}.items():
        hooks = hooks.replace(f"@{name}@", str(value))
    (where / "hooks.json").write_text(hooks)
    argv = ["webhook", "-hooks", where / "hooks.json", "-ip", "127.0.0.1", "-port", port, "-urlprefix", "webhook"]
    with child(argv, where, port, env={"EVENTS": where / "events"}) as process:
        yield Running(port, lambda: [process.pid])


@contextlib.contextmanager
def fcgiwrap():
    where = new_dir("fcgiwrap")
    shutil.copy(HERE / "fcgiwrap/hook.sh", where)
    argv = ["fcgiwrap", "-c", 4, "-s", f"unix:{where}/handler.sock"]
    with child(argv, where, where / "handler.sock") as process:
        (where / "handler.sock").chmod(0o666)
        with nginx(where, handler_params(where, where / "hook.sh")) as port:
            yield Running(port, lambda: [process.pid])


PEERS = {
    "express": node(False),
    "express-fdatasync": node(True),
    "flask-fdatasync": flask,
    "php-fpm-sqlite": php,
    "webhook": webhook,
    "fcgiwrap-sh": fcgiwrap,
}
