# SPDX-License-Identifier: ISC
"""Sinks of the type postgresql, on a real server: what arrives, once, whatever fails."""
import base64
import hmac
import re
import signal
import time

import pytest

import fcgi_client
from outcomes import expect
from place import new_dir, own, until
from postgresql_server import TABLE, PostgreSQL
from receiver import Home, endpoint
from relaying import PATH, Relay, deliver, errors_of, home_with, settled, sink, states
from sender import SECRET, message
from servers import free_port
from test_callers import make_certificates

SOON = ["100ms", "200ms", "1h"]
TEXTS = ["id = {{hookspool.id}}", "text = {{hookspool.text}}", "body = {{{raw}}}"]


def table_sink(server, name="out", **given):
    given.setdefault("url", server.url)
    given.setdefault("table", "hook_events")
    given.setdefault("max_in_flight", 64)
    return sink(name, type="postgresql", allow_private=None, **given)


@pytest.fixture
def server(children):
    return PostgreSQL()


def attempts(home):
    return [str(row["error"]) for row in home.spool.query("SELECT error FROM attempt ORDER BY id")]


def relayed(server, n=1, files=None, **given):
    """Stores n events for the sink, and starts a relay."""
    home = home_with(table_sink(server, **given), files=files)
    bodies = deliver(home.start(), n)
    home.relay = Relay(home).ready()
    return home, bodies


def error_of(home):
    return until(lambda: attempts(home), "an attempt")[-1]


# ---- what arrives

def test_an_event_is_a_row(server):
    home, bodies = relayed(server, 3)
    settled(home, 3)
    assert server.bodies() == sorted(bodies)
    row = server.do("SELECT id, endpoint, event, sender_name, received_at > now() - interval '1 minute' FROM hook_events")[0]
    assert row[0].startswith("evt_") and row[1:3] == [PATH, "message.received"] and row[3] and row[4] == "t"
    assert len(set(server.ids())) == 3
    assert b"hook_events" in home.cli("deliveries", "--json").stdout


def test_columns_are_templates_in_the_types_of_the_table(server):
    server.do("""CREATE SCHEMA "In"; CREATE TABLE "In"."Box" ("The id" text PRIMARY KEY)""")
    server.do('CREATE TABLE "In".typed (i text UNIQUE, at timestamptz, raw jsonb, kind text, none int)')
    home, bodies = relayed(server, table="In.typed", columns=["i = {{hookspool.id}}", "at = {{hookspool.received_at}}", "raw = {{{raw}}}",
                                                             "kind = <{{event}}>", "none = {{data.nothing}}"])
    settled(home, 1)
    assert server.do("SELECT raw->>'event', kind, none IS NULL, at < now() FROM \"In\".typed") == [["message.received", "<message.received>", "t", "t"]]


def test_a_body_of_any_bytes_is_kept_and_texts_are_made_fit(server):
    """Texts of PostgreSQL are UTF-8 without U+0000."""
    server.do("CREATE TABLE texts (id text PRIMARY KEY, text text, body bytea)")
    home = Home(table_sink(server, table="texts", columns=[TEXTS[0], "text = <{{hookspool.text}}{{#if event}}{{else}}{{{raw}}}{{/if}}>", TEXTS[2]]),
                'scheme "any" {\nlike = "connectsafely"\nbodies = {"any"}\nevent = {"json:event", "text:any"}\n}\n', endpoint(PATH, scheme="any", relay=["out"]))
    receiver = home.start()
    first, = deliver(receiver, text="a\0\0b\0 '); DROP TABLE texts; --\u00e9")
    other = b"a=\0\xff\xc3\xa9"
    expect(fcgi_client.deliver(receiver.socket, other, path=PATH, headers={"Content-Type": "text/plain"}), "stored")
    Relay(home).ready()
    settled(home, 2)
    assert server.bodies("texts") == sorted([first, other])
    texts = {row[0] for row in server.do("SELECT text FROM texts")}
    assert texts == {"<a\ufffd\ufffdb\ufffd '); DROP TABLE texts; --\u00e9>", "<a=\ufffd\ufffd\u00e9>"}


def test_the_body_of_a_get_is_its_parameters(server):
    """As with other types."""
    url, query = "https://example.com/tw", "MessageSid=SM1&MessageStatus=sent&Body=a%20b%26c"
    home = Home(table_sink(server), endpoint("/tw", scheme="twilio", url=url, relay=["out"]))
    proof = base64.b64encode(hmac.digest(SECRET.encode(), f"{url}?{query}".encode(), "sha1")).decode()
    listed = dict(fcgi_client.params(path="/tw", method="GET", headers={"X-Webhook-Signature": None, "X-Twilio-Signature": proof}))
    with fcgi_client.Fcgi(home.start().socket) as fcgi:
        fcgi.send(fcgi_client.whole([*{**listed, "CONTENT_TYPE": "", "QUERY_STRING": query}.items()]))
        assert fcgi.reply().status == 200
    Relay(home).ready()
    settled(home, 1)
    assert server.bodies() == [query.encode()]


def test_an_event_is_inserted_once(server):
    """A server that hangs may commit an attempt that is over. The next one finds its row."""
    home, _ = relayed(server, timeout="700ms", retry=SOON)
    settled(home, 1)
    server.hang(True)
    deliver(home.start(), 3)
    until(lambda: sum("in time" in error for error in attempts(home)) >= 3, "all have had an attempt")
    assert states(home).count(1) == 1
    server.hang(False)
    settled(home, 4)
    assert len(server.ids()) == 4


def test_a_row_that_is_there_is_left(server):
    """deliveries says so."""
    home, _ = relayed(server)
    settled(home, 1)
    before = server.do("SELECT xmin, * FROM hook_events")
    assert home.cli("replay", "1").returncode == 0
    until(lambda: b"which had it" in home.cli("deliveries", "--json").stdout, "the second delivery")
    assert server.do("SELECT xmin, * FROM hook_events") == before


# ---- events that the table refuses

def poisoned(server, *texts, **given):
    home = home_with(table_sink(server, retry=SOON, **given))
    receiver = home.start()
    for text in texts:
        deliver(receiver, text=text)
    Relay(home).ready()
    return home


@pytest.mark.parametrize("constraint, why", [
    ("CHECK (text <> 'poison')", "23514"),
    ("EXCLUDE (text WITH =) WHERE (text = 'poison') DEFERRABLE INITIALLY DEFERRED", "23P01"),  # found at the commit
])
def test_a_poison_event_is_refused_alone(server, constraint, why):
    server.do(f"ALTER TABLE hook_events ADD {constraint}")
    server.do("INSERT INTO hook_events (id, endpoint, received_at, body, text) VALUES ('old', '', now(), '', 'poison')" if "EXCLUDE" in constraint else "SELECT 1")
    home = poisoned(server, "a", "b", "poison", "c", "d")
    until(lambda: 0 not in states(home), "all have ended")
    assert states(home) == [1, 1, 2, 1, 1] and why in str(attempts(home))


def test_an_error_does_not_quote_the_event(server):
    server.do("CREATE TABLE numbers (id text PRIMARY KEY, number int)")
    home = poisoned(server, "12", "the secret words", "13", table="numbers", columns=[TEXTS[0], "number = {{hookspool.text}}"])
    until(lambda: 0 not in states(home), "all have ended")
    assert states(home) == [1, 2, 1] and "22P02" in str(attempts(home)) and "secret" not in str(attempts(home))
    assert server.do("SELECT number FROM numbers ORDER BY 1") == [["12"], ["13"]]


def test_what_a_trigger_raises_is_tried_again_alone(server):
    server.do("""CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.text = 'poison' THEN RAISE 'not now'; END IF; RETURN NEW; END $$""")
    server.do("CREATE TRIGGER no BEFORE INSERT ON hook_events FOR EACH ROW EXECUTE FUNCTION no()")
    home = poisoned(server, "a", "poison", "b")
    until(lambda: states(home) == [1, 0, 1], "the others have arrived")
    assert "not now" in str(attempts(home))
    server.do("DROP TRIGGER no ON hook_events")
    settled(home, 3)


# ---- ways to it

def with_password(*settings):
    server = PostgreSQL(*settings, port=free_port(), tcp=True)
    server.do("CREATE ROLE hook LOGIN PASSWORD 's3cret word'; GRANT INSERT, SELECT (id) ON hook_events TO hook")
    (server.data / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    server.do("SELECT pg_reload_conf()")
    return server


def test_by_tcp_with_a_password_and_few_privileges(children):
    server = with_password()
    home, _ = relayed(server, url=f"postgresql://hook@localhost:{server.port}/postgres", password_file="password", files={"password": "s3cret word"})
    settled(home, 1)
    assert "s3cret" not in home.relay.text() and f":{server.port}" in home.cli("check", "--socket", "none").stdout.decode()


@pytest.mark.parametrize("host, why", [("127.0.0.1", "password authentication failed"), ("nowhere.invalid", "nowhere.invalid")])
def test_a_way_that_is_wrong(children, host, why):
    server = with_password()
    home, _ = relayed(server, url=f"postgresql://hook@{host}:{server.port}/postgres", password_file="password", files={"password": "wrong"})
    assert why in error_of(home) and states(home) == [0]


def test_tls_is_verified(children):
    where = new_dir("ca")
    make_certificates(where)
    server = with_password("ssl=on", f"ssl_cert_file={where}/server.pem", f"ssl_key_file={own(where / 'server.key')}")
    url = f"postgresql://hook@localhost:{server.port}/postgres?sslmode=verify-full"
    given = {"password_file": "password", "retry": SOON}
    home = home_with(table_sink(server, url=f"{url}&sslrootcert={where}/ca.pem", **given), table_sink(server, "stranger", url=f"{url}&sslrootcert={where}/other.pem", **given),
                     table_sink(server, "name", url=f"{url}&sslrootcert={where}/ca.pem".replace("localhost", "127.0.0.1"), **given),
                     relay=("out", "stranger", "name"), files={"password": "s3cret word"})
    deliver(home.start())
    Relay(home).ready()
    settled(home, 1)
    errors = errors_of(home, 3)
    assert "certificate" in errors["stranger"] and "127.0.0.1" in errors["name"]


# ---- servers that fail

def test_a_server_that_hangs_before_it_answers(server):
    server.hang(True)
    home, _ = relayed(server, 2, timeout="500ms", retry=SOON)
    assert "in time" in error_of(home) and states(home) == [0, 0]
    start = time.monotonic()
    home.relay.stop()
    assert time.monotonic() - start < 20
    server.hang(False)
    Relay(home).ready()
    settled(home, 2)


def test_a_server_that_is_down_gets_the_event_later(server):
    server.end(signal.SIGINT)
    home, _ = relayed(server, retry=SOON)
    assert error_of(home) and states(home) == [0]
    server.start()
    settled(home, 1)
    assert len(server.ids()) == 1


@pytest.mark.parametrize("broken, mended, why", [
    ("ALTER DATABASE postgres SET default_transaction_read_only = on", "ALTER DATABASE postgres RESET default_transaction_read_only", "read-only"),
    ("ALTER TABLE hook_events RENAME TO other", "ALTER TABLE other RENAME TO hook_events", "does not exist"),
    ("CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no space' USING ERRCODE = 'disk_full'; END $$; "
     "CREATE TRIGGER no_space BEFORE INSERT ON hook_events FOR EACH ROW EXECUTE FUNCTION no_space()", "DROP FUNCTION no_space() CASCADE", "no space"),
    ("ALTER TABLE hook_events DROP CONSTRAINT hook_events_pkey", "ALTER TABLE hook_events ADD PRIMARY KEY (id)", "no unique"),
])
def test_a_server_that_refuses_all_is_tried_again(server, broken, mended, why):
    server.do(broken)
    home, _ = relayed(server, 3, retry=SOON)
    assert why in error_of(home) and states(home) == [0, 0, 0]
    server.do(f"BEGIN READ WRITE; {mended}; COMMIT")
    settled(home, 3)
    assert len(server.ids()) == 3


def test_a_connection_that_the_server_ends_is_opened_again(server):
    home, _ = relayed(server, retry=SOON)
    settled(home, 1)
    server.do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hookspool'")
    deliver(home.start(), 3)
    settled(home, 4)
    assert len(server.ids()) == 4


def test_a_locked_table_holds_up_no_other_sink(server):
    other = "CREATE TABLE others (id text PRIMARY KEY, text text, body bytea)"
    server.do(other)
    server.do("CREATE ROLE locker LOGIN SUPERUSER")
    home = home_with(table_sink(server, timeout="700ms", retry=SOON), table_sink(server, "other", table="others", columns=TEXTS), relay=("out", "other"))
    with server.locked("hook_events"):
        deliver(home.start(), 3)
        Relay(home).ready()
        until(lambda: len(server.ids("others")) == 3, "the other has all")
        until(lambda: attempts(home) and "None" not in attempts(home)[-1], "a timeout")
        assert states(home).count(1) == 3
    settled(home, 6)
    assert len(server.ids()) == 3


def test_a_200_of_store_means_that_the_table_has_the_event(server):
    home = Home(table_sink(server), endpoint(PATH, store=["out"], store_required=True, store_wait="5s"))
    receiver = home.start()
    home.relay = Relay(home).ready()
    body = message()
    expect(fcgi_client.deliver(receiver.socket, body, path=PATH), "stored")
    assert server.bodies() == [body]


# ---- the session

def test_each_transaction_waits_for_the_disk(server):
    """Also where the database's default is another one."""
    server.do("ALTER DATABASE postgres SET synchronous_commit = off")
    server.do("CREATE TABLE seen (setting text)")
    server.do("""CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$""")
    server.do("CREATE TRIGGER see BEFORE INSERT ON hook_events FOR EACH ROW EXECUTE FUNCTION see()")
    home, _ = relayed(server, 2)
    settled(home, 2)
    assert server.do("SELECT DISTINCT setting FROM seen") == [["on"]]


def test_a_batch_has_no_more_events_than_it_may(server):
    home, _ = relayed(server, 21, batch=5, batch_wait="100ms")
    settled(home, 21)
    assert sorted(int(row[0]) for row in server.do("SELECT count(*) FROM hook_events GROUP BY xmin::text"))[-1] <= 5


def test_a_batch_is_one_transaction(server):
    home, _ = relayed(server, 40)
    settled(home, 40)
    assert int(server.one("SELECT count(DISTINCT xmin::text) FROM hook_events")) < 20


# ---- check

def lines_of(home):
    done = home.cli("check", "--socket", "none")
    return [line for line in done.stdout.decode().splitlines() if "sink out" in line]


def checked(server, **given):
    return lines_of(home_with(table_sink(server, **given)))


def found(lines, level, what):
    return [line for line in lines if line.startswith(level) and what in line]


def test_check_of_a_durable_server(server):
    lines = checked(server)
    assert found(lines, "ok", "on the disk") and not found(lines, "warn", "") and not found(lines, "FAIL", "")
    assert server.ids() == []


FAULTS = [
    ("ALTER TABLE hook_events DROP CONSTRAINT hook_events_pkey", "FAIL", "PRIMARY KEY"),
    ("ALTER TABLE hook_events DROP COLUMN sender_id", "FAIL", "option columns"),
    ("ALTER TABLE hook_events ADD tenant text NOT NULL", "FAIL", "column tenant is NOT NULL"),
    ("ALTER TABLE hook_events SET UNLOGGED", "warn", "SET LOGGED"),
    ("DROP TABLE hook_events", "FAIL", "CREATE TABLE"),
]


def test_check_of_a_table(server):
    home = home_with(table_sink(server))
    for sql, level, finding in FAULTS:
        server.do(f"DROP TABLE hook_events; {TABLE}; {sql}")
        assert found(lines_of(home), level, finding), (sql, lines_of(home))
        server.do("CREATE TABLE IF NOT EXISTS hook_events ()")


def test_check_of_privileges(server):
    server.do("CREATE ROLE hook LOGIN")
    assert found(checked(server, url=server.url.replace("postgres@", "hook@")), "FAIL", "GRANT INSERT")


def test_check_warns_of_what_is_not_durable(children):
    lines = checked(PostgreSQL("fsync=off", "full_page_writes=off"))
    assert found(lines, "warn", "fsync = on") and found(lines, "warn", "full_page_writes = on") and not found(lines, "ok", "on the disk")


def test_check_of_a_server_that_is_down(server):
    server.end(signal.SIGINT)
    assert found(checked(server), "warn", "can't be reached")


def test_check_of_a_server_that_takes_no_writes(server):
    server.do("ALTER DATABASE postgres SET default_transaction_read_only = on")
    assert found(checked(server), "FAIL", "read-only")


def test_check_of_a_user_that_is_refused(server):
    assert found(checked(server, url=server.url.replace("postgres@", "nobody@")), "FAIL", "nobody")


@pytest.mark.parametrize("given, why", [
    ({"url": "mysql://127.0.0.1/x"}, "write it as"),
    ({"url": "postgresql://user:secret@127.0.0.1/x"}, "password-file"),
    ({"url": "postgresql://127.0.0.1/x?password=secret"}, "password-file"),
    ({"url": "postgresql://127.0.0.1,127.0.0.2/x"}, "one host"),
    ({"url": "postgresql://127.0.0.1/x?options=-c"}, "behind the ?"),
    ({"table": "a.b.c"}, "schema.hook_events"),
    ({"table": ""}, "schema.hook_events"),
    ({"columns": ["body = {{{raw}}}"]}, "the first column"),
    ({"columns": [*TEXTS, "text = {{x}}"]}, "twice"),
    ({"columns": ["id"]}, "name = {{template}}"),
    ({"columns": [TEXTS[0], "text = {{"]}, "columns"),
])
def test_a_wrong_option(children, given, why):
    home = home_with(sink("out", type="postgresql", allow_private=None, **{"url": "postgresql:///x", "table": "t", **given}))
    done = home.cli("check", "--socket", "none")
    text = (done.stdout + done.stderr).decode()
    assert done.returncode in (2, 78) and why in text and re.search(r"hookspool.conf:\d+: ", text) and "secret@" not in text
