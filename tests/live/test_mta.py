#!/usr/bin/python3
"""
The mail servers of the tests themselves, without the guard: they must be what the other tests take them for.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_mta.py postfix|sendmail
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from sink import Sink
from smtp import Client
from tap import Tap

STRANGER = "127.0.0.66"
tap = Tap()
mta = mtas.make(sys.argv[1])
sink = Sink(mtas.SINK)


def strangers():
    with Client(mta.port, source=STRANGER) as c:
        c.ehlo()
        c.mail("<a@ext.example.net>")
        for recipient, want in (("<b@ext.example.net>", False), ("<bob@example.com>", True),
                                ("<bob@backup.example>", True), ("<bob@gateway.example>", True),
                                ("<postmaster>", True)):
            r = c.rcpt(recipient)
            tap.equal(r.ok, want, f"{mta.name}: a stranger sends to {recipient}", r)


def friends():
    with Client(mta.port) as c:
        c.ehlo()
        c.mail("<a@example.com>")
        tap.ok(c.rcpt("<b@ext.example.net>").ok, f"{mta.name}: a friend relays")
        r = c.data("Subject: friend\r\n\r\nfriend\r\n")
        tap.ok(r.ok, f"{mta.name}: the friend's message is taken", r)
    mail = sink.wait_for(lambda m: b"b@ext.example.net" in m[1][0])
    tap.ok(mail is not None, f"{mta.name}: it comes out at the sink", sink.mails)


def logins():
    with Client(mta.port, source=STRANGER) as c:
        c.ehlo()
        r = c.auth("alice", "secret-alice")
        tap.equal(r.code, 235, f"{mta.name}: alice logs in", r)
        c.mail("<alice@example.com>")
        tap.ok(c.rcpt("<b@ext.example.net>").ok, f"{mta.name}: alice relays")
    with Client(mta.port, source=STRANGER) as c:
        c.ehlo()
        tap.equal(c.auth("alice", "wrong").code, 535, f"{mta.name}: a wrong password is refused")


def tls():
    with Client(mta.port, source=STRANGER) as c:
        c.ehlo()
        r = c.starttls(f"{mta.tls}/client.pem", f"{mta.tls}/client.key")
        tap.ok(r.ok, f"{mta.name}: STARTTLS with a certificate", r)


def xclient():
    if mta.name != "postfix":
        return
    with Client(mta.port) as c:
        c.ehlo()
        c.xclient(ADDR="203.0.113.9", NAME="stranger.example.org")
        c.mail("<a@ext.example.net>")
        r = c.rcpt("<b@ext.example.net>")
        tap.equal(r.code, 554, "postfix: XCLIENT makes a stranger of a friend", r)


def openness():
    mta.reconfigure(is_open=True)
    with Client(mta.port, source=STRANGER) as c:
        c.ehlo()
        c.mail("<a@ext.example.net>")
        r = c.rcpt("<b@ext.example.net>")
        tap.ok(r.ok, f"{mta.name}: set open, it relays for strangers", r)


mta.start()
tap.run(strangers, friends, logins, tls, xclient, openness)
