# SPDX-License-Identifier: ISC
"""How long a comparison takes tells nothing of the secret: no branch and no address depends on its bytes."""
import pytest

from place import SANITIZER, find_build, need, run

pytestmark = pytest.mark.skipif(bool(SANITIZER), reason="valgrind doesn't run sanitized programs")


def memcheck(*args):
    return run([need("valgrind"), "-q", "--error-exitcode=99", find_build() / "tests/unit/timing", *args])


def test_no_branch_depends_on_a_secret():
    done = memcheck()
    assert done.returncode == 0, done.stderr.decode()


def test_comparison_with_a_leak_is_detected():
    done = memcheck("memcmp")
    assert done.returncode == 99 and b"depends on uninitialised value" in done.stderr
