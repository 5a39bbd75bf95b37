#!/usr/bin/python3
"""
DMARC through `relay-guard verify` and real DNS: an nsd with zones, and servers that are slow, dead or broken.
usage: dmarc.py [RELAY-GUARD]
"""
import base64
import json
import os
import subprocess
import sys
import tempfile
import time

# dkimpy, not the test beside this one.
sys.path[:1] = []
import dkim  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [f"{TOP}/tests/lib", f"{TOP}/tests/dns"]
from servers import Nsd, Stub, free_port, txt  # noqa: E402
from tap import Tap  # noqa: E402

GUARD = sys.argv[1] if len(sys.argv) > 1 else f"{TOP}/build/relay-guard"
CLIENT = "192.0.2.1"
tap = Tap()


def verify(server, message, sender="", helo="mx.client.example"):
    """(the dmarc object, seconds)"""
    begin = time.monotonic()
    p = subprocess.run([GUARD, "verify", "--client", CLIENT, "--helo", helo, "--from", sender, "--resolver", server,
                        "--format", "json"], input=message, capture_output=True, timeout=60)
    try:
        found = json.loads(p.stdout)["dmarc"]
    except (ValueError, KeyError):
        found = {"result": f"exit {p.returncode}, no JSON: {p.stdout!r} {p.stderr!r}"}
    return found, time.monotonic() - begin


def message(*fields):
    return "".join(f + "\r\n" for f in fields).encode("utf-8", "surrogateescape") + b"\r\nbody\r\n"


def expect(server, author, sender, result, **want):
    """author: an address, or whole From fields in a tuple."""
    fields = (f"From: {author}",) if isinstance(author, str) else author
    found, took = verify(server, message("Subject: test", *fields), sender)
    want["result"] = result
    reason = want.pop("reason", "")
    got = {k: found.get(k) for k in want}
    tap.ok(got == want and reason in found.get("reason", ""), f"{author} by <{sender}> is {want}", found)
    return took


ALLOW = f'TXT "v=spf1 ip4:{CLIENT} -all"'
ZONES = {
    # The examples of RFC 9989 B.4.
    "example.com": f"""
_dmarc TXT "v=DMARC1; p=reject; sp=quarantine; np=reject; " "rua=mailto:dmarc@example.com"
_dmarc.signing TXT "v=DMARC1; p=none"
@ {ALLOW}
@ MX 10 mail
mail {ALLOW}
child {ALLOW}
x.empty A 192.0.2.9
dangling CNAME nowhere.example.net.
_dmarc.two TXT "v=DMARC1; p=none"
_dmarc.two TXT "v=DMARC1; p=reject"
*.wild TXT "v=spf1 -all"
_dmarc.cname CNAME _dmarc.signing
*.cover TXT "v=DMARC1; p=none"
""",
    "example": f"""
_dmarc.bank TXT "v=DMARC1; p=reject; sp=quarantine; psd=y"
_dmarc.giant.bank TXT "v=DMARC1; p=none"
mail.giant.bank {ALLOW}
mega.bank A 192.0.2.9
mail.mega.bank {ALLOW}
""",
    "example.net": f"""
@ {ALLOW}
_dmarc TXT "v=DMARC1; p=reject; sp=none; aspf=s; t=y; pct=0"
sub {ALLOW}
""",
    "xn--bcher-kva.example.org": f'@ {ALLOW}\n_dmarc TXT "v=DMARC1; p=reject"\n',
    "example.org": f"""
@ {ALLOW}
_dmarc TXT "v=DMARC1; p=reject; sp=none"
_dmarc.dept TXT "v=DMARC1; p=none; sp=quarantine; psd=n"
a.dept {ALLOW}
_dmarc.nopolicy TXT "v=DMARC1; p=bogus"
_dmarc.report TXT "v=DMARC1; p=bogus; rua=mailto:d@example.org"
_dmarc.long TXT {" ".join(f'"{"v=DMARC1; " if i == 0 else ""}x{chr(97 + i)}={"y" * 200};"' for i in range(20))} "p=quarantine"
""",
    "com": "", "net": "", "org": "",
}


def over_nsd():
    nsd = Nsd(ZONES)

    def case(author, sender, result, record=None, organization=None, policy=None, spf=False, **more):
        expect(nsd.server, author, sender, result, record_domain=record, organizational_domain=organization,
               policy=policy, spf_aligned=spf, dkim_aligned=False, **more)

    com = ("example.com", "example.com")
    case("a@example.com", "b@example.com", "pass", *com, "reject", True, domain="example.com")
    case("a@example.com", "b@child.example.com", "pass", *com, "reject", True)
    case("a@child.example.com", "b@example.com", "pass", *com, "quarantine", True, domain="child.example.com")
    case("a@example.com", "b@example.net", "fail", *com, "reject")
    case("a@signing.example.com", "b@example.com", "pass", "signing.example.com", "example.com", "none", True)
    case("a@empty.example.com", "b@example.net", "fail", *com, "quarantine")
    case("a@dangling.example.com", "b@example.net", "fail", *com, "quarantine")
    case("a@_dmarc.example.com", "b@example.net", "fail", *com, "quarantine")
    case("a@any.wild.example.com", "b@example.net", "fail", *com, "quarantine")
    case("a@absent.example.com", "b@example.net", "fail", *com, "reject", reason="does not exist")
    case("a@two.example.com", "b@example.net", "fail", *com, "quarantine", reason="2 records, which count as none")
    case("a@cname.example.com", "b@example.net", "fail", "cname.example.com", "example.com", "none")
    case("a@x.cover.example.com", "b@example.net", "fail", "x.cover.example.com", "example.com", "none")
    case("a@a.b.c.d.e.f.g.h.i.j.k.example.com", "b@example.com", "pass", *com, "reject", True)
    case("a@example.com", "", "fail", *com, "reject")
    giant = ("giant.bank.example", "giant.bank.example", "none")
    case("a@giant.bank.example", "b@mail.giant.bank.example", "pass", *giant, True)
    case("a@giant.bank.example", "b@mail.mega.bank.example", "fail", *giant)
    case("a@mega.bank.example", "b@mail.mega.bank.example", "pass", "bank.example", "mega.bank.example", "quarantine", True)
    case("a@example.net", "b@example.net", "pass", "example.net", "example.net", "quarantine", True)
    case("a@example.net", "b@sub.example.net", "fail", "example.net", "example.net", "quarantine", reason="t=y")
    case("a@a.dept.example.org", "b@a.dept.example.org", "pass", "dept.example.org", "dept.example.org", "quarantine", True)
    case("a@a.dept.example.org", "b@example.org", "fail", "dept.example.org", "dept.example.org", "quarantine")
    case("a@nopolicy.example.org", "b@example.org", "none", None, "example.org", reason="its p is not valid")
    case("a@report.example.org", "b@example.org", "pass", "report.example.org", "example.org", "none", True)
    case("a@long.example.org", "b@example.org", "pass", "long.example.org", "example.org", "quarantine", True)
    case("a@bücher.example.org", "b@xn--bcher-kva.example.org", "pass", "xn--bcher-kva.example.org", "example.org",
         "reject", True, domain="xn--bcher-kva.example.org")
    case("a@absent.com", "b@absent.com", "none", None, "absent.com", domain="absent.com")
    # A zone that nsd does not have: REFUSED.
    case("a@elsewhere.invalid", "b@example.com", "temperror", domain="elsewhere.invalid")

    def nobody(*fields, reason):
        case(fields, "b@example.com", "none", domain=None, reason=reason)

    nobody(reason="no From field")
    nobody("From: a@example.com", "From: a@example.com", reason="several From fields")
    nobody("From: a@example.com, b@example.net", reason="several domains")
    nobody("From: undisclosed:;", reason="no domain")
    nobody("From: <a@example.com", reason="can't be read")
    case(("From: a@example.com,", "\tB <b@EXAMPLE.com>"), "b@example.com", "pass", *com, "reject", True)
    case(('FROM : "a@example.net" <b@example.com> (c@example.org)',), "b@example.com", "pass", *com, "reject", True)
    found, _ = verify(nsd.server, b"From: a@example.com\nSubject: x\n\nFrom: b@example.net\n", "b@example.com")
    tap.equal(found["result"], "pass", "lines may end in LF, and a body is no header")
    found, _ = verify(nsd.server, message("From: a@example.com"), "", helo="mail.example.com")
    tap.equal((found["result"], found["spf_aligned"]), ("pass", True), "HELO counts where the sender is null")
    found, _ = verify(nsd.server, message("From: a@example.com"), "b@example.net", helo="mail.example.com")
    tap.equal((found["result"], found["spf_aligned"]), ("fail", False), "HELO does not count where it is not")
    p = subprocess.run([GUARD, "verify", "--client", CLIENT, "--from", "b@example.com", "--resolver", nsd.server],
                       input=message("From: a@example.com"), capture_output=True, timeout=60)
    tap.ok(b"dmarc: pass\n" in p.stdout and b"_dmarc.example.com: a record with p=reject" in p.stdout,
           "text tells the steps", p.stdout)
    nsd.stop()


def make_key():
    """(the private key as PEM, the TXT record of the public one)"""
    with tempfile.TemporaryDirectory() as d:
        subprocess.run(["openssl", "genrsa", "-traditional", "-out", f"{d}/key", "2048"], check=True, capture_output=True)
        public = subprocess.run(["openssl", "rsa", "-in", f"{d}/key", "-pubout", "-outform", "DER"], check=True,
                                capture_output=True).stdout
        with open(f"{d}/key", "rb") as f:
            return f.read(), "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()


def over_signatures():
    key, public = make_key()
    chunks = " ".join(f'"{public[i:i + 250]}"' for i in range(0, len(public), 250))
    record = f"s._domainkey TXT {chunks}\n"
    strict = f'@ A 192.0.2.9\n_dmarc TXT "v=DMARC1; p=reject; adkim=s"\n{record}s._domainkey.sub TXT {chunks}\n'
    nsd = Nsd({"example.com": f'_dmarc TXT "v=DMARC1; p=reject; sp=quarantine"\n{record}s._domainkey.sub TXT {chunks}\n',
               "evil.net": f'@ A 192.0.2.9\n_dmarc TXT "v=DMARC1; p=none"\n{record}', "strict.org": strict,
               "com": "", "net": "", "org": ""})

    def sign(text, domain, **more):
        return dkim.sign(text, b"s", domain.encode(), key, include_headers=[b"from", b"subject"], **more) + text

    def case(text, result, aligned, what, reason=""):
        found, _ = verify(nsd.server, text, "b@elsewhere.org")
        tap.ok((found["result"], found.get("dkim_aligned"), found.get("spf_aligned")) == (result, aligned, False) and
               reason in found["reason"], f"{what}: {result}", found)

    plain = message("From: Joe <joe@example.com>", "Subject: hello")
    case(plain, "fail", False, "no signature")
    case(sign(plain, "example.com"), "pass", True, "the Author Domain's")
    case(sign(plain, "sub.example.com"), "pass", True, "one below it")
    case(sign(plain, "evil.net"), "fail", False, "somebody else's", "DKIM passed for evil.net, which is not aligned")
    case(sign(sign(plain, "example.com"), "evil.net"), "pass", True, "two, the first somebody else's")
    broken = sign(plain, "example.com").replace(b"body", b"BODY")
    case(broken, "fail", False, "an altered body")
    case(sign(plain, "example.com").replace(b"Joe <joe@", b"Moe <joe@"), "fail", False, "an altered From")
    good = sign(broken[broken.index(b"From:"):], "example.com")
    case(broken[:broken.index(b"From:")] + good, "pass", True, "a broken one takes nothing away")
    case(sign(plain, "example.com", length=True) + b"more\r\n", "fail", False, "l=, and text behind the length")
    case(sign(plain, "absent.example.com"), "fail", False, "a key that is not there")
    case(b"From: x@evil.net\r\n" + sign(plain, "example.com"), "none", False, "a second From")
    sub = message("From: joe@sub.example.com", "Subject: hello")
    case(sign(sub, "example.com"), "pass", True, "one above it")
    theirs = message("From: joe@strict.org", "Subject: hello")
    case(sign(theirs, "strict.org"), "pass", True, "strict: the same")
    case(sign(theirs, "sub.strict.org"), "fail", False, "strict: one below")
    nsd.stop()

    stub = Stub({"_dmarc.good.com": {"TXT": ("ok", [txt("v=DMARC1; p=reject")])}, "s._domainkey.good.com": "servfail",
                 "s._domainkey.evil.net": "servfail", "good.com": "nodata"})
    ours = message("From: joe@good.com", "Subject: hello")
    for domain, want in (("good.com", "temperror"), ("evil.net", "fail")):
        found, _ = verify(stub.server, sign(ours, domain), "b@good.com")
        tap.equal((found["result"], found["policy"]), (want, "reject"), f"no answer for the key of {domain}", found)


def over_a_server_that_misbehaves():
    spf = {"TXT": ("ok", [txt(f"v=spf1 ip4:{CLIENT} -all")])}
    record = {"TXT": ("ok", [txt("v=DMARC1; p=reject")])}
    kinds = ("servfail", "refused", "garbage", "wrong-id", "short", "drop")
    rules = {"_dmarc.good.com": record, "good.com": spf, "_dmarc.top": "servfail", "_dmarc.own.top": record,
             "own.top": spf, "x.own.top": spf,
             "_dmarc.stop.top": {"TXT": ("ok", [txt("v=DMARC1; p=reject; psd=n")])}, "x.stop.top": spf,
             "_dmarc.big.com": {"TXT": ("truncate", [txt("v=DMARC1; p=quarantine;" + "x" * 3000)])},
             "_dmarc.mangled.com": {"TXT": ("ok", [b"\x50v=DMARC1", txt("v=DMARC1; p=quarantine")])},
             "_dmarc.np.com": {"TXT": ("ok", [txt("v=DMARC1; p=none; np=reject")])}, "unsure.np.com": "servfail",
             "dead.np.com": "drop", "b.good.com": "servfail"}
    rules.update({f"_dmarc.{k}.com": k for k in kinds})
    stub = Stub(rules)
    server = stub.server
    expect(server, "a@good.com", "b@good.com", "pass", policy="reject")
    for kind in kinds:
        took = expect(server, f"a@{kind}.com", "b@good.com", "temperror", record_domain=None, policy=None)
        tap.ok(took < 5, f"{kind}: within five seconds", took)
        expect(server, f"a@x.{kind}.com", "b@good.com", "temperror")
    expect(server, "a@own.top", "b@own.top", "pass", organizational_domain=None)
    expect(server, "a@own.top", "b@good.com", "fail", policy="reject")
    expect(server, "a@own.top", "b@x.own.top", "temperror", record_domain="own.top")
    expect(server, "a@stop.top", "b@x.stop.top", "pass", organizational_domain="stop.top")
    expect(server, "a@big.com", "b@good.com", "fail", policy="quarantine")
    expect(server, "a@unsure.np.com", "b@good.com", "temperror", record_domain="np.com")
    expect(server, "a@dead.np.com", "b@good.com", "temperror", record_domain="np.com")
    expect(server, "a@gone.np.com", "b@good.com", "fail", policy="reject")
    expect(server, "a@good.com", "b@b.good.com", "temperror")
    found, _ = verify(server, message("From: a@mangled.com"), "b@good.com")
    tap.ok(found["result"] in ("fail", "temperror"), "a malformed TXT record", found)

    stub.asked.clear()
    expect(server, "a@" + "l." * 60 + "good.com", "b@" + "m." * 60 + "good.com", "fail")
    walks = [n for n, _ in stub.asked if n.startswith("_dmarc.")]
    tap.ok(len(set(walks)) <= 16, "eight names for each walk", walks)


def over_nobody():
    took = expect(f"127.0.0.1@{free_port()}", "a@good.com", "b@good.com", "temperror")
    tap.ok(took < 5, "no server: SPF and DMARC within five seconds", took)


tap.run(over_nsd, over_signatures, over_a_server_that_misbehaves, over_nobody)
