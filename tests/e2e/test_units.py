# SPDX-License-Identifier: ISC
"""The systemd units, sysusers and tmpfiles, each checked by the program it is for. test_systemd.py has them at work."""
import re

import pytest

import units
from place import BASE, BIN, ROOT, need, new_dir, run
from sender import SECRET


def unit_dir():
    """The units where systemd-analyze can check them: with programs that are there."""
    where = new_dir("units")
    for name in units.UNITS:
        (where / name).write_text(units.filled(name, bindir=BIN, libexecdir=BIN))
    return where


def test_each_template_is_installed():
    """Under the names by which systemd finds them."""
    assert set(units.UNITS) == {"hookspool.service", "hookspool.socket", "hookspool-relay.service", "hookspool-page.service", "hookspool-page.socket"}
    assert {f"{name}.in" for name in units.PLACES} == {str(path.relative_to(units.TEMPLATES)) for path in units.TEMPLATES.rglob("*") if path.is_file()
                                                      and path.suffix == ".in"}


@pytest.mark.parametrize("name", units.UNITS)
def test_unit(name):
    where = unit_dir()
    done = run([need("systemd-analyze"), "verify", "--man=no", where / name], env={"SYSTEMD_UNIT_PATH": f"{where}:"})
    assert done.returncode == 0 and name.encode() not in done.stderr, done.stderr.decode()


@pytest.mark.parametrize("name", units.UNITS)
def test_unit_without_a_configuration_does_nothing(name):
    """systemd skips a start whose condition is not met, and that is no failure: a package can start its units at once."""
    assert "\nConditionPathExists=/etc/hookspool/hookspool.conf\n" in units.filled(name)


def test_upgrade_of_a_large_spool_has_no_start_limit():
    """systemd's 90 seconds would end it, and the next start would begin it anew."""
    assert "\nTimeoutStartSec=infinity\n" in units.filled("hookspool.service")


@pytest.mark.parametrize("name, most", [("hookspool", 1.5), ("hookspool-page", 1.5), ("hookspool-relay", 2.5)])
def test_unit_hardening(name, most):
    """The score of systemd-analyze security: 0 is the least exposed, 10 the most; the relay needs the network."""
    done = run([need("systemd-analyze"), "security", "--offline=true", "--no-pager", unit_dir() / f"{name}.service"])
    score = re.search(rf"Overall exposure level for {name}.service: ([\d.]+)", done.stdout.decode())
    assert score and float(score[1]) <= most, done.stdout.decode() + done.stderr.decode()


@pytest.mark.parametrize("receiver, relay, shared", [("hookspool", "hookspool-relay", "hookspool-spool"), ("_hs", "_hs-relay", "_hs-spool")])
def test_sysusers_and_tmpfiles(receiver, relay, shared):
    """Into a root of our own; only root may give files to the new user there."""
    root = BASE / f"root-of-{receiver}"
    (root / "etc/hookspool/sinks").mkdir(parents=True)
    (root / "var/lib").mkdir(parents=True)
    files = {root / "etc/hookspool" / name: group for name, group in (
        ("hookspool.conf", shared), ("linkedin.secret", receiver), ("linkedin.auth", receiver),
        ("sinks/slack.url", relay), ("sinks/n8n.auth", relay), ("old.url", relay))}
    for file in files:
        file.write_text(SECRET)
    program = root / "etc/hookspool/sinks/program"
    program.touch(0o755)
    units.write(root / "usr/lib", receiver_user=receiver, relay_user=relay, spool_group=shared)
    done = run([need("systemd-sysusers"), f"--root={root}", "hookspool.conf"])
    assert done.returncode == 0 and not done.stdout, done.stderr.decode()
    assert set(re.findall(r"^[^:]+", (root / "etc/passwd").read_text(), re.M)) == {receiver, relay}
    done = run([need("systemd-tmpfiles"), "--create", f"--root={root}", "hookspool.conf"])
    assert b"hookspool.conf" not in done.stderr, done.stderr.decode()
    if ROOT:
        assert done.returncode == 0, done.stderr.decode()
        groups = dict(line.split(":")[:3:2] for line in (root / "etc/group").read_text().splitlines())
        for file, group in files.items():
            assert (file.stat().st_mode & 0o777, file.stat().st_uid, file.stat().st_gid) == (0o640, 0, int(groups[group])), file
        assert program.stat().st_mode & 0o777 == 0o750
        assert (root / "var/lib/hookspool").stat().st_mode & 0o7777 == 0o2770
