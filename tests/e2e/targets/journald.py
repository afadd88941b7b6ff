# SPDX-License-Identifier: ISC
"""A journal of systemd."""
from journald_server import Journald
from place import until
from targets import ServerTarget


class JournaldTarget(ServerTarget):
    """It refuses no event alone."""
    type, poisons = "journald", False

    def __init__(self):
        self.server = Journald()

    def prepare(self, home):
        super().prepare(home)
        home.relay_in = self.server.relay_in()

    def close(self):
        super().close()
        self.server.holder.end()

    def arrived(self):
        """What journald has not read yet is in its queue; an entry is there within a moment."""
        ids = {row["id"] for row in self.home.spool.query("SELECT event AS id FROM relay WHERE state = 1")}
        until(lambda: ids <= {int(id.rpartition("_")[2]) for id, _ in self.entries()}, "what was delivered is in the journal")
        return self.entries()

    def entries(self):
        return [(entry["HOOKSPOOL_ID"].decode(), entry.get("BODY", b"")) for entry in self.server.entries()]

    def hang(self):
        self.server.hang()

    def unhang(self):
        self.server.unhang()
