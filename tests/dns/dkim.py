#!/usr/bin/python3
"""
DKIM through `relay-guard verify` and real DNS: messages that dkimpy and libopendkim have signed, keys in an
nsd, and servers that are slow, dead or broken. usage: dkim.py [RELAY-GUARD]
"""
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The folder of this file has a dkim.py: it would hide dkimpy.
sys.path[:1] = []
import dkim as dkimpy  # noqa: E402
import nacl.signing  # noqa: E402

sys.path[:0] = [f"{TOP}/tests/lib", f"{TOP}/tests/dns"]
import opendkim  # noqa: E402
from servers import Nsd, Stub, free_port, txt  # noqa: E402
from tap import Tap  # noqa: E402

GUARD = sys.argv[1] if len(sys.argv) > 1 else f"{TOP}/build/relay-guard"
tap = Tap()
folder = tempfile.TemporaryDirectory(prefix="relay-guard-dkim.")


def openssl(*command, stdin=b""):
    return subprocess.run(["openssl", *command], input=stdin, capture_output=True, check=True).stdout


class Rsa:
    algorithm = "rsa-sha256"

    def __init__(self, bits):
        self.private = openssl("genrsa", "-traditional", str(bits))
        self.file = f"{folder.name}/{bits}.pem"
        with open(self.file, "wb") as f:
            f.write(self.private)
        der = openssl("rsa", "-pubout", "-outform", "DER", stdin=self.private)
        self.record = "v=DKIM1; k=rsa; p=" + base64.b64encode(der).decode()


class Ed25519:
    algorithm = "ed25519-sha256"

    def __init__(self):
        seed = nacl.signing.SigningKey.generate()
        self.private = base64.b64encode(bytes(seed))
        self.record = "v=DKIM1; k=ed25519; p=" + base64.b64encode(bytes(seed.verify_key)).decode()


RSA, LONG, SHORT, ED = Rsa(2048), Rsa(4096), Rsa(1024), Ed25519()
KEYS = {"rsa": RSA, "long": LONG, "short": SHORT, "ed": ED}


def zone_txt(text):
    return "TXT " + " ".join(f'"{text[i:i + 200]}"' for i in range(0, len(text), 200)) if text else 'TXT ""'


def verify(server, message, *options):
    """(the dkim list, the whole answer, seconds)"""
    begin = time.monotonic()
    p = subprocess.run([GUARD, "verify", "--client", "192.0.2.1", "--resolver", server, "--format", "json", *options],
                       input=message, capture_output=True, timeout=60)
    try:
        answer = json.loads(p.stdout)
        found = answer["dkim"]
    except (ValueError, KeyError):
        answer, found = {}, [{"result": f"exit {p.returncode}, no JSON: {p.stdout!r} {p.stderr[-2000:]!r}", "reason": ""}]
    return found, answer, time.monotonic() - begin


def expect(server, message, want, reason="", name=""):
    """want: the result of each signature."""
    found, answer, took = verify(server, message)
    want = [want] if isinstance(want, str) else want
    tap.ok([s["result"] for s in found] == want and (not found or reason in found[0]["reason"]),
           f"{name}: {', '.join(want)[:60]} {reason}", found)
    return found, answer, took


HEADER = (b"Received: from a by b;\r\n\tTue, 24 Nov 2026 08:00:00 +0000\r\nFrom: Joe <joe@example.com>\r\n"
          b"To: you@example.net\r\nSubject: a  test\r\n of folding \r\nDate: Tue, 24 Nov 2026 08:00:00 +0000\r\n"
          b"Message-ID: <1@example.com>\r\n")
BODIES = {"plain": b"hello\r\n", "empty": b"", "blank lines": b"\r\n\r\n", "blanks": b" \t \r\n\r\n",
          "inside": b"a  \t b \r\n\r\n  c\r\n\r\n\r\n", "8-bit": b"\xff\xfe\xc3\xa4\r\n", "no end": b"a\r\nb",
          "long line": b"x y" * 40000 + b"\r\n", "large": b"0123456789 \t\r\n" * 20000}


def sign(key, selector, message, header=b"relaxed", body=b"relaxed", **more):
    return dkimpy.sign(message, selector, b"example.com", key.private, canonicalize=(header, body),
                       signature_algorithm=key.algorithm.encode(), **more)


def by_dkimpy(server):
    for name, body in BODIES.items():
        message = HEADER + b"\r\n" + body
        for header in (b"simple", b"relaxed"):
            for how in (b"simple", b"relaxed"):
                signed = sign(RSA, b"rsa", message, header, how) + message
                both = sign(ED, b"ed", signed, header, how) + signed
                expect(server, both, ["pass", "pass"],
                       name=f"dkimpy, {header.decode()}/{how.decode()}, {name}")
    message = HEADER + b"\r\n" + BODIES["inside"]
    for selector in (b"long", b"short", b"alias"):
        key = {b"long": LONG, b"short": SHORT}.get(selector, RSA)
        expect(server, sign(key, selector, message) + message, "pass", selector.decode(), name="dkimpy")
    signed = sign(RSA, b"rsa", message, length=True) + message
    expect(server, signed, "pass", name="dkimpy, l=")
    expect(server, signed + b"more\r\n", "pass", "unsigned", name="dkimpy, l=, and more")
    expect(server, (sign(RSA, b"rsa", message) + message).replace(b"\r\n", b"\n"), "pass", name="lines end in LF")
    expect(server, (sign(RSA, b"rsa", message) + message).replace(b"joe@", b"jim@"), "fail", "header",
           name="a header changed")
    expect(server, sign(RSA, b"rsa", message) + message + b"!", "fail", "body", name="a body changed")


def by_opendkim(server):
    for name, body in BODIES.items():
        if name == "no end":
            continue  # the library makes no signature of it
        for header in (b"simple", b"relaxed"):
            for how in (b"simple", b"relaxed"):
                message = HEADER + b"\r\n" + body
                signed = opendkim.sign(message, b"rsa", b"example.com", RSA.private, (header, how)) + message
                expect(server, signed, "pass", name=f"libopendkim, {header.decode()}/{how.decode()}, {name}")


def aligned(server):
    message = HEADER + b"\r\nhello\r\n"
    for more, want in ((b"", ("pass", True)), (b"appended\r\n", ("fail", False))):
        signed = sign(RSA, b"rsa", message, length=True) + message + more
        _, answer, _ = verify(server, signed)
        got = (answer["dmarc"]["result"], answer["dmarc"]["dkim_aligned"])
        tap.equal(got, want, f"l= and {more!r}: DMARC", answer)
    _, answer, _ = verify(server, sign(RSA, b"rsa", message) + message, "--receiver", "mx.here.example")
    tap.ok(re.search(r"dkim=pass header.d=example.com .*header.s=rsa .*header.b=", answer["authentication_results"]),
           "Authentication-Results", answer)
    found, answer, _ = verify(server, message)
    tap.ok(found == [] and "dkim=none" in answer["authentication_results"], "no signature is none", answer)


def keys(server):
    message = HEADER + b"\r\nhello\r\n"
    for selector, want, reason in [("absent", "permerror", "no key"), ("nothing", "permerror", "no key"),
                                   ("revoked", "permerror", "revoked"), ("other", "fail", "header"),
                                   ("several", "pass", ""), ("text", "permerror", "v="), ("old", "pass", ""),
                                   ("future", "permerror", "DKIM1"), ("tls", "permerror", "not for mail"),
                                   ("sha1", "permerror", "h="), ("ed", "permerror", "another type"),
                                   ("nowhere", "permerror", "no key"), ("trying", "pass", "testing")]:
        expect(server, sign(RSA, selector.encode(), message) + message, want, reason, name=selector)
    # A zone that nsd does not have: REFUSED.
    signed = dkimpy.sign(message, b"rsa", b"elsewhere.example", RSA.private) + message
    expect(server, signed, "temperror", name="a server that refuses")


ZONE = "\n".join([f"{s}._domainkey {zone_txt(k.record)}" for s, k in KEYS.items()] + [
    "alias._domainkey CNAME rsa._domainkey", "nowhere._domainkey CNAME absent",
    "nothing._domainkey A 192.0.2.1", 'revoked._domainkey TXT "v=DKIM1; p="',
    f"other._domainkey {zone_txt(SHORT.record)}", f"several._domainkey {zone_txt(SHORT.record)}",
    f"several._domainkey {zone_txt(RSA.record)}", 'several._domainkey TXT "something else"',
    'text._domainkey TXT "v=spf1 -all"', f"old._domainkey {zone_txt('g=*; ' + RSA.record[9:])}",
    f"future._domainkey {zone_txt(RSA.record.replace('DKIM1', 'DKIM9'))}",
    f"tls._domainkey {zone_txt(RSA.record + '; s=tlsrpt')}", f"sha1._domainkey {zone_txt(RSA.record + '; h=sha1')}",
    f"trying._domainkey {zone_txt(RSA.record + '; t=y')}", '_dmarc TXT "v=DMARC1; p=reject; adkim=s"'
]).replace(";", "\\;")


def over_nsd():
    nsd = Nsd({"example.com": ZONE})
    for test in (by_dkimpy, by_opendkim, aligned, keys):
        test(nsd.server)
    nsd.stop()


def over_a_server_that_misbehaves():
    record = txt(RSA.record)
    stub = Stub({
        "slow._domainkey.example.com": {"TXT": ("slow", 0.3, [record])},
        "big._domainkey.example.com": {"TXT": ("truncate", [record, *[txt("x" * 250)] * 3])},
        "dead._domainkey.example.com": "drop",
        "servfail._domainkey.example.com": "servfail",
        "garbage._domainkey.example.com": "garbage",
        "badtxt._domainkey.example.com": {"TXT": ("ok", [b"\x50short", record])},
        "nul._domainkey.example.com": {"TXT": ("ok", [txt(b"v=DKIM1; p=\0AAAA")])},
        "longest._domainkey.example.com": {"TXT": ("truncate", [txt("v=DKIM1; p=" + "A" * 60000)])},
        "tags._domainkey.example.com": {"TXT": ("truncate", [txt("a=b;" * 10000)])},
    })
    message = HEADER + b"\r\nhello\r\n"
    for selector, want in [("slow", "pass"), ("big", "pass"), ("dead", "temperror"), ("servfail", "temperror"),
                           ("garbage", "temperror"), ("nul", "permerror"), ("longest", "permerror"),
                           ("tags", "permerror")]:
        _, _, took = expect(stub.server, sign(RSA, selector.encode(), message) + message, want, name=selector)
        tap.ok(took < 5, f"{selector}: within five seconds", took)
    found, _, _ = verify(stub.server, sign(RSA, b"badtxt", message) + message)
    tap.ok(found[0]["result"] in ("pass", "permerror", "temperror"), "a malformed record", found)
    many = b"".join(sign(RSA, b"slow", message) for _ in range(12)) + message
    expect(stub.server, many, ["pass"] * 10 + ["neutral"] * 2, name="twelve signatures")
    tap.ok(sum(n.startswith("slow.") for n, _ in stub.asked) <= 4, "one key is asked for once a message", stub.asked)
    expect(f"127.0.0.1@{free_port()}", sign(RSA, b"rsa", message) + message, "temperror", name="no server")


def hostile():
    """What libopendkim alone dies of, or reads wrongly (run this with a sanitized binary)."""
    nsd = Nsd({"example.com": ZONE})
    start = (b"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=rsa; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;"
             b" b=AAAA; ")
    for name, field in {
            "more fields than there are": b"h=" + b":".join([b"from"] + [b"to", b"x", b"dkim-signature"] * 200),
            "a long i=": b"h=from; i=" + b"x" * 5000 + b"@example.com",
            "a long i=, escaped": b"h=from; i=" + b"=41" * 300 + b"@example.com",
            "a broken escape": b"h=from; i=x@example.com=",
            "another": b"h=from; i=x@example.com=4",
            "a long h=": b"h=from:" + b"y" * 70000,
            "a long z=": b"h=from; z=" + b"From:=" * 5000,
            "8-bit": b"h=from; x=\xff\xfe\x80",
            "NUL": b"h=from; x=\0\0",
            "many tags": b"h=from; " + b"".join(b"t%d=1; " % i for i in range(3000)),
    }.items():
        found, _, took = verify(nsd.server, start + field + b"\r\nFrom: x@example.com\r\n\r\nbody\r\n")
        tap.ok(len(found) == 1 and found[0]["result"] in ("fail", "permerror") and took < 5, f"{name} does no harm",
               found, took)
    message = HEADER + b"\r\nhello\r\n"
    found, answer, took = verify(nsd.server, (start + b"h=from\r\n") * 500 + sign(RSA, b"rsa", message) + message)
    tap.ok(len(found) == 501 and found[499]["result"] == "neutral" and took < 5, "500 signatures", found[:12], took)
    tap.ok(all(f" {m}=" in answer["authentication_results"] for m in ("spf", "dkim", "dmarc", "arc")),
           "and the field has the other results too", answer["authentication_results"][:500])
    for name, raw in {"no line end": start + b"h=from", "no body": start + b"h=from\r\nFrom: x\r\n",
                      "only CR": start.replace(b" ", b"\r") + b"h=from\rFrom: x\r\r",
                      "NUL everywhere": b"\0" * 1000 + start + b"h=from\n\n\0\0"}.items():
        found, answer, _ = verify(nsd.server, raw)
        tap.ok("dkim" in answer, f"{name} does no harm", found)
    nsd.stop()


tap.run(over_nsd, over_a_server_that_misbehaves, hostile)
