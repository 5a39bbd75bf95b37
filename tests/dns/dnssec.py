#!/usr/bin/python3
"""
DNSSEC through `relay-guard verify`: a signed zone, and what becomes of it when somebody alters, strips or outlives
its signatures. usage: dnssec.py [RELAY-GUARD]
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [f"{TOP}/tests/lib", f"{TOP}/tests/dns"]
from servers import Nsd  # noqa: E402
from tap import Tap  # noqa: E402

GUARD = sys.argv[1] if len(sys.argv) > 1 else f"{TOP}/build/relay-guard"
CLIENT = "192.0.2.1"
tap = Tap()

ZONE = f"""$ORIGIN signed.example.
$TTL 300
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
ns IN A 127.0.0.1
@ IN TXT "v=spf1 ip4:{CLIENT} -all"
_dmarc IN TXT "v=DMARC1; p=reject; sp=quarantine; np=reject"
altered IN TXT "v=spf1 -all"
altered IN A 192.0.2.9
_dmarc.altered IN TXT "v=DMARC1; p=none"
long IN TXT {" ".join(f'"ip4:203.0.113.{i} "' if i else '"v=spf1 "' for i in range(200))} "-all"
sub IN A 192.0.2.9
"""
UNSIGNED = """
@ TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc TXT "v=DMARC1; p=reject"
"""


class Signer:
    """The zone with its signatures, from `start` to `end` (YYYYMMDD)."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="relay-guard-dnssec.")
        self.key = self.run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", "signed.example").strip()
        self.anchor = f"{self.folder}/anchor"
        shutil.copy(glob.glob(f"{self.folder}/{self.key}.key")[0], self.anchor)
        with open(f"{self.folder}/zone", "w") as f:
            f.write(ZONE)

    def run(self, *command):
        return subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True).stdout

    def sign(self, start=None, end=None, nsec3=False):
        now = time.time()
        day = lambda t: time.strftime("%Y%m%d%H%M%S", time.gmtime(t))  # noqa: E731
        self.run("ldns-signzone", *(["-n"] if nsec3 else []), "-i", start or day(now - 86400),
                 "-e", end or day(now + 86400), "-f", "signed", "zone", self.key)
        with open(f"{self.folder}/signed") as f:
            return f.read()

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def serve(text):
    """The zone as it is; the name server adds nothing to it."""
    return Nsd({"signed.example": text, "example": "", "example.org": UNSIGNED, "org": ""})


def verify(server, author, sender, anchor, expect_exit=0):
    begin = time.monotonic()
    p = subprocess.run([GUARD, "verify", "--client", CLIENT, "--from", sender, "--resolver", server, "--format", "json",
                        *(["--trust-anchor", anchor] if anchor else [])],
                       input=f"From: {author}\r\n\r\nbody\r\n".encode(), capture_output=True, timeout=60)
    try:
        found = json.loads(p.stdout)
    except ValueError:
        return {"spf": {"result": f"exit {p.returncode}", "reason": p.stderr.decode()}, "dmarc": {"result": "", "reason": ""}}, 0
    return found, time.monotonic() - begin


def expect(server, anchor, name, spf, dmarc, what, reason=""):
    found, took = verify(server, f"a@{name}", f"b@{name}", anchor)
    got = (found["spf"]["result"], found["dmarc"]["result"])
    tap.ok(got == (spf, dmarc) and reason in found["spf"]["reason"] + found["dmarc"]["reason"] and took < 5,
           f"{what}: {name} is spf={spf} dmarc={dmarc}", found, took)


def well_signed(signer):
    for nsec3 in (False, True):
        kind = "NSEC3" if nsec3 else "NSEC"
        nsd = serve(signer.sign(nsec3=nsec3))
        expect(nsd.server, signer.anchor, "signed.example", "pass", "pass", kind)
        expect(nsd.server, signer.anchor, "long.signed.example", "fail", "fail", f"{kind}, over TCP")
        expect(nsd.server, signer.anchor, "sub.signed.example", "none", "fail", kind, "sp of signed.example")
        expect(nsd.server, signer.anchor, "absent.signed.example", "none", "fail", kind, "np of signed.example")
        expect(nsd.server, signer.anchor, "example.org", "pass", "pass", f"{kind}, a zone without an anchor")
        nsd.stop()


def altered(signer):
    good = signer.sign()
    bad = good.replace('"v=spf1 -all"', '"v=spf1 +all"').replace('"v=DMARC1; p=none"', '"v=DMARC1; p=reject"')
    assert bad.count("+all") == 1 and bad.count("p=none") == 0
    nsd = serve(bad)
    expect(nsd.server, signer.anchor, "altered.signed.example", "temperror", "temperror", "altered", "DNSSEC")
    expect(nsd.server, signer.anchor, "signed.example", "pass", "pass", "beside what was altered")
    expect(nsd.server, None, "altered.signed.example", "pass", "pass", "altered, and nobody looks")
    nsd.stop()


def stripped(signer):
    good = signer.sign()
    for what, pattern in (("no signatures", r"\sRRSIG\s"), ("no signature of TXT", r"\sRRSIG\s+TXT\s"),
                          ("no proof of absence", r"\sRRSIG\s+NSEC\s|\sNSEC\s"), ("no keys", r"\sDNSKEY\s")):
        nsd = serve("\n".join(line for line in good.split("\n") if not re.search(pattern, line)))
        name = "absent.signed.example" if "absence" in what else "signed.example"
        expect(nsd.server, signer.anchor, name, "temperror", "temperror", what)
        nsd.stop()
    nsd = serve(signer.sign(start="20200101", end="20200201"))
    expect(nsd.server, signer.anchor, "signed.example", "temperror", "temperror", "signatures of long ago")
    nsd.stop()
    nsd = serve(signer.sign(start="20370101", end="20370201"))
    expect(nsd.server, signer.anchor, "signed.example", "temperror", "temperror", "signatures of the future")
    nsd.stop()


def wrong_anchor(signer):
    other = Signer()
    nsd = serve(signer.sign())
    expect(nsd.server, other.anchor, "signed.example", "temperror", "temperror", "the keys of somebody else")
    nsd.stop()
    other.close()
    for text in ("", "nonsense\n"):
        with open(f"{signer.folder}/bad", "w") as f:
            f.write(text)
        p = subprocess.run([GUARD, "verify", "--client", CLIENT, "--resolver", "127.0.0.1@9", "--trust-anchor",
                            f"{signer.folder}/{'bad' if text else 'absent'}"], stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=60)
        tap.ok(p.returncode == 69 and b"trust anchor" in p.stderr, "a trust anchor that can't be read", p.returncode,
               p.stderr)


def with_signer(test):
    def run():
        signer = Signer()
        try:
            test(signer)
        finally:
            signer.close()
    run.__name__ = test.__name__
    return run


tap.run(*(with_signer(t) for t in (well_signed, altered, stripped, wrong_anchor)))
