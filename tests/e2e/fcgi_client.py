# SPDX-License-Identifier: ISC
"""A FastCGI client as raw as a hostile one (FastCGI 1.0): records by hand, on a connection kept open."""
import socket
import struct

from place import SLOW
from sender import Reply, signed_headers

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, GET_VALUES, UNKNOWN = 1, 2, 3, 4, 5, 6, 7, 9, 11


def record(kind, content=b"", request=1, padding=0):
    return struct.pack("!BBHHBx", 1, kind, request, len(content), padding) + content + bytes(padding)


def begin(keep=True, request=1):
    return record(BEGIN, struct.pack("!HB5x", 1, keep), request)


def length(n):
    return struct.pack("!B", n) if n < 128 else struct.pack("!I", n | 1 << 31)


def pairs(params):
    coded = b""
    for name, value in params:
        name, value = name.encode(), value.encode("latin-1") if isinstance(value, str) else value
        coded += length(len(name)) + length(len(value)) + name + value
    return coded


def params(path="/webhook/linkedin", body=b"", headers=(), method="POST", size=None, more=()):
    """What a web server passes for a signed delivery; size: the CONTENT_LENGTH, when it isn't the body's."""
    listed = [("REQUEST_METHOD", method), ("SCRIPT_NAME", path), ("REQUEST_URI", path), ("QUERY_STRING", ""),
              ("REMOTE_ADDR", "127.0.0.1"), ("SERVER_PROTOCOL", "HTTP/1.1"),
              ("CONTENT_LENGTH", str(len(body) if size is None else size))]
    for name, value in signed_headers(body, headers):
        name = name.upper().replace("-", "_")
        listed.append((name if name == "CONTENT_TYPE" else "HTTP_" + name, value))
    return listed + list(more)


def opening(listed, keep=True, request=1):
    """Everything of a request but its body."""
    return begin(keep, request) + record(PARAMS, pairs(listed), request) + record(PARAMS, b"", request)


def stdin(body, size=32768, request=1):
    """The body's records, without the empty one that ends it."""
    return b"".join(record(STDIN, body[i:i + size], request) for i in range(0, len(body), size))


def whole(listed, body=b"", keep=True, request=1):
    return opening(listed, keep, request) + stdin(body, request=request) + record(STDIN, b"", request)


class Fcgi:
    """One connection to a receiver's socket: a path, or a TCP port."""

    def __init__(self, address, timeout=20):
        if isinstance(address, int):
            self.sock = socket.create_connection(("127.0.0.1", address))
        else:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(str(address))
        self.sock.settimeout(timeout * SLOW)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def exactly(self, n):
        got = b""
        while len(got) < n:
            more = self.sock.recv(n - len(got))
            if not more:
                raise EOFError(f"the connection was closed, {len(got)} of {n} bytes came")
            got += more
        return got

    def record(self):
        _, kind, _, size, padding = struct.unpack("!BBHHBx", self.exactly(8))
        return kind, self.exactly(size + padding)[:size]

    def reply(self):
        """The answer to one request, to its END_REQUEST."""
        out = b""
        kind = None
        while kind != END:
            kind, content = self.record()
            out += content if kind == STDOUT else b""
        top, _, body = out.partition(b"\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in top.decode("latin-1").split("\r\n")]
        status = next(int(value.split()[0]) for name, value in headers if name == "Status")
        return Reply(status, headers, body)

    def rest(self):
        """What comes until the peer closes, which it must."""
        got = b""
        try:
            while more := self.sock.recv(65536):
                got += more
        except ConnectionResetError:
            pass
        return got

    def deliver(self, body, keep=True, **how):
        """One whole request and its answer."""
        self.send(whole(params(body=body, **how), body, keep))
        return self.reply()


def deliver(address, body, **how):
    with Fcgi(address) as fcgi:
        return fcgi.deliver(body, keep=False, **how)
