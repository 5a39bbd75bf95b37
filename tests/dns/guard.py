#!/usr/bin/python3
"""
The guard, without a mail server, while its name server is dead, and when it comes back: every callback answers
in time, recipients are decided at once, and what could not be found out is a temporary error.
Run: tests/dns/guard.py [BINARY]
"""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
if len(sys.argv) > 1:
    os.environ["RELAY_GUARD"] = os.path.abspath(sys.argv[1])
from guard import Guard
from milter import Milter
from servers import Stub, txt
from tap import Tap

SIGNATURE = (b"v=1; a=rsa-sha256; d=%s; s=s; h=from; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=abcd")
tap = Tap()


class Every(dict):
    """The same rule for every name."""

    def __init__(self, rule):
        super().__init__()
        self.rule = rule

    def get(self, _name, _default=None):
        return self.rule


class Timed(Milter):
    """Remembers the longest time between what was sent and an answer, or two answers."""

    def __init__(self, where):
        super().__init__(where)
        self.slowest, self.since = {}, time.monotonic()

    def send(self, command, payload=b""):
        self.command, self.since = command, time.monotonic()
        super().send(command, payload)

    def read(self):
        answer = super().read()
        now = time.monotonic()
        self.slowest[self.command] = max(self.slowest.get(self.command, 0), now - self.since)
        self.since = now
        return answer


def send(m, number):
    domain = b"d%d.example.net" % number
    return m.message("<bob@example.com>", b"<a@" + domain + b">",
                     [(b"From", b"a@" + domain), (b"DKIM-Signature", SIGNATURE % domain)], b"text\r\n")


def dead_and_back():
    server = Stub({})
    server.rules = Every("drop")
    guard = Guard(top=f"""resolver {{ forward = "{server.server}"  deadline = 4s  timeout = 2s }}
spf {{ temperror = note }} dkim {{ }} dmarc {{ temperror = note }} arc {{ }} sender {{ }}
""").start()
    sessions = [Timed(guard.socket).open() for _ in range(20)]
    answers, lock, end = [], threading.Lock(), time.monotonic() + 10

    def loop(number, m):
        while time.monotonic() < end:
            number += 1
            said = send(m, number)[-1]
            with lock:
                answers.append(said)

    threads = [threading.Thread(target=loop, args=(i * 1000000, m)) for i, m in enumerate(sessions)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    slowest = {c: max(m.slowest.get(c, 0) for m in sessions) for c in (b"R", b"B", b"E")}
    print(f"# a dead name server: {len(answers)} messages of 20 sessions, slowest {slowest}")
    tap.ok(len(answers) >= len(sessions) and set(answers) == {b"c"}, "with a dead name server mail goes on",
           len(answers), set(answers))
    # Slowed down by the thread sanitizer, sessions wait for their turn: libmilter takes the first that is ready.
    if "TSAN_OPTIONS" not in os.environ:
        tap.ok(max(slowest.values()) < 5, "and every callback answers within five seconds", slowest)
    found = [e for e in guard.events() if e.get("check") == "spf"]
    tap.ok(found and all(e["spf"] == "temperror" and e["verdict"] == "note" for e in found),
           "what could not be asked is a temporary error", found[:2])
    tap.ok("DNS does not answer" in guard.log_text(), "the log says so")
    server.rules = Every(("ok", [txt("v=spf1 ip4:203.0.113.9 -all")]))
    start, number = time.monotonic(), 90000000
    while "DNS answers again" not in guard.log_text() and time.monotonic() < start + 30:
        number += 1
        # Each worker finds out by itself: a session may be at one that had never given up.
        send(sessions[number % len(sessions)], number)
    took = time.monotonic() - start
    tap.ok(took < 10, f"it is used again {took:.1f} s after it is back", guard.log_text()[-500:])
    for m in sessions:
        m.close()
    guard.remove()


tap.run(dead_and_back)
