# SPDX-License-Identifier: ISC
"""The tables of a spool in PostgreSQL: in PERFORMANCE.md what was reached, in SCALE.md what an event costs."""
from reach import HEAD, SIGN, verdict
from tables import ms, table

OURS, SQLITE = "hookspool-postgresql", "hookspool-sqlite"
RATIOS = (  # of which system, what it is called, reach
    (SQLITE, "its SQLite engine's", 0.5),
    ("express-postgresql", "Express with node-postgres", 3),
    ("php-fpm-postgresql", "PHP-FPM with pgsql", 3),
)
LONGER_MS = 0.5   # of p50 with one connection
TOGETHER = 8      # events of a commit


def reach_table(found):
    rows, ours = [], found[OURS]

    def row(what, value, sense, goal):
        rows.append((what, f"{value:.2f}", f"{SIGN[sense]} {goal:.3g}", verdict(value, sense, goal)))

    for name, called, goal in RATIOS:
        if name in found:
            row(f"durable requests a second on PostgreSQL ÷ {called}, 64 connections", ours["64"]["rate"] / found[name]["64"]["rate"], ">=", goal)
    if SQLITE in found:
        row("one connection, p50 in ms, against SQLite's + 0.5", ours["1"]["p50"] / 1000, "<=", found[SQLITE]["1"]["p50"] / 1000 + LONGER_MS)
    row("events of one commit, 64 connections", ours["64"]["together"], ">=", TOGETHER)
    return table(HEAD, rows)


def number(n, factor=1):
    return "–" if n is None else f"{n * factor:,.0f}"


def systems_table(found, columns):
    rows = [(name, at, *(of(n) for of in columns.values())) for at in ("1", "64") for name, n in ((name, of[at]) for name, of in found.items())]
    return table(("system", "connections", *columns), rows)


SPEED = {
    "requests/s": lambda n: f"{n['rate']:,.0f}",
    "lowest–highest": lambda n: f"{n['lowest']:,.0f}–{n['highest']:,.0f}",
    "p50 ms": lambda n: ms(n["p50"]),
    "p99 ms": lambda n: ms(n["p99"]),
    "events a commit": lambda n: f"{n['together']:.1f}",
    "handler's CPU µs": lambda n: number(n["cpu"]),
    "server's CPU µs": lambda n: number(n["server_cpu"]),
}

COST = {
    "requests/s": lambda n: f"{n['rate']:,.0f}",
    "p99 ms": lambda n: ms(n["p99"]),
    "receiver's CPU µs/event": lambda n: number(n["cpu"]),
    "server's CPU µs/event": lambda n: number(n["server_cpu"]),
    "WAL bytes/event": lambda n: number(n["wal"]),
    "GB of disk, a million events": lambda n: f"{n['disk'] / 1000:.2f}",
}


def cost_table(found):
    return systems_table({OURS: found[OURS]}, COST)


def tables(results):
    """Each mark of PERFORMANCE.md, with its table."""
    found = results.get("postgresql")
    return [("postgresql-reach", reach_table(found)), ("postgresql", systems_table(found, SPEED))] if found else []
