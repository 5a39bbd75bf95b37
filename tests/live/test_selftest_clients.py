#!/usr/bin/python3
"""
How the self-test comes to be somebody through a real mail server: by each way to log in, with a certificate, over IPv6,
and by the PROXY protocol.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_selftest_clients.py postfix|sendmail
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import BINARY, Guard
from tap import Tap

# As each mail server tells the name.
SUBJECT = {"postfix": "client.example.net", "sendmail": "/CN=client.example.net"}[sys.argv[1]]
RULES = """
    rule inbound { to = @ours action = permit }
    rule office  { client = @friends action = permit }
    rule login   { auth = yes action = permit }
    rule partner { cert = "subject:%s" action = permit }
    rule other   { cert = "subject:somebody.else.example" action = permit }
    rule others  { action = reject }
""" % SUBJECT
STRANGER_6 = "fd00:1::66"
tap = Tap()
guard = Guard(rules=RULES)
mta = mtas.make(sys.argv[1], milter=f"unix:{guard.socket}", is_open=True)
CERT = ("--cert", f"{mta.tls}/client.pem", "--key", f"{mta.tls}/client.key")


def run(*options, conf=True, password="secret-alice", port=None, at=None, where=None):
    if where is None:
        where = () if mta.name == "postfix" else ("--source", "127.0.0.66")
    done = subprocess.run(
        [BINARY, "selftest", "--smtp", at or f"127.0.0.1:{port or mta.port}", "--domain", "example.com",
         *(("-c", guard.conf) if conf else ()), *where, *options], capture_output=True, timeout=60,
        env=dict(os.environ, RELAY_GUARD_PASSWORD=password))
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode()


def rows(*options, **more):
    code, out, err = run("--format", "json", *options, **more)
    return code, json.loads(out) if out else {"rows": [], "notes": []}, err


def wrong(report):
    return [(r["where"], r["actor"], r["probe"], r["got"], r.get("reply") or r.get("error"))
            for r in report["rows"] if not r["right"]][:6]


def each_way_to_log_in():
    code, report, err = rows("--auth-user", "alice")
    tap.equal((code, wrong(report)), (0, []), f"{mta.name}: all rows are right", err)
    mechs = {(r["mech"], r["got"]) for r in report["rows"] if r["actor"] == "login"}
    tap.equal(mechs, {(m, "accepted") for m in ("PLAIN", "LOGIN", "CRAM-MD5")}, f"{mta.name}: by each that is offered")
    seen = {e.get("auth_mech") for e in guard.events() if e.get("auth", "").startswith("alice")}
    tap.equal(seen - {None}, set(), f"{mta.name}: nothing of it was refused")
    code, out, err = run("--auth-user", "alice", "--transcript", password="not-it")
    tap.equal(code, 1, f"{mta.name}: a password that is none fails", out[-800:], err)
    tap.ok("AUTH LOGIN" in out and "AUTH CRAM-MD5" in out, "what was said is shown", out[-3000:])
    # The password, and the same in base64; and the user's name in base64.
    tap.ok("not-it" not in out and "bm90LWl0" not in out and "C: YWxpY2U=" not in out, "what is secret is not")


def a_certificate():
    code, report, err = rows(*CERT)
    tap.equal((code, wrong(report)), (0, []), f"{mta.name}: all rows are right with a certificate", err)
    tried = {(r["actor"], r["where"].partition(" ")[2], r["got"]) for r in report["rows"]
             if r["actor"] in ("partner", "other")}
    tap.equal(tried, {("partner", "STARTTLS", "accepted")}, f"{mta.name}: who shows it under TLS may relay")
    tap.ok(any("rule other" in n and "another certificate" in n for n in report["notes"]), "another is not tried",
           report["notes"])
    code, report, err = rows()
    tap.ok(any("rule partner" in n and "--cert" in n for n in report["notes"]), "without one it is told what to give",
           report["notes"])
    code, out, err = run("--cert", "/nonexistent.pem", "--key", "/nonexistent.key")
    tap.ok(code == 66 and "/nonexistent.pem" in err, "a file that is not there", code, err)
    code, out, err = run("--cert", CERT[1], "--key", "/etc/passwd")
    tap.ok(code == 66 and "/etc/passwd" in err, "a file that is no key", code, err)
    code, out, err = run("--cert", CERT[1])
    tap.equal(code, 64, "one without the other", err)


def by_ipv6():
    """A listener on IPv6: any client by XCLIENT, or a stranger from an address of this host."""
    subprocess.run(["ip", "-6", "address", "add", STRANGER_6, "dev", "lo", "nodad"], check=True)
    at, source = f"[::1]:{mta.port}", ("--source", STRANGER_6)
    if mta.name == "postfix":
        mta.services = f"[::1]:{mta.port} inet n - n - 100 smtpd\n"
        mta.extra = "smtpd_authorized_xclient_hosts = [::1]\n"
        mta.reconfigure(milter=mta.milter, is_open=True)
        mtas.wait_for_port(mta.port, host="::1")
        code, report, err = rows(at=at, where=())
        tap.equal((code, wrong(report)), (0, []), "XCLIENT over IPv6: all rows are right", err)
        clients = {(r["actor"], r["client"]) for r in report["rows"] if r["where"] == at}
        tap.ok({("stranger-v4", "203.0.113.9"), ("stranger-v6", "2001:db8::9"), ("office", "::1")} <= clients,
               "XCLIENT over IPv6: strangers of both families, and a friend", clients)
    code, report, err = rows("--auth-user", "alice", at=at, where=source)
    tap.equal((code, wrong(report)), (0, []), f"{mta.name}: all rows are right over IPv6", err)
    clients = {(r["actor"], r["client"]) for r in report["rows"]}
    tap.ok({("stranger-v6", STRANGER_6), ("office", "::1"), ("login", STRANGER_6)} <= clients,
           f"{mta.name}: a stranger and a friend over IPv6", clients)


def by_proxy():
    """Postfix behind a proxy: whoever the header names is who comes."""
    if mta.name != "postfix":
        return
    mta.services = "127.0.0.1:10587 inet n - n - 100 smtpd -o smtpd_upstream_proxy_protocol=haproxy\n"
    mta.extra = "smtpd_authorized_xclient_hosts =\n"
    guarded = mta.milter
    mta.reconfigure(milter=guarded, is_open=True)
    mtas.wait_for_port(10587)
    for version in ("v1", "v2"):
        code, report, err = rows("--proxy", version, port=10587)
        tap.equal((code, wrong(report)), (0, []), f"PROXY {version}: all rows are right", err)
        clients = {(r["actor"], r["client"]) for r in report["rows"]}
        tap.ok({("stranger-v4", "203.0.113.9"), ("stranger-v6", "2001:db8::9")} <= clients and
               any(a == "office" and c.startswith("127.") for a, c in clients),
               f"PROXY {version}: strangers and friends of both families", clients)
    events = {e.get("client") for e in guard.events()}
    tap.ok({"203.0.113.9", "2001:db8::9"} <= events, "the guard sees them too", events)
    mta.reconfigure(milter=None, is_open=True)
    code, report, err = rows("--proxy", "v1", port=10587, conf=False)
    tap.equal(code, 1, "Postfix behind a proxy is open, and that is found", err)
    code, out, err = run("--proxy", "v3", port=10587)
    tap.equal(code, 64, "there is no third", err)


mta.start()
guard.start()
try:
    tap.run(each_way_to_log_in, a_certificate, by_ipv6, by_proxy)
finally:
    mta.stop()
    guard.remove()
