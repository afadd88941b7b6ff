#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
One delivery by CGI, without a web server: the programs that need no library, --enable-static-programs, on a spool in memory, where
an fsync costs nothing.

    cgi_alone.py TIMES PROGRAM    prints the milliseconds that each of so many requests takes, in JSON
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

HERE = Path(__file__)
tempfile.tempdir = "/var/tmp"
sys.path.append(str(HERE.parents[1] / "e2e"))

from fcgi_client import params
import measure
from place import SOURCE
from sender import message


def request_ms(program):
    """From the fork to the program's end. A request that is not answered 200 is an error."""
    body = message(text="x" * 300)
    (reader, writer), (answer, printed) = os.pipe(), os.pipe()
    os.write(writer, body)
    os.close(writer)
    actions = [(os.POSIX_SPAWN_DUP2, reader, 0), (os.POSIX_SPAWN_DUP2, printed, 1)]
    env = {**dict(params(body=body, headers=measure.headers(body))), "GATEWAY_INTERFACE": "CGI/1.1"}
    begin = time.monotonic()
    pid = os.posix_spawn(program, [program], env, file_actions=actions)
    status = os.waitpid(pid, 0)[1]
    took = time.monotonic() - begin
    os.close(printed)
    said = os.read(answer, 4096)
    os.close(answer)
    os.close(reader)
    if status or b"Status: 200" not in said:
        raise RuntimeError(f"{program}: {status} {said}")
    return took * 1000


def measure_program(where, name, times, user):
    argv = [sys.executable, HERE, str(times), where / name]
    done = subprocess.run([str(a) for a in argv], cwd=where, capture_output=True, text=True, user=user, group=user)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return median(json.loads(done.stdout))


def build(where, compiler):
    """The receiver and the empty handler, linked in the same way."""
    for argv in ([SOURCE / "configure", "--quiet", "--enable-static-programs", f"CC={compiler}"],
                 ["make", "-s", f"-j{os.cpu_count()}", "hookspool.fcgi", "tests/bench/empty"]):
        done = subprocess.run([str(a) for a in argv], cwd=where, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stdout[-3000:] + done.stderr[-3000:])


def run(times, repeats):
    """The programs are built for it, in a minute or two; BENCH_STATIC names a directory that has them."""
    import systems
    import web
    from reach import line

    where = Path(os.environ.get("BENCH_STATIC") or web.new_dir("static"))
    if not os.environ.get("BENCH_STATIC"):
        build(where, "ccache gcc" if shutil.which("ccache") else "gcc")
    home = systems.home(Path("/dev/shm"))
    took = {"hookspool.fcgi": [], "empty": []}
    for name, source in (("hookspool.fcgi", where / "hookspool.fcgi"), ("empty", where / "tests/bench/empty")):
        shutil.copy(source, home / name)
        systems.place(home / name, 0o755)
    for _ in range(repeats):
        for name, of in took.items():
            of.append(measure_program(home, name, times, web.USER))
    shutil.rmtree(home)
    ours, empty = median(took["hookspool.fcgi"]), median(took["empty"])
    print(f"CGI {ours:.2f} ms, empty {empty:.2f} ms", flush=True)
    return [line("one CGI request of the static program, all but the fsync, ms", ours, "<=", 3), line("the same of an empty static CGI", empty, None, None)]


if __name__ == "__main__":
    print(json.dumps([request_ms(sys.argv[2]) for _ in range(int(sys.argv[1]))]))
