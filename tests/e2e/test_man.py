# SPDX-License-Identifier: ISC
"""The manual and the README: every configuration in them loads, the pages have no faults, no option is left out."""
import re

import pytest

from examples import loads
from place import BIN, SOURCE, need, run

PAGES = sorted((SOURCE / "man").glob("*.[1-8]"))
CONFIGURATION = re.compile(r'^\s*(endpoint "|include\(|[a-z-]+ *= *["{\d])', re.M)


def literal_blocks(text):
    """The displays of an mdoc page, as the reader sees them."""
    for block in re.findall(r"^\.Bd .*?-literal.*?\n(.*?)^\.Ed", text, re.M | re.S):
        block = re.sub(r"^\.\\\".*\n", "", block, flags=re.M)
        yield block.replace("\\&", "").replace("\\(dq", '"').replace("\\-", "-").replace("\\e", "\\")


def fenced_blocks(text):
    """The code blocks of a Markdown file, without those in the shell's or another program's language."""
    for language, block in re.findall(r"^ *```([a-z]*)\n(.*?)^ *```", text, re.M | re.S):
        if language not in ("sh", "console", "nginx", "apache", "apacheconf", "json"):
            yield block


def configurations():
    sources = [(page, literal_blocks) for page in PAGES] + [(SOURCE / "README.md", fenced_blocks)]
    for path, blocks in sources:
        if not path.exists():
            continue
        found = [block for block in blocks(path.read_text()) if CONFIGURATION.search(block)]
        for number, block in enumerate(found, 1):
            yield pytest.param(block, id=f"{path.name}-{number}")


@pytest.mark.parametrize("text", configurations())
def test_configuration_loads(text, children):
    loads(text)


def test_there_are_configurations():
    names = {parameter.id.rsplit("-", 1)[0] for parameter in configurations()}
    assert {"hookspool.conf.5", "README.md"} <= names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_has_no_faults(page):
    done = run([need("mandoc"), "-T", "lint", "-W", "warning", page])
    assert done.returncode == 0 and not done.stdout + done.stderr, (done.stdout + done.stderr).decode()


def test_all_pages_are_there():
    assert {page.name for page in PAGES} >= {"hookspool.1", "hookspool.conf.5", "hookspool.fcgi.8"}


def rendered(name):
    done = run([need("mandoc"), "-T", "ascii", SOURCE / "man" / name])
    return re.sub(r".\x08", "", done.stdout.decode())


def configuration_options():
    schema = "".join((SOURCE / "src/conf" / name).read_text() for name in ("schema.c", "schema_scheme.c", "schema_sink.c"))
    return set(re.findall(r'CFG_(?:STR|STR_LIST|INT|BOOL|SEC|FUNC)\("([a-z-]+)"', schema))


def test_every_option_of_the_configuration_is_described():
    options = configuration_options()
    assert len(options) > 20
    page = rendered("hookspool.conf.5")
    assert not {option for option in options if not re.search(rf"(?<![\w-]){option}(?![\w-])", page)}


def test_every_option_described_is_there():
    """No heading of hookspool.conf(5) names an option that the schema has not."""
    headings = re.findall(r"^\.It (Ic .*)$", (SOURCE / "man/hookspool.conf.5").read_text(), re.M)
    assert {option for heading in headings for option in re.findall(r"Ic ([a-z-]+)", heading)} == configuration_options()


def test_subcommands_are_described():
    """hookspool --help and hookspool(1) have the same subcommands."""
    usage = run([BIN / "hookspool", "--help"]).stdout.decode()
    page = (SOURCE / "man/hookspool.1").read_text()
    commands = set(re.findall(r"^  ([a-z]+) {2,}\S", usage, re.M))
    assert commands and commands == set(re.findall(r"^\.It Cm ([a-z]+)", page, re.M))


def test_what_stats_counts_is_described():
    stats = re.search(r"^\.It Cm stats.*?(?=^\.It )", (SOURCE / "man/hookspool.1").read_text(), re.M | re.S)[0]
    assert not {word for word in ("outcome", "secrets", "sink", "pending", "delivered", "dead") if word not in stats}


@pytest.mark.parametrize("program, page, args", [("hookspool.fcgi", "hookspool.fcgi.8", []), *(
    ("hookspool", "hookspool.1", [command])
    for command in ("check", "keygen", "send", "list", "show", "tail", "stats", "rejects", "verify", "export", "purge",
                    "reload", "relay", "deliveries", "retry", "replay", "drop"))],
    ids=lambda v: v[0] if isinstance(v, list) and v else None)
def test_every_option_of_the_programs_is_described(program, page, args):
    usage = run([BIN / program, *args, "--help"]).stdout.decode()
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", usage))
    assert usage
    text = rendered(page)
    assert not {option for option in options if option not in text}


def test_every_outcome_is_described():
    """In the table of the receiver's page, and below it with what to do."""
    codes = set(re.findall(r'= \{"([a-z_]+)", \d{3}', (SOURCE / "src/hook/outcome.c").read_text()))
    assert len(codes) == 19
    described = re.findall(r"^\.It ([a-z_]+)(?: Ta |$)", (SOURCE / "man/hookspool.fcgi.8").read_text(), re.M)
    assert sorted(described) == sorted([*codes] * 2)
