# SPDX-License-Identifier: ISC
"""A topic of a mock cluster of Kafka."""
import signal

from kafka_server import Kafka
from targets import SinkTarget


class KafkaTarget(SinkTarget):
    type = "kafka"
    in_order = False  # keys share out the events
    poisons = False   # an error of the mock is for a whole batch; test_sink_kafka.py has one of an event

    def __init__(self):
        self.server = Kafka()

    def options(self):
        return {"brokers": self.server.brokers, "topic": "events", "options": ["message.max.bytes = 4000000"]}

    def close(self):
        self.unhang()
        self.server.close()

    def arrived(self):
        return [(message["headers"]["id"], message["body"]) for message in self.server.messages()]

    def down(self):
        self.server.down()

    def up(self):
        self.server.up()

    def hang(self):
        self.server.child.signal(signal.SIGSTOP)

    def unhang(self):
        self.server.child.signal(signal.SIGCONT)
