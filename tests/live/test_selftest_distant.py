#!/usr/bin/python3
"""
The self-test as the world sees a server: the mail server is in a network namespace of its own, DNS is a real
nsd on this side, and what is known is a domain. Run:
tests/live/sandbox.sh postfix|sendmail tests/live/test_selftest_distant.py postfix|sendmail
"""
import ctypes
import json
import os
import subprocess
import sys

# The guard of lib, not that of dns, which has the same name.
for folder in ("lib", "dns"):
    sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", folder))
import mta as mtas
import servers
from guard import BINARY, Guard
from tap import Tap

SERVER, STRANGER = "203.0.113.25", "198.51.100.9"

ZONES = {
    "example.com": f"""@ IN MX 10 mx
@ IN MX 20 gone
@ IN TXT "v=spf1 mx -all"
_dmarc IN TXT "v=DMARC1; p=none"
mx IN A {SERVER}
""",
    "bl.test": "2.0.0.127 IN A 127.0.0.2\n25.113.0.203 IN A 127.0.0.4\n",
    "dead.test": "* IN A 198.51.100.80\n",
    "closed.test": "2.0.0.127 IN A 127.255.255.254\n",
}

tap = Tap()
libc = ctypes.CDLL("libc.so.6", use_errno=True)


def run(*argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def enter(path):
    """What is started from now on is in that network namespace."""
    with open(path) as f:
        if libc.setns(f.fileno(), 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def two_worlds():
    os.makedirs("/run/netns", exist_ok=True)
    run("ip", "netns", "add", "far")
    run("ip", "link", "add", "near0", "type", "veth", "peer", "name", "far0")
    run("ip", "link", "set", "far0", "netns", "far")
    for name, inside, address, other in (("near0", [], STRANGER, SERVER),
                                         ("far0", ["ip", "netns", "exec", "far"], SERVER, STRANGER)):
        run(*inside, "ip", "link", "set", "lo", "up")
        run(*inside, "ip", "link", "set", name, "up")
        run(*inside, "ip", "address", "add", f"{address}/32", "dev", name)
        run(*inside, "ip", "route", "add", f"{other}/32", "dev", name)
    with open("/etc/hosts", "a") as f:
        f.write(f"{STRANGER} world.example.net\n")


two_worlds()
nsd = servers.Nsd(ZONES)
guard = Guard(networks="127.0.0.0/8, ::1")
filter_name = f"unix:{guard.socket}"
mta = mtas.make(sys.argv[1], milter=filter_name)
if mta.name == "postfix":
    mta.services = f"""{SERVER}:25 inet n - n - 50 smtpd
{SERVER}:587 inet n - n - 50 smtpd
  -o smtpd_tls_security_level=encrypt -o smtpd_client_restrictions=permit_sasl_authenticated,reject
{SERVER}:465 inet n - n - 50 smtpd
  -o smtpd_tls_wrappermode=yes -o smtpd_client_restrictions=permit_sasl_authenticated,reject
"""
else:
    mta.extra = (f"DAEMON_OPTIONS(`Name=Far, Family=inet, Addr={SERVER}, Port=25')dnl\n"
                 f"DAEMON_OPTIONS(`Name=MSA, Family=inet, Addr={SERVER}, Port=587, M=Ea')dnl\n")


def selftest(*options):
    done = subprocess.run([BINARY, "selftest", "--resolver", nsd.server, "--format", "json", "--pace", "1ms",
                           *options], capture_output=True,
                          env=dict(os.environ, RELAY_GUARD_PASSWORD="secret-alice"))
    out = done.stdout.decode("utf-8", "replace")
    report = json.loads(out) if out else {"rows": [], "findings": [], "notes": []}
    return done.returncode, report, done.stderr.decode()


def findings(report):
    return {(f["where"], f["name"]) for f in report["findings"]}


def by_domain():
    code, report, err = selftest("--domain", "example.com", "--dnsbl", "bl.test", "--dnsbl", "dead.test",
                                 "--dnsbl", "closed.test")
    tap.equal(code, 0, f"{mta.name}: from afar, by its domain", err, report["notes"],
              [r for r in report["rows"] if not r["right"]][:5])
    places = {r["where"] for r in report["rows"]}
    tap.ok(f"{SERVER}:25" in places, "the MX is found", places)
    if mta.name == "postfix":
        tap.ok({f"{SERVER}:25 HELO", f"{SERVER}:25 STARTTLS", f"{SERVER}:25 pipelined"} <= places,
               "in each manner", places)
    found = findings(report)
    tap.ok({("example.com", "dmarc-none"), ("bl.test", "dnsbl"), ("dead.test", "dnsbl-unusable"),
            ("closed.test", "dnsbl-unusable")} <= found, "DNS and block lists are looked at", found)
    tap.ok(not {n for w, n in found if w == "example.com"} - {"dmarc-none"}, "and nothing else is wrong", found)
    tap.equal([f for f in report["findings"] if f["severity"] == "high"], [], "nothing of severity high")


def by_address():
    options = ("--smtp", SERVER, "--domain", "example.com", "--auth-user", "alice", "-c", guard.conf)
    code, report, err = selftest(*options)
    tap.equal(code, 0, f"{mta.name}: all ports by address", err, report["notes"],
              [r for r in report["rows"] if not r["right"]][:5])
    ports = {r["where"].partition(" ")[0].rpartition(":")[2] for r in report["rows"]}
    tap.equal(ports, {"25", "465", "587"} if mta.name == "postfix" else {"25", "587"},
              "25, and what answers of 465 and 587")
    logins = {r["where"] for r in report["rows"] if r["actor"] == "login"}
    tap.ok(f"{SERVER}:587 STARTTLS" in logins and f"{SERVER}:587" not in logins,
           "the password goes under TLS alone", logins)
    asked = {r["where"]: r["got"] for r in report["rows"] if r["probe"] == "guard-is-asked"}
    tap.equal(asked.get(f"{SERVER}:25"), "asked", "the guard is asked", asked)


def open_server():
    """What anybody can see from anywhere."""
    enter("/run/netns/far")
    mta.reconfigure(milter=None, is_open=True)
    enter(home)
    code, report, err = selftest("--domain", "example.com", "--mx", "--dnsbl", "bl.test")
    tap.equal(code, 1, f"open {mta.name}: found from afar", err)
    tap.ok(all(r["verdict"] == "suspect" for r in report["rows"]
               if r["probe"] == "plain" and r["actor"] == "stranger-v4"
               and r["where"].startswith(f"{SERVER}:25")), "and named")


def nowhere():
    code, report, err = selftest("--domain", "bl.test")
    tap.equal(code, 69, "a domain without servers: exit 69", err)
    tap.ok("DNS names no server" in err, "and it is told", err)


home = f"/proc/{os.getpid()}/task/{os.getpid()}/ns/net"
with open(home) as here:
    home = f"/proc/self/fd/{os.dup(here.fileno())}"
guard.start()
enter("/run/netns/far")
mta.start()
enter(home)
try:
    tap.run(by_domain, by_address, open_server, nowhere)
finally:
    enter("/run/netns/far")
    mta.stop()
    guard.remove()
