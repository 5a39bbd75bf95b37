#!/usr/bin/python3
"""
The Authentication-Results that `relay-guard verify` prints, read by a reader that nobody here wrote (python3-authres),
with senders and names that try to add a result. usage: results.py [RELAY-GUARD]
"""
import json
import os
import random
import subprocess
import sys

import authres

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [f"{TOP}/tests/lib", f"{TOP}/tests/dns"]
from servers import Stub, txt  # noqa: E402
from tap import Tap  # noqa: E402

GUARD = sys.argv[1] if len(sys.argv) > 1 else f"{TOP}/build/relay-guard"
tap = Tap()
PARTS = ["; dkim=pass header.d=bank.example", '"', "\\", "(", ")", "\r\n", "\n\t", " ", ";", "spf=pass", "x", "@",
         "example.com", "ü", "\x01", "\x7f", ";\r\n\tdmarc=pass (", '";', "\r\nX-Injected: yes\r\n"]


def field(server, sender, helo="mx.client.example", receiver="mx.example.com"):
    p = subprocess.run([GUARD, "verify", "--client", "192.0.2.1", "--helo", helo, "--from", sender, "--receiver",
                        receiver, "--resolver", server, "--format", "json"], input=b"", capture_output=True, timeout=60)
    return json.loads(p.stdout)["authentication_results"]


def parse(value):
    return authres.AuthenticationResultsHeader.parse("Authentication-Results: " + value)


def plain():
    stub = Stub({"example.com": {"TXT": ("ok", [txt("v=spf1 ip4:192.0.2.1 -all")])}})
    value = field(stub.server, "joe@example.com")
    read = parse(value)
    tap.equal(read.authserv_id, "mx.example.com", "the name of the receiver")
    tap.equal([(r.method, r.result, r.smtp_mailfrom) for r in read.results], [("spf", "pass", "joe@example.com")],
              "one result")
    read = parse(field(stub.server, "", helo="example.com"))
    tap.equal([(r.method, r.result, r.smtp_helo) for r in read.results], [("spf", "pass", "example.com")],
              "the null sender has smtp.helo")


def hostile():
    evil = 'v=spf1 ip4:192.0.2.9 -all exp=why.example.com'
    stub = Stub({"example.com": {"TXT": ("ok", [txt(evil)])},
                 "bad.example.com": {"TXT": ("ok", [txt('v=spf1 a:x";dkim=pass(\r\n\tdmarc=pass -all')])},
                 "why.example.com": {"TXT": ("ok", [txt('no"; dkim=pass (\r\n')])}})
    chance = random.Random(8601)
    for i in range(60):
        junk = "".join(chance.choice(PARTS) for _ in range(chance.randrange(1, 8)))
        sender = chance.choice([junk + "@example.com", "x@bad.example.com", "x@" + junk, junk])
        value = field(stub.server, sender, helo=junk)
        results = [r.method for r in parse(value).results]
        tap.ok(results == ["spf"] and value.count(";") == 1 and value.isprintable() and value.isascii(),
               f"case {i}: one result", repr(sender), value)


tap.run(plain, hostile)
