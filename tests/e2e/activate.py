# SPDX-License-Identifier: ISC
"""Starts a program as systemd's socket activation does: activate.py PATH PROGRAM ARGUMENT..."""
import os
import socket
import sys

sock = socket.socket(socket.AF_UNIX)
sock.bind(sys.argv[1])
sock.listen(128)
os.dup2(sock.fileno(), 3)
os.set_inheritable(3, True)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = "1"
os.execv(sys.argv[2], sys.argv[2:])
