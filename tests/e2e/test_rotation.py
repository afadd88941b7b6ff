# SPDX-License-Identifier: ISC
"""Secrets are rotated: which is in use, which may go, and how refused deliveries are stored after all."""
import datetime
import json
import sqlite3
import time

import pytest

import fcgi_client
from outcomes import expect
from place import until
from receiver import endpoint
from sender import SECRET, SECRET2, message, signed_headers

PATH = "/webhook/linkedin"
OLD, NEW = {"secret_file": ["secret"]}, {"secret_file": ["secret2"]}
BOTH = {"secret_file": ["secret2", "secret"]}


def deliver(receiver, body, secret, path=PATH):
    return fcgi_client.deliver(receiver.socket, body, path=path, headers=signed_headers(body, secret=secret))


def by_source(home):
    """Deliveries and last time of each secret, by the file it stands in."""
    stats = json.loads(home.cli("stats", "--json").stdout)
    return {(c["secret_source"] or "").rpartition("/")[2] or c["secret_id"] and "removed": c for c in stats["counters"]}


def rotation_lines(home):
    lines = home.cli("check").stdout.decode().splitlines()
    return [line for line in lines if "secret 1 (" in line or "secret 2 (" in line]


def days_ago(n):
    return int((datetime.datetime.now().timestamp() - n * 86400) * 1000)


def test_stats_and_check_follow_a_rotation(receiver):
    one = receiver(endpoint(PATH, **OLD))
    expect(deliver(one, message(), SECRET), "stored")
    until(lambda: by_source(one.home), "the counters")
    assert by_source(one.home)["secret"]["deliveries"] == 1 and by_source(one.home)["secret"]["secret"] == 1
    assert not rotation_lines(one.home), "one secret is nothing to choose from"

    one.home.configure(endpoint(PATH, **BOTH))
    one.hup()
    until(lambda: "configuration reloaded" in one.text(), "the reload")
    first, second = rotation_lines(one.home)
    assert first.startswith("ok ") and first.endswith("has not matched yet")
    assert second.startswith("ok ") and "in use, last matched 20" in second

    expect(deliver(one, message(), SECRET2), "stored")
    expect(deliver(one, message(), SECRET), "stored")
    time.sleep(0.01)  # they are told apart by milliseconds
    expect(deliver(one, message(), SECRET2), "stored")
    until(lambda: by_source(one.home).get("secret2", {}).get("deliveries") == 2, "the counters")
    assert by_source(one.home)["secret"]["deliveries"] == 2 and by_source(one.home)["secret"]["secret"] == 2, \
        "still the old one's, though it stands at another place now"
    first, second = rotation_lines(one.home)
    assert "in use" in first and second.startswith("ok ") and second.endswith("keep it for 3 days after that")
    assert "secret 2 (file " in one.home.cli("stats").stdout.decode()

    old = by_source(one.home)["secret"]["secret_id"]
    with sqlite3.connect(one.home.spool.dir / "hookspool.db") as db:
        db.execute("UPDATE counter SET last_at = ? WHERE secret = ?", (days_ago(4), int(old, 16)))
    db.close()
    first, second = rotation_lines(one.home)
    assert second.startswith("warn ") and second.endswith("it can be removed")

    one.home.configure(endpoint(PATH, **NEW))
    assert by_source(one.home)["removed"]["deliveries"] == 2 and by_source(one.home)["removed"]["secret"] == 0
    assert "a secret that was removed" in one.home.cli("stats").stdout.decode()


def rejects(home, *args):
    done = home.cli("rejects", "--json", *args)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def kept(home, n):
    until(lambda: len(home.spool.rejects()) == n, f"{n} rejected deliveries")


def test_quarantined_deliveries_are_accepted_when_the_secret_is_right(receiver):
    one = receiver(endpoint(PATH, **OLD), reject_bodies=True)
    bodies = [message(text=f"Grüße {i}") for i in range(3)]
    for body in bodies:
        expect(deliver(one, body, SECRET2), "unauthorized")
    expect(deliver(one, message(), "forged"), "unauthorized")
    kept(one.home, 4)
    assert {r["verdict"] for r in rejects(one.home, "--verify")} == {"wrong signature"}
    assert one.home.cli("rejects", "--verify").stdout.decode().endswith("0 of 4 kept whole pass now\n")

    one.home.configure(endpoint(PATH, **BOTH), reject_bodies=True)
    assert [r["verdict"] for r in rejects(one.home, "--verify")] == ["passes now"] * 3 + ["wrong signature"]
    assert not one.home.spool.events(), "--verify stores nothing"

    expect_order = [r["received_at"] for r in rejects(one.home)][:3]
    taken = rejects(one.home, "--accept")
    assert [r["verdict"] for r in taken] == ["stored"] * 3 + ["wrong signature"]
    events = one.home.spool.events()
    assert [e["body"] for e in events] == bodies and [e["id"] for e in events] == [r["event"] for r in taken[:3]]
    assert [e["secret"] for e in events] == [1] * 3 and events[0]["remote_addr"] == "127.0.0.1"
    listed = [json.loads(line) for line in one.home.cli("export").stdout.splitlines()]
    assert [e["received_at"] for e in listed] == expect_order, "as they came, not as they were accepted"
    assert b"signature ok, secret 1" in one.home.cli("show", str(events[0]["id"])).stdout
    assert len(rejects(one.home)) == 1
    assert [r["verdict"] for r in rejects(one.home, "--accept")] == ["wrong signature"]


def test_accepted_delivery_is_stored_once(receiver):
    """The sender has tried again in between, and its event was stored."""
    one = receiver(endpoint(PATH, **OLD), reject_bodies=True)
    body = message()
    expect(deliver(one, body, SECRET2), "unauthorized")
    kept(one.home, 1)
    one.home.configure(endpoint(PATH, **NEW))
    one.hup()
    until(lambda: "configuration reloaded" in one.text(), "the reload")
    expect(deliver(one, body, SECRET2), "stored")
    assert [r["verdict"] for r in rejects(one.home, "--accept")] == ["duplicate"]
    assert len(one.home.spool.events()) == 1 and not one.home.spool.rejects()


@pytest.mark.parametrize("given, code", [({"scheme": "gitlab"}, "unauthorized"), ({"authorization_file": ["auth"]}, "unauthorized"),
                                         ({"allow": ["192.0.2.0/24"]}, "forbidden"), ({"max_body": "10"}, "too_large")], ids=str)
def test_rejects_kept_in_part_are_not_accepted(receiver, given, code):
    one = receiver(endpoint(PATH, **given), reject_bodies=True)
    body = message()
    headers = {**dict(signed_headers(body, secret=SECRET2)), "X-Gitlab-Token": SECRET2, "X-Gitlab-Event": "Push Hook", "Cookie": "session=1",
               "Proxy-Authorization": "Basic c2VjcmV0"}
    expect(fcgi_client.deliver(one.socket, body, path=PATH, headers=headers), code)
    kept(one.home, 1)
    only = one.home.spool.rejects()[0]
    for secret in (SECRET2, "session=1", "c2VjcmV0"):
        assert secret not in (only["headers"] or "") and secret.encode() not in (only["body"] or b"")
    one.home.configure(endpoint(PATH, **{**given, "secret_file": ["secret2"], "max_body": "1m", "allow": []}), reject_bodies=True)
    verdict = rejects(one.home, "--accept")[0]["verdict"]
    assert verdict not in ("stored", "passes now") and not one.home.spool.events()


def test_rejected_bodies_are_kept_only_when_configured(receiver):
    one = receiver(endpoint(PATH, **OLD))
    expect(deliver(one, message(), SECRET2), "unauthorized")
    kept(one.home, 1)
    only = one.home.spool.rejects()[0]
    assert only["body"] is None and only["headers"] is None
    one.home.configure(endpoint(PATH, **NEW))
    assert rejects(one.home, "--accept")[0]["verdict"] == "not kept whole"


def test_quarantine_is_bounded(receiver):
    one = receiver(endpoint(PATH, **OLD), reject_bodies=True, reject_size="64k")
    for _ in range(40):
        expect(deliver(one, message(text="x" * 4000), SECRET2), "unauthorized")
    until(lambda: any(c["deliveries"] == 40 for c in json.loads(one.home.cli("stats", "--json").stdout)["counters"]), "all are counted")
    sizes = [len(r["body"]) + len(r["headers"]) for r in one.home.spool.rejects()]
    assert 60 * 1024 - max(sizes) < sum(sizes) <= 64 * 1024
