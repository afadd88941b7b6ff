# SPDX-License-Identifier: ISC
"""A NATS server of a test's own, and the little of its protocol that tests need."""
import base64
import json
import socket

from place import need, new_dir, own
from proc import Child
from servers import lasting_port

STREAM = {"name": "HOOKS", "subjects": ["hooks.>"], "storage": "file", "retention": "limits", "max_consumers": -1, "max_msgs": -1,
          "max_bytes": -1, "max_age": 0, "num_replicas": 1, "discard": "old"}


class Nats:
    """A server with JetStream in a directory of its own; it keeps its streams when it is started again."""

    def __init__(self, *options, user=None, password=None, stream=STREAM, settings="", jetstream=True):
        self.dir, self.port, self.options = own(new_dir("nats")), lasting_port(), options
        self.user, self.password = user, password
        self.url = f"nats://{user + '@' if user else ''}127.0.0.1:{self.port}"
        self.conf = self.dir / "nats.conf"
        self.conf.write_text(settings)
        self.argv, self.starts = ["-js", "-sd", self.dir] if jetstream else [], 0
        self.start()
        if stream:
            self.stream(**stream)

    def start(self):
        self.child = Child([need("nats-server"), "-c", self.conf, *self.argv, "-a", "127.0.0.1", "-p", self.port, *self.options], self.dir / "log")
        self.starts += 1
        self.child.until(lambda: self.child.text().count("Server is ready") == self.starts, "NATS answers", 20)
        return self

    def kill(self, number=9):
        self.child.signal(number)
        self.child.wait(20)

    def stream(self, **given):
        answer = self.ask("$JS.API.STREAM.CREATE." + given["name"], {**STREAM, **given})
        assert "error" not in answer, answer

    def ask(self, subject, question=None):
        """The answer of JetStream's API to a request, as JSON."""
        return next(self.answers(subject, [question]))

    def answers(self, subject, questions):
        """The answers to requests, over one connection."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as sock, sock.makefile("rb") as answer:
            answer.readline()
            login = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True}
            if self.user:
                login.update(user=self.user, **{"pass": self.password})
            sock.sendall(b"CONNECT %s\r\nSUB answer 1\r\n" % json.dumps(login).encode())
            for question in questions:
                data = json.dumps(question).encode() if question is not None else b""
                sock.sendall(b"PUB %s answer %d\r\n%s\r\n" % (subject.encode(), len(data), data))
                while not (line := answer.readline()).startswith((b"MSG", b"HMSG")):
                    assert line and not line.startswith(b"-ERR"), line
                    if line.startswith(b"PING"):
                        sock.sendall(b"PONG\r\n")
                yield json.loads(answer.read(int(line.split()[-1])))
                answer.readline()

    def count(self, stream="HOOKS"):
        return self.ask("$JS.API.STREAM.INFO." + stream)["state"]["messages"]

    def messages(self, stream="HOOKS"):
        """The messages of a stream: dictionaries with subject, headers and data."""
        state = self.ask("$JS.API.STREAM.INFO." + stream)["state"]
        numbers = range(state["first_seq"], state["last_seq"] + 1) if state["messages"] else []
        return [message(answer["message"]) for answer in self.answers("$JS.API.STREAM.MSG.GET." + stream, ({"seq": n} for n in numbers))]


def message(found):
    lines = base64.b64decode(found.get("hdrs", "")).decode().splitlines()[1:]
    return {"subject": found["subject"], "data": base64.b64decode(found.get("data", "")),
            "headers": dict(line.split(": ", 1) if ": " in line else line.split(":", 1) for line in lines if line)}
