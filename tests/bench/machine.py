# SPDX-License-Identifier: ISC
"""What the numbers were taken on: the machine, its disk, the versions of what is compared."""
import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import peers
from web import new_dir


def output(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout.strip()


def version(*argv):
    """The first version number that a program prints."""
    found = re.search(r"\d+\.\d+[\w.+-]*", output(*argv) if shutil.which(argv[0]) else "")
    return found[0] if found else "not installed"


SERVERS = {"Redis": "redis-server", "NATS": "nats-server", "librdkafka": "librdkafka1", "RabbitMQ": "rabbitmq-server", "PostgreSQL": "postgresql-[1-9]*",
           "mosquitto": "mosquitto", "systemd": "systemd"}  # of the sinks


def disk(append):
    """fdatasync's median in us, and what one and 64 threads get through it with a shared commit of 700-byte records."""
    where = new_dir("disk")
    runs = {str(n): json.loads(output(str(append), str(where / "records"), "700", str(n), "3")) for n in (1, 64)}
    return {"fdatasync_us": runs["1"]["fdatasync_us"], "appends": {n: r["appends"] for n, r in runs.items()},
            "fdatasyncs": {n: r["fdatasyncs"] for n, r in runs.items()}}


def describe(append):
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    return {
        "cores": os.cpu_count(),
        "cpu": model[1] if model else platform.machine(),
        "memory_gib": round(int(memory[1]) / 2 ** 20),
        "kernel": platform.release().split("-")[0],
        "file_system": output("stat", "-f", "-c", "%T", "/var/tmp"),
        "disk": disk(append),
        "versions": {
            "nginx": version("nginx", "-v"),
            "Apache": version("apache2", "-v"),
            "SQLite": version("dpkg-query", "-W", "libsqlite3-0"),
            "OpenSSL": version("openssl", "version"),
            **peers.versions(),
            **{name: version("dpkg-query", "-W", package) for name, package in SERVERS.items()},
        },
    }
