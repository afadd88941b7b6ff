# SPDX-License-Identifier: ISC
"""What tests of catch-up share: a home that catches up from a fake API, runs of the command, and what the spool has then."""
import json

import pytest

import fcgi_client
from catch_up_api import KEY, shared
from outcomes import expect
from place import BIN, until
from proc import Child
from receiver import Home, endpoint, options
from relaying import PATH

COMPLETE, LATER = 0, 75  # exit statuses: sysexits.h has 75 as EX_TEMPFAIL


@pytest.fixture
def receiver(receiver):
    """A function that starts a receiver, as the usual one, and waits until it has made the spool."""
    def start(**given):
        one = receiver(**given)
        until(one.home.spool.is_made, "the spool is there")
        return one

    return start


def section(api, name="linkedin", **given):
    """The section of a catch-up that is as quick as the tests want it; None takes an option away."""
    usual = {"endpoint": PATH, "url": api.url, "api_key_file": "api.key", "every": "1h", "rate": "6000/m", "allow_private": True}
    return f'catch-up "{name}" {{\n{options({o: v for o, v in {**usual, **given}.items() if v is not None})}}}\n'


def home_for(api, *sections, relay=(), endpoints=None, files=None, **given):
    """A home whose endpoint catches up from that API."""
    of_endpoint = {"relay": list(relay)} if relay else {}
    return Home(*sections, *(endpoints or [endpoint(PATH, **of_endpoint)]), section(api, **given), files={"api.key": KEY, **(files or {})})


def catch_up(home, *args, status=COMPLETE, **how):
    """One run by hand; returns what it printed."""
    done = home.cli("catch-up", "--once", *args, **how)
    text = (done.stdout + done.stderr).decode()
    assert done.returncode == status, f"{done.returncode}: {text}"
    assert KEY not in text
    return text


class Run(Child):
    """A run that a test can stop or kill."""

    def __init__(self, home, *args, before=()):
        log = home.dir / f"catch-up{next(home.numbers)}.log"
        super().__init__([*before, BIN / "hookspool", "-c", home.conf, "catch-up", "--once", *args], log)


def stored(home):
    """The ids of the messages in the spool, in the order stored: the part that both spellings have."""
    return [shared(json.loads(row["body"])["data"]["message_urn"]) for row in home.spool.events()]


def sources(home):
    """Where each message came from, by its id."""
    return {shared(json.loads(line["body"])["data"]["message_urn"]): line["source"] for line in home.spool.export()}


def deliver(receiver, message, code="stored"):
    """The webhook delivers this message of the API."""
    return expect(fcgi_client.deliver(receiver.socket, message.webhook(), path=PATH), code)
