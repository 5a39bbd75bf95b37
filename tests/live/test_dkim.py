#!/usr/bin/python3
"""
DKIM through a real mail server: what reaches the verifier is what dkimpy and libopendkim have signed, white space and all.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_dkim.py postfix|sendmail
"""
import base64
import os
import re
import subprocess
import sys
import time

for folder in ("lib", "dns"):
    sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", folder))
import dkim
import mta as mtas
import opendkim
import servers
from guard import Guard
from sink import Sink
from smtp import Client
from tap import Tap

STRANGER = "127.0.0.66"
HEADER = """From: U <u@example.org>
To:v@gateway.example
Subject:\t{subject}
X-Tab:\tone
X-Three:   three  spaces \t inside
X-Trailing: blanks at the end \t
X-Folded: one
\ttwo
    three
X-Empty:
X-Colon:: a: b
x-lower: case
X-Twice: 1
X-Twice: 2
X-Long: {long}
"""
NAMES = [b"from", b"to", b"subject", b"x-tab", b"x-three", b"x-trailing", b"x-folded", b"x-empty", b"x-colon", b"x-lower",
         b"x-twice", b"x-twice", b"x-twice", b"x-long", b"x-absent"]
BODIES = {"of all kinds": "text\n\n  indented \t and  spaced \t\n.a dot\n..two\n" + "x" * 900 + "\n\n\n", "empty": "",
          "of empty lines": "\n\n\n", "of 2 MB": "A line of the body,  of  which there are many. \n" * 42000}
pem = subprocess.run(["openssl", "genrsa", "-traditional", "2048"], capture_output=True, check=True).stdout
der = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=pem, capture_output=True, check=True).stdout
RECORD = "v=DKIM1\\; k=rsa\\; p=" + base64.b64encode(der).decode()
# Of the mail server, which would refuse what this test sends.
LIMITS = {"postfix": "message_size_limit = 0\nmailbox_size_limit = 0\n",
          "sendmail": "define(`confMAX_HEADERS_LENGTH', `1000000')dnl\n"}
tap = Tap()
sink = Sink(mtas.SINK)
nsd = servers.Nsd({"example.org": "s._domainkey TXT " + " ".join(f'"{RECORD[i:i + 200]}"'
                                                                 for i in range(0, len(RECORD), 200))})
guard = Guard(top=f"""
resolver {{ forward = "{nsd.server}"  deadline = 3s  timeout = 2s }}
authentication {{ authserv-id = mx.example.com }}
dkim {{ }}
dmarc {{ }}
""")
mta = mtas.make(sys.argv[1], milter=("unix:" if sys.argv[1] == "postfix" else "local:") + guard.socket,
                extra=LIMITS[sys.argv[1]])
number = 0


def message(body):
    global number
    number += 1
    text = HEADER.format(subject=f"message {number}", long="y" * 900) + "\n" + body
    return text.replace("\n", "\r\n").encode()


def by_dkimpy(text, c, **more):
    return dkim.sign(text, b"s", b"example.org", pem, canonicalize=c, include_headers=NAMES, **more) + text


def whole_field():
    """The field of the message that came out last."""
    header = sink.mails[-1][2].decode("latin-1").partition("\r\n\r\n")[0].replace("\r\n\t", " ").replace("\r\n ", " ")
    return next((line for line in header.split("\r\n") if line.startswith("Authentication-Results: mx.example.com")), "")


def results(text, seconds=10):
    """The results of DKIM in the field that came out."""
    with Client(mta.port, source=STRANGER, timeout=seconds + 10) as c:
        c.ehlo()
        c.mail("<u@example.org>")
        c.rcpt("<bob@gateway.example>")
        reply = c.data(re.sub(rb"(?m)^\.", b"..", text).decode("latin-1"))
    mail = sink.wait_for(lambda m: f"message {number}\r\n".encode() in m[2], seconds)
    if mail is None:
        return f"did not come out: {reply}"
    header = mail[2].decode("latin-1").partition("\r\n\r\n")[0].replace("\r\n\t", " ").replace("\r\n ", " ")
    found = [line for line in header.split("\r\n") if line.startswith("Authentication-Results: mx.example.com")]
    return re.findall(r"dkim=(\w+)", found[0]) if len(found) == 1 else header[:1000]


def canonical_forms():
    for what, body in BODIES.items():
        for c in [(h, b) for h in (b"simple", b"relaxed") for b in (b"simple", b"relaxed")]:
            text = message(body)
            both = opendkim.sign(text, b"s", b"example.org", pem, c) + by_dkimpy(text, c)
            name = b"/".join(c).decode()
            tap.equal(results(both), ["pass", "pass"], f"{mta.name}: {name}, a body {what}")


def changes():
    relaxed = (b"relaxed", b"relaxed")
    for what, old, new, want in (
            ("nothing", b"", b"", "pass"), ("white space", b"three  spaces", b"three spaces", "pass"),
            ("a field", b"x-lower: case", b"x-lower: Case", "fail"), ("a body", b"text", b"test", "fail"),
            ("a field more", b"x-lower:", b"X-Twice: 3\r\nx-lower:", "fail"),
            ("a second From", b"From: U", b"From: E <e@example.org>\r\nFrom: U", "policy")):
        text = by_dkimpy(message(BODIES["of all kinds"]), relaxed).replace(old, new, 1)
        tap.equal(results(text), [want], f"{mta.name}: changed is {what}")


def of_50_mb():
    text = by_dkimpy(message("A line of a body that is larger than most of what is sent.\n" * 880000),
                     (b"relaxed", b"relaxed"))
    start = time.monotonic()
    tap.equal(results(text, 120), ["pass"], f"{mta.name}: a body of {len(text) >> 20} MB")
    print(f"# {time.monotonic() - start:.1f} s through {mta.name}")
    with open(f"/proc/{guard.process.pid}/task/{guard.process.pid}/children") as f:
        largest = max(peak_kib(pid) for pid in f.read().split())
    tap.ok(largest < 40000, f"{mta.name}: no worker has kept it: at most {largest} KiB")


def peak_kib(pid):
    """What of a process was resident, of its own."""
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM:"))


def many():
    text = message("text\n")
    fields = b"".join(by_dkimpy(text, (b"simple", b"simple"))[:-len(text)] for _ in range(10))
    start = time.monotonic()
    found = results(fields * 50 + text)
    # No more is written of one message.
    tap.ok(found[:11] == ["pass"] * 10 + ["neutral"] and 50 < len(found) <= 100 and time.monotonic() - start < 10,
           f"{mta.name}: of 500 signatures ten are verified", len(found), found[:12])
    tap.ok("dmarc=" in whole_field(), f"{mta.name}: and the other results stand beside them", whole_field()[:300])
    text = message("text\n")
    signed = b"".join(by_dkimpy(text, (b"simple", b"simple"))[:-len(text)] for _ in range(12)) + text
    tap.equal(results(signed), ["pass"] * 10 + ["neutral"] * 2, f"{mta.name}: twelve signatures")
    tap.equal(results(message("text\n")), ["none"], f"{mta.name}: none")


mta.start()
guard.start()
try:
    tap.run(canonical_forms, changes, many, of_50_mb)
finally:
    guard.remove()
