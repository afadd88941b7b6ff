# SPDX-License-Identifier: ISC
"""Catch-up in the relay: when a run begins, what it leaves to the webhook, and that the relay's own work goes on."""
import sqlite3
import time

import pytest

from catch_up_api import KEY, ConnectSafely, now_ms
from catching import LATER, catch_up, deliver, home_for, receiver, section, sources, stored  # noqa: F401
from place import until
from receiver import endpoint
from relaying import PATH, Relay, Target, sink

MINUTE = 60_000


@pytest.fixture
def api():
    one = ConnectSafely()
    yield one
    one.close()


def start_relay(home, api):
    """A relay whose first run is over; the next one is due in an hour unless the section says so."""
    relay = Relay(home).ready()
    relay.until(lambda: last_complete(home), "the first run is complete")
    return relay


def last_complete(home):
    """When a run was last complete, in ms; 0: none was."""
    return max((row["completed_at"] for row in home.spool.query("SELECT completed_at FROM catchup")), default=0)


def runs(api):
    """The runs that have begun: each asks for the accounts first."""
    return sum(1 for one in api.requests if one.path.endswith("/conversations") and "accountId" not in one.query)


def change(home, sql, *values):
    db = sqlite3.connect(home.spool.dir / "hookspool.db", timeout=10)
    with db:
        db.execute(sql, values)
    db.close()


def test_run_leaves_what_was_just_sent_to_the_webhook(api, receiver, children):  # noqa: F811
    """The webhook's attempts come first: a message that it delivers is found missing by no run."""
    home = home_for(api, every="5s")
    one = receiver(home=home)
    relay = start_relay(home, api)
    before = last_complete(home)
    time.sleep(2)  # the next run begins in some 4 s, and leaves out 5
    message = api.add()
    until(lambda: last_complete(home) > before, "a complete run")
    assert stored(home) == []
    deliver(one, message)
    relay.stop()
    assert sources(home) == {message.id: "webhook"}
    assert "had not delivered" not in relay.text()


def test_gap_is_logged_in_a_sentence(api, receiver, children):  # noqa: F811
    home = home_for(api)
    receiver(home=home)
    for minutes in 50, 40, 30:
        api.add(at=now_ms() - minutes * MINUTE)
    relay = start_relay(home, api)
    relay.stop()
    line, = (line for line in relay.text().splitlines() if "catch-up" in line)
    assert "catch-up linkedin: 3 messages of " in line and line.endswith('were fetched that the webhook had not delivered"')
    assert KEY not in relay.text()


def test_delivery_answered_503_is_a_gap(api, receiver, children):  # noqa: F811
    """A real one: the spool is gone while the webhook delivers, and comes back."""
    home = home_for(api)
    one = receiver(home=home)
    relay = start_relay(home, api)
    missed, aside = api.add(), home.spool.dir.with_name("aside")
    home.spool.dir.rename(aside)
    home.write("spool", "in the way")
    deliver(one, missed, "unavailable")
    home.spool.dir.unlink()
    aside.rename(home.spool.dir)
    deliver(one, api.add())
    until(lambda: missed.id in stored(home), "the message of the gap", 30)
    relay.stop()


def test_further_receiver_is_no_gap(api, receiver, children):  # noqa: F811
    """As mod_fcgid starts them beside the one that runs."""
    home = home_for(api)
    receiver(home=home)
    relay = start_relay(home, api)
    asked = len(api.requests)
    receiver(home=home)
    until(lambda: len(home.spool.query("SELECT pid FROM program WHERE role = 'receiver'")) == 2, "it is registered")
    time.sleep(2.5)
    relay.stop()
    assert len(api.requests) == asked


def test_silence_is_a_gap_once(api, receiver, children):  # noqa: F811
    home = home_for(api, endpoints=[endpoint(PATH, expect="3s")])
    one = receiver(home=home)
    deliver(one, api.add())
    relay = start_relay(home, api)
    missed, before = api.add(), runs(api)
    until(lambda: missed.id in stored(home), "the message that the silence hid", 30)
    time.sleep(3)
    relay.stop()
    assert runs(api) == before + 1


def test_relay_ends_while_an_api_hangs(api, receiver, target, children):  # noqa: F811
    """And its sinks have their events before."""
    home = home_for(api, sink("out", url=target.url), relay=("out",))
    one = receiver(home=home)
    api.fail("slow", 30, times=None)
    relay = Relay(home).ready()
    until(lambda: api.in_flight, "a request that hangs")
    deliver(one, api.add())
    target.until(1)
    began = time.monotonic()
    relay.stop()
    assert time.monotonic() - began < 20


def test_reload_takes_another_section(api, receiver, children):  # noqa: F811
    other = ConnectSafely()
    home = home_for(api)
    receiver(home=home)
    relay = start_relay(home, api)
    missed = other.add(at=now_ms() - MINUTE)
    home.configure(endpoint(PATH), section(other, "second"))
    relay.hup()
    until(lambda: stored(home) == [missed.id], "the message of the other API", 30)
    asked = len(api.requests)
    time.sleep(2.5)
    assert len(api.requests) == asked
    relay.stop()
    other.close()


def test_section_without_its_key_holds_up_no_other(api, receiver, target, children):  # noqa: F811
    home = home_for(api, sink("out", url=target.url), section(api, "broken", api_key_file="missing.key"), relay=("out",))
    one = receiver(home=home)
    missed = api.add(at=now_ms() - MINUTE)
    relay = Relay(home).ready()
    until(lambda: stored(home) == [missed.id], "the message of the other section", 30)
    deliver(one, api.add())
    target.until(2)
    relay.stop()
    assert relay.text().count("missing.key") == 1, "it is told once"
    assert "warn" in (told := home.cli("check").stdout.decode()) or "FAIL" in told
    assert "missing.key" in told


def test_late_webhook_reaches_a_sink_without_fetched_events(api, receiver, target, children):  # noqa: F811
    """An automatic reply: not to what was fetched, but to what the webhook delivers after all."""
    every = Target()
    home = home_for(api, sink("reply", url=target.url, catch_up=False), sink("all", url=every.url), relay=("reply", "all"))
    one = receiver(home=home)
    missed = api.add(at=now_ms() - MINUTE)
    relay = start_relay(home, api)
    every.until(1)
    assert target.got == []
    for _ in range(2):
        deliver(one, missed, "duplicate")
    target.until(1)
    time.sleep(1.5)
    relay.stop()
    assert len(target.got) == len(every.got) == 1 and sources(home) == {missed.id: "catch-up"}
    every.close()


def test_event_grows_too_old_for_its_sink(api, receiver, target, children):  # noqa: F811
    """While the target is down; a replay sends it all the same."""
    home = home_for(api, sink("late", url=target.url, max_age="4s", retry=["500ms", "1s", "1d"]), relay=("late",))
    one = receiver(home=home)
    target.answers = [{"status": 503}] * 100
    relay = start_relay(home, api)
    deliver(one, api.add())
    target.until(2, "attempts")
    until(lambda: home.spool.query("SELECT count(*) AS n FROM relay")[0]["n"] == 0, "it is given up", 20)
    target.answers.clear()
    seen = len(target.got)
    home.cli("replay", "--sink", "late", "1")
    target.until(seen + 1)
    relay.stop()


def printed(home):
    """The samples of the metrics of catch-ups."""
    lines = home.cli("stats", "--prometheus").stdout.decode().splitlines()
    return {line.split("{")[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("hookspool_catch_up") and 'catch_up="linkedin"' in line}


def test_metrics_tell_of_the_catch_up(api, receiver):  # noqa: F811
    api.accounts["acc-2"] = "Two"
    home = home_for(api)
    receiver(home=home)
    assert printed(home) == {"hookspool_catch_up_found_total": 0, "hookspool_catch_up_requests_total": 0, "hookspool_catch_up_failed": 0}
    for account in api.accounts:
        api.add(api.talk(account), at=now_ms() - MINUTE)
    began = time.time()
    catch_up(home)
    found = printed(home)
    assert found["hookspool_catch_up_found_total"] == 2 and found["hookspool_catch_up_requests_total"] >= 4 and found["hookspool_catch_up_failed"] == 0
    for name in "complete", "last_complete_run":
        assert began - 1 < found[f"hookspool_catch_up_{name}_timestamp_seconds"] < time.time() + 1
    api.key = "another"
    catch_up(home, status=LATER)
    assert printed(home)["hookspool_catch_up_failed"] == 1


def test_account_that_the_api_names_no_more_is_told_of_and_then_forgotten(api, receiver):  # noqa: F811
    api.accounts["acc-2"] = "Two"
    home = home_for(api)
    receiver(home=home)
    catch_up(home)
    del api.accounts["acc-2"]
    assert "acc-2" in catch_up(home), "it is told, and the others are complete"
    warned = [line for line in home.cli("check").stdout.decode().splitlines() if line.startswith("warn") and "acc-2" in line]
    assert len(warned) == 1 and "does not name it any more" in warned[0]
    change(home, "UPDATE catchup SET completed_at = 1000 WHERE account = 'acc-2'")
    catch_up(home)
    assert "acc-2" not in home.cli("check").stdout.decode() + home.cli("stats").stdout.decode()


def test_command_without_once_goes_on_until_it_is_complete(api, receiver):  # noqa: F811
    """A run makes 300 requests at most; each conversation costs one."""
    for n in range(320):
        api.add(at=now_ms() - MINUTE - n)
    home = home_for(api, rate="60000/m")
    receiver(home=home)
    done = home.cli("catch-up", "linkedin")
    assert done.returncode == 0 and len(stored(home)) == 320
    assert b"not complete yet" in done.stdout and done.stdout.count(b"were fetched") == 2
    assert home.cli("catch-up", "other").returncode == 64
