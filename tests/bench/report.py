# SPDX-License-Identifier: ISC
"""The tables and the chart that a run leaves in doc/."""
import re

import chart
import reach
import report_postgresql
import report_relay
from tables import ms, table

SCRAPE_MS, READ_MS = 10, 200  # of /metrics, and of all else that is read


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


def growth_table(grown):
    rows = [(f"{int(events):,}", f"{n['rate']:,.0f}", ms(n["p50"]), ms(n["p99"]), ms(n["p999"]), f"{n['resident'] / 1024:.0f}",
             f"{n['start_ms']:.0f}") for events, n in grown.items()]
    return table(("events stored before", "requests/s", "p50 ms", "p99 ms", "p99.9 ms", "resident MiB", "start to first answer, ms"), rows)


def reading_table(reading):
    rows = []
    for name, n in reading["took"].items():
        goal = SCRAPE_MS if name == "/metrics" else READ_MS
        rows.append((name, f"{n['p50']:.1f}", f"{n['max']:.1f}", f"{n['first']:.1f}", f"≤ {goal}", reach.verdict(n["p50"], "<=", goal)))
    return table((f"with {reading['events']:,} events", "median ms", "longest ms", "first ms", "reach", "reached"), rows)


def old_text(path, mark):
    """What is between a document's marks; nothing where they are not there."""
    found = re.search(f"<!-- bench: {mark} -->\n(.*?)<!-- /bench -->", path.read_text() if path.exists() else "", re.S)
    return found[1] if found else ""


def put_rows(path, mark, lines, whole):
    """Puts lines into a table: alone, or each in place of the line with its text, or at the end."""
    old = [] if whole else old_text(path, mark).splitlines()[2:]
    rows = {cells[0]: cells for cells in (tuple(cell.strip() for cell in line[1:-1].split("|")) for line in old)}
    rows.update({cells[0]: cells for cells in map(reach.cells, lines)})
    put(path, mark, table(reach.HEAD, rows.values()))


def put(path, mark, text):
    """Puts text between a document's marks `<!-- bench: MARK -->` and `<!-- /bench -->`."""
    old = path.read_text() if path.exists() else f"<!-- bench: {mark} -->\n<!-- /bench -->\n"
    if f"<!-- bench: {mark} -->" not in old:
        old += f"\n<!-- bench: {mark} -->\n<!-- /bench -->\n"
    path.write_text(re.sub(f"(<!-- bench: {mark} -->\n).*?(<!-- /bench -->)", lambda m: m[1] + text + "\n" + m[2], old, flags=re.S))


def write(results, where):
    doc = where / "PERFORMANCE.md"
    put(doc, "machine", machine_text(results["machine"]))
    if "rows" in results:
        put_rows(doc, "reach", [line for of in results["rows"].values() for line in of], results["whole"])
    if "load" in results:
        load = results["load"]
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
    for mark, text in (*report_relay.tables(results), *report_postgresql.tables(results)):
        put(doc, mark, text)
    if "postgresql" in results:
        put(where / "SCALE.md", "scale", report_postgresql.cost_table(results["postgresql"]))
