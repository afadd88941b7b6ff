# SPDX-License-Identifier: ISC
"""hookspool-page.fcgi on a socket of its own, asked as a web server asks it."""
import json
import re
import signal
from urllib.parse import urlencode

from fcgi_client import END, STDOUT, Fcgi, whole
from place import BIN, SOURCE, new_dir, own
from proc import Child
from receiver import REPORT, Receiver, accepts

INDEX = '<!doctype html>\n<title>hookspool</title>\n<link rel="stylesheet" href="@ROOT@static/style.css">\n'


def page_files():
    """A directory with files of a page: not the real ones, which have tests of their own."""
    where = new_dir("files")
    for name, text in (("index.html", INDEX), ("style.css", "body { color: black }\n" * 50), (".hidden", "x"), ("main.js", "export {};\n")):
        (where / name).write_text(text)
    return where


class Answer:
    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        self.status = int(self.headers["status"].split()[0])

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


def variables(path, query="", user="jo", method="GET", body=b"", headers=None, **more):
    """What a web server passes. Headers are a client's; the others are the server's own."""
    listed = [("REQUEST_METHOD", method), ("SCRIPT_NAME", path), ("REQUEST_URI", path), ("QUERY_STRING", query), ("REMOTE_ADDR", "127.0.0.1"),
              ("SERVER_PROTOCOL", "HTTP/1.1"), ("CONTENT_LENGTH", str(len(body)) if body else ""), ("HTTP_HOST", "page.example")]
    listed += [("REMOTE_USER", user)] if user is not None else []
    listed += [("HTTP_" + name.upper().replace("-", "_"), value) for name, value in (headers or {}).items() if name != "Content-Type"]
    listed += [("CONTENT_TYPE", value) for name, value in (headers or {}).items() if name == "Content-Type"]
    return [pair for pair in listed if pair[0] not in more] + list(more.items())


def read_answer(connection):
    out = b""
    while True:
        kind, content = connection.record()
        if kind == STDOUT:
            out += content
        if kind == END:
            return Answer(out)


class Asked:
    """A page's socket."""

    def __init__(self, socket):
        self.socket = socket

    def get(self, path, *, within=30, method="GET", user="jo", body=b"", headers=None, server=None, **query):
        with Fcgi(self.socket, within) as connection:
            connection.send(whole(variables("/hookspool" + path, urlencode(query), user, method, body, headers, **(server or {})), body, keep=False))
            return read_answer(connection)


class Page(Child):
    """The page of a home, ready when this returns."""

    def __init__(self, home, *args, **how):
        number = next(home.numbers)
        self.home, self.socket = home, home.dir / f"page{number}"
        argv = [BIN / "hookspool-page.fcgi", "-c", home.conf, "--listen", f"unix:{self.socket}", "--files", page_files(), *args]
        super().__init__(argv, home.dir / f"page{number}.log", **how)
        self.until(lambda: accepts(self.socket) and Receiver.takes_signals(self), "the page is ready")

    entries = Receiver.entries
    get = Asked.get

    def events(self, **query):
        answer = self.get("/events.json", **query)
        assert answer.status == 200, answer
        return answer.json

    def whole(self, **query):
        """An answer that looked at all rows: on a busy machine its time may end before that."""
        return self.until(lambda: (part := self.events(**query))["complete"] and part, "an answer that is complete")

    def ids(self, **query):
        return [event["id"] for event in self.whole(**query)["events"]]

    def stop(self):
        self.signal(signal.SIGTERM)
        status = self.wait(20)
        self.end()
        assert status == 0, f"exit status {status}:\n{self.text()[-3000:]}"
        assert not REPORT.search(self.text()), self.text()
