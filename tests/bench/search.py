# SPDX-License-Identifier: ISC
"""What a search by text or sender takes, with the index and without, and what the index costs."""
import os
import resource
import shutil
import sqlite3
import subprocess
import time
from random import Random
from statistics import median

import measure
import systems
import web
from reach import line

EVERY = 500_000  # rows a transaction
TIMES = 5  # that each search with the index is measured
WORDS, TEXTS, PEOPLE = 30_000, 50_000, 200_000
RARE, ABSENT = "quetzalcoatl", ("xqz", "xqzk", "standgers", "quetzalwater")
SYLLABLES = [a + b + c for a in ("", "b", "c", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s", "t", "st", "tr", "w") for b in "aeiou" for c in ("", "n", "r", "s", "nd", "t")]
NAMES = ("Jane", "John", "Zoë", "Łukasz", "Éva", "Pavel", "Igor", "Mia", "Noah", "Emma"), ("Doe", "Smith", "Müller", "Novák", "García", "Rossi", "Silva", "Weber", "Ivanov", "李")
ROWS = f"""INSERT INTO event(received_at, endpoint, secret, event, key, sender_id, sender_name, headers, body)
WITH RECURSIVE count(n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM count WHERE n + 1 < ?2)
SELECT 1750000000000 + n * 1000, '{web.PATH}', 1, 'message.received', printf('urn:li:messagingMessage:2-%013d', n),
	'urn:li:fsd_profile:ACoAA' || (n * 7919 % {PEOPLE}), (SELECT name FROM said WHERE id = n * 31 % {TEXTS}), 'Content-Type: application/json' || char(10),
	CAST('{{"event":"message.received","object":"event","data":{{"id":"' || n || '","body":"' || (SELECT text FROM said WHERE id = n * 7919 % {TEXTS})
	|| ' ' || (SELECT text FROM said WHERE id = n * 104729 % {TEXTS}) || CASE WHEN n % (?3 / 3 + 1) = 77 THEN ' {RARE}' ELSE '' END || '"}}}}' AS BLOB) FROM count"""


def texts():
    """Sentences of made words, of which few are frequent as in a language; the names of senders."""
    chance = Random(23)
    words = ["".join(chance.choices(SYLLABLES, k=chance.choice((1, 2, 2, 3)))) for _ in range(WORDS)]
    often = [1 / (rank + 3) for rank in range(WORDS)]
    return [(n, " ".join(chance.choices(words, often, k=chance.randrange(3, 25))), " ".join(map(chance.choice, NAMES))) for n in range(TEXTS)]


def fill(where, events):
    db = sqlite3.connect(where / "spool/hookspool.db", isolation_level=None)
    db.execute("PRAGMA synchronous=OFF")
    db.execute("PRAGMA cache_size=-200000")
    db.execute("CREATE TEMP TABLE said(id INTEGER PRIMARY KEY, text TEXT, name TEXT)")
    db.executemany("INSERT INTO said VALUES(?, ?, ?)", texts())
    for first in range(0, events, EVERY):
        db.execute(ROWS, (first, min(first + EVERY, events), events))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def make(events):
    where = systems.home()
    with systems.behind_nginx(where, [where / "hookspool.fcgi"], True) as running:
        measure.check("hookspool", running.port, True)
    systems.program(where, "hookspool", "hookspool")
    fill(where, events)
    return where


def command(where, *args):
    """Seconds, seconds of CPU, and what was printed."""
    begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([where / "hookspool", "-c", where / "hookspool.conf", *args], check=True, stdout=subprocess.PIPE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - begin, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def listed(where, *args, times=1):
    """Seconds that the list takes, the median of so many times, and its lines."""
    done = [command(where, "list", "-n", "0", "--json", *args) for _ in range(times)]
    if any(printed != done[0][2] for _, _, printed in done):
        raise RuntimeError(f"{args}: a search finds other events the next time")
    return median(took for took, _, _ in done), done[0][2].splitlines()


def run(events):
    where = make(events)
    searches = {f"--text, a word of {len(word)} letters that none has": (("--text", word), 0) for word in ABSENT}
    searches["--text, a word of three events"] = ("--text", RARE), None
    searches["--sender, a name that none has"] = ("--sender", "standgers"), 0
    searches["--sender, one of many persons"] = ("--sender", "urn:li:fsd_profile:ACoAA777"), None
    with_all = f"of {events:,} events"
    names = "--text, a word of three events", "--sender, a name that none has"
    plain = {name: listed(where, *searches[name][0]) for name in names}
    found = [line(f"hookspool list {name} {with_all}, without the index, s", took, "<=", None) for name, (took, _) in plain.items()]
    cpu = command(where, "index")[1]
    size = sum(file.stat().st_size for file in os.scandir(where / "spool/search")) if (where / "spool/search").is_dir() else 0
    for name, (args, n) in searches.items():
        took, lines = listed(where, *args, times=TIMES)
        if (n is not None and len(lines) != n) or (name in plain and plain[name][1] != lines):
            raise RuntimeError(f"{name}: {len(lines)} events")
        found.append(line(f"hookspool list {name} {with_all}, s", took, "<=", 1))
    found.append(line(f"hookspool index {with_all}, s of CPU", cpu, "<=", 900))
    found.append(line("bytes of the index ÷ of the database", size / (where / "spool/hookspool.db").stat().st_size, "<=", None))
    shutil.rmtree(where)
    for of in found:
        print(f"{of['text']}: {of['value']:.3f}", flush=True)
    return found
