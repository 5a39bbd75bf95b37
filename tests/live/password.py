#!/usr/bin/python3
"""
Where the self-test has the password of --auth-user from: a file, the environment, or a terminal, which echoes again
whatever ends the question. Run: tests/live/password.py BINARY
"""
import os
import pty
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Tap

BINARY = os.path.abspath(sys.argv[1])
# Nothing listens there: exit 69 says that the password was had.
ASKED = ("selftest", "--smtp", "127.0.0.1:1", "--domain", "example.com", "--auth-user", "alice")
HAD, USAGE, NO_INPUT = 69, 64, 66
PLAIN = {k: v for k, v in os.environ.items() if k != "RELAY_GUARD_PASSWORD"}
tap = Tap()


def run(*options, argv=ASKED, **env):
    """Without a terminal."""
    done = subprocess.run([BINARY, *argv, *options], capture_output=True, stdin=subprocess.DEVNULL, timeout=60,
                          env=dict(PLAIN, **env), start_new_session=True)
    return done.returncode, done.stderr.decode()


def echoes(fd):
    return bool(termios.tcgetattr(fd)[3] & termios.ECHO)


def wait_for_echo(fd, wanted):
    end = time.monotonic() + 20
    while echoes(fd) != wanted and time.monotonic() < end:
        time.sleep(0.02)
    return echoes(fd) == wanted


def type_in(keys):
    """Exit code or the negative signal, what was shown, and whether the terminal echoes again."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(BINARY, [BINARY, *ASKED], PLAIN)
    hidden = wait_for_echo(fd, False)
    # The terminal may drop what was typed before it; what is shown comes behind.
    shown = os.read(fd, 1000)
    os.write(fd, keys)
    back = wait_for_echo(fd, True)
    try:
        while data := os.read(fd, 1000):
            shown += data
    except OSError:
        pass
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(fd)
    return code, shown.decode(), hidden and back


def from_a_file():
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/password"

        def write(text, mode=0o600):
            with open(path, "wb") as f:
                f.write(text)
            os.chmod(path, mode)
            return run("--auth-password-file", path)

        code, err = write(b"secret\nmore\n")
        tap.ok(code == HAD and "password" not in err, "its first line", code, err)
        code, err = write(b"secret\n", mode=0o644)
        tap.ok(code == HAD and f"chmod o= {path}" in err, "that all can read it is told", code, err)
        for text, name in ((b"", "an empty file"), (b"\nsecret\n", "an empty line"), (b"x" * 600, "a line too long")):
            code, err = write(text)
            tap.ok(code == USAGE and path in err, f"{name} is none", code, err)
        code, err = write(b"x" * 510)
        tap.equal(code, HAD, "the longest", err)
        for missing in (f"{folder}/none", folder):
            code, err = run("--auth-password-file", missing)
            tap.ok(code == NO_INPUT and f"can't read {missing}" in err, "a file that can't be read", code, err)


def from_the_environment():
    code, err = run(RELAY_GUARD_PASSWORD="secret")
    tap.equal(code, HAD, "the environment has it", err)
    for env in ({}, {"RELAY_GUARD_PASSWORD": ""}, {"RELAY_GUARD_PASSWORD": "x" * 600}):
        code, err = run(**env)
        tap.ok(code == USAGE and "needs a password" in err, f"{sorted(env)}: nobody has it", code, err)
    # The domain's own servers are mail servers as well. No resolver answers there.
    domain = ("selftest", "--domain", "example.com", "--resolver", "127.0.0.1@1", "--auth-user", "alice")
    code, err = run(argv=domain)
    tap.ok(code == USAGE and "needs a password" in err, "with --domain alone one is needed, too", code, err)
    code, err = run("--source", "127.0.0.1", argv=domain[:5])
    tap.ok(code == HAD and "names no server" in err, "and --source goes with it", code, err)


def from_a_terminal():
    code, shown, quiet = type_in(b"secret\n")
    tap.ok(code == HAD and quiet and "password of alice: " in shown and "secret" not in shown,
           "it is asked for without an echo", code, shown)
    for keys, want, name in ((b"\x03", -2, "an interrupt"), (b"\x1c", -3, "a quit"), (b"\x04", USAGE, "an end"),
                             (b"\n", USAGE, "an empty line")):
        code, shown, quiet = type_in(keys)
        tap.ok(code == want and quiet, f"{name} gives the echo back", code, shown)


tap.run(from_a_file, from_the_environment, from_a_terminal)
