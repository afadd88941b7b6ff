# SPDX-License-Identifier: ISC
"""An HTTP server."""
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from relaying import sink
from targets import SinkTarget


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(self.server.target.take(self.headers["webhook-id"], body))

    def answer(self, status):
        if status is None:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    allow_reuse_address = True

    def handle_error(self, *_):
        """A connection of a relay that was killed."""


class HttpTarget(SinkTarget):
    type, replies = "http", True

    def __init__(self):
        self.lock, self.got, self.poisoned, self.silent, self.breaking, self.port = threading.Lock(), [], set(), threading.Event(), False, 0
        self.up()

    def options(self):
        return {"url": f"http://127.0.0.1:{self.port}/"}

    def section(self, name="out", **given):
        given.setdefault("retry", ["100ms", "500ms", "1h"])
        return sink(name, **self.options(), **given)

    def take(self, id, body):
        """The status of the answer; None: the connection breaks."""
        while self.silent.is_set():
            time.sleep(0.05)
        if id in self.poisoned:
            return 400
        with self.lock:
            self.got.append((id, body))
        return None if self.breaking else 200

    def arrived(self):
        with self.lock:
            return list(self.got)

    def down(self):
        self.server.shutdown()
        self.server.server_close()
        self.server = None

    def up(self):
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.server.target, self.port = self, self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def poison(self, id):
        self.poisoned.add(id)
        return 2

    def hang(self):
        self.silent.set()

    def unhang(self):
        self.silent.clear()

    def close(self):
        self.unhang()
        if self.server:
            self.down()
