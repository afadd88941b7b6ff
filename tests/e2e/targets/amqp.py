# SPDX-License-Identifier: ISC
"""A queue of RabbitMQ. All targets share a server, which takes seconds to start."""
import itertools
import signal

import proc
from rabbit_server import PASSWORD, Rabbit
from targets import SinkTarget

NAMES = (f"contract{n}" for n in itertools.count(1))


class AmqpTarget(SinkTarget):
    """What the server refuses of one event alone is its size: test_sink_amqp.py tries that."""
    type, poisons = "amqp", False
    server = None

    def __init__(self):
        if not AmqpTarget.server:
            AmqpTarget.server = Rabbit(largest=8 << 20)
            self.keep()
        self.queue, self.got = next(NAMES), []
        self.declare()

    def declare(self):
        self.server.queue(self.queue)

    def keep(self):
        """The server outlives the test that started it; the end of all tests ends it."""
        proc.LIVE.remove(self.server.child)

    def options(self):
        return {"url": self.server.url, "routing_key": self.queue, "password_file": "rabbit.password"}

    def prepare(self, home):
        super().prepare(home)
        home.write("rabbit.password", PASSWORD)

    def close(self):
        self.unhang()

    def arrived(self):
        self.got += [(properties.message_id, body) for properties, body in self.server.messages(self.queue)]
        return self.got

    def down(self):
        self.server.kill()

    def up(self):
        self.server.start()
        self.keep()

    def hang(self):
        self.server.signal(signal.SIGSTOP)

    def unhang(self):
        self.server.signal(signal.SIGCONT)
