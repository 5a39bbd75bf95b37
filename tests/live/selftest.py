#!/usr/bin/python3
"""
The self-test at the guard's own socket: what it says to a terminal, and to files.
Run: tests/live/selftest.py [BINARY [TEST...]]
"""
import hashlib
import json
import os
import pty
import re
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
if len(sys.argv) > 1:
    os.environ["RELAY_GUARD"] = os.path.abspath(sys.argv[1])
from guard import BINARY, Guard
from tap import Tap

tap = Tap()


def run(guard, *options):
    return subprocess.run([BINARY, "selftest", "-c", guard.conf, *options], capture_output=True, text=True, timeout=60,
                          check=False)


def at_a_terminal(guard, *options, out=None):
    """Exit code, and what the terminal was told: standard error, and standard output where there is no other `out`."""
    master, slave = pty.openpty()
    with subprocess.Popen([BINARY, "selftest", "-c", guard.conf, *options], stdin=subprocess.DEVNULL,
                          stdout=slave if out is None else out, stderr=slave) as p:
        os.close(slave)
        told = b""
        try:
            while piece := os.read(master, 65536):
                told += piece
        except OSError:
            pass  # nobody has the other end any more
    os.close(master)
    return p.returncode, told.decode()


def seen(told):
    """The lines that remain."""
    return [re.split(r"\r\x1b\[K|\r", line)[-1] for line in told.replace("\r\n", "\n").split("\n")]


def progress():
    guard = Guard().start()
    code, told = at_a_terminal(guard)
    tap.ok(code == 0 and re.search(r"\r\d+ of \d+ ", told), "a terminal sees how far it is", told[:200])
    lines = seen(told)
    tap.equal((lines[0], [line for line in lines if " of " in line]), ("ours is example.com, out is example.org", []),
              "and nothing of it stays", lines[:3])
    tap.ok("\x1b[32mok" in told, "in colour")
    with open(f"{guard.folder}/out", "w", encoding="utf-8") as f:
        code, told = at_a_terminal(guard, out=f)
    tap.equal((code, seen(told)[-1], "\x1b[32m" in told), (0, "", False), "the table elsewhere: progress alone, and gone", told[-100:])
    with open(f.name, encoding="utf-8") as f:
        text = f.read()
    tap.ok("\x1b" not in text and "\r" not in text and "right, 0 wrong" in text, "no progress and no colour in a file")
    for form in ("json", "tap", "junit"):
        with open(f"{guard.folder}/out", "w", encoding="utf-8") as f:
            tap.equal(at_a_terminal(guard, "--format", form, out=f), (0, ""), f"{form}: no progress")
    done = run(guard)
    tap.equal((done.returncode, done.stderr), (0, ""), "no terminal: no progress")
    guard.remove()


def gives_up():
    """A guard that hangs up on every session: the rest is not tried, and the line of progress goes too."""
    guard = Guard()
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(guard.socket)
        s.listen(50)
        first = True

        def hang_up():
            nonlocal first
            while True:
                try:
                    c, _ = s.accept()
                except OSError:
                    return
                with c:
                    c.recv(1000)
                    if first:
                        c.sendall(b"\0\0\0\x0dO\0\0\0\x06\0\0\0\0\0\0\0\0")
                    first = False
        threading.Thread(target=hang_up, daemon=True).start()
        code, told = at_a_terminal(guard, "--milter", guard.socket)
    tap.equal((code, [line for line in seen(told) if re.match(r"\d+ of \d+ ", line)]), (69, []),
              "nothing of the progress stays", told[:200])
    tap.ok("one session after another failed" in told, "what was not tried is told", told[-500:])
    guard.remove()


def report_file():
    guard = Guard().start()
    os.mkdir(f"{guard.folder}/conf.d")
    with open(f"{guard.folder}/friends.list", "w", encoding="utf-8") as f:
        f.write("192.0.2.0/24\n")
    with open(f"{guard.folder}/conf.d/limits.conf", "w", encoding="utf-8") as f:
        f.write(f"networks more {{ members = {{ file:{guard.folder}/friends.list }} }}\n")
    with open(guard.conf, "a", encoding="utf-8") as f:
        f.write(f'include "{guard.folder}/conf.d/*.conf"\n')
    path = f"{guard.folder}/report.txt"
    done = run(guard, "-q", "--report", path)
    tap.equal((done.returncode, done.stderr), (0, ""), "a report is written")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    tap.ok(re.match(r"relay-guard \S+ self-test of \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d on \S+\n", text),
           "with the date and the host", text[:200])
    for name in ("relay-guard.conf", "conf.d/limits.conf", "friends.list"):
        with open(f"{guard.folder}/{name}", "rb") as f:
            tap.ok(f"sha256:{hashlib.sha256(f.read()).hexdigest()}  {guard.folder}/{name}\n" in text, f"the hash of {name}")
    files = json.loads(run(guard, "--format", "json").stdout)["files"]
    tap.equal(len(files), 3, "JSON has them too", files)
    os.mkfifo(f"{guard.folder}/pipe")
    before = os.listdir(guard.folder)
    done = run(guard, "--report", "/nowhere/report.txt")
    tap.ok(done.returncode == 70 and "/nowhere/report.txt: No such file" in done.stderr, "one that can't be is told", done.stderr)
    done = run(guard, "--metrics", f"{guard.folder}/pipe")
    tap.ok("/pipe: Operation not supported" in done.stderr, "and a pipe is left alone", done.stderr)
    tap.equal(os.listdir(guard.folder), before, "and nothing is left")
    guard.remove()


tests = [progress, gives_up, report_file]
names = sys.argv[2:]
tap.run(*[t for t in tests if not names or t.__name__ in names])
