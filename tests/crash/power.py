# SPDX-License-Identifier: ISC
"""
What a power cut would leave: a recording of all writes and syncs, played back up to any moment.

Sure to be there is what was written before the beginning of a sync that had ended. Of the rest any part may be: each
write of more than a 4 KiB block in blocks, in any order, a block torn between its 512-byte sectors. A name is sure when
the directory was synced after it was made or removed; with `journaled`, as ext4 does it, also when its file was.
"""
import os
import shutil
import sqlite3
import struct
from collections import namedtuple
from pathlib import Path

from oracle import Ack, digest, key_of
from place import BIN, find_build, new_dir, own
from spool import Spool

HEAD = struct.Struct("<cxxxIQ32s")
BLOCK, SECTOR = 4096, 512
CREATE, WRITE, TRUNCATE, UNLINK, RENAME, SYNC_BEGIN, SYNC_END, SYNC_FAILED, ACKNOWLEDGED = b"c", b"w", b"t", b"u", b"r", b"b", b"e", b"f", b"a"

Op = namedtuple("Op", "kind name number data")


class Recording:
    """The log that processes write under power.so, and to which acknowledgements are added when they have arrived."""

    def __init__(self, home, journal, mutant=""):
        self.journal, self.dir, self.path = journal, home.spool.dir, home.dir / "power.recording"
        self.before = {p.name: p.read_bytes() for p in self.dir.glob("*")} if self.dir.exists() else {}
        self.log = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        own(self.path)
        shutil.copy(find_build() / "tests/crash/power.so", BIN)
        self.env = [f"LD_PRELOAD={BIN}/power.so", f"POWER_DIR={self.dir}", f"POWER_LOG={self.path}", f"POWER_MUTANT={mutant}"]

    def delivered(self, deliver):
        """The same way to deliver; each 200 is recorded once it is here."""
        def recorded(body):
            reply = deliver(body)
            if reply.status == 200:
                self.acknowledge(body + b"\n" + str(reply.json["id"]).encode())
            return reply
        return recorded

    def acknowledge(self, data):
        os.write(self.log, HEAD.pack(ACKNOWLEDGED, len(data), 0, b"") + data)

    def ops(self):
        found, at, data = [], 0, self.path.read_bytes()
        while at < len(data):
            kind, size, number, name = HEAD.unpack_from(data, at)
            at += HEAD.size + size
            found.append(Op(kind, name.rstrip(b"\0").decode(), number, data[at - size:at]))
        return found


def overlay(content, at, data):
    if len(content) < at:
        content.extend(bytes(at - len(content)))
    content[at:at + len(data)] = data


def apply(content, op):
    if op.kind == WRITE:
        overlay(content, op.number, op.data)
    elif op.number < len(content):
        del content[op.number:]
    else:
        content.extend(bytes(op.number - len(content)))


def pieces(op, rng, keep):
    """The parts of a write that reached the disk, of which each block does with that probability."""
    at = op.number
    end = at + len(op.data)
    while at < end:
        stop = min(end, (at // BLOCK + 1) * BLOCK)
        if rng.random() < keep:
            torn = rng.random() < 0.1
            for start in range(at - at % SECTOR, stop, SECTOR) if torn else [at]:
                first, last = max(start, at), min(stop, start + SECTOR) if torn else stop
                if not torn or rng.random() < 0.5:
                    yield first, op.data[first - op.number:last - op.number]
        at = stop


class File:
    def __init__(self, content=b""):
        self.sure, self.rest = bytearray(content), []  # rest: (number of the operation, operation)

    def synced(self, before):
        for n, op in self.rest:
            if n < before:
                apply(self.sure, op)
        self.rest = [(n, op) for n, op in self.rest if n >= before]

    def dropped(self, before):
        """After a sync that failed the kernel takes what it could not write for clean: no later sync writes it."""
        self.rest = [(n, op) for n, op in self.rest if n >= before]

    def after(self, rng, keep):
        """Its content after a cut now."""
        content = bytearray(self.sure)
        for _, op in self.rest:
            if op.kind == WRITE:
                for at, data in pieces(op, rng, keep):
                    overlay(content, at, data)
            elif rng.random() < keep:
                apply(content, op)
        return content


class Disk:
    """A directory as the operations so far have left it: what is sure, and what is on its way."""

    def __init__(self, before, journaled):
        self.now = {name: File(content) for name, content in before.items()}
        self.sure, self.rest = dict(self.now), []  # names; rest: (number, kind, name, file)
        self.syncs, self.n, self.journaled = {}, 0, journaled

    def names_synced(self, which):
        for change in [c for c in self.rest if which(c)]:
            _, kind, name, file = change
            if kind == CREATE:
                self.sure[name] = file
            elif self.sure.get(name) is file:
                del self.sure[name]
            self.rest.remove(change)

    def do(self, op):
        self.n += 1
        if op.kind == CREATE:
            self.now[op.name] = File()
            self.rest.append((self.n, CREATE, op.name, self.now[op.name]))
        elif op.kind == UNLINK:
            self.rest.append((self.n, UNLINK, op.name, self.now.pop(op.name)))
        elif op.kind == RENAME:
            file, name = self.now.pop(op.name), op.data.decode()
            self.now[name] = file
            self.rest += [(self.n, CREATE, name, file), (self.n, UNLINK, op.name, file)]
        elif op.kind in (WRITE, TRUNCATE):
            self.now[op.name].rest.append((self.n, op))
        elif op.kind == SYNC_BEGIN:
            self.syncs[op.number] = self.n, self.now.get(op.name)
        elif op.kind == SYNC_END:
            before, file = self.syncs.pop(op.number)
            if op.name == "":
                self.names_synced(lambda change: change[0] < before)
            else:
                file.synced(before)
                if self.journaled:
                    self.names_synced(lambda change: change[1] == CREATE and change[3] is file)
        elif op.kind == SYNC_FAILED:
            before, file = self.syncs.pop(op.number)
            if file:
                file.dropped(before)

    def cut(self, where, rng):
        """Writes what is there after a power cut now."""
        keep, names = rng.choice((0.0, 0.2, 0.5, 0.8, 1.0)), dict(self.sure)
        for _, kind, name, file in self.rest:
            if rng.random() < keep:
                if kind == CREATE:
                    names[name] = file
                elif names.get(name) is file:
                    del names[name]
        for name, file in names.items():
            if not name.endswith("-shm"):  # memory, not a file: made anew
                (where / name).write_bytes(file.after(rng, keep))
                (where / name).chmod(0o600)
                own(where / name)


class Left(Spool):
    """A spool that a power cut has left; opening it recovers it."""

    def __init__(self, where):
        super().__init__(None, where)

    def query(self, sql, *args):
        db = sqlite3.connect(self.dir / "hookspool.db")
        try:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(sql, args)]
        finally:
            db.close()


def moments(ops, rng, number, after):
    """
    When the power is cut: anywhere after the first operation of that kind, but often beside the end of a sync or an
    acknowledgement, and as often on the way from one of that kind to the next acknowledgement.
    """
    first = next((n for n, op in enumerate(ops) if op.kind == after), 0)
    beside = [n + side for n, op in enumerate(ops) if n >= first and op.kind in (SYNC_END, ACKNOWLEDGED) for side in (0, 1)]
    way, on_it = [], False
    for n, op in enumerate(ops):
        on_it = op.kind == after or (on_it and op.kind != ACKNOWLEDGED)
        way += [n + 1] * on_it
    anywhere = range(first, len(ops) + 1)
    return sorted(rng.choice(rng.choice((anywhere, beside or anywhere, way or beside or anywhere))) for _ in range(number))


def of_delivery(data):
    body, event = data.rsplit(b"\n", 1)
    return Ack(key_of(body), digest(body), int(event))


def cuts(recording, rng, number, journaled, after=None, ack=of_delivery):
    """For each of so many power cuts, all after the first operation of a kind: what is left, and what had been acknowledged."""
    ops, disk, acknowledged, done = recording.ops(), Disk(recording.before, journaled), [], 0
    for moment in moments(ops, rng, number, after):
        for op in ops[done:moment]:
            if op.kind == ACKNOWLEDGED:
                acknowledged.append(ack(op.data))
            else:
                disk.do(op)
        done = moment
        where = new_dir("left")
        where.chmod(0o700)
        disk.cut(where, rng)
        yield Left(where), acknowledged
        shutil.rmtree(where)
