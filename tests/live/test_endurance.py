#!/usr/bin/python3
"""
Mail goes on through a real mail server while the guard is reloaded, crashes, stops and is started again. The
server is open to everybody, so whatever is refused is refused by the guard. COUNT=N: N reloads and crashes, not 20.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_endurance.py postfix|sendmail
"""
import collections
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import Guard
from sink import Sink
from smtp import Client
from tap import Tap

COUNT = int(os.environ.get("COUNT", "20"))
STRANGER = "127.0.0.66"
OURS = "<bob@example.com>"
OUTSIDE = "<relaytest@ext.example.net>"
LOOPS = 4
tap = Tap()
sink = Sink(mtas.SINK)
guard = Guard()
mta = mtas.make(sys.argv[1], milter=("unix:" if sys.argv[1] == "postfix" else "local:") + guard.socket, is_open=True)


class Load:
    """Strangers who send to us, and try to send elsewhere, one session after another."""

    def __init__(self):
        self.said = collections.Counter()
        self.deferred = []
        self.ending = False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.loop, daemon=True) for _ in range(LOOPS)]
        for t in self.threads:
            t.start()

    def loop(self):
        number = 0
        while not self.ending:
            number += 1
            try:
                what = self.session(number % 4 == 0)
            except (OSError, EOFError, ValueError) as e:
                what = "lost"
                self.deferred.append(repr(e))
            with self.lock:
                self.said[what] += 1

    def session(self, whole):
        with Client(mta.port, source=STRANGER) as c:
            replies = [c.banner, c.ehlo(), c.mail("<a@elsewhere.example>")]
            outside = c.rcpt(OUTSIDE) if replies[-1].ok else None
            if outside is not None:
                replies.append(c.rcpt(OURS))
            if whole and replies[-1].ok:
                replies.append(c.data())
            c.cmd("QUIT")
        if outside is not None and outside.ok:
            return "let out"
        answers = replies + ([] if outside is None else [outside])
        late = [r for r in answers if 400 <= r.code < 500]
        if late:
            self.deferred.append(late[0])
            return "deferred"
        return "right" if all(r.ok for r in replies) and outside.code == 550 else "wrong"

    def end(self):
        self.ending = True
        for t in self.threads:
            t.join(30)
        return self.said


def two_workers_but(victim):
    end = time.monotonic() + 10
    while time.monotonic() < end and (victim in guard.workers() or len(guard.workers()) != 2):
        time.sleep(0.02)
    return len(guard.workers()) == 2


def reloads():
    load = Load()
    for _ in range(COUNT):
        guard.reload()
        time.sleep(0.25)
    said = load.end()
    print(f"# {mta.name}, {COUNT} reloads: {dict(said)}")
    tap.ok(said["right"] > COUNT, f"{mta.name}: mail flows through {COUNT} reloads", said)
    tap.equal(said["lost"] + said["deferred"], 0, f"{mta.name}: no session is lost, none deferred", load.deferred[:5])
    tap.equal(said["let out"] + said["wrong"], 0, f"{mta.name}: none decided otherwise", said)


def crashes():
    load = Load()
    for i in range(COUNT):
        victim = guard.workers()[i % 2]
        os.kill(victim, signal.SIGKILL if i % 2 else signal.SIGABRT)
        if not two_workers_but(victim):
            tap.ok(False, f"{mta.name}: crash {i + 1}: the worker is back")
        time.sleep(0.6)
    said = load.end()
    print(f"# {mta.name}, {COUNT} crashes: {dict(said)}")
    tap.equal(said["let out"], 0, f"{mta.name}: {COUNT} crashes let nothing out", said)
    tap.ok(said["right"] > COUNT and said["wrong"] == 0, f"{mta.name}: and mail flows on", said)
    # Each loop has one session at a time: no more than those can have been with the worker that died.
    tap.ok(said["deferred"] + said["lost"] <= LOOPS * COUNT,
           f"{mta.name}: deferred are at most those of the worker that died", said, load.deferred[:5])


def sockets_of(pid):
    count = 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            count += os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:")
        except FileNotFoundError:
            pass
    return count


def settled_sockets_of(pid):
    """Once those of earlier sessions are gone, and none of the worker's own come and go."""
    counts, end = [], time.monotonic() + 20
    while len(counts) < 10 or len(set(counts[-10:])) > 1:
        if time.monotonic() > end:
            raise RuntimeError(f"the sockets of worker {pid} come and go: {counts[-20:]}")
        counts.append(sockets_of(pid))
        time.sleep(0.03)
    return counts[-1]


def stepwise():
    """Sessions that are half way through their mail when a worker dies: how many were its own is known."""
    deferred = 0
    for i in range(5):
        victim = guard.workers()[i % 2]
        before = settled_sockets_of(victim)
        held = [Client(mta.port, source=STRANGER) for _ in range(8)]
        for c in held:
            c.ehlo()
            c.mail("<a@elsewhere.example>")
            if not c.rcpt(OURS).ok:
                tap.ok(False, f"{mta.name}: a session before the crash")
        its_own = settled_sockets_of(victim) - before
        os.kill(victim, signal.SIGKILL)
        two_workers_but(victim)
        codes = []
        for c in held:
            try:
                outside = c.rcpt(OUTSIDE)
                codes.append((outside.code, c.data().code))
            except (OSError, EOFError):
                codes.append((421, 421))
            c.close()
        good = codes.count((550, 250))
        bad = [x for x in codes if x[0] < 400]
        deferred += len(held) - good
        tap.ok(good >= len(held) - its_own and not bad,
               f"{mta.name}: the mail of the other worker's sessions is untouched", its_own, codes)
    print(f"# {mta.name}, 5 crashes with 8 sessions each: {deferred} of 40 deferred")


def half_a_session():
    c = Client(mta.port, source=STRANGER)
    c.ehlo()
    c.mail("<a@elsewhere.example>")
    tap.ok(c.rcpt(OURS).ok, f"{mta.name}: a session begins")
    return c


def finish(c, what):
    tap.equal(c.rcpt(OUTSIDE).code, 550, f"{mta.name}: {what} it is decided")
    tap.equal(c.data().code, 250, f"{mta.name}: {what} its message is taken")
    c.mail("<a@elsewhere.example>")
    tap.ok(c.rcpt(OURS).ok, f"{mta.name}: {what} its next one, too")
    c.cmd("QUIT")
    c.close()


def stop():
    c = half_a_session()
    process, guard.process = guard.process, None
    process.send_signal(signal.SIGTERM)
    time.sleep(1)
    tap.ok(process.poll() is None, f"{mta.name}: a stop waits for a session")
    with Client(mta.port, source=STRANGER) as late:
        late.ehlo()
        replies = [late.mail("<a@elsewhere.example>")]
        replies.append(late.rcpt(OURS) if replies[0].ok else replies[0])
        tap.ok(400 <= replies[-1].code < 500, f"{mta.name}: a new one is deferred", replies)
    finish(c, "while it stops,")
    tap.equal(process.wait(20), 0, f"{mta.name}: then the guard ends")


def start_again():
    guard.start()
    c = half_a_session()
    old, guard.process = guard.process, None
    old.send_signal(signal.SIGTERM)
    guard.wait_for_log("stopping: sessions are finished", guard.log_text().count("stopping:") + 0)
    guard.start()
    finish(half_a_session(), "started in place,")
    tap.ok(old.poll() is None, f"{mta.name}: the old guard still has its session")
    finish(c, "with the old guard")
    tap.equal(old.wait(20), 0, f"{mta.name}: and ends with it")
    finish(half_a_session(), "after that")


def hung_up_on():
    """What 421 does to a session that outlasts drain-time."""
    guard.stop()
    guard.write_conf(top="drain-time = 1s")
    guard.start()
    c = half_a_session()
    guard.reload()
    guard.wait_for_log("outlast `drain-time`")
    time.sleep(0.2)
    r = c.rcpt(OUTSIDE)
    tap.ok(r.code == 421 and "try again later" in r.text, f"{mta.name}: drain-time is over: 421", r)
    try:
        gone = c.mail("<a@elsewhere.example>")
    except (OSError, EOFError):
        gone = None
    tap.ok(gone is None or gone.code == 421, f"{mta.name}: and the mail server hangs up", gone)
    finish(half_a_session(), "a new session:")


mta.start()
guard.start()
try:
    tap.run(reloads, crashes, stepwise, stop, start_again, hung_up_on)
finally:
    mta.stop()
    guard.remove()
