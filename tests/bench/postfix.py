#!/usr/bin/python3
"""
Messages a second through a real Postfix, by smtp-source with 20 sessions and 4.8 kB each, its queue in memory:
no filter, milters that decide nothing, and the guard, in turns within one run; each by a port of its own.
Run: tests/live/sandbox.sh postfix tests/bench/postfix.py [ROUNDS [MESSAGES]]

The ratio is to no filter in the same round; a figure is the median of the rounds.
"""
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import Guard
from noop import Noop

SESSIONS, LENGTH = 20, 4800
PORT = 10025


def ports(filters):
    """Services of master.cf: one port for each filter."""
    return "".join(f"127.0.0.1:{PORT + 1 + i} inet n - n - 200 smtpd\n -o smtpd_milters={socket}\n"
                   for i, socket in enumerate(filters.values()))


def send(port, messages):
    """Messages a second."""
    start = time.monotonic()
    subprocess.run(["smtp-source", "-s", str(SESSIONS), "-m", str(messages), "-l", str(LENGTH),
                    "-f", "sender@ext.example.net", "-t", "bob@example.com", f"inet:127.0.0.1:{port}"],
                   check=True, capture_output=True)
    took = time.monotonic() - start
    # What waits in the queue must not slow down who comes next.
    while any(files for where in ("incoming", "active") for _, _, files in os.walk(f"/var/spool/postfix/{where}")):
        time.sleep(0.05)
    return messages / took


def main(rounds=5, messages=2000):
    os.makedirs("/run/noop", exist_ok=True)
    noops = [Noop("all", "/run/noop"), Noop("fewest", "/run/noop")]
    guard = Guard().start()
    filters = {"none": "", "no-op, all stages": f"unix:{noops[0].socket}",
               "no-op, fewest stages": f"unix:{noops[1].socket}", "relay-guard": f"unix:{guard.socket}"}
    postfix = mtas.make("postfix", port=PORT)
    postfix.services = ports(filters)
    rates = {name: [] for name in filters}
    try:
        postfix.start()
        for port in range(PORT + 1, PORT + 1 + len(filters)):
            send(port, 200)
        for _ in range(rounds):
            for i, name in enumerate(filters):
                rates[name].append(send(PORT + 1 + i, messages))
    finally:
        postfix.stop()
        guard.remove()
        for noop in noops:
            noop.stop()
    print(f"{'through Postfix':22} {'messages/s':>11} {'ratio':>6}")
    for name, row in rates.items():
        ratio = statistics.median(rate / none for rate, none in zip(row, rates["none"]))
        print(f"{name:22} {statistics.median(row):11.0f} {ratio:6.2f}")


main(*(int(a) for a in sys.argv[1:]))
