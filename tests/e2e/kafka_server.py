# SPDX-License-Identifier: ISC
"""A cluster of Kafka of a test's own: librdkafka's mock, in a process of its own.

It proves what a client does: keys, headers, errors, timeouts, connections. It does not prove durability, acks, replication, SASL or TLS.
"""
import os
import subprocess

import pytest

from place import find_build, new_dir, own
from proc import Child


class Kafka:
    def __init__(self, topic="events", partitions=3, brokers=3):
        program = find_build() / "tests/e2e/kafka_mock"
        if not program.exists():
            pytest.fail("tests/e2e/kafka_mock is not built: make check-unit, with librdkafka-dev", pytrace=False)
        self.dir = own(new_dir("kafka"))
        self.child = Child([program, brokers], self.dir / "log", user=None, stdin=subprocess.PIPE)
        self.read = 0
        self.child.until(lambda: "\n" in self.child.text(), "the cluster is there")
        self.brokers = self.child.text().splitlines()[0].removeprefix("brokers ").split(",")
        self.read = self.child.log.stat().st_size
        if topic:
            self.do("topic", topic, partitions, min(brokers, 3))

    def do(self, *words):
        """The lines of a command's answer."""
        os.write(self.child.popen.stdin.fileno(), (" ".join(map(str, words)) + "\n").encode())
        self.child.until(lambda: self.child.log.stat().st_size > self.read and self.rest().endswith(b"done\n"), " ".join(map(str, words)), 30)
        answer = self.rest()
        self.read += len(answer)
        return answer.decode().splitlines()[:-1]

    def rest(self):
        with open(self.child.log, "rb") as log:
            log.seek(self.read)
            return log.read()

    def messages(self, topic="events"):
        """The messages of a topic: dictionaries with partition, offset, key, body and headers."""
        found = []
        for line in self.do("dump", topic):
            if line.startswith("message "):
                _, partition, offset, key, body, *headers = line.split(" ")
                found.append({"partition": int(partition), "offset": int(offset), "key": None if key == "-" else bytes.fromhex(key),
                              "body": None if body == "-" else bytes.fromhex(body),
                              "headers": {name: bytes.fromhex(value).decode() for name, value in (one.split("=") for one in headers)}})
        return found

    def down(self):
        for number in range(1, len(self.brokers) + 1):
            self.do("down", number)

    def up(self):
        for number in range(1, len(self.brokers) + 1):
            self.do("up", number)

    def rtt(self, ms):
        for number in range(1, len(self.brokers) + 1):
            self.do("rtt", number, ms)

    def close(self):
        self.child.signal(9)
        self.child.wait(20)
