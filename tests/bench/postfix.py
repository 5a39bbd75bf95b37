#!/usr/bin/python3
"""
Messages a second through a real Postfix, by smtp-source with 20 sessions and 4.8 kB each, its queue in memory:
no filter, milters that decide nothing, and the guard, in turns within one run; each by a port of its own.
Run: tests/live/sandbox.sh postfix tests/bench/postfix.py [ROUNDS [MESSAGES]]

The ratio is to no filter in the same round; a figure is the median of the rounds.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
import throughput
from guard import Guard
from noop import Noop

PORT = 10025
LOAD = ("-l", "4800", "-f", "sender@ext.example.net", "-t", "bob@example.com")


def main(rounds=5, messages=2000):
    os.makedirs("/run/noop", exist_ok=True)
    noops = [Noop("all", "/run/noop"), Noop("fewest", "/run/noop")]
    guard = Guard().start()
    filters = {"none": "", "no-op, all stages": f"unix:{noops[0].socket}",
               "no-op, fewest stages": f"unix:{noops[1].socket}", "relay-guard": f"unix:{guard.socket}"}
    postfix = mtas.make("postfix", port=PORT)
    postfix.services = throughput.services("127.0.0.1", PORT + 1, filters)
    try:
        postfix.start()
        rates = throughput.in_turns("127.0.0.1", PORT + 1, filters, rounds, messages, *LOAD)
    finally:
        postfix.stop()
        guard.remove()
        for noop in noops:
            noop.stop()
    print(f"{'through Postfix':22} {'messages/s':>11} {'ratio':>6}")
    for name, rate, ratio in throughput.medians(rates, "none"):
        print(f"{name:22} {rate:11.0f} {ratio:6.2f}")


main(*(int(a) for a in sys.argv[1:]))
