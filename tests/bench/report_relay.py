# SPDX-License-Identifier: ISC
"""The tables of the relay and of its sinks."""
from reach import HEAD, SIGN, verdict
from tables import ms, table

SINK_RATES = {"file": 50_000, "redis": 20_000, "nats": 20_000, "kafka": 20_000, "amqp": 8000, "postgresql": 8000}  # events a second
SINK_CPU = 60  # us an event

STORES = {"store": "`appendfsync always`", "everysec": "`appendfsync everysec`"}
MEANWHILE = {"idle": "has nothing to send", "busy": "works off a backlog", "relayed": "sends what is received"}


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
    return table(HEAD, rows)


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
    return table(HEAD, rows)


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


def tables(results):
    """{mark: table} of what was measured."""
    found = {}
    if "relay" in results:
        of = results["relay"]
        found |= {"relay-reach": relay_reach_table(of), "relay": rates_table(of["rates"]), "relay-receiving": receiving_table(of["receiving"]),
                  "relay-latency": latency_table(of["latency"])}
    if "sinks" in results:
        of = results["sinks"]
        found |= {"sinks-reach": sinks_reach_table(of), "sinks": backlogs_table(of["backlogs"]), "sinks-store": storing_table(of["storing"])}
    return found.items()
