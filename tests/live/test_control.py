#!/usr/bin/python3
"""
A bad night before a real mail server: a stolen account is stopped, its mail held, and released by a command;
clients and logins are banned by hand; the daemon is asked, reloaded and stopped while mail flows.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_control.py postfix|sendmail
"""
import glob
import json
import os
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import BINARY, Guard
from sink import Sink
from smtp import Client
from tap import Tap

ACCOUNT = "limit account { key = login  count = recipients  rate = 6/1d  on-exceed = suspend  for = { login = alice* } }"
SOURCES = ["127.0.0.70", "127.1.0.71", "127.2.0.72"]
SENDERS = ["<alice@example.com>", "<>", "<someone.else@example.org>"]
tap = Tap()
sink = Sink(mtas.SINK)
guard = Guard(top=ACCOUNT)
told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
told.settimeout(10)
told.bind(f"{guard.folder}/notices.sock")
os.chmod(f"{guard.folder}/notices.sock", 0o777)
guard.write_conf(top=ACCOUNT, events=f'notices = "unix:{guard.folder}/notices.sock"')
filter_name = f"unix:{guard.socket}" if sys.argv[1] == "postfix" else f"local:{guard.socket}"
mta = mtas.make(sys.argv[1], milter=filter_name)
REALM = "@example.com" if mta.name == "postfix" else ""  # Cyrus SASL tells it to Postfix
ALICE, BOB = f"login:alice{REALM}", f"login:bob{REALM}"


def command(*words):
    """(exit code, standard output, standard error)"""
    done = subprocess.run([BINARY, words[0], "-c", guard.conf, *words[1:]], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def asked(*words):
    code, out, err = command(*words, "--format", "json")
    return json.loads(out) if code == 0 else f"exit {code}: {err}"


def send(recipient, source="127.0.0.1", login=None, sender="<a@example.com>"):
    """The last reply: to the message, or to what was refused before."""
    with Client(mta.port, source=source) as c:
        r = c.ehlo()
        if r.ok and login:
            r = c.auth(login, f"secret-{login}")
        r = c.mail(sender) if r.ok else r
        r = c.rcpt(recipient) if r.ok else r
        return c.data("Subject: x\r\n\r\nx\r\n") if r.ok else r


def came_out(word, count, seconds=15):
    """How many messages to such recipients came out, once that many have or time is over."""
    def found():
        return sum(any(word.encode() in x for x in m[1]) for m in list(sink.mails))

    end = time.monotonic() + seconds
    while found() < count and time.monotonic() < end:
        time.sleep(0.1)
    return found()


def received():
    """The notices that were handed over so far, at least one unless time is over."""
    found = []
    try:
        found.append(json.loads(told.recv(65536)))
        told.setblocking(False)
        while True:
            found.append(json.loads(told.recv(65536)))
    except (TimeoutError, BlockingIOError):
        told.settimeout(10)
    return found


def quarantine():
    pattern = "/var/spool/postfix/hold/**/*" if mta.name == "postfix" else "/var/spool/mqueue/hf*"
    return sum(os.path.isfile(f) for f in glob.glob(pattern, recursive=True))


def let_go():
    """What the manual says for mail that is held."""
    if mta.name == "postfix":
        mtas.run("postsuper", "-r", "ALL")
        mtas.run("postqueue", "-f")
    else:
        mtas.run(mta.binary, "-C", "/etc/mail/sendmail.cf", "-qQ", "-Q")
        mtas.run(mta.binary, "-C", "/etc/mail/sendmail.cf", "-q")


def stolen_account():
    replies = [send(f"<night{n}@ext.example.net>", SOURCES[n % 3], "alice", SENDERS[n % 3]) for n in range(9)]
    tap.ok(all(r.ok for r in replies), f"{mta.name}: who stole the account is told nothing", replies)
    tap.equal((came_out("night", 6), quarantine()), (6, 3),
              f"{mta.name}: six came out, whatever address and sender; three are held")
    time.sleep(1)
    tap.equal(came_out("night", 6), 6, f"{mta.name}: and no more follow")
    notices = [e for e in guard.events() if e.get("notify")]
    tap.equal([(e["limit"], e["limit_key"], e["verdict"]) for e in notices], [("account", ALICE, "hold")],
              f"{mta.name}: one event is a notice", *notices)
    tap.equal(received(), notices, f"{mta.name}: which was handed over, and no other")
    tap.equal([(b["key"], b["action"], b["by"]) for b in asked("bans")["bans"]],
              [(ALICE, "hold", "limit account")], f"{mta.name}: `bans` shows who is suspended")
    views = asked("limits", "--key", ALICE)["limits"]
    tap.equal([(v["name"], v["count"], v["max"]) for v in views], [("account", 6, 6)],
              f"{mta.name}: `limits --key` shows how far it has come")
    tap.equal([(v["key"], v["count"]) for v in asked("top")["limits"]], [(ALICE, 6)],
              f"{mta.name}: and `top` that it is the busiest")
    r = send("<bobs@ext.example.net>", SOURCES[0], "bob")
    tap.equal((r.ok, came_out("bobs", 1)), (True, 1), f"{mta.name}: others' mail flows", r)


def released():
    code, out, err = command("release", ALICE)
    tap.equal((code, out), (0, f"{ALICE} is released; 1 limit begins anew for it\n"), f"{mta.name}: `release`", err)
    tap.equal(asked("bans"), {"bans": []}, f"{mta.name}: nobody is suspended any more")
    replies = [send(f"<day{n}@ext.example.net>", SOURCES[n], "alice", SENDERS[n]) for n in range(3)]
    tap.equal(came_out("day", 3), 3, f"{mta.name}: its mail flows again", replies)
    tap.equal((quarantine(), came_out("night", 6)), (3, 6), f"{mta.name}: what was held is the postmaster's to judge")
    let_go()
    tap.equal((came_out("night", 9), quarantine()), (9, 0), f"{mta.name}: who lets it go")


def banned_login():
    code, out, err = command("ban", BOB, "--for", "1h", "--action", "defer", "--reason", "stolen password")
    tap.ok(code == 0 and BOB in out and "stolen password" in out, f"{mta.name}: `ban` of a login", out, err)
    r = send("<carol@example.com>", SOURCES[1], "bob")
    tap.ok(400 <= r.code < 500, f"{mta.name}: its mail is deferred", r)
    r = send("<carol@example.com>", SOURCES[1])
    tap.ok(r.ok, f"{mta.name}: not that of its address", r)
    found = [e for e in guard.events() if e.get("auth") == f"bob{REALM}" and e["verdict"] == "defer"]
    tap.ok(found and all(e["check"] == "bans" for e in found), f"{mta.name}: the event says why", *found)
    tap.equal(command("release", BOB)[0], 0, f"{mta.name}: released")
    r = send("<carol@example.com>", SOURCES[1], "bob")
    tap.ok(r.ok, f"{mta.name}: it may send again", r)


def banned_network():
    """Of addresses that are taken for this host's without being listed as such, which would never be banned."""
    mtas.run("ip", "route", "add", "local", "203.0.113.0/24", "dev", "lo")
    r = send("<carol@example.com>", "203.0.113.9")
    tap.ok(r.ok, f"{mta.name}: a stranger may write to us", r)
    tap.equal(command("ban", "203.0.113.0/28", "--for", "1h")[0], 0, f"{mta.name}: `ban` of a network")
    r = send("<carol@example.com>", "203.0.113.9")
    tap.ok(r.code >= 500, f"{mta.name}: its mail is refused", r)
    r = send("<carol@example.com>", "203.0.113.16")
    tap.ok(r.ok, f"{mta.name}: a neighbour's is not", r)
    for key in ("127.0.0.1", "127.0.0.0/16"):
        code, _, err = command("ban", key, "--for", "1h")
        tap.equal((code, "is never banned" in err), (1, True), f"{mta.name}: {key} is never banned", err)
    tap.equal(command("release", "203.0.113.0/28")[0], 0, f"{mta.name}: released")
    r = send("<carol@example.com>", "203.0.113.9")
    tap.ok(r.ok, f"{mta.name}: it may write again", r)


class Flow:
    """Mail from a friend and to us, in a row, until it is told to end."""

    def __init__(self, loops=3):
        self.replies, self.ending = [], False
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(loops)]
        for t in self.threads:
            t.start()

    def run(self):
        while not self.ending:
            try:
                self.replies.append(send("<carol@example.com>"))
            except (OSError, EOFError) as e:
                self.replies.append(e)

    def wait_for_more(self, count, seconds=30):
        end, before = time.monotonic() + seconds, len(self.replies)
        while len(self.replies) < before + count and time.monotonic() < end:
            time.sleep(0.05)
        return len(self.replies) - before

    def end(self):
        self.ending = True
        for t in self.threads:
            t.join(30)
        return [r for r in self.replies if isinstance(r, Exception) or not r.ok]


def while_mail_flows():
    flow = Flow()
    flow.wait_for_more(5)
    before = asked("status")["daemon"]
    sessions = max(asked("status")["daemon"]["sessions"] for _ in range(10))
    tap.ok(sessions >= 1, f"{mta.name}: `status` sees the sessions", sessions)
    for n in range(4):
        code, out, err = command("reload")
        tap.equal(code, 0, f"{mta.name}: `reload` {n + 1}", out, err)
        tap.ok(flow.wait_for_more(3) >= 3, f"{mta.name}: mail goes on after it")
    after = asked("status")
    tap.equal((after["daemon"]["generation"], after["daemon"]["pid"], after["reload"]["code"]),
              (before["generation"] + 4, before["pid"], 0), f"{mta.name}: `status` after four reloads", after)
    tap.equal(flow.end(), [], f"{mta.name}: none of {len(flow.replies)} messages was refused")


def stopped():
    flow = Flow()
    flow.wait_for_more(5)
    code, out, err = command("stop")
    tap.equal((code, out), (0, "stopped\n"), f"{mta.name}: `stop` while mail flows", err)
    tap.equal(guard.process.wait(20), 0, f"{mta.name}: the daemon ended with 0")
    guard.process = None
    bad = flow.end()
    tap.ok(all(getattr(r, "code", 0) in range(400, 500) for r in bad),
           f"{mta.name}: whoever came meanwhile was deferred, none was cut off", *bad[:3])
    r = send("<carol@example.com>")
    tap.ok(400 <= r.code < 500, f"{mta.name}: without the guard mail is deferred", r)
    tap.equal(command("status")[0], 69, f"{mta.name}: `status` finds no daemon")
    guard.start()
    r = send("<carol@example.com>")
    tap.ok(r.ok, f"{mta.name}: and taken when it is back", r)


mta.start()
guard.start()
try:
    tap.run(stolen_account, released, banned_login, banned_network, while_mail_flows, stopped)
finally:
    guard.remove()
