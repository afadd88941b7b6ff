# SPDX-License-Identifier: ISC
"""Metrics: stats --prometheus, the page's /metrics, /health and /ready, and the receiver's path for load balancers."""
import re
import signal
import time

import pytest

import fcgi_client
from outcomes import expect
from page import Page
from place import ROOT, SLOW, USER, need, own, run, until
from receiver import Home, endpoint
from relaying import PATH, Relay, Target, deliver, home_with, settled, sink, states
from sender import message
from test_cgi import request

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (-?[0-9.]+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\[\\"n])*)"')
OPEN = {"Accept": "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"}


class Metrics(dict):
    """Samples by name and labels: metrics["x", "endpoint", "/a"]. Histograms are checked."""

    def __init__(self, text):
        super().__init__()
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            found = SAMPLE.fullmatch(line)
            assert found, line
            name, labels, value = found.groups()
            key = (name, *(part for label in sorted(LABEL.findall(labels or "")) for part in label))
            assert key not in self, f"twice: {line}"
            self[key] = float(value)
        for (name, *labels), value in self.items():
            if name.endswith("_count"):
                assert self[(name[:-6] + "_bucket", *sorted_with(labels, "le", "+Inf"))] == value

    def __missing__(self, key):
        raise AssertionError(f"no sample {key} in {sorted({name for name, *_ in self})}")

    def sum_of(self, name):
        return sum(value for key, value in self.items() if key[0] == name)


def sorted_with(labels, name, value):
    pairs = sorted([*zip(labels[::2], labels[1::2]), (name, value)])
    return [part for pair in pairs for part in pair]


def checked(text):
    """What promtool finds no fault with."""
    done = run([need("promtool"), "check", "metrics"], stdin=text)
    assert done.returncode == 0 and not done.stdout + done.stderr, (done.stdout + done.stderr).decode()
    return Metrics(text.decode())


def printed(home):
    done = home.cli("stats", "--prometheus")
    assert done.returncode == 0 and not done.stderr, done.stderr
    return checked(done.stdout)


def outcome(metrics, code, path=PATH):
    return metrics["hookspool_deliveries_total", "endpoint", path, "outcome", code]


def until_counted(home, n):
    """The receiver writes its counters once a second."""
    until(lambda: sum(home.spool.counters().values()) == n, f"{n} deliveries are counted: {home.spool.counters()}")
    return printed(home)


@pytest.fixture(scope="module", autouse=True)
def stopped():
    """The home of a receiver that hangs since the first test."""
    home = Home(endpoint(PATH))
    receiver = home.start()
    deliver(receiver)
    until(lambda: printed(home)["hookspool_receiver_up",] == 1, "the receiver is up")
    receiver.signal(signal.SIGSTOP)
    yield home
    receiver.signal(signal.SIGKILL)


def test_values_are_those_of_what_was_sent():
    home = Home(endpoint(PATH, expect="24h"), endpoint("/webhook/other"))
    receiver = home.start()
    before = time.time()
    bodies = deliver(receiver, 20)
    for body in bodies[:5]:
        expect(fcgi_client.deliver(receiver.socket, body, path=PATH), "duplicate")
    for _ in range(3):
        expect(fcgi_client.deliver(receiver.socket, b"{}", path=PATH, headers={"X-Webhook-Signature": "sha256=00"}), "unauthorized")
    expect(fcgi_client.deliver(receiver.socket, b"{}", path="/elsewhere"), "not_found")
    metrics = until_counted(home, 29)
    assert [outcome(metrics, code) for code in ("stored", "duplicate", "unauthorized", "unavailable", "altered")] == [20, 5, 3, 0, 0]
    assert outcome(metrics, "stored", "/webhook/other") == 0 and outcome(metrics, "not_found", "none") == 1
    size = sum(map(len, bodies)) + sum(map(len, bodies[:5]))
    assert metrics["hookspool_received_bytes_total", "endpoint", PATH] == size + 3 * 2
    assert metrics["hookspool_body_bytes_sum",] == size + 3 * 2 and metrics["hookspool_body_bytes_count",] == 29
    groups = {group: metrics["hookspool_answer_duration_seconds_count", "group", group] for group in ("stored", "duplicate", "other", "refused", "failed")}
    assert groups == {"stored": 20, "duplicate": 5, "other": 0, "refused": 4, "failed": 0}
    assert 0 < metrics["hookspool_answer_duration_seconds_sum", "group", "stored"] < time.time() - before
    assert metrics["hookspool_commit_events_sum",] == 25 and metrics["hookspool_commit_duration_seconds_count",] == metrics["hookspool_commit_events_count",]
    assert before - 1 < metrics["hookspool_last_event_timestamp_seconds", "endpoint", PATH] < time.time()
    assert before - 1 < metrics["hookspool_last_refusal_timestamp_seconds", "endpoint", PATH] < time.time()
    assert metrics["hookspool_expect_seconds", "endpoint", PATH] == 86400
    secrets = {key: value for key, value in metrics.items() if key[0] == "hookspool_secret_deliveries_total"}
    assert list(secrets.values()) == [25] and f"file {home.dir}/secret" in next(iter(secrets))
    assert metrics["hookspool_receiver_up",] == 1 and metrics["hookspool_relay_up",] == 0
    assert metrics["hookspool_spool_bytes",] > 16384 and metrics["hookspool_spool_free_bytes",] > 0
    assert metrics["hookspool_config_last_reload_successful", "program", "receiver"] == 1
    receiver.stop()


def test_counters_survive_kills_restarts_and_purge():
    """After kill -9, histograms lack at most the delivery that was just answered, and the counters the second before it."""
    home = Home(endpoint(PATH))
    for n in range(1, 4):
        receiver = home.start()
        deliver(receiver, 10)
        if n == 2:
            receiver.signal(signal.SIGKILL)
            receiver.wait(20)
        else:
            until(lambda: sum(home.spool.counters().values()) % 10 == 0 and home.spool.counters(), "the counters are written")
            receiver.stop()
        metrics = printed(home)
        assert 0 <= 10 * n - metrics["hookspool_answer_duration_seconds_count", "group", "stored"] <= (n > 1)
        assert metrics["hookspool_commit_events_sum",] == 10 * n
        assert 10 * n - 10 <= outcome(metrics, "stored") <= 10 * n
    before = printed(home)
    assert home.cli("purge", "--older-than", "0s").returncode == 0
    assert not home.spool.events()
    after = printed(home)
    for key in before:
        if key[0].endswith(("_total", "_count", "_sum", "_bucket")):
            assert after[key] >= before[key], key
    assert outcome(after, "stored") == outcome(before, "stored") >= 20


def test_counters_of_cgi():
    home = Home(endpoint(PATH))
    for _ in range(3):
        expect(request(home, message())[0], "stored")
    expect(request(home, message(), path="/other")[0], "not_found")
    metrics = printed(home)
    assert outcome(metrics, "stored") == 3 and outcome(metrics, "not_found", "none") == 1
    assert metrics["hookspool_answer_duration_seconds_count", "group", "stored"] == 3
    assert metrics["hookspool_commit_events_sum",] == 3 and metrics["hookspool_commit_duration_seconds_count",] == 3
    assert metrics["hookspool_receiver_up",] == 1


def test_relay_is_measured():
    target = Target()
    home = home_with(sink("out", url=target.url, retry=["1s", "1s", "1h"]), sink("refused", url=target.url, where=["json:data.nothing = x"]),
                     relay=("out", "refused"))
    receiver = home.start()
    target.answers = [{"status": 500}, {"status": 400}]
    relay = Relay(home).ready()
    deliver(receiver, 4)
    until(lambda: sorted(states(home)) == [1, 1, 1, 2], f"three are delivered and one is dead: {states(home)}", 20)
    metrics = printed(home)
    deliveries = {state: metrics["hookspool_relay_deliveries", "sink", "out", "state", state] for state in ("pending", "delivered", "dead")}
    assert deliveries == {"pending": 0, "delivered": 3, "dead": 1}
    attempts = {result: metrics["hookspool_relay_attempts_total", "result", result, "sink", "out"] for result in ("delivered", "retried", "dead")}
    assert attempts == {"delivered": 3, "retried": 1, "dead": 1}
    assert metrics["hookspool_relay_attempt_duration_seconds_count", "sink", "out"] == 5
    assert metrics["hookspool_relay_lag_seconds_count", "sink", "out"] == 3
    assert 0 < metrics["hookspool_relay_lag_seconds_sum", "sink", "out"] < 60
    assert metrics["hookspool_relay_attempts_total", "result", "delivered", "sink", "refused"] == 0
    assert metrics["hookspool_relay_up",] == 1 and metrics["hookspool_relay_paused", "sink", "out"] == 0
    relay.kill()
    assert printed(home)["hookspool_relay_lag_seconds_count", "sink", "out"] == 3
    assert printed(home)["hookspool_relay_up",] == 0
    before = time.time()
    deliver(receiver, 2)
    metrics = printed(home)
    assert metrics["hookspool_relay_deliveries", "sink", "out", "state", "pending"] == 2
    assert before - 1 < metrics["hookspool_relay_oldest_pending_timestamp_seconds", "sink", "out"] < time.time()
    assert home.cli("retry", "--sink", "out").returncode == 0
    assert printed(home)["hookspool_relay_deliveries", "sink", "out", "state", "dead"] == 0
    assert home.cli("drop", "--sink", "out").returncode == 0
    metrics = printed(home)
    assert metrics["hookspool_relay_deliveries", "sink", "out", "state", "dead"] == 3
    assert metrics["hookspool_relay_deliveries", "sink", "out", "state", "pending"] == 0
    sent = home.spool.query("SELECT event FROM relay WHERE sink = 'out' AND state = 1")[0]["event"]
    done = home.cli("replay", "--sink", "out", str(sent))
    assert done.returncode == 0, done.stderr
    assert printed(home)["hookspool_relay_deliveries", "sink", "out", "state", "delivered"] == 2
    assert home.cli("drop", "--sink", "out").returncode == 0
    assert printed(home)["hookspool_relay_deliveries", "sink", "out", "state", "delivered"] == 3
    stats = home.cli("stats").stdout.decode()
    assert re.search(r"sink out\n  delivered +3\n  dead +3\n", stats), stats
    assert home.cli("purge", "--older-than", "0s").returncode == 0
    metrics = printed(home)
    assert [metrics["hookspool_relay_deliveries", "sink", "out", "state", state] for state in ("pending", "delivered", "dead")] == [0, 0, 0]
    assert metrics["hookspool_relay_attempts_total", "result", "delivered", "sink", "out"] == 3


@pytest.mark.skipif(not ROOT, reason="only root can run the relay as another user")
def test_relay_of_another_user_is_measured():
    """The receiver makes the file for the group that shares the directory."""
    home = home_with('sink "out" { type = "null" }\n')
    own_dir(home)
    home.conf.chmod(0o640)
    receiver = home.start()
    deliver(receiver)
    relay = Relay(home, before=["setpriv", "--reuid=daemon", f"--regid={USER}", "--clear-groups"], user=None).ready()
    settled(home, 1)
    assert (home.spool.dir / "measure").stat().st_mode & 0o777 == 0o660
    metrics = printed(home)
    assert metrics["hookspool_relay_attempts_total", "result", "delivered", "sink", "out"] == 1
    assert metrics["hookspool_relay_up",] == 1
    relay.stop()


def own_dir(home):
    """Makes the spool's directory as the units do, for two users."""
    home.spool.dir.mkdir()
    own(home.spool.dir).chmod(0o2770)


def test_paused_sink():
    target = Target()
    home = home_with(sink("out", url=target.url, retry=["1s", "1s", "1h"]))
    receiver = home.start()
    target.answers = [{"status": 503, "headers": {"Retry-After": "600"}}]
    Relay(home).ready()
    deliver(receiver)
    until(lambda: printed(home)["hookspool_relay_paused", "sink", "out"] == 1, "the sink is paused")


def test_hostile_names_are_escaped():
    path, name = '/a"b\\c{}=,\u00e4', 'out"\\ {}'
    home = Home('sink "out\\"\\\\ {}" { type = "null" }\n', endpoint(path.replace("\\", "\\\\").replace('"', '\\"'), relay=['out\\"\\\\ {}'.replace('\\"', '"')]))
    if home.cli("check", "--options").returncode or b"FAIL configuration" in home.cli("check").stdout:
        pytest.fail(home.cli("check").stdout.decode())
    expect(request(home, message(), path=path)[0], "stored")
    assert home.cli("relay", "--once").returncode == 0
    metrics = printed(home)
    shown = path.replace("\\", "\\\\").replace('"', '\\"')
    assert outcome(metrics, "stored", shown) == 1
    assert metrics["hookspool_relay_attempts_total", "result", "delivered", "sink", name.replace("\\", "\\\\").replace('"', '\\"')] == 1


@pytest.mark.parametrize("damage", ["truncated", "garbage", "deleted", "a link"])
def test_damaged_file_stops_nothing(damage):
    home = Home(endpoint(PATH))
    receiver = home.start()
    deliver(receiver, 2)
    file = home.spool.dir / "measure"
    if damage == "truncated":
        with file.open("r+b") as measure:
            measure.truncate(0)
    elif damage == "garbage":
        file.write_bytes(b"x" * 5000)
    else:
        file.unlink()
        if damage == "a link":
            file.symlink_to("/etc/passwd")
    deliver(receiver, 3)
    assert receiver.alive()
    metrics = until_counted(home, 5)
    assert outcome(metrics, "stored") == 5
    if damage == "a link":
        assert file.is_symlink() and ("hookspool_body_bytes_count",) not in metrics
        file.unlink()
    until(lambda: file.exists() and not file.is_symlink() and file.stat().st_size > 100_000, "the file is made anew")
    deliver(receiver, 4)
    metrics = until_counted(home, 9)
    assert outcome(metrics, "stored") == 9 and metrics["hookspool_body_bytes_count",] in (4, 5, 6, 7)
    receiver.stop()


# ---- the page

def test_page_gives_both_formats():
    home = Home(endpoint(PATH))
    receiver = home.start()
    deliver(receiver, 3)
    until_counted(home, 3)
    page = Page(home)
    assert page.get("/metrics", user=None).status == 403
    text = page.get("/metrics")
    assert text.status == 200 and text.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    metrics = checked(text.body)
    assert outcome(metrics, "stored") == 3
    assert [key for key in metrics if key[0] == "hookspool_secret_deliveries_total" and f"file {home.dir}/secret" in key]
    opened = page.get("/metrics", headers=OPEN)
    assert opened.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    lines = opened.body.decode().splitlines()
    assert lines[-1] == "# EOF" and "# TYPE hookspool_deliveries counter" in lines and "# TYPE hookspool_build info" in lines
    assert set(Metrics("\n".join(lines))) == set(metrics)
    assert not [line for line in lines if "_created" in line]
    page.stop()


ROWS = """
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n})
INSERT INTO event(id, received_at, endpoint, secret, event, key, headers, body, scope)
 SELECT i, 1790000000000 + i, '/webhook/linkedin', 1, 'message.received', 'k' || i, '', x'7B7D', '' FROM n;
INSERT INTO relay(event, sink, state, since, due, attempts) SELECT id, 'out', 0, received_at, received_at, 0 FROM event;
UPDATE relay SET state = iif(id % 40 = 0, 2, 1) WHERE id % 40 <> 20;
COMMIT;
"""


def test_scrape_costs_little_with_many_rows():
    """No reading of all events or deliveries: with ten million the answer takes as long. The best of 20 counts, on a busy machine."""
    n = 160_000
    home = Home('sink "out" { type = "null" }\n', endpoint(PATH, relay=["out"]))
    receiver = home.start()
    receiver.stop()
    done = run([need("sqlite3"), home.spool.dir / "hookspool.db"], stdin=ROWS.format(n=n).encode(), user=None)
    assert done.returncode == 0 and not done.stderr, done.stderr
    page = Page(home)
    times = []
    for _ in range(20):
        begin = time.monotonic()
        answer = page.get("/metrics")
        times.append(time.monotonic() - begin)
    metrics = checked(answer.body)
    counts = [metrics["hookspool_relay_deliveries", "sink", "out", "state", state] for state in ("pending", "delivered", "dead")]
    assert counts == [n / 40, n - n / 20, n / 40]
    assert metrics["hookspool_relay_oldest_pending_timestamp_seconds", "sink", "out"] == 1790000000.02
    assert min(times) < 0.01 * SLOW, times
    page.stop()


# ---- expect

def test_silence_is_found():
    home = Home(endpoint(PATH, expect="1m"), endpoint("/webhook/never", expect="24h"), endpoint("/webhook/other"))
    receiver = home.start()
    deliver(receiver)
    until_counted(home, 1)
    receiver.stop()
    out = home.cli("check", "--socket", "none").stdout.decode()
    assert f"ok   endpoint {PATH}: the last event came at" in out, out
    assert "warn endpoint /webhook/never: no event has come yet, and one is expected each 1d" in out or "each 24h" in out, out
    run([need("sqlite3"), home.spool.dir / "hookspool.db", "UPDATE counter SET last_at = last_at - 61000"])
    done = home.cli("check", "--socket", "none")
    assert done.returncode == 2 and re.search(rf"FAIL endpoint {PATH}: the last event came at .* expected each 1m", done.stdout.decode()), done.stdout
    stats = home.cli("stats").stdout.decode()
    assert re.search(rf"\n{PATH}: an event is expected each 1m; the last came .*: silent", stats), stats
    assert "/webhook/never: an event is expected each" in stats and "none has come yet" in stats
    assert '"expect_seconds":60' in home.cli("stats", "--json").stdout.decode()


def test_receiver_that_hangs_is_not_up(stopped):
    until(lambda: printed(stopped)["hookspool_receiver_up",] == 0, "it is down, 10 seconds after its last tick", 30)
