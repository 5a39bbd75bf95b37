#!/usr/bin/python3
"""
SPF through `relay-guard verify` and real DNS: an nsd with zones, and servers that are slow, dead, broken or
hostile. usage: spf.py [RELAY-GUARD]
"""
import json
import os
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [f"{TOP}/tests/lib", f"{TOP}/tests/dns"]
from servers import Nsd, Stub, free_port, txt  # noqa: E402
from tap import Tap  # noqa: E402

GUARD = sys.argv[1] if len(sys.argv) > 1 else f"{TOP}/build/relay-guard"
tap = Tap()


def verify(server, client, sender, helo="mx.client.example", message=b"", options=()):
    """(exit code, the spf object, seconds, standard error)"""
    begin = time.monotonic()
    p = subprocess.run([GUARD, "verify", "--client", client, "--helo", helo, "--from", sender, "--resolver", server,
                        "--format", "json", *options], input=message, capture_output=True, timeout=60)
    took = time.monotonic() - begin
    try:
        spf = json.loads(p.stdout)["spf"]
    except (ValueError, KeyError):
        spf = {"result": f"no JSON: {p.stdout!r} {p.stderr!r}", "reason": "", "explanation": None}
    return p.returncode, spf, took, p.stderr.decode()


def expect(server, client, sender, want, reason="", **more):
    code, spf, took, _ = verify(server, client, sender, **more)
    tap.ok(code == 0 and spf["result"] == want and reason in (spf["reason"] or ""),
           f"{client} <{sender}> is {want}", f"exit {code}", spf)
    return spf, took


LONG = "v=spf1 " + " ".join(f"ip4:203.0.113.{i}" for i in range(1, 250)) + " ip4:192.0.2.1 -all"

ZONES = {
    "example.com": """
@ MX 10 mail-a
@ MX 20 mail-b
@ A 192.0.2.10
@ TXT "v=spf1 mx a:alias.example.com include:_spf.example.net exp=why.example.com -all"
@ TXT "something else"
alias CNAME host
host A 192.0.2.11
mail-a A 192.0.2.129
mail-b A 192.0.2.130
mail-b AAAA 2001:db8::130
why TXT "%{i} is none of %{d}'s servers"
long TXT """ + " ".join(f'"{LONG[i:i + 250]}"' for i in range(0, len(LONG), 250)) + """
cnamed CNAME sender
sender TXT "v=spf1 ptr -all"
odd\\.name.mx MX 5 odd\\.label
mx MX 5 odd\\.label.example.com.
mx TXT "v=spf1 mx -all"
*.wild TXT "v=spf1 exists:%{l}.ok.example.com -all"
joe.ok A 127.0.0.2
""",
    "example.net": """
_spf TXT "v=spf1 ip4:198.51.100.0/24 ip6:2001:db8:1::/48 ?all"
mail A 198.51.100.7
""",
    "2.0.192.in-addr.arpa": "77 PTR host.sender.example.com.\n78 PTR host.sender.example.com.",
    "8.b.d.0.1.0.0.2.ip6.arpa": "",
    "127.in-addr.arpa": "1.0.0 PTR me.sender.example.com.",
}
ZONES["example.com"] += "host.sender A 192.0.2.77\nme.sender A 127.0.0.1\n"


def over_nsd():
    nsd = Nsd(ZONES)
    for client, want, reason in [("192.0.2.129", "pass", "mx of example.com"), ("192.0.2.130", "pass", "mx of"),
                                 ("2001:db8::130", "pass", "mx of example.com"),
                                 ("192.0.2.11", "pass", "a:alias.example.com of"),
                                 ("198.51.100.200", "pass", "by include:_spf.example.net"),
                                 ("::ffff:198.51.100.200", "pass", "by include:_spf.example.net"),
                                 ("2001:db8:1::9", "pass", "ip6:2001:db8:1::/48"), ("192.0.2.1", "fail", "-all of")]:
        expect(nsd.server, client, "x@example.com", want, reason)
    spf, _ = expect(nsd.server, "192.0.2.1", "x@example.com", "fail")
    tap.equal(spf["explanation"], "192.0.2.1 is none of example.com's servers", "the explanation")
    tap.equal(spf["identity"], "mailfrom", "the identity")
    spf, _ = expect(nsd.server, "192.0.2.1", "", "fail", helo="example.com")
    tap.equal((spf["identity"], spf["domain"]), ("helo", "example.com"), "the null sender is HELO's")
    expect(nsd.server, "192.0.2.1", "<x@example.com>", "fail")
    expect(nsd.server, "192.0.2.1", "x@long.example.com", "pass", "ip4:192.0.2.1")
    expect(nsd.server, "203.0.113.251", "x@long.example.com", "fail")
    expect(nsd.server, "192.0.2.77", "x@cnamed.example.com", "fail")
    expect(nsd.server, "192.0.2.77", "x@sender.example.com", "pass", "ptr of")
    expect(nsd.server, "192.0.2.78", "x@sender.example.com", "fail")
    expect(nsd.server, "127.0.0.1", "x@sender.example.com", "pass")
    expect(nsd.server, "192.0.2.1", "x@mx.example.com", "fail")
    expect(nsd.server, "192.0.2.1", "joe@a.wild.example.com", "pass")
    expect(nsd.server, "192.0.2.1", "j\\oe@a.wild.example.com", "fail")
    expect(nsd.server, "192.0.2.1", "x@absent.example.com", "none", "does not exist")
    expect(nsd.server, "192.0.2.1", "x@host.example.com", "none", "has no SPF record")
    # A zone that nsd does not have: REFUSED.
    expect(nsd.server, "192.0.2.1", "x@elsewhere.example", "temperror")
    nsd.stop()


def over_a_server_that_misbehaves():
    spf = "v=spf1 ip4:192.0.2.1 -all"
    stub = Stub({
        "slow.example.com": {"TXT": ("slow", 0.3, [txt(spf)])},
        "dead.example.com": "drop",
        "servfail.example.com": "servfail",
        "refused.example.com": "refused",
        "garbage.example.com": "garbage",
        "wrongid.example.com": "wrong-id",
        "short.example.com": {"TXT": ("short", [txt(spf)])},
        "big.example.com": {"TXT": ("truncate", [txt("v=spf1" + " " * 20000 + "-all")])},
        "deada.example.com": {"TXT": ("ok", [txt("v=spf1 ip4:192.0.2.1 a:dead.example.com -all")])},
        "badtxt.example.com": {"TXT": ("ok", [b"\x50short", txt(spf)])},
        "bada.example.com": {"TXT": ("ok", [txt("v=spf1 a -all")]), "A": ("ok", [b"\x01\x02"])},
        "name.test": {"TXT": ("ok", [txt(spf)])},
        "name.invalid": {"TXT": ("ok", [txt(spf)])},
    })
    _, took = expect(stub.server, "192.0.2.2", "x@slow.example.com", "fail")
    tap.ok(0.3 <= took < 0.9, "an answer that took 300 ms is asked for once", took)
    for name in ("dead", "servfail", "refused", "garbage", "wrongid", "short"):
        _, took = expect(stub.server, "192.0.2.2", f"x@{name}.example.com", "temperror")
        tap.ok(took < 8, f"{name}: within twice the deadline", took)
    expect(stub.server, "192.0.2.2", "x@big.example.com", "fail")
    tap.ok(stub.by_tcp > 0, "a truncated answer is asked for by TCP")
    expect(stub.server, "192.0.2.1", "x@deada.example.com", "pass")
    _, took = expect(stub.server, "192.0.2.2", "x@deada.example.com", "temperror", "A of dead.example.com")
    tap.ok(took < 8, "a dead term: within twice the deadline", took)
    code, spf_result, _, _ = verify(stub.server, "192.0.2.2", "x@badtxt.example.com")
    tap.ok(code == 0 and spf_result["result"] in ("fail", "temperror"), "a malformed TXT record", spf_result)
    code, spf_result, _, _ = verify(stub.server, "192.0.2.2", "x@bada.example.com")
    tap.ok(code == 0 and spf_result["result"] in ("fail", "temperror"), "a malformed A record", spf_result)
    # Built-in zones of the library are not in the way.
    expect(stub.server, "192.0.2.1", "x@name.test", "pass")
    expect(stub.server, "192.0.2.1", "x@name.invalid", "pass")
    # All that was asked, was asked here.
    names = {n for n, _ in stub.asked}
    tap.ok(all(n.endswith((".example.com", ".test", ".invalid")) for n in names), "nothing else was asked", names)


def over_nobody():
    _, took = expect(f"127.0.0.1@{free_port()}", "192.0.2.1", "x@example.com", "temperror")
    tap.ok(took < 5, "no server: within five seconds", took)


def hostile():
    """What libspf2 alone dies of (run this with a sanitized binary)."""
    letters = "a" * 6000
    records = {
        "macros": "v=spf1 exists:" + "%{d}" * 127 + letters,
        "expand": "v=spf1 exists:%{d}" + letters + ".%{d} -all",
        "many": "v=spf1 exists:" + "%{S99r-.+,/_=}" * 3000 + " -all",
        "nul": b"v=spf1 a:exa\0mple.com -all",
        "wide": b"v=spf1 a:\xff\xfe.com -all",
        "percent": "v=spf1 exists:%",
        "brace": "v=spf1 exists:%{",
        "terms": "v=spf1 " + "a:x.example.com " * 3000,
        "deep": "v=spf1 include:deep.hostile.example.com",
        "exp": "v=spf1 -all exp=why.hostile.example.com",
        "ff": b"v=spf1 exists:%{l}" + b"\x7f" * 300,
    }
    rules = {f"{k}.hostile.example.com": {"TXT": ("truncate", [txt(v)])} for k, v in records.items()}
    rules["why.hostile.example.com"] = {"TXT": ("truncate", [txt("%{S}%{d}%{ir}" * 127 + letters)])}
    rules["ptr.hostile.example.com"] = {"TXT": ("ok", [txt("v=spf1 ptr exists:%{p}.%{d} mx -all")]),
                                        "MX": ("ok", [b"\0\1" + b"\1" + bytes([c]) + b"\0" for c in range(200)])}
    rules["1.2.0.192.in-addr.arpa"] = {"PTR": ("ok", [b"\1" + bytes([c]) + b"\3hos\0" for c in range(250)])}
    stub = Stub(rules)
    for name in [*records, "ptr"]:
        for sender in (f"x@{name}.hostile.example.com", "%{l}" * 50 + "a" * 400 + f"@{name}.hostile.example.com"):
            code, spf, _, error = verify(stub.server, "192.0.2.1", sender)
            tap.ok(code == 0 and spf["result"] in ("fail", "permerror", "temperror"), f"{name} does no harm", code, spf,
                   error)


def usage():
    for options, want in [
            ([], 64), (["--client", "x"], 64), (["--client", "1.2.3.4", "--resolver", "localhost"], 64),
            (["--client", "1.2.3.4", "--resolver", "127.0.0.1@0"], 64), (["--client", "1.2.3.4", "--nonsense"], 64),
            (["--client", "1.2.3.4", "--format", "xml"], 64), (["--client", "1.2.3.4", "file"], 64),
            (["--client"], 64)]:
        p = subprocess.run([GUARD, "verify", *options], stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
        tap.ok(p.returncode == want and b"usage:" in p.stderr and not p.stdout, f"verify {' '.join(options)}: {want}",
               p.returncode, p.stderr)
    p = subprocess.run([GUARD, "verify", "--client", "192.0.2.1", "--from", "x@single", "--resolver", "127.0.0.1@9"],
                       stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
    tap.ok(p.returncode == 0 and p.stdout.startswith(b"spf: none\n"), "text is the default", p.stdout, p.stderr)


tap.run(over_nsd, over_a_server_that_misbehaves, over_nobody, hostile, usage)
