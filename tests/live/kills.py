#!/usr/bin/python3
"""
Workers are killed (SIGKILL) again and again under load: no charge that a client was told of is lost, and no limit is
exceeded.
Run: tests/live/kills.py [BINARY]   COUNT=full: 200 kills rather than 10
"""
import json
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
if len(sys.argv) > 1:
    os.environ["RELAY_GUARD"] = os.path.abspath(sys.argv[1])
from commands import command
from guard import Guard
from milter import Milter
from tap import Tap

tap = Tap()
KILLS = 200 if os.environ.get("COUNT") == "full" else 10
LOOPS = 6
ALLOWED = 400
# Rates that pay nothing off while the test runs: what is owed is what was charged.
LIMITS = f"""
limit counted {{ key = client  count = recipients  rate = 1M/500w  for = {{ client = 198.51.100.0/24 }} }}
limit victim  {{ key = client  count = recipients  rate = {ALLOWED}/52w  for = {{ client = 203.0.113.0/24 }} }}
"""


class Loop:
    """Messages without end, of one client. told: acceptances that came; lost: sessions that were cut."""

    def __init__(self, guard, address):
        self.guard, self.address = guard, address
        self.told = self.refused = self.lost = 0
        self.ends = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ends:
            try:
                m = Milter(self.guard.socket, timeout=20).open(self.address)
                while not self.ends:
                    self.message(m)
                m.close()
            except (OSError, EOFError):
                self.lost += 1

    def message(self, m):
        m.step(b"M", b"<a@ext.example.net>\0", 0, 0x4000)
        for _ in range(3):
            m.send(b"D", b"R{rcpt_mailer}\0local\0{rcpt_host}\0\0{rcpt_addr}\0b@example.com\0")
            m.send(b"R", b"<b@example.com>\0")
            if m.read()[0] == b"c":
                self.told += 1
            else:
                self.refused += 1
        m.step(b"N", b"", 0x40, 0x40000)
        m.send(b"E")
        while m.read()[0] in b"himqp":
            pass

    def end(self):
        self.ends = True
        self.thread.join(60)
        assert not self.thread.is_alive(), "a loop does not end"


def charged(guard, address):
    code, out, err = command(guard, "limits", "--key", f"client:{address}", "--format", "json")
    found = [row["count"] for row in json.loads(out)["limits"] if row["name"] == "counted"]
    assert code == 0 and len(found) == 1, (out, err)
    return found[0]


def kill_one(guard, seen):
    """One that lives for more than a second: the master waits before it starts one anew that died at once."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        living = guard.workers()
        for pid in living:
            seen.setdefault(pid, time.monotonic())
        old = [p for p in living if time.monotonic() - seen[p] > 1.1]
        if old:
            pid = random.choice(old)
            os.kill(pid, signal.SIGKILL)
            # It is there until the master has seen it die: that is no other one.
            seen[pid] = float("inf")
            return
        time.sleep(0.05)
    raise RuntimeError("no worker lives: " + guard.log_text())


def workers_die():
    guard = Guard(top=LIMITS).start()
    counted = [Loop(guard, f"198.51.100.{n + 1}") for n in range(LOOPS)]
    victims = [Loop(guard, "203.0.113.7") for _ in range(4)]
    seen = {}
    for _ in range(KILLS):
        time.sleep(random.uniform(0.1, 0.5))
        kill_one(guard, seen)
    time.sleep(1)
    for loop in counted + victims:
        loop.end()
    died = guard.log_text().count("died of signal 9")
    told, lost = sum(c.told for c in counted), sum(c.lost for c in counted)
    tap.ok(died >= KILLS and told > 100 * KILLS, f"{died} workers were killed while {told} recipients were accepted")
    found = [charged(guard, c.address) for c in counted]
    for c, n in zip(counted, found):
        tap.ok(c.told <= n <= c.told + c.lost, f"{c.address}: {c.told} acknowledged, {n} charged, {c.lost} sessions cut")
    tap.ok(sum(found) - told <= lost, f"no acknowledged charge is lost; {sum(found) - told} were charged for sessions that were cut")
    passed, cut = sum(v.told for v in victims), sum(v.lost for v in victims)
    tap.ok(ALLOWED - cut <= passed <= ALLOWED, f"{passed} of {ALLOWED} passed for who was at the limit, {cut} sessions cut")
    tap.ok(sum(v.refused for v in victims) > 10 * KILLS, "and the rest was refused")
    for how in ("stopped", "killed"):
        if how == "killed":
            for pid in guard.workers() + [guard.process.pid]:
                os.kill(pid, signal.SIGKILL)
            guard.process.wait(20)
            guard.process = None
            # Not unlinked by who was killed.
            os.unlink(guard.socket)
        else:
            guard.stop()
        guard.start()
        tap.equal([charged(guard, c.address) for c in counted], found, f"all {how} and started again: the same is charged")
    guard.remove()


tap.run(workers_die)
