#!/usr/bin/python3
"""
The audit against the mail server over random configurations: where Postfix takes a stranger's recipient for elsewhere,
the audit says so, and where it takes none, nothing is called high.
Run: tests/live/sandbox.sh postfix tests/live/postfix_property.py postfix [LISTENERS [SEED]]

Configurations come from tests/lib/postfix_grammar.py: as many as 25 seconds allow, unless a number of listeners is
given, here or as AUDIT_CASES; they are new ones each day then. Every client x HELO x sender that a configuration
mentions, and some of which it has not heard, is played by XCLIENT against outside recipients. One on which the two
disagree is made smaller and printed: keep it in tests/lib/postfix_cases.py.
"""
import concurrent.futures
import copy
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
import postfix_grammar as grammar
from guard import BINARY
from smtp import Client
from syslogd import Syslogd
from tap import Tap

CASES = int(sys.argv[2] if len(sys.argv) > 2 else os.environ.get("AUDIT_CASES", 0))
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else int(time.time()) // 86400 if CASES else 1
SECONDS = 25
LISTENERS = 16  # of one main.cf
ETC = grammar.ETC
NOBODY = -1
STATISTICS = {}
# What is told of this host, its packages and its limits.
IGNORED = {"bare-newline", "no-rate-limit", "milter-none", "version-old", "auth-plaintext", "policy-before-reject"}
LEVEL = {"low": 0, "medium": 1, "high": 2}

tap = Tap()


class Log(Syslogd):
    """Kept in memory: postlogd waits for itself when processes come and go as fast as here."""

    def __init__(self):
        self.lines = []
        super().__init__(None)

    def keep(self, line):
        self.lines.append(line)


class Server:
    """One Postfix that is reloaded for each world. New ports each time, so that no old process answers."""

    def __init__(self):
        self.postfix = mtas.Postfix(extra="""
maillog_file =
smtpd_sasl_auth_enable = no
smtpd_authorized_xclient_hosts = 127.0.0.66
smtpd_milters =
smtpd_tls_security_level = none
smtpd_junk_command_limit = 100000
smtpd_log_access_permit_actions =
service_throttle_time = 1
""")
        self.syslog = Log()
        self.postfix.start()
        self.port = 11000
        with open(f"{ETC}/main.cf") as f:
            self.main = f.read()
        with open(f"{ETC}/master.cf") as f:
            self.master = "".join(line for line in f if " inet " not in line)

    def load(self, world):
        """Serves it; returns the port of each listener."""
        for name, lines in world.files.items():
            mtas.write(f"{ETC}/{name}", "".join(f"{line}\n" for line in lines))
        ports = [self.port + i + 1 for i in range(len(world.listeners))]
        # A trivial-rewrite of the last world may still answer at the old name.
        text = grammar.main_text(world) + f"rewrite_service_name = rewrite{ports[0]}\n"
        mtas.write(f"{ETC}/main.cf", mtas.without_doubles(self.main, text))
        for table in set(re.findall(r"\bhash:/etc/postfix/(t\w+)", str(world.main) + str(world.listeners))):
            mtas.run("postmap", f"hash:{ETC}/{table}")
        self.port = ports[-1] if ports[-1] < 30000 else 11000
        # The log of the last worlds would only be searched again and again.
        self.syslog.lines.clear()
        mtas.write(f"{ETC}/master.cf", "".join(
            grammar.listener_text(world, i, port) for i, port in enumerate(ports)) +
            f"rewrite{ports[0]} unix - - n - - trivial-rewrite\n{self.master}")
        self.postfix.reload()
        mtas.wait_for_port(ports[-1])
        return ports

    def log(self, *words):
        return [line for line in list(self.syslog.lines) if all(w in line for w in words)]


def audit(ports):
    """The findings for each listener; those that name none count for all."""
    done = subprocess.run([BINARY, "audit", "postfix", "--format", "json"], capture_output=True, text=True, timeout=60)
    findings = json.loads(done.stdout)["findings"]
    return {port: [f for f in findings if f["listener"] == "" or f"127.0.0.1:{port}" in f["listener"].split(", ")]
            for port in ports}


# --- strangers ------------------------------------------------------------------

class NotServed(Exception):
    """Postfix ended for each client of this listener."""


class Player:
    """Plays every stranger against one listener, a connection for each: XCLIENT is heard once."""

    def __init__(self, server, port, world, number):
        self.server, self.port, self.clients = server, port, world.clients
        self.discards = "DISCARD" in f"{world.files}{world.text(number)}"
        self.messages = self.discarded = 0
        self.helos, self.senders, self.recipients = (
            world.tried(number, values) for values in (world.helos, world.senders, world.recipients))

    def connect(self, who):
        """One that is not served keeps silent; its log tells that it always will."""
        addr, name, _ = who
        addr = "IPV6:" + addr if ":" in addr else addr
        for _ in range(10):
            try:
                client = Client(self.port, source="127.0.0.66", timeout=1)
                client.sock.settimeout(20)
                # Without EHLO, whose restrictions would be remembered of those who say none.
                client.cmd(f"XCLIENT ADDR={addr} NAME={name} REVERSE_NAME={name}")
                return client
            except (OSError, EOFError):
                fatal = self.server.log(f"p{self.port}/smtpd", "fatal: ")
                if fatal:
                    raise NotServed(fatal[0].partition("fatal: ")[2]) from None
        raise RuntimeError(f"port {self.port} does not answer", self.server.log(f"p{self.port}/smtpd", "fatal"))

    def accepted(self, who):
        """(helo, sender, recipient) of what is taken from this client. The first HELO is none."""
        with self.connect(who) as client:
            for helo in self.helos:
                if helo is None or client.ehlo(helo).ok:
                    for sender in self.senders:
                        yield from self.transaction(client, helo, sender)

    def transaction(self, client, helo, sender):
        # What is thrown away goes with all recipients of its message.
        for recipients in [[r] for r in self.recipients] if self.discards else [self.recipients]:
            commands = [f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{r}>" for r in recipients), "RSET"]
            if helo is None:
                replies = [client.cmd(c) for c in commands]
            else:
                replies = client.pipeline(commands)
            for recipient, reply in zip(recipients, replies[1:]):
                if reply.ok and not self.is_discarded():
                    yield helo, sender, recipient

    def is_discarded(self):
        """DISCARD takes what it throws away; its line in the log stands before that of the client."""
        if not self.discards:
            return False
        self.messages += 1
        end = time.monotonic() + 5
        while len(self.server.log(f"p{self.port}/smtpd", ": client=")) < self.messages and time.monotonic() < end:
            time.sleep(0.01)
        before, self.discarded = self.discarded, len(self.server.log(f"p{self.port}/smtpd", "discard: "))
        return self.discarded > before

    def worst(self):
        """Who gets something accepted, and what: the most dangerous client at its first success."""
        try:
            for who in sorted(self.clients, key=lambda c: -c[2]):
                what = next(self.accepted(who), None) if who[2] != grammar.FRIEND else None
                if what is not None:
                    return who[2], (who, *what)
            return NOBODY, None
        except NotServed as why:
            return None, str(why)


def is_refused(findings):
    """Does the audit say that this listener is not even served?"""
    return any(f["id"] == "relay-control-missing" and "does not serve" in f["why"] for f in findings)


def truths(server, ports, world):
    """For each listener who relays through it; None where it is not served."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda i: Player(server, ports[i], world, i).worst(), range(len(ports))))


# --- agreement --------------------------------------------------------------------

def verdict(truth, findings):
    """What is wrong with the audit; "" if nothing."""
    who, what = truth
    missing = [f for f in findings if f["id"] == "relay-control-missing"]
    told = max([LEVEL[f["severity"]] for f in findings if f["id"] not in IGNORED], default=-1)
    if who is None:
        return "" if missing or not what.startswith("in parameter") else "not served, and not said"
    if is_refused(findings):
        return "served, though said not to be"
    if who == NOBODY and told == 2:
        return "cries wolf"
    if who == grammar.NEIGHBOUR and told != 1:
        return "missed under a condition" if told < 1 else "high, but only under a condition"
    if who == grammar.STRANGER and told < 2:
        return "missed"
    return ""


def is_combined(world, number):
    """Is more than one thing asked of the same? Each is judged by itself, so that more may be told than is so."""
    text = world.text(number)
    kinds = ["check_helo_access|naked_ip|_fqdn_helo|invalid_helo", "check_sender_access", "check_recipient_access",
             "check_client_access"]
    return any(len(re.findall(kind, text)) > 1 for kind in kinds)


def disagreements(server, world, counted=True):
    ports = server.load(world)
    findings = audit(ports)
    found = []
    all_truths = truths(server, ports, world)
    for i, truth in enumerate(all_truths):
        # What holds for the host need not be so for each listener.
        ours = [f for f in findings[ports[i]] if f["listener"] or truth[0] in (None, grammar.STRANGER) or
                all(t[0] != grammar.STRANGER for t in all_truths)]
        wrong = verdict(truth, ours)
        if wrong.startswith(("cries", "high")) and is_combined(world, i):
            STATISTICS["combined"] = STATISTICS.get("combined", 0) + 1
        elif wrong:
            found.append((i, wrong, truth, [f for f in findings[ports[i]] if f["id"] not in IGNORED]))
        if counted:
            STATISTICS[truth[0]] = STATISTICS.get(truth[0], 0) + 1
    return found


# --- smaller ----------------------------------------------------------------------

def one_listener(world, i):
    """All that holds for this listener as its own options."""
    small = copy.deepcopy(world)
    shared = {k: v for k, v in small.main.items() if k in grammar.SHARED}
    small.listeners = [{k: v for k, v in {**small.main, **small.listeners[i]}.items() if k not in shared}]
    small.main, small.style = shared, None
    return small


def smaller(world):
    """The listener and the files with one thing less, each."""
    own = world.listeners[0]
    for name in own:
        yield {k: v for k, v in own.items() if k != name}, {}
        if len(own[name]) > 1:
            for i in range(len(own[name])):
                yield {**own, name: own[name][:i] + own[name][i + 1:]}, {}
    for name, lines in world.files.items():
        for i in range(len(lines) if len(lines) > 1 else 0):
            yield own, {name: lines[:i] + lines[i + 1:]}


def used(world):
    """Only the files that are named."""
    names = re.findall(r"/etc/postfix/(t\w+)", f"{world.main}{world.listeners}")
    world.files = {name: lines for name, lines in world.files.items() if name in names}
    return world


def tried(world, steps):
    """A world with a listener for each step; what it changes in a file is changed in a copy."""
    many = copy.deepcopy(world)
    many.listeners = []
    for n, (own, files) in enumerate(steps):
        own = copy.deepcopy(own)
        for name, lines in files.items():
            many.files[f"{name}x{n}"] = lines
            for elements in own.values():
                elements[:] = [re.sub(rf"/{name}\b", f"/{name}x{n}", e) for e in elements]
        many.listeners.append(own)
    return many


def shrink(server, world, wrong, seconds=60):
    end = time.monotonic() + seconds
    best, found = used(world), None
    steps = list(smaller(best))
    while steps and time.monotonic() < end:
        now, steps = steps[:LISTENERS], steps[LISTENERS:]
        many = tried(best, now)
        hits = [d for d in disagreements(server, many, False) if d[1] == wrong]
        if not hits:
            continue
        found = hits[0]
        best = copy.deepcopy(many)
        best.listeners = [many.listeners[found[0]]]
        best = used(best)
        steps = list(smaller(best))
    return best, found


def described(world, found):
    lines = [f"{found[1]}: {found[2]}", *(f"  {f['severity']} {f['id']}: {f['why']}" for f in found[3])]
    lines += grammar.main_text(world).split("\n") + grammar.listener_text(world, 0, "PORT").split("\n")
    lines += [f"{name}: {line}" for name, rows in world.files.items() for line in rows]
    return "\n".join(lines)


def postfix():
    server = Server()
    maker = grammar.Maker(SEED)
    end = time.monotonic() + SECONDS
    count, wrong = 0, []
    while count < CASES if CASES else time.monotonic() < end:
        world = maker.make(LISTENERS)
        for i, what, truth, findings in disagreements(server, world):
            small = one_listener(world, i)
            again = disagreements(server, small, False)
            # While the server reloads an old process may answer: what does not come again is none.
            if not again or again[0][1] != what:
                print(f"# not again: {what} {truth}", flush=True)
                continue
            small, found = shrink(server, small, what) if len(wrong) < 8 else (small, None)
            wrong.append(described(small, found or again[0]))
            print("# " + wrong[-1].replace("\n", "\n# "), "\n", flush=True)
        count += LISTENERS
    print(f"# seed {SEED}: {count} listeners; strangers relay through {STATISTICS}")
    tap.equal(len(wrong), 0, f"seed {SEED}: the audit and the server agree on {count} listeners", *wrong[:5])
    server.postfix.stop()


def other():
    tap.ok(True, f"{sys.argv[1]}: has no such test")


if __name__ == "__main__":
    tap.run({"postfix": postfix}.get(sys.argv[1], other))
