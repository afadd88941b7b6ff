# SPDX-License-Identifier: ISC
"""The manual and the README: every configuration in them loads, the pages have no faults, no option is left out."""
import json
import re

import pytest

from examples import loads
from place import BIN, SOURCE, need, run
from receiver import Home, endpoint

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


def test_delivery_signed_by_hand_is_stored(served, children):
    """The commands of hookspool(1), as a shell runs them."""
    block, = (block for block in literal_blocks((SOURCE / "man/hookspool.1").read_text()) if "openssl" in block)
    home = Home(endpoint("/webhook/linkedin", secret_file=["linkedin.secret"]), files={"linkedin.secret": "a-secret-of-thirty-two-characters\n"})
    site = served("nginx", home)
    text = block.replace("https://example.com/", f"http://127.0.0.1:{site.port}/").replace("/etc/hookspool/", f"{home.dir}/")
    assert text.count(str(home.dir)) == 1 and f":{site.port}/" in text
    done = run(["sh", "-e", "-c", text])
    assert done.returncode == 0 and json.loads(done.stdout)["status"] == "stored", done.stdout.decode() + done.stderr.decode()


def test_all_pages_are_there():
    assert {page.name for page in PAGES} >= {"hookspool.1", "hookspool.conf.5", "hookspool.fcgi.8", "hookspool-page.fcgi.8"}


def rendered(name):
    done = run([need("mandoc"), "-T", "ascii", SOURCE / "man" / name])
    return re.sub(r".\x08", "", done.stdout.decode())


def printed_options():
    """The options as the program reads them; a section is an option too, of the whole file."""
    options = json.loads(run([BIN / "hookspool", "check", "--options", "--json"]).stdout)["options"]
    assert len(options) > 80
    return options


def configuration_options():
    options = printed_options()
    return {option["name"] for option in options} | {option["section"] for option in options if option["section"]}


def test_every_option_of_the_configuration_is_described():
    page = rendered("hookspool.conf.5")
    assert not {option for option in configuration_options() if not re.search(rf"(?<![\w-]){option}(?![\w-])", page)}


def test_every_option_described_is_there():
    """No heading of hookspool.conf(5) names an option that the program does not read."""
    headings = re.findall(r"^\.It (Ic .*)$", (SOURCE / "man/hookspool.conf.5").read_text(), re.M)
    assert {option for heading in headings for option in re.findall(r"Ic ([a-z-]+)", heading)} == configuration_options()


def test_the_language_of_schemes_is_one_page():
    """A page that a reader can print: at most 100 lines, with each option of both sections, and each word that they take."""
    page = rendered("hookspool.conf.5")
    section = re.search(r"^ +Your own\n(.*?)^ +Details\n", page, re.M | re.S)[1]
    assert len(section.splitlines()) <= 100 and max(map(len, section.splitlines())) <= 80
    for option in printed_options():
        if option["section"] in ("scheme", "handshake"):
            assert re.search(rf"^ +(?:[a-z-]+, )*{option['name']}(?:,| |$)", section, re.M), option["name"]
    words = {word for option in printed_options() if option["section"] in ("scheme", "handshake") and option["name"] not in ("like", "handshake")
             for word in option["choices"]}
    assert not {word for word in words if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", section)}


def example_options():
    """The options of the full example by section, with their values; also those that are commented out or stand in a comment."""
    found, section = {}, None
    for line in (SOURCE / "conf-examples/hookspool.full.conf").read_text().splitlines():
        if match := re.match(r'([a-z-]+) "[^"]*" \{', line):
            section = match[1]
        elif line == "}":
            section = None
        elif match := re.match(r'\s*(#?)(?:.*: )?([a-z-]+) = (\S.*)', line):
            found.setdefault(section, {})[match[2]] = None if match[1] else match[3]
        elif match := re.match(r'#?(include)\(', line):
            found.setdefault(None, {})["include"] = None
    return found


def test_the_full_example_has_every_option_of_its_sections():
    """A scheme is a page of its own in hookspool.conf(5)."""
    example = example_options()
    options = [option for option in printed_options() if option["section"] != "scheme"]
    for section in {option["section"] for option in options}:
        assert set(example[section]) == {option["name"] for option in options if option["section"] == section}, section


def test_the_full_example_has_the_defaults():
    example = example_options()
    for option in printed_options():
        written = example.get(option["section"], {}).get(option["name"])
        if written and option["default"] and (option["section"], option["name"]) != ("sink", "type"):
            assert written == option["default"], option["name"]


def test_options_are_printed_for_people():
    text = run([BIN / "hookspool", "check", "--options"]).stdout.decode()
    assert all(f"  {option['name']}: {option['kind']}" in text and option["help"] in text for option in printed_options())
    assert '  max-in-flight: number, 1 to 1024; default 16\n' in text
    assert '  body-timeout: time, at most 1h; default "10s"\n' in text
    assert '  journal: choice: "wal", "delete"; default "wal"\n' in text


def subcommands():
    """Those of hookspool --help."""
    return re.findall(r"^  ([a-z-]+) {2,}\S", run([BIN / "hookspool", "--help"]).stdout.decode(), re.M)


def sections():
    """What hookspool(1) says of each subcommand, and of the filters."""
    found = {}
    page, _, filters = (SOURCE / "man/hookspool.1").read_text().partition("\nThe filters of\n")
    for section in re.split(r"(?=^\.It Cm )", page, flags=re.M)[1:]:
        name = re.match(r"\.It Cm ([a-z-]+)", section)[1]
        found[name] = found.get(name, "") + section
    return found, filters.partition("\n.Sh ")[0]


def described(text):
    return set(re.findall(r"(?<!\w)Fl Fl ([a-z][a-z-]+)", text)) | set(re.findall(r"(?<!Fl )Fl ([a-zA-Z])\b", text))


def test_subcommands_are_described():
    """hookspool --help and hookspool(1) have the same subcommands."""
    assert len(subcommands()) > 20 and set(subcommands()) == set(sections()[0])


def test_options_of_each_subcommand_are_described():
    """Each in the section of its subcommand, and no other one in the section's heading."""
    found, filters = sections()
    for command in subcommands():
        rows = re.findall(r"^  (-.*?)(?:   |$)", run([BIN / "hookspool", command, "--help"]).stdout.decode(), re.M)
        options = {name for row in rows for name in re.findall(r"(?<![\w-])--?([a-zA-Z][a-z-]*)", row.partition("'")[0])} - {"help"}
        text, heading = found[command], "\n".join(re.findall(r"^\.It Cm .*", found[command], re.M))
        taken = described(text) | (described(filters) if "Ar filter" in heading else set())
        assert options <= taken, (command, options - taken)
        assert described(heading) <= options, (command, described(heading) - options)


def test_counts_of_stats_are_described():
    stats = re.search(r"^\.It Cm stats.*?(?=^\.It )", (SOURCE / "man/hookspool.1").read_text(), re.M | re.S)[0]
    assert not {word for word in ("outcome", "secrets", "sink", "pending", "delivered", "dead") if word not in stats}


@pytest.mark.parametrize("name", ["hookspool.fcgi", "hookspool-page.fcgi"])
def test_every_option_of_the_program_is_described(name):
    usage = run([BIN / name, "--help"]).stdout.decode()
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", usage))
    text = rendered(f"{name}.8")
    assert len(options) > 3 and not {option for option in options if option not in text}


def test_every_outcome_is_described():
    """In the table of the receiver's page, and below it with what to do."""
    codes = set(re.findall(r'= \{"([a-z_]+)", \d{3}', (SOURCE / "src/hook/outcome.c").read_text()))
    assert len(codes) == 19
    described = re.findall(r"^\.It ([a-z_]+)(?: Ta |$)", (SOURCE / "man/hookspool.fcgi.8").read_text(), re.M)
    assert sorted(described) == sorted([*codes] * 2)
