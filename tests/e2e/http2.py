# SPDX-License-Identifier: ISC
"""An HTTP/2 server that answers without waiting for the request's body, frame by frame (RFC 9113, RFC 7541)."""
import socket
import ssl
import struct
import threading
import time

HEADERS, RST_STREAM, SETTINGS, PING = 1, 3, 4, 6
END_STREAM, END_HEADERS = 1, 4
NO_ERROR, INTERNAL_ERROR = 0, 2
RETRY_AFTER = b"\x0f\x26"  # index 53 of the static table, never indexed


def literal(name, value):
    return name + bytes([len(value)]) + value.encode()


def header(status, retry_after=None):
    return literal(b"\x08", str(status)) + (literal(RETRY_AFTER, str(retry_after)) if retry_after else b"")


class Http2:
    """
    Each request is answered by the next of `answers`, which are functions of the server's: they are called as soon as its header
    is there, with a function that sends a frame of its stream. Without one: 200.
    """

    def __init__(self, certificates, answers):
        self.answers, self.requests = list(answers), 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
        self.context.set_alpn_protocols(["h2"])
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            with self.context.wrap_socket(sock, server_side=True) as tls, tls.makefile("rb") as reader:
                reader.read(24)  # the preface
                self.frames(tls, reader)
        except OSError:
            pass

    def frames(self, tls, reader):
        def send(kind, flags, stream, payload=b""):
            tls.sendall(struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload)
        send(SETTINGS, 0, 0)
        while len(head := reader.read(9)) == 9:
            payload = reader.read(int.from_bytes(head[:3], "big"))
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
            if kind in (SETTINGS, PING) and not flags & 1:
                send(kind, 1, 0, payload if kind == PING else b"")
            if kind == HEADERS:
                self.requests += 1
                answer = self.answers.pop(0) if self.answers else answered(200)
                answer(lambda kind, flags, payload: send(kind, flags, stream, payload))

    def close(self):
        self.listener.close()


APART = 0.05  # seconds between an answer and the stream's reset: libcurl may keep what it reads at once with it to itself


def answered(status, **more):
    """A whole answer, and word that the body need not be sent."""
    def answer(send):
        send(HEADERS, END_HEADERS | END_STREAM, header(status, **more))
        time.sleep(APART)
        send(RST_STREAM, 0, struct.pack(">I", NO_ERROR))
    return answer


def broken_off(status):
    """The header of an answer, and nothing behind it."""
    def answer(send):
        send(HEADERS, END_HEADERS, header(status))
        time.sleep(APART)
        send(RST_STREAM, 0, struct.pack(">I", INTERNAL_ERROR))
    return answer
