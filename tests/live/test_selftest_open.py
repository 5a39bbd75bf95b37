#!/usr/bin/python3
"""
Mail servers that are open, each in another way: the self-test fails and names the line of the configuration that lets
strangers in; where no probe of it could know the way, the audit does.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_selftest_open.py postfix|sendmail
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import BINARY
from sink import Sink
from tap import Tap

tap = Tap()
# One of each kind; tests/live/postfix_audit.py has them all.
POSTFIX = {
    "mynetworks holds the world", "mynetworks with a public /8", "mynetworks in a cidr table", "permit in a class",
    "a static OK", "clients by an octet", "clients without a name", "a name in HELO",
    "our own domain as the sender", "postmaster everywhere", "relay_domains with a top-level domain",
    "relay_domains by a pattern", "mydestination that matches everything, sent on",
    "a catch-all that rewrites to elsewhere", "recipients with a domain in their name",
    "virtual_mailbox_domains that match everything, sent on", "one listener trusts the world",
    "one listener has lists of its own", "any certificate", "an address in HELO", "a gateway of subdomains",
    "relay_domains in a table", "clients by cidr",
}
ONLY_AUDITED = {"a name in HELO", "recipients with a domain in their name", "a sender that may relay",
                "a sender's domain that may relay", "a public suffix in a file", "any certificate", "an address in HELO",
                "a gateway of subdomains", "whoever is below a sender's domain", "a sender's domain, said twice",
                "a sender's domain alone"}
# Nothing but to take the line away.
UNWRITTEN = {"rule-permits-all"}


def selftest(port, *options):
    done = subprocess.run([BINARY, "selftest", "--smtp", f"127.0.0.1:{port}", "--domain", "example.com", "--outside",
                           "ext.example.net", "--format", "json", *options], capture_output=True, timeout=60)
    out = done.stdout.decode("utf-8", "replace")
    return done.returncode, json.loads(out) if out else {"rows": []}, done.stderr.decode()


def judge(name, c, audited, report, err):
    """Found by the self-test, and its rows name the line; or, where no probe could know the way, found by the audit."""
    wrong = [r for r in report["rows"] if not r["right"]]
    blamed = {(r.get("by_finding"), text_at(r.get("by_line"))) for r in wrong}
    if c.name in ONLY_AUDITED:
        hits = {(f["id"], text_at(f"{f['file']}:{f['line']}")) for f in audited["findings"] if f["severity"] == c.severity}
        tap.equal(wrong, [], f"{name}: no row knows the way", err)
        tap.ok(any(f == c.find and c.at in text for f, text in hits), f"{name}: the audit finds {c.find}", hits)
        return
    tap.ok(wrong and all(r["probe"] != "guard-is-asked" for r in wrong), f"{name}: the self-test finds it", err,
           report["rows"][:2])
    tap.ok(blamed and all(f == c.find and c.at in text for f, text in blamed), f"{name}: and names {c.find}", c.at, blamed)
    tap.ok(wrong and all(r.get("instead") for r in wrong if r["by_finding"] not in UNWRITTEN),
           f"{name}: and what to write instead", wrong[:1])


def text_at(place):
    """The line of the file that a row names."""
    path, _, line = (place or "").rpartition(":")
    if not line.isdigit() or int(line) == 0:
        return ""
    with open(path, errors="replace") as f:
        return f.read().split("\n")[int(line) - 1]


def postfix():
    from postfix_audit import Server, audit
    from postfix_cases import OPEN
    server = Server()
    tap.equal(POSTFIX - {c.name for c in OPEN}, set(), "postfix: all of them are known")
    for c in OPEN:
        if c.name in POSTFIX:
            server.load(c.main(), c.master_cf(), c.files, c.postmap)
            # Again: the lines have moved.
            code, audited = audit()
            code, report, err = selftest(server.port)
            judge(f"postfix: {c.name}", c, audited, report, err)
    server.postfix.stop()


def sendmail():
    from sendmail_audit import STRANGER, Server, audit, prepare
    from sendmail_cases import OPEN
    server = Server()
    prepare()
    for c in OPEN:
        if not c.live or c.severity != "high":
            continue
        server.load(c.mc, c.access, c.files, c.edit)
        code, audited, err = audit()
        server.serve()
        code, report, err = selftest(server.port, "--source", STRANGER)
        judge(f"sendmail: {c.name}", c, audited, report, err)
    server.stop()


Sink(mtas.SINK)
tap.run({"postfix": postfix, "sendmail": sendmail}[sys.argv[1]])
