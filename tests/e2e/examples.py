"""Examples as they are read by people, made to run here: only paths and addresses of the real machine change."""
import re

import fcgi_client
from outcomes import expect
from place import own
from receiver import Home
from sender import AUTHORIZATION, SECRET, message


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
        text = re.sub(r'^(\s*spool *= *)"[^"]*"', rf'\1"{self.spool.dir}"', text, flags=re.M)
        if not re.search(r"^\s*spool *=", text, re.M):
            text = f'spool = "{self.spool.dir}"\n' + text
        for name in re.findall(r'^\s*ca-file *= *"([^"]*)"', text, re.M):
            self.write(name, "")
        text = re.sub(r'^(\s*socket-group *= *)"[^"]*"', rf'\1"{self.dir.group()}"', text, flags=re.M)
        return re.sub(r'^(\s*(secret|authorization)-(file|env) *= *)(\{(?:"[^"]*"|[^"}])*\}|"[^"]*")', self.provide, text,
                      flags=re.M)

    def provide(self, match):
        """Makes the secrets an option names, the first with the value that deliveries here are signed with."""
        start, kind, source, names = match.groups()
        values = []
        for number, name in enumerate(re.findall(r'"([^"]*)"', names)):
            value = (SECRET if kind == "secret" else AUTHORIZATION) + ("" if number == 0 else str(number))
            if source == "env":
                self.env[name] = value
                values.append(name)
            else:
                path = self.write(name.rsplit("/", 1)[1], value) if "/" in name else self.write(name, value)
                values.append(name if name.startswith("${") else str(path))
        listed = ", ".join(f'"{value}"' for value in values)
        return start + ("{" + listed + "}" if names.startswith("{") else listed)


def endpoints(text):
    """The endpoints' paths and what their sections say."""
    return re.findall(r'^\s*endpoint "([^"]*)" *\{(.*?)^\s*\}', text, re.M | re.S)


def loads(text):
    """hookspool check finds nothing wrong with the configuration, and a receiver serves with it."""
    home = Example(text)
    one = home.start(env=home.env)
    done = home.cli("check", "--socket", f"unix:{one.socket}", env=home.env)
    assert done.returncode == 0 and b"FAIL" not in done.stdout, done.stdout.decode() + done.stderr.decode()
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
