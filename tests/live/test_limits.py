#!/usr/bin/python3
"""
A stolen account before a real mail server: it sends from several addresses, with changing and empty senders,
and is stopped at its limit, whatever becomes of the guard's processes meanwhile.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_limits.py postfix|sendmail
"""
import glob
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import Guard
from sink import Sink
from smtp import Client
from tap import Tap

LIMITS = """
limit account { key = login  count = recipients  rate = 10/1d  on-exceed = reject
                reply = "550 5.7.1 This account has sent enough"  for = { login = alice* } }
limit spread  { key = login  count = distinct client-net  rate = 3/1h  on-exceed = suspend
                for = { login = bob* } }
limit probing { key = client  count = relay refusals  rate = 3/1h  on-exceed = reject }
limit parallel { key = client  count = sessions  max = 5 }
"""
SOURCES = ["127.0.0.70", "127.1.0.71", "127.2.0.72"]
tap = Tap()
sink = Sink(mtas.SINK)
guard = Guard(top=LIMITS)
filter_name = f"unix:{guard.socket}" if sys.argv[1] == "postfix" else f"local:{guard.socket}"
mta = mtas.make(sys.argv[1], milter=filter_name)
# Sendmail would relay for this one: so it is the guard that refuses him.
mta.more_access = "Connect:127.4.0.74 RELAY\n"


def send(login, source, sender, recipients, data=True):
    """The replies to the recipients; the message is sent, or given up."""
    with Client(mta.port, source=source) as c:
        c.ehlo()
        c.auth(login, f"secret-{login}")
        r = c.mail(sender)
        if not r.ok:
            return [r for _ in recipients]
        replies = [c.rcpt(x) for x in recipients]
        if any(r.ok for r in replies):
            c.data("Subject: x\r\n\r\nx\r\n") if data else c.rset()
        return replies


def victims(n, first=0):
    return [f"<victim{first + i}@ext.example.net>" for i in range(n)]


def oks(replies):
    return sum(r.ok for r in replies)


def quarantine():
    pattern = "/var/spool/postfix/hold/**/*" if mta.name == "postfix" else "/var/spool/mqueue/hf*"
    return [f for f in glob.glob(pattern, recursive=True) if os.path.isfile(f)]


def what_is_given_up_is_given_back():
    for _ in range(5):
        got = oks(send("alice", SOURCES[0], "<alice@example.com>", victims(4), data=False))
        tap.equal(got, 4, f"{mta.name}: four recipients of a message that is given up")


def account():
    senders = ["<alice@example.com>", "<>", "<someone.else@example.org>"]
    passed = 0
    for turn in range(6):
        passed += oks(send("alice", SOURCES[turn % 3], senders[turn % 3], victims(3, 3 * turn)))
        if turn == 1:
            for worker in guard.workers():
                os.kill(worker, signal.SIGKILL)
            time.sleep(1)
        if turn == 2:
            guard.stop()
            guard.start()
            time.sleep(0.3)
    tap.equal(passed, 10, f"{mta.name}: three addresses, three senders, killed workers, a restart: ten recipients")
    found = [e for e in guard.events() if e.get("limit") == "account"]
    tap.ok(found and all(e["limit_key"].startswith("login:alice") and e["limit_count"] == 11
                         and e["code"] == 550 and e["check"] == "limit" for e in found),
           f"{mta.name}: events name the limit, the key and the count", found[:2])
    time.sleep(2)
    out = [r for m in list(sink.mails) for r in m[1] if b"victim" in r]
    tap.equal(len(out), 10, f"{mta.name}: ten came out")


def suspended():
    before, held = len(sink.mails), len(quarantine())
    for n, source in enumerate(SOURCES):
        r = send("bob", source, "<bob@example.com>", [f"<from{n}@ext.example.net>"])
        tap.equal(oks(r), 1, f"{mta.name}: bob from network {n + 1}", r)
    r = send("bob", "127.3.0.73", "<>", ["<held@ext.example.net>"])
    tap.equal(oks(r), 1, f"{mta.name}: from a fourth one it is taken", r)
    r = send("bob", SOURCES[0], "<bob@example.com>", ["<held@ext.example.net>"])
    tap.equal(oks(r), 1, f"{mta.name}: and from the first one again", r)
    time.sleep(2)
    out = [x for m in sink.mails[before:] for x in m[1]]
    tap.ok(len(out) == 3 and not any(b"held" in x for x in out), f"{mta.name}: both are held", out)
    tap.equal(len(quarantine()) - held, 2, f"{mta.name}: in the quarantine")
    notices = [e for e in guard.events() if e.get("notify")]
    tap.ok(len(notices) == 1 and notices[0]["limit"] == "spread", f"{mta.name}: one notice", notices)


def attempt(source, recipient):
    """What a recipient is answered, or its sender where that is refused."""
    with Client(mta.port, source=source) as c:
        c.ehlo()
        r = c.mail("<a@ext.example.net>")
        return c.rcpt(recipient) if r.ok else r


def relay_refusals():
    """The mail server's own count as well, where it shows them: Sendmail does not."""
    replies = [attempt("127.4.0.74", x) for x in victims(3, 100)]
    tap.equal(oks(replies), 0, f"{mta.name}: a stranger may not relay", replies)
    found = [e for e in guard.events() if e.get("client") == "127.4.0.74" and e["verdict"] == "reject"]
    tap.equal([e["by"] for e in found], ["mta" if mta.name == "postfix" else "guard"] * 3,
              f"{mta.name}: who refused it", found)
    r = attempt("127.4.0.74", "<carol@example.com>")
    tap.ok(not r.ok, f"{mta.name}: after three attempts he is refused", r)
    r = attempt("127.4.0.75", "<carol@example.com>")
    tap.ok(r.ok, f"{mta.name}: and nobody else", r)
    if mta.name == "sendmail":
        replies = [attempt("127.4.0.76", x) for x in victims(4, 200)]
        tap.ok(oks(replies) == 0 and all(" denied" in r.text for r in replies),
               "sendmail: refuses another by itself", replies)
        r = attempt("127.4.0.76", "<carol@example.com>")
        tap.ok(r.ok, "sendmail: of which the guard knows nothing, and counts none", r)


def at_a_time():
    clients, greetings = [], []
    try:
        for _ in range(7):
            c = Client(mta.port, source="127.5.0.75")
            clients.append(c)
            c.ehlo()
            greetings.append(c.mail("<a@ext.example.net>"))
        tap.equal(oks(greetings), 5, f"{mta.name}: five sessions at a time", greetings)
    finally:
        for c in clients:
            c.close()
    time.sleep(0.5)
    with Client(mta.port, source="127.5.0.75") as c:
        c.ehlo()
        tap.ok(c.mail("<a@ext.example.net>").ok, f"{mta.name}: and again when they are over")


mta.start()
guard.start()
try:
    tap.run(what_is_given_up_is_given_back, account, suspended, relay_refusals, at_a_time)
finally:
    guard.remove()
