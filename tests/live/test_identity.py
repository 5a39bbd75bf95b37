#!/usr/bin/python3
"""
Who somebody is, as a real mail server tells it: TLS and its version, client certificates, XCLIENT's login, and
addresses in UTF-8. The server is open to everybody, so whatever is refused is refused by the guard.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_identity.py postfix|sendmail
"""
import hashlib
import os
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import DOMAINS, Guard
from sink import Sink
from smtp import Client
from tap import Tap

STRANGER = "127.0.0.66"
OUTSIDE = "<relaytest@ext.example.net>"
FOLDER = "/etc/test-certificates"
IDN = "exämple.example"
tap = Tap()
sink = Sink(mtas.SINK)
guard = Guard()
name = sys.argv[1]
extra = {
    "postfix": "smtpd_tls_fingerprint_digest = sha256\nsmtputf8_enable = yes\n"
               f"virtual_mailbox_domains = vmail.example, {IDN}, {IDN.encode('idna').decode()}\n"
                "virtual_mailbox_maps = static:all\n",
    "sendmail": "define(`confCERT_FINGERPRINT_ALGORITHM', `sha256')dnl\n",
}[name]
mta = mtas.make(name, milter=("unix:" if name == "postfix" else "local:") + guard.socket, is_open=True, extra=extra)


def openssl(*argv):
    mtas.run("openssl", *argv)


def certificates():
    """Signed by the server's CA: partner, other, expired; by nobody that it knows: forged, with the partner's name."""
    os.makedirs(FOLDER, exist_ok=True)
    for who, subject in (("partner", "/CN=partner.example"), ("other", "/CN=other.example"),
                         ("expired", "/CN=partner.example")):
        base = f"{FOLDER}/{who}"
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", f"{base}.key", "-out", f"{base}.csr")
        openssl("x509", "-req", "-in", f"{base}.csr", "-CA", f"{mta.tls}/ca.pem", "-CAkey", f"{mta.tls}/ca.key",
                "-CAcreateserial", "-days", "-1" if who == "expired" else "30", "-out", f"{base}.pem")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=partner.example",
            "-keyout", f"{FOLDER}/forged.key", "-out", f"{FOLDER}/forged.pem")
    # A CA of the same name that the server does not know.
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=Test CA",
            "-keyout", f"{FOLDER}/evil-ca.key", "-out", f"{FOLDER}/evil-ca.pem")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=partner.example",
            "-keyout", f"{FOLDER}/evil.key", "-out", f"{FOLDER}/evil.csr")
    openssl("x509", "-req", "-in", f"{FOLDER}/evil.csr", "-CA", f"{FOLDER}/evil-ca.pem", "-CAkey", f"{FOLDER}/evil-ca.key",
            "-CAcreateserial", "-days", "30", "-out", f"{FOLDER}/evil.pem")


def fingerprint(who):
    with open(f"{FOLDER}/{who}.pem", encoding="ascii") as f:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(f.read())).hexdigest()


def rules():
    """The sender picks the rule that is tried."""
    subject, issuer = (("partner.example", "Test CA") if name == "postfix" else ("/CN=partner.example", "/CN=Test+20CA"))
    return "".join(f'rule {who} {{ from = {who}@t.example  {criteria}  action = permit }}\n' for who, criteria in (
        ("subject", f'cert = "subject:{subject}"'), ("issuer", f'cert = "issuer:{issuer}"'),
        ("verified", "cert = verified"), ("fingerprint", f'cert = "sha256:{fingerprint("partner").upper()}"'),
        ("pinned", f'cert = "sha256:{fingerprint("forged")}"'),
        ("tls", "tls = yes  client = 127.0.0.66"), ("clear", "tls = no  client = 127.0.0.66"),
        ("tls12", "tls = TLSv1.2  client = 127.0.0.66"), ("tls13", "tls = TLSv1.3  client = 127.0.0.66"),
        ("carol", "login = carol"), ("alice", "login = { alice, alice@example.com }"), ("anyone", "auth = yes"))) + """
        rule inbound { to = @ours  action = permit }
        rule others { action = reject  reply = "550 5.7.1 Relay access denied" }
    """


def permitted(c, senders):
    """Which of the senders may relay in this session, as the guard alone decides."""
    good = set()
    for sender in senders:
        r = c.mail(f"<{sender}@t.example>")
        if not r.ok:
            tap.ok(False, f"{mta.name}: MAIL", r)
            continue
        r = c.rcpt(OUTSIDE)
        if r.ok:
            good.add(sender)
        elif "Relay access denied" not in r.text:
            tap.ok(False, f"{mta.name}: it is the guard that refuses", r)
        c.rset()
    return good


CERT_RULES = {"subject", "issuer", "verified", "fingerprint", "pinned"}
ALL = sorted(CERT_RULES | {"tls", "clear", "tls12", "tls13", "alice", "anyone"})


def tls():
    v12, v13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    # Postfix shows no fingerprint to a milter.
    fp = {"fingerprint"} if name == "sendmail" else set()
    pinned = {"pinned"} if name == "sendmail" else set()
    anyone = {"tls", "tls12", "tls13"}
    cases = (
        ("without TLS", None, None, {"clear"}),
        ("TLSv1.2", v12, None, {"tls", "tls12"}),
        ("TLSv1.3", v13, None, anyone),
        ("the partner's certificate", v13, "partner", anyone | {"subject", "issuer", "verified"} | fp),
        ("the partner's certificate, TLSv1.2", v12, "partner", {"tls", "tls12", "subject", "issuer", "verified"} | fp),
        ("another's certificate", v13, "other", anyone | {"issuer", "verified"}),
        ("a self-signed one with the partner's name", v13, "forged", anyone | pinned),
        ("one of a CA that is not known", v13, "evil", anyone),
        ("one that has expired", v13, "expired", anyone),
    )
    for what, version, who, want in cases:
        with Client(mta.port, source=STRANGER) as c:
            c.ehlo()
            if version is not None:
                r = c.starttls(*((f"{FOLDER}/{who}.pem", f"{FOLDER}/{who}.key") if who else ()), version=version)
                tap.ok(r.ok, f"{mta.name}: {what}: STARTTLS", r)
            tap.equal(sorted(permitted(c, ALL)), sorted(want), f"{mta.name}: {what}: the rules that match")
            c.ehlo("once.more.example")
            tap.equal(sorted(permitted(c, ALL)), sorted(want), f"{mta.name}: {what}: and after another EHLO")
    event = [e for e in guard.events() if e["sender"] == "<pinned@t.example>" and e.get("tls")][-1]
    tap.ok(event["tls"].startswith("TLSv1.3"), f"{mta.name}: the event has the version", event)


def gateway():
    """A partner who is known by a certificate, and sends to anywhere."""
    def sends(who):
        with Client(mta.port, source=STRANGER) as c:
            c.ehlo()
            if who:
                c.starttls(*((f"{FOLDER}/{who}.pem", f"{FOLDER}/{who}.key") if who != "none" else ()))
            c.mail("<subject@t.example>")
            r = c.rcpt("<news@partner-gateway.example>")
            if not r.ok:
                return r.code
            return c.data(f"Subject: gateway {who}\r\n\r\nx\r\n").code

    for who, want in (("partner", 250), (None, 550), ("none", 550), ("forged", 550), ("evil", 550), ("other", 550),
                      ("expired", 550)):
        tap.equal(sends(who), want, f"{mta.name}: the gateway's partner, with certificate {who}")
    tap.ok(sink.wait_for(lambda m: b"Subject: gateway partner" in m[2]), f"{mta.name}: the partner's mail comes out")
    tap.equal([m[1] for m in sink.mails if b"Subject: gateway" in m[2] and b"gateway partner" not in m[2]], [],
              f"{mta.name}: nobody else's does")


def xclient():
    if name != "postfix":
        return
    with Client(mta.port, source=STRANGER) as c:
        c.ehlo()
        tap.equal(permitted(c, ["carol", "anyone"]), set(), "postfix: nobody is logged in")
        tap.ok(c.xclient(LOGIN="carol").ok, "postfix: XCLIENT LOGIN=carol")
        tap.equal(permitted(c, ["carol", "alice", "anyone"]), {"carol", "anyone"}, "postfix: that is carol")
        c.xclient(LOGIN="dave")
        tap.equal(permitted(c, ["carol", "alice", "anyone"]), {"anyone"}, "postfix: and that is not")
        c.xclient(LOGIN="[UNAVAILABLE]")
        tap.equal(permitted(c, ["carol", "alice", "anyone"]), set(), "postfix: nor is nobody")
        c.xclient(ADDR="203.0.113.9", LOGIN="carol")
        tap.equal(permitted(c, ["carol"]), {"carol"}, "postfix: carol from elsewhere")
    event = [e for e in guard.events() if e["sender"] == "<carol@t.example>"][-1]
    tap.equal((event.get("auth"), event.get("client")), ("carol", "203.0.113.9"), "postfix: the event says so", event)


def logins():
    with Client(mta.port, source=STRANGER) as c:
        c.ehlo()
        tap.equal(c.auth("alice", "secret-alice").code, 235, f"{mta.name}: alice logs in")
        tap.equal(permitted(c, ["alice", "carol", "anyone"]), {"alice", "anyone"}, f"{mta.name}: she is alice")


def utf8():
    if name != "postfix":
        return
    inside = [f"<bob@{IDN}>", "<jürgen@example.com>", f"<bob@{IDN.encode('idna').decode()}>", f"<jürgen@{IDN.upper()}>"]
    outside = ["<u@fernwärme.example>", f"<u@www.{IDN}.evil.example>", "<ü%ext.example.net@example.com>",
               f"<u%ext.example.net@{IDN}>", f"<ext.example.net!ü@{IDN}>", f"<@{IDN}:ü@ext.example.net>",
               f"<u@ext.example.net@{IDN}>", "<u@ext\uff0eexample\uff0enet>", "<u@ext\u3002example\u3002net>",
               f"<u@ext.example.net\uff20{IDN}>"]
    for parameters in ("SMTPUTF8", "SMTPUTF8 BODY=8BITMIME"):
        with Client(mta.port, source=STRANGER) as c:
            tap.ok("SMTPUTF8" in c.ehlo().lines, "postfix: SMTPUTF8 is offered")
            c.mail("<absender@fernwärme.example>", parameters)
            for x in inside:
                r = c.rcpt(x)
                tap.ok(r.ok, f"postfix: a stranger gets {x} accepted", r)
            for x in outside:
                r = c.rcpt(x)
                tap.ok(not r.ok, f"postfix: and {x} not", r)
    with Client(mta.port) as c:
        c.ehlo()
        c.mail("<absender@fernwärme.example>", "SMTPUTF8")
        r = c.rcpt("<u@fernwärme.example>")
        tap.ok(not r.ok, "postfix: SMTPUTF8 makes no friend", r)
        c.rset()
        c.mail("<ännchen@t.example>", "SMTPUTF8")
        tap.ok(c.rcpt(f"<ännchen@{IDN}>").ok, "postfix: both in UTF-8")
        tap.ok(c.data("Subject: ü\r\n\r\nü\r\n").ok, "postfix: the message is taken")
    events = guard.events()
    got = [e for e in events if e.get("recipient") == "<u@fernwärme.example>"]
    tap.ok(got and got[-1]["sender"] == "<absender@fernwärme.example>" and got[-1]["reading"] == "relay",
           "postfix: the event has the addresses as they were sent", got[-1:])
    with Client(mta.port, source=STRANGER) as c:
        c.ehlo()
        c.mail("<a@elsewhere.example>")
        r = c.rcpt("<u@fernwärme.example>")
        tap.ok(not r.ok, "postfix: without SMTPUTF8 it is refused too", r)


mta.start()
certificates()
guard.write_conf(rules=rules(), networks="192.0.2.0/24", domains=f"{DOMAINS}, {IDN}", events="permitted = yes")
guard.start()
try:
    tap.run(tls, gateway, logins, xclient, utf8)
finally:
    mta.stop()
    guard.remove()
