# SPDX-License-Identifier: ISC
"""What tests of the relay share: targets that keep what they get, sinks, the relay itself, and what the spool says of it."""
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fcgi_client
from outcomes import expect
from place import BIN, until
from proc import Child
from receiver import Home, endpoint, options
from sender import message

PATH = "/webhook/linkedin"
DONE, PENDING, DEAD = 1, 0, 2  # states of a relay in the spool
API = {"body": '{"accountId":"{{hookspool.account}}","conversationUrn":"{{hookspool.conversation}}","message":"{{hookspool.reply}}"}'}


class Target:
    """An HTTP server that keeps what it gets, and answers as `answers` says: the next of it, else 200."""

    def __init__(self, port=0):
        target = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with target.lock:
                    target.got.append((time.time(), self.command, self.path, dict(self.headers.items()), body))
                    answer = target.answers.pop(0) if target.answers else {}
                answer.get("do", lambda handler: None)(self)
                if answer.get("status") == 0:
                    self.close_connection = True
                    return
                text = answer.get("body", b"ok")
                self.send_response(answer.get("status", 200))
                for name, value in answer.get("headers", {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_PUT = do_POST

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_):
                """A client that leaves early is part of some tests."""

        self.lock, self.got, self.answers = threading.Lock(), [], []
        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def bodies(self):
        return [entry[4] for entry in self.got]

    def until(self, n, what="deliveries"):
        until(lambda: len(self.got) >= n, f"{n} {what}, got {len(self.got)}", 20)
        return self.got

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def sink(name, **given):
    """The section of an HTTP sink that may send to this machine; of a program with allow_private=None."""
    given.setdefault("allow_private", True)
    return f'sink "{name}" {{\n{options({option: v for option, v in given.items() if v is not None})}}}\n'


def home_with(*sinks, relay=("out",), files=None, **given):
    return Home(*sinks, endpoint(PATH, relay=list(relay)), files=files, **given)


class Relay(Child):
    def __init__(self, home, *args, **how):
        how = {**home.relay_in, **how}
        super().__init__([*how.pop("before", ()), BIN / "hookspool", "-c", home.conf, "relay", *args], home.dir / f"relay{next(home.numbers)}.log", **how)

    def ready(self):
        self.until(lambda: "relaying to" in self.text(), "the relay is ready")
        return self

    def hup(self):
        self.signal(signal.SIGHUP)

    def stop(self):
        self.signal(signal.SIGTERM)
        assert self.wait(20) == 0, self.text()

    def kill(self):
        self.signal(signal.SIGKILL)
        self.wait(20)


def deliver(receiver, n=1, **data):
    bodies = [message(**data) for _ in range(n)]
    for body in bodies:
        expect(fcgi_client.deliver(receiver.socket, body, path=PATH), "stored")
    return bodies


def states(home):
    return [row["state"] for row in home.spool.query("SELECT state FROM relay ORDER BY id")]


def settled(home, n, state=1):
    until(lambda: states(home).count(state) == n, f"{n} relays in state {state}: {states(home)}", 60)  # a killed relay's lease ends after half a minute



def once(home):
    """Runs relay --once; returns how long that took, in seconds."""
    start = time.monotonic()
    done = home.cli("relay", "--once")
    assert done.returncode == 0, done.stderr
    return time.monotonic() - start


def program(name, *words, **given):
    """The section of a sink that runs a program."""
    given.setdefault("retry", ["100ms", "1s", "1h"])
    return sink(name, type="exec", command=list(words), allow_private=None, **given)


def script(home, text, name="program"):
    """A script in the home, written when the configuration names it already."""
    home.write(name, text, 0o755)


def attempts(home):
    return home.spool.query("SELECT * FROM attempt ORDER BY id")


def tried(home, n=1):
    return until(lambda: len(attempts(home)) >= n and attempts(home), f"{n} attempts", 20)


def errors_of(home, n):
    """The last error of each of n sinks by name, once each has been tried."""
    def found():
        return {row["sink"]: row["error"] for row in home.spool.query("SELECT sink, error FROM attempt JOIN relay ON relay.id = relay ORDER BY attempt.id")}
    return until(lambda: len(errors := found()) == n and errors, "an attempt each")


def alive(pid):
    """True while the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def noted(path):
    return until(lambda: path.exists() and path.read_text().endswith("\n"), f"{path}") and int(path.read_text())


def answering(target, text, relay_to="assistant", **given):
    home = home_with(sink("connectsafely", url=target.url, authorization_file="key", retry=["100ms", "1s", "1h"], timeout="2s", **API),
                     program("assistant", "./program", reply="connectsafely", **given), relay=(relay_to,), files={"key": "Bearer abc"})
    script(home, text)
    return home
