# SPDX-License-Identifier: ISC
"""A stream of a NATS server."""
from nats_server import Nats
from targets import ServerTarget


class NatsTarget(ServerTarget):
    """What the server refuses of one event alone is its size: test_sink_nats.py tries that."""
    type, dedupes, poisons = "nats", True, False

    def __init__(self):
        self.server = Nats(settings="max_payload: 8MB\n")

    def options(self):
        return {"url": self.server.url, "subject": "hooks.linkedin"}

    def arrived(self):
        return [(found["headers"]["Nats-Msg-Id"], found["data"]) for found in self.server.messages()]
