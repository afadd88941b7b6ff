# SPDX-License-Identifier: ISC
"""Attacks by a peer of the socket, and by a stranger with only the URL: none has a lasting effect on the receiver."""
import hmac
import json
import os
import struct
import time
from pathlib import Path

import pytest

import fcgi_client
from fcgi_client import GET_VALUES, PARAMS, STDIN, Fcgi, begin, opening, pairs, params, record, stdin, whole
from outcomes import expect
from place import BIN, SANITIZER, SLOW, need, run, until
from receiver import Home, endpoint
from sender import SECRET, message, new_urn

MARKS = {"CSI": "\u009b", "OSC": "\u009d", "DEL": "\x7f", "RLO": "\u202e", "LRI": "\u2066", "RLM": "\u200f", "ALM": "\u061c", "ESC": "\x1b"}
HOSTILE = "".join(f"a{mark}" for mark in MARKS.values())


def padded(kind, content, padding):
    return record(kind, content)[:6] + bytes([len(padding), 0]) + content + padding


@pytest.mark.parametrize("late", [False, True], ids=["whole", "arriving"])
def test_management_record_in_padding_is_padding(receiver, late):
    """libfcgi would take it for a record, and overflow its stack."""
    one = receiver()
    hidden = record(GET_VALUES, pairs([("FCGI_MPXS_CONNS", "")] * 14), request=0)
    body = message()
    head = padded(1, b"\0\1\1\0\0\0\0\0", hidden) + padded(PARAMS, pairs(params(body=body)), hidden) + padded(PARAMS, b"", hidden)
    with Fcgi(one.socket) as fcgi:
        fcgi.send(head)
        if late:
            time.sleep(1.3)  # a worker reads it as it comes
        fcgi.send(padded(STDIN, body, hidden) + padded(STDIN, b"", hidden))
        expect(fcgi.reply(), "stored")
        expect(fcgi.deliver(message()), "stored")
    one.stop()


@pytest.mark.parametrize("lengths", ["fffffffe80000010", "c0000000c0000000", "bfffffffbfffffff", "ffffffffffffffff", "7f7f", "80"])
def test_lengths_beyond_the_parameters_close(receiver, lengths):
    one = receiver()
    with Fcgi(one.socket) as fcgi:
        fcgi.send(begin() + record(PARAMS, bytes.fromhex(lengths)) + record(PARAMS) + record(STDIN))
        assert fcgi.rest() == b""
    expect(fcgi_client.deliver(one.socket, message()), "stored")
    one.stop()


def test_get_values_is_answered(receiver):
    one = receiver()
    with Fcgi(one.socket) as fcgi:
        for _ in range(2):
            fcgi.send(record(GET_VALUES, pairs([("FCGI_MPXS_CONNS", ""), ("FCGI_MAX_CONNS", ""), ("X", "")]), request=0))
            kind, content = fcgi.record()
            assert kind == 10 and pairs([("FCGI_MPXS_CONNS", "0")]) in content
        expect(fcgi.deliver(message()), "stored")


@pytest.mark.parametrize("size", [130_000, 400_000])
def test_header_above_128_kib_is_refused_at_once(receiver, size):
    one = receiver(params_timeout="60s")
    body = message()
    block = pairs(params(body=body, more=[(f"HTTP_X_{i}", "x" * 8000) for i in range(size // 8000)] + [("HTTP_LAST", "x" * 7000)]))
    begun = time.monotonic()
    with Fcgi(one.socket) as fcgi:
        try:
            fcgi.send(begin() + b"".join(record(PARAMS, block[i:i + 8000]) for i in range(0, len(block), 8000)))
        except OSError:
            pass  # it is answered before all is sent
        expect(fcgi.reply(), "header_too_large")
    assert time.monotonic() - begun < 20
    assert one.until_entry(outcome="header_too_large")["endpoint"] == "/webhook/linkedin"


def test_header_of_100_kib_in_small_records_is_read(receiver):
    """It doesn't fit into a socket's buffer in small pieces."""
    one = receiver()
    body = message()
    block = pairs(params(body=body, more=[(f"HTTP_X_{i}", "x" * 1000) for i in range(100)]))
    with Fcgi(one.socket) as fcgi:
        fcgi.send(begin() + b"".join(record(PARAMS, block[i:i + 100]) for i in range(0, len(block), 100)) + record(PARAMS))
        fcgi.send(stdin(body) + record(STDIN))
        expect(fcgi.reply(), "stored")


@pytest.mark.parametrize("size", [1, 3])
def test_request_in_pieces_of_few_bytes_is_read(receiver, size):
    """A local socket's buffer holds 70 to 280 writes, however small: the receiver reads before the request is whole."""
    one = receiver()
    body = message()
    data = whole(params(body=body), body)
    with Fcgi(one.socket, timeout=20) as fcgi:
        for at in range(0, len(data), size):
            fcgi.send(data[at:at + size])
        expect(fcgi.reply(), "stored")


def test_request_in_two_pieces_is_read(receiver):
    """What has come of a request is taken before the rest is there."""
    one = receiver()
    for text in (10, 30_000, 70_000, 200_000):
        with Fcgi(one.socket) as fcgi:
            for at in (20, 700, 1400, -10, 40_000, 100_000):
                body = message(text="y" * text)
                data = whole(params(body=body), body)
                fcgi.send(data[:at])
                time.sleep(0.05)
                fcgi.send(data[at:])
                expect(fcgi.reply(), "stored")


def test_requests_at_once_are_read_one_by_one(receiver):
    one = receiver()
    bodies = [message() for _ in range(5)]
    data = b"".join(whole(params(body=body), body) for body in bodies)
    for at in (20, len(data) // 2, len(data) - 1):
        with Fcgi(one.socket) as fcgi:
            fcgi.send(data[:at])
            time.sleep(0.05)
            fcgi.send(data[at:])
            for _ in bodies:
                assert fcgi.reply().status == 200


def test_silence_inside_a_request_is_told(receiver):
    """What has come of it was taken, and nothing follows: it is answered when its time is over, or closed within its variables."""
    one = receiver(body_timeout="3s", params_timeout="2s")
    body = message()
    data = whole(params(body=body), body)
    with Fcgi(one.socket) as silent, Fcgi(one.socket) as mute:
        silent.send(data[:-20])
        mute.send(data[:20])
        assert silent.reply().status == 408
        assert mute.rest() == b""
    expect(fcgi_client.deliver(one.socket, message()), "stored")


def test_endless_variables_block_no_other_request(receiver):
    """As many as the threads there are: the receiver waits for none that it refuses."""
    one = receiver(max_in_flight=4, params_timeout="60s")
    parts = [Fcgi(one.socket) for _ in range(12)]
    for fcgi in parts:
        fcgi.send(begin() + record(PARAMS, bytes(60_000))[:40_000])
    slowest = 0
    end = time.monotonic() + 4 * SLOW
    while time.monotonic() < end:
        begun = time.monotonic()
        expect(fcgi_client.deliver(one.socket, message()), "stored")
        slowest = max(slowest, time.monotonic() - begun)
        time.sleep(0.05)
    assert slowest < 20
    for fcgi in parts:
        fcgi.sock.close()


# ---- connections that send nothing

def open_files(one):
    return len(os.listdir(f"/proc/{one.pid}/fd"))


def closed(fcgi):
    try:
        return fcgi.sock.recv(1) == b""
    except TimeoutError:
        return False


def test_silent_and_idle_connections_are_closed(receiver):
    """One that never had a request after params-timeout, a kept one after idle-timeout."""
    one = receiver(params_timeout="1s", idle_timeout="8s")
    kept, silent = Fcgi(one.socket), Fcgi(one.socket)
    expect(kept.deliver(message()), "stored")
    begun = time.monotonic()
    silent.sock.settimeout(10)
    assert closed(silent)
    assert 0.9 < time.monotonic() - begun < 7.5
    expect(kept.deliver(message()), "stored")
    begun = time.monotonic()
    kept.sock.settimeout(30)
    assert closed(kept)
    assert time.monotonic() - begun > 7.5


def with_descriptors(n, **given):
    return Home(**given).start(before=[need("prlimit"), f"--nofile={n}:{n}"])


def test_silent_connections_are_closed_for_new_ones(children):
    """Descriptors run out: the oldest silent ones go. Kept ones, and a request whose body is on its way, stay."""
    one = with_descriptors(200, params_timeout="1m", body_timeout="1m")
    kept, busy, body = Fcgi(one.socket), Fcgi(one.socket), message()
    expect(kept.deliver(message()), "stored")
    busy.send(opening(params(body=body)) + stdin(body[:10]))
    silent = [Fcgi(one.socket) for _ in range(600)]
    expect(fcgi_client.deliver(one.socket, message()), "stored")
    assert open_files(one) <= 200
    expect(kept.deliver(message()), "stored")
    busy.send(stdin(body[10:]) + record(STDIN))
    expect(busy.reply(), "stored")
    silent[0].sock.settimeout(5)
    assert closed(silent[0])
    silent[-1].sock.settimeout(0.2)
    assert not closed(silent[-1])


def test_connection_that_takes_the_last_descriptor_is_served(children):
    """accept(2) fails without a descriptor though no connection waits: that is no reason to close one."""
    one = with_descriptors(200, params_timeout="1m")
    expect(fcgi_client.deliver(one.socket, message()), "stored")
    own = min(time.sleep(0.01) or open_files(one) for _ in range(30))  # the housekeeping opens files for a moment
    parts = []
    while own + len(parts) < 199:
        parts.append(Fcgi(one.socket))
        parts[-1].send(begin()[:10])
        until(lambda: open_files(one) >= own + len(parts), "the connection")
    for _ in range(5):
        with Fcgi(one.socket) as fcgi:
            time.sleep(0.05)  # it is accepted before its request comes
            expect(fcgi.deliver(message()), "stored")
        until(lambda: open_files(one) < 200, "the connection's end")


def test_kept_connections_are_closed_for_new_ones(children):
    """The one that has been idle longest."""
    one = with_descriptors(160)
    kept = []
    for _ in range(250):
        kept.append(Fcgi(one.socket))
        expect(kept[-1].deliver(message()), "stored")
    assert open_files(one) <= 160
    kept[0].sock.settimeout(5)
    assert closed(kept[0])
    expect(kept[-1].deliver(message()), "stored")


def test_connections_with_a_partial_request_are_closed_for_new_ones(children):
    """They have a second when descriptors have run out; the log says so once."""
    one = with_descriptors(200, params_timeout="1m")
    parts = []
    for _ in range(400):
        parts.append(Fcgi(one.socket))
        parts[-1].send(begin()[:10])
    with Fcgi(one.socket, timeout=10) as fcgi:
        expect(fcgi.deliver(message()), "stored")
    assert len([e for e in one.entries(level="error") if e["msg"].startswith("accept: ")]) <= 1


# ---- memory and threads

def status(one, name):
    line, = (line for line in Path(f"/proc/{one.pid}/status").read_text().splitlines() if line.startswith(name + ":"))
    return int(line.split()[1])


@pytest.mark.skipif(bool(SANITIZER), reason="a sanitizer keeps what is freed for a while")
def test_memory_and_threads_of_a_burst_are_given_back(receiver):
    one = receiver(endpoint(), max_body="8m", max_in_flight=64, body_timeout="60s")
    expect(fcgi_client.deliver(one.socket, message()), "stored")
    before = status(one, "VmRSS")
    size = 8 * 1000 * 1000
    connections = [Fcgi(one.socket) for _ in range(40)]
    for fcgi in connections:
        fcgi.send(opening(params(body=b"x", size=size)) + stdin(b"x" * 100_000))
    until(lambda: status(one, "Threads") >= 40, "a thread for each")
    for fcgi in connections:
        fcgi.send(stdin(b"x" * (size - 100_000)) + record(STDIN))
    for fcgi in connections:
        expect(fcgi.reply(), "unauthorized")
    until(lambda: status(one, "Threads") <= 4, "the surplus threads' end")
    until(lambda: status(one, "VmRSS") < before + 16 * 1024, f"the memory; {before} KiB before")
    for fcgi in connections:
        expect(fcgi.deliver(message()), "stored")
    one.stop()


# ---- the log

def refuse(fcgi, times, path="/webhook/linkedin", remote="192.0.2.1"):
    for _ in range(times):
        listed = [(name, remote if name == "REMOTE_ADDR" else value) for name, value in params(path, b"{}")]
        fcgi.send(whole([p for p in listed if p[0] != "HTTP_X_WEBHOOK_SIGNATURE"], b"{}"))
        fcgi.reply()


def test_equal_refusals_are_summed_up_in_the_log(receiver):
    """The first ones at once, then the sum: none is lost, and each address has its own."""
    one = receiver()
    with Fcgi(one.socket) as fcgi:
        refuse(fcgi, 700)
        refuse(fcgi, 3, remote="198.51.100.7")
        refuse(fcgi, 50, remote="2001:db8::1")
        refuse(fcgi, 50, remote="2001:db8::ffff")
        refuse(fcgi, 2, path="/nowhere")
    one.stop()
    lines, sums = one.entries(outcome="unauthorized"), one.entries(like="unauthorized")
    assert len(lines) == 20 + 3 + 20
    assert {e["remote"]: int(e["more"]) for e in sums} == {"192.0.2.1": 680, "2001:db8::/64": 80}
    assert all(e["msg"].startswith(f"{e['more']} more like this in ") and e["endpoint"] == "/webhook/linkedin" for e in sums)
    assert len(one.entries(outcome="not_found")) == 2
    assert sum(counter["n"] for counter in one.home.spool.query("SELECT n FROM counter WHERE code = 'unauthorized'")) == 803


def test_refusals_of_many_addresses_are_summed_up_too(receiver):
    one = receiver()
    with Fcgi(one.socket) as fcgi:
        for i in range(900):
            refuse(fcgi, 1, remote=f"2001:db8:0:{i:x}::1")
    one.stop()
    lines, sums = one.entries(outcome="unauthorized"), one.entries(like="unauthorized")
    assert len(lines) == 100
    assert sum(int(e["more"]) for e in sums) == 800 and {e["remote"] for e in sums} == {"various"}


def test_unsigned_handshakes_are_summed_up_in_the_log(receiver):
    one = receiver(endpoint("/graph", scheme="microsoft-graph"))
    with Fcgi(one.socket) as fcgi:
        for _ in range(50):
            listed = [(name, "validationToken=x" if name == "QUERY_STRING" else value) for name, value in params("/graph", b"")]
            fcgi.send(whole(listed))
            assert fcgi.reply().status == 200
    one.stop()
    assert len(one.entries(outcome="challenge")) == 20
    assert [e["more"] for e in one.entries(like="challenge")] == ["30"]


def test_refusals_path_is_cut_in_the_log(receiver):
    one = receiver()
    expect(fcgi_client.deliver(one.socket, message(), path="/" + "ž".encode().decode("latin-1") * 400), "not_found")
    assert one.until_entry(outcome="not_found")["path"] == "/" + "ž" * 99


def test_long_key_is_cut_in_the_log(receiver):
    one = receiver()
    urn = new_urn() + "k" * 100_000
    expect(fcgi_client.deliver(one.socket, message(urn)), "stored")
    assert one.until_entry(outcome="stored")["key"] == urn[:1024]


# ---- rates

def statuses(one, addresses, path="/rated"):
    with Fcgi(one.socket) as fcgi:
        for address in addresses:
            listed = [(name, address if name == "REMOTE_ADDR" else value) for name, value in params(path, b"{}", method="PUT")]
            fcgi.send(whole(listed, b"{}"))
            yield fcgi.reply().status


def test_flood_from_many_networks_lifts_no_limit(receiver):
    one = receiver(endpoint("/rated", rate="5/h"), log_level="error")
    assert list(statuses(one, ["203.0.113.9"] * 6)) == [405] * 5 + [429]
    assert list(statuses(one, [f"2001:db8:1:{i:x}::1" for i in range(1000)])).count(405) == 80
    assert list(statuses(one, [f"2001:db8:{i:x}:1::1" for i in range(9000)])).count(405) <= 5 * 256
    assert set(statuses(one, ["203.0.113.9", "::ffff:203.0.113.9"] * 3)) == {429}


def test_rate_limit_does_not_survive_a_boot(children):
    """The times of the table are the monotonic clock's, which begins again; the unit hides the boot's id."""
    home = Home(endpoint("/rated", rate="2/h"))
    one = home.start()
    assert list(statuses(one, ["203.0.113.9"] * 3)) == [405, 405, 429]
    one.stop()
    one = home.start()
    assert list(statuses(one, ["203.0.113.9"])) == [429]
    one.stop()
    table = home.spool.dir / "rate"
    data = bytearray(table.read_bytes())
    ahead = 10 ** 15
    struct.pack_into("=q", data, 8, ahead)  # the last time; each slot is another address's
    for at in range(24, len(data), 16):
        struct.pack_into("=Qq", data, at, 1, ahead)
    table.write_bytes(data)
    one = home.start()
    assert list(statuses(one, ["203.0.113.9"] * 3)) == [405, 405, 429]
    one.stop()


@pytest.mark.parametrize("addresses, warned", [(["127.0.0.1"], True), (["192.168.1.1"], True), (["127.0.0.1", "192.168.1.1"], False),
                                               (["8.8.8.8"], False)], ids=["one", "a proxy's", "two", "a public one"])
def test_check_warns_of_a_rate_behind_a_proxy(receiver, addresses, warned):
    one = receiver(endpoint("/rated", rate="50/m"), endpoint())
    for i in range(6):
        body = message()
        listed = [(name, addresses[i % len(addresses)] if name == "REMOTE_ADDR" else value) for name, value in params("/rated", body)]
        with Fcgi(one.socket) as fcgi:
            fcgi.send(whole(listed, body))
            expect(fcgi.reply(), "stored")
    found = [c for c in json.loads(one.home.cli("check", "--json").stdout)["checks"] if c["name"] == "rate"]
    assert [c["status"] for c in found] == ["warn"] * warned
    assert not warned or (addresses[0] in found[0]["message"] and "realip" in found[0]["message"])


# ---- configurations that would cost, or overflow

@pytest.mark.skipif(bool(SANITIZER), reason="a sanitizer takes the address space")
def test_pattern_with_nested_bounds_is_cheap(receiver):
    """check refuses it in no memory. The receiver compiles none, also none that is no pattern."""
    home = Home(endpoint(relay=["out"]), 'sink "out" { url = "http://127.0.0.1:9/" allow-private = true text-regex = "((a{1,200}){1,200}){1,200}" }\n')
    done = run([need("prlimit"), "--as=300000000", BIN / "hookspool", "-c", home.conf, "check"], within=20)
    assert done.returncode == 2 and b"smaller numbers" in done.stdout + done.stderr
    home = Home(endpoint(relay=["out"]), 'sink "out" { url = "http://127.0.0.1:9/" allow-private = true text-regex = "a(" }\n')
    assert home.cli("check").returncode == 2
    expect(fcgi_client.deliver(receiver(home=home).socket, message()), "stored")


def test_tolerance_is_at_most_a_year(receiver):
    """It would overflow. check fails; the receiver goes on receiving."""
    scheme = 'scheme "s" { like = "stripe" tolerance = "9223372036854775807ms" }\n'
    home = Home(scheme, endpoint("/stripe", scheme="s"))
    done = home.cli("check")
    assert done.returncode == 2 and b"longer than 365d" in done.stdout
    body, now = b'{"id":"evt_1","type":"a"}', int(time.time())
    one = receiver(home=home)
    for at, code in ((now, "stored"), (now - 400 * 86400, "unauthorized"), (999_999_999_999_999, "unauthorized")):
        signature = hmac.new(SECRET.encode(), b"%d." % at + body, "sha256").hexdigest()
        listed = [p for p in params("/stripe", body) if p[0] != "HTTP_X_WEBHOOK_SIGNATURE"] + [("HTTP_STRIPE_SIGNATURE", f"t={at},v1={signature}")]
        with Fcgi(one.socket) as fcgi:
            fcgi.send(whole(listed, body))
            expect(fcgi.reply(), code)


# ---- output

@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_output_has_no_terminal_controls(receiver, form):
    """Text, JSON and the log have none. JSON's values stay the same."""
    one = receiver(log_format=form, reject_bodies=True)
    body = message("urn:" + HOSTILE, text=HOSTILE, sender=HOSTILE, event="e" + HOSTILE)
    expect(fcgi_client.deliver(one.socket, body), "stored")
    headers = {"X-Webhook-Signature": "sha256=" + "0" * 64, "X-Evil": HOSTILE.encode().decode("latin-1")}
    expect(fcgi_client.deliver(one.socket, body, headers=headers), "unauthorized")
    expect(fcgi_client.deliver(one.socket, body, path="/" + HOSTILE.encode().decode("latin-1")), "not_found")
    until(lambda: one.home.spool.rejects() and one.home.spool.events(), "them in the spool")
    for args in (["list"], ["list", "--json"], ["tail", "-n", "9"], ["tail", "-n", "9", "--json"], ["show", "1"], ["show", "1", "--json"], ["export"],
                 ["rejects"], ["rejects", "--json"], ["stats"], ["stats", "--json"], ["deliveries", "--json"], ["list", "--endpoint", HOSTILE]):
        done = one.home.cli(*args)
        shown = (done.stdout + done.stderr).decode()
        assert not [name for name, mark in MARKS.items() if mark in shown], args
    row, = (json.loads(line) for line in one.home.cli("export").stdout.decode().splitlines())
    assert row["body"].encode() == body
    assert not [name for name, mark in MARKS.items() if mark in one.text()]
