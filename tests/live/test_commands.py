#!/usr/bin/python3
"""
What a stranger may say around addresses, and in which order, to a server that would relay for everyone: nothing
of it may bring a message outside.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_commands.py postfix|sendmail
"""
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

STRANGER = "127.0.0.66"
OURS = b"<bob@backup.example>"  # goes to the sink, so that a message with it comes out
# %s is a recipient outside, another one each time.
RCPT = (
    b"RCPT TO: <%s>", b"RCPT TO:%s", b"rcpt to:<%s>", b"RCPT\tTO:<%s>", b"RCPT TO :<%s>", b"RCPT TO:<%s.>",
    b"RCPT TO:<bob@example.com> <%s>", b"RCPT TO:<bob@example.com>,<%s>", b"RCPT TO:bob@example.com<%s>",
    b'RCPT TO:"bob@example.com" <%s>', b"RCPT TO:<%s> bob@example.com>", b"RCPT TO:<<%s>>",
    b'RCPT TO:<"bob"<%s>@example.com>', b"RCPT TO:<bob@example.com\0%s>", b"RCPT TO:<%s\0@example.com>",
    b"RCPT TO:<bob@example.com\r%s>", b"RCPT TO:<bob@example.com\nRCPT TO:<%s>", b"RCPT TO:<bob@example.com(%s)>",
    b"RCPT TO:<(bob@example.com)%s>", b"RCPT TO:<bob@example.com;%s>", b"RCPT TO:<:%s>",
    b"RCPT TO:<bob:%s;@example.com>", b"RCPT TO:<\xef\xbb\xbf%s>", b"RCPT TO:<@:%s>", b"RCPT TO:<%s@>", b"RCPT TO:<@%s>",
    b"RCPT TO:<%s@[127.0.0.1]>", b"RCPT TO:<%s@[IPv6:::1]>", b"RCPT TO:<%s@localhost>", b"RCPT TO:<%s@mx.example.com.>",
    b"RCPT TO:<postmaster%%%s>", b"RCPT TO:<postmaster@%s>", b"RCPT TO:<postmaster!%s>", b"RCPT TO:<%s NOTIFY=NEVER>",
    b"RCPT TO:<bob@example.com> ORCPT=rfc822;%s NOTIFY=SUCCESS,FAILURE", b"RCPT TO:<%s> NOTIFY=NEVER",
    b"RCPT TO:<bob@example.com> ORCPT=rfc822;bob@example.com>\0<%s",
)
# The last command is what must be refused; VICTIM is a recipient outside.
ORDERS = {
    "AUTH= of MAIL": ("EHLO x", "MAIL FROM:<a@b.example> AUTH=<alice@example.com>", "RCPT TO:<VICTIM>"),
    "XCLIENT of a stranger": ("EHLO x", "XCLIENT ADDR=127.0.0.1 NAME=localhost LOGIN=alice", "EHLO x",
                              "MAIL FROM:<a@b.example>", "RCPT TO:<VICTIM>"),
    "XFORWARD of a stranger": ("EHLO x", "XFORWARD ADDR=127.0.0.1 NAME=localhost SOURCE=LOCAL",
                               "MAIL FROM:<a@b.example>", "RCPT TO:<VICTIM>"),
    "HELO localhost": ("HELO localhost", "MAIL FROM:<>", "RCPT TO:<VICTIM>"),
    "AUTH that failed": ("EHLO x", "AUTH PLAIN AGFsaWNlAHdyb25n", "MAIL FROM:<alice@example.com>", "RCPT TO:<VICTIM>"),
    "AUTH ANONYMOUS": ("EHLO x", "AUTH ANONYMOUS dHJhY2U=", "MAIL FROM:<alice@example.com>", "RCPT TO:<VICTIM>"),
    "AUTH that was given up": ("EHLO x", "AUTH PLAIN", "*", "MAIL FROM:<alice@example.com>", "RCPT TO:<VICTIM>"),
    "a second message": ("EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.com>", "DATA", "x\r\n.",
                         "MAIL FROM:<a@b.example>", "RCPT TO:<VICTIM>"),
    "RSET": ("EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.com>", "RSET", "MAIL FROM:<a@b.example>",
             "RCPT TO:<VICTIM>"),
    "EHLO within a message": ("EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.com>", "EHLO x",
                              "RCPT TO:<VICTIM>"),
    "MAIL within a message": ("EHLO x", "MAIL FROM:<a@b.example>", "MAIL FROM:<c@b.example>", "RCPT TO:<VICTIM>"),
    "STARTTLS": ("EHLO x", "STARTTLS", "MAIL FROM:<a@b.example>", "RCPT TO:<VICTIM>"),
}
tap = Tap()
sink = Sink(mtas.SINK)
guard = Guard()
mta = mtas.make(sys.argv[1], is_open=True, milter=("unix:" if sys.argv[1] == "postfix" else "local:") + guard.socket,
                extra="smtpd_authorized_xclient_hosts = 127.0.0.1\nsmtpd_authorized_xforward_hosts = 127.0.0.1\n"
                if sys.argv[1] == "postfix" else "")
victims = 0


def victim():
    global victims
    victims += 1
    return f"victim{victims}@ext.example.net"


def say(c, command):
    """The reply; None when the server has hung up."""
    try:
        return c.starttls() if command == "STARTTLS" else c.cmd(command)
    except (EOFError, OSError):
        return None


def finish(c):
    """Sends a message to whoever was accepted; replies to commands that a form had smuggled in are skipped."""
    c.send(b"DATA\r\n")
    try:
        while c.reply().code != 354:
            pass
        c.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
        c.reply()
    except (EOFError, OSError):
        pass


def outside():
    return sorted({r for _, recipients, _ in sink.mails for r in recipients if b"ext.example.net" in r})


def forms():
    for parameters in ("", "SMTPUTF8") if mta.name == "postfix" else ("",):
        for form in RCPT:
            with Client(mta.port, source=STRANGER, timeout=3) as c:
                c.ehlo()
                c.mail("<a@elsewhere.example>", parameters)
                good = c.rcpt(OURS)
                say(c, form % victim().encode())
                finish(c)
            if not good.ok:
                tap.ok(False, f"{mta.name}: {form}: the other recipient is ours", good)
    came = sink.wait_for(lambda m: OURS in m[1][0])
    tap.ok(came is not None, f"{mta.name}: what is for us comes out")
    time.sleep(2)
    tap.equal(outside(), [], f"{mta.name}: {victims} forms of RCPT, nothing outside")


def orders():
    for what, commands in ORDERS.items():
        with Client(mta.port, source=STRANGER, timeout=10) as c:
            to = victim()
            replies = [say(c, command.replace("VICTIM", to)) for command in commands]
            tap.ok(replies[-1] is None or replies[-1].code in (503, 550), f"{mta.name}: {what}: refused", replies)


def meanwhile():
    """What happens to the guard during a session opens nothing either."""
    with Client(mta.port, source=STRANGER) as c:
        c.ehlo()
        c.mail("<a@b.example>")
        tap.ok(c.rcpt(OURS).ok, f"{mta.name}: one of ours")
        guard.reload()
        r = c.rcpt(f"<{victim()}>")
        tap.equal(r.code, 550, f"{mta.name}: a reload within a message", r)
        for pid in guard.workers():
            os.kill(pid, signal.SIGKILL)
        for command in (f"RCPT TO:<{victim()}>", "RSET", "MAIL FROM:<a@b.example>", f"RCPT TO:<{victim()}>", "DATA"):
            r = say(c, command)
            tap.ok(r is None or not r.ok or command == "RSET", f"{mta.name}: no guard behind it: {command[:9]}", r)


mta.start()
guard.start()
try:
    tap.run(forms, orders, meanwhile)
finally:
    guard.remove()
