#!/usr/bin/python3
"""
A mail server that greylists, by a policy service or a filter of its own, and one that has limits of its own: what it
refuses for now is told as such, and is neither a failure nor a proof.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_selftest_rates.py postfix|sendmail
"""
import collections
import json
import os
import socketserver
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import BINARY, Guard
from othermilter import OtherMilter
from tap import Tap

POLICY, SCREEN = 10031, 10125
tap = Tap()
guard = Guard()
other = OtherMilter(guard.folder)
filter_name = f"unix:{guard.socket}"
mta = mtas.make(sys.argv[1], milter=filter_name)

# Setting; how many rows must have been limited, at least and at most; options. The rate is for ten minutes.
RATES = "smtpd_client_event_limit_exceptions =\nanvil_rate_time_unit = 600s\n"
NO_XCLIENT = "smtpd_authorized_xclient_hosts =\n"
MANY = 10000
POSTFIX = {
    "connections in a time": (RATES + "smtpd_client_connection_rate_limit = 4\n", 200, MANY, ()),
    "connections at once": (RATES + NO_XCLIENT + "smtpd_client_connection_count_limit = 2\n", 0, 0,
                            ("--source", "127.0.0.66")),
    "recipients": (RATES + "smtpd_client_recipient_rate_limit = 5\n", 0, 0, ()),
    "logins": (RATES + "smtpd_client_auth_rate_limit = 1\n", 1, 20, ("--auth-user", "alice")),
    "TLS sessions": (RATES + NO_XCLIENT + "smtpd_client_new_tls_session_rate_limit = 1\n", 1, 40,
                     ("--source", "127.0.0.66")),
}
CONTROL = "FEATURE(`{}', `nodelay'{})dnl\n"
SENDMAIL = {
    "connections in a time": (CONTROL.format("ratecontrol", ", `terminate'"), "ClientRate:127.0.0.66 4\n", 100, MANY),
    "the same, told later": (CONTROL.format("ratecontrol", ""), "ClientRate:127.0.0.66 4\n", 0, 60),
    "connections at once": (CONTROL.format("conncontrol", ", `terminate'"), "ClientConn:127.0.0.66 2\n", 0, 40),
}


class Greylist(socketserver.StreamRequestHandler):
    """A policy service, as postgrey is one: nobody is let in before he has come again after some minutes."""

    def handle(self):
        for line in self.rfile:
            if line == b"\n":
                self.wfile.write(b"action=DEFER_IF_PERMIT Greylisted, see http://postgrey.example/help\n\n")


def rows(*options, conf=True, port=mta.port):
    where = () if mta.name == "postfix" else ("--source", "127.0.0.66")
    done = subprocess.run(
        [BINARY, "selftest", "--smtp", f"127.0.0.1:{port}", "--domain", "example.com", "--format", "json", *where,
         *(("-c", guard.conf) if conf else ()), *options], capture_output=True, timeout=100,
        env=dict(os.environ, RELAY_GUARD_PASSWORD="secret-alice"))
    report = json.loads(done.stdout or b'{"rows": [], "summary": {}}')
    return done.returncode, report, done.stderr.decode()


def wrong(report):
    return [(r["where"], r["actor"], r["probe"], r["got"], r.get("reply") or r.get("error"))
            for r in report["rows"] if not r["right"]][:5]


def greylisting():
    if mta.name == "postfix":
        mta.extra = ("smtpd_recipient_restrictions = permit_mynetworks, permit_sasl_authenticated, "
                     f"reject_unauth_destination, check_policy_service inet:127.0.0.1:{POLICY}\n")
    else:
        other.answers = {b"R": b"t"}
        mta.extra = f"INPUT_MAIL_FILTER(`other', `S=unix:{other.socket}, F=T')dnl\n"
    mta.reconfigure(milter=filter_name)
    for conf in (True, False):
        code, report, err = rows(conf=conf)
        waits = [r for r in report["rows"] if r["probe"] == "control-postmaster"]
        tap.equal((code, wrong(report)), (0, []), f"{mta.name}: greylisting is no failure", err)
        tap.ok(waits and all(r["got"] == "deferred" and "greylisting" in r["why"] for r in waits), "and is told",
               waits[:1])
        tap.ok(report["summary"]["deferred"] >= len(waits), "and counted", report["summary"])
    mta.extra = ""


def limits():
    for what, values in (POSTFIX if mta.name == "postfix" else SENDMAIL).items():
        options = values[3] if mta.name == "postfix" else ()
        if mta.name == "sendmail":
            mta.more_access = values[1]
        mta.extra = values[0]
        least, most = values[1:3] if mta.name == "postfix" else values[2:4]
        mta.reconfigure(milter=filter_name)
        code, report, err = rows(*options)
        told = collections.Counter(r.get("reply") for r in report["rows"] if r["got"] == "limited").most_common(3)
        tap.equal((code, wrong(report)), (0, []), f"{mta.name}, {what}: no failure", err)
        tap.ok(least <= report["summary"]["limited"] <= most, f"{mta.name}, {what}: what was limited is told",
               report["summary"]["limited"], told)
    mta.extra = mta.more_access = ""


def postscreen():
    """Who is new must come again, and may not say much in one session."""
    if mta.name != "postfix":
        return
    mta.services = (f"127.0.0.1:{SCREEN} inet n - n - 1 postscreen\nsmtpd pass - - n - - smtpd\n"
                    "dnsblog unix - - n - 0 dnsblog\ntlsproxy unix - - n - 0 tlsproxy\n")
    mta.extra = ("postscreen_cache_map = btree:/var/lib/postfix/screen\npostscreen_greet_wait = 1s\n"
                 "postscreen_pipelining_enable = yes\npostscreen_non_smtp_command_enable = yes\n")
    mta.reconfigure(milter=filter_name)
    mtas.wait_for_port(SCREEN)
    code, report, err = rows("--source", "127.0.0.66", port=SCREEN)
    later = [r for r in report["rows"] if "currently unavailable" in r.get("reply", "")]
    tap.ok(code == 0 and later and all(r["got"] == "deferred" for r in later if r["probe"] != "guard-is-asked"),
           "postscreen: no failure, and some must come again", code, wrong(report), len(later), err)
    mta.services = mta.extra = ""


def limited_and_open():
    """What got through before the limit is a failure all the same, whichever probes were the first."""
    if mta.name == "postfix":
        mta.extra = RATES + "smtpd_client_connection_rate_limit = 4\n"
    else:
        mta.extra, mta.more_access = CONTROL.format("ratecontrol", ", `terminate'"), "ClientRate:127.0.0.66 4\n"
    mta.reconfigure(milter=None, is_open=True)
    code, report, err = rows(conf=False)
    through = [(r["probe"], r["verdict"]) for r in report["rows"] if r["got"] != "limited"]
    verdicts = {v for _, v in through}, {v for p, v in through if p == "plain"}
    tap.ok(code == 1 and "suspect" in verdicts[0] and verdicts[1] <= {"suspect"},
           f"{mta.name}: open, with a limit", code, through, err)


socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer.daemon_threads = True
policy = socketserver.ThreadingTCPServer(("127.0.0.1", POLICY), Greylist)
threading.Thread(target=policy.serve_forever, daemon=True).start()
mta.start()
guard.start()
try:
    tap.run(greylisting, limits, postscreen, limited_and_open)
finally:
    mta.stop()
    guard.remove()
