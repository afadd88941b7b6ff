# SPDX-License-Identifier: ISC
"""./bootstrap: run, as a new user has it, from a directory with a blank in its name; and what it does to the machine."""
import json
import os
import pty
import re
import shutil
import signal
import subprocess

import pytest

import readme
import sender
from outcomes import expect
from place import COMPILER, SANITIZER, SOURCE, new_dir, run
from proc import Child

@pytest.fixture
def checkout():
    where = new_dir("new user ")
    shutil.copytree(SOURCE, where, dirs_exist_ok=True, symlinks=True,
                    ignore=shutil.ignore_patterns("build", "build-*", ".git", "var", "autom4te.cache"))
    if (SOURCE / "build-aux").exists():
        shutil.copytree(SOURCE / "build-aux", where / "build-aux", symlinks=True)
    for path in (where, *where.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)
    return where


def events(checkout):
    done = run([checkout / "build/hookspool", "-c", checkout / "var/hookspool.conf", "export"])
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def play(checkout, stored):
    """Starts it, delivers once more with the secret it names, stops it as Ctrl-C does; leaves no process."""
    log = checkout.parent / f"bootstrap{stored}.log"
    child = Child([checkout / "bootstrap", "run"], log, user=None, env={"CFLAGS": "-O0"} | COMPILER)
    child.until(lambda: "Ctrl-C stops it." in child.text(), "it is ready", 300)
    text = child.text()
    assert "outcome=stored" in text and '200 after' in text
    shown, = readme.blocks("console")
    assert not [line for line in shown.splitlines() if not re.search(r"\d", line) and line not in text.splitlines()]
    port = int(re.search(r"receives at +http://127\.0\.0\.1:(\d+)/webhook/linkedin", text)[1])
    secret = re.search(r"signing secret is +(.*)", text)[1]
    body = sender.message()
    with open(secret) as file:
        expect(sender.deliver(port, "/webhook/linkedin", body, secret=file.read().strip()), "stored")
    found = events(checkout)
    assert len(found) == stored and found[-1]["body"].encode() == body
    child.signal(signal.SIGINT)
    assert child.wait(20) == 0
    left = subprocess.run(["pgrep", "-g", str(child.pid)], capture_output=True)
    assert not left.stdout, left.stdout
    return port


@pytest.mark.skipif(bool(SANITIZER), reason="it makes a build of its own, without sanitizers")
def test_run_twice(checkout, children):
    assert play(checkout, 2) == play(checkout, 4)


@pytest.mark.skipif(bool(SANITIZER), reason="it makes a build of its own, without sanitizers")
def test_readme_builds_and_installs(checkout):
    """The README's own line, into a directory in the place of the machine."""
    line, = (line for line in readme.lines() if line.startswith("./bootstrap && ./configure"))
    done = run(["sh", "-c", line.replace("sudo ", "")], cwd=checkout, within=300,
               env={"DESTDIR": str(checkout.parent / "installed"), "MAKEFLAGS": "-j2", "CFLAGS": "-O0"} | COMPILER)
    assert done.returncode == 0, done.stderr.decode()
    for name in ("bin/hookspool", "libexec/hookspool.fcgi", "libexec/hookspool-page.fcgi", "share/hookspool/page/index.html", "share/man/man8/hookspool.fcgi.8", "share/doc/hookspool/LICENSE"):
        assert (checkout.parent / "installed/usr/local" / name).exists(), name


class Machine:
    """A machine without nginx, whose package manager and services are stubs that note how they are called."""

    def __init__(self):
        self.dir = new_dir("machine")
        self.calls, self.policy, self.systemd = self.dir / "calls", self.dir / "policy-rc.d", self.dir / "systemd"
        text = (SOURCE / "bootstrap").read_text()
        for real, here in (("/usr/sbin/policy-rc.d", self.policy), ("/run/systemd/system", self.systemd)):
            assert real in text
            text = text.replace(real, str(here))
        self.stub("bootstrap", text)
        (self.dir / "bin").mkdir()
        self.calls.touch()
        self.stub("bin/dpkg-query", '#!/bin/sh\nfor last; do :; done\n[ "$last" = nginx ] || echo installed\n')
        self.stub("bin/sudo", '#!/bin/sh\nexec "$@"\n')
        self.stub("bin/apt-get", f'#!/bin/sh\necho "apt-get $*" >>{self.calls}\n{self.policy} nginx start\n'
                                 f'echo "policy $?" >>{self.calls}\nexit ${{APT_STATUS-0}}\n')
        self.stub("bin/systemctl", f'#!/bin/sh\necho "systemctl $*" >>{self.calls}\n[ "$1" != list-unit-files ] || '
                                   f'{{ echo "ssh.service enabled"; ! grep -q apt-get {self.calls} || echo "nginx.service enabled"; }}\n')
        self.stub("configure", "#!/bin/sh\nexit 3\n")  # the end of bootstrap, once the packages are there

    def stub(self, name, text):
        (self.dir / name).write_text(text)
        (self.dir / name).chmod(0o755)

    def bootstrap(self, terminal=None, **env):
        """Runs ./bootstrap check: without a terminal, or with one at which the text is typed. Its status, and what it said."""
        argv, env = [self.dir / "bootstrap", "check"], {**os.environ, "PATH": f"{self.dir}/bin:{os.environ['PATH']}", **env}
        if terminal is None:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, timeout=30)
            return done.returncode, done.stdout.decode()
        keyboard, screen = pty.openpty()
        os.write(keyboard, terminal.encode())
        done = subprocess.run(argv, stdin=screen, stdout=screen, stderr=screen, env=env, timeout=30)
        said = os.read(keyboard, 100_000).decode()
        os.close(screen)
        os.close(keyboard)
        return done.returncode, said

    def called(self):
        return self.calls.read_text().splitlines()


INSTALLS = "apt-get -q -y install --no-install-recommends nginx"
QUESTION = "Services that come with them stay off. [Y/n]"


@pytest.mark.parametrize("typed", [None, "\n", "y\n"], ids=["no terminal", "Enter", "y"])
def test_bootstrap_installs_packages_and_starts_no_service(typed):
    machine = Machine()
    status, said = machine.bootstrap(typed)
    assert status == 3 and "missing Debian packages: nginx" in said and (QUESTION in said) == (typed is not None)
    assert machine.called() == [INSTALLS, "policy 101"] and not machine.policy.exists()


def test_bootstrap_asks_on_a_terminal_and_takes_a_no():
    machine = Machine()
    status, said = machine.bootstrap("n\n")
    assert status == 1 and QUESTION in said and "no service was touched" in said
    assert not machine.called() and not machine.policy.exists()


def test_bootstrap_disables_new_units_only():
    machine = Machine()
    machine.systemd.mkdir()
    status, said = machine.bootstrap()
    assert status == 3 and "systemctl enable --now nginx.service" in said
    assert [call for call in machine.called() if "list-unit-files" not in call] == [
        INSTALLS, "policy 101", "systemctl disable nginx.service"]


def test_bootstrap_removes_its_policy_when_apt_fails():
    machine = Machine()
    status, said = machine.bootstrap(APT_STATUS="100")
    assert status == 1 and "apt-get could not install nginx" in said and not machine.policy.exists()


def test_bootstrap_leaves_the_policy_of_the_machine_alone():
    machine = Machine()
    machine.stub("policy-rc.d", "#!/bin/sh\nexit 104\n")
    assert machine.bootstrap()[0] == 3
    assert machine.called() == [INSTALLS, "policy 104"] and machine.policy.read_text() == "#!/bin/sh\nexit 104\n"
