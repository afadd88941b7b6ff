# SPDX-License-Identifier: ISC
"""Web servers besides nginx and Apache: the examples of conf-examples, loaded by the real ones, with bodies of each kind."""
import re
import threading
import time

import pytest

import sender
from examples import EXAMPLES
from outcomes import expect
from place import SLOW, need, new_dir
from receiver import Home, endpoint
from sender import AUTHORIZATION, message, padded
from servers import Server, free_port

PATH = "/webhook/linkedin"
HOST = {"Authorization": AUTHORIZATION}


def caddy(text, home, port):
    """Without its administration's port, and with its own files in a directory of the test."""
    where = new_dir("caddy")
    text = text.replace("hooks.example.com {", f"http://localhost:{port} {{")
    conf = where / "Caddyfile"
    conf.write_text(f"{{\n\tadmin off\n\tstorage file_system {where}/storage\n}}\n{text}")
    return [need("caddy"), "run", "--adapter", "caddyfile", "--config", conf], where


def lighttpd(text, home, port):
    where = new_dir("lighttpd")
    conf = where / "lighttpd.conf"
    conf.write_text(f'server.document-root = "{where}"\nserver.port = {port}\nserver.bind = "127.0.0.1"\n'
                    f'server.errorlog = "{where}/error.log"\nserver.upload-dirs = ( "{where}" )\n' + text.replace("hooks.example.com", "localhost"))
    return [need("lighttpd"), "-D", "-f", conf], where


def haproxy(text, home, port):
    where = new_dir("haproxy")
    conf = where / "haproxy.cfg"
    text = re.sub(r"^#(global|\ttune)", r"\1", text, flags=re.M)  # for chunked bodies
    conf.write_text(text.replace("bind :80", f"bind 127.0.0.1:{port}"))
    return [need("haproxy"), "-db", "-f", conf], where


def h2o(text, home, port):
    where = new_dir("h2o")
    conf = where / "h2o.conf"
    text = text.replace("hooks.example.com:80", f"localhost:{port}").replace("port: 80", f"port: {port}\n      host: 127.0.0.1")
    conf.write_text(f"user: root\ntemp-buffer-path: {where}\n{text}")
    return [need("h2o"), "-m", "worker", "-c", conf], where


KINDS = {"Caddyfile": caddy, "lighttpd.conf": lighttpd, "haproxy.cfg": haproxy, "h2o.yaml": h2o}


@pytest.fixture(scope="module", params=KINDS)
def site(request):
    """The server with its example; only host, port and the socket's path are others."""
    home = Home(endpoint(PATH, authorization_file=["auth"]), body_timeout="5s")
    receiver, port = home.start(), free_port()
    text = (EXAMPLES / request.param).read_text()
    assert "/run/hookspool/hookspool.sock" in text
    argv, where = KINDS[request.param](text.replace("/run/hookspool/hookspool.sock", str(receiver.socket)), home, port)
    server = Server(argv, where / "server.log", port, [receiver], home)
    server.kind = request.param
    yield server
    server.stop()


def stored(site, body, **how):
    """All bytes arrived as they were sent."""
    reply = expect(site.deliver(PATH, body, HOST, **how), "stored")
    assert site.home.spool.event(id=reply.json["id"])["body"] == body


def test_delivery(site):
    body = message()
    stored(site, body)
    expect(site.deliver(PATH, body, HOST), "duplicate")
    expect(site.deliver(PATH, message()), "unauthorized")
    expect(site.deliver(PATH, message(), {**HOST, "X-Webhook-Signature": "sha256=" + "0" * 64}), "unauthorized")
    assert site.receivers[0].entries(outcome="stored")[-1]["remote"] == "127.0.0.1"


@pytest.mark.parametrize("size", [600, 40_000, 900_000])
def test_chunked_body(site, size):
    if size > 65_000 and site.kind == "haproxy.cfg":  # as the example says
        assert site.deliver(PATH, padded(size), HOST, chunked=True).status == 400
    else:
        stored(site, padded(size), chunked=True)


def test_large_body(site):
    stored(site, padded(1 << 20))
    assert site.deliver(PATH, padded((1 << 20) + 2000), HOST).status in (413, 400)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_slow_body(site, chunked):
    """In pieces with pauses, and not as fast as the receiver waits for one that is whole."""
    body = message()
    coded = sender.chunks(body, 200) if chunked else body
    length = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(body)))
    with site.connect() as http:
        http.send(sender.head(PATH, sender.signed_headers(body, HOST) + [length]))
        for at in range(0, len(coded), len(coded) // 4 + 1):
            time.sleep(0.3)
            http.send(coded[at:at + len(coded) // 4 + 1])
        expect(http.reply(), "stored")


def test_many_at_once(site):
    """Connections to the receiver are closed or kept as the server likes: none of the answers is lost."""
    replies = []

    def deliver():
        with site.connect() as http:
            for _ in range(10):
                replies.append(http.deliver(PATH, message(), HOST))

    threads = [threading.Thread(target=deliver) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30 * SLOW)
    assert [reply.status for reply in replies] == [200] * 80


def test_other_paths_do_not_reach_the_receiver(site):
    assert site.deliver("/elsewhere", message(), HOST).status in (403, 404, 200)  # Caddy answers an empty 200 where nothing matches
    number = expect(site.deliver(PATH, message(), HOST), "stored").json["id"]
    site.receivers[0].until_entry(outcome="stored", id=str(number))
    assert not site.receivers[0].entries(outcome="not_found")


def test_every_server_is_told_of():
    text = (EXAMPLES / "shared-hosting/README.txt").parents[1]
    assert all((text / name).exists() for name in KINDS)
    assert re.search("No test loads this file", (EXAMPLES / "openbsd-httpd.conf").read_text())
