# SPDX-License-Identifier: ISC
"""The drop-in for web hosts: what it hides from the web, and Authorization in both of the ways its .htaccess has."""
import re
import shutil

import pytest

from outcomes import expect
from place import BIN, SOURCE, new_dir, own
from receiver import Home
from sender import AUTHORIZATION, SECRET, message
from servers import free_port, module, start_apache

FILES = SOURCE / "conf-examples/shared-hosting"
URL = "/webhook/hookspool.cgi"
OVERRIDES = {
    "all": "AllowOverride All",
    "usual": "AllowOverride AuthConfig FileInfo Indexes Limit Options=ExecCGI,Indexes,MultiViews,SymLinksIfOwnerMatch",
}


class Host:
    """A customer's directory on a web host, with the drop-in uploaded; conf and htaccess: changes to the two files."""

    def __init__(self, override=OVERRIDES["usual"], conf=lambda text: text, htaccess=lambda text: text):
        self.home = Home()
        self.web, self.data = self.home.dir / "public_html/webhook", self.home.dir / "hookspool"
        self.web.mkdir(parents=True)
        self.data.mkdir(mode=0o700)
        own(self.data)
        for name in ("linkedin.secret", "linkedin.auth"):
            self.home.write(f"hookspool/{name}", SECRET if name.endswith("secret") else AUTHORIZATION)
        (self.web / ".htaccess").write_text(htaccess((FILES / ".htaccess").read_text()))
        (self.web / "hookspool.conf").write_text(conf((FILES / "hookspool.conf").read_text()))
        shutil.copy(BIN / "hookspool.fcgi", self.web / "hookspool.cgi")
        self.server = start_apache(f"""
{module("cgid", "mime", "dir", "autoindex", "setenvif", "env")}
PassEnv ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS
ScriptSock {new_dir("cgid")}/sock
TypesConfig /dev/null
DocumentRoot {self.web.parent}
<Directory {self.web.parent}>
  {override}
  Options Indexes SymLinksIfOwnerMatch
  Require all granted
</Directory>
""", free_port(), home=self.home)

    def status(self, name):
        return self.server.deliver(f"/webhook/{name}", method="GET").status


@pytest.fixture
def host(children):
    """A function that sets one up."""
    return Host


@pytest.mark.parametrize("override", OVERRIDES.values(), ids=OVERRIDES)
def test_only_the_program_is_served(host, override):
    """Also not a spool and secrets that stand there all the same."""
    one = host(override)
    (one.web / "var/deep").mkdir(parents=True)
    for name in ("linkedin.secret", "linkedin.auth", "other.conf", "README.txt", "var/hookspool.db", "var/deep/file", "plain.html"):
        (one.web / name).write_text("no secret")
    expect(one.server.deliver(URL, message()), "stored")
    hidden = ["", ".htaccess", "hookspool.conf", "other.conf", "linkedin.secret", "linkedin.auth", "README.txt", "var/",
              "var", "var/hookspool.db", "var/deep/file", "var//hookspool.db", "%76ar/hookspool.db", "x/../var/hookspool.db",
              "linkedin%2esecret", "../../hookspool/linkedin.secret", "%2e%2e/%2e%2e/hookspool/linkedin.secret"]
    assert {name: one.status(name) for name in hidden if one.status(name) not in (400, 403, 404)} == {}
    assert one.status("plain.html") == 200, "the others are refused because of their names"
    assert one.status("hookspool.cgi") == 405, "the program itself is run, not sent"


def fallback(text):
    """What its comment tells to do on a host that forbids CGIPassAuth."""
    text, n = re.subn(r"^CGIPassAuth", "#CGIPassAuth", text, flags=re.M)
    text, m = re.subn(r"^#SetEnvIf", "SetEnvIf", text, flags=re.M)
    assert n == m == 1
    return text


@pytest.mark.parametrize("htaccess", [str, fallback], ids=["CGIPassAuth", "SetEnvIf"])
def test_authorization(host, htaccess):
    one = host(htaccess=htaccess, conf=lambda text: text.replace("#authorization-file", "authorization-file"))
    body = message()
    expect(one.server.deliver(URL, body), "unauthorized")
    expect(one.server.deliver(URL, body, {"Authorization": AUTHORIZATION}), "stored")


def test_secret_open_to_others(host):
    """Refused, and answered so that the sender comes again."""
    one = host()
    (one.data / "linkedin.secret").chmod(0o604)
    expect(one.server.deliver(URL, message()), "unavailable")
    assert "linkedin.secret" in one.server.text()
