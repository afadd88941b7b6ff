# SPDX-License-Identifier: ISC
"""Catch-up from GitHub's list of a hook's deliveries: those that failed are asked for once more, and arrive as they always do."""
import json
import time
import uuid

import pytest

import fcgi_client
from catch_up_api import GitHub, now_ms
from catching import COMPLETE, LATER, catch_up, receiver, section  # noqa: F401
from place import until
from receiver import Home, endpoint
from sender import sign

MINUTE, HOUR = 60_000, 3_600_000


@pytest.fixture
def api():
    one = GitHub()
    yield one
    one.close()


def github_home(api, **given):
    """A home whose endpoint gets what the fake GitHub delivers."""
    catching = section(api, "hooks", endpoint="/gh", url=api.url + api.hook, **given)
    return Home(endpoint("/gh", scheme="github"), catching, files={"api.key": api.key})


def delivering(api, receiver):
    """GitHub reaches this receiver from now on."""
    def deliver(event, guid, body):
        headers = {"X-Webhook-Signature": None, "X-Hub-Signature-256": sign(body), "X-GitHub-Event": event, "X-GitHub-Delivery": guid}
        return fcgi_client.deliver(receiver.socket, body, path="/gh", headers=headers).status

    api.deliver = deliver
    return deliver


def ago(ms):
    return now_ms() - ms


def keys(home):
    return [event["key"] for event in home.spool.events()]


def asked(api):
    """The ids of the deliveries that were asked for once more."""
    return [int(one.path.split("/")[-2]) for one in api.requests if one.method == "POST"]


def test_failed_deliveries_are_delivered_again(api, receiver):
    """Signed, by the webhook; what arrived is not asked for."""
    home = github_home(api)
    deliver = delivering(api, receiver(home=home))
    guid, body = str(uuid.uuid4()), b'{"zen":"arrived"}'
    assert deliver("push", guid, body) == 200
    arrived = api.add(body, guid=guid, status_code=200, at=ago(5 * MINUTE))
    failed = [api.add(b'{"n":%d}' % n, status_code=code, at=ago(MINUTE)) for n, code in enumerate((502, 0, 500))]
    catch_up(home)
    until(lambda: len(keys(home)) == 4, "the failed deliveries arrive")
    assert sorted(keys(home)) == sorted([arrived["guid"], *(one["guid"] for one in failed)])
    assert sorted(asked(api)) == sorted(one["id"] for one in failed)
    assert {line["source"] for line in home.spool.export()} == {"webhook"}, "they are signed as any"
    catch_up(home)
    assert len(asked(api)) == 3, "asked for once"


def test_delivery_that_arrived_later_or_is_stored_is_not_asked_for(api, receiver):
    """By hand on GitHub's page, or before its answer was lost."""
    home = github_home(api)
    deliver = delivering(api, receiver(home=home))
    by_hand = api.add(at=ago(2 * MINUTE))
    api.add(by_hand["body"], guid=by_hand["guid"], status_code=200, redelivery=True, at=ago(MINUTE))
    lost_answer = api.add(b'{"zen":"timed out"}', status_code=0, at=ago(MINUTE))
    deliver("push", lost_answer["guid"], lost_answer["body"])
    catch_up(home)
    assert asked(api) == [] and keys(home) == [lost_answer["guid"]]


def test_delivery_that_fails_again_is_asked_for_again(api, receiver):
    home = github_home(api)
    delivering(api, receiver(home=home))
    failed = api.add(at=ago(MINUTE))
    api.fails_again = 1
    home.cli("catch-up", "--once")
    until(lambda: len(api.deliveries) == 2, "it failed once more")

    def there():
        home.cli("catch-up", "--once")
        return keys(home) == [failed["guid"]]

    until(there, "it arrives", 20)
    assert 2 <= len(asked(api)) <= 4


def test_all_pages_are_read_back_to_since(api, receiver):
    api.page_max = 5
    home = github_home(api, since="2h")
    delivering(api, receiver(home=home))
    old = [api.add(b'{"old":%d}' % n, at=ago(5 * HOUR)) for n in range(7)]
    due = [api.add(b'{"n":%d}' % n, at=ago(HOUR)) for n in range(23)]
    catch_up(home)
    until(lambda: len(keys(home)) == 23, "all of the last two hours")
    assert sorted(keys(home)) == sorted(one["guid"] for one in due) and old


def test_dry_run_asks_for_nothing(api, receiver):
    home = github_home(api)
    delivering(api, receiver(home=home))
    api.add(at=ago(MINUTE))
    text = catch_up(home, "--dry-run")
    assert "1" in text and asked(api) == [] and keys(home) == []


def test_next_page_on_another_host_is_not_asked_for(api, receiver):
    """The header that names it is an answer's, and the key stays with its API."""
    elsewhere = GitHub()
    api.page_max = 2
    home = github_home(api)
    delivering(api, receiver(home=home))
    for _ in range(4):
        api.add(at=ago(MINUTE))
    listed = api.answer_list

    def moved(query):
        status, page, headers = listed(query)
        return status, page, {name: value.replace(api.url, elsewhere.url) for name, value in headers.items()}

    api.answer_list = moved
    home.cli("catch-up", "--once")
    assert not elsewhere.requests
    elsewhere.close()


@pytest.mark.parametrize("status", [401, 404])
def test_error_is_told(api, receiver, status):
    home = github_home(api)
    delivering(api, receiver(home=home))
    failed = api.add(at=ago(MINUTE))
    api.fail("status", status, times=None)
    assert str(status) in catch_up(home, status=LATER) and str(status) in home.cli("check").stdout.decode()
    api.heal()
    catch_up(home)
    until(lambda: keys(home) == [failed["guid"]], "it arrives")


def test_allowance_of_github_is_kept(api, receiver):
    """GitHub answers 403 beyond it, with the time at which it begins anew."""
    api.windows, api.retry_after, api.page_max = [(4, 1.0)], None, 2
    home = github_home(api)
    delivering(api, receiver(home=home))
    due = [api.add(b'{"n":%d}' % n, at=ago(MINUTE)) for n in range(6)]
    end = time.monotonic() + 30
    while home.cli("catch-up", "--once").returncode != COMPLETE:
        assert time.monotonic() < end
        time.sleep(0.2)
    until(lambda: len(keys(home)) == 6, "all of them")
    assert api.refused == 0 and sorted(keys(home)) == sorted(one["guid"] for one in due)
    assert json.loads(home.spool.events()[0]["body"])
