#!/usr/bin/python3
"""
The property that matters: through a server that would relay for everyone, no recipient that the guard calls
ours goes elsewhere, and none of a stranger's that goes elsewhere is accepted, or delivered.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_property.py postfix|sendmail [ADDRESSES [SEED]]

Addresses come from tests/lib/grammar.py: as many as 70 seconds allow, unless a number is given. Each is
sent by a stranger and by a friend. Where it goes is read from what the server tells the guard and,
independently, from what comes out at the sink for one batch in ten. A counter-example is printed as a
row for tests/cases: keep it there.
"""
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import grammar
import mta as mtas
from grammar import tag_of
from guard import Guard
from sink import Sink
from smtp import Client
from tap import Tap

BATCH = 100
DELIVER_EVERY = 10
WINDOW = 50
STRANGER, FRIEND = "127.0.0.66", "127.0.0.1"
HERE = ("local", "virtual", "discard", "prog", "*file*", "*include*")

wanted = int(sys.argv[2]) if len(sys.argv) > 2 else None
seed = int(sys.argv[3]) if len(sys.argv) > 3 else int(time.time()) // 86400
tap = Tap()
sink = Sink(mtas.SINK)
guard = Guard(events="permitted = yes")
mta = mtas.make(sys.argv[1], is_open=True, milter=("unix:" if sys.argv[1] == "postfix" else "local:") +
                guard.socket)


class Events:
    """What the guard has written since it was asked last."""

    def __init__(self):
        self.read = 0

    def new(self):
        try:
            if os.path.getsize(guard.events_path) < self.read:
                self.read = 0
            with open(guard.events_path, "rb") as f:
                f.seek(self.read)
                lines = f.read().rpartition(b"\n")[0]
        except FileNotFoundError:
            return []
        self.read += len(lines) + (1 if lines else 0)
        return [json.loads(line) for line in lines.splitlines()]

    def forget(self):
        """A million addresses must not fill the memory. All that was asked for has been read by now."""
        if self.read > 64 << 20:
            os.truncate(guard.events_path, 0)

    def until(self, enough, seconds=10):
        found, end = self.new(), time.monotonic() + seconds
        while not enough(found) and time.monotonic() < end:
            time.sleep(0.01)
            found += self.new()
        return found


def goes_elsewhere(event):
    """Would the server, by its own words, send this to another than who keeps its domain?"""
    if event.get("mta_mailer") in HERE:
        return False
    if event.get("mta_mailer") == "error" and event.get("mta_host", "").startswith("5.1.1 User unknown"):
        return False  # a virtual alias domain of Postfix, whose table leads to ours
    return not grammar.is_plain(event.get("mta_addr", "").strip("<>"))


def quoted(text):
    raw = text.encode("utf-8", "surrogateescape")
    return "'" + "".join(chr(b) if 32 <= b < 127 and chr(b) not in "'\\" else f"\\x{b:02x}" for b in raw) + "'"


def case_row(event):
    return f"rcpt {quoted(event['recipient'])} " + " ".join(
        f"{key}={quoted(event.get('mta_' + key, ''))}" for key in ("mailer", "host", "addr"))


class Round:
    """Sends batches as one client, and judges what became of them."""

    def __init__(self, source):
        self.source, self.friend = source, source == FRIEND
        self.client = None
        self.sent = self.accepted = self.ours = self.delivered = 0
        self.wrong = []
        self.events = Events()

    def batch(self, number, addresses, deliver):
        first = len(sink.mails)
        self.events.new()
        answered = []
        end = time.monotonic() + 60
        while len(answered) < len(addresses):
            try:
                self.transaction(number, addresses[len(answered):], answered, deliver)
            except (OSError, EOFError):  # it hung up (421): the rest goes to a new session
                self.client = None
                if time.monotonic() > end:
                    raise
        accepted = {tag_of(a) for a, reply in answered if reply.ok}
        events = self.events.until(lambda found: accepted <= {
            tag_of(e["recipient"]) for e in found if e["verdict"] == "permit"})
        self.events.forget()
        self.sent += len(answered)
        self.accepted += len(accepted)
        self.judge(events, accepted)
        if deliver:
            self.came_out(first, events)

    def transaction(self, number, addresses, answered, deliver):
        if self.client is None:
            self.client = Client(mta.port, source=self.source)
            self.client.ehlo()
        c = self.client
        c.mail("<a@elsewhere.example>", "SMTPUTF8" if number % 2 and mta.name == "postfix" else "")
        good = False
        for start in range(0, len(addresses), WINDOW):
            part = addresses[start:start + WINDOW]
            c.send(b"".join(b"RCPT TO:<" + a + b">\r\n" for a in part))
            for a in part:
                answered.append((a, c.reply()))
                good = good or answered[-1][1].ok
        if deliver and good:
            c.data(f"Subject: x\r\nX-Test: {self.source} {number}\r\n\r\nx\r\n")
        c.rset()

    def judge(self, events, accepted):
        permitted = {tag_of(e["recipient"]): e for e in events if e["verdict"] == "permit"}
        self.wrong += [f"q{tag}q was accepted without the guard's word" for tag in accepted - permitted.keys()]
        for event in permitted.values():
            self.ours += event.get("reading") == "ours"
            if goes_elsewhere(event) and (event.get("reading") == "ours" or not self.friend):
                self.wrong.append(case_row(event))

    def came_out(self, first, events):
        """Whatever was said: what did the server send out?"""
        rows = {tag_of(e["recipient"]): e for e in events}
        for recipient in self.settled(first):
            self.delivered += 1
            event = rows.get(tag_of(recipient))
            # A friend may send anywhere. Where the server rewrote the tag, only its own words tell
            # (see judge) whether it was called ours.
            if grammar.is_plain(recipient) or (
                    self.friend and (event is None or event.get("reading") != "ours")):
                continue
            self.wrong.append(f"{recipient} came out; " + (case_row(event) if event else "no event"))

    def settled(self, first):
        count, since = -1, time.monotonic()
        while time.monotonic() < since + 0.3:
            if len(sink.mails) != count:
                count, since = len(sink.mails), time.monotonic()
            time.sleep(0.02)
        mine = f"X-Test: {self.source} ".encode()
        return [re.sub(r"^<|>$", "", r.decode("utf-8", "surrogateescape").partition("> ")[0])
                for sender, recipients, data in sink.mails[first:count]
                if mine in data and not sender.startswith(b"<>")  # a bounce is not the client's mail
                for r in recipients]


def main():
    rounds = [Round(STRANGER), Round(FRIEND)]
    maker = grammar.Grammar(seed)
    end = time.monotonic() + 70
    number = 0
    while number < wanted if wanted else time.monotonic() < end:
        addresses = [maker.address(number + i) for i in range(BATCH)]
        for one in rounds:
            one.batch(number // BATCH, addresses, number // BATCH % DELIVER_EVERY == 0)
        number += BATCH
    for one in rounds:
        who = f"{mta.name}, seed {seed}: a {'friend' if one.friend else 'stranger'}"
        print(f"# {who}: {one.sent} answered, {one.accepted} accepted, {one.ours} ours, "
              f"{one.delivered} seen where they came out")
        tap.equal(one.wrong[:50], [], f"{who}'s {number} addresses")
        tap.equal(one.sent, number, f"{who} was answered")
        tap.ok(one.ours > number * 0.02 and one.delivered > 0, f"{who} tried all kinds")


def refused_stays_refused():
    """Sendmail delivered to these after a 550."""
    for recipient in ("<(c)@a.example,@b.example:v@ext.example.net>", "<,%@ext.example.net>",
                      "<@example.com,@b.example:v@ext.example.net>", "<bob@example.com>,<v@ext.example.net>"):
        first = len(sink.mails)
        with Client(mta.port, source=STRANGER) as c:
            c.ehlo()
            c.mail("<a@elsewhere.example>")
            c.rcpt("<bob@backup.example>")
            reply = c.rcpt(recipient)
            tap.ok(not reply.ok, f"{mta.name}: {recipient} is refused", reply)
            try:
                c.data()
            except (OSError, EOFError):
                pass
        time.sleep(0.5)
        out = [r for _, recipients, _ in sink.mails[first:] for r in recipients if b"bob@backup" not in r]
        tap.equal(out, [], f"{mta.name}: {recipient} does not leave either")


mta.start()
guard.start()
try:
    tap.run(main, refused_stays_refused)
finally:
    mta.stop()
    guard.remove()
