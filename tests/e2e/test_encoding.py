# SPDX-License-Identifier: ISC
"""Bodies that come packed: signed as they are sent, read unpacked, kept as they came."""
import gzip
import json
import zlib

import pytest

import fcgi_client
from outcomes import expect
from receiver import Home, endpoint
from relaying import PATH, home_with, sink
from sender import SECRET, SECRET2, message, new_urn


def raw_deflate(body):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


PACKERS = {
    "gzip": ("gzip", gzip.compress),
    "another spelling": ("X-GZIP", gzip.compress),
    "members": ("gzip", lambda body: gzip.compress(body[:50]) + gzip.compress(body[50:])),
    "deflate": ("deflate", zlib.compress),
    "deflate without its head": ("deflate", raw_deflate),
    "not packed after all": ("gzip", bytes),
    "identity": ("identity", bytes),
}


def deliver(one, body, coding, **how):
    return fcgi_client.deliver(one.socket, body, headers=[("Content-Encoding", coding)], path=PATH, **how)


@pytest.mark.parametrize("coding, pack", PACKERS.values(), ids=PACKERS)
def test_packed_body_is_read_unpacked_and_kept_as_it_came(receiver, coding, pack):
    one = receiver(home=home_with(relay=()))
    urn = new_urn()
    body = pack(message(urn=urn, text="Ahoj světe"))
    expect(deliver(one, body, coding), "stored")
    event = one.home.spool.event()
    assert event["body"] == body and event["event"] == "message.received" and urn in event["key"] and not event["note"]
    cli = one.home.cli
    assert "Ahoj světe" in cli("list").stdout.decode() and "Ahoj světe" in cli("show", "1").stdout.decode()
    assert cli("show", "1", "--raw").stdout == body
    assert cli("verify", "--id", "1").returncode == 0
    assert [row["id"] for row in one.home.spool.export()] == [1]
    expect(deliver(one, pack(message(urn=urn, text="Ahoj světe")), coding), "duplicate")


HEADERS = [None, "", "identity", "gzip", "deflate", "br", "gzip, gzip"]


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, raw_deflate, bytes], ids=["gzip", "deflate", "deflate without its head", "plain"])
def test_captured_delivery_is_a_duplicate_whatever_its_content_encoding_says(receiver, pack):
    """Nothing signs the header: the bytes alone decide how the body is read."""
    one = receiver(home=home_with(relay=()))
    for first in HEADERS:
        urn = new_urn()
        body = pack(message(urn=urn))
        expect(deliver(one, body, first), "stored")
        event = one.home.spool.events()[-1]
        assert event["event"] == "message.received" and urn in event["key"] and not event["note"]
        for again in HEADERS:
            expect(deliver(one, body, again), "duplicate")
    assert len(one.home.spool.events()) == len(HEADERS)
    assert b"message.received" in one.home.cli("show", "1").stdout.split(b"unpacked")[-1]


def test_secret_in_a_packed_body_is_found_without_content_encoding(receiver):
    """Each of several notifications has a secret of its own, or one has a wrong one."""
    home = Home(endpoint(PATH, scheme="microsoft-graph", secret_file=["secret", "secret2"]))
    one = receiver(home=home)
    for states, outcome in (((SECRET, SECRET2), "stored"), ((SECRET, "wrong"), "unauthorized")):
        notifications = [{"clientState": state, "subscriptionId": "s", "changeType": "created"} for state in states]
        body = gzip.compress(json.dumps({"value": notifications}).encode())
        expect(fcgi_client.deliver(one.socket, body, headers=[("X-Webhook-Signature", None)], path=PATH), outcome)


BOMB = gzip.compress(b'{"event":"e","data":{"id":"' + b"a" * (5 << 20) + b'"}}')
UNREADABLE = {
    "bomb": ("gzip", BOMB, "the body unpacks to more than 4 MiB and four times its size"),
    "bomb of deflate": ("deflate", zlib.compress(bytes(50 << 20), 9), "the body unpacks to more than 4 MiB and four times its size"),
    "cut off": ("gzip", gzip.compress(message())[:-9], "the body is not packed as its Content-Encoding says"),
    "something behind it": ("gzip", gzip.compress(message()) + b"{}", "the body is not packed as its Content-Encoding says"),
    "nothing": ("gzip", b"\x1f\x8b", "the body is not packed as its Content-Encoding says"),
    "br": ("br", b"\x0b\x02\x80{}\x03", "the Content-Encoding is not gzip or deflate"),
    "zstd": ("zstd", b"\x28\xb5\x2f\xfd\x04\x00", "the Content-Encoding is not gzip or deflate"),
    "two codings": ("gzip, gzip", gzip.compress(gzip.compress(message())), "the Content-Encoding is not gzip or deflate"),
}


@pytest.mark.parametrize("coding, body, note", UNREADABLE.values(), ids=UNREADABLE)
def test_signed_body_that_cannot_be_unpacked_is_kept_with_a_note(receiver, coding, body, note):
    """Two of them are two events, and memory is bounded."""
    one = receiver(home=home_with(relay=()))
    expect(deliver(one, body, coding), "stored")
    event = one.home.spool.event()
    assert (event["body"], event["event"], event["note"]) == (body, "", note)
    expect(deliver(one, body + b" ", coding), "stored")
    peak = int(next(line.split()[1] for line in open(f"/proc/{one.pid}/status") if line.startswith("VmHWM")))
    assert peak < 100 * 1024
    for command in (["list"], ["show", "1"], ["export"], ["verify", "--id", "1"]):
        assert one.home.cli(*command).returncode == 0, command


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, gzip"])
def test_signature_over_other_bytes_is_explained(receiver, coding):
    """A sender may sign first and compress then. A body that no signature proves is not unpacked."""
    home = home_with(relay=())
    one = receiver(home=home)
    plain = message()
    headers = [("X-Webhook-Signature", fcgi_client.signed_headers(plain)[1][1]), ("Content-Encoding", coding)]
    reply = fcgi_client.deliver(one.socket, gzip.compress(plain), headers=headers, path=PATH)
    expect(reply, "unsupported_encoding")
    assert reply.headers["accept-encoding"] == "identity"
    assert "Content-Encoding" in one.until_entry(outcome="unsupported_encoding")["reason"]
    reply = fcgi_client.deliver(one.socket, gzip.compress(plain), headers=[("X-Webhook-Signature", None), ("Content-Encoding", coding)], path=PATH)
    expect(reply, "unauthorized")
    assert not home.spool.events()


def test_unproven_body_that_cannot_be_unpacked_is_refused(receiver):
    one = receiver(home=Home(endpoint(PATH, scheme="none")))
    expect(deliver(one, BOMB, "gzip"), "malformed")
    expect(deliver(one, gzip.compress(message()), "gzip"), "stored")


def test_sinks_get_a_packed_event(receiver, relay, target):
    """A template and a program see the unpacked body; without a body of its own, a sink sends the bytes that came, and says how they are packed."""
    home = home_with(sink("template", url=target.url, body="{{data.body}}", content_type="text/plain"), sink("plain", url=target.url),
                     sink("program", type="exec", command=["sh", "-c", "cat >@/given"], allow_private=None), relay=("template", "plain", "program"))
    home.conf.write_text(home.conf.read_text().replace("@", str(home.dir)))
    one = receiver(home=home)
    plain = message(text="Ahoj")
    packed = gzip.compress(plain)
    expect(deliver(one, packed, "gzip"), "stored")
    assert home.cli("relay", "--once").returncode == 0
    got = {body: headers for _, _, _, headers, body in target.until(2)}
    assert set(got) == {b"Ahoj", packed}
    assert got[packed]["Content-Encoding"] == "gzip" and "Content-Encoding" not in got[b"Ahoj"]
    assert json.loads((home.dir / "given").read_bytes()) == json.loads(plain)


def test_erasing_a_person_finds_packed_refusals(receiver):
    home = home_with(relay=(), reject_bodies=True)
    one = receiver(home=home)
    headers = [("X-Webhook-Signature", "sha256=" + "0" * 64), ("Content-Encoding", "gzip")]
    for name in ("urn:li:fsd_profile:erased", "urn:li:fsd_profile:other"):
        body = gzip.compress(message().replace(b"urn:li:fsd_profile:ACoAA1", name.encode()))
        expect(fcgi_client.deliver(one.socket, body, headers=headers, path=PATH), "unsupported_encoding")
    one.stop()
    assert len(home.spool.rejects()) == 2
    assert home.cli("erase", "--sender", "urn:li:fsd_profile:erased").returncode == 0
    assert [b"other" in gzip.decompress(row["body"]) for row in home.spool.rejects()] == [True]
