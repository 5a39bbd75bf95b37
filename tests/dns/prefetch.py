#!/usr/bin/python3
"""
When the guard asks: what will be needed is asked for as soon as it is known, so that a slow name server costs no
time at the end of a message; and once only.
Run: tests/dns/prefetch.py [BINARY]
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
if len(sys.argv) > 1:
    os.environ["RELAY_GUARD"] = os.path.abspath(sys.argv[1])
from guard import Guard
from milter import Milter
from servers import Stub, txt
from tap import Tap

SLOW = 0.4  # seconds for each answer
SIGNATURE = b"v=1; a=rsa-sha256; d=%s; s=%s; h=from; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=abcd"
tap = Tap()
stub = Stub({})


class Slow(dict):
    """Every name has these records, after a while."""

    def get(self, name, _default=None):
        if name.startswith("_dmarc."):
            text = "v=DMARC1; p=none"
        elif "._domainkey." in name:
            text = "v=DKIM1; p="
        else:
            text = "v=spf1 ip4:203.0.113.9 -all"
        return ("slow", SLOW, [txt(text)])


stub.rules = Slow()
guard = Guard(top=f'resolver {{ forward = "{stub.server}" }}\nspf {{ }}\ndkim {{ }}\ndmarc {{ }}\narc {{ }}\n'
                  'authentication { authserv-id = mx.example.com }\n').start()


def asked_within(seconds, *names):
    """Which of these names were not asked for, once that time has passed or all have been."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if all(any(n == name for n, _ in stub.asked) for name in names):
            return []
        time.sleep(0.01)
    return [name for name in names if not any(n == name for n, _ in stub.asked)]


def begin(sender):
    """A session up to a recipient."""
    m = Milter(guard.socket).open()
    m.step(b"M", b"<" + sender + b">\0", 0, 0x4000)
    return m


def recipient(m):
    m.send(b"D", b"R{rcpt_mailer}\0local\0{rcpt_host}\0\0{rcpt_addr}\0bob@example.com\0")
    m.send(b"R", b"<bob@example.com>\0")
    assert m.read() == (b"c", b"")


def field(m, name, value):
    m.step(b"L", name + b"\0 " + value + b"\0", 0x20, 0x80)


def end(m):
    """What is said at the end of the message, and how long that took."""
    m.step(b"N", b"", 0x40, 0x40000)
    m.step(b"B", b"text\r\n", 0x10, 0x80000)
    start = time.monotonic()
    m.send(b"E")
    said = []
    while not said or said[-1][0] in b"himqp":
        said.append(b"".join(m.read()))
    return b"\n".join(said).decode("latin-1"), time.monotonic() - start


def as_soon_as_known():
    m = begin(b"u@first.net")
    tap.equal(asked_within(5, "first.net", "_dmarc.first.net", "_dmarc.net"), [],
              "at MAIL the records of SPF and DMARC are asked for", stub.asked)
    recipient(m)
    field(m, b"DKIM-Signature", SIGNATURE % (b"signer.net", b"one"))
    tap.equal(asked_within(5, "one._domainkey.signer.net"), [], "at a signature its key is asked for", stub.asked)
    field(m, b"From", b"U <u@author.org>")
    m.step(b"N", b"", 0x40, 0x40000)
    tap.equal(asked_within(5, "_dmarc.author.org"), [],
              "at the end of the header the records of DMARC of the domain in From", stub.asked)
    m.close()


def in_time():
    stub.asked.clear()
    m = begin(b"u@second.net")
    recipient(m)
    field(m, b"From", b"U <u@second.net>")
    field(m, b"DKIM-Signature", SIGNATURE % (b"second.net", b"one"))
    time.sleep(SLOW * 2)
    before = len(stub.asked)
    said, took = end(m)
    tap.ok(took < SLOW / 2, f"the end of the message waits for nothing that was asked for: {took:.3f} s", said)
    tap.ok("spf=pass" in said and "dmarc=pass" in said and "dkim=permerror" in said, "and all is known", said)
    tap.equal(len(stub.asked) - before, 0, "nothing more is asked then", stub.asked)
    tap.equal(len(stub.asked), len(set(stub.asked)), "and nothing twice", stub.asked)
    m.close()


def limits():
    stub.asked.clear()
    m = begin(b"u@third.net")
    recipient(m)
    field(m, b"From", b"U <u@third.net>")
    for i in range(30):
        field(m, b"DKIM-Signature", SIGNATURE % (b"third.net", b"s%d" % i))
    end(m)
    keys = {name for name, _ in stub.asked if "._domainkey." in name}
    tap.equal(len(keys), 10, "of thirty signatures ten keys are asked for", keys)
    m.close()


def a_slow_client():
    """Longer between MAIL and the message than a callback may wait for DNS."""
    stub.asked.clear()
    m = begin(b"u@fourth.net")
    recipient(m)
    time.sleep(5)
    field(m, b"From", b"U <u@author.fourth.net>")
    field(m, b"DKIM-Signature", SIGNATURE % (b"signer.fourth.net", b"one"))
    said, _ = end(m)
    tap.ok("dkim=permerror" in said and "dmarc=" in said and "temperror" not in said,
           "a client that takes its time loses no answer", said)
    time.sleep(0.1)
    m.close()


tap.run(as_soon_as_known, in_time, limits, a_slow_client)
