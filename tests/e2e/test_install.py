# SPDX-License-Identifier: ISC
"""make install and make uninstall: what is where, for a prefix of ours, and that nothing is left of it."""
import os
import re
import shutil

import pytest

from place import SANITIZER, SOURCE, find_build, new_dir, run

BUILD = find_build()
pytestmark = pytest.mark.skipif(not (BUILD / "Makefile").exists(), reason="not a build that make can install")
OTHERS = {  # what other packages have in the same directories
    "bin": "other", "libexec": "other", "lib/systemd/system": "other.service", "lib/sysusers.d": "other.conf",
    "lib/tmpfiles.d": "other.conf", "share/bash-completion/completions": "other", "share/zsh/site-functions": "_other",
    "share/fish/vendor_completions.d": "other.fish", "share/man/man1": "other.1", "share/man/man5": "other.5",
    "share/man/man8": "other.8", "share/doc": "other"}


def make(*words):
    """make of the build, with nothing of the make that runs the tests."""
    env = {name: "" for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "DESTDIR")}
    done = run(["make", "-C", BUILD, *words], env=env, within=300)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return done.stdout.decode()


def variable(name):
    """The value of a variable of the Makefile."""
    return make("-s", f"--eval=print-it: ; @echo '$({name})'", "print-it").strip()


def tree(top):
    """Each path below it, with the text of a file or the target of a link."""
    return {str(path.relative_to(top)): os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
            for path in top.rglob("*")}


@pytest.fixture(scope="module")
def installed():
    """A machine with files of others, before and after the install, and after the uninstall."""
    top, prefix = new_dir("installed"), variable("prefix")
    for place, name in OTHERS.items():
        (top / prefix[1:] / place).mkdir(parents=True)
        (top / prefix[1:] / place / name).write_text("of another package\n")
    before = tree(top)
    make("install", f"DESTDIR={top}")
    there = tree(top)
    kept = shutil.copytree(top, new_dir("kept") / "root", symlinks=True)
    make("uninstall", f"DESTDIR={top}")
    return before, there, tree(top), kept / prefix[1:]


def test_uninstall_leaves_nothing(installed):
    before, there, after, _ = installed
    assert len(there) > len(before) + 100
    assert after == before


def test_all_that_belongs_to_it_is_installed(installed):
    _, _, _, prefix = installed
    for name in ("bin/hookspool", "libexec/hookspool.fcgi", "libexec/hookspool-page.fcgi", "share/hookspool/page/index.html",
                 "share/man/man1/hookspool.1", "share/man/man5/hookspool.conf.5", "share/man/man8/hookspool.fcgi.8",
                 "share/man/man8/hookspool-page.fcgi.8", "share/bash-completion/completions/hookspool", "share/zsh/site-functions/_hookspool",
                 "share/fish/vendor_completions.d/hookspool.fish", "lib/systemd/system/hookspool.service", "lib/systemd/system/hookspool.socket",
                 "lib/systemd/system/hookspool-relay.service", "lib/systemd/system/hookspool-page.service",
                 "lib/systemd/system/hookspool-page.socket", "lib/sysusers.d/hookspool.conf", "lib/tmpfiles.d/hookspool.conf",
                 "share/doc/hookspool/LICENSE", "share/doc/hookspool/conf-examples/nginx-plain.conf"):
        assert (prefix / name).is_file(), name


def test_units_name_what_is_installed(installed):
    """With the directories of this build; no blank is left to fill in."""
    _, there, _, prefix = installed
    root = str(prefix)[:-len(variable("prefix"))]
    conf = variable("sysconfdir") + "/hookspool/hookspool.conf"
    for unit in (prefix / "lib/systemd/system").glob("hookspool*"):
        text = unit.read_text()
        assert not re.search(r"@\w+@", text) and f"\nConditionPathExists={conf}\n" in text, unit.name
        for program in re.findall(r"^Exec\w+=(\S+)", text, re.M):
            assert program == "/bin/kill" or os.access(root + program, os.X_OK), (unit.name, program)
        assert all(f" -c {conf}" in line for line in re.findall(r"^ExecStart=.*", text, re.M))
    for name in ("sysusers.d", "tmpfiles.d"):
        assert not re.search(r"@\w+@", (prefix / "lib" / name / "hookspool.conf").read_text())


@pytest.mark.skipif(bool(SANITIZER), reason="a sanitizer's program needs its libraries")
def test_a_program_of_the_install_runs(installed):
    _, _, _, prefix = installed
    version = re.search(r"^AC_INIT\(\[hookspool\], \[([^]]+)\]\)$", (SOURCE / "configure.ac").read_text(), re.M)[1]
    assert run([prefix / "bin/hookspool", "--version"]).stdout.decode().split()[:2] == ["hookspool", version]
