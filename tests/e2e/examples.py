# SPDX-License-Identifier: ISC
"""Examples as they are read by people, made to run here: only paths and addresses of the real machine change."""
import re

import fcgi_client
from outcomes import expect
from place import SOURCE, need, own, run
from receiver import Home
from sender import AUTHORIZATION, SECRET, message

EXAMPLES = SOURCE / "conf-examples"
KEY = "5c1f09aa" * 8  # 64 hexadecimal digits, as hookspool keygen makes them, are base64 too
VALUES = {"secret": SECRET, "authorization": AUTHORIZATION, "url": "https://example.com/", "password": "the password", "api-key": "the key"}


def new_authority():
    """A certificate authority's certificate, in PEM."""
    done = run([need("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", "/dev/null", "-subj", "/CN=Test CA"])
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


class Example(Home):
    """A home for a hookspool.conf that names files of /etc, of the environment and of systemd."""

    def __init__(self, text):
        super().__init__()
        self.env = {"CREDENTIALS_DIRECTORY": str(self.dir)}
        (self.dir / "conf.d").mkdir()
        own(self.dir / "conf.d")
        self.write("hookspool.conf", self.adapt(text))

    def adapt(self, text):
        """Puts all it names into this home, secrets and all, and the spool with it."""
        text = text.replace("/var/lib/hookspool-relay/", f"{self.dir}/")
        place = getattr(self.spool, "url", self.spool.dir)
        text = re.sub(r'^(\s*spool *= *)"[^"]*"', rf'\1"{place}"', text, flags=re.M)
        if not re.search(r"^\s*spool *=", text, re.M):
            text = f'spool = "{place}"\n' + text
        if place != self.spool.dir:
            text = f'overflow = "{self.spool.dir}"\n' + text
        for name in re.findall(r'^\s*ca-file *= *"([^"]*)"', text, re.M):
            self.write(name, new_authority())
        text = re.sub(r'^(\s*socket-group *= *)"[^"]*"', rf'\1"{self.dir.group()}"', text, flags=re.M)
        return re.sub(r'^(\s*(secret|authorization|url|password|api-key)-(file|env) *= *)(\{(?:"[^"]*"|[^"}])*\}|"[^"]*")', self.provide, text,
                      flags=re.M)

    def provide(self, match):
        """Makes the secrets an option names, the first with the value that deliveries here are signed with."""
        start, kind, source, names = match.groups()
        values = []
        sections = re.findall(r'^(\w+) "', match.string[:match.start()], re.M)
        of_sink = kind == "secret" and sections[-1:] == ["sink"]
        for number, name in enumerate(re.findall(r'"([^"]*)"', names)):
            value = KEY[number:] + KEY[:number] if of_sink else VALUES[kind] + ("" if number == 0 else str(number))
            if source == "env":
                self.env[name] = value
                values.append(name)
            else:
                path = self.write(name.rsplit("/", 1)[1], value) if "/" in name else self.write(name, value)
                values.append(name if name.startswith("${") else str(path))
        listed = ", ".join(f'"{value}"' for value in values)
        return start + ("{" + listed + "}" if names.startswith("{") else listed)


def with_endpoint(*texts):
    """The sinks' examples, and an endpoint that names the sinks that each file says."""
    names = [re.search(r"^# In the endpoint's section: relay = \{(.*)\}$", text, re.M)[1] for text in texts]
    endpoint = f'endpoint "/webhook/linkedin" {{\n\tsecret-file = {{"/etc/hookspool/linkedin.secret"}}\n\trelay = {{{", ".join(names)}}}\n}}\n'
    return "".join(texts) + endpoint


class SinkExample(Example):
    """The same for one with sinks, which send to a target of ours; programs get what `words` has for theirs."""

    def __init__(self, text, url, words=()):
        self.values, self.words = {"url": url, "authorization": "Bearer of-the-sink", "secret": KEY, "password": "s3cret word"}, dict(words)
        super().__init__(text)

    def adapt(self, text):
        text = super().adapt(text)
        text = re.sub(r'^(\s*)url *= *"http[^"]*"', rf'\1url = "{self.values["url"]}"\n\tallow-private = true', text, flags=re.M)
        text = re.sub(r'^(\s*(url|authorization|secret|password)-file *= *)"[^"]*/([^"/]*)"', self.provide_to_sink, text, flags=re.M)
        return re.sub(r"^(\s*command *= *)\{([^}]*)\}", self.provide_command, text, flags=re.M)

    def hurry(self):
        """Makes the sink send as fast as it can."""
        self.write("hookspool.conf", re.sub(r'^(\s*rate *= *)"[^"]*"', r'\1"1000/s"', self.conf.read_text(), flags=re.M))

    def provide_to_sink(self, match):
        """A sink's options name one file each, an endpoint's a list."""
        start, kind, name = match.groups()
        given = f'{start}"{self.write(name, self.values[kind])}"'
        return f"{given}\n\tallow-private = true" if kind == "url" else given

    def provide_command(self, match):
        """The example's own program and its files in the home, and the test's words in the place of others."""
        start, listed = match.groups()
        given = []
        for word in re.findall(r'"([^"]*)"', listed):
            name = word.rpartition("/")[2]
            program = EXAMPLES / "sinks" / name
            if word in self.words:
                given += self.words[word]
            elif word.startswith("/etc/hookspool/"):
                given.append(str(self.write(name, program.read_text() if program.exists() else f"what {name} says\n")))
            else:
                given.append(word)
        return start + "{" + ", ".join(f'"{word}"' for word in given) + "}"


def endpoints(text):
    """The endpoints' paths and what their sections say."""
    return re.findall(r'^\s*endpoint "([^"]*)" *\{(.*?)^\s*\}', text, re.M | re.S)


def loads(text):
    """hookspool check finds nothing wrong with the configuration, and a receiver serves with it."""
    home = Example(text)
    one = home.start(env=home.env)
    done = home.cli("check", "--socket", f"unix:{one.socket}", env=home.env)
    assert done.returncode in (0, 1) and b"FAIL" not in done.stdout, done.stdout.decode() + done.stderr.decode()
    for path, section in endpoints(home.conf.read_text()):
        if re.search(r'^\s*(scheme *= *"(?!connectsafely)|(allow|events|accounts) *= *\{")', section, re.M):
            continue  # not for the message below
        body = message()
        reply = fcgi_client.deliver(one.socket, body, path=path, headers={"Authorization": AUTHORIZATION})
        if answer := re.search(r'^\s*answer-body *= *"([^"]*)"', section, re.M):
            assert (reply.status, reply.body) == (200, answer[1].encode())
        else:
            expect(reply, "stored")
    one.stop()
    return home
