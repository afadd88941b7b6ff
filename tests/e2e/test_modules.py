# SPDX-License-Identifier: ISC
"""Modules: which programs map their libraries, what is said where one is missing, and that they clash with nothing."""
import re
import shutil

import pytest

from place import BIN, SOURCE, new_dir, run
from receiver import Home, endpoint
from relaying import PATH, Relay, deliver, home_with, sink, states

LIBRARIES = {"redis": "libhiredis", "nats": "libnats", "kafka": "librdkafka", "amqp": "librabbitmq", "mqtt": "libmosquitto", "postgresql": "libpq",
             "journald": "libsystemd"}
ENGINES = {"spool-postgresql"}
pytestmark = pytest.mark.sqlite  # which needs no module
NOWHERE = {"redis": {"url": "redis://127.0.0.1:1", "stream": "s"}, "nats": {"url": "nats://127.0.0.1:1", "subject": "s"},
           "kafka": {"brokers": ["127.0.0.1:1"], "topic": "t"}, "amqp": {"url": "amqp://127.0.0.1:1", "routing_key": "q"},
           "mqtt": {"url": "mqtt://127.0.0.1:1", "topic": "t"}, "postgresql": {"url": "postgresql://hook@127.0.0.1:1/d", "table": "t"}, "journald": {}}
SECTIONS = {kind: sink(kind, type=kind, allow_private=None, **given) for kind, given in NOWHERE.items()}


def home_of_all():
    """Events go nowhere, by each type that is a module."""
    return Home(*SECTIONS.values(), endpoint(PATH, relay=list(NOWHERE)[1:], store=list(NOWHERE)[:1], store_wait="100ms"))


def mapped(child):
    text = open(f"/proc/{child.pid}/maps").read()
    return {library for library in LIBRARIES.values() if f"/{library}" in text}


def test_each_module_is_tried():
    assert set(LIBRARIES) | ENGINES == {path.stem for path in (BIN / "modules").glob("*.so")}


def test_a_receiver_maps_no_library_of_the_sinks_it_names(children):
    home = home_of_all()
    receiver = home.start()
    deliver(receiver)
    assert mapped(receiver) == set() and len(states(home)) == len(LIBRARIES)


def test_a_relay_maps_the_libraries_of_its_sinks_alone(children):
    assert mapped(Relay(started(home_of_all())).ready()) == set(LIBRARIES.values())
    for kind, library in LIBRARIES.items():
        assert mapped(Relay(started(home_with(SECTIONS[kind], relay=(kind,)))).ready()) == {library}
    assert mapped(Relay(started(home_with(sink("out", type="null", allow_private=None)))).ready()) == set()


def started(home):
    """With a spool."""
    home.start().stop()
    return home


@pytest.mark.parametrize("args", [("list",), ("stats",), ("deliveries",), ("--version",), ("check", "--options")])
def test_other_commands_load_no_module(children, args):
    """Also where the configuration names all."""
    home = home_of_all()
    deliver(home.start())
    done = run([BIN / "hookspool", "-c", home.conf, *args], env={"LD_DEBUG": "files"})
    assert done.returncode == 0 and b"libc.so" in done.stderr
    assert [library for library in LIBRARIES.values() if library.encode() in done.stderr] == []


def without_module():
    """The program alone, in another directory."""
    place = new_dir("bin")
    shutil.copy(BIN / "hookspool", place)
    return place / "hookspool"


def test_a_missing_module_is_named(children):
    home = home_with(SECTIONS["redis"], relay=("redis",))
    home.start()
    program = without_module()
    done = run([program, "-c", home.conf, "relay"], user=None)
    text = done.stderr.decode()
    assert done.returncode == 78 and re.search(r"hookspool\.conf:\d+: sink", text) and "apt-get install hookspool-redis" in text
    checked_ = run([program, "-c", home.conf, "check", "--socket", "none"]).stdout.decode()
    assert re.search(r"FAIL \S+hookspool\.conf:\d+: sink redis: .*hookspool-redis", checked_)
    assert run([program, "-c", home.conf, "list"]).returncode == 0


def test_version_lists_drivers_and_modules(children):
    lines = run([BIN / "hookspool", "--version"]).stdout.decode().splitlines()
    assert lines[0].startswith("hookspool ") and "null" in lines[1] and lines[1].startswith("sinks: ") and "redis" in lines[2].split()
    assert run([without_module(), "--version"]).stdout.decode().splitlines()[2] == "modules: none"


def test_no_library_has_a_name_that_the_program_exports():
    """A library would call the program's function in place of its own."""
    def names(path, which):
        return {line.split()[-1].split("@")[0] for line in run(["nm", "-D", which, path]).stdout.decode().splitlines()}

    exported = names(BIN / "hookspool", "--defined-only")
    lists = [SOURCE / "src/sink/module.syms", SOURCE / "src/spool/engine.syms"]
    ours = {name for path in lists for name in re.findall(r"^\t(\w+);", path.read_text(), re.M)}
    assert ours <= exported
    linked = [run(["ldd", path]).stdout.decode() for path in (BIN / "hookspool", *(BIN / "modules").glob("*.so"))]
    needed = set(re.findall(r"=> (/\S+)", "".join(linked)))
    assert len(linked) > 4 and len(needed) > 10
    assert not {path: shared for path in needed if (shared := (names(path, "--defined-only") & ours))}
