# SPDX-License-Identifier: ISC
"""The source tree itself: the licence of each file, and what the documents say of the code."""
import re

import pytest

from place import SOURCE

SPDX = "SPDX-License-Identifier: ISC"
COMMENT = {".c": "/* {} */", ".h": "/* {} */", ".py": "# {}", ".sh": "# {}", ".js": "// {}", ".lua": "-- {}", ".php": "// {}"}
GENERATED = {"__pycache__", "node_modules"}


def sources():
    """The source files below src/ and tests/, as (path, lines)."""
    for top in ("src", "tests"):
        for path in sorted((SOURCE / top).rglob("*")):
            if not path.is_file() or GENERATED & set(path.parts) or "corpus" in path.parts:
                continue
            lines = path.read_bytes().split(b"\n")
            if path.suffix in COMMENT or lines[0].startswith(b"#!"):
                yield path, [line.decode() for line in lines]


def test_each_source_file_names_the_licence():
    """Line 1 has the SPDX tag; line 2 where line 1 must be the interpreter's or PHP's."""
    found = list(sources())
    assert len(found) > 300
    for path, lines in found:
        tag = COMMENT.get(path.suffix, "# {}").format(SPDX)
        first = lines[0].startswith(("#!", "<?php"))
        assert lines[first] == tag, path.relative_to(SOURCE)


def test_licence_is_isc_and_names_the_holder():
    text = (SOURCE / "LICENSE").read_text()
    assert text.startswith("ISC License\n")
    assert "Copyright (c) 2026 the hookspool authors" in text


DOCUMENTS = [SOURCE / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")] + sorted((SOURCE / "doc").glob("*.md"))
ARCHITECTURE = (SOURCE / "doc/ARCHITECTURE.md").read_text()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_of_a_document_exist(document):
    """What looks like a path of this tree is one; NAME and * stand for any name."""
    paths = set(re.findall(r"(?<![\w/.-])(?:src|tests|doc|man|conf-examples)/[\w./*-]*[\w*]", document.read_text()))
    assert not {path for path in paths if not list(SOURCE.glob(path.replace("NAME", "*")))}


def test_each_room_is_on_the_map():
    rooms = {path.name for path in (SOURCE / "src").iterdir() if path.is_dir()}
    assert rooms == set(re.findall(r"^\| `src/([a-z]+)` \|", ARCHITECTURE, re.M))


def section(title):
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", ARCHITECTURE, re.M | re.S)[1]


def rows(title):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in section(title).splitlines() if line.startswith("|")][2:]


def test_limits_of_the_table_are_those_of_the_code():
    """A constant is quoted from its file, an option from hookspool.conf(5) with its default."""
    page = (SOURCE / "man/hookspool.conf.5").read_text()
    found = rows("Limits on strangers' input")
    assert len(found) > 40
    for what, _, where, _ in found:
        if option := re.fullmatch(r"option `([^`]+)`", where):
            heading = re.sub(r'"([^"]*)"', r"Qq \1", option[1]).replace(" = ", " No = ")
            assert re.search(rf"^\.It Ic {re.escape(heading)}{'$' if '=' in heading else ' '}", page, re.M), what
        else:
            path, constant = re.fullmatch(r"`([^`]+)` `([^`]+)`", where).groups()
            assert re.search(rf"(?<!\w){re.escape(constant)}(?![\w(]| (?:[*<]|/(?!\*)))", (SOURCE / path).read_text()), what


def test_tests_of_the_table_of_failures_exist():
    found = rows("When something fails")
    assert len(found) > 20
    for fault, _, proof in found:
        files = []
        for name in re.findall(r"`([^`]+)`", proof):
            if name.endswith(".py"):
                files = [path for room in ("e2e", "crash") if (path := SOURCE / "tests" / room / name).exists()]
                assert files, (fault, name)
            else:
                assert any(f"\ndef {name}(" in path.read_text() for path in files), (fault, name)
