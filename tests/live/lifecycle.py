#!/usr/bin/python3
"""
How the daemon starts, fails to start, reloads, fails to reload and ends: exit codes, the pid file, what systemd
is told, and what becomes of sessions and sockets meanwhile.
Run: tests/live/lifecycle.py [BINARY [TEST...]]   (as root, the user is tested too)
"""
import ctypes
import grp
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
if len(sys.argv) > 1:
    os.environ["RELAY_GUARD"] = os.path.abspath(sys.argv[1])
from commands import change
from guard import BINARY, Guard
from milter import Load, Milter
from tap import Tap

tap = Tap()


def wait_until(true, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not true():
        time.sleep(0.02)
    return true()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listen_also(guard, *sockets):
    change(guard, r"listen = .*", "listen = { " + ", ".join(f'"{s}"' for s in (f"unix:{guard.socket}", *sockets)) + " }")


def serve(guard):
    """A start that must fail."""
    return subprocess.run([BINARY, "serve", "-c", guard.conf], capture_output=True, text=True, timeout=40)


class Systemd:
    """What a service says to its manager."""

    def __init__(self, guard):
        self.path = f"{guard.folder}/notify"
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        os.chmod(self.path, 0o666)
        self.told = []  # (time, text)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            self.told.append((time.monotonic(), self.sock.recv(65536).decode()))

    def wait_for(self, text, seconds=10):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = [t for _, t in self.told if text in t]
            if found:
                return found[-1]
            time.sleep(0.02)
        return None


def exit_codes():
    """75 for what may be otherwise in a moment, 78 for what somebody has to correct."""
    port = free_port()
    taken = socket.socket()
    taken.bind(("127.0.0.1", port))
    taken.listen()
    other = Guard().start()
    cases = [
        ("a TCP port that is taken", lambda g: listen_also(g, f"inet:127.0.0.1:{port}"), 75, "another program listens there"),
        ("a unix socket that is taken", lambda g: change(g, r"listen = .*", f'listen = "unix:{other.socket}"'), 75,
         "another program listens there"),
        ("an address of another host", lambda g: listen_also(g, "inet:192.0.2.1:8894"), 75, "does not have the address"),
        ("a folder that is not there", lambda g: listen_also(g, f"unix:{g.folder}/none/milter.sock"), 78,
         "the folder must exist"),
        ("a file in the place of a socket", lambda g: listen_also(g, f"unix:{g.conf}"), 78, "a file of another kind"),
        ("a group that is not there", lambda g: change(g, r"workers = 2", "socket-group = no-such-group"), 78,
         "there is no such group"),
        ("an event log in no folder", lambda g: change(g, r'path = "[^"]*"', 'path = "/nowhere/at/all"'), 78,
         "/nowhere/at/all"),
        ("a state folder in no folder", lambda g: change(g, r'state = "[^"]*"', 'state = "/nowhere/at/all"'), 78,
         "make the folder"),
    ]
    if os.geteuid() == 0:
        cases.append(("a user who is not there", lambda g: change(g, r"user = \S+", "user = no-such-user"), 78,
                      "there is no such user"))
    for name, spoil, code, words in cases:
        guard = Guard()
        spoil(guard)
        done = serve(guard)
        tap.equal(done.returncode, code, f"{name}: exit {code}", done.stderr)
        tap.ok("not started: " in done.stderr and words in done.stderr, f"{name}: it says so", done.stderr)
        tap.ok(f"{guard.conf}:" in done.stderr, f"{name}: and where that is written", done.stderr)
        tap.ok(not os.path.exists(guard.socket), f"{name}: no socket is left behind")
        guard.remove()
    guard = Guard()
    listen_also(guard, "inet:127.0.0.1:0", "inet:192.0.2.1:8894")
    with open(guard.conf, encoding="utf-8") as f:
        lines = f.read().split("\n")
    row = next(i for i, line in enumerate(lines) if "192.0.2.1" in line)
    column = lines[row].index('"inet:192') + 1
    at = f"{guard.conf}:{row + 1}:{column}: "
    done = serve(guard)
    tap.ok(at in done.stderr, "of a list of addresses, the one that is wrong is named with its place", at, done.stderr)
    change(guard, r"listen = .*", 'listen = "inet:127.0.0.1:0"  socket-group = no-such-group')
    done = serve(guard)
    with open(guard.conf, encoding="utf-8") as f:
        column = f.read().split("\n")[row].index("no-such-group") + 1
    at = f"{guard.conf}:{row + 1}:{column}: "
    tap.ok(at in done.stderr, "a group too", at, done.stderr)
    guard.remove()
    tap.ok(Milter(other.socket).open().session(), "and the daemon that was there goes on")
    other.remove()
    taken.close()


def pid_file():
    guard = Guard()
    path = f"{guard.folder}/guard.pid"
    change(guard, r"workers = 2", f'workers = 2  pid-file = "{path}"')
    guard.start()
    with open(path, encoding="ascii") as f:
        tap.equal(f.read(), f"{guard.process.pid}\n", "the pid file holds the master's")
    tap.equal([n for n in os.listdir(guard.folder) if "guard.pid" in n], ["guard.pid"], "and nothing beside it")
    second = Guard()
    change(second, r"workers = 2", f'pid-file = "{path}"')
    done = serve(second)
    tap.equal(done.returncode, 75, "one that a living daemon holds is refused", done.stderr)
    tap.ok("another relay-guard" in done.stderr, "and it says so", done.stderr)
    with open(path, encoding="ascii") as f:
        tap.equal(f.read(), f"{guard.process.pid}\n", "and it stays as it was")
    guard.reload()
    tap.ok(os.path.exists(path), "it stays on reload")
    guard.process.kill()
    guard.process.wait()
    guard.process = None
    tap.ok(os.path.exists(path), "one that was killed leaves it behind")
    guard.start()
    with open(path, encoding="ascii") as f:
        tap.equal(f.read(), f"{guard.process.pid}\n", "its successor takes it over")
    guard.stop()
    tap.ok(not os.path.exists(path), "it is removed at stop")
    guard.start()
    os.unlink(path)
    with open(path, "w", encoding="ascii") as f:
        f.write("1\n")
    guard.stop()
    tap.ok(os.path.exists(path), "one that somebody else has put there is not")
    os.unlink(path)
    os.symlink("/etc/passwd", path)
    done = serve(guard)
    tap.ok(done.returncode == 78 and os.path.islink(path), "a symbolic link is not followed", done)
    # Read while it comes and goes, it is either not there or whole.
    os.unlink(path)
    broken, stop = [], threading.Event()

    def read():
        while not stop.is_set():
            try:
                with open(path, encoding="ascii") as f:
                    text = f.read()
                if not re.fullmatch(r"\d+\n", text):
                    broken.append(text)
            except FileNotFoundError:
                pass

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(10):
        guard.start()
        guard.stop()
    stop.set()
    reader.join()
    tap.equal(broken, [], "nobody ever reads half of it")
    second.remove()
    guard.remove()


def what_systemd_is_told():
    guard = Guard()
    systemd = Systemd(guard)
    os.environ["NOTIFY_SOCKET"] = systemd.path
    try:
        guard.start()
        tap.ok(systemd.wait_for("READY=1"), "systemd hears that it is ready")
        change(guard, r"workers = 2", "workers = 2 nonsense = yes")
        guard.process.send_signal(signal.SIGHUP)
        text = systemd.wait_for("the last reload failed") or ""
        tap.ok("nonsense" in text and f"{guard.conf}:" in text and "\n" not in text.partition("STATUS=")[2],
               "why a reload failed stands in STATUS", text)
        guard.wait_for_log("not reloaded")
        told = [line for line in guard.log_text().splitlines() if "not reloaded" in line]
        tap.ok("nonsense" in told[-1] and f"{guard.conf}:" in told[-1], "and in the log", told)
        for spoil, undo, words in (
                ((r"nonsense = yes", "sessions = 400"), None, None),
                ((r'path = "([^"]*)"', r'path = "/nowhere\1"'), (r'"/nowhere', '"'), "/nowhere"),
                ((r"workers = 2", "workers = 2  socket-group = no-such-group"), (r"socket-group = no-such-group", ""),
                 "no-such-group")):
            systemd.told.clear()
            change(guard, *spoil)
            guard.process.send_signal(signal.SIGHUP)
            if words is None:
                tap.ok(systemd.wait_for("STATUS=serving"), "a right one clears it", systemd.told)
                continue
            text = systemd.wait_for("the last reload failed") or ""
            tap.ok(words in text, f"{words}: the reason of what only shows later, too", systemd.told)
            tap.ok("RELOADING=1" in systemd.told[0][1] and "READY=1" in text, "between RELOADING and READY", systemd.told)
            change(guard, *undo)
        tap.ok(Milter(guard.socket).open().session(), "and all the while it serves")
        systemd.told.clear()
        guard.stop()
        tap.ok(systemd.wait_for("STOPPING=1"), "systemd hears that it stops")
        change(guard, r"workers = 2", "socket-group = no-such-group")
        systemd.told.clear()
        serve(guard)
        tap.ok(systemd.wait_for("no-such-group"), "a start that fails is told too", systemd.told)
    finally:
        del os.environ["NOTIFY_SOCKET"]
        guard.remove()


def stop_one_early(guard, before):
    """Stops a worker of the next generation that has taken no connection yet: it has one thread only."""
    for _ in range(2000):
        new = [p for p in guard.workers() if p not in before]
        if new:
            os.kill(new[-1], signal.SIGSTOP)
            if len(os.listdir(f"/proc/{new[-1]}/task")) == 1:
                return new[-1]
            os.kill(new[-1], signal.SIGCONT)
    return None


def abandoned_reload():
    """One worker of the next generation dies; what the others have taken meanwhile is finished."""
    guard = Guard().start()
    load = Load(guard.socket)
    abandoned = 0
    for _ in range(4):
        wait_until(lambda: len(guard.workers()) == 2)
        before = set(guard.workers())
        change(guard, r"workers = 2", "workers = 30")
        guard.process.send_signal(signal.SIGHUP)
        victim = stop_one_early(guard, before)
        change(guard, r"workers = 30", "workers = 2")
        if victim is None:
            guard.reload()
            continue
        abandoned += 1
        held = [Milter(guard.socket).open() for _ in range(40)]
        os.kill(victim, signal.SIGKILL)
        guard.wait_for_log("not reloaded", abandoned)
        tap.equal([m.session() for m in held], [True] * 40, f"abandoned reload {abandoned}: sessions are finished")
        wait_until(lambda: set(guard.workers()) == before)
        tap.equal(set(guard.workers()), before, "and the workers of before go on alone")
    done, lost = load.end()
    print(f"# {abandoned} reloads abandoned: {done} sessions, {lost} lost")
    tap.ok(abandoned > 0 and lost == 0, "abandoned reloads lose no session", f"{done} done, {lost} lost")
    guard.remove()


def closed_ports():
    """A port that the new configuration has not is free at once."""
    guard = Guard()
    port = free_port()
    listen_also(guard, f"inet:127.0.0.1:{port}")
    guard.start()
    held = Milter(("127.0.0.1", port)).open()
    for _ in range(3):
        listen_also(guard)
        guard.reload()
        began, free = time.monotonic(), False
        while time.monotonic() < began + 10 and not free:
            with socket.socket() as s:
                # As a program that restarts; a socket that listens would still be in its way.
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    s.bind(("127.0.0.1", port))
                    s.listen()
                    free = True
                except OSError:
                    time.sleep(0.01)
        took = time.monotonic() - began
        tap.ok(free and took < 0.5, "a port that was dropped is free", f"after {took:.2f} s")
        listen_also(guard, f"inet:127.0.0.1:{port}")
        guard.reload()
        tap.ok(Milter(("127.0.0.1", port)).open().session(), "and is served again when it is back")
    tap.ok(held.session(), "a session that came over it goes on all the while")
    guard.remove()


def sockets_at_reload():
    """One whose path was removed is there again; mode and group are those of the new configuration."""
    guard = Guard(top="drain-time = 2s").start()
    inode = os.stat(guard.socket).st_ino
    guard.reload()
    tap.equal(os.stat(guard.socket).st_ino, inode, "a reload leaves a socket that is in place alone")
    group = grp.getgrall()[-1].gr_name if os.geteuid() == 0 else None
    change(guard, r"socket-mode = 0666", "socket-mode = 0620" + (f"  socket-group = {group}" if group else ""))
    guard.reload()
    tap.equal(oct(os.stat(guard.socket).st_mode & 0o7777), oct(0o620), "its mode changes with the configuration")
    if group:
        tap.equal(os.stat(guard.socket).st_gid, grp.getgrnam(group).gr_gid, "and its group")
    change(guard, r"socket-mode = 0620", "socket-mode = 0600 nonsense = yes")
    guard.process.send_signal(signal.SIGHUP)
    guard.wait_for_log("not reloaded")
    tap.equal(oct(os.stat(guard.socket).st_mode & 0o7777), oct(0o620), "and not with one that is wrong")
    change(guard, r" nonsense = yes", "")
    held = Milter(guard.socket).open()
    os.unlink(guard.socket)
    guard.reload()
    tap.ok(os.path.exists(guard.socket) and Milter(guard.socket).open().session(),
           "a socket that somebody has removed is there again after a reload")
    tap.ok(held.session(), "and sessions that came over the old one go on")
    os.unlink(guard.socket)
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind(guard.socket)
    guard.process.send_signal(signal.SIGHUP)
    guard.wait_for_log("a socket of another kind")
    guard.stop()
    tap.ok(os.path.exists(guard.socket), "one of another program is left alone")
    log.close()
    guard.remove()


def macros(recipient):
    return b"R{rcpt_mailer}\0local\0{rcpt_host}\0\0{rcpt_addr}\0" + recipient.strip("<>").encode() + b"\0"


def begin_message(m, recipient="<bob@example.com>"):
    """Up to its recipient; the answer to it."""
    m.send(b"M", b"<a@ext.example.net>\0")
    if not m.steps & 0x4000:
        m.read()
    m.send(b"D", macros(recipient))
    m.send(b"R", recipient.encode() + b"\0")
    return b"".join(m.read())


def end_message(m):
    m.send(b"E")
    return b"".join(m.read())


def drain_time():
    """Sessions that outlast it are told to come back; a message that is under way is finished."""
    guard = Guard(top="drain-time = 2s").start()
    old = guard.workers()
    busy, quick, half, mute = (Milter(guard.socket).open() for _ in range(4))
    begin_message(half)
    guard.reload()
    began = time.monotonic()
    tap.ok(quick.session(), "within drain-time a session of the old workers goes on")
    tap.equal(begin_message(busy), b"c", "message after message")
    tap.equal(end_message(busy), b"c", "to its end")
    guard.wait_for_log("outlast `drain-time`")
    tap.ok(1.5 < time.monotonic() - began < 3.5, "then the log says so", time.monotonic() - began)
    time.sleep(0.2)
    tap.equal(end_message(half), b"c", "a message that was accepted by then is taken")
    told = begin_message(busy)
    tap.ok(told.startswith(b"y421 4.3.2 "), "the next command is answered with 421", told)
    event = guard.events()[-1]
    tap.ok(event.get("recipient") == "<bob@example.com>" and event["verdict"] == "defer" and event["code"] == 421
           and event["by"] == "guard" and "drain-time" in event["reason"], "and recorded", event)
    for m in (busy, half):
        m.close()
    tap.ok(Milter(guard.socket).open().session(), "new sessions are the new workers'")
    guard.wait_for_log("did not end in time and are cut", seconds=5)
    tap.ok(wait_until(lambda: not set(guard.workers()) & set(old), 5), "and the old workers end")
    mute.sock.settimeout(1)
    try:
        mute.send(b"M", b"<a@ext.example.net>\0")
        gone = not mute.sock.recv(1)
    except OSError:
        gone = True
    tap.ok(gone, "a session that never spoke is cut in the end")
    held = Milter(guard.socket).open()
    began = time.monotonic()
    tap.equal(guard.stop(), 0, "a stop does not wait for ever either")
    tap.ok(2 < time.monotonic() - began < 8, "but for drain-time, and once more", time.monotonic() - began)
    held.sock.close()
    guard.remove()


def freeze_thread(tid):
    """As a thread that hangs; returns what lets the dead be buried."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    attach, wait_for_all = 16, 0x40000000
    if libc.ptrace(attach, tid, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(tid, wait_for_all)
    return lambda: os.waitpid(tid, wait_for_all)


def hanging_workers():
    """One that hangs is replaced; systemd's watchdog is only fed while workers serve."""
    guard = Guard()
    systemd = Systemd(guard)
    os.environ.update(NOTIFY_SOCKET=systemd.path, WATCHDOG_USEC="8000000")
    try:
        guard.start()
        first = guard.workers()
        held = [Milter(guard.socket).open() for _ in range(20)]
        time.sleep(4.5)
        tap.equal(guard.workers(), first, "workers that have nothing to do are left alone")
        victim = guard.least_busy()
        os.kill(victim, signal.SIGSTOP)
        guard.wait_for_log(f"(process {victim}) hangs", seconds=8)
        tap.ok(wait_until(lambda: len(guard.workers()) == 2 and victim not in guard.workers()),
               "a worker that is stopped is replaced")
        alive = 0
        for m in held:
            try:
                alive += m.session()
            except (OSError, EOFError):
                pass
        tap.ok(alive > 0, "the other one's sessions go on", alive)
        second = guard.workers()
        bury = freeze_thread(second[1])
        guard.wait_for_log(f"(process {second[1]}) hangs", seconds=12)
        bury()
        tap.ok("libmilter does not answer" in guard.log_text(), "a worker that accepts nothing says so itself")
        tap.ok(wait_until(lambda: len(guard.workers()) == 2 and second[1] not in guard.workers()), "and is replaced")
        tap.ok(Milter(guard.socket).open().session(), "all is well again")
        fed = [t for t, text in systemd.told if "WATCHDOG=1" in text]
        tap.ok(len(fed) > 3 and max(b - a for a, b in zip(fed, fed[1:])) < 8, "the watchdog was fed all the while", fed)
        hang, third = guard.log_text().count(" hangs"), guard.workers()
        for pid in third:
            os.kill(pid, signal.SIGSTOP)
        stopped = time.monotonic()
        guard.wait_for_log(" hangs", hang + 1, seconds=8)
        fed = [t - stopped for t, text in systemd.told if "WATCHDOG=1" in text]
        tap.ok(time.monotonic() - stopped > 2.5 and not [t for t in fed if t > 2.2],
               "it is not while every worker hangs, though the master is alive", fed)
        before = len(systemd.told)
        tap.ok(wait_until(lambda: any("WATCHDOG=1" in t for _, t in systemd.told[before:])), "and is again when they serve")
        tap.ok(Milter(guard.socket).open().session(), "as they do")
        wait_until(lambda: len(guard.workers()) == 2 and not set(third) & set(guard.workers()))
        os.kill(guard.workers()[0], signal.SIGSTOP)
        began = time.monotonic()
        tap.equal(guard.stop(), 0, "one that hangs does not keep a stop from ending")
        tap.ok(time.monotonic() - began < 10, "for long", time.monotonic() - began)
    finally:
        del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]
        guard.remove()


tests = (exit_codes, pid_file, what_systemd_is_told, abandoned_reload, closed_ports, sockets_at_reload, drain_time,
         hanging_workers)
tap.run(*(t for t in tests if len(sys.argv) < 3 or t.__name__ in sys.argv[2:]))
