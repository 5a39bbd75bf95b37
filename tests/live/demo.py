#!/usr/bin/python3
"""
What `make demo` shows: a real Postfix on a loopback port that would relay for everyone, the guard before it,
and the self-test's table. Run: tests/live/sandbox.sh --host-net postfix tests/live/demo.py
"""
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import BINARY, Guard


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


guard = Guard().start()
postfix = mtas.make("postfix", port=free_port(), milter=f"unix:{guard.socket}", is_open=True)
try:
    postfix.start()
    print(f"A private Postfix listens on 127.0.0.1:{postfix.port}. It is set to relay for everyone\n"
          "(mynetworks = 0.0.0.0/0 [::]/0); only relay-guard stands before it.\n", flush=True)
    code = subprocess.run([BINARY, "selftest", "-c", guard.conf, "--domain", "example.com",
                           "--smtp", f"127.0.0.1:{postfix.port}"]).returncode
finally:
    postfix.stop()
    guard.remove()
sys.exit(code)
