#!/usr/bin/python3
"""
The audit and the import beside the real Sendmail: what the audit calls open takes a stranger's mail for elsewhere,
what it calls healthy refuses it, and what is imported decides as the server does.
Run: tests/live/sandbox.sh sendmail tests/live/sendmail_audit.py
"""
import json
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
import sendmail_cases as cases
from guard import BINARY
from smtp import Client
from tap import Tap

ETC = "/etc/mail"
CF = "/usr/share/sendmail/cf"
# A stranger whose name is known, as class R and the access map look names up.
STRANGER, NAME = "8.8.4.4", cases.NAME
tap = Tap()


class Server(mtas.Sendmail):
    """One configuration after the other."""

    def load(self, mc="", access="", files=None, edit=None):
        self.stop()
        # The stranger's address is one of this host's: Sendmail would take it for its own.
        self.extra, self.more_access = "define(`confDONT_PROBE_INTERFACES', `True')dnl\n" + mc, access
        if os.path.exists(f"{ETC}/relay-domains"):
            os.unlink(f"{ETC}/relay-domains")
        self.configure()
        for name, text in (files or {}).items():
            mtas.write(f"{ETC}/{name}", text, 0o600 if name.startswith("sasl/") else 0o644)
        if edit:
            with open(f"{ETC}/sendmail.cf") as f:
                text = edit(f.read())
            mtas.write(f"{ETC}/sendmail.cf", text)

    def serve(self):
        self.process = subprocess.Popen([self.binary, "-C", f"{ETC}/sendmail.cf", "-bD", "-q1h"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        mtas.wait_for_port(self.port)

    def attempt(self, sender=cases.SENDER, rcpt=cases.VICTIM, auth=None, source=STRANGER):
        with Client(self.port, source=source) as c:
            c.ehlo(NAME)
            if auth:
                c.cmd(auth)
            r = c.mail(sender)
            return c.rcpt(rcpt) if r.ok else r


def command(*argv):
    done = subprocess.run([BINARY, *argv], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def audit(*options):
    code, out, err = command("audit", "sendmail", "--format", "json", *options)
    report = json.loads(out)
    for f in report["findings"]:
        f["text"] = ""
        if f["line"] > 0:
            with open(f["file"], errors="replace") as source:
                f["text"] = source.read().split("\n")[f["line"] - 1]
    return code, report, err


def high(report):
    return [f for f in report["findings"] if f["severity"] == "high"]


def open_ones():
    for c in cases.OPEN:
        name = f"open: {c.name}"
        server.load(c.mc, c.access, c.files, c.edit)
        code, report, err = audit()
        hits = [f for f in report["findings"] if f["id"] == c.find and f["severity"] == c.severity]
        tap.ok(hits, f"{name}: {c.find}, {c.severity}", json.dumps(report, indent=1), err)
        tap.ok(any(c.at in f["text"] for f in hits), f"{name}: in the right line", c.at, hits)
        tap.equal(code, 1 if c.severity == "high" else 0, f"{name}: exit code", err)
        others = [f for f in high(report) if f["id"] != c.find]
        tap.equal(others, [], f"{name}: nothing else is high")
        if c.live:
            server.serve()
            reply = server.attempt(c.sender, c.rcpt, c.auth)
            tap.ok(reply.ok, f"{name}: a stranger relays", reply)


def closed_ones():
    for c in cases.CLOSED:
        server.load(c.mc, c.access, c.files, c.edit)
        code, report, err = audit()
        tap.equal((code, high(report)), (0, []), f"closed: {c.name}: nothing high", err)
        tap.ok(c.find is None or any(f["id"] == c.find and c.at in f["text"] for f in report["findings"]),
               f"closed: {c.name}: {c.find or 'nothing'} is said", report)
        server.serve()
        tap.ok(not server.attempt(c.sender, c.rcpt, c.auth).ok, f"closed: {c.name}: a stranger is refused")


def replaced(name, c, find):
    """The line that is to be written instead is written, by machine; then it is another server, which Sendmail starts with."""
    server.load(c.mc, c.access, c.files)
    found = [f for f in audit()[1]["findings"] if f["id"] == find]
    for f in found[:1]:
        with open(f["file"]) as source:
            lines = source.read().split("\n")
        if f["line"] > 0:
            lines[f["line"] - 1] = f["instead"]
        else:
            # Before the mailers, where options and features stand.
            at = next(i for i, line in enumerate(lines) if line.startswith(("MAILER", "Mlocal")))
            lines.insert(at, f["instead"])
        mtas.write(f["file"], "\n".join(lines))
        built = subprocess.run(["m4", f"-D_CF_DIR_={CF}/", f"{CF}/m4/cf.m4", f"{ETC}/sendmail.mc"], capture_output=True, text=True)
        tap.ok(built.returncode == 0 and "ERROR" not in built.stderr, f"{name}: {find}: m4 builds {f['instead']}", built.stderr)
        mtas.write(f"{ETC}/sendmail.cf", built.stdout)
        left = [f for f in audit()[1]["findings"] if f["id"] == find]
        tap.equal(len(left), len(found) - 1, f"{name}: {find}: it is gone", f, left)
        checked = subprocess.run([server.binary, "-C", f"{ETC}/sendmail.cf", "-bi"], capture_output=True, text=True)
        tap.equal(checked.returncode, 0, f"{name}: {find}: Sendmail reads it", checked.stdout)


def replacements():
    for c in cases.OPEN:
        # In sendmail.cf alone there is nothing to build; a version is not written in a file.
        if c.edit is None and c.find != "version-old":
            replaced(c.name, c, c.find)
    for find in ("milter-none", "banner-version", "vrfy", "no-rate-limit", "auth-plaintext"):
        replaced("as the tests have it", cases.Case("", find, ""), find)


def healthy_ones():
    for name, mc in cases.HEALTHY.items():
        server.load(mc)
        code, report, err = audit()
        tap.equal((code, high(report)), (0, []), f"healthy: {name}: nothing high", err)
        server.serve()
        reply = server.attempt()
        tap.ok(not reply.ok, f"healthy: {name}: a stranger is refused", reply)


def source_alone():
    """An auditor may have sendmail.mc only."""
    folder = "/tmp/source"
    for c in cases.OPEN:
        if c.edit or c.files or c.find == "version-old":
            continue
        server.load(c.mc, c.access)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for name in ("sendmail.mc", "local-host-names", "access"):
            shutil.copy(f"{ETC}/{name}", folder)
        code, report, err = audit("--config-dir", folder)
        tap.ok(any(f["id"] == c.find for f in report["findings"]), f"sendmail.mc: {c.name}: {c.find}", report, err)
    for mc in sorted(os.listdir("/usr/share/sendmail/cf/cf")):
        if mc.endswith(".mc"):
            shutil.rmtree(folder)
            os.makedirs(folder)
            shutil.copy(f"/usr/share/sendmail/cf/cf/{mc}", f"{folder}/sendmail.mc")
            code, report, err = audit("--config-dir", folder)
            wanted = ["promiscuous-relay"] if mc == "uucpproto.mc" else []
            tap.equal([f["id"] for f in high(report)], wanted, f"{mc} of the distribution", err)
            code, out, err = command("import", "sendmail", "--config-dir", folder)
            mtas.write(f"{folder}/guard.conf", out)
            checked = command("check", "-c", f"{folder}/guard.conf")
            tap.equal((code, checked[0]), (0, 0), f"{mc} is imported", out, err, checked)


def from_both(name):
    """What is found in sendmail.cf, as m4 makes it, and in sendmail.mc alone: the same."""
    found = []
    for kept in ("sendmail.cf", "sendmail.mc"):
        folder = "/tmp/both"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(ETC, folder, ignore=shutil.ignore_patterns("*.cf", "*.mc", "tls", "sasl"))
        shutil.copy(f"{ETC}/{kept}", folder)
        code, report, err = audit("--config-dir", folder)
        # Of sendmail.mc alone the version is not known.
        found.append(sorted((f["severity"], f["id"]) for f in report["findings"] if f["id"] != "version-old"))
    tap.equal(found[1], found[0], f"{name}: sendmail.mc alone says what sendmail.cf does")
    return found[0]


def spellings():
    for name, find, mc in cases.SPELLINGS:
        server.load(mc)
        found = from_both(name)
        tap.ok(("high", find) in found, f"{name}: {find}", found)
        server.serve()
        rcpt = "<victim@anybody.net>" if find == "relay-domains-world" else cases.VICTIM
        tap.ok(server.attempt(rcpt=rcpt).ok, f"{name}: a stranger relays")
    for name, mc in cases.CLOSED_SPELLINGS:
        server.load(mc)
        found = from_both(name)
        tap.ok(not any(severity == "high" for severity, find in found), f"{name}: nothing high", found)
        server.serve()
        tap.ok(not server.attempt().ok, f"{name}: a stranger is refused")


def m4_stops():
    for mc, what in (("define(`confA', `b)dnl\n", "quote"), ("FEATURE(`redirect'\n", "parenthesis")):
        folder = "/tmp/stops"
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        server.extra = mc
        text = server.macro_file()
        mtas.write(f"{folder}/sendmail.mc", text)
        built = subprocess.run(["m4", f"-D_CF_DIR_={CF}/", f"{CF}/m4/cf.m4", f"{folder}/sendmail.mc"], capture_output=True)
        tap.ok(built.returncode != 0, f"m4 stops at the {what}", built.stderr)
        code, report, err = audit("--config-dir", folder)
        wanted = text[:text.index(mc)].count("\n") + 1
        tap.ok(any((f["id"], f["line"]) == ("syntax", wanted) and what in f["why"] for f in report["findings"]),
               f"and the audit says where: the {what}", report)


def other_names():
    """Not everybody's file is called sendmail.mc, and some name the file itself."""
    opened, closed = "FEATURE(`promiscuous_relay')dnl\n", "divert(0)dnl\n"
    for what, files, option, read in (
            ("HOST.mc alone", {"mx.example.com.mc": opened}, "", "mx.example.com.mc"),
            ("FreeBSD's folder", {"freebsd.mc": closed, "freebsd.submit.mc": closed, "mx.mc": opened, "mx.submit.mc": closed},
             "", "mx.mc"),
            ("FreeBSD's example alone", {"freebsd.mc": opened, "freebsd.submit.mc": closed}, "", "freebsd.mc"),
            ("submit.mc alone", {"submit.mc": opened}, "", "submit.mc"),
            ("two of them", {"a.mc": opened, "b.mc": closed}, "", "a.mc"),
            ("the other of them", {"a.mc": closed, "b.mc": opened}, "b.mc", "b.mc"),
            ("a file of any name", {"mc.txt": opened}, "mc.txt", "mc.txt"),
            ("sendmail.cf under another name", {"copy.txt": "V10/Berkeley\nScheck_rcpt\nR$*\t$@ OK\n"}, "copy.txt", "copy.txt"),
            ("beside what is called sendmail.mc", {"a.mc": closed, "sendmail.mc": opened}, "", "sendmail.mc")):
        folder = "/tmp/names"
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for name, text in files.items():
            mtas.write(f"{folder}/{name}", text)
        code, report, err = audit("--config-dir", f"{folder}/{option}".rstrip("/"))
        tap.equal((code, {f["file"] for f in high(report)}), (1, {f"{folder}/{read}"}), f"{what}: {read} is judged", err)
        said = " ".join(report["notes"])
        tap.ok(read in said or not read.endswith(".mc") or read == "sendmail.mc", f"{what}: it is said", report)
        if len(files) > 1 and not option and read != "sendmail.mc":
            tap.ok("--config-dir FILE" in said, f"{what}: and that others are not", report)
        code, out, err = command("import", "sendmail", "--config-dir", f"{folder}/{option}".rstrip("/"))
        tap.equal((code, read in out), (0, True), f"{what}: it is imported", err)
    for folder in ("/tmp/nowhere", "/run"):
        for what in ("audit", "import"):
            code, out, err = command(what, "sendmail", "--config-dir", folder)
            tap.ok(code == 66 and folder in err and "expected" in err, f"{what} {folder}: nothing to read is said", code, err)


def not_built():
    server.load("FEATURE(`promiscuous_relay')dnl\n")
    with open(f"{ETC}/sendmail.mc") as f:
        source = f.read()
    server.load()
    mtas.write(f"{ETC}/sendmail.mc", source)
    code, report, err = audit()
    tap.ok(any(f["id"] == "cf-not-built" and "promiscuous" in f["text"] for f in report["findings"]),
           "what sendmail.cf was not built with is told", report)


RECIPIENTS = ["bob@example.com", "bob@mx.example.com", "bob@localhost", "bob@backup.example", "bob@sub.backup.example",
              "bob@relay.example", "bob@sub.relay.example", "bob@ext.example.net", "bob@sub.example.com",
              "bob%ext.example.net@example.com", "postmaster", "bob@rej.relay.example", "bob@a.rej.relay.example",
              "bob@rej.backup.example", "bob@dotted.example", "bob@a.dotted.example", "bob@adot.example", "bob@b.adot.example", "bob@a.rej.backup.example", "bob@both.example",
              "bob@only.example", "bob@virt.example", "bob@[127.0.0.1]"]
# name, more of sendmail.mc, of the access map, files
IMPORTED = [
    ("as it was", "RELAY_DOMAIN(`relay.example')dnl\n", "Connect:10.1.2 RELAY\n192.0.2.7 RELAY\n", {}),
    ("exceptions", "RELAY_DOMAIN(`relay.example')dnl\n",
     "Connect:10.1.2 RELAY\nConnect:10.1.2.4 REJECT\n10.1.2.5 OK\nConnect:10.1 REJECT\nTo:rej.relay.example REJECT\n"
     "To:rej.backup.example REJECT\nTo:.adot.example RELAY\nboth.example RELAY\nTo:u@only.example RELAY\nFrom:example.org RELAY\n", {}),
    ("class R, virtual domains, hosts only", "VIRTUSER_DOMAIN(`virt.example')dnl\nFEATURE(`relay_hosts_only')dnl\n"
     "FEATURE(`virtusertable', `hash -o /etc/mail/virtusertable')dnl\nMASQUERADE_AS(`masq.example')dnl\n",
     "Connect:10.1.2.3 OK\n", {"relay-domains": "# ours\n10.1.2\nrelay.example\n.dotted.example\n"}),
    ("another class file", "define(`confCW_FILE', `-o /etc/mail/names')dnl\nFEATURE(`mailertable', `hash -o /etc/mail/mailertable')dnl\n",
     "Connect:10 RELAY\nConnect:10.1.2.4 DISCARD\n", {"names": "both.example\nexample.com\n"}),
    ("keys with a dot", "FEATURE(`lookupdotdomain')dnl\n", "To:.adot.example RELAY\nTo:.rej.backup.example REJECT\n", {}),
]


def imported():
    """Every recipient that the server takes from a client, the guard takes too; and the other way round."""
    for name, mc, access, files in IMPORTED:
        server.load(mc, access, files)
        server.serve()
        code, out, err = command("import", "sendmail")
        mtas.write("/tmp/guard.conf", out)
        tap.equal((code, command("check", "-c", "/tmp/guard.conf")[0]), (0, 0), f"{name}: it is imported, and can be read", out, err)
        named = "VIRTUSER_DOMAIN" in mc or "RELAY_DOMAIN" in mc or "relay-domains" in files
        tap.equal("whose name is in class {R}" in " ".join(out.replace("#", "").split()), named, f"{name}: clients by their names are told of", out)
        differs = []
        for source in (STRANGER, "10.1.2.3", "10.1.2.4", "10.1.2.5", "127.0.0.1"):
            for rcpt in RECIPIENTS:
                reply = server.attempt(rcpt=f"<{rcpt}>", source=source)
                by_guard = command("explain", "-c", "/tmp/guard.conf", "--client", source, "--from", cases.SENDER,
                                   "--to", f"<{rcpt}>")
                # Whom the server does not listen to at all, or whose mail it throws away, is left to it.
                if (by_guard[0] == 0) != reply.ok and "Access denied" not in reply.text and "DISCARD" not in access:
                    differs.append((source, rcpt, reply, by_guard))
        tap.equal(differs[:3], [], f"{name}: decided alike", len(differs), out)
        code, text, err = selftest("--agree", "-q")
        tap.equal(code, 0, f"{name}: and the self-test says that they agree", text, err)


def selftest(*options, source=STRANGER):
    return command("selftest", "-c", "/tmp/guard.conf", "--smtp", f"127.0.0.1:{server.port}", "--source", source, *options)


# What differs: in the configuration, who tries it, and what is said of it.
REFUSES, TAKES = ("the server refuses it, the configuration permits it by rule ",
                  "the server takes it, the configuration refuses it by rule others ")
PLANTED = [
    ("a network more", ('"127.0.0.1/32"', '"127.0.0.1/32", "8.8.4.0/24"'), (),
     f"office sends to <relaytest@example.org> from <selftest@example.org>: {REFUSES}office "),
    ("a network less", ('"127.0.0.1/32"', '"127.0.0.2/32"'), (),
     f"stranger-v4 sends to <relaytest@example.org> from <selftest@example.org>: {TAKES}"),
    ("a domain more", ('"gateway.example"', '"gateway.example", "more.example"'), (),
     f"stranger-v4 sends to <postmaster@more.example> from <selftest@example.org>: {REFUSES}inbound "),
    ("a domain less, which is named", ('"gateway.example"', '"other.example"'), ("--domain", "gateway.example"),
     f"stranger-v4 sends to <postmaster@gateway.example> from <selftest@example.org>: {TAKES}"),
    ("no rule for logins", ("rule login ", "# rule login "), ("--auth-user", "alice"),
     f"login sends to <relaytest@example.org> from <selftest@example.org>: {TAKES}"),
]


def agrees():
    """`selftest --agree` names each difference, and the rule that makes it; what it can't try it tells."""
    os.environ["RELAY_GUARD_PASSWORD"] = "secret-alice"
    server.load("", "Connect:10.1.2 RELAY\nConnect:10.1.2.4 REJECT\n")
    server.serve()
    out = command("import", "sendmail")[1]
    for what, change, options, wanted in PLANTED:
        tap.equal(out.count(change[0]), 1, f"{what}: it is planted", out)
        mtas.write("/tmp/guard.conf", out.replace(*change))
        code, text, err = selftest("--agree", "-q", *options)
        text = " ".join(text.split())
        tap.equal((code, wanted in text), (1, True), f"{what}: it is named, with its rule", wanted, text, err)
    mtas.write("/tmp/guard.conf", out)
    code, text, err = selftest("--agree", "-q", "--auth-user", "alice")
    tap.equal(code, 0, "as it was imported they agree", text, err)
    tap.ok("networks of rule office (/tmp/guard.conf:" in text, "networks whose clients can't be played are told", text)
    code, text, err = selftest("--agree", "-q", source="10.1.2.4")
    tap.equal(code, 0, "from whom the server takes nothing, that is no disagreement on relaying", text, err)
    code, text, err = selftest("--agree", "-q", source="10.1.2.3")
    tap.ok(code == 69 and "none could be played" in err, "without a stranger it is not known", code, text, err)
    code, text, err = selftest("-q", source="10.1.2.3")
    tap.ok(code == 69 and "no stranger can be played: 10.1.2.3" in err, "nor does the self-test prove anything then", code, text, err)


CERTIFICATE = "CERTIssuer:/CN=Test+20CA RELAY\nCERTSubject:/CN=client.example.net RELAY\nCERTIssuer:/CN=Other SUBJECT\n"
LIMITS = "ClientRate:10.1.2 7\nClientRate:10.1.2.3 0\nClientRate: 50\nClientConn: 9\n"


def certificates_and_limits():
    """Who relays by a certificate does with the guard, too; limits of clients become limits."""
    server.load("FEATURE(`ratecontrol', `nodelay')dnl\nFEATURE(`conncontrol', `nodelay')dnl\n", CERTIFICATE + LIMITS)
    server.serve()
    code, out, err = command("import", "sendmail")
    mtas.write("/tmp/guard.conf", out)
    tap.equal((code, command("check", "-c", "/tmp/guard.conf")[0]), (0, 0), "it is imported, and can be read", out, err)
    with Client(server.port, source=STRANGER) as c:
        c.ehlo(NAME)
        c.starttls(f"{server.tls}/client.pem", f"{server.tls}/client.key")
        c.ehlo(NAME)
        c.mail(cases.SENDER)
        reply = c.rcpt(cases.VICTIM)
    tap.ok(reply.ok, "a certificate of that authority relays", reply)
    for cert, want in (("issuer:/CN=Test+20CA", 0), ("issuer:/CN=Other", 1), ("subject:/CN=client.example.net", 1)):
        got = command("explain", "-c", "/tmp/guard.conf", "--client", STRANGER, "--tls", "TLSv1.3", "--cert", cert, "--to", cases.VICTIM)
        tap.equal(got[0], want, f"{cert}: {'permitted' if want == 0 else 'refused'}", got, out)
    tap.ok('cert = "subject:/CN=client.example.net"' in " ".join(out.replace("\n#", " ").split()), "what was left out is told", out)
    for limit in ("count = connections rate = 7/60s for = { client = 10.1.2.0/24 } except = { client = { 10.1.2.3/32 } }",
                  "count = sessions max = 9 on-exceed"):
        tap.ok(limit in " ".join(out.split()), f"{limit}: is there", out)


def prepare():
    """The addresses that clients come from."""
    for address in (STRANGER, "10.1.2.3", "10.1.2.4", "10.1.2.5"):
        subprocess.run(["ip", "addr", "add", f"{address}/32", "dev", "lo"], check=True)
    with open("/etc/hosts", "a") as hosts:
        hosts.write(f"{STRANGER} {NAME}\n10.1.2.3 client.inside.example\n")


server = Server()
if __name__ == "__main__":
    prepare()
    try:
        tap.run(open_ones, closed_ones, replacements, healthy_ones, source_alone, spellings, m4_stops, other_names, not_built,
                imported, agrees, certificates_and_limits)
    finally:
        server.stop()
