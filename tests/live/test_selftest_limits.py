#!/usr/bin/python3
"""
The self-test of a guard that limits and bans. At the guard's own socket nothing of it is counted, as it shows a secret
of the state directory; through the mail server what a limit or a ban refused is told as such, and is no failure.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_selftest_limits.py postfix|sendmail
"""
import json
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import BINARY, Guard
from milter import Milter
from smtp import Client
from tap import Tap

LIMITS = """
limit probing { key = client-prefix  count = relay refusals  rate = 3/1h  on-exceed = "ban 1h" }
limit often   { key = client  count = connections  rate = 6/1h  on-exceed = defer
                for = { client = { 203.0.113.0/24, 2001:db8::/32, 192.0.2.0/24 } } }
limit failing { key = client  count = refused recipients  rate = 5/1h  on-exceed = reject
                reply = "550 5.7.1 Too many unknown recipients" }
"""
tap = Tap()
guard = Guard(top=LIMITS)
key_path = f"{guard.folder}/state/selftest.key"
mta = mtas.make(sys.argv[1], milter=f"unix:{guard.socket}")


def selftest(*options):
    done = subprocess.run([BINARY, "selftest", "-c", guard.conf, "--domain", "example.com", "--format", "json", *options],
                          capture_output=True, timeout=100)
    return done.returncode, json.loads(done.stdout or b'{"rows": [], "notes": []}'), done.stderr.decode()


def wrong(report):
    return [(r["actor"], r["probe"], r["got"], r.get("reply") or r.get("error"))
            for r in report["rows"] if not r["right"]][:8]


class Played(Milter):
    """A session that says this word in the macro of the self-test."""

    def __init__(self, word):
        super().__init__(guard.socket)
        self.word = word

    def read(self):
        self.last = super().read()
        return self.last

    def send(self, command, payload=b""):
        if command == b"C":
            super().send(b"D", b"C{relay_guard_probe}\0" + self.word.encode() + b"\0")
        super().send(command, payload)


def replies(word, client, recipients):
    m = Played(word).open(client)
    try:
        # Who is refused at once says no more.
        if m.last[0] == b"y":
            return [b"y" + m.last[1][:3]]
        return [m.rcpt(r, outside="example.com" not in r)[:4] for r in recipients]
    finally:
        m.sock.close()


def secret():
    with open(key_path) as f:
        return f.read().strip()


def refused_for(check):
    return [e for e in guard.events() if e.get("check") == check and e["verdict"] != "permit"]


def at_its_own_socket():
    """Twice, so that what the first run has used up would be missing in the second."""
    mode = os.stat(key_path)
    tap.equal(mode.st_mode & 0o777, 0o640, "the secret is for the guard and its group alone")
    for n in (1, 2):
        code, report, err = selftest()
        tap.equal((code, wrong(report), report["summary"]["limited"]), (0, [], 0), f"run {n}: all rows are right", err)
    events = guard.events()
    tap.ok(len(events) > 200 and all(e.get("probe") for e in events), "its events say that they are of the self-test",
           [e for e in events if not e.get("probe")][:3])
    tap.equal(refused_for("limit") + refused_for("bans"), [], "no limit and no ban saw it")
    tap.equal(replies("", "203.0.113.9", ["<bob@example.com>"]), [b"c"], "the client that it played is not banned")


def what_the_secret_does_not_open():
    """The relay decision is the same with it; and nothing but the secret itself is taken for it."""
    outside, ours = "<a@ext.example.net>", "<bob@example.com>"
    for word in (secret(), "", "x", secret()[:-1], secret() + "0", secret().upper() + "g"):
        tap.equal(replies(word, "203.0.113.77", [outside])[0][:1], b"y", f"{len(word)} characters: relaying is refused")
    # The five that are none have used up the limit, and the next one is banned; the self-test's is not.
    tap.equal(replies("", "203.0.113.77", [ours])[0][:1], b"y", "who is not the self-test is counted and banned")
    tap.equal(replies(secret(), "203.0.113.77", [ours, outside]), [b"c", b"y550"], "the self-test is not, nor permitted")


def without_the_secret():
    os.rename(key_path, key_path + ".aside")
    code, report, err = selftest()
    os.rename(key_path + ".aside", key_path)
    limited = [r for r in report["rows"] if r["got"] == "limited"]
    tap.ok(len(limited) > 100, "a self-test that may not read the secret is limited", len(limited))
    tap.equal((code, wrong(report)), (0, []), "which is no failure", err)
    tap.ok(any("selftest.key" in n for n in report["notes"]), "and it is told what to do", report["notes"])


def through_the_mail_server():
    """A client can't make its server say the macro, whatever it writes."""
    before = len(guard.events())
    with Client(mta.port, source="127.0.0.66") as c:
        c.ehlo("{relay_guard_probe}" + secret())
        c.cmd("XCLIENT NAME={relay_guard_probe} HELO=" + secret())
        c.ehlo()
        c.mail(f"<{secret()}@ext.example.net>", " AUTH={relay_guard_probe}=" + secret())
        c.rset()
        c.mail("<a@ext.example.net>")
        c.rcpt("<b@ext.example.org>")
    events = guard.events()[before:]
    tap.ok(mta.name == "sendmail" or events, "the guard saw it", events)
    tap.equal([e for e in events if e.get("probe")], [], "and knows that it is no self-test")
    options = ("--source", "127.0.0.66") if mta.name == "sendmail" else ()
    code, report, err = selftest("--smtp", f"127.0.0.1:{mta.port}", *options)
    tap.equal(wrong(report), [], f"{mta.name}: what a limit refused is no failure", code, err)
    if mta.name == "postfix":
        tap.ok(report["summary"]["limited"] > 20, "and is told as limited", report["summary"])
        tap.ok("neighbour" not in {r["actor"] for r in report["rows"]}, "nobody's neighbours are banned")
    tap.equal([e for e in guard.events()[before:] if e.get("probe")], [], "none of it is taken for a probe")


def lines_of(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def receiver():
    """Reads notices as somebody would who calls: what has come so far."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(f"{guard.folder}/notices.sock")
    os.chmod(f"{guard.folder}/notices.sock", 0o666)
    s.settimeout(2)
    return lambda: [json.loads(s.recv(65536))]


def an_event_of_a_failed_run():
    before = len(guard.events())
    code, report, err = selftest("--alert")
    tap.equal((code, [e for e in guard.events()[before:] if e.get("notify")]), (0, []), "a good run writes none", err)
    before = len(guard.events())
    guard.write_conf(networks="127.0.0.0/30, ::1, 203.0.113.0/24", top=LIMITS)
    guard.reload()
    guard.write_conf(top=LIMITS)
    code, report, err = selftest("--alert")
    alerts = [e for e in guard.events()[before:] if e.get("notify")]
    tap.equal(code, 1, "a stranger may relay by what the guard was told last", err)
    tap.ok(len(alerts) == 1 and alerts[0]["check"] == "selftest" and "rows wrong" in alerts[0]["reason"]
           and "stranger-v4" in alerts[0]["reason"], "which is one event, for whoever watches", alerts)
    # Whoever is told of notices is told of it: by a file, or at a socket.
    path, read = f"{guard.folder}/log/notices.jsonl", receiver()
    for notices in (path, f"unix:{guard.folder}/notices.sock"):
        guard.write_conf(networks="127.0.0.0/30, ::1, 203.0.113.0/24", top=LIMITS, events=f'notices = "{notices}"')
        guard.reload()
        guard.write_conf(top=LIMITS, events=f'notices = "{notices}"')
        code, report, err = selftest("--alert")
        told = read() if notices != path else lines_of(path)
        tap.equal((code, [e["check"] for e in told]), (1, ["selftest"]), f"and one of the notices: {notices}", told, err)
    os.unlink(f"{guard.folder}/notices.sock")
    code, report, err = selftest("--alert")
    tap.ok("notices.sock" in err and "not taken" in err, "of nobody who reads it is told", err)
    guard.write_conf(top=LIMITS)
    guard.reload()


def a_new_secret_at_each_start():
    old = secret()
    guard.reload()
    tap.equal(secret(), old, "a reload keeps the secret")
    code, report, err = selftest()
    tap.equal((code, report["summary"]["limited"]), (0, 0), "and knows it", err)
    guard.stop()
    guard.start()
    tap.ok(secret() != old, "each start makes a new one")


mta.start()
guard.start()
try:
    tap.run(at_its_own_socket, what_the_secret_does_not_open, without_the_secret, through_the_mail_server,
            an_event_of_a_failed_run, a_new_secret_at_each_start)
finally:
    mta.stop()
    guard.remove()
