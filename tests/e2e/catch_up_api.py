# SPDX-License-Identifier: ISC
"""The APIs that catch-up reads, as servers of a test's own: ConnectSafely's conversations, and the deliveries of a GitHub hook.

What an answer looks like is from the providers' documentation. What can go wrong is a fault: Api.fail().
"""
import base64
import json
import random
import ssl
import threading
import time
import uuid
from collections import namedtuple
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

KEY = "cs_live_4f1d7c02b9aa4e6d8e57"
OWNER = "ACoAAOwner"
PER_MINUTE, BURST = (60, 60.0), (100, 10.0)  # ConnectSafely's allowance: requests, and in how many seconds

Request = namedtuple("Request", "at method path query headers status")


def iso(ms):
    """A time as the APIs write it."""
    return datetime.fromtimestamp(ms / 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def from_time(text):
    """ms since the epoch of a date, or of a number of milliseconds."""
    if text.isdigit():
        return int(text)
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def now_ms():
    return int(time.time() * 1000)


def new_id():
    return "2-" + uuid.uuid4().hex


def shared(urn):
    """The id that both spellings of a URN end in."""
    return urn.rstrip(")").rpartition(",")[2].rpartition(":")[2]


class Fault:
    """What is wrong with the answers to paths that have `where` in them: after `after` of them, `times` times (None: from then on)."""

    def __init__(self, kind, value, where, after, times):
        self.kind, self.value, self.where, self.after, self.times = kind, value, where, after, times

    def takes(self, path):
        if self.where not in path or self.times == 0:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status, headers=None):
        super().__init__(status)
        self.status, self.headers = status, headers or {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        api, url = self.server.api, urlsplit(self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        at = time.monotonic()
        with api.lock:
            headers, fault = api.count(at), next((f for f in api.faults if f.takes(self.path)), None)
            api.in_flight += 1
            api.most_in_flight = max(api.most_in_flight, api.in_flight)
        try:
            status, answer = 200, None
            try:
                self.check(api, headers)
                if fault and fault.kind == "status":
                    raise Refused(fault.value)
                if fault and fault.kind == "redirect":
                    raise Refused(302, {"Location": fault.value})
                if set(url.path) & set("():,"):
                    raise Refused(404)  # a URN in a path is URL-encoded
                with api.lock:
                    status, answer, more = api.answer(self.command, unquote(url.path), query)
                headers |= more
            except Refused as refused:
                status, answer = refused.status, api.error(refused.status)
                headers |= refused.headers
                if status == 429 and api.retry_after is not None:
                    headers["Retry-After"] = str(api.retry_after)
            with api.lock:
                api.requests.append(Request(at, self.command, url.path, query, dict(self.headers.items()), status))
            api.after_request()
            self.send(status, headers, answer, fault)
        finally:
            with api.lock:
                api.in_flight -= 1

    do_POST = do_PUT = do_DELETE = do_GET

    def check(self, api, headers):
        if headers.pop("over", None):
            raise Refused(api.over_status)
        if self.headers.get("Authorization") != f"Bearer {api.key}":
            raise Refused(401)
        if not self.headers.get("User-Agent"):
            raise Refused(403)  # as GitHub has it

    def send(self, status, headers, answer, fault):
        kind, value = (fault.kind, fault.value) if fault else (None, None)
        if kind == "slow":
            time.sleep(value)
        if kind == "change":
            answer = value(answer)
        body = value if kind == "body" else json.dumps(answer, ensure_ascii=False).encode()
        if kind == "reset":
            self.close_connection = True
            return
        self.send_response(status)
        for name, one in headers.items():
            self.send_header(name, str(one))
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if kind == "truncated":
            self.wfile.write(body[:len(body) // 2])
            self.close_connection = True
        elif kind == "drip":
            for i in range(0, len(body), max(1, len(body) // 20)):
                self.wfile.write(body[i:i + max(1, len(body) // 20)])
                self.wfile.flush()
                time.sleep(value / 20)
        else:
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Api:
    """A server with a key and an allowance; it counts what comes, and keeps each request."""
    over_status = 429

    def __init__(self, key=KEY, port=0, certificates=None, windows=()):
        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_):
                """A client that leaves early, or was killed, is part of some tests."""

        self.key, self.windows, self.retry_after, self.reset_as = key, list(windows), 1, "epoch"
        self.lock, self.requests, self.faults, self.times = threading.RLock(), [], [], []
        self.in_flight = self.most_in_flight = self.refused = 0
        self.after_request = lambda: None
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.api = self
        self.port = self.server.server_address[1]
        if certificates:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.port}" if certificates else f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def fail(self, kind, value=None, where="", after=0, times=1):
        """Kinds: status, slow, drip (both: seconds), body (these bytes), truncated, reset, redirect, change (a function of the answer)."""
        with self.lock:
            self.faults.append(Fault(kind, value, where, after, times))

    def heal(self):
        with self.lock:
            self.faults.clear()

    def count(self, at):
        """The headers of the allowance, with this request in it; a request beyond it is counted too, and refused."""
        self.times.append(at)
        if not self.windows:
            return {}
        left = []
        for limit, seconds in self.windows:
            within = [t for t in self.times if t > at - seconds]
            left.append((limit - len(within), limit, within[0] + seconds - at))
        remaining, limit, seconds = min(left)
        reset = round(time.time() + seconds + 0.5) if self.reset_as == "epoch" else round(seconds + 0.5)
        headers = {"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": max(0, remaining), "X-RateLimit-Reset": reset}
        if remaining < 0:
            self.refused += 1
            headers["over"] = True
        return headers

    def most_within(self, seconds):
        """The largest number of requests that came within so many seconds."""
        times = sorted(self.times)
        return max((sum(1 for t in times if start <= t < start + seconds) for start in times), default=0)

    def seen(self, part=""):
        """The requests so far whose path has that in it."""
        return [one for one in self.requests if part in one.path]


class Conversation:
    def __init__(self, account, name, profile):
        self.id, self.account, self.name, self.profile, self.messages = new_id(), account, name, profile, []

    @property
    def shown(self):
        """Its messages, but for those that the API does not list yet."""
        return [message for message in self.messages if not message.hidden]

    @property
    def last_at(self):
        return max((message.sent_at for message in self.shown), default=0)


class Message:
    def __init__(self, conversation, text, sent_at, own, attachments):
        self.id, self.conversation, self.text, self.sent_at = new_id(), conversation, text, sent_at
        self.own, self.attachments, self.hidden = own, attachments, False

    @property
    def urn(self):
        """As the webhook spells it."""
        return f"urn:li:messagingMessage:{self.id}"

    def webhook(self, urn=None):
        """The body of ConnectSafely's delivery of this message; urn: where it is spelled otherwise."""
        talk, urn = self.conversation, urn or self.urn
        data = {"id": urn, "message_urn": urn, "account_id": talk.account, "provider": "LINKEDIN",
                "sender": {"id": f"urn:li:fsd_profile:{talk.profile}", "name": talk.name, "profile_url": None, "profile_picture": None},
                "body": self.text, "timestamp": iso(self.sent_at), "conversation_id": f"urn:li:messagingThread:{talk.id}",
                "attachments": self.attachments}
        return json.dumps({"event": "message.received", "object": "event", "data": data}, ensure_ascii=False).encode()


class ConnectSafely(Api):
    """
    GET /linkedin/conversations and /linkedin/conversations/URN/messages. Its knobs:
    spelling: "api", "webhook" or "mixed", of URNs; times: "iso", "ms" or "mixed"; paging: "offset" or "time", what a cursor of
    conversations stands for; page_max: the most of one page; stale: conversations are those of that time, "fromCache".
    """

    def __init__(self, accounts=("acc-1",), **given):
        super().__init__(**given)
        self.accounts = {account: f"Owner of {account}" for account in accounts}
        self.conversations, self.spelling, self.written_as, self.paging, self.page_max, self.stale = [], "mixed", "mixed", "time", 100, None
        self.extra, self.rng = {}, random.Random(7)

    # ---- what is in it

    def talk(self, account="acc-1", name="Žofie Nováková 李"):
        """A new conversation, without a message."""
        with self.lock:
            self.conversations.append(Conversation(account, name, f"ACoAA{len(self.conversations) + 1}"))
            return self.conversations[-1]

    def add(self, conversation=None, text="Hey — saw your post 👋", at=None, own=False, attachments=()):
        """A new message, in a conversation of its own unless told; at: ms since the epoch, or now."""
        conversation = conversation or self.talk()
        with self.lock:
            message = Message(conversation, text, now_ms() if at is None else at, own, list(attachments))
            conversation.messages.append(message)
            return message

    @property
    def messages(self):
        return [message for one in self.conversations for message in one.messages]

    # ---- how it is written

    def urn(self, kind, number):
        spelling = self.rng.choice(("api", "webhook")) if self.spelling == "mixed" else self.spelling
        names = {"message": ("msg_message", "messagingMessage"), "conversation": ("msg_conversation", "messagingThread")}[kind]
        return f"urn:li:{names[0]}:(urn:li:fsd_profile:{OWNER},{number})" if spelling == "api" else f"urn:li:{names[1]}:{number}"

    def when(self, ms):
        as_ms = self.rng.random() < 0.5 if self.written_as == "mixed" else self.written_as == "ms"
        return ms if as_ms else iso(ms)

    def listed(self, conversation):
        last = max(conversation.shown, key=lambda message: message.sent_at)
        return {"conversationUrn": self.urn("conversation", conversation.id), "conversationId": conversation.id,
                "lastActivityAt": self.when(last.sent_at), "unreadCount": 1,
                "participants": [{"profileId": conversation.profile, "name": conversation.name, "headline": "", "profileUrl": None,
                                  "profilePicture": None}],
                "latestMessage": {"text": last.text, "sentAt": self.when(last.sent_at), "senderName": self.sender(last)[1],
                                  "hasAttachment": bool(last.attachments)},
                "source": "INBOX", "salesNavThreadId": None, **self.extra}

    def sender(self, message):
        talk = message.conversation
        return (OWNER, self.accounts.get(talk.account)) if message.own else (talk.profile, talk.name)

    def shown(self, message):
        profile, name = self.sender(message)
        return {"messageUrn": self.urn("message", message.id), "text": message.text, "sentAt": self.when(message.sent_at),
                "senderProfileId": profile, "senderName": name, "senderPhoto": None, "isSentByOwner": message.own,
                "hasAttachment": bool(message.attachments),
                "attachments": message.attachments, **self.extra}

    def error(self, status):
        code = {401: "UNAUTHORIZED", 404: "NOT_FOUND", 429: "RATE_LIMIT_EXCEEDED"}.get(status, "INTERNAL_ERROR")
        return {"success": False, "code": code, "message": f"The request failed with {status}"}

    # ---- what is asked

    def answer(self, method, path, query):
        parts = path.strip("/").split("/")
        if method != "GET" or parts[:2] != ["linkedin", "conversations"]:
            raise Refused(404)
        if len(parts) == 2:
            return 200, self.answer_list(query), {}
        if len(parts) == 4 and parts[3] == "messages":
            return 200, self.answer_messages(parts[2], query), {}
        raise Refused(404)

    def asked_accounts(self, query):
        named = query.get("linkedinAccountIds") or query.get("accountId")
        accounts = named.split(",") if named else list(self.accounts)
        if any(account not in self.accounts for account in accounts):
            raise Refused(404)
        return accounts

    def answer_list(self, query):
        accounts = self.asked_accounts(query)
        count = min(int(query.get("count", 20)), self.page_max)
        talks = [one for one in self.conversations if one.account in accounts and one.shown]
        if self.stale:
            talks = [one for one in talks if any(message.sent_at <= self.stale for message in one.shown)]
        talks.sort(key=lambda one: (-one.last_at, one.id))
        start = 0
        if cursor := query.get("nextCursor"):
            start = self.place_of(talks, json.loads(base64.urlsafe_b64decode(cursor)))
        page, more = talks[start:start + count], start + count < len(talks)
        following = None
        if more:
            place = [page[-1].last_at, page[-1].id] if self.paging == "time" else start + count
            following = base64.urlsafe_b64encode(json.dumps(place).encode()).decode()
        return {"success": True, "conversations": [self.listed(one) for one in page],
                "accounts": [{"id": account, "name": self.accounts[account]} for account in accounts],
                "nextCursor": following, "hasMore": more, "fromCache": self.stale is not None, **self.extra}

    def place_of(self, talks, place):
        if isinstance(place, int):
            return place
        return sum(1 for one in talks if (-one.last_at, one.id) <= (-place[0], place[1]))

    def answer_messages(self, urn, query):
        if "accountId" in query and query["accountId"] not in self.accounts:
            raise Refused(404)
        talk = next((one for one in self.conversations if one.id == shared(urn)), None)
        if not talk or talk.account not in self.accounts or query.get("accountId", talk.account) != talk.account:
            raise Refused(404)
        since, count = from_time(query["since"]) if "since" in query else -1, min(int(query.get("count", 50)), self.page_max)
        found = sorted((m for m in talk.shown if m.sent_at > since), key=lambda m: (-m.sent_at, m.id))
        if cursor := query.get("cursor"):
            at, number = json.loads(base64.urlsafe_b64decode(cursor))
            found = [m for m in found if (-m.sent_at, m.id) > (-at, number)]
        page, more = found[:count], len(found) > count
        following = base64.urlsafe_b64encode(json.dumps([page[-1].sent_at, page[-1].id]).encode()).decode() if more else None
        return {"success": True, "messages": [self.shown(m) for m in page],
                "participants": [{"profileId": talk.profile, "name": talk.name}], "hasMore": more, "cursor": following, "note": None,
                **self.extra}


class GitHub(Api):
    """The deliveries of one hook: the list, one of them, and POST …/attempts, which delivers once more by deliver(event, guid, body)."""
    over_status = 403

    def __init__(self, hook="/repos/octo/hello/hooks/12", deliver=None, **given):
        super().__init__(**given)
        self.hook, self.deliver, self.deliveries, self.last_id, self.page_max, self.fails_again = hook, deliver, [], 22369832000, 100, 0

    def add(self, body=b'{"zen":"Speak like a human."}', event="push", status_code=502, at=None, guid=None, redelivery=False, action=None):
        """A delivery that was answered so; 0: no connection."""
        status = {0: "failed to connect to host", 200: "OK"}.get(status_code, f"Invalid HTTP Response: {status_code}")
        with self.lock:
            self.last_id += random.randint(1, 900)
            self.deliveries.append({
                "id": self.last_id, "guid": guid or str(uuid.uuid4()), "delivered_at": iso(now_ms() if at is None else at)[:19] + "Z",
                "redelivery": redelivery, "duration": 0.27, "status": status, "status_code": status_code, "event": event, "action": action,
                "installation_id": None, "repository_id": 1296269, "throttled_at": None, "body": body})
            return self.deliveries[-1]

    def error(self, status):
        text = {401: "Bad credentials", 404: "Not Found", 403: "API rate limit exceeded for user ID 1."}.get(status, "Server Error")
        return {"message": text, "documentation_url": "https://docs.github.com/rest", "status": str(status)}

    @staticmethod
    def shown(delivery):
        return {name: value for name, value in delivery.items() if name != "body"}

    def answer(self, method, path, query):
        if not path.startswith(f"{self.hook}/deliveries"):
            raise Refused(404)
        parts = path[len(f"{self.hook}/deliveries"):].strip("/").split("/")
        if parts == [""] and method == "GET":
            return self.answer_list(query)
        one = next((d for d in self.deliveries if str(d["id"]) == parts[0]), None)
        if not one:
            raise Refused(404)
        if len(parts) == 1 and method == "GET":
            headers = {"X-GitHub-Delivery": one["guid"], "X-GitHub-Event": one["event"], "content-type": "application/json"}
            return 200, {**self.shown(one), "url": "", "request": {"headers": headers, "payload": json.loads(one["body"])},
                         "response": {"headers": {}, "payload": ""}}, {}
        if parts[1:] == ["attempts"] and method == "POST":
            threading.Thread(target=self.deliver_again, args=(one,), daemon=True).start()
            return 202, {}, {}
        raise Refused(404)

    def deliver_again(self, one):
        status = 502
        with self.lock:
            fails, self.fails_again = self.fails_again > 0, max(0, self.fails_again - 1)
        if self.deliver and not fails:
            try:
                status = self.deliver(one["event"], one["guid"], one["body"])
            except OSError:
                status = 0
        self.add(one["body"], one["event"], status, guid=one["guid"], redelivery=True, action=one["action"])

    def answer_list(self, query):
        count = min(int(query.get("per_page", 30)), self.page_max)
        found = sorted(self.deliveries, key=lambda d: -d["id"])
        if "redelivery" in query:
            found = [d for d in found if d["redelivery"] == (query["redelivery"] == "true")]
        if cursor := query.get("cursor"):
            if not cursor.startswith("v1_"):
                raise Refused(422)
            found = [d for d in found if d["id"] < int(cursor[3:])]
        page, link = found[:count], []
        if len(found) > count:
            following = urlencode({"per_page": count, "cursor": f"v1_{page[-1]['id']}"})
            link.append(f'<{self.url}{self.hook}/deliveries?{following}>; rel="next"')
        if query.get("cursor"):
            link.append(f'<{self.url}{self.hook}/deliveries?per_page={count}>; rel="first"')
        return 200, [self.shown(d) for d in page], {"Link": ", ".join(link)} if link else {}
