"""After the 200: events reach their sinks, at least once and in time, whatever the sink does."""
import base64
import hashlib
import hmac
import json
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import fcgi_client
from outcomes import expect
from place import BIN, SLOW, new_dir, until
from proc import Child
from receiver import Home, endpoint, options
from sender import message
from servers import free_port, start_nginx
from test_callers import make_certificates

PATH = "/webhook/linkedin"
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


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

            do_PUT = do_POST

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


@pytest.fixture
def target():
    one = Target()
    yield one
    one.close()


def sink(name, **given):
    given.setdefault("allow_private", True)
    return f'sink "{name}" {{\n{options(given)}}}\n'


def home_with(*sinks, relay=("out",), files=None, **given):
    return Home(*sinks, endpoint(PATH, relay=list(relay)), files=files, **given)


class Relay(Child):
    def __init__(self, home, *args):
        super().__init__([BIN / "hookspool", "-c", home.conf, "relay", *args], home.dir / f"relay{next(home.numbers)}.log")

    def ready(self):
        self.until(lambda: "relaying to" in self.text(), "the relay is ready")
        return self

    def hup(self):
        self.signal(signal.SIGHUP)

    def stop(self):
        self.signal(signal.SIGTERM)
        assert self.wait(10) == 0, self.text()

    def kill(self):
        self.signal(signal.SIGKILL)
        self.wait(10)


@pytest.fixture
def relay(children):
    def start(home, *args):
        return Relay(home, *args)
    return start


def deliver(receiver, n=1, **data):
    bodies = [message(**data) for _ in range(n)]
    for body in bodies:
        expect(fcgi_client.deliver(receiver.socket, body, path=PATH), "stored")
    return bodies


def states(home):
    return [row["state"] for row in home.spool.query("SELECT state FROM relay ORDER BY id")]


def settled(home, n, state=1):
    until(lambda: states(home).count(state) == n, f"{n} relays in state {state}: {states(home)}", 20)


def test_bytes_and_signature(receiver, relay, target):
    home = home_with(sink("out", url=target.url, secret_file="key", authorization_file="token", headers=["X-From: here"]),
                     files={"key": KEY, "token": "Bearer abc"})
    one = receiver(home=home)
    relay(home).ready()
    body, = deliver(one)
    at, method, path, headers, got = target.until(1)[0]
    assert (method, path, got) == ("POST", "/hook", body)
    assert headers["Content-Type"] == "application/json" and headers["Authorization"] == "Bearer abc" and headers["X-From"] == "here"
    name = home.spool.query("SELECT name FROM spool")[0]["name"]
    assert headers["webhook-id"] == f"evt_{name}_{home.spool.event()['id']}"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    right = base64.b64encode(hmac.new(base64.b64decode(KEY[6:]), signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{right}" and abs(at - int(headers["webhook-timestamp"])) < 10
    settled(home, 1)
    attempt = home.spool.query("SELECT * FROM attempt")[0]
    assert (attempt["status"], attempt["error"], attempt["answer"]) == (200, None, b"ok")


def test_template(receiver, relay, target):
    text = '{"text":"*{{data.sender.name | mrkdwn}}*: {{hookspool.text | truncate 12}}","id":"{{hookspool.id}}"}'
    home = home_with(sink("out", url=target.url, method="PUT").replace("}", f"body = '{text}'\n}}"))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, sender='Zoë "Z" <b>', text="line 1\nline 2 👋")
    _, method, _, headers, got = target.until(1)[0]
    assert method == "PUT" and headers["Content-Type"] == "application/json"
    sent = json.loads(got)
    assert sent["text"] == '*Zoë "Z" &lt;b&gt;*: line 1\nline…' and sent["id"] == headers["webhook-id"]


def test_what_is_stored_before_is_sent_at_once(receiver, relay, target):
    """At the start what is pending, then within the time of a datagram."""
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    first = deliver(one, 5)
    relay(home).ready()
    target.until(5)
    for _ in range(20):
        sent = time.time()
        deliver(one)
    target.until(25)
    settled(home, 25)
    assert sorted(target.bodies()[:5]) == sorted(first)
    assert target.got[-1][0] - sent < 0.5 * SLOW, "woken, and not found by looking each second"


@pytest.mark.parametrize("status, state", [(500, 0), (503, 0), (429, 0), (408, 0), (425, 0), (0, 0), (400, 2), (404, 2), (410, 2), (301, 2)])
def test_what_is_tried_again(receiver, relay, target, status, state):
    target.answers = [{"status": status, "body": b"because " * 1000}]
    home = home_with(sink("out", url=target.url, retry_first="1s"))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    until(lambda: home.spool.query("SELECT * FROM attempt"), "the attempt", 20)
    attempt, = home.spool.query("SELECT * FROM attempt LIMIT 1")
    assert attempt["status"] == status and (attempt["error"] is None) == (status != 0)
    assert len(attempt["answer"] or b"") == (1024 if status else 0)
    if state == 2:
        settled(home, 1, state=2)
        assert len(target.got) == 1
        return
    first, second = target.until(2)[:2]
    assert first[3]["webhook-id"] == second[3]["webhook-id"] and first[4] == second[4]
    assert 0.1 <= second[0] - first[0]
    settled(home, 1)


def test_retry_after_is_heeded(receiver, relay, target):
    target.answers = [{"status": 429, "headers": {"Retry-After": "2"}}]
    home = home_with(sink("out", url=target.url, retry_first="100ms"))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    first, second = target.until(2)
    assert second[0] - first[0] >= 1.9


def test_given_up_at_last(receiver, relay, target):
    target.answers = [{"status": 500}] * 50
    home = home_with(sink("out", url=target.url, retry_first="100ms", retry_most="200ms", retry_within="1s"))
    one = receiver(home=home)
    log = relay(home).ready()
    deliver(one)
    settled(home, 1, state=2)
    assert "outcome=dead" in log.text()
    assert 1 < len(home.spool.query("SELECT * FROM attempt")) <= 10


def test_a_private_address_is_refused(receiver, relay, target):
    home = home_with(sink("out", url=target.url, allow_private=False), sink("name", url=f"http://localhost:{target.port}/", allow_private=False),
                     relay=("out", "name"))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    until(lambda: len(home.spool.query("SELECT * FROM attempt")) == 2, "the attempts")
    assert all("private address" in row["error"] for row in home.spool.query("SELECT * FROM attempt")) and not target.got


def test_a_sink_that_is_down_holds_up_no_other(receiver, relay, target):
    """It is probed, not hammered: attempts are few, though many are due."""
    dead = Target()
    dead.close()
    home = home_with(sink("down", url=dead.url, retry_first="100ms"), sink("out", url=target.url), relay=("down", "out"))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, 100)
    target.until(100)
    time.sleep(1)
    tried = home.spool.query("SELECT count(*) AS n FROM attempt JOIN relay ON relay.id = relay WHERE sink = 'down'")[0]["n"]
    assert 1 <= tried <= 5 + 8 + 2
    back = Target(dead.port)
    try:
        back.until(100)
    finally:
        back.close()


def test_a_second_relay_is_refused(receiver, relay, target):
    home = home_with(sink("out", url=target.url))
    receiver(home=home)
    relay(home).ready()
    second = home.cli("relay", "--once")
    assert second.returncode == 75 and b"another relay runs" in second.stderr


def test_once_for_cron(receiver, target):
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    deliver(one, 3)
    assert home.cli("relay", "--once").returncode == 0
    assert len(target.got) == 3 and states(home) == [1, 1, 1]
    assert home.cli("relay", "--once").returncode == 0 and len(target.got) == 3


def test_ordered_conversations(receiver, relay, target):
    """The next of a conversation goes when the one before it has arrived; others are not held up."""
    target.answers = [{"status": 500}]
    home = home_with(sink("out", url=target.url, ordered=True, retry_first="500ms"))
    one = receiver(home=home)
    first = deliver(one, 3, conversation_id="urn:one")
    other = deliver(one, 1, conversation_id="urn:two")
    relay(home).ready()
    target.until(5)
    order = target.bodies()
    assert order.index(other[0]) < order.index(first[1])
    settled(home, 4)
    order = target.bodies()
    for before, after in zip(first, first[1:]):
        assert len(order) - order[::-1].index(before) <= order.index(after)


def test_filters(receiver, relay, target):
    home = home_with(sink("out", url=target.url, events=["message.received"], accounts=["acc-2"]))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, account_id="acc-1")
    deliver(one, event="message.sent", account_id="acc-2")
    wanted = deliver(one, account_id="acc-2")
    settled(home, 1)
    assert target.bodies() == wanted and len(states(home)) == 1


def test_rate(receiver, relay, target):
    home = home_with(sink("out", url=target.url, rate="5/s", rate_burst=2))
    one = receiver(home=home)
    deliver(one, 8)
    relay(home).ready()
    times = [entry[0] for entry in target.until(8)]
    assert times[-1] - times[0] >= 1.0, "two at once, then one every 200 ms"


def test_huge_answers_and_slow_ones(receiver, relay, target):
    def flood(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(1 << 30))
        handler.end_headers()
        try:
            for _ in range(1 << 14):
                handler.wfile.write(b"x" * 65536)
        except OSError:
            pass
    target.answers = [{"do": flood, "status": 0}]
    home = home_with(sink("out", url=target.url, timeout="1s", retry_first="100ms"))
    one = receiver(home=home)
    log = relay(home).ready()
    deliver(one)
    settled(home, 1)
    assert len(target.got) == 1, "its status says that it was taken"
    target.answers = [{"do": lambda handler: time.sleep(3 * SLOW), "status": 0}]
    deliver(one)
    settled(home, 2)
    assert len(target.got) == 3 and "imed out" in log.text()


def test_reload_and_end(receiver, relay, target):
    other = Target()
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one)
    target.until(1)
    home.write("hookspool.conf", home.conf.read_text().replace(target.url, other.url))
    running.hup()
    running.until(lambda: running.text().count("relaying to") == 2, "the reload")
    deliver(one)
    other.until(1)
    home.write("hookspool.conf", "nonsense\n")
    running.hup()
    running.until(lambda: "reload failed" in running.text(), "the refusal")
    deliver(one)
    other.until(2)
    running.stop()
    other.close()
    settled(home, 3)


def test_killed_at_any_time(receiver, relay, target):
    """Every event arrives; what arrives twice has the same id."""
    home = home_with(sink("out", url=target.url, max_in_flight=32))
    one = receiver(home=home)
    bodies = []
    for i in range(8):
        running = relay(home)
        bodies += deliver(one, 25)
        time.sleep(0.01 * i)
        running.kill()
    relay(home).ready()
    settled(home, 200)
    ids = {}
    for _, _, _, headers, body in target.got:
        ids.setdefault(body, set()).add(headers["webhook-id"])
    assert set(ids) == set(bodies) and all(len(each) == 1 for each in ids.values())


def test_deliveries_retry_and_drop(receiver, relay, target):
    target.answers = [{"status": 404, "body": b"no such hook"}, {"status": 200}, {"status": 404}]
    home = home_with(sink("out", url=target.url, max_in_flight=1))
    one = receiver(home=home)
    deliver(one, 3)
    assert home.cli("relay", "--once").returncode == 0
    assert states(home) == [2, 1, 2]

    def listed(*args):
        done = home.cli("deliveries", "--json", *args)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    first, second, third = listed()
    assert (first["state"], first["sink"], first["status"], first["answer"], first["attempts"]) == ("dead", "out", 404, "no such hook", 1)
    assert second["state"] == "delivered" and [row["id"] for row in listed("--state", "dead")] == [first["id"], third["id"]]
    assert [row["id"] for row in listed("-n", "2")] == [second["id"], third["id"]] and not listed("--sink", "other")
    assert b"404 in" in home.cli("deliveries").stdout

    assert home.cli("retry", str(first["id"])).returncode == 0
    assert [row["state"] for row in listed()] == ["pending", "delivered", "dead"]
    assert home.cli("retry", str(second["id"])).returncode == 1, "it isn't dead"
    assert home.cli("drop", str(first["id"])).stdout == b"1 deliveries dropped\n"
    assert home.cli("retry", "--sink", "out").stdout == b"2 deliveries are due again\n"
    relay(home).ready()
    settled(home, 3)
    assert len(target.got) == 5
    deliver(one)
    settled(home, 4)
    for wrong in (["retry"], ["drop"], ["retry", "x"], ["retry", "--sink", "a", "1"], ["deliveries", "--state", "lost"]):
        assert home.cli(*wrong).returncode == 64


@pytest.fixture(scope="module")
def certificates():
    where = new_dir("ca")
    make_certificates(where)
    for path in where.iterdir():
        path.chmod(0o644)
    return where


def front(certificates, target):
    """A real web server before the target: TLS, and HTTP/2; and what protocol each attempt came by."""
    port, log = free_port(), new_dir("tls") / "access.log"
    server = start_nginx(f"""
log_format got '$server_protocol $http_webhook_id';
server {{
  listen 127.0.0.1:{port} ssl http2;
  ssl_certificate {certificates}/server.pem;
  ssl_certificate_key {certificates}/server.key;
  access_log {log} got;
  location / {{ proxy_pass http://127.0.0.1:{target.port}; }}
}}
""", port)
    return server, log


def test_tls_and_http2(receiver, relay, target, certificates):
    server, log = front(certificates, target)
    url = f"https://localhost:{server.port}/"
    home = home_with(sink("out", url=url, ca_file=str(certificates / "ca.pem")), sink("stranger", url=url),
                     sink("name", url=url.replace("localhost", "127.0.0.1"), ca_file=str(certificates / "ca.pem")),
                     relay=("out", "stranger", "name"))
    one = receiver(home=home)
    relay(home).ready()
    bodies = deliver(one, 20)
    settled(home, 20)
    assert sorted(target.bodies()) == sorted(bodies)
    got = log.read_text().splitlines()
    assert len(got) == 20 and all(line.startswith("HTTP/2.0 evt_") for line in got)
    until(lambda: len(home.spool.query("SELECT DISTINCT sink FROM attempt JOIN relay ON relay.id = relay"
                                       " WHERE error LIKE '%ertificate%'")) == 2, "both refusals of the certificate")
    server.stop()


def test_purge_meanwhile(receiver, relay, target):
    """An event that is purged while it is on its way leaves nothing behind; the relay goes on with another spool in its place."""
    target.answers = [{"do": lambda handler: time.sleep(2)}]
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    log = relay(home).ready()
    deliver(one)
    target.until(1)
    time.sleep(0.1)
    assert home.cli("purge", "--older-than", "10ms").returncode == 0
    log.until(lambda: "outcome=delivered" in log.text(), "the answer")
    time.sleep(0.5)
    assert not home.spool.query("SELECT id FROM relay UNION ALL SELECT id FROM attempt")
    home.spool.dir.rename(home.dir / "moved")
    deliver(one, 2)
    target.until(3)
    settled(home, 2)


def test_check_and_stats(receiver, target):
    home = home_with(sink("out", url=target.url, authorization_file="token"), sink("idle", url=target.url), files={"token": "Bearer abc"})
    one = receiver(home=home)
    deliver(one, 2)

    def check():
        done = home.cli("check", "--socket", f"unix:{one.socket}")
        return done.returncode, [line for line in done.stdout.decode().splitlines() if "sink" in line or "token" in line]
    status, lines = check()
    assert status == 0 and [line[:4] for line in lines] == ["ok  ", "ok  ", "warn"] and "no endpoint names it" in lines[2]
    (home.dir / "token").unlink()
    status, lines = check()
    assert status == 1 and lines[1].startswith("FAIL") and "can't read it" in lines[1]
    assert home.cli("relay", "--once").returncode == 75, "it can't go without"
    assert json.loads(home.cli("stats", "--json").stdout)["sinks"] == [{"sink": "out", "state": "pending", "deliveries": 2}]
    assert "sink out\n  pending" in home.cli("stats").stdout.decode()
    home.configure(endpoint(PATH))
    status, lines = check()
    assert status == 0 and "2 deliveries are pending, and there is no such sink any more" in lines[0]
    assert home.cli("drop", "--sink", "out").returncode == 0 and not check()[1]


def test_replay(receiver, relay, target):
    """To a sink that was added later, once more, and only what is asked for; the ids stay."""
    home = Home(endpoint(PATH))
    one = receiver(home=home)
    bodies = deliver(one, 600) + deliver(one, 1, sender="Grace Hopper")
    home.write("hookspool.conf", options({"spool": str(home.spool.dir)}) + sink("out", url=target.url, max_in_flight=32) + endpoint(PATH, relay=["out"]))
    assert home.cli("replay", "--sink", "out", "--dry-run").stdout == b"601 events would be sent to out\n" and not states(home)
    assert home.cli("replay", "--sink", "out", "--sender", "hopper").stdout == b"1 of 1 events are due for out\n"
    running = relay(home).ready()
    settled(home, 1)
    assert home.cli("replay", "--sink", "out").stdout == b"601 of 601 events are due for out\n"
    settled(home, 601)
    target.until(602)
    assert sorted(target.bodies()) == sorted([*bodies, bodies[-1]])
    ids = [entry[3]["webhook-id"] for entry in target.got if entry[4] == bodies[-1]]
    assert len(ids) == 2 and ids[0] == ids[1]
    running.stop()
    assert home.cli("replay", "--sink", "out", "--since", "2h").returncode == 0
    assert home.cli("replay", "--sink", "out").stdout == b"0 of 601 events are due for out\n", "they are pending"
    assert home.cli("replay", "--sink", "none").returncode == 1 and home.cli("replay").returncode == 64
