#!/usr/bin/python3
"""
The self-test through a real mail server: all rows right when the guard stands before it, even when the server
itself is open to everyone; and exit 1, with the rows named, when the guard is taken out.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_selftest.py postfix|sendmail
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import BINARY, Guard
from sink import Sink
from tap import Tap

tap = Tap()
sink = Sink(mtas.SINK)
guard = Guard()
filter_name = f"unix:{guard.socket}"
mta = mtas.make(sys.argv[1], milter=filter_name)


def selftest(*options):
    # Postfix lets us play anybody by XCLIENT; before Sendmail a stranger needs an address of its own.
    if mta.name == "sendmail":
        options += ("--source", "127.0.0.66")
    env = dict(os.environ, RELAY_GUARD_PASSWORD="secret-alice")
    done = subprocess.run([BINARY, "selftest", "-c", guard.conf, "--smtp", f"127.0.0.1:{mta.port}",
                           "--domain", "example.com", "--auth-user", "alice", *options], capture_output=True, env=env)
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode()


def as_it_should_be():
    code, out, err = selftest()
    tap.equal(code, 0, f"{mta.name}: all rows are right", out[-3000:], err)


def open_but_guarded():
    mta.reconfigure(milter=filter_name, is_open=True)
    before = len(guard.events())
    code, out, err = selftest("--format", "json")
    tap.equal(code, 0, f"open {mta.name}: the guard alone keeps it closed", out[-3000:], err)
    rows = json.loads(out)["rows"]
    refused = [r for r in rows if r["got"] in ("refused", "deferred")]
    by_guard = [r for r in refused if r["by"] == "guard"]
    tap.ok(len(by_guard) > 30, f"open {mta.name}: most refusals are the guard's own",
           len(by_guard), len(refused))
    recorded = [e for e in guard.events()[before:] if e["verdict"] != "permit"]
    for r in by_guard:
        tap.ok(any(e["by"] == "guard" and e.get("session") and f"[{e['session']}]" in r["reply"]
                   for e in recorded),
               f"open {mta.name}: {r['actor']}, {r['probe']} is in the events")


def unguarded():
    mta.reconfigure(milter=None, is_open=True)
    code, out, err = selftest()
    tap.equal(code, 1, f"open {mta.name} without the guard: exit 1", out[-2000:], err)
    tap.ok("FAIL stranger-v4" in out and "could relay, and must not" in out,
           f"open {mta.name} without the guard: the rows are named", out[-3000:])


def nobody_there():
    done = subprocess.run([BINARY, "selftest", "-c", guard.conf, "--smtp", "127.0.0.1:9"],
                          capture_output=True)
    tap.equal(done.returncode, 69, "nobody answers: exit 69")


mta.start()
guard.start()
try:
    tap.run(as_it_should_be, open_but_guarded, unguarded, nobody_there)
finally:
    guard.remove()
