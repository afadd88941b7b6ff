# SPDX-License-Identifier: ISC
"""The tables and the chart that a run leaves in doc/."""
import re

import chart

GOALS = (  # name, what the issue of a reader would be, numerator, denominator, at, which number, better, goal
    ("durable requests a second ÷ empty handler's, kept connections", "hookspool-kept", "empty-kept", "rate", ">=", 0.85),
    ("the same, plain connections", "hookspool-plain", "empty-plain", "rate", ">=", 0.85),
    ("handler's CPU a request ÷ empty handler's, kept connections", "hookspool-kept", "empty-kept", "cpu", "<=", 1.6),
    ("durable requests a second ÷ Express with fdatasync", "hookspool-kept", "express-fdatasync", "rate", ">=", 9),
    ("durable requests a second ÷ PHP-FPM with SQLite FULL", "hookspool-kept", "php-fpm-sqlite", "rate", ">=", 14),
    ("p99 ÷ empty handler's, kept connections", "hookspool-kept", "empty-kept", "p99", "<=", 2),
)

SINK_RATES = {"file": 50_000, "redis": 20_000, "nats": 20_000, "kafka": 20_000, "amqp": 8000, "postgresql": 8000}  # events a second
SINK_CPU = 60  # us an event

REACH = "", "measured", "reach", "reached"
SIGN = {">=": "≥", "<=": "≤"}
SCRAPE_MS, READ_MS = 10, 200  # of /metrics, and of all else that is read
STORES = {"store": "`appendfsync always`", "everysec": "`appendfsync everysec`"}
MEANWHILE = {"idle": "has nothing to send", "busy": "works off a backlog", "relayed": "sends what is received"}


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def ms(microseconds):
    return f"{microseconds / 1000:.2f}"


def machine_text(m):
    versions = ", ".join(f"{name} {version}" for name, version in m["versions"].items())
    disk = m["disk"]
    return (f"{m['cores']} cores of {m['cpu']}, {m['memory_gib']} GiB, Linux {m['kernel']}, {m['file_system']}; one fdatasync after a"
            f" 700-byte append takes {disk['fdatasync_us']:.0f} µs (median). The disk's limit: {disk['appends']['1']:,.0f} appends"
            f" a second from one thread, {disk['appends']['64']:,.0f} from 64 that share {disk['fdatasyncs']['64']:,.0f} fdatasyncs."
            f" {versions}.")


def at_table(load, at):
    """All about the systems under one load."""
    rows = []
    for name, of in load.items():
        if at not in of:
            continue
        n = of[at]
        rows.append((name, f"{n['rate']:,.0f}", f"{n['lowest']:,.0f}–{n['highest']:,.0f}", ms(n["p50"]), ms(n["p99"]), ms(n["p999"]),
                     f"{n['syncs']:,.0f}", f"{n['commits']:,.0f}",
                     "–" if n["cpu"] is None else f"{n['cpu']:.0f}",
                     "–" if n["resident"] is None else f"{n['resident'] / 1024:.0f}"))
    return table(("system", "requests/s", "lowest–highest", "p50 ms", "p99 ms", "p99.9 ms", "syncs/s", "commits/s",
                  "CPU µs/request", "resident MiB"), rows)


def rate_table(load, size):
    """Requests a second over connections."""
    loads = sorted({int(at.split("/")[1]) for of in load.values() for at in of if at.startswith(f"{size}/")})
    rows = [[name] + [f"{of[f'{size}/{c}']['rate']:,.0f}" if f"{size}/{c}" in of else "–" for c in loads] for name, of in load.items()]
    return table(["system"] + [f"{c} connections" for c in loads], rows)


def verdict(value, sense, goal):
    return "yes" if (value >= goal if sense == ">=" else value <= goal) else "**no**"


def reach_table(results):
    load, rows = results["load"], []

    def row(what, value, sense, goal):
        rows.append((what, f"{value:.2f}", f"{SIGN[sense]} {goal:.4g}", verdict(value, sense, goal)))

    def number(name, at, key):
        return load.get(name, {}).get(at, {}).get(key)

    for what, ours, theirs, key, sense, goal in GOALS:
        a, b = number(ours, "700/64", key), number(theirs, "700/64", key)
        if a and b:
            row(what, a / b, sense, goal)
    a, b = number("hookspool-kept", "700/1", "p50"), number("empty-kept", "700/1", "p50")
    if a and b:
        limit = b + 1.5 * results["machine"]["disk"]["fdatasync_us"]
        row("one connection, p50 in ms, against empty handler's + 1.5 fdatasyncs", a / 1000, "<=", limit / 1000)
    a = number("hookspool-kept", "700/64", "resident")
    if a:
        row("resident memory under load, MiB", a / 1024, "<=", 32)
    a, b = number("hookspool-cgi", "700/1", "p50"), number("empty-cgi", "700/1", "p50")
    if a and b:
        limit = 1.5 * b + results["machine"]["disk"]["fdatasync_us"]
        row("CGI: p50 of one request in ms, against 1.5 × an empty CGI's + one fdatasync", a / 1000, "<=", limit / 1000)
    grown = results.get("growth", {})
    if "0" in grown:
        most = max(grown, key=int)
        row(f"requests a second with {int(most):,} events stored ÷ with none", grown[most]["rate"] / grown["0"]["rate"], ">=", 0.9)
    return table(REACH, rows)


def relay_reach_table(relay):
    rows = []

    def row(what, value, sense, goal, text):
        rows.append((what, text, f"{SIGN[sense]} {goal:,}", verdict(value, sense, goal)))

    for key, n in relay["rates"].items():
        pending, _, down = key.partition("/")
        if down:
            resident, ratio = n["resident"] / 1024, n["rate"] / relay["rates"][pending]["rate"]
            row(f"resident memory with {int(down):,} pending for a sink that is down, MiB", resident, "<=", 64, f"{resident:.0f}")
            row("attempts a second for another sink meanwhile ÷ without", ratio, ">=", 0.9, f"{ratio:.2f}")
        else:
            row(f"attempts a second with {int(pending):,} pending", n["rate"], ">=", 5000, f"{n['rate']:,.0f}")
            row(f"CPU µs an attempt with {int(pending):,} pending", n["cpu"], "<=", 150, f"{n['cpu']:.0f}")
    kept = relay["receiving"]["busy"]["rate"] / relay["receiving"]["idle"]["rate"]
    row("requests a second while the relay works off a backlog ÷ while it has nothing to send", kept, ">=", 0.9, f"{kept:.2f}")
    p99 = relay["latency"]["p99"] / 1000
    row("p99 from the 200 to the sink in ms, at 100 events a second", p99, "<=", 100, f"{p99:.2f}")
    return table(REACH, rows)


def sinks_reach_table(sinks):
    rows = []

    def row(what, value, sense, goal, text):
        rows.append((what, text, f"{SIGN[sense]} {goal:,}", verdict(value, sense, goal)))

    for kind, n in sinks["backlogs"].items():
        if kind in SINK_RATES:
            row(f"events a second to a sink of the type {kind}", n["rate"], ">=", SINK_RATES[kind], f"{n['rate']:,.0f}")
            row(f"relay's CPU µs an event, {kind}", n["cpu"], "<=", SINK_CPU, f"{n['cpu']:.0f}")
    of = sinks["storing"]
    if of:
        for name, how in STORES.items():
            longer, kept = (of[f"{name}/1"]["p50"] - of["plain/1"]["p50"]) / 1000, of[f"{name}/64"]["rate"] / of["plain/64"]["rate"]
            row(f"one connection, what `store` with a local Redis adds to p50, in ms, {how}", longer, "<=", 1, f"{longer:.2f}")
            row(f"64 connections, requests a second with it ÷ without, {how}", kept, ">=", 0.5, f"{kept:.2f}")
    return table(REACH, rows)


def backlogs_table(backlogs):
    rows = [(kind, f"{n['rate']:,.0f}", f"{n['lowest']:,.0f}–{n['highest']:,.0f}", f"{n['cpu']:.0f}", f"{n['resident'] / 1024:.0f}")
            for kind, n in backlogs.items()]
    return table(("type", "events/s", "lowest–highest", "relay's CPU µs/event", "resident MiB"), rows)


def storing_table(storing):
    rows = []
    for name, n in storing.items():
        answer, connections = name.split("/")
        rows.append((f"{'at once' if answer == 'plain' else f'when Redis has the event, {STORES[answer]}'}, {connections} connection{'s' * (connections != '1')}",
                     f"{n['rate']:,.0f}", f"{n['lowest']:,.0f}–{n['highest']:,.0f}", ms(n["p50"]), ms(n["p99"]), f"{n['cpu']:.0f}"))
    return table(("answered", "requests/s", "lowest–highest", "p50 ms", "p99 ms", "receiver's CPU µs/request"), rows)


def growth_table(grown):
    rows = [(f"{int(events):,}", f"{n['rate']:,.0f}", ms(n["p50"]), ms(n["p99"]), ms(n["p999"]), f"{n['resident'] / 1024:.0f}",
             f"{n['start_ms']:.0f}") for events, n in grown.items()]
    return table(("events stored before", "requests/s", "p50 ms", "p99 ms", "p99.9 ms", "resident MiB", "start to first answer, ms"), rows)


def reading_table(reading):
    rows = []
    for name, n in reading["took"].items():
        reach = SCRAPE_MS if name == "/metrics" else READ_MS
        rows.append((name, f"{n['p50']:.1f}", f"{n['max']:.1f}", f"{n['first']:.1f}", f"≤ {reach}", verdict(n["p50"], "<=", reach)))
    return table((f"with {reading['events']:,} events", "median ms", "longest ms", "first ms", "reach", "reached"), rows)


def rates_table(rates):
    rows = []
    for key, n in rates.items():
        pending = " and ".join(f"{int(events):,} {of}" for events, of in zip(key.split("/"), ("for it", "for a sink that is down")))
        rows.append((pending, f"{n['rate']:,.0f}", f"{n['lowest']:,.0f}–{n['highest']:,.0f}", f"{n['cpu']:.0f}",
                     f"{n['resident'] / 1024:.0f}"))
    return table(("pending", "attempts/s", "lowest–highest", "CPU µs/attempt", "resident MiB"), rows)


def receiving_table(receiving):
    rows = [(MEANWHILE[name], f"{n['rate']:,.0f}", f"{n['lowest']:,.0f}–{n['highest']:,.0f}", ms(n["p50"]), ms(n["p99"]), ms(n["p999"]),
             f"{n['cpu']:.0f}", f"{n['attempts']:,.0f}", f"{n['share']:.2f}") for name, n in receiving.items()]
    return table(("the relay", "requests/s", "lowest–highest", "p50 ms", "p99 ms", "p99.9 ms", "receiver's CPU µs/request", "attempts/s",
                  "relay's cores"), rows)


def latency_table(n):
    return table(("", "p50 ms", "p99 ms", "highest ms"), [("from the 200 to the sink", ms(n["p50"]), ms(n["p99"]), ms(n["max"]))])


def put(path, mark, text):
    """Puts text between a document's marks `<!-- bench: MARK -->` and `<!-- /bench -->`."""
    old = path.read_text() if path.exists() else f"<!-- bench: {mark} -->\n<!-- /bench -->\n"
    if f"<!-- bench: {mark} -->" not in old:
        old += f"\n<!-- bench: {mark} -->\n<!-- /bench -->\n"
    path.write_text(re.sub(f"(<!-- bench: {mark} -->\n).*?(<!-- /bench -->)", lambda m: m[1] + text + "\n" + m[2], old, flags=re.S))


def write(results, where):
    doc = where / "PERFORMANCE.md"
    put(doc, "machine", machine_text(results["machine"]))
    if "load" in results:
        load = results["load"]
        put(doc, "reach", reach_table(results))
        for mark, at in (("small", "700/64"), ("large", "65536/64"), ("light", "700/1")):
            put(doc, mark, at_table(load, at))
        for mark, size in (("rates-small", 700), ("rates-large", 65536)):
            put(doc, mark, rate_table(load, size))
        bars = {name: of["700/64"]["rate"] for name, of in load.items() if "700/64" in of}
        if bars:
            (where / "bench.svg").write_text(chart.bars("Signed 700-byte events a second, 64 connections", bars))
    if "growth" in results:
        put(doc, "growth", growth_table(results["growth"]))
        put(doc, "reading", reading_table(results["reading"]))
    if "relay" in results:
        relay = results["relay"]
        put(doc, "relay-reach", relay_reach_table(relay))
        put(doc, "relay", rates_table(relay["rates"]))
        put(doc, "relay-receiving", receiving_table(relay["receiving"]))
        put(doc, "relay-latency", latency_table(relay["latency"]))
    if "sinks" in results:
        put(doc, "sinks-reach", sinks_reach_table(results["sinks"]))
        put(doc, "sinks", backlogs_table(results["sinks"]["backlogs"]))
        put(doc, "sinks-store", storing_table(results["sinks"]["storing"]))
