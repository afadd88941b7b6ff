# SPDX-License-Identifier: ISC
"""doc/CONNECTSAFELY.md and doc/OPERATIONS.md: every command in them runs, in its order, and every configuration loads."""
import re
import shlex
import textwrap

import pytest

from examples import SinkExample, loads
from outcomes import expect
from place import BIN, SOURCE, run
from sender import message
from test_init import Made
from test_man import CONFIGURATION

DOCUMENTS = {name: (SOURCE / f"doc/{name}.md").read_text() for name in ("CONNECTSAFELY", "OPERATIONS")}
ELSEWHERE = {  # which test runs it
    "hookspool init": "test_init.py",
    "systemctl enable --now hookspool.socket hookspool.service hookspool-relay.service": "test_systemd.py",
    "systemctl reload hookspool.service": "test_systemd.py",
    "systemctl restart hookspool.service hookspool-relay.service": "test_systemd.py",
}
OTHERS = ("nginx ", "certbot ")  # what is no program of hookspool
SLACK = """sink "slack" {
  url-file = "/etc/hookspool/sinks/slack.url"
}
endpoint "/webhook/linkedin" {
  secret-file = {"/etc/hookspool/linkedin.secret"}
  relay = {"slack"}
}
"""


def blocks(text, language):
    """The fenced blocks of that language, those of a list's items too."""
    return [textwrap.dedent(block) for name, block in re.findall(r"^ *```(\w*)\n(.*?)^ *```$", text, re.M | re.S) if name == language]


def commands(text):
    return [line for block in blocks(text, "sh") for line in block.splitlines()]


@pytest.mark.parametrize("name", ["CONNECTSAFELY", pytest.param("OPERATIONS", marks=pytest.mark.sqlite)])  # it makes a backup
def test_commands_run(name, served, target, children):
    """A web server of ours stands for hooks.example.com, and a target for Slack."""
    home = SinkExample(SLACK, target.url)
    home.write("restored.conf", SLACK.split("}\n", 1)[1].replace('  relay = {"slack"}\n', "").replace("/etc/hookspool/linkedin.secret", f"{home.dir}/linkedin.secret")
               + f'spool = "{home.dir}/restored"\n')
    site, ran = served("nginx", home), []
    expect(site.deliver("/webhook/linkedin", message()), "stored")
    for line in commands(DOCUMENTS[name]):
        if line in ELSEWHERE or line.startswith(OTHERS):
            continue
        text = line.replace("https://hooks.example.com", f"http://127.0.0.1:{site.port}").replace("/var/backups", str(home.dir))
        argv = shlex.split(text.replace("/etc/hookspool/restored.conf", str(home.dir / "restored.conf")))
        assert argv[0] == "hookspool", line
        done = home.cli(*argv[1:], env=home.env)
        assert done.returncode in ((0, 1) if argv[1] == "check" else (0,)), (line, done.stdout, done.stderr)
        if argv[1] == "list":
            assert home.cli("relay", "--once", env=home.env).returncode == 0
        ran.append(line)
    assert len(ran) > 6 and {line.split()[1] for line in ran} >= {"CONNECTSAFELY": {"send", "list", "rejects", "deliveries", "replay"},
                                                                 "OPERATIONS": {"backup", "purge", "erase", "stats", "check", "send"}}[name]
    assert name == "OPERATIONS" or len(target.got) >= 2, "the event and the test event"


def test_commands_that_others_run_are_in_a_document():
    for line, test in ELSEWHERE.items():
        assert any(line in commands(text) for text in DOCUMENTS.values()) and (SOURCE / "tests/e2e" / test).exists()


def configurations():
    for name, text in DOCUMENTS.items():
        for number, block in enumerate(blocks(text, ""), 1):
            if CONFIGURATION.search(block):
                yield pytest.param(block, id=f"{name}-{number}")


@pytest.mark.parametrize("text", configurations())
def test_configuration_loads(text, children):
    loads(text)


def test_subcommands_and_options_that_a_sentence_names_are_there():
    """`hookspool list --sender` is no block, and must be right, too."""
    named = {found for text in DOCUMENTS.values() for found in re.findall(r"`hookspool ([a-z]+)((?: --[a-z-]+)*)", text)}
    assert len(named) > 4
    for subcommand, options in named:
        said = run([BIN / "hookspool", subcommand, "--help"])
        assert said.returncode == 0 and all(option in said.stdout.decode() for option in options.split()), (subcommand, options)


def test_last_lines_of_init_are_those_of_the_document():
    """With systemd and nginx, as the document shows them."""
    text = (SOURCE / "src/cli/init.c").read_text() + (SOURCE / "src/cli/init_web.c").read_text()
    block = next(block for block in blocks(DOCUMENTS["CONNECTSAFELY"], "sh") if "certbot" in block)
    assert all(line.split(" -d ")[0].split(" hookspool-relay")[0] in text for line in block.splitlines())


def test_what_init_makes_is_what_the_steps_name(children):
    made = Made()
    url = made.dir / "url"
    url.write_text("https://hooks.slack.com/services/T/B/x\n")
    url.chmod(0o600)
    assert made.init("--new-secret", "--sink-url-file", url).returncode == 0
    assert made.cli("check", "--socket", "none").returncode < 2 and 'sink "slack"' in made.conf.read_text() and made.secret.name in made.conf.read_text()
