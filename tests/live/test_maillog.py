#!/usr/bin/python3
"""
The follower of the mail log, end to end: each recipient that the mail server refuses by itself is recorded once,
whatever happens to the log and to the guard meanwhile. Sendmail's refusals are only known from there; Postfix
tells them to the milter, so its log must add nothing.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_maillog.py postfix|sendmail
"""
import collections
import os
import re
import shutil
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

STRANGER = "127.0.0.66"
LOG = "/var/log/mail.log"
tap = Tap()
sink = Sink(mtas.SINK)
guard = Guard(events=f"maillog = {LOG}")
name = sys.argv[1]
mta = mtas.make(name, milter=("unix:" if name == "postfix" else "local:") + guard.socket)
refused = []  # the numbers of the recipients that the mail server has refused, in order


def refuse(count=5):
    """A stranger's session, each of whose recipients the server refuses."""
    with Client(mta.port, source=STRANGER) as c:
        c.ehlo()
        r = c.mail("<a@elsewhere.example>")
        if not r.ok:
            return
        for _ in range(count):
            number = len(refused)
            r = c.rcpt(f"<r{number}@ext.example.net>")
            if r.code in (550, 554):
                refused.append(number)


class Load:
    """One such session after another, until the end of the block."""

    def __enter__(self):
        self.ending = False
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()
        return self

    def loop(self):
        while not self.ending:
            try:
                refuse()
            except (OSError, EOFError):
                pass
            time.sleep(0.02)

    def __exit__(self, *_):
        self.ending = True
        self.thread.join(30)


def recorded():
    return [e for e in guard.events(wait=0) if e["by"] == "mta" and e["verdict"] == "reject"]


def numbers(events):
    return [int(re.match(r"<r(\d+)@ext", e["recipient"]).group(1)) for e in events]


def each_once(what):
    """All that were refused stand in the events, once, in order."""
    end = time.monotonic() + 10
    got = []
    while time.monotonic() < end and len(set(got)) < len(refused):
        time.sleep(0.2)
        got = numbers(recorded())
    # What would come twice comes soon.
    time.sleep(0.7)
    got = numbers(recorded())
    lost = sorted(set(refused) - set(got))
    twice = [n for n, count in collections.Counter(got).items() if count > 1]
    tap.ok(not lost and not twice, f"{mta.name}: {what}: each of {len(refused)} refusals is recorded once",
           f"lost {lost[:20]}, twice {twice[:20]}", guard.log_text()[-1500:])
    return got


def plainly():
    refuse()
    got = each_once("one session")
    tap.equal(got, sorted(got), f"{mta.name}: in their order")
    event = recorded()[0]
    tap.ok(event["client"] == STRANGER and event["sender"] == "<a@elsewhere.example>" and event.get("code") == 550 or
           name == "postfix", f"{mta.name}: with client, sender and code", event)
    where = "log-" if name == "sendmail" else ""
    tap.ok(event["session"].startswith(where), f"{mta.name}: it comes from the log", event)


def rotated():
    """As logrotate does by default: renamed, and made anew."""
    with Load():
        for _ in range(3):
            time.sleep(1)
            os.rename(LOG, f"{LOG}.1")
            with open(LOG, "a", encoding="ascii"):
                pass
    each_once("renamed and created, three times, under load")


def rotated_without_successor():
    os.rename(LOG, f"{LOG}.1")
    time.sleep(1.2)
    refuse()
    each_once("renamed, and made by the next line")


def copied_and_truncated():
    """As logrotate's copytruncate does. What came between the two nobody has, so nothing does here."""
    for _ in range(4):
        refuse()
        end = time.monotonic() + 10
        while time.monotonic() < end and f"<r{len(refused) - 1}@ext" not in open(LOG, encoding="latin-1").read():
            time.sleep(0.01)
        shutil.copy(LOG, f"{LOG}.1")
        os.truncate(LOG, 0)
        refuse(1)
        end = time.monotonic() + 10
        while time.monotonic() < end and len(set(numbers(recorded()))) < len(refused):
            time.sleep(0.05)
    each_once("copied and truncated, four times")


def stopped():
    with Load():
        time.sleep(0.5)
        guard.stop()
        time.sleep(0.5)
        guard.start()
        time.sleep(0.5)
    each_once("the guard stopped and started under load")


def rotated_while_stopped():
    if name == "postfix":
        return
    guard.stop()
    # Without the guard Sendmail answers 451 before it has looked at the recipient: nothing to be known.
    mta.reconfigure(milter=None)
    refuse()
    os.rename(LOG, f"{LOG}.1")
    refuse()
    mta.reconfigure(milter=f"local:{guard.socket}")
    guard.start()
    refuse()
    each_once("the log rotated while nobody followed")


def reloaded():
    with Load():
        for _ in range(6):
            guard.reload()
            time.sleep(0.2)
    each_once("six reloads under load")


def rotated_and_reloaded():
    with Load():
        for _ in range(3):
            time.sleep(0.4)
            os.rename(LOG, f"{LOG}.1")
            guard.reload()
            time.sleep(0.8)
    each_once("rotated and reloaded, three times, under load")


def opened(pid):
    """The files of a process, which may close them, or end, meanwhile."""
    try:
        fds = os.listdir(f"/proc/{pid}/fd")
    except FileNotFoundError:
        return
    for fd in fds:
        try:
            yield os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            pass


def follower():
    for pid in guard.workers():
        if any("maillog.position" in path for path in opened(pid)):
            return pid
    return None


def killed():
    """Then a few may come again, and are known by their session."""
    with Load():
        for _ in range(4):
            time.sleep(0.7)
            pid = follower()
            tap.ok(pid is not None, f"{mta.name}: there is a follower")
            os.kill(pid, signal.SIGKILL)
            end = time.monotonic() + 10
            while time.monotonic() < end and follower() in (None, pid):
                time.sleep(0.02)
    time.sleep(2)
    events = recorded()
    lost = sorted(set(refused) - set(numbers(events)))
    tap.equal(lost, [], f"{mta.name}: a follower that is killed loses nothing")
    sessions = collections.defaultdict(set)
    for number, e in zip(numbers(events), events):
        sessions[number].add(e["session"])
    tap.equal([n for n, s in sessions.items() if len(s) > 1], [], f"{mta.name}: what comes again says so")
    print(f"# {mta.name}: {len(events) - len(set(numbers(events)))} of {len(events)} came again")


mta.start()
guard.start()
time.sleep(1)
try:
    tests = [plainly, rotated, rotated_without_successor, copied_and_truncated, stopped, rotated_while_stopped,
             reloaded, rotated_and_reloaded, killed]
    tap.run(*(tests if name == "sendmail" else [plainly, reloaded, stopped]))
finally:
    mta.stop()
    guard.remove()
