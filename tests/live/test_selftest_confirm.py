#!/usr/bin/python3
"""
What came out, and what only looks so: messages of an earlier run, notifications of what was not delivered, mail for our
own domain that is passed on; rewritten, duplicated and late ones; a sink that can't be had.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_selftest_confirm.py postfix|sendmail
"""
import collections
import json
import os
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import BINARY
from tap import Tap

UNWILLING = 10027
tap = Tap()
mta = mtas.make(sys.argv[1], is_open=True)


def rows(*options, domain="example.com", sink="127.0.0.1:10026"):
    """Of plain strangers in the first manner, as a report; exit code and standard error."""
    where = () if mta.name == "postfix" else ("--source", "127.0.0.66")
    done = subprocess.run(
        [BINARY, "selftest", "--smtp", f"127.0.0.1:{mta.port}", "--domain", domain, "--confirm", "me@ext.example.net",
         *(("--sink", sink) if sink else ()), "--format", "json", *where, *options], capture_output=True, timeout=120)
    report = json.loads(done.stdout or b'{"rows": [], "notes": []}')
    return done.returncode, report, done.stderr.decode()


def verdicts(report, *probes):
    return {r["probe"]: r["verdict"] for r in report["rows"] if r["actor"] == "stranger-v4" and r["probe"] in probes
            and r["where"] == f"127.0.0.1:{mta.port}"}


def count(report):
    return collections.Counter(r["verdict"] for r in report["rows"])


def refuses_all(connection):
    with connection, connection.makefile("rwb") as stream:
        stream.write(b"220 nobody here\r\n")
        stream.flush()
        for line in stream:
            stream.write({b"RCPT": b"550 5.1.1 no such user\r\n", b"QUIT": b"221 bye\r\n"}.get(line[:4], b"250 ok\r\n"))
            stream.flush()


def unwilling():
    """A next hop that refuses every recipient."""
    listener = socket.create_server(("127.0.0.1", UNWILLING))
    while True:
        threading.Thread(target=refuses_all, args=(listener.accept()[0],), daemon=True).start()


def without_a_sink():
    code, report, err = rows(sink=None)
    tap.equal((code, verdicts(report, "plain")), (1, {"plain": "suspect"}), f"{mta.name}: nobody saw it come out", err)
    tap.ok(any("X-Relay-Guard-Selftest" in n for n in report["notes"]), "it is told what to look for", report["notes"])


def of_another_run():
    """They have waited in the queue and come out now, from a server that is closed."""
    mta.reconfigure(is_open=False)
    flush = ["postqueue", "-f"] if mta.name == "postfix" else [mta.binary, "-C", "/etc/mail/sendmail.cf", "-q"]
    timer = threading.Timer(1, subprocess.run, (flush,), {"check": False})
    timer.start()
    code, report, err = rows("--wait", "4")
    timer.join()
    tap.equal((code, count(report)["confirmed"]), (0, 0), f"{mta.name}: another run's messages confirm nothing", err)
    mta.reconfigure(is_open=True)


def a_sink_that_can_not_be_had():
    with socket.create_server(("127.0.0.1", 10026)):
        code, report, err = rows()
    tap.equal((code, report["rows"]), (69, []), "a port that is taken", err)
    tap.ok("127.0.0.1 port 10026" in err and "in use" in err, "is told", err)


def rewritten_and_twice():
    """By a virtual alias, and a copy of each."""
    if mta.name != "postfix":
        return
    mta.extra = ("virtual_alias_maps = inline:{{me@ext.example.net=other@elsewhere.example}}\n"
                 "always_bcc = copy@archive.example\n")
    mta.reconfigure()
    code, report, err = rows("--wait", "10")
    tap.equal(verdicts(report, "plain", "percent-ours"), {"plain": "confirmed", "percent-ours": "confirmed"},
              "a message to another address, twice", err)


def sent_back():
    """To a sender whose mail comes out at the sink as well."""
    if mta.name != "postfix":
        return
    mta.extra = f"transport_maps = inline:{{ {{me@ext.example.net=smtp:[127.0.0.1]:{UNWILLING}}} }}\n"
    mta.reconfigure()
    code, report, err = rows("--wait", "6")
    tap.equal((code, verdicts(report, "plain", "upper-case")), (1, {"plain": "suspect", "upper-case": "confirmed"}),
              "what is sent back to its sender has not been relayed", err)
    tap.ok(any("sent back" in n for n in report["notes"]), "and is told", report["notes"])


def late():
    """One a second: what has not come out yet may still."""
    if mta.name != "postfix":
        return
    mta.extra = "default_destination_rate_delay = 1s\n"
    mta.reconfigure()
    code, report, err = rows("--wait", "2")
    late_ones = [r for r in report["rows"] if r["probe"] == "percent-ours" and r["verdict"] != "confirmed"]
    tap.ok(late_ones and all(r["verdict"] == "suspect" for r in late_ones) and count(report)["confirmed"] > 0,
           "nothing is said to be kept while messages are on their way", late_ones[:1], count(report), err)
    mta.extra = ""
    subprocess.run(["postsuper", "-d", "ALL"], capture_output=True, check=False)


def our_own_passed_on():
    """A backup MX that takes the percent sign for a letter: it goes on to our own server."""
    if mta.name != "postfix":
        return
    mta.extra = "allow_percent_hack = no\n"
    mta.reconfigure(is_open=False)
    code, report, err = rows("--wait", "6", domain="backup.example")
    tap.equal((code, count(report)["confirmed"], verdicts(report, "percent-ours")), (0, 0, {"percent-ours": "right"}),
              "mail for our domain that is passed on to its own server is not relayed", err)
    mta.extra = ""


threading.Thread(target=unwilling, daemon=True).start()
mta.start()
try:
    tap.run(without_a_sink, of_another_run, a_sink_that_can_not_be_had, rewritten_and_twice, sent_back, late,
            our_own_passed_on)
finally:
    mta.stop()
