# SPDX-License-Identifier: ISC
"""The fake APIs of the catch-up tests: they page, count and fail as the real ones are documented to."""
import json
import time
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from catch_up_api import KEY, ConnectSafely, GitHub, from_time, shared
from place import until

AT = 1_795_000_000_000


@pytest.fixture
def api():
    one = ConnectSafely()
    yield one
    one.close()


def get(api, path, key=KEY, method="GET", **query):
    url = f"{api.url}{path}?" + "&".join(f"{name}={quote(str(value), safe='')}" for name, value in query.items())
    with urlopen(Request(url, headers={"Authorization": f"Bearer {key}"}, method=method), timeout=10) as answer:
        return json.loads(answer.read()), answer.headers


def refusal(api, path, **how):
    with pytest.raises(HTTPError) as caught:
        get(api, path, **how)
    return caught.value


def all_conversations(api, between=lambda: None, **query):
    found, cursor = [], {}
    while True:
        page, _ = get(api, "/linkedin/conversations", **query, **cursor)
        found += page["conversations"]
        assert page["hasMore"] == (page["nextCursor"] is not None)
        if not page["hasMore"]:
            return found
        cursor = {"nextCursor": page["nextCursor"]}
        between()


def all_messages(api, conversation, **query):
    found, cursor = [], {}
    while True:
        page, _ = get(api, f"/linkedin/conversations/{quote(conversation['conversationUrn'], safe='')}/messages", **query, **cursor)
        found += page["messages"]
        if not page["hasMore"]:
            return found
        cursor = {"cursor": page["cursor"]}


@pytest.mark.parametrize("paging", ["offset", "time"])
def test_pages_have_each_conversation_and_message_once(api, paging):
    api.paging = paging
    for n in range(45):
        talk = api.talk()
        for m in range(n % 7 + 1):
            api.add(talk, at=AT + n * 1000 + m)
    talks = all_conversations(api, count=7)
    ids = [shared(one["conversationUrn"]) for one in talks]
    assert ids == [one.id for one in reversed(api.conversations)], "newest activity first"
    assert {one["conversationUrn"].startswith("urn:li:msg_conversation:(") for one in talks} == {True, False}
    assert {isinstance(one["lastActivityAt"], int) for one in talks} == {True, False}
    got = [shared(message["messageUrn"]) for one in talks for message in all_messages(api, one, count=3)]
    assert sorted(got) == sorted(message.id for message in api.messages)


def test_conversation_that_moves_is_not_on_a_later_page(api):
    """What a client must be ready for: it moved to the first page after that was read."""
    talks = [api.talk() for _ in range(4)]
    for n, talk in enumerate(talks):
        api.add(talk, at=AT - n)
    got = all_conversations(api, lambda: api.add(talks[3], at=AT + 1), count=2)
    assert talks[3].id not in {one["conversationId"] for one in got}


def test_messages_since(api):
    talk = api.talk()
    sent = [api.add(talk, at=AT + n) for n in range(5)]
    one, = all_conversations(api)
    for since in AT + 2, "2026-11-18T11:06:40.002Z":
        assert [shared(m["messageUrn"]) for m in all_messages(api, one, since=since)] == [sent[4].id, sent[3].id], since
    assert from_time("2026-11-18T11:06:40.002Z") == AT + 2


def test_accounts_are_apart(api):
    api.accounts["acc-2"] = "Two"
    for account in "acc-1", "acc-2":
        api.add(api.talk(account))
    assert len(all_conversations(api)) == 2
    mine, = all_conversations(api, accountId="acc-2")
    assert len(all_messages(api, mine, accountId="acc-2")) == 1
    assert refusal(api, f"/linkedin/conversations/{quote(mine['conversationUrn'], safe='')}/messages", accountId="acc-1").code == 404
    assert refusal(api, "/linkedin/conversations", accountId="acc-3").code == 404
    error = refusal(api, "/linkedin/conversations", key="another")
    assert error.code == 401 and json.loads(error.read())["success"] is False


def test_allowance_is_counted(api):
    api.windows = [(3, 1.0)]
    left = [int(get(api, "/linkedin/conversations")[1]["X-RateLimit-Remaining"]) for _ in range(3)]
    error = refusal(api, "/linkedin/conversations")
    assert left == [2, 1, 0] and (error.code, error.headers["Retry-After"]) == (429, "1") and api.refused == 1
    time.sleep(1.05)
    get(api, "/linkedin/conversations")
    assert api.most_within(1.0) == 4


def test_github_pages_and_delivers_again():
    got = []
    api = GitHub(deliver=lambda *delivery: got.append(delivery) or 200)
    first = [api.add(b'{"n":%d}' % n) for n in range(5)]
    page, headers = get(api, f"{api.hook}/deliveries", per_page=3)
    assert [one["id"] for one in page] == [one["id"] for one in first[:1:-1]] and "body" not in page[0]
    following = headers["Link"].split(">")[0].removeprefix(f"<{api.url}")
    with urlopen(Request(api.url + following, headers={"Authorization": f"Bearer {KEY}"}), timeout=10) as answer:
        assert [one["id"] for one in json.loads(answer.read())] == [first[1]["id"], first[0]["id"]]
    get(api, f"{api.hook}/deliveries/{first[0]['id']}/attempts", method="POST")
    until(lambda: len(api.deliveries) == 6, "the delivery is there once more")
    again = api.deliveries[-1]
    assert got == [("push", first[0]["guid"], b'{"n":0}')]
    assert (again["guid"], again["redelivery"], again["status_code"]) == (first[0]["guid"], True, 200) and again["id"] > first[4]["id"]
    api.close()
