# SPDX-License-Identifier: ISC
"""One attempt: a single request, errors that name their cause, and answers that tell of the sink and not of the event."""
import socket
import ssl
import threading

import pytest

from place import new_dir, until
from relaying import deliver, home_with, settled, sink, states
from test_callers import make_certificates


class Peer:
    """A TCP server that does with each connection what it is told to, in a thread of its own."""

    def __init__(self, do, context=None):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.do, self.context = do, context
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            with self.context.wrap_socket(connection, server_side=True) if self.context else connection as wrapped:
                self.do(wrapped)
        except OSError:
            pass  # a client that leaves is part of some tests

    def close(self):
        self.listener.close()


def read_request(connection):
    """A request, to the end of its body; empty at the connection's end."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return data


def attempts(home):
    return home.spool.query("SELECT * FROM attempt ORDER BY id")


@pytest.mark.parametrize("in_flight", [1, 8])
def test_attempt_is_one_request(receiver, relay, in_flight):
    """A target that closes a connection at its second request gets as many requests as there are attempts."""
    seen, lock = [], threading.Lock()

    def once_a_connection(connection):
        for number in range(2):
            if not read_request(connection):
                return
            with lock:
                seen.append(number)
            if number == 0:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    peer = Peer(once_a_connection)
    home = home_with(sink("out", url=peer.url, max_in_flight=in_flight, retry=["100ms", "200ms", "1h"]))
    one = receiver(home=home)
    relay(home).ready()
    for n in range(1, 4):
        deliver(one, 4)
        settled(home, 4 * n)
    rows = attempts(home)
    assert len(seen) == len(rows) and 1 in seen
    assert {row["error"] for row in rows} == {None, "the target closed a connection that was kept, without an answer"}
    peer.close()


def test_connection_is_used_again(receiver, relay):
    """Deliveries one after the other don't open a connection each."""
    connections = []

    def serve(connection):
        connections.append(1)
        while read_request(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    peer = Peer(serve)
    home = home_with(sink("out", url=peer.url, max_in_flight=1))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, 20)
    settled(home, 20)
    assert len(connections) == 1
    peer.close()


@pytest.mark.parametrize("says", [b"220 mail ready\r\n", b"SSH-2.0-OpenSSH_9.2p1\r\n", b"\x15\x03\x01\x00\x02\x02\x16", b"HTTP/9.9 200 OK\r\n\r\n",
                                  b"ICY 200 OK\r\n\r\n"])
def test_error_of_a_target_without_http(receiver, relay, says):
    def speak(connection):
        read_request(connection)
        connection.sendall(says)

    peer = Peer(speak)
    home = home_with(sink("out", url=peer.url))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    until(lambda: attempts(home), "the attempt", 20)
    assert attempts(home)[0]["error"] == "something answered, but not in HTTP; is it the right port?"
    assert states(home) == [0]
    peer.close()


@pytest.mark.parametrize("header, error", [(b"Content-Length: -7", "Content-Length"), (b"X-A: a\0b", "Nul byte in header")])
def test_error_names_the_wrong_header(receiver, relay, header, error):
    """The target speaks HTTP, and the port is right."""
    def speak(connection):
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + header + b"\r\n\r\n")

    peer = Peer(speak)
    home = home_with(sink("out", url=peer.url))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    until(lambda: attempts(home), "the attempt", 20)
    assert error in attempts(home)[0]["error"]
    peer.close()


def test_error_of_a_target_without_tls(receiver, relay, target):
    home = home_with(sink("out", url=target.url.replace("http:", "https:")))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    until(lambda: attempts(home), "the attempt", 20)
    assert "not in TLS" in attempts(home)[0]["error"]


def test_old_tls_is_refused(receiver, relay):
    """Also where the system's OpenSSL would speak it."""
    where, answered = new_dir("ca"), []
    make_certificates(where)
    for path in where.iterdir():
        path.chmod(0o644)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(where / "server.pem", where / "server.key")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1

    def serve(connection):
        answered.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    peer = Peer(serve, context)
    home = home_with(sink("out", url=f"https://localhost:{peer.port}/", ca_file=str(where / "ca.pem")))
    system = home.write("openssl.cnf", "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n"
                        "MinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n")
    one = receiver(home=home)
    relay(home, env={"OPENSSL_CONF": str(system)}).ready()
    deliver(one)
    until(lambda: attempts(home), "the attempt", 20)
    assert attempts(home)[0]["status"] == 0 and not answered and states(home) == [0]
    peer.close()


@pytest.mark.parametrize("status", [401, 403, 407])
def test_refused_credentials_pause_the_sink(receiver, relay, target, status):
    """While a token is renewed no delivery dies, also where retry-on has other answers only, and few attempts are made."""
    target.answers = [{"status": status}] * 12
    home = home_with(sink("out", url=target.url, retry_on=["500"], retry=["100ms", "200ms", "1h"], max_in_flight=4))
    one = receiver(home=home)
    deliver(one, 40)
    running = relay(home).ready()
    running.until(lambda: "sink out pauses until" in running.text(), "the pause")
    assert len(target.got) <= 8 and 2 not in states(home)
    del target.answers[:]
    settled(home, 40)


def test_refused_credentials_are_dead_after_the_retry_time(receiver, relay, target):
    target.answers = [{"status": 401}] * 50
    home = home_with(sink("out", url=target.url, retry=["100ms", "200ms", "1s"]))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    settled(home, 1, state=2)
    assert len(attempts(home)) > 1
