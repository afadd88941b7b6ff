#!/usr/bin/env python3
"""The tally: what was tried, how often, what was found; `tally.py doc` puts it into doc/DURABILITY.md."""
import json
import os
import re
import sys
from pathlib import Path

COLUMNS = "rounds", "acknowledged", "failures", "stored", "unacknowledged", "losses", "seconds"
HEADS = "fault", "rounds", "acknowledged", "attempts failed", "stored", "stored, never acknowledged", "losses", "seconds"
DOC = Path(__file__).resolve().parents[2] / "doc" / "DURABILITY.md"
PLACE = re.compile(r"(?<=<!-- crash: table -->\n).*?(?=<!-- /crash -->)", re.S)
ROWS = {}


def add(fault, found, rounds, seconds, failures=0):
    """Adds what the oracle found after that many rounds of a fault; failures: deliveries that a try got no 200 for."""
    row = ROWS.setdefault(fault, dict.fromkeys(COLUMNS, 0))
    for column in "acknowledged", "stored", "unacknowledged", "losses":
        row[column] += getattr(found, column)
    row["rounds"] += rounds
    row["failures"] += failures
    row["seconds"] = round(row["seconds"] + seconds, 1)


def table(rows):
    """The rows in Markdown."""
    lines = [HEADS, ["---"] + ["---:"] * len(COLUMNS)]
    lines += [[fault, *(f"{row[column]:,}" for column in COLUMNS)] for fault, row in rows.items()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def save(seed):
    """Writes the tally to the file that HOOKSPOOL_CRASH_TALLY names, if it names one."""
    if path := os.environ.get("HOOKSPOOL_CRASH_TALLY"):
        Path(path).write_text(json.dumps({"seed": seed, "faults": ROWS}, indent=1) + "\n")


def doc():
    """Puts the saved tally between the marks in the document."""
    saved = json.loads(Path(os.environ["HOOKSPOOL_CRASH_TALLY"]).read_text())
    text, times = PLACE.subn(lambda _: f"{table(saved['faults'])}\nSeed {saved['seed']}.\n", DOC.read_text())
    assert times == 1, f"{DOC}: the marks <!-- crash: table --> and <!-- /crash --> must be there, once"
    DOC.write_text(text)


if __name__ == "__main__":
    assert sys.argv[1:] == ["doc"], "usage: HOOKSPOOL_CRASH_TALLY=FILE tally.py doc"
    doc()
