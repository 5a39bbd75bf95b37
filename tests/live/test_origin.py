#!/usr/bin/python3
"""
Where mail comes from, before a real mail server and with a real name server: what is refused, held and marked,
the fields that are written and removed, and DNS that does not answer.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_origin.py postfix|sendmail
"""
import os
import sys
import time

for folder in ("lib", "dns"):
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", folder))
import mta as mtas
import servers
from guard import Guard
from sink import Sink
from smtp import Client
from tap import Tap

STRANGER = "127.0.0.66"
TO = "<bob@gateway.example>"
ZONES = {
    "good.net": f'@ IN TXT "v=spf1 ip4:{STRANGER} -all"',
    "bad.net": '@ IN TXT "v=spf1 -all"',
    "soft.net": '@ IN TXT "v=spf1 include:other.soft.net ~all"\nother IN TXT "v=spf1 ip4:203.0.113.9 -all"',
}
tap = Tap()
sink = Sink(mtas.SINK)
nsd = servers.Nsd(ZONES)
dead = servers.Stub({name: "drop" for name in ("good.net", "slow.net")})


def settings(server, spf="fail = reject  softfail = tag  temperror = note"):
    return f"""
resolver {{ forward = "{server}"  deadline = 3s  timeout = 2s }}
spf {{ {spf} }}
authentication {{ authserv-id = mx.example.com }}
"""


guard = Guard(top=settings(nsd.server))
mta = mtas.make(sys.argv[1], milter=("unix:" if sys.argv[1] == "postfix" else "local:") + guard.socket)
number = 0


def send(sender, fields="", source=STRANGER, login=None, body="text\r\n"):
    """Sends one message; its Subject, the reply to it, and how long that took."""
    global number
    number += 1
    with Client(mta.port, source=source) as c:
        c.ehlo()
        if login:
            c.auth(login, f"secret-{login}")
        c.mail(sender)
        c.rcpt(TO)
        start = time.monotonic()
        reply = c.data(f"Subject: message {number}\r\n{fields}\r\n{body}")
    return f"message {number}", reply, time.monotonic() - start


def came_out(subject, seconds=10):
    """Its header, unfolded, as a list of fields."""
    mail = sink.wait_for(lambda m: f"Subject: {subject}\r\n".encode() in m[2], seconds)
    if mail is None:
        return []
    header = mail[2].decode().partition("\r\n\r\n")[0]
    return header.replace("\r\n\t", " ").replace("\r\n ", " ").split("\r\n")


def results(fields):
    return [f for f in fields if f.lower().startswith("authentication-results:")]


def spf():
    subject, reply, _ = send("<u@good.net>")
    found = results(came_out(subject))
    tap.ok(reply.ok and len(found) == 1 and "mx.example.com; spf=pass" in found[0]
           and "smtp.mailfrom=u@good.net" in found[0], f"{mta.name}: a pass is written down", reply, found)
    fields = came_out(subject)
    tap.ok(fields and fields[0].startswith("Authentication-Results:"), f"{mta.name}: at the top", fields)
    subject, reply, _ = send("<u@bad.net>")
    tap.ok(reply.code == 550 and "5.7.23" in reply.text and "bad.net" in reply.text,
           f"{mta.name}: a failure is refused", reply)
    subject, reply, _ = send("<u@soft.net>")
    fields = came_out(subject)
    tap.ok(any("X-Relay-Guard: tag; check=spf; result=softfail" in f for f in fields),
           f"{mta.name}: a softfail is marked", reply, fields)
    events = {(e["stage"], e["verdict"], e.get("spf"), e.get("spf_domain"))
              for e in guard.events() if e.get("check") == "spf"}
    tap.equal(events, {("eom", "reject", "fail", "bad.net"), ("eom", "tag", "softfail", "soft.net")},
              f"{mta.name}: the events tell")


def forged():
    fields = ("Authentication-Results: mx.example.com; spf=pass\r\n"
              "Authentication-Results: (c) MX.Example.COM 1;\r\n\tdkim=pass\r\n"
              "Authentication-Results: other.example; spf=none (first)\r\n"
              "authentication-results: \"mx.example.com\"; dmarc=pass\r\n"
              "Authentication-Results: other.example; spf=none (second)\r\n")
    subject, reply, _ = send("<u@soft.net>", fields)
    found = results(came_out(subject))
    tap.ok(len(found) == 3 and "spf=softfail" in found[0] and "(first)" in found[1] and "(second)" in found[2],
           f"{mta.name}: fields that claim to be ours are removed, others stay", reply, found)
    subject, reply, _ = send("<u@bad.net>", fields, source="127.0.0.1")
    found = results(came_out(subject))
    tap.ok(reply.ok and len(found) == 2 and "other.example" in found[0] and "other.example" in found[1],
           f"{mta.name}: those of a friend too, whose sender is not judged", reply, found)
    many = "".join(f"Authentication-Results: mx.example.com; spf=pass ({i})\r\n" for i in range(300))
    subject, reply, _ = send("<u@good.net>", many)
    found = results(came_out(subject))
    tap.ok(reply.ok and len(found) == 1, f"{mta.name}: 300 of them as well", reply, found[:5])


def logins():
    subject, reply, _ = send("<alice@bad.net>", login="alice")
    found = results(came_out(subject))
    tap.ok(reply.ok and len(found) == 1 and "auth=pass" in found[0] and "spf=" not in found[0],
           f"{mta.name}: a login is not judged, and written down", reply, found)


def no_answer():
    guard.write_conf(top=settings(dead.server))
    guard.reload()
    subject, reply, took = send("<u@good.net>")
    found = results(came_out(subject))
    tap.ok(reply.ok and took < 5 and len(found) == 1 and "spf=temperror" in found[0],
           f"{mta.name}: without an answer it is accepted, in {took:.1f} s, and a temporary error", reply, found)
    events = [e for e in guard.events() if e.get("check") == "spf"]
    tap.ok(events[-1].get("spf") == "temperror" and events[-1]["verdict"] == "note" and events[-1]["took_us"] < 5e6
           if "took_us" in events[-1] else events[-1].get("spf") == "temperror",
           f"{mta.name}: the event tells it", events[-1:])
    with Client(mta.port, source=STRANGER) as c:
        c.ehlo()
        start = time.monotonic()
        c.mail("<u@slow.net>")
        inside, outside = c.rcpt(TO), c.rcpt("<v@ext.example.net>")
        took = time.monotonic() - start
    tap.ok(inside.ok and not outside.ok and took < 1, f"{mta.name}: recipients are decided at once", took)
    guard.write_conf(top=settings(dead.server, "temperror = defer"))
    guard.reload()
    _, reply, took = send("<u@good.net>")
    tap.ok(reply.code == 451 and took < 5, f"{mta.name}: or deferred, where it is so configured", reply, took)


mta.start()
guard.start()
try:
    tap.run(spf, forged, logins, no_answer)
finally:
    guard.remove()
