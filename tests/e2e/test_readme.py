# SPDX-License-Identifier: ISC
"""README.md: every command in it runs, and its configurations are those of conf-examples."""
import re
import shlex

import pytest

import readme
from examples import EXAMPLES, SinkExample
from place import ROOT, SOURCE, run

ELSEWHERE = {  # which test runs it
    "./bootstrap run": "test_bootstrap.py",
    "./bootstrap check": ".ci/run",
    "make deb": "test_packages.py",
    "sudo apt install ./deb/hookspool*.deb": "packaging/try-deb",
    "sudo systemctl reload hookspool.service": "test_systemd.py",
    "sudo systemctl enable --now hookspool-relay.service": "test_systemd.py",
    "sudo hookspool init": "test_init.py",
    "./bootstrap && ./configure --sysconfdir=/etc && make && sudo make install": "test_bootstrap.py",
}


def commands():
    return [line for line in readme.lines() if re.match(r"(sudo )?hookspool ", line) and line not in ELSEWHERE]


def test_every_command_is_run_by_a_test():
    units = set(readme.block_with("systemd-sysusers").splitlines())
    left = [line for line in readme.lines() if line not in ELSEWHERE and line not in commands()
            and not line.startswith("sudo apt-get install ") and line.replace("sudo ", "") not in units]
    assert not left and len(commands()) >= 6
    for line, test in ELSEWHERE.items():
        assert line in readme.lines() and (SOURCE / "tests/e2e" / test if test.endswith(".py") else SOURCE / test).exists()


def test_ci_runs_the_command_of_the_readme():
    assert "exec ./bootstrap check\n" in (SOURCE / ".ci/run").read_text()


def test_packages_are_those_that_bootstrap_installs():
    told, = (line.split()[3:] for line in readme.lines() if line.startswith("sudo apt-get install "))
    built = re.search(r'^build_packages="([^"]*)"', (SOURCE / "bootstrap").read_text(), re.M)[1].split()
    modules = set(re.findall(r"^HS_MODULE\(\[.*\[(\S+)\]\)$", (SOURCE / "configure.ac").read_text(), re.M))
    assert modules and sorted(told) == sorted(set(built) - modules - {"libc6-dev"})
    assert all(f"`{package}`" in readme.TEXT for package in modules), "optional, and told of"


def essence(text):
    """A configuration without comments, empty lines and indentation."""
    lines = (re.sub(r"\s*#.*", "", line).strip() for line in text.splitlines())
    return [line for line in lines if line]


@pytest.mark.parametrize("language, example", [("nginx", "nginx-plain.conf"), ("apache", "apache-mod_proxy_fcgi.conf")])
def test_web_server_configuration_is_that_of_the_example(language, example):
    block, = readme.blocks(language)
    assert essence(block) == essence((EXAMPLES / example).read_text())


def test_commands_run(served, target, children):
    """In the order of the README, with its own configuration; a web server of ours stands for hooks.example.com."""
    configuration, = (block for block in readme.blocks("") if block.startswith("sink "))
    home = SinkExample(configuration, target.url)
    site = served("nginx", home)
    for line in commands():
        argv = shlex.split(line.replace("https://hooks.example.com", f"http://127.0.0.1:{site.port}"))
        as_root = argv[0] == "sudo" and ROOT
        if argv[0] == "sudo":
            argv.pop(0)
        if argv[1] == "check":
            argv[2:] = ["--socket", f"unix:{site.receivers[0].socket}"]
        done = home.cli(*argv[1:], env=home.env, **({"user": None} if as_root else {}))
        assert done.returncode in ((0, 1) if argv[1] == "check" else (0,)), (line, done.stdout, done.stderr)
        if argv[1] == "deliveries" and "dead" not in argv:
            assert b"  200  ok" in done.stdout, "what was answered"
        if argv[1] == "list":
            assert home.cli("relay", "--once", env=home.env).returncode == 0
    assert len(target.got) >= 2, "the event, and a test event"
