#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The tally: what was tried, how often, what was found; `tally.py doc` puts it into doc/DURABILITY.md."""
import json
import os
import re
import sys
from pathlib import Path

COLUMNS = "rounds", "acknowledged", "failures", "stored", "unacknowledged", "losses", "seconds"
HEADS = "fault", "rounds", "acknowledged", "attempts failed", "stored", "stored, never acknowledged", "losses", "seconds"
DOC = Path(__file__).resolve().parents[2] / "doc" / "DURABILITY.md"
ROWS = {}
RELAY_COLUMNS = "rounds", "events", "attempts", "repeats", "lost", "seconds"
RELAY_HEADS = "fault", "rounds", "events", "attempts answered 200", "repeats", "lost", "seconds"
RELAY_ROWS = {}
KILLED_COLUMNS = "kills", "events", "repeats", "lost", "seconds"
KILLED_HEADS = "server", "kills", "events", "repeats", "lost", "seconds"
KILLED_ROWS = {}
SERVER_COLUMNS = "rounds", "acknowledged", "failures", "stored", "losses", "twice", "repeats", "answers", "again", "seconds"
SERVER_HEADS = ("fault", "rounds", "acknowledged", "attempts failed", "stored", "losses", "stored twice", "repeats to a sink", "answers", "answers twice",
                "seconds")
SERVER_ROWS = {}


def all_rows():
    return [ROWS, RELAY_ROWS, KILLED_ROWS, SERVER_ROWS]


def add(fault, found, rounds, seconds, failures=0):
    """Adds what the oracle found after that many rounds of a fault; failures: deliveries that a try got no 200 for."""
    row = ROWS.setdefault(fault, dict.fromkeys(COLUMNS, 0))
    for column in "acknowledged", "stored", "unacknowledged", "losses":
        row[column] += getattr(found, column)
    row["rounds"] += rounds
    row["failures"] += failures
    row["seconds"] = round(row["seconds"] + seconds, 1)


def add_relayed(fault, found, rounds, seconds):
    """Adds what the relay's oracle found at each of the targets that the same events went to."""
    row = RELAY_ROWS.setdefault(fault, dict.fromkeys(RELAY_COLUMNS, 0))
    row["rounds"] += rounds
    row["events"] += found[0].events
    for column in "attempts", "repeats", "lost":
        row[column] += sum(getattr(one, column) for one in found)
    row["seconds"] = round(row["seconds"] + seconds, 1)


def add_killed(server, kills, events, repeats, lost, seconds):
    """Adds what the server of a sink had after that many kills."""
    KILLED_ROWS[server] = {"kills": kills, "events": events, "repeats": repeats, "lost": lost, "seconds": round(seconds, 1)}


def add_server(fault, **found):
    """Adds what the oracle of a spool in PostgreSQL found: a value for each of SERVER_COLUMNS."""
    row = SERVER_ROWS.setdefault(fault, dict.fromkeys(SERVER_COLUMNS, 0))
    for column in SERVER_COLUMNS:
        row[column] = round(row[column] + found[column], 1)


def table(heads, columns, rows):
    """The rows in Markdown."""
    lines = [heads, ["---"] + ["---:"] * len(columns)]
    lines += [[fault, *(f"{row[column]:,}" for column in columns)] for fault, row in rows.items()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def tables(rows, relay_rows, killed_rows, server_rows):
    """The tables that have rows, by the name that their marks in the document have."""
    all_ = {"table": (HEADS, COLUMNS, rows), "relay": (RELAY_HEADS, RELAY_COLUMNS, relay_rows), "killed": (KILLED_HEADS, KILLED_COLUMNS, killed_rows),
            "postgresql": (SERVER_HEADS, SERVER_COLUMNS, server_rows)}
    return {name: table(*parts) for name, parts in all_.items() if parts[-1]}


def save(seed):
    """Writes the tally to the file that HOOKSPOOL_CRASH_TALLY names, if it names one."""
    if path := os.environ.get("HOOKSPOOL_CRASH_TALLY"):
        Path(path).write_text(json.dumps({"seed": seed, "faults": ROWS, "relay": RELAY_ROWS, "killed": KILLED_ROWS, "postgresql": SERVER_ROWS}, indent=1) + "\n")


def put(text, name, what):
    """The document's text with that between the marks of this name."""
    place = re.compile(rf"(?<=<!-- crash: {name} -->\n).*?(?=<!-- /crash -->)", re.S)
    text, times = place.subn(lambda _: what, text)
    assert times == 1, f"{DOC}: the marks <!-- crash: {name} --> and <!-- /crash --> must be there, once"
    return text


def doc():
    """Puts the saved tally between the marks in the document; a table that has no rows stays as it was."""
    saved = json.loads(Path(os.environ["HOOKSPOOL_CRASH_TALLY"]).read_text())
    text = DOC.read_text()
    for name, rows in tables(saved["faults"], saved["relay"], saved["killed"], saved.get("postgresql", {})).items():
        text = put(text, name, f"{rows}\nSeed {saved['seed']}.\n")
    DOC.write_text(text)


if __name__ == "__main__":
    assert sys.argv[1:] == ["doc"], "usage: HOOKSPOOL_CRASH_TALLY=FILE tally.py doc"
    doc()
