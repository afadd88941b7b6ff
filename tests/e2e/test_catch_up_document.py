# SPDX-License-Identifier: ISC
"""doc/CATCH-UP.md: its configurations load, its commands run, and a run costs as many requests as it says."""
import re
import shlex
import textwrap

import pytest

from catch_up_api import KEY, ConnectSafely, GitHub, now_ms
from catching import catch_up, home_for, receiver, section, stored  # noqa: F401
from place import SOURCE
from receiver import Home, endpoint
from relaying import PATH

TEXT = (SOURCE / "doc/CATCH-UP.md").read_text()
ELSEWHERE = ("sudo install ", "sudo systemctl restart ")  # what no test of hookspool's own can run


def blocks(language):
    return [textwrap.dedent(block) for name, block in re.findall(r"^ *```(\w*)\n(.*?)^ *```$", TEXT, re.M | re.S) if name == language]


@pytest.fixture
def api():
    one = ConnectSafely()
    yield one
    one.close()


def own_section(name, api_url):
    """The document's section of that name, with this home's key, and the API of the test."""
    block, = (block for block in blocks("") if block.startswith(f'catch-up "{name}"'))
    block = re.sub(r'"/etc/hookspool/sinks/[^"]*"', '"api.key"', block)
    block = re.sub(r"^ *url = .*\n", "", block, flags=re.M)
    return block.replace("}\n", f'  url = "{api_url}"\n  rate = "6000/m"\n  allow-private = true\n}}\n')


def test_commands_run_with_the_configuration_of_the_document(api, receiver):
    home = Home(endpoint(PATH), own_section("linkedin", api.url), files={"api.key": KEY})
    receiver(home=home)
    message = api.add(at=now_ms() - 60_000)
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    ran = [shlex.split(line.removeprefix("sudo "))[1:] for line in lines if not line.startswith(ELSEWHERE)]
    assert ["check"] in ran and ["catch-up", "--once"] in ran
    for words in ran:
        done = home.cli(*words)
        assert done.returncode in ((0, 1) if words == ["check"] else (0,)), (words, done.stdout, done.stderr)
        assert ("--dry-run" in words) <= (stored(home) == [])
    assert stored(home) == [message.id]


def test_configuration_for_github_loads(receiver):
    api = GitHub()
    assert 'url = "https://api.github.com/repos/OWNER/REPOSITORY/hooks/ID"\n' in TEXT
    home = Home(endpoint("/webhook/github", scheme="github"), own_section("github", api.url + api.hook), files={"api.key": KEY})
    receiver(home=home)
    catch_up(home)
    assert len(api.requests) == 1
    api.close()


def test_configuration_of_the_sink_loads(api):
    block, = (block for block in blocks("") if block.startswith("sink "))
    home = Home(block.replace("/etc/hookspool/sinks/assistant.url", "assistant.url"), endpoint(PATH, relay=["assistant"]),
                files={"assistant.url": "https://example.com/"})
    assert home.cli("check").returncode in (0, 1)


def test_requests_of_a_run_are_as_told(api, receiver):
    """1 for an account in which nothing has happened; 1 for each conversation, and for each 20 of these; 1 to learn the accounts."""
    home = home_for(api, accounts=["acc-1"])
    receiver(home=home)

    def cost(n, *args):
        before = len(api.requests)
        catch_up(home, *args)
        assert len(api.requests) - before == n

    cost(1)
    for _ in range(12):
        api.add()
    cost(13)
    cost(1)
    for conversation in api.conversations[:2]:
        api.add(conversation)
    cost(3)
    for _ in range(60):
        api.add(api.conversations[0])
    cost(3)
    home.configure(endpoint(PATH), section(api))
    cost(2)
