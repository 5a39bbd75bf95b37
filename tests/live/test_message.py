#!/usr/bin/python3
"""
What is done to messages that are accepted: held in the mail server's own quarantine, or marked with a field.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_message.py postfix|sendmail
"""
import glob
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import RULES, Guard
from sink import Sink
from smtp import Client
from tap import Tap

STRANGER = "127.0.0.66"
MARKS = """
    rule watched { to = trap@gateway.example          action = hold }
    rule odd     { to = @ours  helo = odd.example.net action = tag }
""" + RULES
tap = Tap()
sink = Sink(mtas.SINK)
guard = Guard(rules=MARKS)
mta = mtas.make(sys.argv[1], milter=("unix:" if sys.argv[1] == "postfix" else "local:") + guard.socket)
number = 0


def send(c, recipients, fields=""):
    """Sends one message; its Subject, and the reply to it."""
    global number
    number += 1
    c.mail("<a@ext.example.net>")
    for r in recipients:
        c.rcpt(r)
    return f"message {number}", c.data(f"Subject: message {number}\r\n{fields}\r\ntext\r\n")


def came_out(subject, seconds=8):
    mail = sink.wait_for(lambda m: f"Subject: {subject}\r\n".encode() in m[2], seconds)
    return None if mail is None else mail[2].decode().partition("\r\n\r\n")[0].replace("\r\n ", " ")


def held_files():
    if mta.name == "sendmail":
        return glob.glob("/var/spool/mqueue/hf*")
    return [f for f in glob.glob("/var/spool/postfix/hold/**/*", recursive=True) if os.path.isfile(f)]


def held():
    """The text of what is in quarantine."""
    if mta.name == "sendmail":
        return [open(f, encoding="latin-1").read() for f in held_files()]
    return [subprocess.run(["postcat", "-q", os.path.basename(f)], capture_output=True, text=True).stdout
            for f in held_files()]


def held_and_tagged():
    with Client(mta.port, source=STRANGER) as c:
        c.ehlo()
        subject, reply = send(c, ["<bob@gateway.example>", "<trap@gateway.example>"])
        tap.ok(reply.ok, f"{mta.name}: a message with a watched recipient is taken", reply)
        plain, reply = send(c, ["<bob@gateway.example>"])
        c.ehlo("odd.example.net")
        marked, reply = send(c, ["<bob@gateway.example>"])
        tap.ok(reply.ok, f"{mta.name}: a message to be tagged is taken", reply)
        c.ehlo()
        later, _ = send(c, ["<bob@gateway.example>"])
    fields = came_out(marked)
    tap.ok(fields and "X-Relay-Guard: tag; check=relay; rule=odd; id=" in fields,
           f"{mta.name}: it comes out with the field", fields)
    for name in (plain, later):
        fields = came_out(name)
        tap.ok(fields and "X-Relay-Guard" not in fields, f"{mta.name}: another of the session without it", fields)
    tap.ok(came_out(subject, 1) is None, f"{mta.name}: the held message does not come out")
    found = held()
    tap.ok(len(found) == 1 and subject in found[0], f"{mta.name}: it is in the quarantine", found)
    if mta.name == "sendmail":  # Postfix keeps no reason: "milter triggers HOLD action"
        tap.ok("relay-guard: relay rule watched" in found[0], f"{mta.name}: with the reason", found)
    events = [e for e in guard.events() if e["check"] == "relay"]
    tap.equal({(e["stage"], e["verdict"], e["rule"]) for e in events},
              {(s, v, r) for s in ("rcpt", "eom") for v, r in (("hold", "watched"), ("tag", "odd"))},
              f"{mta.name}: the events tell")
    ids = [e.get("message") for e in events if (e["stage"], e["verdict"]) == ("eom", "hold")]
    tap.ok(len(ids) == 1 and any(ids[0] in f for f in held_files()), f"{mta.name}: by queue id", ids)


def released():
    """By the mail server's own means."""
    if mta.name == "postfix":
        mtas.run("postsuper", "-r", "ALL")
        mtas.run("postqueue", "-f")
    else:
        mtas.run(mta.binary, "-C", "/etc/mail/sendmail.cf", "-qQ", "-Q")
        subprocess.run([mta.binary, "-C", "/etc/mail/sendmail.cf", "-q"], capture_output=True)
    tap.ok(came_out("message 1", 20) is not None, f"{mta.name}: a held message that is released comes out", held())


def monitored():
    guard.write_conf(MARKS, top="mode = monitor")
    guard.reload()
    with Client(mta.port, source=STRANGER) as c:
        c.ehlo("odd.example.net")
        subject, reply = send(c, ["<bob@gateway.example>", "<trap@gateway.example>"])
    fields = came_out(subject)
    tap.ok(fields and "X-Relay-Guard" not in fields, f"{mta.name}: monitored, it comes out as it was", fields)
    time.sleep(0.3)
    last = guard.events()[-2:]
    tap.equal([(e["verdict"], e["mode"]) for e in last], [("tag", "monitor"), ("hold", "monitor")],
              f"{mta.name}: and the events say what would have been done")


mta.start()
guard.start()
try:
    tap.run(held_and_tagged, released, monitored)
finally:
    guard.remove()
