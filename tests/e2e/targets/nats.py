# SPDX-License-Identifier: ISC
"""A stream of a NATS server."""
import signal

from nats_server import Nats
from targets import SinkTarget


class NatsTarget(SinkTarget):
    """What the server refuses of one event alone is its size: test_sink_nats.py tries that."""
    type, dedupes, poisons = "nats", True, False

    def __init__(self):
        self.server = Nats(settings="max_payload: 8MB\n")

    def options(self):
        return {"url": self.server.url, "subject": "hooks.linkedin"}

    def close(self):
        self.unhang()
        self.server.kill()

    def arrived(self):
        return [(found["headers"]["Nats-Msg-Id"], found["data"]) for found in self.server.messages()]

    def down(self):
        self.server.kill()

    def up(self):
        self.server.start()

    def hang(self):
        self.server.child.signal(signal.SIGSTOP)

    def unhang(self):
        self.server.child.signal(signal.SIGCONT)
