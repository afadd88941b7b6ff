# SPDX-License-Identifier: ISC
"""ConnectSafely's sender: events, signatures, and HTTP as raw as a test needs it."""
import hashlib
import hmac
import json
import socket
import uuid
from collections import namedtuple
from http.client import HTTPResponse

from place import SLOW

SECRET = "whsec-7f1c0a94b2d84c1d9e65"
SECRET2 = "whsec-after-the-rotation-1"
AUTHORIZATION = "Bearer the-value-set-in-the-dashboard"

Vector = namedtuple("Vector", "scheme header secret body signature")
VECTORS = {  # as published: GitHub's documentation, octokit's tests, Dropbox's scheme
    "github-docs": Vector("github", "X-Hub-Signature-256", "It's a Secret to Everybody", b"Hello, World!",
                          "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"),
    "octokit": Vector("github", "X-Hub-Signature-256", "mysecret", b'{"foo":"bar"}',
                      "sha256=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3"),
    "dropbox-docs": Vector("dropbox", "X-Dropbox-Signature", "the_secret", b'{"delta": {"users": [12345]}}',
                           "0a8c16b085420b960dc78664279fe09e936a2a01b1f91064869d9e77dfd64529"),
}


def sign(body, secret=SECRET, prefix="sha256="):
    return prefix + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def new_urn():
    return "urn:li:messagingMessage:2-" + uuid.uuid4().hex


def message(urn=None, event="message.received", text="Hey — saw your post 👋", sender="Žofie Nováková 李", **data):
    """The bytes of an event as ConnectSafely sends it."""
    urn = urn or new_urn()
    data = {"id": urn, "message_urn": urn, "account_id": "acc-1", "provider": "LINKEDIN",
            "sender": {"id": "urn:li:fsd_profile:ACoAA1", "name": sender, "profile_url": None},
            "body": text, "timestamp": "2026-05-12T14:33:21.000Z",
            "conversation_id": "urn:li:messagingThread:2-x", "attachments": [], **data}
    return json.dumps({"event": event, "object": "event", "data": data}, ensure_ascii=False).encode()


def padded(size):
    """An event of exactly that many bytes."""
    return message(text="x" * (size - len(message(new_urn(), text=""))))


class Reply:
    """An HTTP answer: status, headers (lower-case names), body."""

    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.headers = {name.lower(): value for name, value in headers}

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The outcome, for an answer of ours."""
        assert self.headers.get("content-type") == "application/json", f"not our answer: {self}"
        return self.json["status"]

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:300]!r}>"


def signed_headers(body, headers=(), secret=SECRET):
    """The headers of a delivery; those given take the place of the usual ones, None removes one."""
    usual = {"Content-Type": "application/json", "X-Webhook-Signature": sign(body, secret)}
    given = list(headers.items()) if isinstance(headers, dict) else list(headers)
    names = {name.lower() for name, _ in given}
    return [h for h in usual.items() if h[0].lower() not in names] + [h for h in given if h[1] is not None]


def head(path, headers, method="POST"):
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunks(body, size=1500):
    """The body in chunked coding."""
    parts = [body[i:i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


class Http:
    """One client connection, kept for as many requests as the test wants."""

    def __init__(self, port):
        self.port = port
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=30 * SLOW)

    def again(self):
        """Connects anew, after the server said that it closes."""
        self.sock.close()
        self.__init__(self.port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def reply(self, method="POST"):
        response = HTTPResponse(self.sock, method=method)
        response.begin()
        return Reply(response.status, response.getheaders(), response.read())

    def deliver(self, path, body=b"", headers=(), method="POST", chunked=False, secret=SECRET):
        """Sends one whole request and returns the answer."""
        headers = signed_headers(body, headers, secret)
        if chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        elif body or method == "POST":
            headers.append(("Content-Length", str(len(body))))
        try:
            self.send(head(path, headers, method) + (chunks(body) if chunked else body))
        except (BrokenPipeError, ConnectionResetError):
            pass  # answered before all was sent
        return self.reply(method)


def deliver(port, path, body=b"", **how):
    with Http(port) as http:
        return http.deliver(path, body, **how)
