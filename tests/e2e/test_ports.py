# SPDX-License-Identifier: ISC
"""A build with what POSIX has alone, as on the BSDs and macOS: no function of Linux is linked, and it receives, relays and shows."""
import os
import sys
from pathlib import Path

import pytest

from place import COMPILER, SANITIZER, SOURCE, new_dir, run

pytestmark = pytest.mark.skipif(bool(SANITIZER), reason="it makes a build of its own, without sanitizers")

FUNCTIONS = """accept4 closefrom explicit_bzero fallocate getauxval getrandom memfd_create pipe2 posix_fadvise posix_fallocate
    posix_spawn_file_actions_addclosefrom_np pthread_condattr_setclock pthread_timedjoin_np setresuid sync_file_range""".split()
HEADERS = "link.h linux/magic.h linux/seccomp.h sys/epoll.h sys/eventfd.h sys/prctl.h sys/signalfd.h".split()
LINUX = {*FUNCTIONS, "__explicit_bzero_chk", "epoll_wait", "epoll_create1", "eventfd", "signalfd", "prctl", "syscall", "timer_create", "gettid", "qsort_r",
         "strchrnul", "getresuid"}
PROGRAMS = ["hookspool.fcgi", "hookspool-page.fcgi", "hookspool"]

# a part of each file; CONTRIBUTING.md says how all of it runs
TESTS = ["test_signals.py", "test_load.py::test_slow_senders_hold_no_worker", "test_load.py::test_300_idle_connections_hold_no_worker",
         "test_load.py::test_too_many_late_bodies_are_answered_busy", "test_strangers.py::test_kept_connections_are_closed_for_new_ones",
         "test_store.py::test_answer_comes_with_the_acknowledgement", "test_store.py::test_relay_that_is_back_soon_is_asked_again",
         "test_page.py::test_list_has_events_and_refused_deliveries", "test_page.py::test_explanation_of_a_refused_delivery"]


@pytest.fixture(scope="module")
def built():
    """./configure is told that this system lacks them. Not optimised, which takes a third of the time."""
    where = new_dir("posix")
    lacks = [f"ac_cv_func_{name}=no" for name in FUNCTIONS] + [f"ac_cv_header_{name.translate(str.maketrans('/.', '__'))}=no" for name in HEADERS]
    configure = [SOURCE / "configure", "--quiet", "--enable-werror", "--with-loop=poll", "--disable-modules", "CFLAGS=-O0 -Wno-cpp",
                 "ac_cv_search_timer_create=no", *lacks]
    for argv in (configure, ["make", "-s", f"-j{os.cpu_count()}", *PROGRAMS]):
        done = run(argv, cwd=where, env=COMPILER, within=500)
        assert done.returncode == 0, done.stdout.decode()[-3000:] + done.stderr.decode()[-3000:]
    return where


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_function_of_linux_is_linked(built, name):
    done = run(["nm", "--dynamic", "--undefined-only", built / name])
    assert done.returncode == 0, done.stderr
    used = {line.split()[-1].split("@")[0] for line in done.stdout.decode().splitlines()}
    assert "poll" in used and not used & LINUX


def test_it_receives_relays_and_shows(built):
    """Tests of the receiver, the relay and the page, with those programs."""
    done = run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *TESTS], cwd=Path(__file__).parent, within=240,
               env={"HOOKSPOOL_BUILD": str(built), "HOOKSPOOL_SRC": str(SOURCE), "PYTEST_XDIST_WORKER": "", "PYTEST_ADDOPTS": ""})
    assert done.returncode == 0, done.stdout.decode()[-6000:]
