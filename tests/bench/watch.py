#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
Asks a page's socket as open browsers and Prometheus do: watch.py SOCKET PAGES. Prints a line when all have begun, and at SIGTERM how many
answers of each kind came.

Each browser asks for new rows with a long poll, and again as soon as it has the answer (share/page/list.js). While rows come it
asks for the summary a second after the last one (share/page/summary.js). This process parses no answer: a browser runs on another
machine, and takes nothing from the receiver.
"""
import json
import re
import signal
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlencode

sys.path.append(str(Path(__file__).parents[1] / "e2e"))

from page import Asked

SUMMARY, SCRAPE = 1, 1  # seconds from an answer to the next question; and between two scrapes
NEWEST = re.compile(rb'"newest":"([0-9.]+)"')
took = {"polls": 0, "summaries": 0, "scrapes": 0}


def ask(page, path, **query):
    answer = page.get(path, within=60, **query)
    if answer.status != 200:
        raise RuntimeError(f"{path} {urlencode(query)}: {answer}")
    return answer.body


def poll(page):
    newest = NEWEST.search(ask(page, "/events.json", limit=100))[1].decode()
    while True:
        newest = NEWEST.search(ask(page, "/events.json", limit=100, after=newest, wait=25))[1].decode()
        took["polls"] += 1


def sum_up(page):
    while True:
        ask(page, "/summary.json")
        took["summaries"] += 1
        time.sleep(SUMMARY)


def scrape(page):
    while True:
        ask(page, "/metrics")
        took["scrapes"] += 1
        time.sleep(SCRAPE)


def main(socket, pages):
    page = Asked(socket)
    for work in [scrape] + [poll, sum_up] * int(pages):
        threading.Thread(target=work, args=(page,), daemon=True).start()
    print(flush=True)
    signal.sigwait({signal.SIGTERM})
    print(json.dumps(took), flush=True)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    main(*sys.argv[1:])
