# SPDX-License-Identifier: ISC
"""Each example of a sink, tried with what strangers send: what arrives has its service's shape, limits and escapes."""
import base64
import hashlib
import hmac
import json
import re
import socketserver
import sys
import threading
from email import message_from_bytes, policy
from html.parser import HTMLParser

import pytest

import fcgi_client
from examples import EXAMPLES, KEY, SinkExample, with_endpoint
from journald_server import Journald
from kafka_server import Kafka
from mqtt_server import Mosquitto, Subscriber
from nats_server import Nats
from outcomes import expect
from place import need, new_dir, run, until
from postgresql_server import PostgreSQL
from rabbit_server import Rabbit
from redis_server import Redis
from relaying import Relay, Target, states
from sender import message

NAME = 'Zoë "Z" <!here> <b>&\n@everyone \'👋\' {{raw}} [x](https://evil.example)'
TEXT = ('<!channel> @everyone <@U012> </pre></code><a href="tg://user?id=1">&lt;x "quoted" \\ \\n \'single\' \x01\x1f\t'
        '\r\nnext ``` **bold** [x](https://evil.example) {{raw}} ${HOME} "}],"allowed_mentions":{"parse":["everyone"]} 李👋 ')
TEXT = (TEXT * 40)[:6000]


def without_sender(*missing):
    """An event in which that is null, and one in which it isn't there."""
    null, absent = json.loads(message()), json.loads(message())
    for name in missing:
        null["data"][name] = None
        del absent["data"][name]
    null["data"]["sender"] = {"id": None, "name": None, "profile_url": None}
    return [json.dumps(null).encode(), json.dumps(absent).encode()]


@pytest.fixture
def relayed(target, children):
    """A function that relays, by the example, what a stranger tries, what escapes make longest, and events without a sender."""
    def relay(name, commented=False):
        text = (EXAMPLES / "sinks" / f"{name}.conf").read_text()
        assert re.match("# .* The (URL|program): .*\n", text)
        if commented:
            text = re.sub(r"^(\s*)#(?=[a-z-]+ = )", r"\1", text, flags=re.M)
        home = SinkExample(with_endpoint(text), target.url)
        one = home.start(env=home.env)
        done = home.cli("check", "--socket", f"unix:{one.socket}", env=home.env)
        assert done.returncode in (0, 1) and b"FAIL" not in done.stdout, done.stdout.decode() + done.stderr.decode()
        assert f"sink {name}: POST to" in done.stdout.decode() and b"no endpoint" not in done.stdout
        home.hurry()
        bodies = [message(sender=NAME, text=TEXT), *(message(sender=c * 500, text=c * 40_000) for c in "&\"👋"),
                  *without_sender("sender"), *without_sender("sender", "body")]
        running = None
        for n, body in enumerate(bodies, 1):
            expect(fcgi_client.deliver(one.socket, body, path="/webhook/linkedin"), "stored")
            running = running or Relay(home).ready()
            target.until(n)
        running.stop()
        one.stop()
        assert len(target.got) == len(bodies)
        assert all((entry[1], entry[2], entry[3]["Content-Type"]) == ("POST", "/hook", "application/json") for entry in target.got)
        return bodies
    return relay


@pytest.fixture
def payloads(relayed, target):
    """The same; gives what arrived, read."""
    def relay(name, **how):
        relayed(name, **how)
        return [json.loads(body) for body in target.bodies()]
    return relay


def cut(text, n):
    return text if len(text) <= n else text[:n - 1] + "…"


def units16(text):
    """As JavaScript and Java count characters, the most that a service can."""
    return len(text.encode("utf-16-le")) // 2


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def test_slack(payloads):
    """What Slack would read as a mention, a link or a command begins with <, and none is left."""
    sent = payloads("slack")
    for one in sent:
        block, = one["blocks"]
        assert set(one) == {"text", "blocks"} and (block["type"], set(block)) == ("section", {"type", "text"})
        assert (block["text"]["type"], block["text"]["verbatim"], len(block["text"])) == ("mrkdwn", True, 3)
        assert 0 < len(block["text"]["text"]) <= 3000 and 0 < len(one["text"]) <= 3000
        for text in (one["text"], block["text"]["text"]):
            assert "<" not in text and ">" not in text
            assert not re.search(r"&(?!amp;|lt;|gt;|[a-z]{0,3}…)", text), "an & that begins no escape, and isn't where it was cut"
    name, text = cut(escaped(NAME), 200), escaped(TEXT)
    assert sent[0]["blocks"][0]["text"]["text"] == f"*{name}*\n{cut(text, 2700)}"
    assert sent[0]["text"] == f"{name}: {cut(text, 500)}"
    assert [one["text"][:10] for one in sent[4:]] == ["Somebody: "] * 4


def test_discord(payloads):
    """Each punctuation character of a stranger's is behind a backslash, so that no link, mention or format is one; and nothing is previewed."""
    sent = payloads("discord")
    for one in sent:
        assert set(one) == {"content", "allowed_mentions", "flags"} and one["allowed_mentions"] == {"parse": []} and one["flags"] == 1 << 2
        assert one["content"].startswith("**New message from** ") and units16(one["content"]) <= 2000
        theirs = one["content"].removeprefix("**New message from** ")
        assert not re.search(r"[!-/:-@[-`{-~]", re.sub(r"\\[!-/:-@[-`{-~]", "", theirs))
    shown = re.sub(r"\\([!-/:-@[-`{-~])", r"\1", sent[0]["content"].removeprefix("**New message from** "))
    assert shown == f"{cut(NAME, 100)}\n{cut(TEXT, 800)}"
    assert all(one["content"].startswith("**New message from** somebody\n") for one in sent[4:])


class TelegramText(HTMLParser):
    """A text as Telegram reads it: (the tags around it, the text)."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.parts = [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        assert not attrs
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.parts.append((tuple(self.open), data))


def test_telegram(payloads):
    """What a stranger wrote is in code and pre, where Telegram looks for no name and no link."""
    sent = payloads("telegram")
    for one in sent:
        assert set(one) == {"chat_id", "parse_mode", "text"} and one["parse_mode"] == "HTML"
        parts = TelegramText(one["text"]).parts
        assert parts[0] == ((), "New message from ") and len("".join(text for _, text in parts)) <= 4096
        assert [tags for tags, _ in parts[1:]] == [("code",), (), ("pre",)][:len(parts) - 1] and len(one["text"].encode()) < 1 << 15
    parts = TelegramText(sent[0]["text"]).parts
    assert [text for _, text in parts[1:]] == [cut(NAME, 100), "\n", cut(TEXT, 3800)]
    assert all("<code>somebody</code>" in one["text"] for one in sent[4:])


def test_salesforce(payloads, target):
    sent = payloads("salesforce", commented=True)
    assert all(entry[3]["Authorization"] == "Bearer of-the-sink" for entry in target.got)
    assert all(entry[3]["Sforce-Duplicate-Rule-Header"] == "allowSave=true" for entry in target.got)
    for one, entry in zip(sent, target.got):
        assert set(one) == {"LastName", "Company", "Description"}
        assert 0 < len(one["LastName"]) <= 80 and 0 < len(one["Company"]) <= 255 and units16(one["Description"]) <= 32000
        assert one["Description"].endswith("\n" + entry[3]["webhook-id"])
    assert sent[0]["LastName"] == cut(NAME, 80) and sent[0]["Description"].startswith(TEXT + "\n\nurn:li:fsd_profile:ACoAA1\n")
    assert [one["LastName"] for one in sent[4:]] == ["Unknown"] * 4


def assert_signed(target, key):
    for _, _, _, headers, body in target.got:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        right = hmac.new(base64.b64decode(key), signed, hashlib.sha256).digest()
        assert headers["webhook-signature"] == f"v1,{base64.b64encode(right).decode()}"


def test_json(payloads, target):
    sent = payloads("json")
    assert_signed(target, KEY)
    for one, entry in zip(sent, target.got):
        assert one["id"] == entry[3]["webhook-id"] and one["event"] == "message.received" and one["account"] == "acc-1"
        assert set(one) == {"id", "event", "account", "conversation", "from", "text", "sent_at", "received_at"}
    assert sent[0]["from"] == {"id": "urn:li:fsd_profile:ACoAA1", "name": NAME} and sent[0]["text"] == TEXT
    assert sent[0]["sent_at"] == "2026-05-12T14:33:21.000Z" and sent[0]["conversation"] == "urn:li:messagingThread:2-x"
    assert all(one["from"] == {"id": None, "name": "unknown"} for one in sent[4:])
    assert [one["text"] for one in sent[-2:]] == ["", ""]


@pytest.mark.parametrize("commented", [False, True], ids=["as it is", "with what is commented out"])
@pytest.mark.parametrize("name", ["make", "n8n", "zapier"])
def test_bytes(name, commented, relayed, target):
    """The event's own bytes and type, signed when it says so."""
    assert relayed(name, commented) == target.bodies()
    for _, _, _, headers, _ in target.got:
        assert headers.get("Authorization") == ("Bearer of-the-sink" if name == "n8n" else None)
        assert ("webhook-signature" in headers) == (name == "n8n" and commented)
    if name == "n8n" and commented:
        assert_signed(target, KEY)


# ---- programs

def started(name, url, words):
    """A home with the example, and a receiver; hookspool check finds nothing wrong."""
    text = (EXAMPLES / "sinks" / f"{name}.conf").read_text()
    assert re.match("# .* The program: .*\n", text)
    home = SinkExample(with_endpoint(text), url, words)
    one = home.start(env=home.env)
    done = home.cli("check", "--socket", f"unix:{one.socket}", env=home.env)
    assert done.returncode in (0, 1) and b"FAIL" not in done.stdout, done.stdout.decode() + done.stderr.decode()
    assert f"sink {name}: runs " in done.stdout.decode() and b"no endpoint" not in done.stdout
    home.hurry()
    return home, one


def give(one, *bodies):
    for body in bodies:
        expect(fcgi_client.deliver(one.socket, body, path="/webhook/linkedin"), "stored")


def said(text):
    """An answer of OpenAI's API."""
    return {"body": json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()}


@pytest.fixture
def service():
    """The HTTP server that a program sends to."""
    one = Target()
    yield one
    one.close()


def test_assistant(target, service, children):
    """The first message of a conversation is answered once, through ConnectSafely's API. An assistant that is down is asked again."""
    words = {"python3": [sys.executable], "https://api.openai.com/v1": [f"http://127.0.0.1:{service.port}/v1"]}
    home, one = started("assistant", target.url, words)
    service.answers = [said("  Thank you, \"Zoë\"!\nBye \U0001f44b\n"), {"status": 503}, said("again"), said("**No answer.**"), {"status": 400}]
    running = Relay(home).ready()
    for n, data in enumerate([{"sender": NAME, "text": TEXT}, {}, {}, {}], 1):
        give(one, message(conversation_id=f"urn:{n}", **data), message(conversation_id=f"urn:{n}", text="more"))
        until(lambda: states(home).count(1) + states(home).count(2) >= n + min(n, 2), f"event {n}: {states(home)}", 30)
    running.stop()
    assert [json.loads(body)["message"] for body in target.bodies()] == ["Thank you, \"Zoë\"!\nBye \U0001f44b", "again"]
    first = json.loads(target.bodies()[0])
    assert (first["accountId"], first["conversationUrn"]) == ("acc-1", "urn:1") and target.got[0][3]["Authorization"] == "Bearer of-the-sink"
    assert len(service.got) == 5 and service.got[0][2] == "/v1/chat/completions"
    assert service.got[0][3]["Authorization"] == "Bearer what assistant.key says"
    asked = json.loads(service.got[0][4])
    assert asked["messages"][0] == {"role": "system", "content": "what assistant.prompt says\n"} and asked["model"] == "gpt-4o-mini"
    assert asked["messages"][1] == {"role": "user", "content": f"{NAME} writes:\n\n{TEXT}"}
    dead = home.spool.query("SELECT a.answer FROM relay AS r JOIN attempt AS a ON a.relay = r.id WHERE r.state = 2")
    assert len(dead) == 1 and b"HTTP Error 400" in dead[0]["answer"]
    service.answers = [said("a test")]
    assert b"for sink connectsafely: a test\n" in home.cli("send", "--relay", "assistant").stdout and len(target.got) == 2


def run_example(name, service, arguments, **event):
    """One of the programs, as the relay runs it: (the exit status, what it printed, its complaint)."""
    home = new_dir("example")
    for file in arguments:
        (home / file).write_text(f"what {file} says\n")
    env = {f"HOOKSPOOL_{key.upper()}": event.get(key, "") for key in
           ("id", "sender_id", "sender_name", "text", "sent_at", "received_at", "conversation")}
    done = run([sys.executable, EXAMPLES / "sinks" / f"{name}.py", f"http://127.0.0.1:{service.port}",
                *(["model"] if name == "assistant" else []), *(home / file for file in arguments)], env=env)
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.mark.parametrize("answer", [
    b"<html>Back soon</html>", b"", b"null", b"[]", b"\xff", b'{"error":"overloaded"}', b'{"choices":[]}', b'{"choices":null}',
    b'{"choices":[{"message":null}]}', b'{"choices":[{"message":{"content":null}}]}', b'{"choices":[{"message":{"content":["x"]}}]}'])
def test_assistant_on_odd_answers(service, answer):
    """They are tried again, and the log has what was answered and no traceback."""
    service.answers = [{"body": answer}]
    status, printed, complaint = run_example("assistant", service, ["key", "prompt"], text="Hello")
    assert (status, printed, complaint) == (75, b"", f"no answer in what the service says: {answer}\n")


def test_assistant_on_an_answer_that_is_cut_off(service):
    def half(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    for do in (half, lambda handler: handler.wfile.write(b"nonsense\r\n\r\n"), lambda handler: None):
        service.answers = [{"do": do, "status": 0}]
        status, printed, complaint = run_example("assistant", service, ["key", "prompt"], text="Hello")
        assert (status, printed) == (75, b"") and complaint.count("\n") == 1
    service.answers = [said("Bye \ud83d")]
    assert run_example("assistant", service, ["key", "prompt"], text="Hello") == (0, b"Bye ?\n", "")


def test_hubspot(service, children):
    """A contact by the sender's id, and the message as its note, with nothing of HTML in it that wasn't ours."""
    home, one = started("hubspot", service.url, {"python3": [sys.executable], "https://api.hubapi.com": [f"http://127.0.0.1:{service.port}"]})
    contact = {"body": json.dumps({"results": [{"id": "4711", "new": True}]}).encode()}
    service.answers = [contact, {"body": b"{}"}, {"status": 429}, contact, {"body": b"{}"}, {"status": 400}]
    running = Relay(home).ready()
    for n, body in enumerate([message(sender=NAME, text=TEXT), message(body=None), message(), *without_sender("sender")], 1):
        give(one, body)
        until(lambda: sum(state > 0 for state in states(home)) == n, f"event {n}: {states(home)}", 30)
    running.stop()
    assert states(home) == [1, 1, 2, 2, 2], "messages without a sender make no contact"
    assert len(service.got) == 6
    paths = [entry[2] for entry in service.got]
    assert paths[:2] == ["/crm/v3/objects/contacts/batch/upsert", "/crm/v3/objects/notes"]
    assert all(entry[3]["Authorization"] == "Bearer what hubspot.token says" for entry in service.got)
    first, last = NAME.split(" ", 1)
    assert json.loads(service.got[0][4])["inputs"] == [{"idProperty": "linkedin_id", "id": "urn:li:fsd_profile:ACoAA1",
                                                        "properties": {"firstname": first, "lastname": last}}]
    note = json.loads(service.got[1][4])
    assert note["associations"] == [{"to": {"id": "4711"}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 202}]}]
    text, _, rest = note["properties"]["hs_note_body"].rpartition("<br><small>evt_")
    assert len(note["properties"]["hs_note_body"]) <= 65536 and rest.endswith("</small>")
    assert not re.search(r"<(?!br>)", text) and note["properties"]["hs_timestamp"] == "2026-05-12T14:33:21.000Z"


@pytest.mark.parametrize("answer", [b"<html>Back soon</html>", b"null", b'{"results":[]}', b'{"results":null}', b'{"results":[null]}'])
def test_hubspot_on_odd_answers(service, answer):
    service.answers = [{"body": answer}]
    status, printed, complaint = run_example("hubspot", service, ["token"], sender_id="urn:1")
    assert (status, printed, complaint) == (75, b"", f"no contact in what HubSpot says: {answer}\n") and len(service.got) == 1


@pytest.mark.parametrize("name, arguments", [("assistant", ["key", "prompt"]), ("hubspot", ["token"])])
def test_programs_on_refused_keys(service, name, arguments):
    """A key that is refused, for as long as it is renewed, kills no delivery."""
    for status, code in ((401, 75), (403, 75), (408, 75), (429, 75), (500, 75), (503, 75), (400, 69), (404, 69)):
        service.answers = [{"status": status}]
        assert run_example(name, service, arguments, sender_id="urn:1", text="Hello")[0] == code


def test_hubspot_on_a_sender_without_an_id(service):
    assert run_example("hubspot", service, ["token"], sender_name="Ada") == (65, b"", "the sender has no id\n") and not service.got


class Smtp(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a client needs to get rid of a mail."""

    def handle(self):
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.mails.append(b"".join(one[one.startswith(b"."):] for one in lines))
            elif word == b"RCPT":
                self.server.recipients.append(line.strip())
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")


@pytest.fixture
def mail_server():
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Smtp)
    server.daemon_threads, server.mails, server.recipients = True, [], []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_mail(mail_server, children):
    """By a real sendmail: no name of a stranger's makes another recipient or another line of the head."""
    sendmail = [need("msmtp"), "--host=127.0.0.1", f"--port={mail_server.server_address[1]}", "--auth=off", "--tls=off", "--read-envelope-from"]
    home, one = started("mail", "", {"/usr/sbin/sendmail": sendmail, "-oi": []})
    running = Relay(home).ready()
    evil = "Eve\r\nBcc: victim@example.com\r\n\r\nHello " + "é" * 80
    give(one, message(sender=evil, text=TEXT + "\n.\nQUIT\n"), message(sender="Jane Doe", text="plain"), *without_sender("sender"))
    until(lambda: states(home) == [1] * 4, f"the mails: {states(home)}", 30)
    running.stop()
    assert mail_server.recipients == [b"RCPT TO:<you@example.com>"] * 4
    mails = [message_from_bytes(mail, policy=policy.default) for mail in mail_server.mails]
    mails.sort(key=lambda mail: mail["Subject"])
    assert [mail["Subject"].partition(" ")[0] for mail in mails] == ["Eve", "Jane", "Somebody", "Somebody"]
    assert all(mail["To"] == "you@example.com" and mail["Bcc"] is None and mail["Auto-Submitted"] == "auto-generated" for mail in mails)
    assert mails[0]["Subject"].startswith("Eve  Bcc: victim@example.com    Hello é")
    assert mails[1]["Subject"] == "Jane Doe wrote on LinkedIn" and mails[1].get_content().startswith("plain\r\n")
    assert "\n.\nQUIT\n" in mails[0].get_content().replace("\r", "") and "李👋" in mails[0].get_content()


@pytest.mark.parametrize("name", ["file", "dir"])
def test_files(receiver, relay, name):
    home = SinkExample(with_endpoint((EXAMPLES / "sinks" / f"{name}.conf").read_text()), "")
    one = receiver(home=home)
    relay(home).ready()
    bodies = [message(sender=NAME, text=TEXT), *without_sender("sender")]
    for body in bodies:
        expect(fcgi_client.deliver(one.socket, body, path="/webhook/linkedin"), "stored")
    until(lambda: states(home) == [1] * 3, f"the files: {states(home)}")
    if name == "file":
        got = [json.loads(line)["body"].encode() for line in (home.dir / "events.jsonl").read_bytes().splitlines()]
    else:
        got = [path.read_bytes() for path in (home.dir / "events").iterdir() if path.is_file()]
    assert sorted(got) == sorted(bodies)


def test_all_are_tried():
    tried = {"assistant", "hubspot", "mail", "slack", "discord", "telegram", "salesforce", "json", "make", "n8n", "zapier", "redis", "nats", "postgresql", "file", "dir",
             "mqtt", "amqp", "kafka", "journald"}
    assert {path.stem for path in (EXAMPLES / "sinks").iterdir()} == tried


def test_all_go_into_one_directory(receiver, relay, target):
    """All examples beside an endpoint in the main file: no name is defined twice, and each sink gets the event."""
    texts = {path.stem: path.read_text() for path in (EXAMPLES / "sinks").glob("*.conf")}
    journald, mosquitto = Journald(), Mosquitto()
    Subscriber(mosquitto)
    texts["mqtt"] = texts["mqtt"].replace("mqtt://127.0.0.1:1883", mosquitto.url)
    texts["postgresql"] = texts["postgresql"].replace("postgresql://hook@127.0.0.1:5432/app", PostgreSQL().url)
    texts["redis"] = texts["redis"].replace("redis://127.0.0.1:6379/0", Redis().url)
    kafka = Kafka("linkedin")
    texts["kafka"] = texts["kafka"].replace('{"127.0.0.1:9092"}', "{" + ", ".join(f'"{one}"' for one in kafka.brokers) + "}")
    texts["nats"] = texts["nats"].replace("nats://127.0.0.1:4222", Nats().url)
    texts["amqp"] = texts["amqp"].replace("amqp://hookspool@127.0.0.1", Rabbit().url)
    assert not any(line.startswith("endpoint") for text in texts.values() for line in text.splitlines())
    home = SinkExample(with_endpoint(*texts.values()), target.url, {"/usr/sbin/sendmail": ["true"], "python3": ["true"]})
    whole = home.conf.read_text()
    for number, section in enumerate(re.findall(r"^sink .*?^}\n", whole, re.M | re.S)):
        home.write(f"conf.d/{number}.conf", section)
    home.write("hookspool.conf", re.sub(r"^sink .*?^}\n", "", whole, flags=re.M | re.S) + 'include("conf.d")\n')
    assert "sink " not in re.sub(r"#.*", "", home.conf.read_text())
    one = home.start(env=home.env)
    done = home.cli("check", "--socket", f"unix:{one.socket}", env=home.env)
    assert b"FAIL" not in done.stdout, done.stdout.decode()
    give(one, message())
    relay(home, **journald.relay_in()).ready()
    until(lambda: states(home) == [1] * len(texts), f"all: {states(home)}", 30)
    assert journald.until_entries(1, SYSLOG_IDENTIFIER="linkedin")[0]["MESSAGE"] == "message.received from Žofie Nováková 李".encode()
    one.stop()


def test_an_n8n_on_this_machine():
    """The example names the option that its most usual place needs."""
    assert re.search(r"^\t#allow-private = true$", (EXAMPLES / "sinks/n8n.conf").read_text(), re.M)
