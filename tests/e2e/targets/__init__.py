# SPDX-License-Identifier: ISC
"""Targets of sinks for the contract test: one class a type of sink, each in a file of its own."""
import signal

from relaying import sink


class SinkTarget:
    """A target of a type of sink, in a home that configures it."""
    type = None        # of the sink
    keeps = True       # what arrived can be looked at
    dedupes = False    # an event that is sent twice is there once
    in_order = True    # `arrived` has the order of arrival
    replies = False    # it can get answers, which must not arrive twice
    poisons = True     # it can refuse one event of a batch
    breaks = True      # it can be down
    hangs = True       # it can be silent

    def section(self, name="out", **given):
        """The sink's section in the configuration."""
        given.setdefault("retry", ["100ms", "500ms", "1h"])
        return sink(name, type=self.type, allow_private=None, **self.options(), **given)

    def options(self):
        return {}

    def prepare(self, home):
        """Called once, before a relay starts."""
        self.home = home

    def close(self):
        """Called at the end."""

    def arrived(self):
        """What arrived: pairs of the stable id and the body, in the order of arrival."""
        raise NotImplementedError

    def down(self):
        raise NotImplementedError

    def up(self):
        raise NotImplementedError

    def poison(self, id):
        """Makes the target take no event of this id. Returns the state that its delivery ends in."""
        raise NotImplementedError

    def hang(self):
        raise NotImplementedError

    def unhang(self):
        raise NotImplementedError


class ServerTarget(SinkTarget):
    """A target whose server is a program of its own, in `server`."""
    server = None

    def close(self):
        self.unhang()
        self.server.kill()

    def down(self):
        self.server.kill()

    def up(self):
        self.server.start()

    def hang(self):
        self.server.child.signal(signal.SIGSTOP)

    def unhang(self):
        self.server.child.signal(signal.SIGCONT)
