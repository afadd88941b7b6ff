# SPDX-License-Identifier: ISC
"""
Which tests run over a spool of PostgreSQL too, with HOOKSPOOL_ENGINE=postgresql: those that run receivers or commands on a home, and know
nothing of SQLite's files and statements. The marker `sqlite` is on those whose text does not show it. With `-m quick` it is what the
continuous integration runs of them, in about a minute.
"""
import inspect
import re

KNOWS_SQLITE = re.compile(r"sqlite|hookspool\.db|PRAGMA|spool\.dir|spool=|\.segments\b|cli\(\"(backup|restore)\"")
HOMES = "receiver", "relaying", "servers", "storing", "catching", "page"
FIXTURES = {"site", "served", "receiver", "relay"}
QUICK = {"test_catch_up_github.py", "test_deliveries.py", "test_erase.py", "test_identity.py", "test_one_event.py", "test_relay_admin.py",
         "test_relay_queue.py"}


def names_in(code):
    """The names that it uses, and that functions inside it use."""
    return set(code.co_names).union(*(names_in(part) for part in code.co_consts if inspect.iscode(part)))


def of_module(f):
    """A function, and the functions and classes of tests that it uses."""
    found, left = set(), [f]
    while left:
        one = left.pop()
        if one in found:
            continue
        found.add(one)
        codes = [one.__code__] if inspect.isfunction(one) else [v.__code__ for v in vars(one).values() if inspect.isfunction(v)]
        names = {name for code in codes for name in names_in(code)}
        scope = vars(inspect.getmodule(one))
        left += [inspect.unwrap(scope[name]) for name in names if inspect.isroutine(scope.get(name)) or inspect.isclass(scope.get(name))
                 if getattr(scope[name], "__module__", "").startswith("test_")]
    return found


def knows_sqlite(item):
    if item.get_closest_marker("sqlite"):
        return True
    fixtures = [one.func for defs in item._fixtureinfo.name2fixturedefs.values() for one in defs]
    return any(KNOWS_SQLITE.search(inspect.getsource(part)) for f in [item.function, *fixtures] if f.__module__.startswith("test_")
               for part in of_module(inspect.unwrap(f)))


def has_home(item):
    return FIXTURES & set(item.fixturenames) or any(getattr(value, "__module__", "") in HOMES for value in vars(item.module).values())


def runs_over_postgresql(item):
    return has_home(item) and not knows_sqlite(item)
