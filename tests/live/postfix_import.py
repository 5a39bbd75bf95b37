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
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import BINARY, Guard
from sink import Sink
from smtp import Client
from tap import Tap

ETC, CONF = "/etc/postfix", "/tmp/guard.conf"
STRANGER, FRIEND, INSIDE, HOLE = "127.0.0.66", "127.0.0.1", "127.9.1.2", "127.9.1.66"
SENDER = "<a@elsewhere.example>"
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

# What the import says where the guard is stricter on purpose.
TAKEN_BACK = "refuses it to all but those whom it permits"
NO_POSTMASTER = "nor does the guard take it for the bare postmaster there"
# What the server refuses by another rule than that of relaying is no matter of the policy.
OTHERS = ("Client host rejected", "Temporary lookup failure", "+x@example.com>: Sender address rejected")
# What the lists of restrictions, and lists of patterns, say to each client: the plain recipients alone.
SUBMISSION = 10587
LISTS = [
    ("order and exceptions of networks", "mynetworks = 127.9.0.0/16, !127.9.1.66, !127.9.1.0/24, !127.0.0.0/30, 127.0.0.0/24\n",
     {}, [], ""),
    ("cidr tables with if and !", "mynetworks = cidr:/etc/postfix/networks, 127.0.0.1\n",
     {"networks": "if 127.9.0.0/16\n!127.9.1.0/26 any\nendif\n127.0.0.66/8 OK\n::1 REJECT\n"}, [], ""),
    ("addresses in a hash", "mynetworks = hash:/etc/postfix/networks\n", {"networks": "127.9 x\n127.9.1.66 x\n127.0.0.1 x\n"},
     ["hash:networks"], ""),
    ("an entry with host bits", "mynetworks = 127.0.0.1, 127.9.1.2/16, 127.9.1.66\n", {}, [], ""),
    ("a permission that another list takes back", "smtpd_recipient_restrictions = check_client_access "
     "cidr:/etc/postfix/clients, check_recipient_access inline:{{ext.example.net = OK}}, permit_mynetworks, "
     "reject_unauth_destination\n", {"clients": "127.9.0.0/16 OK\n"}, [], ""),
    ("tables of clients", "smtpd_relay_restrictions = check_client_access cidr:/etc/postfix/clients, check_client_access "
     "hash:/etc/postfix/keys, permit_mynetworks, reject_unauth_destination\n",
     {"clients": "127.9.1.66 DUNNO\n127.0.0.1 REJECT\n127.9.1.0/25 OK\n", "keys": "127.9.1 REJECT\n127.9 OK\n127.0.0.66 DUNNO\n"
      "127 OK\n"}, ["hash:keys"], ""),
    ("a class, and warn_if_reject", "smtpd_restriction_classes = inner\ninner = warn_if_reject reject, check_client_access "
     "inline:{{127.9.1.2 = OK}}, permit_mynetworks\nsmtpd_relay_restrictions = inner, warn_if_reject reject_unauth_destination, "
     "reject_unauth_destination\n", {}, [], ""),
    ("domains with !", "mydestination = example.com, localhost, !mx.example.com, $mydomain, mx.example.com\n"
     "relay_domains = backup.example, !sub.listed.example, listed.example, .mapped.example\n", {}, [], ""),
    ("no subdomains but with a dot", "parent_domain_matches_subdomains =\nrelay_domains = backup.example, .listed.example, "
     "hash:/etc/postfix/relay\n", {"relay": ".mapped.example x\n"}, ["hash:relay"], ""),
    ("macros", "lan = 127.9.0.0/16\nextra = ${lan?{127.0.0.1}:{127.0.0.66}}\nmynetworks = $lan, ${extra}\n"
     "relay_domains = $mydestination, ${nothing:backup.example}\n", {}, [], ""),
    ("a listener of its own", "", {}, [], "-o smtpd_relay_restrictions=permit_sasl_authenticated,reject"),
    ("another listener trusts more", "mynetworks = 127.0.0.1\n", {}, [], "-o mynetworks=127.9.0.0/16"),
    ("a listener without logins", "smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n", {}, [],
     "-o smtpd_relay_restrictions=permit_sasl_authenticated,reject_unauth_destination"),
    ("clients first", "smtpd_client_restrictions = permit_mynetworks, permit_sasl_authenticated, reject\n", {}, [],
     "-o smtpd_client_restrictions="),
]

tap = Tap()
sink = Sink(mtas.SINK)
mta = mtas.make("postfix")
# What the guard says, and the server, to several at once: the one needs a process each, the other waits.
pool, sessions = ThreadPoolExecutor(4), ThreadPoolExecutor(4)


def command(*argv):
    done = subprocess.run([BINARY, *argv], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def serve(extra="", files=(), tables=(), services=""):
    """Other settings for the one Postfix, without a guard."""
    for name, text in dict(files).items():
        mtas.write(f"{ETC}/{name}", text)
    for table in tables:
        mtas.run("postmap", f"{table.split(':')[0]}:{ETC}/{table.split(':')[1]}")
    mta.extra, mta.services = extra, services
    mta.reconfigure()


def by_server(port, source, recipients, login=None, sender=SENDER):
    """The reply to each, from one client."""
    replies = {}
    with Client(port, source=source) as c:
        c.ehlo()
        if login:
            c.auth(login, f"secret-{login}")
        for recipient in recipients:
            c.mail(sender)
            replies[recipient] = c.rcpt(recipient)
            c.rset()
    return replies


def by_guard(source, recipient, port=None, login=None, sender=SENDER):
    more = ["--listener", str(port)] if port else []
    more += ["--auth", f"{login}@example.com"] if login else []
    code, out, err = command("explain", "-c", CONF, "--client", source, "--from", sender, "--to", recipient, *more)
    return code == 0, "reading: ambiguous" in out, out + err


def both(cases):
    """Sessions (port, source, login, sender, recipients): of each with each recipient, what the server says, and the guard."""
    def ask(case):
        port, source, login, sender, recipients = case
        replies = by_server(port, source, recipients, login, sender)
        return [(case, to, reply, pool.submit(by_guard, source, to, port, login, sender)) for to, reply in replies.items()]

    return [(case, to, reply, *decided.result()) for asked in sessions.map(ask, cases) for case, to, reply, decided in asked]


def probes():
    code, out, err = command("selftest", "-c", CONF, "--domain", "example.com", "--list", "--format", "json")
    if code != 0:
        raise RuntimeError(err)
    return sorted({p["to"] for p in json.loads(out)})


def compare(name, port):
    recipients = [f"<{p}>" for p in PLAIN] + [p if p.startswith("<") else f"<{p}>" for p in probes()]
    plain = {f"<{p}>" for p in PLAIN}
    laxer, differs, asked = [], [], 0
    for (_, source, *_), recipient, reply, permitted, odd, why in both(
            (port, source, None, SENDER, recipients) for source in (STRANGER, FRIEND, INSIDE, HOLE)):
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
        serve(extra, files, tables)
        code, out, err = command("import", "postfix")
        tap.equal(code, 0, f"{name}: it is imported", err)
        mtas.write(CONF, out)
        checked = command("check", "-c", CONF)
        tap.equal(checked[0], 0, f"{name}: and can be read", checked, out)
        compare(name, mta.port)


def load(name):
    """Writes the imported configuration."""
    code, out, err = command("import", "postfix")
    mtas.write(CONF, out)
    checked = command("check", "-c", CONF)
    tap.equal((code, checked[0]), (0, 0), f"{name}: it is imported, and can be read", err, checked, out)
    return out


def judge(name, asked, out):
    """The guard is never laxer, and stricter only where the import says so."""
    differs = [(permitted, *who, to, reply, why) for (*who, _), to, reply, permitted, _, why in asked if permitted != reply.ok]
    laxer = [d for d in differs if d[0] and not any(o in d[-2].text for o in OTHERS)]
    tap.equal(laxer[:3], [], f"{name}: nothing more is permitted", len(laxer), out)
    said = {TAKEN_BACK: "ext.example.net", NO_POSTMASTER: "<postmaster>", "was not taken over: two@vmail.example": "three@vmail"}
    stricter = [d for d in differs if not d[0] and not any(
        text in f"{d[4]} {d[5]}" and why in " ".join(out.replace("\n#", " ").split()) for why, text in said.items())]
    tap.equal(stricter[:3], [], f"{name}: nothing less, but for what it tells", len(stricter), out)


def lists():
    recipients = [f"<{p}>" for p in PLAIN]
    for name, extra, files, tables, options in LISTS:
        serve(extra, files, tables, f"127.0.0.1:{SUBMISSION} inet n - n - 200 smtpd {options}\n" if options else "")
        out = load(name)
        asked = both([(port, source, login, SENDER, recipients) for port in ((mta.port, SUBMISSION) if options else (mta.port,))
                      for source, login in ((STRANGER, None), (FRIEND, None), (INSIDE, None), (HOLE, None), (STRANGER, "alice"))])
        judge(name, asked, out)
        tap.equal(len(asked), 5 * len(PLAIN) * (2 if options else 1), f"{name}: all were asked")


LOGINS = """alice@example.com alice@example.com
info@example.com bob@example.com, alice@example.com
@alias.example bob@example.com
one@alias.example alice@example.com bob@example.com
two@vmail.example bob@example.com
@vmail.example alice@example.com bob@example.com
"""
SENDERS = ["alice@example.com", "alice+x@example.com", "info@example.com", "bob@example.com", "one@alias.example",
           "any@alias.example", "two@vmail.example", "three@vmail.example", "a@elsewhere.example", ""]


def senders():
    """Who may send as whom."""
    for restriction in ("reject_sender_login_mismatch", "reject_authenticated_sender_login_mismatch",
                        "permit_mynetworks, reject_unauthenticated_sender_login_mismatch"):
        serve(f"smtpd_sender_login_maps = texthash:{ETC}/logins\nrecipient_delimiter = +\n"
              f"smtpd_sender_restrictions = {restriction}\n", {"logins": LOGINS})
        out = load(restriction)
        asked = both([(mta.port, source, login, f"<{sender}>", ["<bob@example.com>", "<bob@ext.example.net>"])
                      for source, login in ((STRANGER, None), (FRIEND, None), (STRANGER, "alice"), (STRANGER, "bob"))
                      for sender in SENDERS])
        judge(restriction, asked, out)


def agrees():
    """`selftest --agree` shows it to a postmaster, and shows where the two do not agree."""
    serve()
    selftest = ("selftest", "-c", CONF, "--agree", "--smtp", f"127.0.0.1:{mta.port}", "--domain", "example.com")
    out = load("agree")
    code, text, err = command(*selftest, "--format", "json")
    tap.equal(code, 0, "the server and what was imported from it agree", text[-3000:], err)
    rows = json.loads(text)["rows"]
    tap.ok(len({r["probe"] for r in rows}) > 60 and len({r["actor"] for r in rows}) > 3, "by all probes and clients", len(rows))
    tap.ok(any("backup.example" in r["to"] for r in rows), "and by each domain of ours")
    mtas.write(CONF, out.replace("relay {", "relay {\n rule odd { to = backup.example  action = reject }").replace(
        '"127.0.0.0/30"', '"10.9.0.0/16"'))
    code, text, err = command(*selftest, "-q")
    text = " ".join(text.split())
    tap.equal(code, 1, "where a domain and a network differ they don't", text, err)
    tap.ok("sends to <postmaster@backup.example>" in text and "the server takes it, the configuration refuses it" in text,
           "what the server alone takes is named", text)
    tap.ok("the server refuses it, the configuration permits it by rule office" in text,
           "what the configuration alone permits is named, with its rule", text)
    tap.ok("stranger-v4 sends to <relaytest@example.org> from <selftest@example.org>: the server takes it" in text,
           "and so is this host, which the server alone trusts", text)


def guarded():
    """The imported configuration at work: what holds at one port holds there, and the server does not notice."""
    guard = Guard()
    with open(guard.conf, encoding="utf-8") as f:
        sockets = f.read().split("networks friends")[0]
    serve("smtpd_client_message_rate_limit = 1000\n", services=f"127.0.0.1:{SUBMISSION} inet n - n - 200 smtpd "
          "-o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n")
    try:
        cases = [(port, source, login, to) for port in (mta.port, SUBMISSION) for source, login in (
            (STRANGER, None), (FRIEND, None), (STRANGER, "alice")) for to in ("<bob@example.com>", "<bob@ext.example.net>")]
        alone = [by_server(port, source, [to], login)[to] for port, source, login, to in cases]
        events = f'events {{ path = "{guard.events_path}"  syslog = no }}\n'
        mtas.write(guard.conf, sockets + load("guarded") + events)
        guard.start()
        # The server goes on to permit all of it, so that what is refused is refused by the guard.
        mta.services = f"127.0.0.1:{SUBMISSION} inet n - n - 200 smtpd\n"
        mta.reconfigure(milter=f"unix:{guard.socket}", is_open=True)
        for (port, source, login, to), was in zip(cases, alone):
            reply = by_server(port, source, [to], login)[to]
            tap.equal(reply.ok, was.ok, f"guarded: {to} from {source} {login or ''} at {port}", reply, was)
    finally:
        guard.remove()


mta.start()
try:
    tap.run(imported, lists, senders, agrees, guarded)
finally:
    mta.stop()
