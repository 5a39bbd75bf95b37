#!/usr/bin/python3
"""
ARC through a real mail server: what reaches the validator is what was sealed, white space and all.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_arc.py postfix|sendmail
"""
import os
import re
import sys

for folder in ("lib", "dns"):
    sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", folder))
import arcsign
import mta as mtas
import servers
from guard import Guard
from sink import Sink
from smtp import Client
from tap import Tap

STRANGER = "127.0.0.66"
KEYS = {"rsa": arcsign.Key(2048), "ed": arcsign.Key(0)}
ODD = """From: U <u@example.org>
To:v@gateway.example
Subject:\t{subject}
X-Tab:\tone
X-Three:   three  spaces \t inside
X-Trailing: blanks at the end \t
X-Folded: one
\ttwo
    three
X-Empty:
X-Blank:\x20
X-Colon:: a: b
x-lower: case
X-Long: {long}
"""
NAMES = "from:to:subject:x-tab:x-three:x-trailing:x-folded:x-empty:x-blank:x-colon:x-lower:x-long:x-absent"
BODY = "text\n\n  indented \t and  spaced \t\n.a dot\n..two\n" + "x" * 900 + "\n\n\n"
tap = Tap()
sink = Sink(mtas.SINK)


def record(key):
    return " ".join(f'"{key.record[i:i + 200]}"' for i in range(0, len(key.record), 200)).replace(";", "\\;")


nsd = servers.Nsd({"example.org": "\n".join(f"{name}._domainkey TXT {record(key)}" for name, key in KEYS.items())})
guard = Guard(top=f"""
resolver {{ forward = "{nsd.server}"  deadline = 3s  timeout = 2s }}
authentication {{ authserv-id = mx.example.com }}
arc {{ }}
""")
mta = mtas.make(sys.argv[1], milter=("unix:" if sys.argv[1] == "postfix" else "local:") + guard.socket)
number = 0


def result(message):
    """What stands of ARC in the field that came out."""
    subject = f"message {number}"
    with Client(mta.port, source=STRANGER) as c:
        c.ehlo()
        c.mail("<u@example.org>")
        c.rcpt("<bob@gateway.example>")
        reply = c.data(re.sub(rb"(?m)^\.", b"..", message.text()).decode("latin-1"))
    mail = sink.wait_for(lambda m: subject.encode() in m[2], 10)
    if mail is None:
        return f"did not come out: {reply}"
    header = mail[2].decode("latin-1").partition("\r\n\r\n")[0].replace("\r\n\t", " ").replace("\r\n ", " ")
    found = [line for line in header.split("\r\n") if line.startswith("Authentication-Results: mx.example.com")]
    return found[0] if found else "no field"


def message(body=BODY):
    global number
    number += 1
    return arcsign.Message(ODD.format(subject=f"message {number}", long="y" * 900), body)


def canonical_forms():
    for c in ("relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"):
        for name, key in KEYS.items():
            m = message().seal(key, s=name, ams={"c": c, "h": NAMES})
            found = result(m)
            tap.ok("arc=pass" in found, f"{mta.name}: {c}, {key.algorithm}", found)


def bodies():
    for what, body in (("empty", ""), ("of empty lines", "\n\n\n"), ("without a last line end", "a\nb"),
                       ("of 2 MB", "A line of the body,  of  which there are many. \n" * 42000)):
        m = message(body).seal(KEYS["rsa"], s="rsa", ams={"c": "simple/simple", "h": NAMES})
        if not m.body.endswith(b"\r\n"):
            m.body += b"\r\n"
        found = result(m)
        tap.ok("arc=pass" in found, f"{mta.name}: a body {what}", found)


def chains():
    m = message()
    for _ in range(20):
        m.seal(KEYS["ed"], s="ed", ams={"h": NAMES})
    found = result(m)
    tap.ok("arc=pass" in found and "header.oldest-pass=0" in found, f"{mta.name}: twenty sets", found)
    m = message().seal(KEYS["rsa"], s="rsa", ams={"h": NAMES}).seal(KEYS["ed"], s="ed")
    m.body = m.body.replace(b"text", b"test")
    found = result(m)
    tap.ok("arc=fail" in found and "the body was changed" in found, f"{mta.name}: a body that was changed", found)


mta.start()
guard.start()
try:
    tap.run(canonical_forms, bodies, chains)
finally:
    guard.remove()
