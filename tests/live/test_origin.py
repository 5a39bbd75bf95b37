#!/usr/bin/python3
"""
Where mail comes from, before a real mail server and with a real name server: what is refused, held and marked,
the fields that are written and removed, and DNS that does not answer.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_origin.py postfix|sendmail
"""
import base64
import os
import subprocess
import sys
import time

for folder in ("lib", "dns"):
    sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", folder))
import dkim
import mta as mtas
import servers
from guard import Guard
from sink import Sink
from smtp import Client
from tap import Tap

STRANGER = "127.0.0.66"
TO = "<bob@gateway.example>"
ZONES = {
    "net": "",  # where the walk of DMARC ends
    "good.net": f'@ IN TXT "v=spf1 ip4:{STRANGER} -all"',
    "bad.net": '@ IN TXT "v=spf1 -all"',
    "soft.net": '@ IN TXT "v=spf1 include:other.soft.net ~all"\nother IN TXT "v=spf1 ip4:203.0.113.9 -all"',
}


def key(bits):
    """A private key in PEM, and the record of the public one, in strings of a zone file."""
    pem = subprocess.run(["openssl", "genrsa", "-traditional", str(bits)], capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=pem, capture_output=True,
                         check=True).stdout
    text = "v=DKIM1; k=rsa; p=" + base64.b64encode(der).decode()
    return pem, " ".join(f'"{text[i:i + 200]}"' for i in range(0, len(text), 200))


KEY, RECORD = key(2048)
ZONES["signed.net"] = (f'@ IN TXT "v=spf1 -all"\ns1._domainkey IN TXT ( {RECORD} )\n'
                       '_dmarc IN TXT "v=DMARC1; p=reject"')
ZONES["lists.net"] = f'@ IN TXT "v=spf1 ip4:{STRANGER} -all"\ns1._domainkey IN TXT ( {RECORD} )'
ZONES["quiet.net"] = '@ IN TXT "v=spf1 -all"\n_dmarc IN TXT "v=DMARC1; p=quarantine"'
ZONES["example.com"] = '@ IN TXT "v=spf1 ip4:203.0.113.9 -all"'
tap = Tap()
sink = Sink(mtas.SINK)
nsd = servers.Nsd(ZONES)
dead = servers.Stub({name: "drop" for name in ("good.net", "slow.net")})


def settings(server, spf="fail = reject  softfail = tag  temperror = note"):
    return f"""
resolver {{ forward = "{server}"  deadline = 3s  timeout = 2s }}
spf {{ {spf} }}
authentication {{ authserv-id = mx.example.com }}
"""


guard = Guard(top=settings(nsd.server))
mta = mtas.make(sys.argv[1], milter=("unix:" if sys.argv[1] == "postfix" else "local:") + guard.socket)
number = 0


def send(sender, fields="", source=STRANGER, login=None, body="text\r\n", sign=None, change=lambda text: text):
    """Sends one message; its Subject, the reply to it, and how long that took."""
    global number
    number += 1
    with Client(mta.port, source=source) as c:
        c.ehlo()
        if login:
            c.auth(login, f"secret-{login}")
        c.mail(sender)
        c.rcpt(TO)
        text = f"Subject: message {number}\r\n{fields}\r\n{body}"
        if sign:
            text = dkim.sign(text.encode(), b"s1", sign.encode(), KEY).decode() + text
        text = change(text)
        start = time.monotonic()
        reply = c.data(text)
    return f"message {number}", reply, time.monotonic() - start


def came_out(subject, seconds=10):
    """Its header, unfolded, as a list of fields."""
    mail = sink.wait_for(lambda m: f"Subject: {subject}\r\n".encode() in m[2], seconds)
    if mail is None:
        return []
    header = mail[2].decode().partition("\r\n\r\n")[0]
    return header.replace("\r\n\t", " ").replace("\r\n ", " ").split("\r\n")


def results(fields):
    return [f for f in fields if f.lower().startswith("authentication-results:")]


def spf():
    subject, reply, _ = send("<u@good.net>")
    found = results(came_out(subject))
    tap.ok(reply.ok and len(found) == 1 and "mx.example.com; spf=pass" in found[0]
           and "smtp.mailfrom=u@good.net" in found[0], f"{mta.name}: a pass is written down", reply, found)
    fields = came_out(subject)
    tap.ok(fields and fields[0].startswith("Authentication-Results:"), f"{mta.name}: at the top", fields)
    subject, reply, _ = send("<u@bad.net>")
    tap.ok(reply.code == 550 and "5.7.23" in reply.text and "bad.net" in reply.text,
           f"{mta.name}: a failure is refused", reply)
    subject, reply, _ = send("<u@soft.net>")
    fields = came_out(subject)
    tap.ok(any("X-Relay-Guard: tag; check=spf; result=softfail" in f for f in fields),
           f"{mta.name}: a softfail is marked", reply, fields)
    events = {(e["stage"], e["verdict"], e.get("spf"), e.get("spf_domain"))
              for e in guard.events() if e.get("check") == "spf"}
    tap.equal(events, {("eom", "reject", "fail", "bad.net"), ("eom", "tag", "softfail", "soft.net")},
              f"{mta.name}: the events tell")


def forged():
    fields = ("Authentication-Results: mx.example.com; spf=pass\r\n"
              "Authentication-Results: (c) MX.Example.COM 1;\r\n\tdkim=pass\r\n"
              "Authentication-Results: other.example; spf=none (first)\r\n"
              "authentication-results: \"mx.example.com\"; dmarc=pass\r\n"
              "Authentication-Results: other.example; spf=none (second)\r\n")
    subject, reply, _ = send("<u@soft.net>", fields)
    found = results(came_out(subject))
    tap.ok(len(found) == 3 and "spf=softfail" in found[0] and "(first)" in found[1] and "(second)" in found[2],
           f"{mta.name}: fields that claim to be ours are removed, others stay", reply, found)
    subject, reply, _ = send("<u@bad.net>", fields, source="127.0.0.1")
    found = results(came_out(subject))
    tap.ok(reply.ok and len(found) == 2 and "other.example" in found[0] and "other.example" in found[1],
           f"{mta.name}: those of a friend too, whose sender is not judged", reply, found)
    many = "".join(f"Authentication-Results: mx.example.com; spf=pass ({i})\r\n" for i in range(300))
    subject, reply, _ = send("<u@good.net>", many)
    found = results(came_out(subject))
    tap.ok(reply.ok and len(found) == 1, f"{mta.name}: 300 of them as well", reply, found[:5])


def logins():
    subject, reply, _ = send("<alice@bad.net>", login="alice")
    found = results(came_out(subject))
    tap.ok(reply.ok and len(found) == 1 and "auth=pass" in found[0] and "spf=" not in found[0],
           f"{mta.name}: a login is not judged, and written down", reply, found)


def dkim_and_dmarc():
    guard.write_conf(top=settings(nsd.server, "fail = note") + "dkim { }\ndmarc { }\n")
    guard.reload()
    large = "".join(f"line {i} of a body that takes many pieces\r\n" for i in range(20000))
    for name, body in (("a signed message", "text\r\n"), ("one of 900 kB", large)):
        subject, reply, _ = send("<u@signed.net>", "From: U <u@signed.net>\r\n", sign="signed.net", body=body)
        found = results(came_out(subject))
        tap.ok(reply.ok and len(found) == 1 and "dkim=pass" in found[0] and "dmarc=pass" in found[0]
               and "spf=fail" in found[0], f"{mta.name}: {name} passes although SPF fails", reply, found)
    _, reply, _ = send("<u@good.net>", "From: U <u@signed.net>\r\n", body=large)
    tap.ok(reply.code == 550 and "DMARC" in reply.text and "signed.net" in reply.text,
           f"{mta.name}: one that is not signed is refused, although SPF passes for another domain", reply)
    subject, reply, _ = send("<u@good.net>", "From: U <u@quiet.net>\r\n")
    tap.ok(reply.ok and came_out(subject, 2) == [], f"{mta.name}: and held where the domain asks for quarantine",
           reply)
    subject, reply, _ = send("<u@good.net>", "From: U <u@good.net>\r\n", sign="good.net")
    found = results(came_out(subject))
    tap.ok(reply.ok and "dkim=permerror" in found[0] and "spf=pass" in found[0],
           f"{mta.name}: a signature without a key is written down", reply, found)
    events = [(e["check"], e["verdict"], e.get("spf"), e.get("dkim"), e.get("dmarc"), e.get("dmarc_policy"),
               e.get("from_domain")) for e in guard.events() if e.get("check") == "dmarc"]
    tap.equal(events, [("dmarc", "reject", "pass", "none", "fail", "reject", "signed.net"),
                       ("dmarc", "hold", "pass", "none", "fail", "quarantine", "quiet.net")],
              f"{mta.name}: the events tell what was found")


def listed(text):
    """What a mailing list makes of a message: its own Subject, which breaks the signature, and a seal."""
    text = text.replace("Subject: ", "X-List: yes\r\nSubject: ")
    text = ("Authentication-Results: mx.lists.net; dkim=pass header.d=signed.net; "
            "dmarc=pass header.from=signed.net\r\n") + text.replace("text\r\n", "text\r\n-- \r\nthe list\r\n")
    seal = dkim.arc_sign(text.encode(), b"s1", b"lists.net", KEY, b"mx.lists.net")
    return b"".join(seal).decode() + text


def arc():
    for trusted, good in (("trusted = lists.net", True), ("trusted = other.net", False), ("", False)):
        guard.write_conf(top=settings(nsd.server, "fail = note") + f"dmarc {{ }}\narc {{ {trusted} }}\n")
        guard.reload()
        subject, reply, _ = send("<list@lists.net>", "From: U <u@signed.net>\r\n", sign="signed.net", change=listed)
        tap.ok(reply.ok == good, f"{mta.name}: a list's message, {trusted or 'nobody trusted'}: "
               f"{'taken' if good else 'refused'}", reply, guard.events()[-3:])
        if good:
            found = results(came_out(subject))
            tap.ok("arc=pass" in found[0] and "dmarc=fail" in found[0] and "outweighed by ARC" in found[0],
                   f"{mta.name}: and the field says why", found)
            event = [e for e in guard.events() if e.get("check") == "dmarc"][-1:]
            tap.ok(event and event[0]["verdict"] == "note" and "lists.net found it to pass" in event[0]["reason"],
                   f"{mta.name}: and the event", event)


def senders():
    guard.write_conf(top=settings(nsd.server, "fail = note") + """
sender { logins = { "alice@example.com alice@example.com info@example.com",
                    "alice alice@example.com info@example.com" } }
""")
    guard.reload()
    for sender, author, good in (("alice@example.com", "info@example.com", True),
                                 ("bob@example.com", "alice@example.com", False),
                                 ("alice@example.com", "bob@example.com", False)):
        _, reply, _ = send(f"<{sender}>", f"From: {author}\r\n", login="alice")
        tap.ok(reply.ok == good, f"{mta.name}: alice {'sends' if good else 'does not send'} as {sender}, From {author}",
               reply)
    _, reply, _ = send("<alice@example.com>", "From: alice@example.com\r\n")
    tap.ok(reply.code == 550, f"{mta.name}: our domain from outside is refused", reply)
    _, reply, _ = send("<u@good.net>", "From: The Boss <boss@example.com>\r\n")
    tap.ok(reply.code == 550, f"{mta.name}: and in From", reply)
    _, reply, _ = send("<u@good.net>", "From: u@good.net\r\n")
    tap.ok(reply.ok, f"{mta.name}: another is not", reply)


def no_answer():
    guard.write_conf(top=settings(dead.server))
    guard.reload()
    subject, reply, took = send("<u@good.net>")
    found = results(came_out(subject))
    tap.ok(reply.ok and took < 5 and len(found) == 1 and "spf=temperror" in found[0],
           f"{mta.name}: without an answer it is accepted, in {took:.1f} s, and a temporary error", reply, found)
    events = [e for e in guard.events() if e.get("check") == "spf"]
    tap.ok(events[-1].get("spf") == "temperror" and events[-1]["verdict"] == "note" and events[-1]["took_us"] < 5e6
           if "took_us" in events[-1] else events[-1].get("spf") == "temperror",
           f"{mta.name}: the event tells it", events[-1:])
    with Client(mta.port, source=STRANGER) as c:
        c.ehlo()
        start = time.monotonic()
        c.mail("<u@slow.net>")
        inside, outside = c.rcpt(TO), c.rcpt("<v@ext.example.net>")
        took = time.monotonic() - start
    tap.ok(inside.ok and not outside.ok and took < 1, f"{mta.name}: recipients are decided at once", took)
    guard.write_conf(top=settings(dead.server, "temperror = defer"))
    guard.reload()
    _, reply, took = send("<u@good.net>")
    tap.ok(reply.code == 451 and took < 5, f"{mta.name}: or deferred, where it is so configured", reply, took)


mta.start()
guard.start()
try:
    tap.run(spf, forged, logins, dkim_and_dmarc, arc, senders, no_answer)
finally:
    guard.remove()
