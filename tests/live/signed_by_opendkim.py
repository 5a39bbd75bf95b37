#!/usr/bin/python3
"""
Messages that opendkim signs as a milter of Postfix, with a key that opendkim-genkey made, pass the guard.
Run: tests/live/sandbox.sh --with opendkim postfix tests/live/signed_by_opendkim.py
"""
import os
import re
import subprocess
import sys
import time

for folder in ("lib", "dns"):
    sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", folder))
import mta as mtas
from guard import Guard
from servers import Nsd
from sink import Sink
from smtp import Client
from tap import Tap

STRANGER = "127.0.0.66"
SIGNING_PORT = 10027
FOLDER = "/run/opendkim"
BODIES = {"of text": "text\r\n\r\n  indented \t and  spaced \t\r\n..a dot\r\n" + "x" * 900 + "\r\n\r\n\r\n", "that is empty": "",
          "of 1 MB": "A line of the body,  of  which there are many. \r\n" * 21000}
HEADER = ("From: U <u@example.org>\r\nTo:v@gateway.example\r\nSubject:\tmessage {number}\r\nX-Folded: one\r\n\ttwo\r\n    three\r\n"
          "Date: Tue, 24 Nov 2026 08:00:00 +0000\r\nMessage-ID: <{number}@example.org>\r\n\r\n")
tap = Tap()
sink = Sink(mtas.SINK)
number = 0


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True, timeout=60)


class Signer:
    """opendkim, as it signs."""

    def __init__(self, canonicalization):
        path = f"{FOLDER}/{canonicalization.replace('/', '-')}.conf"
        mtas.write(path, f"Mode s\nSocket local:{FOLDER}/sign.sock\nBackground no\nUMask 000\nSyslog no\nDomain example.org\n"
                   f"Selector s1\nKeyFile {FOLDER}/s1.private\nCanonicalization {canonicalization}\n"
                   "SignatureAlgorithm rsa-sha256\nOversignHeaders From\nRequireSafeKeys no\n")
        self.process = subprocess.Popen(["/usr/sbin/opendkim", "-f", "-x", path], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while not os.path.exists(f"{FOLDER}/sign.sock"):
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError("opendkim does not start")
            time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        if os.path.exists(f"{FOLDER}/sign.sock"):
            os.unlink(f"{FOLDER}/sign.sock")


def came_out(port, source, text, count):
    """Sends a message; the one that comes out, which is number `count` of this Message-ID."""
    with Client(port, source=source, timeout=60) as c:
        c.ehlo()
        replies = [c.mail("<u@example.org>"), c.rcpt("<bob@gateway.example>"), c.data(text)]
    mark = f"Message-ID: <{number}@example.org>".encode()
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found = [m for m in list(sink.mails) if mark in m[2]]
        if len(found) >= count:
            return found[count - 1][2].decode("latin-1")
        time.sleep(0.05)
    raise RuntimeError(f"it did not come out: {replies}")


def results(text):
    header = text.partition("\r\n\r\n")[0].replace("\r\n\t", " ").replace("\r\n ", " ")
    return [line for line in header.split("\r\n") if line.startswith("Authentication-Results: mx.example.com")]


def forms():
    global number
    for c in ("simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"):
        signer = Signer(c)
        try:
            for what, body in BODIES.items():
                number += 1
                signed = came_out(SIGNING_PORT, "127.0.0.1", HEADER.format(number=number) + body, 1)
                tap.ok(re.search(rf"DKIM-Signature: v=1; a=rsa-sha256; c={c}; d=example.org; s=s1;", signed),
                       f"opendkim signs {c}, a body {what}", signed[:600])
                found = results(came_out(mta.port, STRANGER, signed, 2))
                tap.ok(len(found) == 1 and "dkim=pass header.d=example.org" in found[0] and "dmarc=pass" in found[0],
                       "and it passes", found)
        finally:
            signer.stop()


def changed():
    global number
    number += 1
    signer = Signer("relaxed/relaxed")
    try:
        signed = came_out(SIGNING_PORT, "127.0.0.1", HEADER.format(number=number) + BODIES["of text"], 1)
        with Client(mta.port, source=STRANGER, timeout=60) as c:
            c.ehlo()
            c.mail("<u@example.org>")
            c.rcpt("<bob@gateway.example>")
            reply = c.data(signed.replace("indented", "extended"))
        tap.ok(reply.code == 550 and "DMARC" in reply.text, "one that was changed is refused, as its domain asks", reply)
    finally:
        signer.stop()


if not os.path.exists("/usr/sbin/opendkim"):
    raise RuntimeError("/usr/sbin/opendkim is not there: run this in tests/live/sandbox.sh --with opendkim")
os.makedirs(FOLDER, exist_ok=True)
made = run("opendkim-genkey", "-b", "2048", "-d", "example.org", "-s", "s1", "-D", FOLDER)
if made.returncode != 0:
    raise RuntimeError(f"opendkim-genkey: {made.stdout}{made.stderr}")
with open(f"{FOLDER}/s1.txt", encoding="ascii") as f:
    nsd = Nsd({"example.org": f.read() + '_dmarc IN TXT "v=DMARC1; p=reject"'})
guard = Guard(top=f"""
resolver {{ forward = "{nsd.server}" }}
authentication {{ authserv-id = mx.example.com }}
dkim {{ }}
dmarc {{ }}
""")
mta = mtas.make("postfix", milter="unix:" + guard.socket, extra="message_size_limit = 0\n")
mta.services = f"127.0.0.1:{SIGNING_PORT} inet n - n - 20 smtpd\n -o smtpd_milters=unix:{FOLDER}/sign.sock\n"
mta.start()
guard.start()
try:
    tap.run(forms, changed)
finally:
    guard.remove()
    mta.stop()
