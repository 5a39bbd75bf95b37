#!/usr/bin/python3
"""
Messages a second over the milter protocol itself, without a mail server: the guard beside milters that
decide nothing (tests/tools/noop-milter.c), at 1, 20 and 200 connections, in turns within one run.
Run: tests/bench/milter.py [ROUNDS [SECONDS]]

A figure is the median of the rounds, as other work on the machine falls on one of them only. The load has
no time to think, so the longest waits are libmilter's own: its pool takes the first session in its list
that is ready, and one that was opened late waits as long as those before it keep all threads busy.
"""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{TOP}/tests/lib")
from guard import Guard
from noop import Noop

TOOLS = f"{TOP}/build/gcc/tests/tools"
SESSIONS = (1, 20, 200)


def load(sessions, seconds, socket):
    done = subprocess.run([f"{TOOLS}/milter-load", "--sessions", str(sessions), "--seconds", str(seconds),
                           f"unix:{socket}"], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{socket}: {done.stdout}{done.stderr}")
    return {key: float(value) for key, value in (pair.split("=") for pair in done.stdout.split())}


def main(rounds=5, seconds=2):
    folder = tempfile.mkdtemp(prefix="relay-guard-bench.")
    guard = Guard().start()
    noops = [Noop("all", folder), Noop("fewest", folder)]
    filters = {"no-op, all stages": noops[0].socket, "no-op, fewest stages": noops[1].socket,
               "relay-guard": guard.socket}
    results = {(name, n): [] for name in filters for n in SESSIONS}
    try:
        for _ in range(rounds):
            for n in SESSIONS:
                for name, socket in filters.items():
                    results[name, n].append(load(n, seconds, socket))
    finally:
        for noop in noops:
            noop.stop()
        guard.remove()
        shutil.rmtree(folder, ignore_errors=True)
    table(results, filters)


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def table(results, filters):
    print(f"{'milter protocol':22} {'sessions':>8} {'messages/s':>11} {'ratio':>6} {'p50 us':>8} {'p99 us':>9}")
    floor = next(iter(filters))
    for n in SESSIONS:
        for name in filters:
            rows = results[name, n]
            ratio = median(rows, "rate") / median(results[floor, n], "rate")
            print(f"{name:22} {n:8} {median(rows, 'rate'):11.0f} {ratio:6.2f} "
                  f"{median(rows, 'p50_us'):8.0f} {median(rows, 'p99_us'):9.0f}")


main(*(int(a) for a in sys.argv[1:]))
