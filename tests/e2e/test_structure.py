# SPDX-License-Identifier: ISC
"""The structure of the sources: tests/structure, and that it finds each kind of fault."""
import sys

import pytest

from place import SOURCE, new_dir, run


def structure(directory):
    return run([sys.executable, SOURCE / "tests/structure", directory])


def test_the_sources_have_no_faults():
    done = structure(SOURCE / "src")
    assert done.returncode == 0, done.stdout.decode()


GOOD = {
    "core/a.h": "int a_run(void);\n",
    "core/a.c": '#include "core/a.h"\n\nstatic int count;\n\nint a_run(void)\n{\n\treturn count;\n}\n',
    "cli/b.c": '#include "core/a.h"\n\nint main(void)\n{\n\treturn a_run();\n}\n',
}
FAULTS = {
    "a long file": ({"core/long.h": "\n" * 401}, "core/long.h: 401 lines"),
    "a function twice": ({"cli/c.c": "static int a_run(int one,\n\tint two)\n{\n}\n"}, "a_run: defined in cli/c.c, core/a.c"),
    "an object twice": ({"cli/c.c": "static const char *const count[] = {0};\n"}, "count: defined in cli/c.c, core/a.c"),
    "a table twice": ({"cli/c.c": "static const struct {\n\tint x;\n} count[] = {{0}};\n"}, "count: defined in cli/c.c, core/a.c"),
    "a room above": ({"cli/b.h": "", "core/c.c": '#include "cli/b.h"\n'}, "core/c.c: includes cli/b.h"),
    "a room beside": ({"gate/b.h": "", "relay/c.c": '#include "gate/b.h"\n'}, "relay/c.c: includes gate/b.h"),
    "an engine's header": ({"spool/sqlite/b.h": "", "spool/c.c": '#include "spool/sqlite/b.h"\n'}, "spool/c.c: includes b.h of the engine sqlite"),
    "SQL": ({"cli/c.c": "#include <sqlite3.h>\n"}, "cli/c.c: includes sqlite3.h of the engine sqlite"),
    "a circle": ({"core/b.h": '#include "core/c.h"\n', "core/c.h": '#include "core/b.h"\n'}, "core/b.h: includes itself"),
}


def tree(files):
    place = new_dir("structure")
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    return place


@pytest.mark.parametrize("files, fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_found(files, fault):
    assert structure(tree(GOOD)).returncode == 0
    done = structure(tree({**GOOD, **files}))
    assert done.returncode == 1 and fault in done.stdout.decode(), done.stdout
