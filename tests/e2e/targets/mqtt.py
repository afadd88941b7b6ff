# SPDX-License-Identifier: ISC
"""A topic of an MQTT server, with a subscriber."""
import itertools
import re

from mqtt_server import Mosquitto, Subscriber
from place import need, run, until
from targets import ServerTarget


class MqttTarget(ServerTarget):
    """What the server refuses of one event alone is its size: test_sink_mqtt.py tries that."""
    type, poisons = "mqtt", False

    def __init__(self):
        self.server, self.marks = Mosquitto(), itertools.count(1)
        self.reader = Subscriber(self.server)

    def options(self):
        return {"url": self.server.url, "topic": "hooks/linkedin"}

    def arrived(self):
        """What the subscriber has when a message that was published last is there."""
        mark = f"hooks/mark{next(self.marks)}"
        assert run([need("mosquitto_pub"), "-h", "127.0.0.1", "-p", self.server.port, "-V", "5", "-q", "1", "-t", mark, "-m", "x"]).returncode == 0
        until(lambda: any(m["topic"] == mark for m in self.reader.messages()), "the mark")
        return [(re.search(r"\bid:(evt_\w+)", m["properties"])[1], m["body"]) for m in self.reader.messages() if m["topic"] == "hooks/linkedin"]
