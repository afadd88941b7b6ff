# SPDX-License-Identifier: ISC
"""The templates of units, sysusers and tmpfiles, filled in as make install does after ./configure --sysconfdir=/etc."""
from place import SOURCE

TEMPLATES = SOURCE / "systemd"
VALUES = {"bindir": "/usr/local/bin", "libexecdir": "/usr/local/libexec", "sysconfdir": "/etc", "receiver_user": "hookspool",
          "relay_user": "hookspool-relay", "spool_group": "hookspool-spool", "web_group": "www-data"}
UNITS = sorted(path.stem for path in TEMPLATES.glob("*.in"))
PLACES = {name: f"systemd/system/{name}" for name in UNITS} | {f"{kind}/hookspool.conf": f"{kind}/hookspool.conf" for kind in ("sysusers.d", "tmpfiles.d")}


def filled(name, **values):
    """The text of systemd/NAME.in."""
    text = (TEMPLATES / f"{name}.in").read_text()
    for key, value in (VALUES | values).items():
        text = text.replace(f"@{key}@", str(value))
    return text


def write(lib, **values):
    """All of them, below a directory that stands for /usr/local/lib."""
    for name, place in PLACES.items():
        (lib / place).parent.mkdir(parents=True, exist_ok=True)
        (lib / place).write_text(filled(name, **values))
