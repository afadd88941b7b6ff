# SPDX-License-Identifier: ISC
"""A day of messages against nginx and hookspool, with outages and kills at random: after the last catch-up none is missing.

The clock on the wall of receiver, relay and catch-up is the day's: it jumps from one event to the next. One seed is one day.
HOOKSPOOL_CATCH_UP_ROUNDS=50 tries the days of 50 seeds.
"""
import heapq
import itertools
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import pytest

import sender
from catch_up_api import ConnectSafely, shared
from catching import COMPLETE, LATER, Run, home_for, sources
from place import SANITIZER, until
from proc import Child
from receiver import accepts, endpoint
from relaying import PATH, Relay, Target, sink
from servers import lasting_port, start_nginx

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
DAY, MESSAGES, OWN, TALKS = 86_400, 1_000, 150, 60
ATTEMPTS = 0, 10, 30  # seconds after the first one: at once, 10 s later, and 20 s after that
CATCH_UP_EVERY = 2_700
DAYS_AT_ONCE = 3
ROUNDS = int(os.environ.get("HOOKSPOOL_CATCH_UP_ROUNDS") or 5)
LENGTHS = 20, 120, 900, 3_600, 10_800  # of an outage, in seconds
API_FAULTS = ("status", 500), ("status", 429), ("status", 401), ("reset", None), ("truncated", None), \
    ("body", b"<html>"), ("body", b'{"success":')


def outages(rng, number):
    """Times at which something is down: beginning and end, one after the other."""
    found, end = [], 0
    for start in sorted(rng.uniform(0, DAY) for _ in range(number)):
        if start > end:
            end = start + rng.choice(LENGTHS) * rng.uniform(0.5, 1.5)
            found.append((start, end))
    return found


class Day:
    def __init__(self, seed, catching_up=True):
        self.rng, self.catching_up = random.Random(seed), catching_up
        self.api, self.target = ConnectSafely(accounts=("acc-1", "acc-2")), Target()
        self.api.page_max, self.api.paging, self.api.retry_after = self.rng.choice((5, 20, 100)), self.rng.choice(("offset", "time")), 1
        given = {"every": "1d", "rate": "60000/m"}
        out = sink("out", url=self.target.url, retry=["100ms", "1s", "3d"])
        self.home = home_for(self.api, out, relay=("out",), **given)
        if not catching_up:
            self.home.configure(out, endpoint(PATH, relay=["out"]))
        self.events, self.order = [], itertools.count()
        self.acknowledged, self.runs, self.kills, self.running = {}, Counter(), 0, None
        self.clock, self.began = self.home.write("clock", ""), time.time()
        self.fake = ["env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME_TIMESTAMP_FILE={self.clock}", "FAKETIME_NO_CACHE=1",
                     "FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_DONT_RESET=1"]
        self.start_of_day = time.time() - DAY - 3_600  # the day is over before now
        self.set_clock(0)

    # ---- time

    def set_clock(self, at):
        """Makes it so many seconds after the day's beginning, or later where the day is late already."""
        self.offset = max(self.start_of_day + at - time.time(), getattr(self, "offset", -1e12))
        new = self.home.write("new-clock", f"{self.offset:+.3f}\n")
        new.rename(self.clock)  # at once: half a time is another one

    def now_ms(self):
        return int((time.time() + self.offset) * 1000)

    def at(self, when, what, *args):
        heapq.heappush(self.events, (when, next(self.order), what, args))

    # ---- what runs

    def start_receiver(self):
        self.receiver = self.home.start(before=self.fake, number=1)

    def start_relay(self):
        self.relay = Relay(self.home, before=self.fake)

    def start(self):
        self.start_receiver()
        self.start_relay()
        port = lasting_port()
        self.nginx = start_nginx(f"""
server {{
  listen 127.0.0.1:{port};
  location / {{ include /etc/nginx/fastcgi_params; fastcgi_pass unix:{self.receiver.socket}; }}
}}
""", port)
        self.up = {"receiver": True, "nginx": True}

    def stop_one(self, name):
        """An end as it comes: asked for, or kill -9."""
        child = {"receiver": self.receiver, "nginx": self.nginx.child, "relay": self.relay}[name]
        self.kills += 1
        child.signal(signal.SIGTERM if self.rng.random() < 0.3 else signal.SIGKILL)
        child.wait(20)
        child.end()

    def start_one(self, name):
        if name == "nginx":
            self.nginx.child = Child(self.nginx.child.argv, self.nginx.log, user=None)
            self.nginx.child.until(lambda: accepts(("127.0.0.1", self.nginx.port)), "nginx is back", 20)
        elif name == "receiver":
            self.start_receiver()
        else:
            self.start_relay()

    # ---- what happens

    def plan(self):
        talks = [self.api.talk(account=f"acc-{self.rng.choice((1, 1, 2))}", name=f"Sender {n}") for n in range(TALKS)]
        for n in range(MESSAGES + OWN):
            self.at(self.rng.uniform(0, DAY), self.say, self.rng.choice(talks), n >= MESSAGES)
        for name, number in ("receiver", 4), ("nginx", 3):
            for start, end in outages(self.rng, number):
                self.at(start, self.down, name)
                self.at(end, self.back, name)
        for start, end in outages(self.rng, 5):
            self.at(start, self.api_down)
            self.at(end, self.api.heal)
        for _ in range(6):
            self.at(self.rng.uniform(0, DAY), self.kill, self.rng.choice(("relay", "receiver")))
        if self.catching_up:
            for n in range(1, DAY // CATCH_UP_EVERY):
                self.at(n * CATCH_UP_EVERY, self.catch_up)

    def down(self, name):
        if self.up[name]:
            self.stop_one(name)
            self.up[name] = False

    def back(self, name):
        if not self.up[name]:
            self.start_one(name)
            self.up[name] = True

    def kill(self, name):
        """Killed while a message arrives, and started again at once."""
        if name == "receiver" and not self.up[name]:
            return
        child = self.relay if name == "relay" else self.receiver
        killer = threading.Timer(self.rng.uniform(0, 0.004), child.signal, [signal.SIGKILL])
        killer.start()
        self.say(self.rng.choice(self.api.conversations), False)
        killer.join()
        child.wait(20)
        child.end()
        self.kills += 1
        self.start_one(name)

    def api_down(self):
        kind, value = self.rng.choice(API_FAULTS)
        self.api.fail(kind, value, self.rng.choice(("", "messages", "conversations?")), times=None)

    def say(self, talk, own):
        """A message is written; ConnectSafely delivers it, but for some that it loses by itself, and its owner's."""
        message = self.api.add(talk, text=f"Message {next(self.order)} – 李", at=self.now_ms(), own=own)
        if not own and self.rng.random() > 0.01:
            self.attempt(message, 0)

    def attempt(self, message, number):
        try:
            reply = sender.deliver(self.nginx.port, PATH, message.webhook())
        except (OSError, HTTPException):
            reply = None
        if reply and reply.status == 200:
            assert reply.code in ("stored", "duplicate"), reply
            self.acknowledged.setdefault(message.id, reply.code)
            if self.rng.random() > 0.03:
                return
        if number + 1 < len(ATTEMPTS):  # it failed, or its answer was lost
            self.at(self.day_time + ATTEMPTS[number + 1] - ATTEMPTS[number], self.attempt, message, number + 1)

    def catch_up(self):
        """A run of cron's; some go on beside the messages that follow, and some are killed: those that take long, too."""
        self.finish_run()
        self.running = Run(self.home, before=self.fake)
        if self.rng.random() < 0.25:
            time.sleep(self.rng.uniform(0, 0.15))
            self.finish_run(0)
        elif self.rng.random() < 0.5:
            self.finish_run()

    def catch_up_whole(self):
        """A run that nothing disturbs; whether it is complete."""
        self.finish_run()
        self.running = Run(self.home, before=self.fake)
        return self.finish_run(30) == COMPLETE

    def finish_run(self, patience=0.5):
        """Waits for the run to end, but does not wait long. Returns its exit status."""
        if not self.running:
            return None
        end = time.monotonic() + patience
        while self.running.alive() and time.monotonic() < end:
            time.sleep(0.005)
        if self.running.alive():
            self.running.signal(signal.SIGKILL)
            self.kills += 1
        status = self.running.wait(20)
        assert status in (COMPLETE, LATER, -signal.SIGKILL), self.running.text()
        self.running.end()
        self.runs[status] += 1
        self.running = None
        return status

    def live(self):
        """The whole day."""
        self.plan()
        self.start()
        while self.events:
            self.day_time, _, what, args = heapq.heappop(self.events)
            self.set_clock(self.day_time)
            what(*args)
        self.api.heal()
        for name in self.up:
            self.back(name)
        if self.catching_up:
            until(self.catch_up_whole, "a complete catch-up", 60)
        self.settle()
        return self

    def settle(self):
        """Waits until nothing is pending, and ends what runs."""
        def pending():
            return self.home.spool.query("SELECT count(*) AS n FROM relay WHERE state = 0")[0]["n"]

        self.relay.until(lambda: not pending(), "nothing is pending", 60)
        self.relay.stop()
        self.receiver.stop()
        self.nginx.child.end()
        self.api.close()
        self.target.close()

    # ---- what came of it

    def breaches(self):
        """Each way in which the day was not as it must be."""
        theirs, own = ({m.id for m in self.api.messages if m.own == whose} for whose in (False, True))
        times = Counter(shared(json.loads(row["body"])["data"]["message_urn"]) for row in self.home.spool.events())
        relayed = {shared(json.loads(body)["data"]["message_urn"]) for body in self.target.bodies()}
        came_by = sources(self.home)
        found = [] if self.home.spool.sound() else ["integrity_check is not ok"]
        found += [f"lost: {number}" for number in theirs - times.keys()]
        found += [f"acknowledged, and lost: {number}" for number in self.acknowledged.keys() - times.keys()]
        found += [f"{n} times: {number}" for number, n in times.items() if n > 1]
        found += [f"own: {number}" for number in own & times.keys()]
        found += [f"never sent: {number}" for number in times.keys() - theirs - own]
        found += [f"not relayed: {number}" for number in times.keys() - relayed]
        found += [f"from {came_by[number]}, though its delivery was stored: {number}" for number, code in self.acknowledged.items()
                  if code == "stored" and came_by.get(number) != "webhook"]
        return found


def tally(seed, day, found, seconds):
    """A line for doc/DURABILITY.md, in the file that HOOKSPOOL_CATCH_UP_TALLY names."""
    if path := os.environ.get("HOOKSPOOL_CATCH_UP_TALLY"):
        came_by = Counter(sources(day.home).values())
        line = {"seed": seed, "catching_up": day.catching_up, "messages": sum(1 for m in day.api.messages if not m.own),
                "webhook": came_by["webhook"], "fetched": came_by["catch-up"], "lost": sum(1 for one in found if one.startswith("lost")),
                "other": sum(1 for one in found if not one.startswith("lost")), "kills": day.kills, "complete": day.runs[COMPLETE],
                "later": day.runs[LATER], "killed": day.runs[-signal.SIGKILL], "requests": len(day.api.requests),
                "seconds": round(seconds, 1)}
        with open(path, "a") as file:
            file.write(json.dumps(line) + "\n")


def live_through(seed, catching_up=True):
    """What was wrong on the day of that seed."""
    start = time.monotonic()
    day = Day(seed, catching_up).live()
    found = day.breaches()
    tally(seed, day, found, time.monotonic() - start)
    times = [event["received_at"] for event in day.home.spool.events(source=0)]
    quiet = day.kills < 4 or max(times) - min(times) < 0.9 * DAY * 1000 or catching_up and "catch-up" not in sources(day.home).values()
    return found + ["nothing happened on that day"] * quiet


def days(number, **how):
    """What was wrong on each of so many days, by seed."""
    with ThreadPoolExecutor(DAYS_AT_ONCE) as pool:
        return dict(enumerate(pool.map(lambda seed: live_through(seed, **how), range(1, number + 1)), 1))


faked = pytest.mark.skipif(bool(SANITIZER), reason="libfaketime and a sanitizer don't go together")


@faked
def test_days_with_outages_lose_nothing(children):
    """Every message is stored once and relayed, none of the accounts' own is, and each day had its outages, kills and fetched messages."""
    found = [f"seed {seed}: {one}" for seed, of_day in days(ROUNDS).items() for one in of_day[:20]]
    assert not found, f"{len(found)} breaches\n" + "\n".join(found[:20])


@faked
def test_days_without_catch_up_lose_messages(children):
    """The oracle sees what is lost, so that its silence above means something."""
    for seed, found in days(max(1, ROUNDS // 5), catching_up=False).items():
        assert len(found) > 10 and all(one.startswith("lost: ") for one in found), (seed, found[:20])
