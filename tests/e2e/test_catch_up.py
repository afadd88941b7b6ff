# SPDX-License-Identifier: ISC
"""Catch-up from ConnectSafely's API: what it stores, what it leaves out, what it costs, and what it tells."""
import json
import os
import signal
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import fcgi_client
from catch_up_api import KEY, ConnectSafely, iso, now_ms, shared
from catching import COMPLETE, LATER, Run, catch_up, deliver, home_for, receiver, section, sources, stored  # noqa: F401
from outcomes import expect
from place import SOURCE, own, run, until
from receiver import Home, endpoint
from relaying import PATH, Relay, Target, sink, states
from test_relay_tls import certificates  # noqa: F401, a fixture

MINUTE, HOUR = 60_000, 3_600_000


@pytest.fixture
def api():
    one = ConnectSafely()
    yield one
    one.close()


def ago(ms):
    return now_ms() - ms


# ---- what is stored

def test_missing_message_is_stored_as_the_webhook_would_have_been(api, receiver):
    home = home_for(api)
    receiver(home=home)
    talk = api.talk(name='Max "Mäx" Power 🚀')
    missed = api.add(talk, text="Line one\nLine two – 李 👋 \"quoted\" \\", at=ago(10 * MINUTE))
    catch_up(home)
    event = home.spool.event()
    want, got = json.loads(missed.webhook()), json.loads(event["body"])
    assert got["event"] == "message.received" and got["object"] == "event"
    for name in "id", "message_urn", "account_id", "provider", "body", "conversation_id", "attachments":
        assert got["data"][name] == want["data"][name], name
    assert got["data"]["timestamp"] == want["data"]["timestamp"]
    assert got["data"]["sender"]["name"] == talk.name and got["data"]["sender"]["id"] == want["data"]["sender"]["id"]
    assert (event["event"], event["account"], event["sender_name"]) == ("message.received", "acc-1", talk.name)
    assert event["conversation"] == want["data"]["conversation_id"] and event["sent_at"] == iso(missed.sent_at)


@pytest.mark.parametrize("spelling", ["api", "webhook"])
@pytest.mark.parametrize("written_as", ["iso", "ms"])
def test_every_spelling_and_time_is_understood(api, receiver, spelling, written_as):
    api.spelling, api.written_as = spelling, written_as
    home = home_for(api)
    receiver(home=home)
    missed = api.add(at=ago(MINUTE))
    catch_up(home)
    data = json.loads(home.spool.event()["body"])["data"]
    assert (data["message_urn"], data["timestamp"]) == (missed.urn, iso(missed.sent_at))
    assert data["conversation_id"] == f"urn:li:messagingThread:{missed.conversation.id}"


@pytest.mark.parametrize("spelling", ["api", "webhook"])
def test_message_that_the_webhook_delivered_before_is_not_stored_again(api, receiver, spelling):
    api.spelling = spelling
    home = home_for(api)
    one = receiver(home=home)
    message = api.add(at=ago(MINUTE))
    deliver(one, message)
    catch_up(home)
    assert stored(home) == [message.id] and sources(home) == {message.id: "webhook"}


@pytest.mark.parametrize("spelling", ["api", "webhook"])
def test_message_that_the_webhook_delivers_later_is_a_duplicate(api, receiver, spelling):
    api.spelling = spelling
    home = home_for(api)
    one = receiver(home=home)
    message = api.add(at=ago(MINUTE))
    catch_up(home)
    assert deliver(one, message, "duplicate").json["id"] == home.spool.event()["id"]
    catch_up(home, "--since", "2h")
    assert stored(home) == [message.id] and sources(home) == {message.id: "catch-up"}


def test_webhook_and_catch_up_at_the_same_moment_store_once(api, receiver):
    """The webhook delivers each message while catch-up stores it: before, during and after the page that has it."""
    home = home_for(api)
    one = receiver(home=home)
    messages = [api.add(api.talk(), at=ago(MINUTE) + n) for n in range(40)]
    with ThreadPoolExecutor(4) as pool:
        running = Run(home)
        until(lambda: api.seen("messages"), "catch-up reads messages")
        replies = list(pool.map(lambda m: fcgi_client.deliver(one.socket, m.webhook(), path=PATH), messages))
    assert running.wait(20) == COMPLETE, running.text()
    assert all(reply.code in ("stored", "duplicate") for reply in replies)
    assert sorted(stored(home)) == sorted(m.id for m in messages)
    from_webhook = {m.id for m, reply in zip(messages, replies) if reply.code == "stored"}
    assert {number for number, source in sources(home).items() if source == "webhook"} == from_webhook


def test_own_messages_are_left_out(api, receiver):
    home = home_for(api)
    receiver(home=home)
    talk = api.talk()
    theirs = [api.add(talk, at=ago(9 * MINUTE)), api.add(talk, at=ago(3 * MINUTE))]
    for minutes in 10, 5, 2:
        api.add(talk, text="mine", own=True, at=ago(minutes * MINUTE))
    catch_up(home)
    assert sorted(stored(home)) == sorted(m.id for m in theirs)


def test_each_account_is_read(api, receiver):
    """Without accounts: all that the key has; with them: only those."""
    api.accounts["acc-2"] = "Two"
    theirs = {account: api.add(api.talk(account), at=ago(MINUTE)) for account in api.accounts}
    home = home_for(api)
    receiver(home=home)
    catch_up(home)
    assert {e["account"] for e in home.spool.events()} == {"acc-1", "acc-2"}
    only = home_for(api, accounts=["acc-2"])
    receiver(home=only)
    catch_up(only)
    assert stored(only) == [theirs["acc-2"].id]


def test_unknown_fields_are_kept(api, receiver):
    """New fields of an answer change nothing that is understood, and those of a message are kept."""
    api.extra = {"newField": {"deep": [1, {"x": None}]}, "reactions": []}
    home = home_for(api)
    receiver(home=home)
    message = api.add(at=ago(MINUTE), attachments=[{"type": "file", "url": "https://media.example.com/1", "new": 1}])
    catch_up(home)
    assert stored(home) == [message.id]
    data = json.loads(home.spool.event()["body"])["data"]
    assert data["attachments"] == message.attachments and data["api"]["newField"] == api.extra["newField"]


def test_all_pages_are_read(api, receiver):
    """Conversations and messages over several pages, and nothing older than since."""
    api.page_max = 7
    home = home_for(api, since="2h")
    receiver(home=home)
    talks = [api.talk() for _ in range(20)]
    due = [api.add(talks[n % 20], at=ago(HOUR) + n * 1000) for n in range(200)]
    old = [api.add(talks[n], at=ago(30 * HOUR) + n) for n in range(20)] + [api.add(at=ago(30 * HOUR))]
    catch_up(home)
    assert sorted(stored(home)) == sorted(m.id for m in due) and old


@pytest.mark.parametrize("paging", ["offset", "time"])
def test_conversation_that_moves_while_it_is_paged_loses_nothing(api, receiver, paging):
    """A missed message of the last page's conversation, which a new message moves to the first page after that was read."""
    api.paging, api.page_max = paging, 5
    home = home_for(api)
    receiver(home=home)
    talks = [api.talk() for _ in range(20)]
    for n, talk in enumerate(talks):
        api.add(talk, at=ago(HOUR) - n * MINUTE)
    moved = []

    def move():
        if len(api.seen()) == 1 and not moved:
            moved.append(api.add(talks[-1], text="and one more"))

    api.after_request = move
    catch_up(home)
    catch_up(home)
    assert sorted(stored(home)) == sorted(m.id for m in api.messages) and moved


def test_messages_of_one_moment_at_a_page_break_are_all_read(api, receiver):
    api.page_max = 3
    home = home_for(api)
    receiver(home=home)
    talk, at = api.talk(), ago(MINUTE)
    for _ in range(8):
        api.add(talk, at=at)
    catch_up(home)
    assert sorted(stored(home)) == sorted(m.id for m in api.messages)


def test_conversation_that_the_api_lists_late_is_found(api, receiver):
    """It was active before the last complete run, which did not see it."""
    home = home_for(api)
    receiver(home=home)
    seen, late = api.add(at=ago(10 * MINUTE)), api.add(at=ago(5 * MINUTE))
    late.hidden = True
    catch_up(home)
    assert stored(home) == [seen.id]
    late.hidden = False
    catch_up(home)
    assert stored(home) == [seen.id, late.id]


def test_message_that_the_api_lists_late_is_found(api, receiver):
    """It was sent before another one of its conversation that was fetched already."""
    home = home_for(api)
    receiver(home=home)
    talk = api.talk()
    late, seen = api.add(talk, at=ago(20 * MINUTE)), api.add(talk, at=ago(10 * MINUTE))
    late.hidden = True
    catch_up(home)
    assert stored(home) == [seen.id]
    late.hidden = False
    new = api.add(talk)
    catch_up(home)
    assert sorted(stored(home)) == sorted([seen.id, late.id, new.id])


@pytest.mark.parametrize("catch_up_first", [True, False])
def test_webhook_that_spells_as_the_api_does_is_the_same_message(api, receiver, catch_up_first):
    home = home_for(api)
    one = receiver(home=home)
    message = api.add(at=ago(MINUTE))
    body = message.webhook(f"urn:li:msg_message:(urn:li:fsd_profile:ACoAAOwner,{message.id})")
    for by_api in (catch_up_first, not catch_up_first):
        if by_api:
            catch_up(home)
        else:
            expect(fcgi_client.deliver(one.socket, body, path=PATH), "duplicate" if catch_up_first else "stored")
    assert stored(home) == [message.id]


@pytest.mark.parametrize("deletion", [["erase", "--sender", "urn:li:fsd_profile:ACoAA1"], ["purge", "--older-than", "1s"]])
def test_message_that_was_deleted_is_not_fetched_again(api, receiver, deletion):
    """Whether the webhook had delivered it, or catch-up had fetched it."""
    home = home_for(api)
    one = receiver(home=home)
    talk = api.talk()
    deliver(one, api.add(talk, at=ago(2 * MINUTE)))
    api.add(talk, at=ago(MINUTE))
    catch_up(home)
    assert len(stored(home)) == 2
    until(lambda: home.cli(*deletion).returncode in (0, 1) and stored(home) == [], "both are deleted")
    catch_up(home, "--since", "2h")
    assert stored(home) == []


# ---- what is told of it

def test_event_of_catch_up_is_marked(api, receiver):
    home = home_for(api)
    one = receiver(home=home)
    first, second = api.add(at=ago(2 * MINUTE)), api.add(at=ago(MINUTE))
    deliver(one, first)
    catch_up(home)
    assert sources(home) == {first.id: "webhook", second.id: "catch-up"}
    number = next(e["id"] for e in home.spool.events() if second.id in e["body"].decode())
    assert "catch-up" in home.cli("show", str(number)).stdout.decode()
    verified = home.cli("verify", "--id", str(number))
    assert "catch-up" in (verified.stdout + verified.stderr).decode()
    assert "no signature" in (verified.stdout + verified.stderr).decode()


def test_log_says_which_gap_was_closed(api, receiver):
    home = home_for(api)
    receiver(home=home)
    for minutes in 50, 40, 30:
        api.add(at=ago(minutes * MINUTE))
    text = catch_up(home)
    assert "3 messages of " in text and "were fetched that the webhook had not delivered" in text, text
    assert "not delivered" not in catch_up(home), "nothing was missing"


def test_stats_tell_of_the_last_run(api, receiver):
    home = home_for(api)
    receiver(home=home)
    for _ in range(3):
        api.add(at=ago(MINUTE))
    catch_up(home)
    text = home.cli("stats").stdout.decode()
    assert "catch-up" in text and "3" in text, text


def test_dry_run_stores_nothing(api, receiver):
    home = home_for(api)
    receiver(home=home)
    message = api.add(at=ago(MINUTE))
    text = catch_up(home, "--dry-run")
    assert stored(home) == [] and "1" in text, text
    catch_up(home)
    assert stored(home) == [message.id], "a dry run is no complete run"


def test_json_is_json(api, receiver):
    home = home_for(api)
    receiver(home=home)
    api.add(at=ago(MINUTE))
    done = home.cli("catch-up", "--once", "--json")
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert done.returncode == COMPLETE and lines, done.stderr


def test_since_bounds_what_is_fetched(api, receiver):
    home = home_for(api, since="72h")
    receiver(home=home)
    new, old = api.add(at=ago(HOUR)), api.add(at=ago(50 * HOUR))
    catch_up(home, "--since", "2h")
    assert stored(home) == [new.id]
    catch_up(home, "--since", "60h")
    assert sorted(stored(home)) == sorted([new.id, old.id])


# ---- the relays

def test_event_of_catch_up_goes_to_the_endpoints_sinks(api, receiver, target):
    """But not to one with catch-up = false, nor to one whose max-age it exceeds."""
    reply, late = Target(), Target()
    sinks = sink("all", url=target.url), sink("reply", url=reply.url, catch_up=False), sink("late", url=late.url, max_age="30m")
    home = home_for(api, *sinks, relay=("all", "reply", "late"))
    one = receiver(home=home)
    old, new, live = api.add(at=ago(HOUR)), api.add(at=ago(MINUTE)), api.add()
    deliver(one, live)
    catch_up(home)
    assert Relay(home, "--once").wait(20) == 0
    got = {name: sorted(shared(json.loads(body)["data"]["message_urn"]) for body in to.bodies())
           for name, to in (("all", target), ("reply", reply), ("late", late))}
    assert got == {"all": sorted([old.id, new.id, live.id]), "reply": [live.id], "late": sorted([new.id, live.id])}
    reply.close()
    late.close()


# ---- what it costs

def test_run_goes_on_where_it_was_killed(api, receiver):
    """What was fetched is not fetched again, and nothing is missing or there twice."""
    home = home_for(api)
    receiver(home=home)
    for n in range(60):
        api.add(at=ago(3 * HOUR) - n * 1000)
    api.fail("slow", 30, "messages", after=40)
    running = Run(home)
    until(lambda: len(api.seen("messages")) > 40, "40 conversations are read", 30)
    running.signal(signal.SIGKILL)
    assert running.wait(20) == -signal.SIGKILL
    running.end()
    assert len(stored(home)) >= 30
    api.heal()
    before = len(api.seen())
    catch_up(home)
    assert sorted(stored(home)) == sorted(m.id for m in api.messages)
    asked = api.seen()[before:]
    assert len([one for one in asked if "messages" in one.path]) <= 21, "conversations are fetched again"
    assert len([one for one in asked if "messages" not in one.path]) <= 3, "the accounts, the last page, and the first one once more"


def test_run_that_goes_on_is_complete_until_now(api, receiver):
    """A conversation that it had not come to moves to the front while no run is under way: its missed message is fetched, too."""
    home = home_for(api)
    receiver(home=home)
    talks = [api.talk() for _ in range(60)]
    for n, talk in enumerate(talks):
        api.add(talk, at=ago(3 * HOUR) - n * 1000)
    api.fail("slow", 30, "messages", after=25)
    running = Run(home)
    until(lambda: len(api.seen("messages")) >= 25 and api.in_flight, "the second page is under way", 30)
    running.signal(signal.SIGKILL)
    running.wait(20)
    running.end()
    api.heal()
    api.add(talks[-1], own=True)
    catch_up(home)
    assert sorted(stored(home)) == sorted(m.id for m in api.messages if not m.own)


def test_one_run_at_a_time(api, receiver):
    home = home_for(api)
    receiver(home=home)
    for _ in range(5):
        api.add(at=ago(MINUTE))
    api.fail("slow", 1, times=3)
    first = Run(home)
    until(lambda: api.in_flight, "a request")
    text = catch_up(home, status=LATER)
    assert "another" in text or "running" in text, text
    assert first.wait(20) == COMPLETE, first.text()
    assert api.most_in_flight == 1


def test_rate_is_kept(api, receiver):
    """The rate of the section, measured where the requests arrive."""
    home = home_for(api, rate="240/m")
    receiver(home=home)
    for n in range(12):
        api.add(at=ago(MINUTE) - n)
    catch_up(home)
    assert len(stored(home)) == 12
    assert api.most_within(1.0) <= 5, "4 a second, and one on the edge"


@pytest.mark.parametrize("reset_as", ["epoch", "seconds"])
def test_allowance_of_the_api_is_kept(api, receiver, reset_as):
    """The API's headers are obeyed, so that nothing is refused, and something is left for others of that key."""
    api.windows, api.reset_as = [(10, 1.0)], reset_as
    home = home_for(api)
    receiver(home=home)
    for n in range(15):
        api.add(at=ago(MINUTE) - n)
    for _ in range(20):
        done = home.cli("catch-up", "--once")
        if done.returncode == COMPLETE:
            break
        assert done.returncode == LATER, done.stderr
        time.sleep(0.2)
    assert done.returncode == COMPLETE and len(stored(home)) == 15
    assert api.refused == 0 and api.most_within(1.0) <= 10


def test_after_429_nothing_is_asked_until_retry_after(api, receiver):
    home = home_for(api)
    receiver(home=home)
    for n in range(5):
        api.add(at=ago(MINUTE) - n)
    api.retry_after = 2
    api.fail("status", 429, "messages", after=2)
    deadline = time.monotonic() + 20
    while home.cli("catch-up", "--once").returncode != COMPLETE and time.monotonic() < deadline:
        time.sleep(0.1)
    refused, = (one for one in api.requests if one.status == 429)
    following = min(one.at for one in api.requests if one.at > refused.at)
    assert following - refused.at >= 1.9 and len(stored(home)) == 5


@pytest.mark.parametrize("hours, status", [(23, LATER), (25, COMPLETE)])
def test_run_waits_for_no_time_that_only_a_wrong_clock_can_have_written(api, receiver, hours, status):
    one = receiver(home=home_for(api))
    catch_up(one.home)
    with sqlite3.connect(one.home.spool.dir / "hookspool.db") as db:
        db.execute("UPDATE catchup SET not_before = ?", ((time.time() + hours * 3600) * 1000,))
    catch_up(one.home, status=status)


def test_thousand_conversations_take_a_bounded_number_of_requests_a_run(api, receiver):
    home = home_for(api, rate="60000/m")
    receiver(home=home)
    for n in range(1000):
        api.add(at=ago(3 * HOUR) - n * 100)
    runs, costs = 0, []
    while True:
        before = len(api.requests)
        done = home.cli("catch-up", "--once", within=120)
        costs.append(len(api.requests) - before)
        runs += 1
        if done.returncode == COMPLETE:
            break
        assert done.returncode == LATER and costs[-1] > 0 and runs < 30, done.stderr
    assert len(stored(home)) == len(set(stored(home))) == 1000
    assert max(costs) <= 1000 and sum(costs) < 1300, costs


def test_by_hand_it_goes_on_until_it_is_complete(api, receiver):
    """Without --once, over the requests that one run may send."""
    home = home_for(api, rate="60000/m")
    receiver(home=home)
    for n in range(320):
        api.add(at=ago(HOUR) - n * 100)
    assert home.cli("catch-up", "--once").returncode == LATER and len(stored(home)) < 320
    done = home.cli("catch-up")
    assert done.returncode == COMPLETE and len(stored(home)) == 320, done.stderr


# ---- what goes wrong

WRONG = {
    "a wrong key": ("conversations?", ("status", 401), ("401", "key")),
    "an account that vanished": ("conversations?", ("status", 404), ("404",)),
    "a conversation that vanished": ("messages", ("status", 404), ("404",)),
    "too many requests": ("messages", ("status", 429), ("429",)),
    "an error of the server": ("conversations?", ("status", 500), ("500",)),
    "broken JSON": ("conversations?", ("body", b'{"success":true,"conversations":[{"conv'), ()),
    "no JSON": ("messages", ("body", b"<html>maintenance</html>"), ()),
    "an empty body": ("messages", ("body", b""), ()),
    "a body that ends early": ("conversations?", ("truncated", None), ()),
    "a closed connection": ("conversations?", ("reset", None), ()),
    "a changed shape of conversations": ("conversations?", ("change", lambda answer: {"data": answer}), ("shape",)),
    "a changed shape of messages": ("messages", ("change", lambda answer: {"data": answer}), ("shape",)),
    "other types": ("messages", ("change", lambda answer: {**answer, "conversations": {"a": 1}, "messages": "none"}), ("shape",)),
    "success is false": ("messages", ("change", lambda answer: {**answer, "success": False}), ()),
    "a huge answer": ("messages", ("change", lambda answer: {**answer, "padding": "x" * (9 << 20)}), ()),
}


def complaints(home):
    """What check says of catch-ups that is not well."""
    lines = home.cli("check").stdout.decode().splitlines()
    return [line for line in lines if line.startswith(("warn", "fail")) and "catch-up" in line]


def go_wrong(receiver, name):
    """A run of a home of its own that meets that, and the runs after it; what is not as it must be."""
    api = ConnectSafely()
    where, fault, words = WRONG[name]
    home = home_for(api)
    receiver(home=home)
    messages = [api.add(at=ago(3 * HOUR) - n) for n in range(2)]
    api.fail(*fault, where=where, times=None)
    text = catch_up(home, status=LATER)
    assert all(word in text for word in words), (name, text)
    assert stored(home) == [], name
    told, = complaints(home)
    assert all(word in told for word in words) and KEY not in told, (name, told)
    assert "catch-up" in home.cli("stats").stdout.decode(), name
    api.heal()
    deadline = time.monotonic() + 20
    while home.cli("catch-up", "--once").returncode != COMPLETE and time.monotonic() < deadline:
        time.sleep(0.2)
    assert sorted(stored(home)) == sorted(m.id for m in messages) and not complaints(home), name
    api.close()


def test_what_goes_wrong_is_told_and_nothing_is_lost(receiver):
    """Several at a time: most of the time a run waits to try again."""
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda name: go_wrong(receiver, name), WRONG))


MISSING = {
    "messageUrn": lambda one: one.pop("messageUrn"),
    "messageUrn is a number": lambda one: one.update(messageUrn=5),
    "messageUrn has no id": lambda one: one.update(messageUrn="urn:li:msg_message:()"),
    "isSentByOwner": lambda one: one.pop("isSentByOwner"),
    "isSentByOwner is a word": lambda one: one.update(isSentByOwner="no"),
    "sentAt": lambda one: one.pop("sentAt"),
    "sentAt is no time": lambda one: one.update(sentAt="yesterday"),
}


@pytest.mark.parametrize("name", MISSING)
def test_message_that_is_not_sure_is_not_stored(api, receiver, name):
    """Without its id, its time or the word whose it is, a message could come twice or be the account's own."""
    def change(answer):
        for one in answer.get("messages", []):
            MISSING[name](one)
        return answer

    home = home_for(api)
    receiver(home=home)
    message = api.add(at=ago(MINUTE))
    api.fail("change", change, "messages", times=None)
    catch_up(home, status=LATER)
    assert stored(home) == []
    api.heal()
    catch_up(home)
    assert stored(home) == [message.id]


def test_error_in_the_middle_keeps_what_was_stored(api, receiver):
    home = home_for(api)
    receiver(home=home)
    for n in range(10):
        api.add(at=ago(3 * HOUR) - n)
    api.fail("status", 500, "messages", after=5, times=3)
    assert "500" in catch_up(home, status=LATER)
    assert len(stored(home)) == 9, "the sixth was tried three times, the others are there"
    before = len(api.seen("messages"))
    catch_up(home)
    assert sorted(stored(home)) == sorted(m.id for m in api.messages)
    assert len(api.seen("messages")) - before == 1, "what was fetched is not fetched again"


def test_account_that_vanished_keeps_no_other_back(api, receiver):
    api.accounts["acc-2"] = "Two"
    home = home_for(api, accounts=["acc-1", "acc-2"])
    receiver(home=home)
    gone, there = api.add(api.talk("acc-1"), at=ago(MINUTE)), api.add(api.talk("acc-2"), at=ago(MINUTE))
    del api.accounts["acc-1"]
    text = catch_up(home, status=LATER)
    assert "acc-1" in text and stored(home) == [there.id]
    api.accounts["acc-1"] = "One"
    catch_up(home)
    assert sorted(stored(home)) == sorted([gone.id, there.id])


def test_slow_api_is_waited_for_and_a_silent_one_is_not(api, receiver):
    home = home_for(api)
    receiver(home=home)
    message = api.add(at=ago(MINUTE))
    api.fail("drip", 1.0, "messages")
    catch_up(home)
    assert stored(home) == [message.id]


def test_key_is_never_shown(api, receiver):
    """In no output, no log, no argument, and not in the spool; nor does it follow a redirect."""
    elsewhere = ConnectSafely()
    home = home_for(api)
    receiver(home=home)
    api.add(at=ago(MINUTE))
    api.fail("redirect", elsewhere.url + "/linkedin/conversations", times=None)
    catch_up(home, status=LATER)
    assert not elsewhere.requests, "the key went to another server"
    api.heal()
    catch_up(home)
    api.key = "revoked"
    catch_up(home, "--json", status=LATER)
    api.error = lambda status: {"success": False, "code": KEY, "message": f"Invalid key {KEY}."}
    assert "refuses the key" in catch_up(home, "--json", status=LATER)
    for path in [*home.dir.glob("*.log"), *home.spool.dir.glob("*")]:
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path
    for words in (["check"], ["stats"], ["check", "--options"]):
        done = home.cli(*words)
        assert KEY not in (done.stdout + done.stderr).decode()
    elsewhere.close()


@pytest.mark.parametrize("urn", ["..", ".", "urn:li:messagingThread:..%2f..%2faccounts", "urn:li:messagingThread:../../accounts"])
def test_id_of_a_conversation_leads_to_no_other_path(api, receiver, urn):
    home = home_for(api)
    receiver(home=home)
    api.add()

    def change(answer):
        return {**answer, "conversations": [{**one, "conversationUrn": urn} for one in answer["conversations"]]} if "conversations" in answer else answer
    api.fail("change", change, times=None)
    catch_up(home, status=LATER)
    others = [one.path for one in api.requests if one.path != "/linkedin/conversations"]
    assert all(path.startswith("/linkedin/conversations/") and path.endswith("/messages") and path.count("/") == 4 for path in others), others
    assert len(others) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_disk_that_fills_is_left_to_the_webhook(api, receiver):
    home = Home(endpoint(PATH), section(api), files={"api.key": KEY}, min_free="40m")
    home.spool.dir.mkdir()
    assert run(["mount", "-t", "tmpfs", "-o", "size=32m,mode=0777", "tmpfs", home.spool.dir]).returncode == 0
    try:
        own(home.spool.dir)
        one = receiver(home=home)
        api.add(at=ago(MINUTE))
        text = catch_up(home, status=LATER)
        assert "min-free" in text and not api.requests and "min-free" in home.cli("stats").stdout.decode(), text
        assert "is missing" in catch_up(home, "--dry-run")
        home.configure(endpoint(PATH), section(api), min_free="1m")
        catch_up(home)
        assert len(stored(home)) == 1
        one.stop()
    finally:
        run(["umount", "-l", home.spool.dir])


def test_private_address_needs_permission(api, receiver):
    home = home_for(api, allow_private=None)
    receiver(home=home)
    api.add(at=ago(MINUTE))
    text = catch_up(home, status=LATER)
    assert "allow-private" in text and not api.requests and stored(home) == [], text
    home.configure(endpoint(PATH), section(api, url=api.url.replace("http:", "https:"), allow_private=None))
    text = catch_up(home, status=LATER)
    assert "private address" in text and "allow-private" in text, text


# ---- a gap is noticed

def running_relay(home, api):
    """A relay on that home, after its first complete run; its next one is due in an hour."""
    relay = Relay(home).ready()
    relay.until(lambda: api.seen(), "the first run")
    settled_requests(api)
    return relay


def settled_requests(api):
    count = -1
    while count != len(api.requests):
        count = len(api.requests)
        time.sleep(0.4)


def test_relay_catches_up(api, receiver, children):
    home = home_for(api)
    receiver(home=home)
    message = api.add(at=ago(MINUTE))
    relay = running_relay(home, api)
    until(lambda: stored(home) == [message.id], "the message is there")
    relay.stop()
    assert KEY not in relay.text()


def test_relay_catches_up_every_so_often(api, receiver, children):
    home = home_for(api, every="1s")
    receiver(home=home)
    relay = running_relay(home, api)
    message = api.add()
    until(lambda: stored(home) == [message.id], "the message is there")
    relay.stop()


def test_killed_receiver_is_a_gap(api, receiver, children):
    """The run begins when the receiver is back, and not at the next interval."""
    home = home_for(api)
    one = receiver(home=home)
    relay = running_relay(home, api)
    one.signal(signal.SIGKILL)
    one.wait(20)
    missed = api.add()
    time.sleep(0.3)
    assert stored(home) == []
    receiver(home=home)
    until(lambda: stored(home) == [missed.id], "the message of the gap", 30)
    relay.stop()


# ---- releases before

def test_spool_of_release_0_1_knows_its_messages(api, receiver):
    """Its keys are whole URNs; what it has stored is not fetched again, in either spelling."""
    home = home_for(api)
    own(home.spool.dir.mkdir(mode=0o700) or home.spool.dir)
    db = sqlite3.connect(home.spool.dir / "hookspool.db")
    db.executescript((SOURCE / "tests/e2e/spool-0.1.sql").read_text())
    db.close()
    own(home.spool.dir / "hookspool.db").chmod(0o600)
    receiver(home=home)
    kept, new = api.add(at=ago(MINUTE)), api.add(at=ago(MINUTE))
    kept.id = "2-legacy2"
    for spelling in "api", "webhook":
        api.spelling = spelling
        catch_up(home, "--since", "2h")
        ids = [shared(json.loads(row["body"])["data"]["message_urn"]) for row in home.spool.events(endpoint=PATH)]
        assert sorted(ids) == sorted([kept.id, new.id])


def test_tls(certificates, receiver):  # noqa: F811
    api = ConnectSafely(certificates=certificates)
    home = home_for(api, ca_file=str(certificates / "ca.pem"))
    receiver(home=home)
    message = api.add(at=ago(MINUTE))
    catch_up(home)
    assert stored(home) == [message.id]
    stranger = home_for(api)
    receiver(home=stranger)
    assert "ertificate" in catch_up(stranger, status=LATER)
    assert stored(stranger) == []
    api.close()
