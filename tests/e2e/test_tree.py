# SPDX-License-Identifier: ISC
"""The source tree itself: the licence of each file."""
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
