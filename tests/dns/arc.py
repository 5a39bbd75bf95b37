#!/usr/bin/python3
"""
ARC through `relay-guard verify` and a real nsd: chains that dkimpy signs, and chains with one fault each, signed by
tests/lib/arcsign.py. usage: arc.py [RELAY-GUARD]
"""
import json
import os
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The folder of this file has a dkim.py: it would hide dkimpy.
sys.path[:1] = []
import dkim  # noqa: E402

sys.path[:0] = [f"{TOP}/tests/lib", f"{TOP}/tests/dns"]
from arcsign import AAR, AMS, AS, Key, Message  # noqa: E402
from servers import Nsd, Stub, txt  # noqa: E402
from tap import Tap  # noqa: E402

GUARD = sys.argv[1] if len(sys.argv) > 1 else f"{TOP}/build/relay-guard"
tap = Tap()

HEADER = """From: Joe Q. Doe <joe@example.org>
To: arc@example.com
Subject:  Example \t of
  folding
Date: Thu, 15 Oct 2015 15:33:45 -0700
Message-ID: <1@example.org>
MIME-Version: 1.0
"""
BODY = "Hey gang, \t \nThis  is a  test message.\t\n--J.\n\n\n"

KEY, OTHER, BIG, SHORT, ED = Key(1024), Key(1024), Key(2048), Key(512), Key(0)


def records():
    p = KEY.p
    keys = {
        "dummy": KEY.record, "other": OTHER.record, "big": BIG.record, "short": SHORT.record, "ed": ED.record,
        "bare": f"p={p}", "revoked": "v=DKIM1; k=rsa; p=", "sha1": f"v=DKIM1; h=sha1; p={p}",
        "sha256": f"v=DKIM1; h=sha1:sha256; p={p}", "web": f"v=DKIM1; s=web; p={p}", "mail": f"v=DKIM1; s=web:email; p={p}",
        "star": f"v=DKIM1; s=*; p={p}", "testing": f"v=DKIM1; t=y; p={p}", "strict": f"v=DKIM1; t=s; p={p}",
        "version": f"v=DKIM2; p={p}", "late": f"p={p}; v=DKIM1", "wrongtype": f"v=DKIM1; k=ed25519; p={p}",
        "unknown": f"v=DKIM1; k=x; p={p}", "twice": f"v=DKIM1; p={p}; p={p}", "notag": "hello", "nop": "v=DKIM1; k=rsa",
        "garbage": "v=DKIM1; p=AAAA", "wsp": f"v=DKIM1 ; k = rsa ; n=some notes; x=y; p = {p[:40]} {p[40:]} ;",
        "a.b": KEY.record,
    }
    zone = ""
    for name, record in keys.items():
        zone += f"{name}._domainkey TXT " + " ".join('"' + record[i:i + 200] + '"' for i in range(0, len(record), 200))
        zone += "\n"
    zone += f'two._domainkey TXT "{OTHER.record}"\ntwo._domainkey TXT "{KEY.record}"\n'
    zone += "nodata._domainkey A 192.0.2.1\nalias._domainkey CNAME dummy._domainkey\n"
    return zone.replace(";", "\\;")


def message():
    return Message(HEADER, BODY)


def verify(server, text, form="json"):
    p = subprocess.run([GUARD, "verify", "--client", "192.0.2.1", "--helo", "h", "--from", "", "--resolver", server,
                        "--receiver", "mx.example.com", "--format", form], input=text, capture_output=True, timeout=60)
    try:
        return json.loads(p.stdout)
    except ValueError:
        return {"arc": {"result": f"no JSON: {p.stdout!r} {p.stderr!r}", "reason": "", "instances": -1}}


def ask(text):
    return verify(nsd.server, text)["arc"]


def expect(text, want, what, reason="", instances=None):
    if isinstance(text, Message):
        text = text.text()
    arc = ask(text)
    tap.ok(arc["result"] == want and reason in arc["reason"] and instances in (None, arc["instances"]),
           f"{what}: {want}", arc)
    return arc


def one(what, want="pass", reason="", **t):
    """A chain of one set, then of two, the second with the difference."""
    key = t.pop("key", KEY)
    expect(message().seal(key, **t), want, f"{what}, in the first set", reason, None)
    expect(message().seal(OTHER, s="other").seal(key, **t), want, f"{what}, in the second set", reason)


def chains():
    plain = message()
    expect(plain.text(), "none", "no set", instances=0)
    for n in range(1, 6):
        plain.seal([KEY, BIG, ED][n % 3], s=["dummy", "big", "ed"][n % 3], seal={"d": "example.org"})
        arc = expect(plain, "pass", f"{n} sets", instances=n)
        tap.equal((arc["oldest_pass"], arc["sealers"]), (0, ["example.org"] * n), "unchanged, and the sealers")
    expect(plain.text().replace(b"\r\n", b"\n"), "pass", "lines with LF", instances=5)
    text = plain.text()
    expect(text.replace(b"gang", b"band"), "fail", "another body", "the body was changed", 5)
    expect(text + b"\r\n\r\n", "pass", "empty lines at the end")
    expect(text.replace(b"Subject: ", b"Subject: x"), "fail", "another Subject", "not a signature of its key")
    expect(text.replace(b"Message-ID: <1", b"Message-ID: <2"), "pass", "another field that is not signed")
    expect(text.replace(b"dmarc=pass", b"dmarc=fail", 1), "fail", "another result in the newest set", "ARC-Seal of instance 5")
    many = message()
    for _ in range(50):
        many.seal(ED, s="ed")
    expect(many, "pass", "fifty sets", instances=50)
    many.seal(ED, s="ed")
    expect(many, "fail", "one set more", "not a number from 1 to 50", 50)


def changed_on_the_way():
    m = message().seal(KEY).seal(KEY)
    m.body = m.body.replace(b"gang", b"band")
    m.seal(KEY).seal(KEY)
    arc = expect(m, "pass", "changed between the sets 2 and 3", "unchanged since instance 3", 4)
    tap.equal(arc["oldest_pass"], 3, "the oldest that passes")
    m = message().seal(KEY).seal(KEY, raw={AMS: " i=2; nonsense=x"}).seal(KEY)
    arc = expect(m, "pass", "an older message signature that can't be evaluated", instances=3)
    tap.equal(arc["oldest_pass"], 3, "the oldest that passes")
    m = message().seal(KEY, ams={"l": "5"}).seal(KEY, ams={"l": "7"}).seal(KEY, ams={"l": "5"})
    arc = expect(m, "pass", "l= in every set", instances=3)
    tap.equal(arc["oldest_pass"], 3, "an older l= is not looked at")
    result = verify(nsd.server, m.text())["authentication_results"]
    tap.ok("arc=pass header.oldest-pass=3 smtp.remote-ip=192.0.2.1" in result, "in Authentication-Results", result)


def by_dkimpy():
    """Signed and sealed by another's code, twice."""
    text = message().text()
    found = b"Authentication-Results: lists.example.org; spf=pass smtp.mailfrom=joe@example.org; dkim=none"
    for n in range(1, 4):
        result = found if n == 1 else found + b"; arc=pass"
        sets = dkim.arc_sign(result + b"\r\n" + text, b"big", b"example.org", BIG.pem, b"lists.example.org",
                             include_headers=[b"from", b"to", b"subject", b"date", b"cc"])
        tap.equal(len(sets), 3, f"dkimpy made set {n}")
        text = b"".join(sets) + text
        expect(text, "pass", f"{n} sets of dkimpy", instances=n)
    expect(text.replace(b"Hey", b"hey"), "fail", "of dkimpy, changed")
    expect(text.replace(b"spf=pass", b"spf=fail"), "fail", "of dkimpy, other results")


def structure():
    for kind in (AAR, AMS, AS):
        one(f"no {kind}", "fail", "is missing", raw={kind: None})
        m = message().seal(KEY)
        for name, value in list(m.fields):
            if name.decode() == kind:
                m.fields.insert(0, (name, value))
        expect(m, "fail", f"{kind} twice", "there are two")
    expect(message().seal(KEY, i=2), "fail", "a chain that begins with 2", "instance 1: it is missing")
    m = message().seal(KEY).seal(KEY, i=3)
    expect(m, "fail", "a gap", "instance 2: it is missing")
    expect(b"ARC-Seal: i=1; cv=none; a=rsa-sha256; d=x.example; s=y; b=AAAA\r\n" + message().text(), "fail",
           "a seal alone", "is missing")
    expect(b"ARC-Authentication-Results: i=1; x.example; none\r\n" + message().text(), "fail", "results alone")
    for bad in ("0", "51", "100", "-1", "a", "1a", "1.0", "", "001", "+1", "1 1", "0x1", "99999999999999999999"):
        one(f"i={bad} of the results", "fail", raw={AAR: f" i={bad}; x.example; none"})
        one(f"i={bad} of the signature", "fail", ams={"i": bad})
        one(f"i={bad} of the seal", "fail", seal={"i": bad})
    one("no i= in the signature", "fail", ams={"i": None})
    one("no i= in the seal", "fail", seal={"i": None})
    for bad in (" x.example; i=1; none", " i=1", " I=1; x.example; none", " i; x.example", ""):
        expect(message().seal(KEY, raw={AAR: bad}), "fail", f"results `{bad}`")
    for good in ("i=1; x.example; none", "  i = 1 ; x.example; none", "\r\n\ti=1;\r\n\tx.example;\r\n\tnone",
                 " (c) i (d) = (e) 1 (f) ; x.example", " i=01; x.example", " i=1;", " i=1; ;; spf=pass; spf=pass; \""):
        expect(message().seal(KEY, raw={AAR: good}), "pass", f"results `{good!r}`")
    m = message().seal(KEY).seal(KEY)
    m.fields = m.fields[2:5] + m.fields[:2] + m.fields[5:]
    expect(m, "pass", "the fields in another order")
    m.fields = m.fields[6:] + m.fields[:6]
    expect(m, "pass", "the fields at the end of the header")
    m = message().seal(KEY)
    m.fields = [(n.upper(), v) for n, v in m.fields]
    expect(m, "pass", "names in capitals")


def cv():
    for i, good in ((1, "none"), (2, "pass")):
        for value in ("none", "pass", "fail", "None", "NONE", "Pass", "", "x", "none pass", None, "policy"):
            m = message()
            if i == 2:
                m.seal(KEY)
            expect(m.seal(KEY, seal={"cv": value}), "pass" if value == good else "fail", f"cv={value} of set {i}")
    m = message().seal(KEY, seal={"cv": "fail"}).seal(KEY)
    expect(m, "fail", "cv=fail of an older set")
    m = message().seal(KEY).seal(KEY, seal={"cv": "none"}).seal(KEY)
    expect(m, "fail", "cv=none of set 2 of 3", "cv= is not pass")
    expect(message().seal(KEY, seal={"cv": "(a) none (b)"}), "pass", "cv= with comments")


def tags():
    for who in ("ams", "seal"):
        for tag in ("a", "b", "d", "s") + (("bh", "h") if who == "ams" else ("cv",)):
            one(f"no {tag}= ({who})", "fail", **{who: {tag: None}})
            one(f"{tag}= empty ({who})", "fail", **{who: {tag: ""}})
        form = who + "_form"
        one(f"a semicolon at the end ({who})", **{form: " @TAGS@;"})
        one(f"a semicolon and space at the end ({who})", **{form: " @TAGS@ ; \r\n\t"})
        one(f"a fold in front ({who})", **{form: "\r\n\t@TAGS@\r\n\t"})
        one(f"two semicolons ({who})", "fail", **{form: " @TAGS@;;"})
        one(f"a semicolon in front ({who})", "fail", **{form: " ;@TAGS@"})
        one(f"a tag without a value ({who})", **{form: " @TAGS@; y="})
        one(f"a tag without an equals sign ({who})", "fail", **{form: " @TAGS@; y"})
        one(f"a tag without a name ({who})", "fail", **{form: " @TAGS@; =x"})
        one(f"a name that begins with a digit ({who})", "fail", **{form: " @TAGS@; 1x=y"})
        one(f"a name with a dash ({who})", "fail", **{form: " @TAGS@; x-y=z"})
        one(f"an unknown tag ({who})", **{form: " @TAGS@; xy_9=z 1 =;"})
        one(f"an unknown tag twice ({who})", "fail", **{form: " @TAGS@; y=1; y=1"})
        for twice in ("i=1", "d=example.org", "s=dummy", "t=12345", "b=AAAA"):
            one(f"{twice[0]}= twice ({who})", "fail", **{form: f" @TAGS@; {twice}"})
        one(f"spaces around equals signs ({who})", **{form: " y = x ; @TAGS@"})
        one(f"a control character ({who})", "fail", **{form: " @TAGS@; y=\x01"})
        one(f"UTF-8 ({who})", **{form: " @TAGS@; y=ü"})
        one(f"capital names ({who})", "fail", **{who: {"d": None, "D": "example.org"}})
        one(f"spaces in b= ({who})", **{who + "_b": lambda b: "\r\n\t".join(b[i:i + 30] for i in range(0, 172, 30))})
        one(f"b= cut off ({who})", "fail", **{who + "_b": lambda b: b[:-8]})
        one(f"b= is not base64 ({who})", "fail", **{who + "_b": lambda b: "!" + b[1:]})
        one(f"b= of another key ({who})", "fail", "not a signature", **{who + "_key": OTHER})
        one(f"no t= ({who})", **{who: {"t": None}})
        one(f"t= is no number ({who})", "fail", **{who: {"t": "x"}})
        one(f"t= is empty ({who})", "fail", **{who: {"t": ""}})
        for a in ("rsa-sha1", "RSA-SHA256", "rsa", "rsa-sha512", "dsa-sha256", "sha256"):
            one(f"a={a} ({who})", "fail", "a= is not", **{who: {"a": a}})
        one(f"rsa-sha1, rightly signed ({who})", "fail", **{who: {"a": "rsa-sha1"}, who + "_hash": "sha1"})
        one(f"a= of another kind of key ({who})", "fail", **{who: {"a": "ed25519-sha256"}})
        one(f"another d= ({who})", "fail", "no key", **{who: {"d": "example.com"}})
        one(f"d= in capitals ({who})", **{who: {"d": "EXAMPLE.org"}})
        one(f"d= is no name ({who})", "fail", **{who: {"d": "exa mple.org"}})
        one(f"another s= ({who})", "fail", "no key", **{who: {"s": "absent"}})
        one(f"s= with a dot ({who})", **{who: {"s": "a.b"}})
        one(f"v=1 ({who})", **{who: {"v": "1"}})
        one(f"v=2 ({who})", **{who: {"v": "2"}})
    one("h= in a seal", "fail", "h=", seal={"h": "from"})
    one("an empty h= in a seal", "fail", "h=", seal={"h": ""})
    one("c=, bh= and l= in a seal are not looked at", seal={"c": "x", "bh": "y", "l": "z"})


def message_signature():
    for c in ("simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed", "simple", "relaxed", None):
        one(f"c={c}", ams={"c": c})
    m = message().seal(KEY, ams={"c": "simple/simple"})
    expect(m.text().replace(b"To: arc", b"To:  arc"), "fail", "simple: white space in the header")
    expect(m.text().replace(b"to:subject", b"to: subject"), "fail", "simple: white space in the signature")
    expect(m.text().replace(b"test ", b"test  "), "fail", "simple: white space in the body", "the body was changed")
    m = message().seal(KEY)
    expect(m.text().replace(b"To: arc", b"TO :  \tarc"), "pass", "relaxed: white space in the header")
    expect(m.text().replace(b"test ", b"test  ").replace(b"--J.", b"--J. "), "pass", "relaxed: white space in the body")
    for c in ("", "x", "relaxed/x", "x/simple", "relaxed/", "/relaxed", "Relaxed/relaxed", "relaxed/relaxed/relaxed"):
        one(f"c={c}", "fail", ams={"c": c})
    for h in ("from", "From:To", "FROM : To:subject", "from:from:to:x-absent:to", "from:to\r\n :date",
              "from:message-id:mime-version:arc-authentication-results", "from:arc-message-signature"):
        one(f"h={h!r}", ams={"h": h})
    for h in ("to:subject", "arc-seal:from", "from:ARC-Seal", ":from", "from::to", "from:"):
        one(f"h={h}", "fail", "h=", ams={"h": h})
    m = message()
    m.fields += [(b"X-A", b" 1"), (b"X-A", b" 2"), (b"X-A", b" 3")]
    m.seal(KEY, ams={"h": "x-a:from:X-A"})
    expect(m, "pass", "the last fields of a name are signed")
    expect(m.text().replace(b"X-A: 1", b"X-A: 9"), "pass", "and not the first")
    expect(m.text().replace(b"X-A: 2", b"X-A: 9"), "fail", "the second of three is signed")
    m = message().seal(KEY, ams={"h": "from:from:to"})
    m.fields.insert(0, (b"From", b" <other@example.org>"))
    expect(m, "fail", "a From that was signed as absent")
    for bh in ("AAAA", "!", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="):
        one(f"bh={bh}", "fail", ams={"bh": bh})
    one("l= of all", ams={"l": "20", "c": "relaxed/relaxed"})
    expect(message().seal(KEY, ams={"l": "5"}).text() + b"more\r\n", "pass", "more than l= behind it",
           "leaves a part of the body unsigned")
    one("l=0", ams={"l": "0"})
    one("l= beyond the body", "fail", "l=", ams={"l": "1000"})
    one("l= is no number", "fail", "l=", ams={"l": "x"})
    one("q=dns/txt", ams={"q": "dns/txt"})
    one("q= with others", ams={"q": "x:dns/txt"})
    one("q= unknown", "fail", "q=", ams={"q": "http"})
    one("x= to come", ams={"x": int(time.time()) + 3600})
    one("x= over", "fail", "expired", ams={"x": int(time.time()) - 3600})
    one("x= before t=", "fail", "x=", ams={"x": "12344"})
    one("x= of a seal is not looked at", seal={"x": "12344"})
    empty = Message(HEADER, "")
    expect(empty.seal(KEY), "pass", "an empty body, relaxed")
    expect(Message(HEADER, "").seal(KEY, ams={"c": "simple/simple"}), "pass", "an empty body, simple")
    expect(Message(HEADER, "\n\n\n").seal(KEY, ams={"c": "simple/simple"}), "pass", "empty lines alone, simple")
    expect(Message(HEADER, "x" * 300000 + " \n" * 9).seal(KEY), "pass", "a long line")


def keys():
    for s in ("dummy", "bare", "sha256", "mail", "star", "testing", "strict", "wsp", "two", "alias"):
        one(f"key {s}", s=s)
    for s in ("revoked", "sha1", "web", "version", "late", "wrongtype", "unknown", "twice", "notag", "nop", "garbage",
              "nodata", "absent", "other"):
        one(f"key {s}", "fail", s=s)
    one("RSA of 2,048 bits", key=BIG, s="big")
    one("RSA of 512 bits", "fail", "512 bits", key=SHORT, s="short")
    one("Ed25519", key=ED, s="ed")
    expect(message().seal(KEY, ams={"s": "other"}, ams_key=OTHER), "pass", "another key for the seal")


def dns_errors():
    m = message().seal(KEY, s="dummy").seal(OTHER, s="other")
    records_ok = {"dummy._domainkey.example.org": {"TXT": ("ok", [txt(KEY.record)])},
                  "other._domainkey.example.org": {"TXT": ("ok", [txt(OTHER.record)])}}
    stub = Stub(records_ok)
    arc = verify(stub.server, m.text())["arc"]
    tap.equal(arc["result"], "pass", "by another server")
    tap.equal(len([n for n, _ in stub.asked if "_domainkey" in n]), 2, "each key is asked for once")
    for kind in ("servfail", "drop", "refused"):
        stub = Stub({**records_ok, "dummy._domainkey.example.org": kind})
        begin = time.monotonic()
        found = verify(stub.server, m.text())
        arc, results = found["arc"], found["authentication_results"]
        tap.ok(arc["result"] == "fail" and "TXT of dummy" in arc["reason"], f"{kind}: fail, and says why", arc)
        tap.ok("arc=temperror" in results, f"{kind}: temperror in Authentication-Results", results)
        tap.ok(time.monotonic() - begin < 6, f"{kind}: in time")
    stub = Stub({k: {"TXT": ("slow", 0.3, v["TXT"][1])} for k, v in records_ok.items()})
    begin = time.monotonic()
    tap.equal(verify(stub.server, m.text())["arc"]["result"], "pass", "slow answers")
    tap.ok(time.monotonic() - begin < 0.9, "are waited for at once", time.monotonic() - begin)


def many_keys():
    """Twenty keys are looked up, those of the seals first."""
    names = [f"k{i}" for i in range(30)]
    for sets, want in ((10, "pass"), (11, "pass"), (19, "pass"), (20, "fail")):
        stub = Stub({f"{s}._domainkey.example.org": {"TXT": ("ok", [txt(ED.record)])}
                     for s in [f"a{n}" for n in names] + [f"s{n}" for n in names]})
        m = message()
        for name in names[:sets]:
            m.seal(ED, ams={"s": "a" + name}, seal={"s": "s" + name})
        arc = verify(stub.server, m.text())["arc"]
        asked = {n for n, _ in stub.asked if "_domainkey" in n}
        tap.ok(arc["result"] == want and len(asked) <= 20, f"{sets} sets, {2 * sets} keys: {want}", arc, len(asked))


def hostile():
    junk = message().text()
    many = b"".join(b"ARC-Seal: i=%d; cv=pass; a=rsa-sha256; d=example.org; s=dummy; b=AAAA\r\n"
                    b"ARC-Message-Signature: i=%d; a=rsa-sha256; d=example.org; s=dummy; h=from%s; bh=%s; b=AAAA\r\n"
                    b"ARC-Authentication-Results: i=%d; x\r\n" %
                    (i, i, b":from" * 8000, b"A" * 43 + b"=", i) for i in range(1, 51))
    begin = time.monotonic()
    expect(many + junk, "fail", "fifty sets with long h=")
    tap.ok(time.monotonic() - begin < 3, "in time", time.monotonic() - begin)
    expect(b"ARC-Seal: " + b"a" * 900000 + b"\r\n" + junk, "fail", "a long field")
    expect(b"ARC-Seal: i=1\r\n" * 9000 + junk, "fail", "9,000 seals")
    expect(b"ARC-Authentication-Results: " + b"(" * 50000 + b"\r\n" + junk, "fail", "a comment without an end")
    expect(b"ARC-Seal: i=1; d=\0; s=\xff; b=\x80\r\n" + junk, "fail", "bytes")


def as_text():
    p = subprocess.run([GUARD, "verify", "--client", "192.0.2.1", "--resolver", nsd.server],
                       input=message().seal(KEY).text(), capture_output=True, timeout=60)
    tap.ok(b"\narc: pass\n" in p.stdout and b"sealer       example.org" in p.stdout, "as text", p.stdout)


nsd = Nsd({"example.org": records(), "example.com": ""})
tap.run(chains, changed_on_the_way, by_dkimpy, structure, cv, tags, message_signature, keys, dns_errors, many_keys,
        hostile, as_text)
