#!/usr/bin/python3
"""
Recipients that Sendmail's virtusertable sends on: relayed mail to the guard, unless a rule names them.
Run: tests/live/sandbox.sh sendmail tests/live/sendmail_virtuser.py sendmail
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import BINARY, DOMAINS, RULES, Guard
from sink import Sink
from smtp import Client
from tap import Tap

STRANGER = "127.0.0.66"
FORWARDED = "rule forwards { to = { info@example.com, virt.example }  forwarded = yes  action = permit }\n"
TABLE = "info@example.com\tjoe@ext.example.net\nroot@example.com\tbob\n@virt.example\t%1@ext.example.net\n"
tap = Tap()
sink = Sink(mtas.SINK)
guard = Guard()
mta = mtas.make("sendmail", milter=f"local:{guard.socket}", is_open=True,
                extra="FEATURE(`virtusertable', `hash -o /etc/mail/virtusertable')dnl\n"
                      "VIRTUSER_DOMAIN(`virt.example')dnl\n")
usual = mta.configure


def configure():
    usual()
    mtas.write("/etc/mail/virtusertable", TABLE)
    mtas.run("/usr/libexec/sendmail/makemap", "hash", "/etc/mail/virtusertable", stdin=TABLE)


mta.configure = configure


def accepted(recipients):
    with Client(mta.port, source=STRANGER) as c:
        c.ehlo()
        c.mail("<a@elsewhere.example>")
        good = [r for r in recipients if c.rcpt(r).ok]
        if good:
            c.data()
    return good


def tables():
    sent_on, here = ["<info@example.com>", "<any@virt.example>"], ["<root@example.com>", "<bob@example.com>"]
    odd = ["<info%other.example@example.com>", "<other.example!info@example.com>", '<"info"@example.com>',
           "<any%other.example@virt.example>", "<@virt.example:u@other.example>", "<u@other.example>"]
    domains = DOMAINS + ", virt.example"
    guard.write_conf(domains=domains)
    guard.reload()
    tap.equal(accepted(sent_on + here), here, "what the table sends on is relayed mail")
    guard.write_conf(rules=FORWARDED + RULES, domains=domains)
    guard.reload()
    tap.equal(accepted(sent_on + here), sent_on + here, "a rule that names it with `forwarded` permits it")
    imported = subprocess.run([BINARY, "import", "sendmail"], capture_output=True, text=True, check=True).stdout
    forwards = [line for line in imported.splitlines() if "forwarded = yes" in line]
    tap.equal(len(forwards), 2, "the import writes one for each row of the table that leads elsewhere", imported)
    guard.write_conf(rules="\n".join(forwards) + "\n" + RULES, domains=domains)
    guard.reload()
    tap.equal(accepted(sent_on + here), sent_on + here, "and they permit the same")
    # In a message of their own: Sendmail strikes out all that have the address of one that was refused.
    tap.equal(accepted(odd), [], "and no odd form of it")
    out = sink.wait_for(lambda m: any(b"joe@ext.example.net" in r for r in m[1]))
    tap.ok(out is not None, "it comes out where the table says", sink.mails)
    tap.equal([r for m in sink.mails for r in m[1] if b"other.example" in r], [], "nothing else does")
    tap.equal({e["recipient"] for e in guard.events() if e["verdict"] == "reject"}, set(sent_on + odd),
              "the rest is recorded")


mta.start()
guard.start()
try:
    tap.run(tables)
finally:
    guard.remove()
