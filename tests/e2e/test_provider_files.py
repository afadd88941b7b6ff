# SPDX-License-Identifier: ISC
"""The files of the built-in schemes: what is in them, what the program and the documents say of them, and `hookspool identify`."""
import json
import re

import pytest

import readme
from place import BIN, SOURCE, USER, new_dir, own, run
from receiver import Home
from test_providers import FILES, home_for, is_delivery, load, post, rows

FILE = {path.stem: path for path in sorted((SOURCE / "schemes").glob("*.conf"))}
KEYS = ["title", "docs", "enter", "id", "unsigned", "checked", "note", "events"]


def hookspool(*args, **how):
    return run([BIN / "hookspool", *args], **how)


def told():
    """What the program says of each scheme, by name."""
    done = hookspool("schemes", "--json")
    assert done.returncode == 0, done.stderr.decode()
    return {one["name"]: one for one in map(json.loads, done.stdout.decode().splitlines())}


TOLD = told()


def notes(name):
    """The comments of a file, by key; a line that goes on belongs to the one above."""
    found, key = {}, None
    for line in FILE[name].read_text().splitlines():
        if not line.startswith("#"):
            break
        if match := re.match(r"# ([a-z]+): (.*)", line):
            key = match[1]
            assert key not in found, f"{key} is there twice"
            found[key] = match[2]
        elif line.startswith("#   "):
            found[key] += " " + line[4:]
        else:
            assert line == "# SPDX-License-Identifier: ISC", line
    return found


def test_each_file_is_built_in():
    """No list names them: the directory, the program, and the choices of the option are the same."""
    assert sorted(FILE) == list(TOLD) and len(FILE) >= 110
    listed = [line.split()[0] for line in hookspool("schemes").stdout.decode().splitlines()]
    assert listed == sorted(FILE)


@pytest.mark.parametrize("name", FILE)
def test_file_is_complete(name):
    """It has its comments, its text is the program's, and a sample is beside it."""
    found, text = notes(name), FILE[name].read_text()
    assert set(KEYS) - {"note", "events"} <= set(found) <= set(KEYS) and all(found.values())
    assert re.match(r"https://[\w.-]+/", found["docs"])
    assert max(map(len, text.splitlines())) <= 140
    assert TOLD[name]["title"] == found["title"] and TOLD[name]["enter"] == found["enter"] and TOLD[name]["docs"] == found["docs"]
    assert text.endswith("\n\n" + TOLD[name]["scheme"])
    assert [sample for sample in FILES if load(sample)["scheme"] == name], "no sample"
    assert FILES.get(name) or [sample for sample in FILES if sample.startswith(name.removesuffix("-v3") + "-")]


@pytest.mark.parametrize("name", FILE)
def test_file_names_what_it_does_not_sign(name):
    """Each header that a field comes from, and that no signature covers; and that a part of the body is not covered."""
    said, read = notes(name)["unsigned"], TOLD[name]["read_unsigned"]
    if TOLD[name]["algorithm"] in ("none", "secret", "client-state"):
        assert said.startswith("everything; ")
    elif read:
        assert [one for one in read.split(", ") if ":" not in one and one.lower() not in said.lower()] == []
        assert said != "nothing"
    else:
        assert said == "nothing"


@pytest.mark.parametrize("name", FILE)
def test_file_passes_the_check_as_a_configuration(name):
    """As a scheme of the configuration: with the same name, and included from where it is."""
    sample = next(load(one) for one in FILES if load(one)["scheme"] == name)
    home = home_for(sample)
    home.write("hookspool.conf", FILE[name].read_text() + home.conf.read_text())
    checks = json.loads(home.cli("check", "--json").stdout)["checks"]
    assert "configuration" in [one["name"] for one in checks] and not [one for one in checks if one["status"] == "fail" and one["name"] != "spool"], checks


SUCH_NAMES = re.compile(r'For names such as (\S+), write a scheme of your own with like = "(\S+)" and event = (\{.*?\})\.')
NAMED = [name for name in FILE if SUCH_NAMES.search(notes(name).get("note", ""))]


@pytest.mark.parametrize("name", NAMED)
def test_scheme_that_a_note_has_gives_the_names_that_it_has(name):
    """The built-in schemes keep the first of two names; the note joins them."""
    wanted, like, source = SUCH_NAMES.search(notes(name)["note"]).groups()
    sample = load(name)
    home = home_for(sample)
    home.write("hookspool.conf", f'scheme "own" {{ like = "{like}" event = {source} }}\n' + re.sub(r'scheme = "\w+"', 'scheme = "own"', home.conf.read_text()))
    reply, log = post(home, sample)
    assert reply.status == 200, log
    assert rows(home)[-1]["event"] == wanted


def test_providers_with_two_names_are_named():
    assert {"pipedrive", "close", "linear", "sentry"} <= set(NAMED)


def test_page_is_that_of_the_program():
    """`make schemes-page` writes it."""
    done = hookspool("schemes", "--man")
    assert done.returncode == 0 and done.stdout.decode() == (SOURCE / "man/hookspool-schemes.5").read_text()


def test_readme_has_the_number_of_schemes():
    assert re.findall(r"(\d+) schemes are built in", readme.TEXT) == [str(len(TOLD))]


def test_one_scheme_is_printed():
    done = hookspool("schemes", "calendly").stdout.decode()
    assert "title         Calendly\n" in done and "\nenter         " in done and "proof         hmac-sha256 of {timestamp}.{body}" in done
    assert 'endpoint "/webhook/calendly" {\n\tscheme = "calendly"\n' in done and 'scheme "calendly" {\n' in done
    done = hookspool("schemes", "github").stdout.decode()
    assert "not signed, so the bytes are a part of the key" in done and "X-GitHub-Delivery" in done
    done = hookspool("schemes", "calendli")
    assert done.returncode == 64 and b'did you mean "calendly"' in done.stderr


@pytest.mark.parametrize("name", ["calendly", "square", "meta", "none"])
def test_printed_endpoint_loads(name):
    text = TOLD[name]["endpoint"]
    home = Home(re.sub(r"/etc/hookspool/", "", text), files={f"{name}.secret": "a-secret-of-thirty-two-characters", f"{name}.token": "t"})
    assert home.cli("list").returncode == 66, "it loads, and has no spool yet"


def test_scheme_of_the_configuration_comes_first():
    """It has a built-in one's name, and another header."""
    section = 'scheme "calendly" { header = "X-Own" }\n'
    endpoint = 'endpoint "/w" { scheme = "calendly" secret-file = {"secret"} }\n'
    home = Home(section + endpoint)
    done = home.cli("verify", "--endpoint", "/w", "--explain", "-H", "X-Own: 00", "-", stdin=b"{}")
    assert b"X-Own" in done.stdout, done.stdout.decode() + done.stderr.decode()
    home.configure(endpoint + section)
    done = home.cli("list")
    assert done.returncode == 78 and b"write this section before that one" in done.stderr, done.stderr.decode()


# ---- identify

def given(sample, home):
    """The arguments of identify, but for the body."""
    headers = "".join(f"{name}: {value}\n" for name, value in sample["headers"].items())
    return ["--headers", home.write("headers", headers + f"Content-Type: {sample['content_type']}\n"), *(["--query", sample["query"]] if sample["query"] else []),
            *(["--url", sample["url"]] if sample.get("url") else [])]


def identified(sample, *more):
    home = Home("")
    if sample.get("secret"):
        home.write("given", sample["secret"])
        more = [home.dir / "given" if one == "SECRET" else one for one in more]
    done = run([BIN / "hookspool", "identify", "--json", *given(sample, home), *more, "-"], stdin=sample["body"].encode(), user=USER)
    assert done.returncode in (0, 1), done.stderr.decode()
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


DELIVERED = [name for name in FILES if is_delivery(name) and TOLD[load(name)["scheme"]]["algorithm"] != "none"]


@pytest.mark.parametrize("name", DELIVERED)
def test_sample_is_identified(name):
    """By its headers and its body alone, its scheme is among those that fit; with the secret it is proven, or one that signs the same."""
    sample = load(name)
    found = identified(sample)
    assert sample["scheme"] in [one["scheme"] for one in found], found
    assert not any(one["proven"] for one in found)
    if sample.get("secret"):
        found = identified(sample, "--secret-file", "SECRET")
        assert found[0]["proven"], found
        assert sample["scheme"] in [one["scheme"] for one in found if one["proven"]], found


# What nothing in a delivery tells apart: HubSpot's two older ways; Okta's two names; Svix without its brand and Standard Webhooks; and
# Standard Webhooks while a provider signs with both kinds of keys.
ALIKE = [{"hubspot-v1", "hubspot-v2"}, {"okta", "okta-event-hook"}, {"svix", "standard-webhooks"}, {"standard-webhooks", "standard-webhooks-ed25519"}]


@pytest.mark.parametrize("name", DELIVERED)
def test_sample_is_told_from_all_other_providers(name):
    """Without a secret, the first that fits is its own scheme, or that of its provider."""
    sample = load(name)
    right = {sample["scheme"], sample["provider"]}
    right.update(*(names for names in ALIKE if names & right))
    found = identified(sample)
    assert found[0]["scheme"] in right, found
    assert found[0]["sure"] or {one["scheme"] for one in found if one["points"] == found[0]["points"]} in ALIKE, found


def test_unknown_delivery_looks_like_none():
    done = run([BIN / "hookspool", "identify", "-H", "X-Unknown: 1", "-"], stdin=b"{}", user=USER)
    assert done.returncode == 1 and b"no built-in scheme" in done.stderr


@pytest.mark.sqlite  # libfaketime's clock ends a CGI program's wait for a server
def test_delivery_of_another_provider_is_named():
    """verify --explain and rejects say what came to an endpoint of another scheme."""
    sample = load("calendly")
    home = Home(f'endpoint "{sample["path"]}" {{ scheme = "github" secret-file = {{"own"}} }}\n', files={"own": sample["secret"]}, reject_bodies=True)
    reply, _ = post(home, sample)
    assert reply.status == 401
    done = home.cli("verify", "--reject", "1", "--explain")
    assert b'this is signed as Calendly signs (scheme = "calendly")' in done.stdout, done.stdout.decode()
    assert b'this is signed as Calendly signs (scheme = "calendly")' in home.cli("rejects", "1").stdout
    assert "Calendly" in json.loads(home.cli("rejects", "--json", "1").stdout)["looks_like"]
    home.write("own", "another secret of the same length")
    done = home.cli("verify", "--reject", "1", "--explain")
    assert b'this looks like a delivery of Calendly (scheme = "calendly")' in done.stdout, done.stdout.decode()
    done = home.cli("identify", "--reject", "1")
    assert done.returncode == 0 and b'endpoint "/webhook/calendly" {' in done.stdout


def test_what_a_stranger_wrote_is_not_printed_as_it_is():
    """A header's name and value, and the body, steer no terminal."""
    done = run([BIN / "hookspool", "identify", "-H", "Calendly-Webhook-Signature: \x1b[31mt=1,v1=" + "0" * 64, "-"], stdin=b'{"event":"\x1b[31m"}', user=USER)
    assert b"\x1b" not in done.stdout + done.stderr


def test_samples_are_installed_beside_the_files():
    """`make install` copies the directory; the tree has no list of its files."""
    text = (SOURCE / "Makefile.am").read_text()
    assert "\tschemes\n" in text.split("EXTRA_DIST = ")[1] and not re.search(r"schemes/[a-z0-9-]+\.conf", text)
