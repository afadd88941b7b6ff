# SPDX-License-Identifier: ISC
"""A spool in PostgreSQL, as the administrator sees it: commands, roles, check, pgbouncer, and moving a spool there and back."""
import json
import re
import signal

import pytest

import fcgi_client
from outcomes import expect
from page import Page
from place import BIN, SOURCE, USER, need, new_dir, own, run, until
from postgresql_server import PostgreSQL, program
from proc import Child
from receiver import Home, endpoint
from relaying import PATH, deliver, sink
from sender import message


@pytest.fixture(scope="module")
def server():
    one = PostgreSQL(table=None)
    yield one
    one.child.end()


@pytest.fixture
def database(server):
    """The URL of a new database."""
    name = f"spool{next(DATABASES)}"
    server.do(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    return url(server, name)


DATABASES = iter(range(1, 1000))
NULL = sink("out", type="null", allow_private=None), sink("other", type="null", allow_private=None)


def url(server, name, user="postgres"):
    return f"postgresql://{user}@/{name}?host={server.dir}&port={server.port}"


def home_at(place, **given):
    return Home(*NULL, endpoint(PATH, relay=["out", "other"]), spool=place, overflow=str(own(new_dir("local")) / "overflow"), **given)


def lines(home, *args):
    done = home.cli(*args)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def said(home, *args, status=0):
    done = home.cli(*args)
    assert done.returncode == status, (done.stdout, done.stderr)
    return done.stdout.decode() + done.stderr.decode()


def findings(home):
    """What check says, by name."""
    found = json.loads(home.cli("check", "--json", "--socket", "none").stdout)
    return {f["name"]: f"{f['status']}: {f['message']}" for f in found["checks"]}


def psql(server, name, sql):
    return run([program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url(server, name), "-c", sql])


def test_commands_read_and_change_a_spool_in_postgresql(receiver, database):
    home = home_at(database)
    one = receiver(home=home)
    bodies = deliver(one, 3)
    expect(fcgi_client.deliver(one.socket, bodies[0], path=PATH), "duplicate")
    expect(fcgi_client.deliver(one.socket, message(), path=PATH, headers={"X-Webhook-Signature": "00"}), "unauthorized")
    events = lines(home, "export")
    assert [json.loads(e["body"]) for e in events] == [json.loads(b) for b in bodies]
    shown = said(home, "list")
    assert shown.count("message.received") == 3
    assert "message.received" in said(home, "show", str(events[0]["id"]))
    assert [(d["sink"], d["state"]) for d in lines(home, "deliveries", "--json")] == [("out", "pending"), ("other", "pending")] * 3
    until(lambda: "unauthorized" in said(home, "rejects"), "the refusal is written", 20)
    stats = lines(home, "stats", "--json")[0]
    assert stats["events"] == 3 and {c["outcome"] for c in stats["counters"]} == {"stored", "duplicate", "unauthorized"}
    assert "3 deliveries dropped" in said(home, "drop", "--sink", "out")
    assert "3 deliver" in said(home, "retry", "--sink", "out")
    assert "3 deliveries dropped" in said(home, "drop", "--sink", "out")
    assert "3 of 3 events are due for out" in said(home, "replay", "--sink", "out", "--since", "1h")
    assert said(home, "purge", "--older-than", "1h").startswith("0 events purged")
    assert "3 events" in said(home, "erase", "--sender", json.loads(bodies[0])["data"]["sender"]["id"])
    assert lines(home, "export") == []
    expect(fcgi_client.deliver(one.socket, bodies[0], path=PATH), "duplicate")  # its key is known as a hash
    one.stop()


def test_the_page_and_the_metrics_show_it(receiver, database):
    home = home_at(database)
    one = receiver(home=home)
    deliver(one, 3)
    page = Page(home)
    assert len(page.events()["events"]) == 3
    event = page.get("/event/1.json").json
    assert [d["sink"] for d in event["deliveries"]] == ["out", "other"]
    assert page.get("/summary.json").json["sinks"][0]["pending"] == 3
    assert page.get("/callers.json", of="events").status == 200
    until(lambda: re.search(rb'hookspool_deliveries_total\{.*?\} 3\n', page.get("/metrics").body), "the counters are written", 20)
    assert page.get("/health").status == 200 and page.get("/ready").status == 200
    page.stop()
    one.stop()


def manual_grants():
    """What hookspool.conf(5) tells the administrator to run."""
    text = (SOURCE / "man/hookspool.conf.5").read_text()
    found = re.search(r"^CREATE ROLE hookspool_owner LOGIN;\n.*?^\.Ed", text, re.M | re.S)
    return found[0].replace("\\e", "\\").removesuffix(".Ed")


def test_grants_of_the_manual_suffice_and_migrate_needs_the_owner(receiver, server):
    script = own(new_dir("grants")) / "grants.sql"
    script.write_text(manual_grants())
    done = run([program("psql"), "-X", "-v", "ON_ERROR_STOP=1", "-d", server.url, "-f", script])
    assert done.returncode == 0, done.stderr
    home = home_at(url(server, "hookspool", "hookspool"))
    refused = "schema: it has no tables, and this role may not make them; run hookspool migrate --as URL"
    assert findings(home)["spool-database"].startswith("fail: ") and refused in findings(home)["spool-database"]
    assert refused in said(home, "list", status=75)
    assert "permission denied" in said(home, "migrate", status=75)
    assert "up to date" in said(home, "migrate", "--as", url(server, "hookspool", "hookspool_owner"))
    assert "up to date" in said(home, "migrate")
    one = receiver(home=home)
    deliver(one, 2)
    assert len(lines(home, "export")) == 2
    assert findings(home)["spool-grants"].startswith("ok: ")
    one.stop()
    assert psql(server, "hookspool", "REVOKE DELETE ON hookspool.event FROM hookspool").returncode == 0
    assert findings(home)["spool-grants"].startswith("fail: spool server: this role may not read and write all of these: event;")


def test_check_of_an_outage_blames_no_receiver(receiver):
    """The receiver goes on with the overflow. What it uses can't be read, so that nothing is said of it."""
    one = PostgreSQL(table=None)
    home = home_at(one.url)
    running = receiver(home=home)
    deliver(running, 1)
    one.child.end()
    checked = json.loads(home.cli("check", "--json", "--socket", f"unix:{running.socket}").stdout)["checks"]
    bad = {f["name"]: f["message"] for f in checked if f["status"] == "fail"}
    assert list(bad) == ["spool-database"], bad
    assert [f["message"] for f in checked if f["name"] == "socket" and "a receiver answers" in f["message"]], checked


def test_backup_and_restore_are_not_for_a_spool_in_postgresql(database):
    home = home_at(database)
    said(home, "migrate")
    file = home.dir / "copy.db"
    assert "pg_dump" in said(home, "backup", str(file), status=64)
    assert not file.exists() and not file.with_name("copy.db.incomplete").exists()
    assert "the spool is in PostgreSQL" in said(home, "restore", str(file), status=64)


def test_check_tells_of_a_server_that_loses_events():
    weak = PostgreSQL("fsync=off", "full_page_writes=off", table=None)
    home = home_at(weak.url)
    said(home, "migrate")
    assert findings(home)["spool-durability"].startswith("fail: ")
    checked = said(home, "check", status=2)
    assert "FAIL spool server: fsync = off" in checked and "FAIL spool server: full_page_writes = off" in checked
    weak.child.end()
    assert findings(home)["spool-database"].startswith("fail: spool database: PostgreSQL: ")


def test_check_knows_what_a_failover_loses():
    one = PostgreSQL("synchronous_commit=local", table=None)
    home = home_at(one.url)
    said(home, "migrate")
    found = findings(home)
    assert found["spool-durability"] == "ok: spool server: a commit is on its disk; the receiver sets synchronous_commit = on"
    assert found["spool-replication"].startswith("ok: spool server: no standby;") and found["spool-clock"].startswith("ok: ")
    one.do("ALTER SYSTEM SET synchronous_standby_names = 'other'")
    one.do("SELECT pg_reload_conf()")
    until(lambda: "none of them is connected" in findings(home)["spool-replication"], "the standby is missed", 20)
    one.child.end()


def test_a_spool_is_moved_into_postgresql_and_back(receiver, database):
    home = home_at(str(new_dir("moved") / "spool"))
    own(home.spool.dir.parent)
    one = receiver(home=home)
    bodies = deliver(one, 5)
    said(home, "drop", "--sink", "other")
    refused = said(home, "move", "--to", database, status=1)
    assert "a receiver uses the spool" in refused
    one.stop()
    before, deliveries = lines(home, "export"), lines(home, "deliveries", "--json")
    moved = said(home, "move", "--to", database)
    assert "5 events and 10 deliveries copied, 5 in all" in moved and "Let overflow be another directory than the old spool" in moved
    assert "0 events and 0 deliveries copied, 5 in all" in said(home, "move", "--to", database)
    there = home_at(database)
    assert lines(there, "export") == before and lines(there, "deliveries", "--json") == deliveries
    two = receiver(home=there)
    expect(fcgi_client.deliver(two.socket, bodies[2], path=PATH), "duplicate")
    deliver(two, 1)
    two.stop()
    assert "has newer events now; nothing was moved" in said(home, "move", "--to", database, status=1)
    assert "the spool is there already" in said(home, "move", "--to", f"{home.spool.dir.parent}/./spool/", status=1)
    other = home_at(str(own(new_dir("other")) / "spool"))
    four = receiver(home=other)
    deliver(four, 1)
    four.stop()
    assert "there is another spool, with events of its own; nothing was moved" in said(other, "move", "--to", database, status=1)
    back = new_dir("back")
    own(back)
    assert "6 events and 12 deliveries copied" in said(there, "move", "--to", str(back / "spool"))
    again = home_at(str(back / "spool"))
    assert lines(again, "export") == lines(there, "export")
    three = receiver(home=again)
    expect(fcgi_client.deliver(three.socket, bodies[4], path=PATH), "duplicate")
    three.stop()


EVENTS = 4000
MORE = f"""INSERT INTO event(id, received_at, endpoint, secret, event, key, headers, body, scope)
    WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {EVENTS})
    SELECT i, received_at, endpoint, secret, event, 'key ' || i, headers, body, scope FROM n, event WHERE id = 1;
    INSERT INTO relay(event, sink, state, since, due, attempts) SELECT event.id, sink, 0, since, due, 0 FROM event, relay
    WHERE event.id > 1 AND relay.event = 1"""


def killed_move(home, to, moved):
    """Moves the spool, kills the command five times in the middle, and runs it to its end. moved() is how many events are there."""
    for part in range(1, 6):
        child = Child([BIN / "hookspool", "-c", home.conf, "move", "--to", to], home.dir / "move.log")
        until(lambda part=part, child=child: moved() > EVENTS * part // 8 or not child.alive(), "a part is moved", 60)
        child.signal(signal.SIGKILL)
        assert child.wait(20) == -signal.SIGKILL, child.text()
    assert 0 < moved() < EVENTS
    assert f"{EVENTS} in all" in said(home, "move", "--to", to)
    assert "0 events and 0 deliveries copied" in said(home, "move", "--to", to)


def test_a_move_that_is_killed_goes_on_in_both_directions(receiver, server, database):
    home = home_at(str(own(new_dir("moved")) / "spool"))
    one = receiver(home=home)
    body = deliver(one, 1)[0]
    one.stop()
    done = run([need("sqlite3"), home.spool.dir / "hookspool.db", MORE], user=USER)
    assert done.returncode == 0, done.stderr
    before, deliveries = lines(home, "export"), lines(home, "deliveries", "--json", "-n", "0")
    assert len(before) == EVENTS and len(deliveries) == 2 * EVENTS

    def number(sql):
        done = psql(server, re.search(r"/(spool\d+)\?", database)[1], sql)
        return int(done.stdout) if done.returncode == 0 else 0

    killed_move(home, database, lambda: number("SELECT count(*) FROM event"))
    there = home_at(database)
    assert lines(there, "export") == before and lines(there, "deliveries", "--json", "-n", "0") == deliveries
    assert number("SELECT count(*) FROM event_key") == EVENTS
    back = home_at(str(own(new_dir("back")) / "spool"))
    killed_move(there, str(back.spool.dir), lambda: len(back.spool.query("SELECT id FROM event")) if back.spool.is_made() else 0)
    assert lines(back, "export") == before and lines(back, "deliveries", "--json", "-n", "0") == deliveries
    two = receiver(home=back)
    expect(fcgi_client.deliver(two.socket, body, path=PATH), "duplicate")
    two.stop()


def test_a_move_leaves_no_event_in_the_overflow(receiver, server, database):
    """It was answered 200, and the new configuration may have no overflow."""
    overflow, to = str(own(new_dir("waiting")) / "overflow"), str(own(new_dir("to")) / "spool")
    home = Home(*NULL, endpoint(PATH, relay=["out", "other"]), spool=database.replace(str(server.dir), "/nowhere"), overflow=overflow)
    one = receiver(home=home)
    deliver(one, 1)
    one.stop()
    home.configure(*NULL, endpoint(PATH, relay=["out", "other"]), spool=database, overflow=overflow)
    said(home, "migrate")
    assert "has 1 event that is not in the spool yet" in said(home, "move", "--to", to, status=1)
    said(home, "relay", "--once")
    assert "1 event and" in said(home, "move", "--to", to)


@pytest.fixture
def bouncer(server, database):
    """pgbouncer in the mode transaction in front of the database, with one connection to the server for all clients."""
    place, name = own(new_dir("pgbouncer")), re.search(r"/(spool\d+)\?", database)[1]
    (place / "users").write_text('"postgres" ""\n')
    (place / "ini").write_text(f"""[databases]
{name} = host={server.dir} port={server.port} dbname={name} user=postgres
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = {place}
auth_type = trust
auth_file = {place}/users
pool_mode = transaction
default_pool_size = 2
""")
    child = Child([need("pgbouncer"), place / "ini"], place / "log")
    child.until(lambda: (place / ".s.PGSQL.6432").exists(), "pgbouncer listens", 20)
    yield f"postgresql://postgres@/{name}?host={place}&port=6432"
    child.end()


def test_commands_and_receiver_work_behind_pgbouncer(receiver, bouncer):
    home = home_at(bouncer)
    said(home, "migrate")
    one = receiver(home=home)
    deliver(one, 4)
    assert len(lines(home, "export")) == 4
    assert "4 deliveries dropped" in said(home, "drop", "--sink", "out")
    assert "4 deliver" in said(home, "retry", "--sink", "out")
    assert said(home, "purge", "--older-than", "0s").startswith("4 events purged")
    assert lines(home, "export") == []
    one.stop()
