# SPDX-License-Identifier: ISC
"""Every way to be given a socket."""
import grp
import os
import pwd
import stat
import sys

import pytest

import fcgi_client
from outcomes import expect
from place import BIN, ROOT, USER, need, run, until
from receiver import Home, Receiver, accepts, endpoint
from sender import message
from servers import free_port

PROGRAM = BIN / "hookspool.fcgi"
ACTIVATE = BIN / "activate.py"


def starts(home, argv, **how):
    """A receiver started that way on home's first socket serves and stops."""
    one = Receiver(home, argv=argv, **how)
    for _ in range(2):
        expect(fcgi_client.deliver(one.socket, message()), "stored")
    one.stop()
    return one


def test_systemd_socket(children):
    home = Home()
    one = starts(home, [sys.executable, "-B", ACTIVATE, home.dir / "sock1", PROGRAM, "-c", home.conf])
    assert one.socket.exists(), "systemd's socket is systemd's to remove"


def test_systemd_socket_of_another_process(children):
    """LISTEN_PID isn't ours: the variables are stale, and fd 3 is another file."""
    home = Home()
    done = run([PROGRAM, "-c", home.conf], user=USER, env={"LISTEN_PID": "1", "LISTEN_FDS": "1"}, within=10)
    assert done.returncode == 64


def test_spawn_fcgi(children):
    """The socket is standard input."""
    home = Home()
    starts(home, [need("spawn-fcgi"), "-n", "-s", home.dir / "sock1", "--", PROGRAM, "-c", home.conf])


def test_spawn_fcgi_with_cgi_variables_in_the_environment(children):
    """A socket decides, not the environment."""
    home = Home()
    starts(home, [need("spawn-fcgi"), "-n", "-s", home.dir / "sock1", "--", PROGRAM, "-c", home.conf],
           env={"GATEWAY_INTERFACE": "CGI/1.1"})


def test_listen_of_the_configuration(children):
    home = Home()
    home.configure(endpoint(), listen=f"unix:{home.dir}/sock1")
    starts(home, [PROGRAM, "-c", home.conf])


def test_command_line_overrides_the_configuration(children):
    home = Home()
    home.configure(endpoint(), listen=f"unix:{home.dir}/other")
    starts(home, None)
    assert not (home.dir / "other").exists()


def test_tcp(children):
    one = Home().start(listen=f"tcp:127.0.0.1:{free_port()}")
    expect(fcgi_client.deliver(one.socket, message()), "stored")
    one.stop()


def test_configuration_from_the_environment(children):
    home = Home()
    starts(home, [PROGRAM, "--listen", f"unix:{home.dir}/sock1"], env={"HOOKSPOOL_CONF": str(home.conf)})


@pytest.mark.parametrize("args, given, mode", [([], {}, 0o660), (["--socket-mode", "0600"], {}, 0o600),
                                               ([], {"socket_mode": "0666"}, 0o666)], ids=["default", "option", "configured"])
def test_socket_mode(receiver, args, given, mode):
    one = receiver(args=args, **given)
    assert stat.S_IMODE(one.socket.stat().st_mode) == mode


def test_socket_group(children):
    """A group of the starting user."""
    group = grp.getgrgid(os.getgid() if not ROOT else grp.getgrnam("www-data").gr_gid).gr_name
    one = Home(socket_group=group).start(user=None)
    assert one.socket.group() == group
    one.stop()


def test_socket_group_without_its_user_is_refused():
    """The message has the option, the group, the user, and what to do."""
    name = USER or pwd.getpwuid(os.getuid()).pw_name
    mine = {grp.getgrnam(USER).gr_gid} if USER else {os.getgid(), *os.getgroups()}
    group = next(g.gr_name for g in grp.getgrall() if g.gr_gid not in mine)
    home = Home(socket_group=group)
    done = run([PROGRAM, "-c", home.conf, "--listen", f"unix:{home.dir}/s"], user=USER, within=10)
    assert done.returncode == 71
    assert (f"socket-group {group}: user {name} is not in that group; add it with usermod -aG {group} {name}, "
            "or remove socket-group").encode() in done.stderr


WRONG_USE = {
    "no such option": (["--frobnicate"], 64),
    "an argument too many": (["--listen", "unix:{dir}/s", "more"], 64),
    "no socket": ([], 64),
    "not a mode": (["--listen", "unix:{dir}/s", "--socket-mode", "rw"], 64),
    "unknown --mode": (["--mode", "scgi"], 64),
    "an address of no kind": (["--listen", "{dir}/s"], 71),
    "not loopback": (["--listen", "tcp:0.0.0.0:9000"], 71),
    "no directory": (["--listen", "unix:{dir}/none/s"], 71),
    "a path too long": (["--listen", "unix:{dir}/" + "x" * 120], 71),
    "no such group": (["--listen", "unix:{dir}/s", "--socket-group", "no-such-group"], 71),
    "a file in the way": (["--listen", "unix:{dir}/secret"], 71),
}


@pytest.mark.parametrize("args, status", WRONG_USE.values(), ids=WRONG_USE)
def test_wrong_use(args, status):
    """Each says what is wrong, and ends with the documented status."""
    home = Home()
    done = run([PROGRAM, "-c", home.conf, *(a.format(dir=home.dir) for a in args)], user=USER, within=10)
    assert done.returncode == status, done.stderr
    assert done.stderr
    assert (home.dir / "secret").read_text()


def test_configuration_missing():
    done = run([PROGRAM, "-c", "/nowhere/hookspool.conf", "--listen", "unix:/tmp/x"], user=USER, within=10)
    assert done.returncode == 78 and b"/nowhere/hookspool.conf" in done.stderr


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help(option):
    done = run([PROGRAM, option], within=10)
    assert done.returncode == 0 and b"hookspool" in done.stdout and not done.stderr


def test_socket_of_a_dead_receiver_is_taken_over(children):
    home = Home()
    home.start().popen.kill()
    until(lambda: not accepts(home.dir / "sock1"), "the end")
    starts(home, [PROGRAM, "-c", home.conf, "--listen", f"unix:{home.dir}/sock1"], number=1)


def test_socket_of_a_living_receiver_is_not_taken_over(receiver):
    one = receiver()
    done = run([PROGRAM, "-c", one.home.conf, "--listen", f"unix:{one.socket}"], user=USER, within=10)
    assert done.returncode == 71 and b"listens" in done.stderr
    expect(fcgi_client.deliver(one.socket, message()), "stored")
