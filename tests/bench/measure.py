# SPDX-License-Identifier: ISC
"""One measurement: load from wrk on a running system, and what the handler's processes took for it."""
import contextlib
import http.client
import json
import os
import re
import subprocess
from hashlib import sha256
from hmac import new as hmac
from pathlib import Path

import counts
from web import AUTHORIZATION, PATH, SECRET

TICK = 1_000_000 / os.sysconf("SC_CLK_TCK")
LOAD = Path(__file__).with_name("load.lua")
WARM_UP = 1  # seconds


def sign(body, secret=SECRET):
    return "sha256=" + hmac(secret.encode(), body, sha256).hexdigest()


def headers(body, secret=SECRET, authorization=AUTHORIZATION):
    return {"Content-Type": "application/json", "Authorization": authorization, "X-Webhook-Signature": sign(body, secret)}


def deliver(port, body, secret=SECRET, authorization=AUTHORIZATION):
    """The status of one delivery."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    with contextlib.closing(connection):
        connection.request("POST", PATH, body, headers(body, secret, authorization))
        return connection.getresponse().status


def check(name, port, verifies):
    """That the system does what it is compared for."""
    body = json.dumps({"event": "message.received", "data": {"message_urn": f"urn:check:{name}"}}).encode()
    if deliver(port, body) != 200:
        raise RuntimeError(f"{name}: a right delivery is refused")
    if verifies and 200 in (deliver(port, body, secret="wrong"), deliver(port, body, authorization="wrong")):
        raise RuntimeError(f"{name}: a wrong delivery is accepted")


def tree(roots):
    """These processes and all that descend from them."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
    found = set(roots)
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def cpu(pids):
    """Microseconds of CPU that the processes and their ended children have taken."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += sum(int(field) for field in fields[11:15])
    return total * TICK


def resident(pids):
    """KiB of memory they held at most, each for itself."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, TypeError):
            total += int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])
    return total


def written(pids):
    """Bytes that they had to be written to a disk, and the ended children that they waited for."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, TypeError):
            total += int(re.search(r"^write_bytes: (\d+)", Path(f"/proc/{pid}/io").read_text(), re.M)[1])
    return total


def wrk(port, size, connections, seconds):
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "15s", "-s", LOAD, f"http://127.0.0.1:{port}{PATH}",
            "--", str(size), SECRET, AUTHORIZATION]
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=seconds + 60)
    found = re.search(r"^RESULT (.*)$", done.stdout, re.M)
    if not found:
        raise RuntimeError(f"wrk: {done.stdout}{done.stderr}")
    return json.loads(found[1])


def measure(running, size, connections, seconds):
    """
    Requests, syncs and SQLite's commits a second, latencies in us, errors, and how many were answered, of the warm-up too; CPU in us a
    request, bytes written to the disk a request, and resident KiB of the handler, None without one.
    """
    warm = wrk(running.port, size, connections, WARM_UP)
    pids = tree(running.pids())
    before, bytes_before, syncs, commits = cpu(pids), written(pids), *counts.read()
    load = wrk(running.port, size, connections, seconds)
    pids = tree(running.pids())
    took = cpu(pids) - before
    synced, committed = counts.read()
    return {
        "rate": load["requests"] / load["microseconds"] * 1e6,
        "syncs": (synced - syncs) / load["microseconds"] * 1e6,
        "commits": (committed - commits) / load["microseconds"] * 1e6,
        **{name: load[name] for name in ("errors", "p50", "p99", "p999", "max")},
        "answered": sum(of["requests"] - of["errors"] for of in (warm, load)),
        "cpu": took / load["requests"] if pids and load["requests"] else None,
        "written": (written(pids) - bytes_before) / load["requests"] if pids and load["requests"] else None,
        "resident": resident(pids) if pids else None,
    }
