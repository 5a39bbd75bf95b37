#!/usr/bin/python3
"""
The guard before a real mail server: who may send to whom, what is recorded, and that the guard alone keeps
an open server closed.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_relay.py postfix|sendmail
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import Guard
from sink import Sink
from smtp import Client
from tap import Tap

STRANGER = "127.0.0.66"
OUTSIDE = "<relaytest@ext.example.net>"
INNER = ["<u%ext.example.net@example.com>", "<ext.example.net!u@example.com>",
         "<@example.com:u@ext.example.net>", '<"u@ext.example.net"@example.com>',
         "<u@ext.example.net@example.com>", "<u%ext.example.net:25@backup.example>",
         "<u\\@ext.example.net@example.com>", '<"u%ext.example.net"@backup.example>']
tap = Tap()
sink = Sink(mtas.SINK)
guard = Guard(events="permitted = yes maillog = /var/log/mail.log"
              if sys.argv[1] == "sendmail" else "permitted = yes")
filter_name = f"unix:{guard.socket}" if sys.argv[1] == "postfix" else f"local:{guard.socket}"
mta = mtas.make(sys.argv[1], milter=filter_name)


def rcpts(recipients, source=STRANGER, login=None, sender="<a@ext.example.net>", parameters=""):
    """The reply to each recipient, in one session."""
    with Client(mta.port, source=source) as c:
        c.ehlo()
        if login:
            c.auth(login, f"secret-{login}")
        r = c.mail(sender)
        if not r.ok:
            return [r for _ in recipients]
        return [c.rcpt(x, parameters) for x in recipients]


def strangers():
    for x, r in zip([OUTSIDE] + INNER, rcpts([OUTSIDE] + INNER)):
        tap.ok(not r.ok, f"{mta.name}: a stranger does not get {x} accepted", r)
    good = ["<bob@example.com>", "<BOB@EXAMPLE.COM>", "<postmaster>", "<bob@backup.example>",
            "<bob@gateway.example>"]
    if mta.name == "postfix":
        good += ["<info@alias.example>", "<bob@vmail.example>", "<bob@example.com.>"]
    for x, r in zip(good, rcpts(good)):
        tap.ok(r.ok, f"{mta.name}: a stranger gets {x} accepted", r)
    r = rcpts(["<bob@example.com>"], sender="<>")[0]
    tap.ok(r.ok, f"{mta.name}: the null sender reaches us", r)
    r = rcpts(["<bob@example.com>"], parameters="NOTIFY=NEVER ORCPT=rfc822;x@ext.example.net")[0]
    tap.ok(r.ok, f"{mta.name}: DSN parameters change nothing", r)


def friends():
    tap.ok(rcpts([OUTSIDE], source="127.0.0.1")[0].ok, f"{mta.name}: a friend relays")
    tap.ok(rcpts([OUTSIDE], login="alice")[0].ok, f"{mta.name}: a login relays")
    tap.ok(rcpts([OUTSIDE], login="alice", sender="<>")[0].ok, f"{mta.name}: a login relays with <>")
    with Client(mta.port, source="127.0.0.1") as c:
        c.ehlo()
        c.mail("<a@example.com>")
        c.rcpt(OUTSIDE)
        tap.ok(c.data("Subject: x\r\n\r\nx\r\n").ok, f"{mta.name}: a friend's message is taken")
        c.mail("<b@example.com>")
        tap.ok(c.rcpt(OUTSIDE).ok, f"{mta.name}: and the second one of the session")


def sessions():
    with Client(mta.port, source=STRANGER) as c:
        c.ehlo()
        c.starttls(f"{mta.tls}/client.pem", f"{mta.tls}/client.key")
        c.mail("<a@ext.example.net>")
        tap.ok(c.rcpt("<bob@example.com>").ok, f"{mta.name}: ours after STARTTLS")
        tap.ok(not c.rcpt(OUTSIDE).ok, f"{mta.name}: TLS alone does not relay")
        tap.ok(c.data("Subject: x\r\n\r\nx\r\n").ok, f"{mta.name}: the message is taken")
        c.mail("<a@ext.example.net>")
        tap.ok(not c.rcpt(OUTSIDE).ok, f"{mta.name}: the second message does not escape")
        c.ehlo("other.example.net")
        c.mail("<a@ext.example.net>")
        tap.ok(not c.rcpt(OUTSIDE).ok, f"{mta.name}: nor one after another EHLO")
    with Client(mta.port, source=STRANGER) as c:
        c.ehlo()
        replies = c.pipeline(["MAIL FROM:<a@ext.example.net>", f"RCPT TO:{OUTSIDE}",
                              "RCPT TO:<bob@example.com>"])
        tap.equal([r.ok for r in replies], [True, False, True], f"{mta.name}: pipelined")


def events():
    end = time.monotonic() + 15  # the mail log is followed with a delay
    while True:
        found = [e for e in guard.events() if e.get("recipient") == OUTSIDE and e["verdict"] == "reject"]
        if found or time.monotonic() > end:
            break
    tap.ok(found and all(e["by"] == "mta" for e in found),
           f"{mta.name}: the refusals of the mail server itself are recorded", found[:2])
    if found:
        wanted = {"time", "session", "stage", "client", "recipient", "verdict", "by", "enhanced"}
        tap.ok(wanted <= set(found[0]), f"{mta.name}: with the promised keys", found[0])


def guard_alone():
    """The server is open now; only the guard stands before it."""
    mta.reconfigure(milter=filter_name, is_open=True)
    before = len(guard.events())
    everything = [OUTSIDE] + INNER + ["<relaytest@[203.0.113.9]>"]
    replies = rcpts(everything)
    for x, r in zip(everything, replies):
        tap.ok(not r.ok, f"open {mta.name}: the guard alone refuses {x}", r)
    tap.ok("Relay access denied" in replies[0].text, f"open {mta.name}: with its words", replies[0])
    new = guard.events()[before:]
    for x, r in zip(everything, replies):
        if "Relay access denied" in r.text:
            tap.ok(any(e.get("recipient") == x and e["verdict"] == "reject" and e["by"] == "guard"
                       and e["check"] == "relay" and e["where"].startswith(guard.conf) for e in new),
                   f"open {mta.name}: {x} is in the events", [e for e in new if e.get("recipient") == x])
    tap.ok(rcpts(["<bob@example.com>"])[0].ok, f"open {mta.name}: ours is accepted")


def refused_is_gone():
    """A refused recipient stays refused when the rest of its message is accepted and sent."""
    for n, form in enumerate(("<(c)@a.example,@b.example:{}>", "<,%@{}>", "<{}>", "<@a.example,@b.example:{}>")):
        victim = f"victim{n}@ext.example.net"
        refused = form.format("ext.example.net" if "%" in form else victim)
        try:
            with Client(mta.port, source=STRANGER) as c:
                c.ehlo()
                c.mail("<a@ext.example.net>")
                c.rcpt(f"<bob{n}@backup.example>")
                tap.ok(not c.rcpt(refused).ok, f"open {mta.name}: {refused} is refused")
                c.data("Subject: x\r\n\r\nx\r\n")
        except (EOFError, OSError):
            pass  # hung up: the message is gone with it
    rcpts(["<bob@example.com>"])
    time.sleep(3)
    out = [r for m in sink.mails for r in m[1] if b"ext.example.net" in r
           and (b"victim" in r or r.startswith((b"<@", b"<%", b"<,")))]
    tap.ok(not out, f"open {mta.name}: none of them comes out", out)


def guard_gone():
    guard.stop()
    r = rcpts(["<bob@example.com>"])[0]
    tap.ok(400 <= r.code < 500, f"{mta.name}: without the guard mail is deferred", r)
    guard.start()
    time.sleep(0.2)
    tap.ok(rcpts(["<bob@example.com>"])[0].ok, f"{mta.name}: with it again it is accepted")


def submission():
    """Mail that did not come by SMTP is never refused by the relay check."""
    if mta.name != "postfix":
        return
    mta.extra = f"non_smtpd_milters = {filter_name}"
    mta.reconfigure(milter=filter_name, is_open=False)
    mtas.run("/usr/sbin/sendmail", "-f", "root@example.com", "sub@ext.example.net",
             stdin="Subject: submitted\n\nx\n")
    mail = sink.wait_for(lambda m: b"<sub@ext.example.net>" in m[1][0])
    tap.ok(mail is not None, "postfix: a message of sendmail(1) passes non_smtpd_milters",
           open(mta.log).read()[-1500:])


mta.start()
guard.start()
try:
    tap.run(strangers, friends, sessions, events, guard_alone, refused_is_gone, guard_gone, submission)
finally:
    guard.remove()
