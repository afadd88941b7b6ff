# SPDX-License-Identifier: ISC
"""The page behind real web servers, with the examples of conf-examples/page: authentication, list, detail, files, waiting."""
import base64
import hashlib
import json
import threading
import time
import urllib.error
import urllib.request

import pytest

import sender
from examples import EXAMPLES
from fcgi_client import deliver
from page import Page, page_files
from place import BIN, SLOW, new_dir, until
from receiver import Home, endpoint
from relaying import sink
from servers import free_port, module, start_apache, start_nginx

pytestmark = pytest.mark.usefixtures("children")
MODULES = {"apache-mod_cgid.conf": ["cgid"], "apache-mod_fcgid.conf": ["fcgid"], "apache-mod_proxy_fcgi.conf": ["proxy", "proxy_fcgi"]}
USERS = "jo:{SHA}" + base64.b64encode(hashlib.sha1(b"pass").digest()).decode() + "\n"


class Site:
    def __init__(self, name):
        self.home = Home(sink("out", url="http://127.0.0.1:9/"), endpoint(relay=["out"]), reject_bodies=True, page_actions=True)
        self.receiver = self.home.start()
        self.receiver.until(lambda: self.home.spool.query("SELECT 1 FROM sqlite_master WHERE name = 'event'"), "the spool is made")
        self.page = Page(self.home) if name in ("nginx.conf", "apache-mod_proxy_fcgi.conf") else None
        self.port, files = free_port(), page_files()
        users = self.home.write("users", USERS)
        text = (EXAMPLES / "page" / name).read_text()
        for old, new in (("/run/hookspool/page.sock", self.page and self.page.socket), ("/etc/nginx/hookspool.users", users), ("/etc/apache2/hookspool.users", users), ("/usr/local/libexec", BIN),
                         ("/etc/hookspool/hookspool.conf", self.home.conf), ("include fastcgi_params", "include /etc/nginx/fastcgi_params"),
                         ("FcgidInitialEnv HOOKSPOOL_CONF", f"FcgidInitialEnv HOOKSPOOL_PAGE_FILES {files}\nFcgidInitialEnv HOOKSPOOL_CONF"),
                         ("SetEnv HOOKSPOOL_CONF", f"SetEnv HOOKSPOOL_PAGE_FILES {files}\n\tSetEnv HOOKSPOOL_CONF")):
            text = text.replace(old, str(new))
        if name == "nginx.conf":
            self.server = start_nginx(f"server {{\nlisten 127.0.0.1:{self.port};\n{text}\n}}", self.port)
        else:
            self.server = start_apache(f"""
{module("alias", "env", "auth_basic", "authn_core", "authn_file", "authz_user", *MODULES[name])}
<IfModule cgid_module>
ScriptSock {self.home.dir}/cgid.sock
</IfModule>
<IfModule fcgid_module>
FcgidIPCDir {new_dir("ipc")}
FcgidProcessTableFile {self.home.dir}/fcgid_shm
</IfModule>
{text}
""", self.port)

    def get(self, path, user="jo:pass", method="GET", headers=None, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/hookspool{path}", method=method, data=body)
        if user:
            request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=30 * SLOW) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def json(self, path):
        status, _, body = self.get(path)
        assert status == 200, (path, status, body)
        return json.loads(body)

    def send(self, text):
        assert deliver(self.receiver.socket, sender.message(text=text)).status == 200

    def stop(self):
        self.server.stop()
        if self.page:
            self.page.stop()
        self.receiver.stop()


@pytest.fixture(scope="module", params=[path.name for path in sorted((EXAMPLES / "page").iterdir())])
def site(request):
    one = Site(request.param)
    yield one
    one.stop()


def test_users_are_authenticated(site):
    for user in (None, "jo:wrong", "eve:pass"):
        for path in ("/", "/events.json", "/static/style.css"):
            assert site.get(path, user=user)[0] == 401
    assert json.loads(site.get("/summary.json")[2])["user"] == "jo"


def test_list_detail_and_files(site):
    site.send("through the web server 👋 " + "x" * 300_000)
    rows = site.json("/events.json")["events"]
    assert rows[0]["kind"] == "event" and rows[0]["bytes"] > 300_000
    event = site.json(f"/event/{rows[0]['id']}.json")
    assert event["text"].startswith("through the web server 👋") and len(event["body"]) > 300_000
    for path, root in (("/", b"./static/"), (f"/event/{rows[0]['id']}", b"../static/")):
        status, headers, body = site.get(path)
        assert status == 200 and root in body and "default-src 'none'" in headers["Content-Security-Policy"]
    status, headers, body = site.get("/static/style.css")
    assert status == 200 and b"color" in body
    assert site.get("/static/style.css", headers={"If-None-Match": headers["ETag"]})[0] == 304
    assert site.get("/nothing")[0] == 404 and site.get("/events.json", method="POST", body=b"x")[0] == 405
    status, headers, body = site.get("/events.json", method="HEAD")
    assert status == 200 and body == b""


def test_health_needs_no_user_and_metrics_do(site):
    for path in ("/health", "/ready"):
        assert site.get(path, user=None)[::2] == site.get(path, user="any:name")[::2] == (200, b"ok\n")
    assert site.get("/metrics", user=None)[0] == 401
    status, headers, body = site.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    assert status == 200 and headers["Content-Type"].startswith("application/openmetrics-text") and body.endswith(b"# EOF\n")
    for path in ("/health/../events.json", "/health/..%2fevents.json", "/health/%2e%2e/events.json", "/health/", "/health/events.json", "/healthy"):
        assert site.get(path, user="any:name")[0] in (400, 401, 403, 404), path


def test_address_without_a_slash_leads_to_the_page(site):
    status, _, body = site.get("")
    assert status == 200 and b"./static/" in body or status == 404  # proxies match the address with the slash alone


def test_new_events_arrive_while_a_request_waits(site):
    cursor = site.json("/events.json")["newest"]
    timer = threading.Timer(1, site.send, ["news"])
    timer.start()
    begin = time.monotonic()
    found = site.json(f"/events.json?after={cursor}&wait=20")
    assert [row["text"] for row in found["events"]] == ["news"] and time.monotonic() - begin < 15
    timer.join()


def test_refused_delivery_is_explained(site):
    """By the process with the secrets, whatever the server started."""
    body = sender.message()
    assert deliver(site.receiver.socket, body + b"\n", headers=[("X-Webhook-Signature", sender.sign(body))]).status == 401
    refused = until(lambda: site.json("/events.json?outcome=refused")["events"], "the refused delivery")[0]
    one = site.json(f"/event/{refused['id']}.json")
    assert "line feed" in one["explain"]["cause"]
    site.send("to be dropped")
    assert site.json("/secrets.json")["secrets"][0]["name"] == f"file {site.home.dir}/secret"


def test_actions(site):
    site.send("to be dropped")
    delivery = site.home.spool.query("SELECT max(id) AS id FROM relay")[0]["id"]
    own, headers = f"http://127.0.0.1:{site.port}", {"Content-Type": "application/json", "X-Hookspool-Token": site.json("/summary.json")["token"]}
    what = json.dumps({"action": "drop", "id": delivery}).encode()
    for origin, status in (("http://evil.example", 403), (own, 200)):
        answer = site.get("/action", method="POST", body=what, headers={**headers, "Origin": origin})
        assert answer[0] == status, answer
    assert site.home.spool.query("SELECT state FROM relay WHERE id = ?", delivery) == [{"state": 2}]
    assert site.get("/action", method="POST", body=b"x" * 100_000, headers={**headers, "Origin": own})[0] == 413


def test_nginx_without_authentication_is_warned_of():
    """$remote_user is what the client says: the log tells as soon as a request comes without one."""
    home = Home()
    page, port = Page(home), free_port()
    server = start_nginx(f"server {{ listen 127.0.0.1:{port}; location / {{ include /etc/nginx/fastcgi_params; fastcgi_pass unix:{page.socket}; }} }}", port)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/events.json", timeout=10)
    assert refused.value.code == 403 and b"auth_basic" in refused.value.read()
    assert "auth_basic" in page.text()
    server.stop()
    page.stop()
