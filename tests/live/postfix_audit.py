#!/usr/bin/python3
"""
The audit against the mail server itself: what it calls open takes a stranger's mail for elsewhere, and what it calls
healthy refuses it.
Run: tests/live/sandbox.sh postfix tests/live/postfix_audit.py postfix
"""
import json
import os
import re
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import BINARY
from smtp import Client
from sink import Sink
from tap import Tap

tap = Tap()
ETC = "/etc/postfix"
# What only a restart could change, and what would slow the tests down.
FIXED = {"inet_protocols": "all", "inet_interfaces": "loopback-only", "smtpd_error_sleep_time": "0", "in_flow_delay": "0"}


# Of a null client no domain is ours; another has but its own name.
OPTIONS = {"null client": ["--null-client"], "an old CentOS": ["--domain", "mx.example.com"]}


def write_all(main, master, files):
    for name, text in {"main.cf": main, "master.cf": master, **files}.items():
        mtas.write(f"{ETC}/{name}", text)


def audit():
    done = subprocess.run([BINARY, "audit", "postfix", "--format", "json"], capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout)


def merged(main, settings):
    """
    The text with these settings in the place of its own. None may stand there twice: postlogd would warn of it
    through its own socket, and wait for itself for ever.
    """
    lines, keep = [], True
    for line in main.split("\n"):
        if line[:1] not in ("", " ", "\t", "#"):
            keep = line.split("=")[0].strip() not in settings
        if keep:
            lines.append(line)
    return "\n".join(lines) + "\n" + "".join(f"{k} = {v}\n" for k, v in settings.items())


class Server:
    """One Postfix, reloaded for each configuration; each has a port of its own, so that no old process answers."""

    def __init__(self):
        self.postfix = mtas.Postfix()
        self.port = 11000
        self.postfix.start()
        # What Debian's own main.cf names.
        mtas.write("/etc/mailname", "mx.example.com\n")
        mtas.write("/etc/aliases", "")
        mtas.run("postalias", "hash:/etc/aliases")
        with open(f"{ETC}/master.cf") as f:
            self.services = "".join(line for line in f if " inet " not in line)

    def load(self, main, master, files, postmap=()):
        """Audits what is given, then serves it on a new port. Returns what the audit said."""
        write_all(main, master, files)
        result = audit()
        self.port += 1
        lines = [line for line in master.split("\n") if not line.startswith("#")]
        first = next(i for i, line in enumerate(lines) if line.split()[1:2] == ["inet"])
        end = next((i for i in range(first + 1, len(lines)) if lines[i][:1] not in (" ", "\t")), len(lines))
        # Behind postscreen stands an smtpd without overrides.
        has_smtpd = "smtpd" in lines[first].split()
        rest = lines[first].split("smtpd", 1)[1] if has_smtpd else ""
        more = lines[first + 1:end] if has_smtpd else []
        service = "\n".join([f"{self.port} inet n - n - - smtpd{rest}", *more])
        fixed = {**FIXED, "maillog_file": self.postfix.log}
        if "smtpd_authorized_xclient_hosts" not in main:
            fixed["smtpd_authorized_xclient_hosts"] = "127.0.0.1"
        write_all(merged(main, fixed), f"{service}\n{self.services}", files)
        for name in postmap:
            mtas.run("postmap", f"hash:{ETC}/{name}")
        self.postfix.reload()
        mtas.wait_for_port(self.port)
        time.sleep(0.4)
        return result

    def refusals(self):
        with open(self.postfix.log) as f:
            return [line for line in f.readlines()[-30:] if "overriding" not in line and "postfix-script" not in line]


def play(c, s):
    """A stranger's transaction up to RCPT."""
    if s.helo or not s.own:
        c.ehlo(s.helo or "client.example.net")
    if s.cert:
        c.starttls("/etc/postfix/tls/client.pem", "/etc/postfix/tls/client.key")
    if not s.proxy:
        who = {"ADDR": s.addr, "NAME": s.name}
        if s.reverse or s.name == "[UNAVAILABLE]":
            who["REVERSE_NAME"] = s.reverse or "[UNAVAILABLE]"
        if not s.cert:
            r = c.cmd("XCLIENT " + " ".join(f"{k}={v}" for k, v in who.items()))
            if not r.ok:
                return r
            # Some say none.
            if s.helo:
                c.ehlo(s.helo)
    r = c.mail(f"<{s.sender}>")
    return c.rcpt(f"<{s.rcpt}>") if r.ok else r


class ProxyClient(Client):
    def __init__(self, port, line):
        real = socket.socket.connect

        def connect(sock, address):
            real(sock, address)
            sock.sendall(line.encode() + b"\r\n")

        socket.socket.connect = connect
        try:
            super().__init__(port, source="127.0.0.66")
        finally:
            socket.socket.connect = real


def attempt(server, s, tries=2):
    """While Postfix reloads a connection may be cut."""
    for n in range(tries):
        try:
            return attempt_once(server, s)
        except (ConnectionError, EOFError, TimeoutError):
            if n == tries - 1:
                print("#", *server.refusals()[-8:], sep="# ")
                raise
            time.sleep(0.5)


def attempt_once(server, s):
    if s.proxy:
        client = ProxyClient(server.port, s.proxy)
    else:
        # With a certificate there is no XCLIENT: what it claims does not hold a certificate.
        client = Client(server.port, source="127.0.0.66" if s.own or s.cert else None)
    with client as c:
        r = play(c, s)
        if r.ok and s.comes_out:
            c.data()
        return r


def postfix():
    import postfix_cases as cases

    sink = Sink(mtas.SINK)
    server = Server()
    with open("/etc/postfix/tls/ca.pem") as ca, open("/etc/ssl/certs/ca-certificates.crt", "a") as f:
        f.write(ca.read())
    for c in cases.OPEN:
        if not c.live:
            continue
        code, report = server.load(c.main(), c.master_cf(), c.files, c.postmap)
        hit = any(f["id"] == c.find and f["severity"] == c.severity for f in report["findings"])
        r = attempt(server, c.stranger)
        tap.ok(hit and r.ok, f"postfix: open: {c.name}: {c.find} is said, and a stranger relays", hit, r, *server.refusals())
        if c.stranger.comes_out:
            want = c.stranger.comes_out.encode()
            tap.ok(sink.wait_for(lambda m: any(want in rcpt for rcpt in m[1])), f"postfix: open: {c.name}: it comes out",
                   sink.mails, *server.refusals())
    healthy(server)
    server.postfix.stop()
    older_package(cases.OPEN[0])
    other_places(cases.OPEN[0])


def without_others(main):
    """
    What asks a server that is not here is left out, as it could only refuse more; and PCRE tables, which are a package of
    their own, are read as POSIX ones.
    """
    main = re.sub(r"check_\w+\s+(proxy:)?(mysql|pgsql|ldap|inet|unix):[^\s,]+", "reject_unauth_pipelining", main)
    lines = (line for line in main.split("\n") if "sql:" not in line and "ldap:" not in line)
    return "\n".join(lines).replace("pcre:", "regexp:")


def selftest(port, *options):
    """The rows that fail, and the findings that are high."""
    done = subprocess.run([BINARY, "selftest", "--smtp", f"127.0.0.1:{port}", "--domain", "example.com", "--outside",
                           "ext.example.net", "--format", "json", *options], capture_output=True, timeout=60)
    if not done.stdout:
        return done.returncode, done.stderr
    report = json.loads(done.stdout)
    return (done.returncode,
            [(r["where"], r["actor"], r["probe"], r["got"], r.get("reply")) for r in report["rows"] if not r["right"]] +
            [f for f in report["findings"] if f["severity"] == "high"])


def healthy(server):
    from postfix_cases import Stranger
    from postfix_healthy import HEALTHY

    strangers = [Stranger(), Stranger(helo="203.0.113.9"), Stranger(sender="bob@example.com"),
                 Stranger(rcpt="postmaster@ext.example.net"), Stranger(name="[UNAVAILABLE]", reverse="mx.example.com"),
                 Stranger(rcpt="user%ext.example.net@example.com"), Stranger(helo="mx.example.com")]
    for name, (main, master, files) in HEALTHY.items():
        main, files = without_others(main), {k: v.replace("\\d", "[0-9]") for k, v in files.items()}
        if name == "an old CentOS":
            # Whose defaults this Postfix has from this level on.
            main += "compatibility_level = 1\n"
        main = merged(main, {"smtpd_milters": "", "smtpd_sasl_auth_enable": "no", "content_filter": "",
                             # Where they are on this host, and what the package's own list has besides.
                             "daemon_directory": "/usr/lib/postfix/sbin", "proxy_read_maps": "$local_recipient_maps"})
        maps = [f for f in files if f"hash:{ETC}/{f}" in main]
        for old in maps:
            if os.path.exists(f"{ETC}/{old}"):
                os.remove(f"{ETC}/{old}")
        code, report = server.load(main, master or "smtp inet n - n - - smtpd\n", files, maps)
        tap.equal(code, 0, f"postfix: healthy: {name}: nothing is high", report)
        replies = [attempt(server, s) for s in strangers]
        tap.ok(not any(r.ok for r in replies), f"postfix: healthy: {name}: strangers are refused", *replies)
        options = OPTIONS.get(name, ())
        tap.equal(selftest(server.port, *options), (0, []), f"postfix: healthy: {name}: no row fails", *server.refusals()[-6:])


def older_package(c):
    """What dpkg and apt tell of this host; the package itself was only unpacked here."""
    with open("/var/lib/dpkg/status", "a") as f:
        f.write("\nPackage: postfix\nStatus: install ok installed\nVersion: 3.7.9-0+deb12u1\n")
    mtas.write("/var/lib/apt/lists/security_main_binary-amd64_Packages", "Package: postfix\nVersion: 3.7.11-0+deb12u1\n")
    write_all(c.main(), c.master_cf(), c.files)
    _, report = audit()
    old = [f for f in report["findings"] if f["id"] == "version-old"]
    tap.ok(len(old) == 1 and old[0]["severity"] == "low" and "3.7.9-0+deb12u1" in old[0]["why"] and "3.7.11-0" in old[0]["why"],
           "postfix: an older package than the one available", report)
    tap.ok(report["subject"].startswith("postfix 3.7.9 in "), "postfix: the version is the package's", report["subject"])


def other_places(c):
    """Where /etc/postfix has no main.cf, or names other instances."""
    local, own = "/usr/local/etc/postfix", "/run/own"
    write_all(c.main() + "multi_instance_directories = /etc/postfix-out, /etc/postfix-in\n", c.master_cf(), c.files)
    _, report = audit()
    told = [n for n in report["notes"] if "another instance" in n]
    tap.ok(len(told) == 2 and "--config-dir /etc/postfix-out`" in told[0] and "/etc/postfix-in`" in told[1],
           "postfix: other instances are told of", report["notes"])
    for folder in local, own:
        os.makedirs(folder, exist_ok=True)
        mtas.write(f"{folder}/main.cf", c.main().replace("mx.example.com", "mx2.example.com") + f"mynetworks = cidr:{ETC}/world\n")
    mtas.write(f"{ETC}/world", "0.0.0.0/0 OK\n")
    for environment, where in ((None, ETC), (own, ETC), (None, local), (own, own), ("relative", local), ("/run/none", None)):
        if where != ETC and os.path.exists(f"{ETC}/main.cf"):
            os.remove(f"{ETC}/main.cf")
        env = {k: v for k, v in os.environ.items() if k != "MAIL_CONFIG"} | ({"MAIL_CONFIG": environment} if environment else {})
        done = subprocess.run([BINARY, "audit", "postfix", "--format", "json"], capture_output=True, text=True, env=env)
        if where is None:
            tap.ok(done.returncode == 66 and "/run/none/main.cf" in done.stderr, "postfix: a folder of MAIL_CONFIG without main.cf",
                   done.stderr)
            continue
        report = json.loads(done.stdout)
        tap.ok(done.returncode == 1 and report["subject"].endswith(f" in {where}"), f"postfix: MAIL_CONFIG={environment}: {where}",
               report)
        files = {f["file"] for f in report["findings"] if f["id"] == "networks-world"}
        tap.equal(files, {f"{ETC}/main.cf" if where == ETC else f"{ETC}/world"}, f"postfix: {where}: a table is where it is named")


def other():
    tap.ok(True, f"{sys.argv[1]}: has no such test")


if __name__ == "__main__":
    tap.run({"postfix": postfix}.get(sys.argv[1], other))
