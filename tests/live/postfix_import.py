#!/usr/bin/python3
"""
The import against the mail server itself: the policy that `import postfix` writes decides as the server does that it
was made from, over all probes of the self-test and some domains, for a stranger and for each kind of friend. Where an
address has more than one reading the guard may be stricter, and never laxer.
Run: tests/live/sandbox.sh postfix tests/live/postfix_import.py postfix
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import BINARY
from sink import Sink
from smtp import Client
from tap import Tap

ETC, CONF = "/etc/postfix", "/tmp/guard.conf"
STRANGER, FRIEND, INSIDE, HOLE = "127.0.0.66", "127.0.0.1", "127.9.1.2", "127.9.1.66"
PLAIN = ["bob@example.com", "bob@MX.Example.com", "bob@localhost", "info@alias.example", "bob@vmail.example",
         "bob@backup.example", "bob@sub.backup.example", "bob@gateway.example", "bob@ext.example.net",
         "bob@sub.example.com", "bob@listed.example", "bob@sub.listed.example", "bob@mapped.example", "bob@other.example",
         "postmaster"]
# name, more of main.cf, files, tables to build
CONFIGURATIONS = [
    ("as the tests have it", "", {}, []),
    ("lists in files", "mydestination = example.com, /etc/postfix/ours\nrelay_domains = hash:/etc/postfix/relay\n"
     "mynetworks = 127.0.0.0/30, !127.9.1.66, cidr:/etc/postfix/networks\n",
     {"ours": "# ours\nmx.example.com\nlisted.example\n", "relay": "backup.example x\nmapped.example x\n",
      "networks": "# inside\n127.9.0.0/16 OK\n"}, ["hash:relay"]),
    ("tables as texts", "virtual_alias_domains = texthash:/etc/postfix/aliased\n"
     "virtual_mailbox_domains = vmail.example, listed.example\nvirtual_mailbox_maps = static:x\n"
     "mydestination = example.com, !mx.example.com, localhost\nrelay_domains =\n",
     {"aliased": "alias.example x\nmapped.example x\n"}, []),
]

tap = Tap()
sink = Sink(mtas.SINK)


def command(*argv):
    done = subprocess.run([BINARY, *argv], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def serve(extra, files, tables):
    """A Postfix without a guard."""
    for name, text in files.items():
        mtas.write(f"{ETC}/{name}", text)
    for table in tables:
        mtas.run("postmap", f"{table.split(':')[0]}:{ETC}/{table.split(':')[1]}")
    mta = mtas.make("postfix")
    mta.configure()
    own = {line.split("=")[0].strip() for line in extra.splitlines()}
    with open(f"{ETC}/main.cf", encoding="utf-8") as f:
        kept = [line for line in f.read().splitlines() if line.split("=")[0].strip() not in own]
    text = "\n".join(kept) + f"\n{extra}"
    mta.configure = lambda: mtas.write(f"{ETC}/main.cf", text)
    return mta


def by_server(port, source, recipients):
    """The reply to each, from one client."""
    replies = {}
    with Client(port, source=source) as c:
        c.ehlo()
        for recipient in recipients:
            c.mail("<a@elsewhere.example>")
            replies[recipient] = c.rcpt(recipient)
            c.rset()
    return replies


def by_guard(source, recipient):
    code, out, err = command("explain", "-c", CONF, "--client", source, "--from", "<a@elsewhere.example>", "--to", recipient)
    return code == 0, "reading: ambiguous" in out, out + err


def probes():
    code, out, err = command("selftest", "-c", CONF, "--domain", "example.com", "--list", "--format", "json")
    if code != 0:
        raise RuntimeError(err)
    return sorted({p["to"] for p in json.loads(out)})


def compare(name, port):
    recipients = [f"<{p}>" for p in PLAIN] + [p if p.startswith("<") else f"<{p}>" for p in probes()]
    plain = {f"<{p}>" for p in PLAIN}
    laxer, differs, asked = [], [], 0
    for source in (STRANGER, FRIEND, INSIDE, HOLE):
        for recipient, reply in by_server(port, source, recipients).items():
            permitted, odd, why = by_guard(source, recipient)
            asked += 1
            # What the server refuses by another rule than that of relaying is no matter of the policy.
            if permitted and not reply.ok and source == STRANGER and "Relay access denied" in reply.text:
                laxer.append((source, recipient, reply, why))
            if permitted != reply.ok and (recipient in plain or not odd) and (
                    reply.ok or "Relay access denied" in reply.text):
                differs.append((source, recipient, reply, why))
    print(f"# {name}: {asked} recipients compared")
    tap.equal(laxer, [], f"{name}: nothing that the server refuses a stranger is permitted")
    tap.equal(differs[:5], [], f"{name}: decided alike")
    tap.ok(asked > 300, f"{name}: all probes were compared", asked)


def imported():
    for name, extra, files, tables in CONFIGURATIONS:
        mta = serve(extra, files, tables)
        mta.start()
        try:
            code, out, err = command("import", "postfix")
            tap.equal(code, 0, f"{name}: it is imported", err)
            mtas.write(CONF, out)
            checked = command("check", "-c", CONF)
            tap.equal(checked[0], 0, f"{name}: and can be read", checked, out)
            compare(name, mta.port)
        finally:
            mta.stop()


tap.run(imported)
