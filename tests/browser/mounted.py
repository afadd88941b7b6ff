# SPDX-License-Identifier: ISC
"""A spool with a receiver, a relay and the page, behind a web server that asks for a password."""
import base64
import json
import shutil
import signal
import subprocess

import sender
from browser import PASSWORD, USER
from place import BASE, BIN, SOURCE, need, new_dir, own, until
from proc import Child
from receiver import Home, accepts, endpoint, log_entries
from relaying import Relay, Target, sink
from servers import free_port, module, start_apache, start_nginx

PATH = "/webhook/linkedin"
AT = "/ops/hooks/"  # where the page is mounted


def page_files():
    """A copy of the page's files that the service user can read, whatever the modes of the source."""
    where = BASE / "page"
    if not where.exists():
        where.mkdir()
        for path in (SOURCE / "share/page").iterdir():
            shutil.copy(path, where)
            (where / path.name).chmod(0o644)
    return where


class PageServer(Child):
    """hookspool-page.fcgi on a socket of its own, ready when this returns."""

    def __init__(self, home, socket=None, **how):
        self.socket = socket or home.dir / f"page{next(home.numbers)}"
        super().__init__([BIN / "hookspool-page.fcgi", "-c", home.conf, "--listen", f"unix:{self.socket}", "--files", page_files()],
                         home.dir / f"{self.socket.name}.log", **how)
        self.until(lambda: accepts(self.socket), "the page is ready")

    def hup(self):
        self.signal(signal.SIGHUP)


def password_file():
    where = new_dir("users")
    hashed = subprocess.run([need("openssl"), "passwd", "-apr1", PASSWORD], capture_output=True, text=True, check=True).stdout.strip()
    (where / "users").write_text(f"{USER}:{hashed}\nguest:{hashed}\n")
    return where / "users"


NGINX = """
server {{
  listen 127.0.0.1:{port};
  include /etc/nginx/fastcgi_params;
  location /webhook/ {{ fastcgi_pass unix:{receiver}; }}
  location {at} {{
    auth_basic "hookspool";
    auth_basic_user_file {users};
    fastcgi_pass unix:{page};
  }}
}}
"""


def nginx(site):
    port = free_port()
    return start_nginx(NGINX.format(port=port, at=site.at, users=password_file(), receiver=site.receiver.socket, page=site.page.socket), port)


APACHE = """
{modules}
ProxyPass /webhook/ unix:{receiver}|fcgi://hookspool/webhook/
<Location /webhook/>
  CGIPassAuth On
  Require all granted
</Location>
{page}
<Location {at}>
  AuthType Basic
  AuthName hookspool
  AuthUserFile {users}
  Require valid-user
</Location>
"""


def apache(site, names, page):
    port = free_port()
    modules = module("proxy", "proxy_fcgi", "authn_core", "authn_file", "authz_user", "auth_basic", *names)
    return start_apache(APACHE.format(modules=modules, receiver=site.receiver.socket, at=site.at, users=password_file(), page=page), port)


def apache_proxy(site):
    return apache(site, [], f"ProxyPass {site.at} unix:{site.page.socket}|fcgi://page{site.at}")


def page_script(site):
    """Directives to run a copy of the program by itself, with its files beside it."""
    where = site.home.dir
    own(shutil.copy(BIN / "hookspool-page.fcgi", where))
    return f"""
ScriptAlias {site.at} {where}/hookspool-page.fcgi/
SetEnv HOOKSPOOL_PAGE_FILES {page_files()}
PassEnv ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS
<Directory {where}>
  Options +ExecCGI
</Directory>
"""


def apache_fcgid(site):
    return apache(site, ["alias", "env", "fcgid"], page_script(site) + f"""
FcgidIPCDir {new_dir("ipc")}
FcgidProcessTableFile {site.home.dir}/fcgid_shm
FcgidInitialEnv HOOKSPOOL_PAGE_FILES {page_files()}
<Directory {site.home.dir}>
  SetHandler fcgid-script
</Directory>
""")


def apache_cgi(site):
    return apache(site, ["alias", "env", "cgid"], page_script(site) + f"ScriptSock {site.home.dir}/cgid.sock\n")


FRONTS = {"mod_proxy_fcgi": apache_proxy, "mod_fcgid": apache_fcgid, "cgi": apache_cgi}


class Mounted:
    """given: options of the configuration; sections: in place of the usual ones, or functions that make one for the target."""

    def __init__(self, *sections, relay=False, at=AT, front=None, **given):
        self.at, self.target = at, Target()
        given.setdefault("reject_bodies", True)
        made = [one(self.target) if callable(one) else one for one in sections]
        self.home = Home(*(made or [endpoint(PATH, name="Lead → CRM")]), **given)
        self.receiver = self.home.start()
        self.page = PageServer(self.home) if front in (None, apache_proxy) else None
        self.server = (front or nginx)(self)
        self.relay = Relay(self.home).ready() if relay else None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.port}{self.at}"

    def stop(self):
        """Apache would wait for the polls of programs that it runs itself."""
        if not self.page:
            self.server.child.signal(signal.SIGKILL)
        for one in (self.page, self.relay, self.receiver):
            if one and one.alive():
                one.end()
        self.server.stop()
        self.target.close()

    def restart_page(self):
        """Starts the page again on the socket that the web server knows."""
        self.page = PageServer(self.home, socket=self.page.socket)

    def page_entries(self):
        return log_entries(self.page.text())

    def deliver(self, path=PATH, status=200, headers=(), body=None, secret=sender.SECRET, method="POST", **data):
        """Delivers an event of these data, or that body; returns the id that the answer has, if any."""
        body = sender.message(**data) if body is None else body
        kept = len(self.home.spool.rejects())
        reply = self.server.deliver(path, body, headers=headers, secret=secret, method=method)
        assert reply.status == status, reply
        if status >= 400:
            until(lambda: len(self.home.spool.rejects()) > kept, "the receiver has written it down")
        return json.loads(reply.body).get("id") if status == 200 else None

    def refuse(self, **data):
        """A delivery with a wrong signature."""
        return self.deliver(status=401, secret="another secret", **data)

    def open(self, browser, path="", user=USER):
        """Opens the page as that user, who has given the password already."""
        word = base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
        browser.cdp("Network.setExtraHTTPHeaders", headers={"Authorization": f"Basic {word}"})
        browser.get(self.url + path)
        return self

    def get(self, path, user=USER, method="GET", headers=(), body=b""):
        """Asks the page without a browser; the answer."""
        word = base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
        with sender.Http(self.server.port) as http:
            given = [("Authorization", f"Basic {word}"), ("X-Webhook-Signature", None), *headers]
            return http.deliver(self.at + path, body, headers=given, method=method)

    @classmethod
    def filled(cls):
        """Two endpoints, three sinks (one well, one down, one that refuses), and events of some people."""
        well, down, refusing = Target(), Target(), Target()
        down.answers = [{"status": 503, "body": b"upstream connect error"}] * 1000
        refusing.answers = [{"status": 404, "body": b"no such channel"}] * 1000
        mounted = cls(
            sink("slack", url=well.url), sink("crm", url=down.url, retry=["40s", "40s", "3d"]), sink("archive", url=refusing.url),
            endpoint(PATH, name="Lead → CRM", relay=["slack", "crm", "archive"]),
            endpoint("/webhook/github", scheme="github", secret_file=["github.key"], relay=["slack"]),
            files={"github.key": "It's a Secret to Everybody"}, relay=True, page_actions=True)
        for name, text in PEOPLE:
            mounted.deliver(sender=name, text=text)
        mounted.deliver("/webhook/github", body=b'{"action":"opened","sender":{"login":"octocat"},"issue":{"title":"It works"}}',
                        headers={"X-GitHub-Event": "issues", "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958", "X-Webhook-Signature": None,
                                 "X-Hub-Signature-256": sender.sign(b'{"action":"opened","sender":{"login":"octocat"},"issue":{"title":"It works"}}',
                                                                    "It's a Secret to Everybody")})
        mounted.refuse(text="not signed by us")
        mounted.deliver("/webhook/gone", status=404)
        mounted.deliver(method="GET", status=405, body=b"")
        mounted.deliver(body=BROKEN)
        until(lambda: len(well.got) >= len(PEOPLE) and down.got and refusing.got, "the sinks were tried", 20)
        return mounted


BROKEN = b'{"event": "message.received", "data": {"id": }}'
PEOPLE = [
    ("Jane Doe", "Hi! I saw your post about webhooks, is there a demo?"), ("王小明", "你好,请问价格是多少?"), ("Žofie Nováková", "Můžeme si zavolat ve středu?"),
    ("محمد علي", "مرحبا، هل يمكننا التحدث غدا؟"), ("Max \"Mäx\" Power 🚀", "Line one\nLine two with \"quotes\", a back\\slash"), ("Amélie Dubois", "Merci beaucoup, à bientôt !"),
    ("Jane Doe", "One more question: does it run behind nginx?"), ("Ravi Kumar 👨‍👩‍👧", "Thanks 👍🏽 sent you an invite"),
]
