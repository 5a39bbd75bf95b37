#!/usr/bin/python3
"""
Events in syslog, and what the mail server's own log says of the guard's refusals: the words that watches such as
fail2ban look for, with the client's address.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_events.py postfix|sendmail
"""
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import Guard
from smtp import Client
from syslogd import Syslogd
from tap import Tap

STRANGER = "127.0.0.66"
SYSLOG = "/var/log/mail.log"  # Sendmail logs there too; Postfix writes its log itself
tap = Tap()
guard = Guard()
name = sys.argv[1]
mta = mtas.make(name, is_open=True, milter=("unix:" if name == "postfix" else "local:") + guard.socket)
with open(guard.conf, encoding="utf-8") as f:
    text = f.read()
with open(guard.conf, "w", encoding="utf-8") as f:
    f.write(text.replace(f'path = "{guard.events_path}"', "path = none").replace("syslog = no", "syslog = yes"))


def log_lines(path):
    with open(path, encoding="utf-8", errors="surrogateescape") as f:
        return f.read().splitlines()


def wait_for_lines(path, pattern, count, seconds=10):
    end = time.monotonic() + seconds
    while True:
        found = [line for line in log_lines(path) if re.search(pattern, line)]
        if len(found) >= count or time.monotonic() > end:
            return found
        time.sleep(0.1)


def refuse(recipients):
    with Client(mta.port, source=STRANGER) as c:
        c.ehlo("evil.example")
        c.mail("<a@elsewhere.example>")
        return [c.rcpt(r) for r in recipients]


def syslog():
    recipients = ["<v1@ext.example.net>", '<"v 2=x\\"y"@ext.example.net>', "<v3\x01%x@example.com>", "<vü@ext.example.net>"]
    replies = refuse(recipients)
    tap.ok(all(not r.ok for r in replies), f"{name}: strangers are refused", replies)
    ours = [r for r in replies if "Relay access denied [" in r.text]
    found = wait_for_lines(syslog_path, r"relay-guard\[\d+\]: .*verdict=", len(ours))
    tap.ok(len(ours) >= 2 and len(found) == len(ours), f"{name}: a line in syslog for each", found)
    wanted = (r"relay-guard\[\d+\]: session=\w+ .*stage=rcpt client=127\.0\.0\.66 client_port=\d+ .*helo=evil\.example "
              r".*recipient=<v1@ext\.example\.net> reading=relay .*check=relay rule=others where=\S+:\d+ verdict=reject "
              r"by=guard code=550 enhanced=5\.7\.1 reply=\"Relay access denied \[\w+\]\"")
    tap.ok(found and re.search(wanted, found[0]), f"{name}: with the fields of an event", found[:1])
    tap.ok(not any(ord(c) < 32 for line in found for c in line), f"{name}: and nothing that is not printable", found)


def own_log():
    """The client's address and the words stand in one line."""
    if name == "postfix":
        pattern = (r": NOQUEUE: milter-reject: RCPT from \S+\[127\.0\.0\.66\]: 550 5\.7\.1 Relay access denied \[\w+\]; "
                   r"from=<a@elsewhere\.example> to=<v1@ext\.example\.net>")
    else:
        # Sendmail names no client there: a watch goes by the guard's own line.
        pattern = r"Milter: to=<v1@ext\.example\.net>, reject=550 5\.7\.1 Relay access denied \[\w+\]"
    found = wait_for_lines(mta.log, pattern, 1)
    tap.equal(len(found), 1, f"{name}: its log has the words that fail2ban looks for", log_lines(mta.log)[-20:])


syslog_path = "/var/log/events.log" if name == "postfix" else SYSLOG
mta.start()
if name == "postfix":
    Syslogd(syslog_path)
    open(syslog_path, "a", encoding="utf-8").close()
guard.start()
try:
    tap.run(syslog, own_log)
finally:
    guard.remove()
    if len(sys.argv) > 2:
        for path in (mta.log, syslog_path):
            with open(sys.argv[2], "a", encoding="utf-8", errors="surrogateescape") as out:
                out.writelines(line + "\n" for line in log_lines(path))
