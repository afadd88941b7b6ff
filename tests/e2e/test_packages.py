# SPDX-License-Identifier: ISC
"""Debian's packages: built from the tarball, looked at by lintian, installed in an overlay of this machine. "make check-packages" does more."""
import os
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from place import ROOT, SANITIZER, SOURCE, find_build, need, new_dir, run

BUILD = find_build()
DEBIAN = SOURCE / "packaging/debian"
CONTROL = (DEBIAN / "control").read_text()
CONFIGURE = (SOURCE / "configure.ac").read_text()
NAMES = re.findall(r"^Package: (\S+)$", CONTROL, re.M)


def test_version_is_the_same_everywhere():
    version = re.search(r"^AC_INIT\(\[hookspool\], \[([^]]+)\]\)$", CONFIGURE, re.M)[1]
    assert re.match(rf"hookspool {re.escape(version)}( \(unreleased\))?\n", (SOURCE / "NEWS").read_text())
    assert re.match(rf"hookspool \({re.escape(version)}-\w+\) ", (DEBIAN / "changelog").read_text())


def test_build_dependencies_are_those_of_bootstrap():
    built = re.search(r'^build_packages="([^"]*)"', (SOURCE / "bootstrap").read_text(), re.M)[1].split()
    fields = re.search(r"^Build-Depends:\n((?: .*\n)+)", CONTROL, re.M)[1]
    named = {re.match(r"[a-z0-9.+-]+", line.strip())[0] for line in fields.splitlines()}
    assert named - {"debhelper-compat", "dh-sequence-installsysusers", "libcmocka-dev", "systemd"} == \
        set(built) - {"gcc", "libc6-dev", "make", "autoconf", "automake"}


def test_each_module_is_in_a_package():
    """A module with a library of its own is a package of its own. libsystemd is on each Debian."""
    modules = set(re.findall(r"^HS_MODULE\(\[(\w+)\]", CONFIGURE, re.M))
    assert modules and {f"hookspool-{name}" for name in modules - {"journald"}} == set(NAMES) - {"hookspool", "hookspool-page"}
    for name in modules:
        told = re.search(r'^\t\.package = "([^"]+)",$', (SOURCE / f"src/sink/type_{name}.c").read_text(), re.M)[1]
        listed = (DEBIAN / f"{told}.install").read_text().split()
        assert any(fnmatch(f"usr/lib/any/hookspool/{name}.so", pattern) for pattern in listed), "what a relay without the module names"
    assert set(re.search(r"^modules = (.*)$", (DEBIAN / "rules").read_text(), re.M)[1].split()) == modules


def test_containers_have_what_they_name():
    """Each target of the compose file is in the Containerfile, which copies files that are there."""
    container = SOURCE / "packaging/container"
    text = (container / "Containerfile").read_text()
    targets = set(re.findall(r"^FROM \S+ AS (\w+)$", text, re.M))
    named = set(re.findall(r"target: (\w+)", (container / "compose.yaml").read_text()))
    assert named == targets - {"programs", "try"}
    copied = [path for line in re.findall(r"^COPY (.*) \S+$", text, re.M) for path in line.split() if not path.startswith("deb/")]
    assert copied and all((SOURCE / path).exists() for path in copied)
    programs = set(re.findall(r'^ENTRYPOINT \["/usr/(?:bin|libexec)/([\w.-]+)"\]$', text, re.M))
    assert programs == {"hookspool", "hookspool.fcgi", "hookspool-page.fcgi"}


@pytest.fixture(scope="module")
def packages():
    """The directory with the packages, which are built without the unit tests: make check has run them."""
    env = {name: "" for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")}
    where = new_dir("packages")
    for argv in (["make", "-s", "-C", BUILD, "dist"], [SOURCE / "packaging/deb", *tarball(), where]):
        done = run(argv, env=env | {"DEB_BUILD_OPTIONS": f"nocheck parallel={os.cpu_count()}"}, within=900)
        assert done.returncode == 0, (done.stdout + done.stderr).decode()[-8000:]
    return where


def tarball():
    version = re.search(r"^AC_INIT\(\[hookspool\], \[([^]]+)\]\)$", CONFIGURE, re.M)[1]
    return [BUILD / f"hookspool-{version}.tar.xz"]


def deb(packages, name):
    one, = packages.glob(f"{name}_*.deb")
    return one


def paths(packages, name):
    return re.findall(r"^\S+ +\S+ +\S+ \S+ \S+ \.(/\S*)", run(["dpkg-deb", "-c", deb(packages, name)]).stdout.decode(), re.M)


@pytest.mark.skipif(bool(SANITIZER) or not (BUILD / "Makefile").exists(), reason="packages are built from a tarball, without sanitizers")
class TestBuilt:
    def test_lintian_finds_nothing(self, packages):
        changes, = packages.glob("*.changes")
        done = run([need("lintian"), "--allow-root", "--fail-on", "error,warning", changes], within=300)
        assert done.returncode == 0, done.stdout.decode()

    def test_no_configuration_is_shipped(self, packages):
        """Nothing below /etc, so that an installation listens on nothing; and nothing that a purge has to find."""
        for name in NAMES:
            assert not [path for path in paths(packages, name) if path.startswith(("/etc", "/var", "/run", "/usr/local"))], name

    def test_each_program_is_in_its_package(self, packages):
        assert {"/usr/bin/hookspool", "/usr/libexec/hookspool.fcgi", "/lib/systemd/system/hookspool.socket",
                "/usr/lib/sysusers.d/hookspool.conf", "/usr/share/bash-completion/completions/hookspool"} <= set(paths(packages, "hookspool"))
        assert {"/usr/libexec/hookspool-page.fcgi", "/usr/share/hookspool/page/index.html"} <= set(paths(packages, "hookspool-page"))
        for name in set(NAMES) - {"hookspool", "hookspool-page"}:
            assert any(path.endswith(f"/hookspool/{name[10:]}.so") for path in paths(packages, name)), name

    @pytest.mark.skipif(not ROOT, reason="only root can mount an overlay")
    def test_installed_removed_and_purged(self, packages):
        """In an overlay of this machine's root, without systemd: users, modes and what is left."""
        top = new_dir("overlay")
        script = (Path(__file__).parent / "overlay.sh").read_text()
        done = run([need("unshare"), "--mount", "sh", "-c", script, "sh", top, packages, DEBIAN / "tests/users"], within=300)
        if done.returncode == 77:
            pytest.skip("no overlay can be mounted here")
        assert done.returncode == 0, (done.stdout + done.stderr).decode()
        assert b"each user reads its own secrets only" in done.stdout
