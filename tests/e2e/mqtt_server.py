# SPDX-License-Identifier: ISC
"""A mosquitto of a test's own, and a subscriber that prints what it gets."""
from place import need, new_dir, own, until
from proc import Child
from receiver import accepts
from servers import free_port


class Mosquitto:
    """A server on a port of its own; it keeps nothing when it is started again."""

    def __init__(self, settings="allow_anonymous true\n"):
        self.dir, self.port = own(new_dir("mqtt")), free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.conf = self.dir / "mosquitto.conf"
        self.conf.write_text(f"listener {self.port} 127.0.0.1\n{settings}")
        self.start()

    def start(self):
        self.child = Child([need("mosquitto"), "-c", self.conf], self.dir / "log")
        self.child.until(lambda: accepts(("127.0.0.1", self.port)), "mosquitto answers", 20)
        return self

    def kill(self, number=9):
        self.child.signal(number)
        self.child.wait(20)


class Subscriber(Child):
    """Gets the messages of a topic, with a session that a broken connection does not end."""

    def __init__(self, server, topic="hooks/#", *args):
        super().__init__([need("stdbuf"), "-oL", need("mosquitto_sub"), "-h", "127.0.0.1", "-p", server.port, "-V", "5", "-q", "1", "-c", "-i", f"reader-{topic[:5]}",
                          "-x", "4294967295", "-t", topic, "-d", "-F", "GOT|%t|%x|%C|%P|%r", *args], server.dir / "subscriber.log")
        self.until(lambda: "Subscribed (" in self.text(), "the subscription")

    def messages(self):
        """Dictionaries with topic, body, type and properties."""
        lines = [line.split("|") for line in self.text().rpartition("\n")[0].splitlines() if line.startswith("GOT|")]
        return [{"topic": topic, "body": bytes.fromhex(body), "type": kind, "properties": properties, "retained": retained}
                for _, topic, body, kind, properties, retained in lines]

    def bodies(self):
        return [m["body"] for m in self.messages()]

    def until_bodies(self, n):
        return until(lambda: len(self.bodies()) >= n and self.bodies(), f"{n} messages")
