#!/usr/bin/python3
"""
A configuration that is proved before it goes live: one that opens a relay, though `check` accepts it, is not taken,
and mail is judged by the old one all the time; whoever proves it may go, die, be slow, or change the file.
Run: tests/live/proof.py [BINARY [TEST...]]   (as root, permissions are tested too)
"""
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
if len(sys.argv) > 1:
    os.environ["RELAY_GUARD"] = os.path.abspath(sys.argv[1])
from commands import ask, change, command, connect, read_reply, status
from guard import BINARY, RULES, Guard
from milter import Load, Milter
from tap import Tap

tap = Tap()

# Whoever says that he is one of us may send everywhere.
OPEN = RULES.replace("rule login", "rule all { from = example.com  action = permit  i-know = yes }\n    rule login")
TIGHT = """
limit probing { key = client-prefix  count = relay refusals  rate = 2/1h  on-exceed = "ban 1h" }
limit sessions { key = client  count = messages  rate = 1/1h  on-exceed = reject }
"""


def judges(where, sender=b"<a@example.com>"):
    """What a stranger who says that he is one of us is answered to an outside recipient."""
    m = Milter(where).open()
    m.send(b"M", sender + b"\0")
    if not m.steps & 0x4000:
        m.read()
    m.send(b"D", b"R{rcpt_mailer}\0smtp\0{rcpt_host}\0h\0{rcpt_addr}\0b@ext.example.net\0")
    m.send(b"R", b"<b@ext.example.net>\0")
    said = m.read()[0]
    m.close()
    return said


class Watch:
    """Asks all the time what a stranger is answered."""

    def __init__(self, guard):
        self.guard, self.said, self.ending = guard, [], False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ending:
            try:
                self.said.append(judges(self.guard.socket))
            except (OSError, EOFError) as e:
                self.said.append(repr(e))

    def end(self):
        self.ending = True
        self.thread.join(60)
        return set(self.said)


def begin(guard):
    """A proof by hand: its connection, and what the private socket and the daemon's file are called."""
    s = connect(guard)
    s.sendall(b"prove\n")
    reply = read_reply(s)
    found = re.match(r"proof socket=unix:(\S+) configuration=(\S+)\n\.0 text=ready\n$", reply)
    assert found, reply
    return s, found.group(1), found.group(2)


def then(s, line):
    s.sendall(line.encode() + b"\n")
    return read_reply(s)


def private_sockets(guard):
    return [f for f in os.listdir(f"{guard.folder}/state") if f.startswith(".proof")]


def settled(guard, seconds=10):
    """Waits until no generation is left but one."""
    end = time.monotonic() + seconds
    while status(guard)["generations"] and time.monotonic() < end:
        time.sleep(0.1)
    return status(guard)


def goes_live():
    guard = Guard().start()
    tap.equal(judges(guard.socket), b"y", "a stranger is refused")
    change(guard, r"workers = 2", "workers = 1")
    code, out, err = command(guard, "reload", "--prove")
    tap.ok(code == 0 and " 0 wrong" in out and out.endswith("generation 2 serves with 1 processes\n"),
           "a good configuration goes live, and its rows are shown", code, out, err)
    said = settled(guard)
    tap.equal((said["daemon"]["generation"], said["daemon"]["workers"], said["reload"]["code"]), (2, 1, 0),
              "status: it is what serves", said)
    tap.equal(private_sockets(guard), [], "the private socket is gone")
    tap.equal((guard.log_text().count("reloaded: "), "error" in guard.log_text()), (1, False), "it was one reload",
              guard.log_text())
    code, out, err = command(guard, "reload", "--prove", "--format", "json")
    tests, outcome = (json.loads(x) for x in re.split(r"\n(?=\{\"code\")", out))
    tap.equal((code, tests["summary"]["wrong"], outcome), (0, 0, {"code": 0, "text": "generation 3 serves with 1 processes"}),
              "JSON: what the self-test says, and what the daemon says", out, err)
    guard.remove()


def is_not_taken():
    guard = Guard().start()
    guard.write_conf(rules=OPEN)
    done = subprocess.run([BINARY, "check", "-c", guard.conf], capture_output=True, text=True, timeout=20)
    tap.equal(done.returncode, 0, "check accepts a configuration that opens a relay", done.stderr)
    load, watch = Load(guard.socket, loops=3), Watch(guard)
    for n in range(3):
        code, out, err = command(guard, "reload", "--prove")
        tap.ok(code == 1 and re.search(r"^FAIL stranger-v4 sender-ours ", out, re.M) is not None
               and "by rule all" in out, f"proof {n + 1}: exit 1, the wrong rows and their rule", code, out, err)
        tap.ok("not reloaded: the self-test has rows that are wrong; the configuration of before goes on" in err,
               "and that it is not taken", err)
    said = status(guard)
    tap.equal((said["daemon"]["generation"], said["reload"]["code"], said["reload"]["text"]),
              (1, 1, "the self-test has rows that are wrong"), "status: the old one serves, and why", said)
    s, private, path = begin(guard)
    tap.equal(path, guard.conf, "the proof names the file")
    tap.equal(judges(private), b"c", "at the private socket it is the new one that judges")
    tap.equal([g["state"] for g in status(guard)["generations"] if g["state"] == "is proved"], ["is proved"],
              "status shows it")
    time.sleep(1)
    tap.ok(then(s, "drop why=no").startswith(".0 "), "it is dropped")
    s.close()
    done, lost = load.end()
    tap.ok(done > 50 and lost == 0, f"of {done} sessions meanwhile none was lost", lost)
    tap.equal(watch.end(), {b"y"}, f"each of {len(watch.said)} strangers was refused, as the old one says")
    tap.equal(private_sockets(guard), [], "the private socket is gone")
    guard.write_conf(rules=RULES)
    tap.equal(command(guard, "reload", "--prove")[0], 0, "a good one goes live after all")
    guard.write_conf(rules=OPEN)
    code, _, err = command(guard, "reload")
    tap.equal((code, judges(guard.socket)), (0, b"c"), "without --prove the open one would have, so the test can fail", err)
    guard.remove()


def under_load():
    """Good and bad ones in turn."""
    guard = Guard().start()
    load, watch = Load(guard.socket, loops=4), Watch(guard)
    codes = []
    for n in range(12):
        guard.write_conf(rules=OPEN if n % 2 else RULES)
        codes.append(command(guard, "reload", "--prove")[0])
    done, lost = load.end()
    tap.equal(codes, [0, 1] * 6, "good ones go live, bad ones do not")
    tap.ok(done > 50 and lost == 0, f"of {done} sessions none was lost", lost)
    tap.equal(watch.end(), {b"y"}, f"each of {len(watch.said)} strangers was refused")
    tap.equal(settled(guard)["daemon"]["deaths"], 0, "and nothing died")
    guard.remove()


def counts_nothing():
    guard = Guard(top=TIGHT).start()
    for n in range(3):
        code, out, err = command(guard, "reload", "--prove")
        tap.ok(code == 0 and " 0 wrong" in out, f"proof {n + 1}: tight limits are not in its way", out, err)
    said = status(guard)
    tap.equal((said["store"]["bans"], said["store"]["keys"]), (0, 0), "it counts nothing and bans nobody", said)
    tap.equal({e.get("probe") for e in guard.events()}, {True}, "its events say what it is")
    tap.equal(judges(guard.socket), b"y", "a stranger is refused")
    time.sleep(1)  # keys are counted once a second at most
    tap.ok(status(guard)["store"]["keys"] > 0, "which is counted", said)
    guard.remove()


def can_not_be_proved():
    guard = Guard().start()
    change(guard, r"workers = 2", "workers = many")
    code, out, err = command(guard, "reload", "--prove")
    tap.equal((code, out), (78, ""), "one that is wrong: exit 78", err)
    tap.ok(f"{guard.conf}:" in err and "many" in err, "and where, and what", err)
    change(guard, r"workers = many", "workers = 2")
    change(guard, r'events \{ path = "[^"]*"', 'events { path = "/nowhere/at/all"')
    code, out, err = command(guard, "reload", "--prove")
    tap.ok(code == 78 and "/nowhere/at/all" in err, "one whose worker can't start: exit 78, and why", code, err)
    tap.equal(status(guard)["reload"]["code"], 78, "status says so")
    change(guard, r'events \{ path = "[^"]*"', f'events {{ path = "{guard.events_path}"')
    tap.equal(command(guard, "reload", "--prove")[0], 0, "the next one is taken")
    tap.equal(ask(guard, "adopt")[:4], ".64 ", "adopt without a proof")
    tap.equal(ask(guard, "drop")[:4], ".64 ", "drop without a proof")
    guard.remove()


def whoever_proves_it():
    """May go, be killed, be slow, change the file, be two."""
    guard = Guard().start()
    s, private, _ = begin(guard)
    mode = os.stat(private)
    tap.equal(stat.S_IMODE(mode.st_mode), 0o600, "the private socket is for few")
    tap.equal(ask(guard, "prove")[:4], ".75 ", "a second one is told to try again")
    s.close()
    guard.wait_for_log("whoever was to prove it has gone")
    tap.ok(not os.path.exists(private), "one who goes takes the proof with him")

    s, private, _ = begin(guard)
    time.sleep(6)
    tap.ok(then(s, "adopt").startswith(".0 text=generation"), "one may be silent for longer than others, and is told")
    s.close()

    s, private, _ = begin(guard)
    change(guard, r"workers = 2", "workers = 1")
    reply = then(s, "adopt")
    tap.ok(reply.startswith(".75 ") and "was%20changed%20while" in reply, "a file that was changed meanwhile", reply)
    tap.equal((status(guard)["daemon"]["generation"], status(guard)["daemon"]["workers"]), (2, 2), "is not taken")
    tap.equal(then(s, "adopt")[:4], ".64 ", "and the proof is over")
    s.close()

    s, private, _ = begin(guard)
    tap.equal(command(guard, "reload")[0], 0, "another reload goes its way meanwhile")
    tap.ok(then(s, "adopt").startswith(".0 text=generation%204"), "and the proved one follows")
    s.close()

    settled(guard)
    s, private, _ = begin(guard)
    for pid in set(guard.workers()) - {w["pid"] for w in status(guard)["workers"]}:
        os.kill(pid, signal.SIGKILL)
    guard.wait_for_log("of the proved generation died of signal 9")
    tap.equal(then(s, "adopt")[:4], ".64 ", "when its worker dies there is no proof")
    tap.ok("signal 9" in status(guard)["reload"]["text"], "which status says", status(guard)["reload"])
    s.close()
    tap.equal(judges(guard.socket), b"y", "and mail goes on")

    s, private, _ = begin(guard)
    tap.equal(guard.stop(), 0, "a stop ends it")
    tap.ok(not os.path.exists(private), "and its socket")
    s.close()
    guard.remove()


def master_is_killed():
    guard = Guard().start()
    s, private, _ = begin(guard)
    os.kill(guard.process.pid, signal.SIGKILL)
    guard.process.wait(20)
    guard.process = None
    s.close()
    tap.ok(os.path.exists(private), "a master that is killed leaves the private socket")
    guard.start()
    tap.equal(private_sockets(guard), [], "the next one drops it")
    tap.equal(judges(guard.socket), b"y", "and serves what was proved by nobody yet")
    guard.remove()


def can_not_bind():
    """The rows are right, and the address is somebody else's."""
    guard = Guard().start()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        change(guard, r"listen = \{", f'listen = {{ "inet:127.0.0.1:{port}",')
        code, out, err = command(guard, "reload", "--prove")
        tap.ok(code == 75 and " 0 wrong" in out and f"inet:127.0.0.1:{port}: another program listens there" in err,
               "one that can't listen is not taken, and is told", code, err)
        tap.equal((status(guard)["daemon"]["generation"], private_sockets(guard), judges(guard.socket)), (1, [], b"y"),
                  "the old one goes on")
    tap.equal(command(guard, "reload", "--prove")[0], 0, "when the other is gone it is taken")
    guard.remove()


def several_at_once():
    guard = Guard().start()
    all_of_them = [subprocess.Popen([BINARY, "reload", "--prove", "-c", guard.conf], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [(p.returncode, out, err) for p in all_of_them for out, err in [p.communicate(timeout=60)]]
    codes = [code for code, _, _ in said]
    tap.ok(0 in codes and set(codes) <= {0, 75}, "one of several is taken; others are told to try again", said)
    tap.ok(all("try again" in err for code, _, err in said if code == 75), "in words", said)
    tap.equal((settled(guard)["daemon"]["generation"], private_sockets(guard)), (1 + codes.count(0), []), "and no more")
    guard.remove()


def permissions():
    if os.geteuid() != 0:
        return
    guard = Guard().start()
    code, _, err = command(guard, "reload", "--prove", user=1, where="socket")
    tap.equal((code, "is for root" in err), (69, True), "not for others", err)
    nobody = int(subprocess.run(["id", "-u", "nobody"], capture_output=True, text=True, timeout=10).stdout)
    code, out, err = command(guard, "reload", "--prove", user=nobody, where="socket")
    tap.equal((code, " 0 wrong" in out), (0, True), "the guard's own user may", err)
    guard.remove()


tests = [goes_live, is_not_taken, under_load, counts_nothing, can_not_be_proved, whoever_proves_it, master_is_killed,
         can_not_bind, several_at_once, permissions]
names = sys.argv[2:]
tap.run(*[t for t in tests if not names or t.__name__ in names])
