# SPDX-License-Identifier: ISC
"""A RabbitMQ server of the tests' own: in a directory and on ports that are only its own."""
import logging
import os
import signal
import socket
import time

import pika

from place import need, new_dir, own
from proc import Child
from servers import lasting_port
from test_callers import make_certificates

logging.getLogger("pika").setLevel(logging.CRITICAL)  # it tells of each connection that is refused

SCRIPT = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # Debian's wrapper runs as another user, in the system's directories
USER, PASSWORD = "hook", "s3cret word"
LARGEST = 100_000
START = 120  # seconds; Erlang takes 5 on a quiet machine


class Rabbit:
    """A server that keeps its data when it is started again."""

    def __init__(self, largest=LARGEST):
        need("rabbitmq-server")
        self.dir, self.certificates = own(new_dir("rabbit")), new_dir("ca")
        self.port, self.tls_port, dist, epmd = (lasting_port() for _ in range(4))
        make_certificates(self.certificates)
        for path in self.certificates.iterdir():
            path.chmod(0o644)
        conf = self.dir / "rabbitmq.conf"
        conf.write_text(f"""
listeners.tcp.1 = 127.0.0.1:{self.port}
listeners.ssl.1 = 127.0.0.1:{self.tls_port}
ssl_options.cacertfile = {self.certificates}/ca.pem
ssl_options.certfile = {self.certificates}/server.pem
ssl_options.keyfile = {self.certificates}/server.key
default_user = {USER}
default_pass = {PASSWORD}
max_message_size = {largest}
disk_free_limit.absolute = 1MB
""")
        conf.chmod(0o644)
        self.env = {"HOME": str(self.dir), "RABBITMQ_NODENAME": f"hs{self.port}@localhost", "RABBITMQ_NODE_PORT": str(self.port),
                    "RABBITMQ_DIST_PORT": str(dist), "ERL_EPMD_PORT": str(epmd), "ERL_EPMD_ADDRESS": "127.0.0.1",
                    "RABBITMQ_MNESIA_BASE": f"{self.dir}/data", "RABBITMQ_LOG_BASE": f"{self.dir}/log", "RABBITMQ_CONFIG_FILE": str(conf),
                    "RABBITMQ_ENABLED_PLUGINS_FILE": f"{self.dir}/plugins", "RABBITMQ_CONF_ENV_FILE": "/dev/null",
                    "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +A 16"}
        self.url = f"amqp://{USER}@127.0.0.1:{self.port}"
        self.start()

    def start(self):
        self.child = Child([SCRIPT], self.dir / "log.txt", env=self.env)
        self.child.until(self.answers, "RabbitMQ answers", START)

    def answers(self):
        try:
            with self.connect():
                return True
        except (pika.exceptions.AMQPError, OSError, ValueError):  # pika gives the last for a connection that is reset at once
            time.sleep(0.1)
            return False

    def signal(self, number):
        """To Erlang itself, which the script has become or runs."""
        os.killpg(self.child.pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.child.wait(20)

    def connect(self):
        return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.port, credentials=pika.PlainCredentials(USER, PASSWORD),
                                                                 socket_timeout=10, blocked_connection_timeout=10))

    def do(self, name, *args, **given):
        """Calls a method of a channel of its own."""
        with self.connect() as connection:
            return getattr(connection.channel(), name)(*args, **given)

    def queue(self, name, durable=True, **arguments):
        self.do("queue_declare", name, durable=durable, arguments={key.replace("_", "-"): value for key, value in arguments.items()})

    def count(self, name):
        return self.do("queue_declare", name, passive=True).method.message_count

    def messages(self, name):
        """Takes all messages of a queue: pairs of properties and body."""
        with self.connect() as connection:
            channel, found = connection.channel(), []
            while (got := channel.basic_get(name, auto_ack=True))[0]:
                found.append(got[1:])
            return found
