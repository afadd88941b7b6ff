# SPDX-License-Identifier: ISC
"""Shell completion in real shells: the scripts of hookspool completion, and what make installs."""
import os
import pty
import select
import shlex
import subprocess
import time

import pytest

from place import BIN, find_build, need
from receiver import Home, endpoint
from relaying import sink

HOSTILE = "x$(touch hacked)y"


@pytest.fixture(scope="module")
def home():
    """A configuration with endpoints and sinks, and a file to complete."""
    home = Home(sink("crm", url="http://127.0.0.1:9"), sink("archive", url="http://127.0.0.1:9"), sink(HOSTILE, url="http://127.0.0.1:9"),
                endpoint("/webhook/linkedin", relay=["crm"]), endpoint("/stripe", scheme="stripe"))
    (home.dir / "backup-of-may.db").write_bytes(b"")
    return home


def script(shell):
    return subprocess.run([BIN / "hookspool", "completion", shell], capture_output=True, text=True, check=True).stdout


def environment():
    return {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}


def bash(home, line):
    """What bash offers for the last word. It splits words at "=" as well."""
    words = shlex.split(line.replace("=", " = ") + "''")
    done = subprocess.run([need("bash"), "-c", f"{script('bash')}\nCOMP_WORDS=({shlex.join(words)})\nCOMP_CWORD={len(words) - 1}\n_hookspool\n"
                           'printf "%s\\n" "${COMPREPLY[@]}"'], cwd=home.dir, capture_output=True, text=True, env=environment())
    assert not done.stderr, done.stderr
    return sorted(filter(None, done.stdout.split("\n")))


def fish(home, line):
    done = subprocess.run([need("fish"), "--no-config", "-c", f"{script('fish')}\ncomplete -C {shlex.quote(line)}"], cwd=home.dir, capture_output=True,
                          text=True, env={**environment(), "HOME": str(home.dir)})
    assert done.returncode == 0 and not done.stderr, done.stderr
    return sorted(row.split("\t")[0] for row in done.stdout.splitlines())


def zsh(home, line):
    """zsh completes only in an interactive shell: a widget writes all matches to a file."""
    (home.dir / "_hookspool").write_text(script("zsh"))
    setup = """PS1=ready%% fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D
zstyle ':completion:*' completer _complete
compadd() {
  local -a hits
  [[ " $* " == *" -O "* || " $* " == *" -D "* || " $* " == *" -A "* ]] && { builtin compadd "$@"; return }
  builtin compadd -O hits "$@"; print -rl -- $hits >>matches; builtin compadd "$@"
}
finish() { zle expand-or-complete; print done >>matches }; zle -N finish; bindkey '^X' finish
"""
    (home.dir / "setup").write_text(setup)
    (home.dir / "matches").unlink(missing_ok=True)
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(home.dir)
        os.execve(need("zsh"), ["zsh", "-f", "-i"], {**environment(), "TERM": "vt100"})
    os.write(fd, b". ./setup\r")
    seen, end, typed = b"", time.monotonic() + 20, False
    try:
        while time.monotonic() < end:
            if select.select([fd], [], [], 0.1)[0]:
                seen += os.read(fd, 65536)
            if not typed and b"ready%" in seen.split(b"setup")[-1]:
                os.write(fd, line.encode() + b"\x18")
                typed = True
            if (home.dir / "matches").exists() and (home.dir / "matches").read_text().endswith("done\n"):
                break
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(fd)
    assert typed, seen
    return sorted({row for row in (home.dir / "matches").read_text().split("\n")[:-2] if row})


SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}
CASES = {
    "a subcommand": ("hookspool deliv", ["deliveries"]),
    "an option": ("hookspool tail --fol", ["--follow"]),
    "an option's word": ("hookspool restore --pending h", ["hold"]),
    "a state": ("hookspool deliveries --state d", ["dead", "delivered"]),
    "a sink": ("hookspool -c hookspool.conf retry --sink a", ["archive"]),
    "an endpoint": ("hookspool -c hookspool.conf list --endpoint /w", ["/webhook/linkedin"]),
    "a scheme": ("hookspool verify --scheme gith", ["github"]),
    "a file": ("hookspool restore back", ["backup-of-may.db"]),
    "a file of an option": ("hookspool verify --headers back", ["backup-of-may.db"]),
    "the help of a subcommand": ("hookspool help pur", ["purge"]),
    "a role": ("hookspool reload re", ["receiver", "relay"]),
    "nothing": ("hookspool purge --older-than 3", []),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shell", SHELLS)
def test_completes(home, shell, case):
    line, wanted = CASES[case]
    assert SHELLS[shell](home, line) == wanted


def test_bash_completes_behind_an_equals_sign(home):
    assert bash(home, "hookspool deliveries --state=de") == ["dead", "delivered"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_name_in_the_configuration_runs_nothing(home, shell):
    """compgen -W of bash would run what stands in $(...)."""
    offered = SHELLS[shell](home, "hookspool -c hookspool.conf drop --sink ")
    assert len(offered) == 3 and {"archive", "crm"} < set(offered), offered
    assert not (home.dir / "hacked").exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_what_is_installed_is_what_the_program_prints(shell):
    name = {"bash": "hookspool", "zsh": "_hookspool", "fish": "hookspool.fish"}[shell]
    assert (find_build() / "completions" / name).read_text() == script(shell)


def test_names_of_the_configuration(home):
    assert home.cli("completion", "sinks").stdout.decode().splitlines() == ["crm", "archive", HOSTILE]
    assert home.cli("completion", "endpoints").stdout.decode().splitlines() == ["/webhook/linkedin", "/stripe"]


def test_a_shell_is_needed():
    done = Home().cli("completion")
    assert done.returncode == 64 and b"the shell is missing" in done.stderr
