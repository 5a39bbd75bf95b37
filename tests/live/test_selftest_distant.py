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
import time

# The guard of lib, not that of dns, which has the same name.
for folder in ("lib", "dns"):
    sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", folder))
import mta as mtas
import servers
from guard import BINARY, Guard
from tap import Tap

SERVER, STRANGER = "203.0.113.25", "198.51.100.9"
DOWN = "203.0.113.77"  # nobody is there

ZONES = {
    # The first is down; one server has two names, and one of these is an alias.
    "example.com": f"""@ IN MX 5 down
@ IN MX 10 mx
@ IN MX 12 same
@ IN MX 15 alias
@ IN MX 20 gone
down IN A {DOWN}
same IN A {SERVER}
alias IN CNAME mx
@ IN TXT "v=spf1 mx -all"
_dmarc IN TXT "v=DMARC1; p=none"
mx IN A {SERVER}
""",
    "bl.test": "2.0.0.127 IN A 127.0.0.2\n25.113.0.203 IN A 127.0.0.4\n",
    "dead.test": "* IN A 198.51.100.80\n",
    "closed.test": "2.0.0.127 IN A 127.255.255.254\n",
    "all.test": "* IN A 127.0.0.2\n",
    "empty.test": "",
    "null.test": "@ IN MX 0 .\n",
    "many.test": "2.0.0.127 IN A 127.0.0.2\n25.113.0.203 IN A 127.0.0.4\n25.113.0.203 IN A 127.0.0.10\n"
                 "9.100.51.198 IN A 127.255.255.252\n",
    "v6.test": "2.0.0.127 IN A 127.0.0.2\n"
               "5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2 IN A 127.0.0.3\n",
}

# This host is of both addresses: one is its own, the other what DNS has of its name.
GOOD_MX = f"@ IN MX 10 mx\nmx IN A {SERVER}\nmx IN A {STRANGER}\n"
GOOD_SPF = '@ IN TXT "v=spf1 mx -all"\n'
GOOD_DMARC = '_dmarc IN TXT "v=DMARC1; p=reject"\n'
WRONG = {
    "good": (GOOD_MX + GOOD_SPF + GOOD_DMARC, set()),
    "no-mx": (f"@ IN A {SERVER}\n@ IN A {STRANGER}\n" + '@ IN TXT "v=spf1 a -all"\n' + GOOD_DMARC, {"mx"}),
    "no-mx-no-a": (GOOD_DMARC, {"mx", "spf"}),
    "null-mx": ('@ IN MX 0 .\n@ IN TXT "v=spf1 -all"\n' + GOOD_DMARC, {"mx", "spf-elsewhere"}),
    "mx-dead": ("@ IN MX 20 gone\n" + GOOD_MX + GOOD_SPF + GOOD_DMARC, {"mx-dead"}),
    "mx-all-dead": (f"@ IN MX 20 gone\n@ IN TXT \"v=spf1 ip4:{SERVER} ip4:{STRANGER} -all\"\n" + GOOD_DMARC, {"mx"}),
    "mx-elsewhere": ("@ IN MX 10 mx\nmx IN A 192.0.2.1\n" + GOOD_SPF + GOOD_DMARC, {"mx-elsewhere", "spf-elsewhere"}),
    "no-spf": (GOOD_MX + GOOD_DMARC, {"spf"}),
    "no-spf-but-txt": (GOOD_MX + '@ IN TXT "v=spf10 all"\n@ IN TXT "v=spf1x"\n' + GOOD_DMARC, {"spf"}),
    "spf-twice": (GOOD_MX + GOOD_SPF + '@ IN TXT "v=spf1 a -all"\n' + GOOD_DMARC, {"spf-broken"}),
    "spf-all": (GOOD_MX + '@ IN TXT "v=spf1 mx all"\n' + GOOD_DMARC, {"spf-all"}),
    "spf-doc": (GOOD_MX + '@ IN TXT "v=spf1 ip4:192.0.2.0/24 ip4:198.51.100.0/24 ip4:203.0.113.0/24 ~all"\n' + GOOD_DMARC,
                set()),
    "spf-neutral": (GOOD_MX + '@ IN TXT "v=spf1 mx ?all"\n' + GOOD_DMARC, {"spf-neutral"}),
    "spf-open-end": (GOOD_MX + '@ IN TXT "v=spf1 mx"\n' + GOOD_DMARC, {"spf-neutral"}),
    "spf-include": (GOOD_MX + '@ IN TXT "v=spf1 include:good.test -all"\n' + GOOD_DMARC, set()),
    "spf-include-all": (GOOD_MX + '@ IN TXT "v=spf1 include:spf-all.test -all"\n' + GOOD_DMARC, {"spf-all"}),
    "spf-include-none": (GOOD_MX + '@ IN TXT "v=spf1 include:no-spf.test -all"\n' + GOOD_DMARC, {"spf-broken"}),
    "spf-redirect": (GOOD_MX + '@ IN TXT "v=spf1 redirect=good.test"\n' + GOOD_DMARC, set()),
    "spf-redirect-loop": (GOOD_MX + '@ IN TXT "v=spf1 redirect=spf-redirect-loop.test"\n' + GOOD_DMARC, {"spf-broken"}),
    "spf-servfail": (GOOD_MX + '@ IN TXT "v=spf1 include:nobody.invalid-zone.test -all"\n' + GOOD_DMARC, {"spf"}),
    "no-dmarc": (GOOD_MX + GOOD_SPF, {"dmarc"}),
    "dmarc-twice": (GOOD_MX + GOOD_SPF + GOOD_DMARC + '_dmarc IN TXT "v=DMARC1; p=none"\n', {"dmarc"}),
    "dmarc-other": (GOOD_MX + GOOD_SPF + '_dmarc IN TXT "v=DMARC2; p=none"\n', {"dmarc"}),
    "dmarc-none": (GOOD_MX + GOOD_SPF + '_dmarc IN TXT "v=DMARC1; p=none"\n', {"dmarc-none"}),
    # The record of the organizational domain holds for what is below it.
    "mail.good": (GOOD_MX + GOOD_SPF, set()),
    "mail.sp": (GOOD_MX + GOOD_SPF, {"dmarc-none"}),
    "sp": ('_dmarc IN TXT "v=DMARC1; p=reject; sp=none"\n', {"mx", "spf"}),
}
ZONES.update((f"{name}.test", text) for name, (text, _) in WRONG.items())

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
{SERVER}:2525 inet n - n - 50 smtpd -o smtpd_authorized_xclient_hosts={STRANGER}
{SERVER}:2526 inet n - n - 50 smtpd -o smtpd_upstream_proxy_protocol=haproxy
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
    tap.ok(any(n.startswith(f"{DOWN}:25 is not tried: can't connect") for n in report["notes"]),
           "the one that is down is told", report["notes"])
    plain = [r for r in report["rows"]
             if (r["where"], r["actor"], r["probe"]) == (f"{SERVER}:25", "stranger-v4", "plain")]
    tap.equal(len(plain), 1, "a server with three names is tried once")
    if mta.name == "postfix":
        tap.ok({f"{SERVER}:25 HELO", f"{SERVER}:25 STARTTLS", f"{SERVER}:25 pipelined"} <= places,
               "in each manner", places)
    found = findings(report)
    tap.ok({("example.com", "dmarc-none"), ("example.com", "mx-dead"), ("bl.test", "dnsbl"), ("dead.test", "dnsbl-unusable"),
            ("closed.test", "dnsbl-unusable")} <= found, "DNS and block lists are looked at", found)
    tap.ok(not {n for w, n in found if w == "example.com"} - {"dmarc-none", "mx-dead"}, "and nothing else is wrong", found)
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


def anybody():
    """Whoever can be any client can be one of us."""
    if mta.name != "postfix":
        return
    code, report, err = selftest("--smtp", f"{SERVER}:2525", "--smtp", f"{SERVER}:2526", "--domain", "example.com", "-c",
                                 guard.conf)
    high = {(f["where"], f["name"]) for f in report["findings"] if f["severity"] == "high"}
    tap.equal((code, high), (1, {(f"{SERVER}:2525", "xclient"), (f"{SERVER}:2526", "proxy")}),
              "XCLIENT and PROXY for a stranger: exit 1", report["notes"], err)


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


def looked_up():
    """Each domain has one thing that is wrong, and that is what is found."""
    for name, (_, wanted) in WRONG.items():
        _, report, err = selftest("--milter", guard.socket, "--domain", f"{name}.test", "--dns", "--dnsbl", "bl.test")
        found = {n for w, n in findings(report) if w == f"{name}.test"}
        tap.equal(found, wanted, f"DNS of {name}.test", report["findings"], err)


def listed():
    """Lists that are sane, and those that are not, of an IPv6 address too."""
    run("ip", "address", "add", "2001:db8::25/128", "dev", "lo")
    zones = ("bl", "many", "v6", "all", "empty", "dead", "closed", "unknown-zone")
    _, report, _ = selftest("--milter", guard.socket, "-c", guard.conf, "--domain", "example.com",
                            *(o for z in zones for o in ("--dnsbl", f"{z}.test")))
    found = [(w, n, t) for w, n, t in ((f["where"], f["name"], f["text"]) for f in report["findings"]) if n[:5] == "dnsbl"]
    hits = {(w, t.split(" ")[0]) for w, n, t in found if n == "dnsbl"}
    tap.equal(hits, {("bl.test", SERVER), ("many.test", SERVER), ("v6.test", "2001:db8::25")}, "what is listed", found)
    tap.ok(any("127.0.0.4, 127.0.0.10" in t or "127.0.0.10, 127.0.0.4" in t for w, n, t in found), "and all of why", found)
    unusable = {w: t for w, n, t in found if n == "dnsbl-unusable"}
    tap.equal(set(unusable), {"many.test", "all.test", "empty.test", "dead.test", "closed.test", "unknown-zone.test"},
              "what can't be believed", found)
    for zone, words in (("many", "127.255.255.252"), ("all", "lists 127.0.0.1"), ("empty", "does not list 127.0.0.2"),
                        ("dead", "198.51.100.80"), ("closed", "127.255.255.254"), ("unknown-zone", "SERVFAIL")):
        tap.ok(words in unusable.get(f"{zone}.test", ""), f"{zone}.test: why", unusable)
    run("ip", "address", "del", "2001:db8::25/128", "dev", "lo")


def silent():
    """A name server that does not answer: what is not known is no fault, and is not waited for long."""
    stub = servers.Stub(dict.fromkeys(("example.com", "_dmarc.example.com", "mx.example.com", "2.0.0.127.bl.test",
                                       "2.0.0.127.many.test", "2.0.0.127.all.test"), "drop"))
    start = time.monotonic()
    done = subprocess.run([BINARY, "selftest", "--format", "json", "--milter", guard.socket, "-c", guard.conf,
                           "--resolver", stub.server, "--dns", "--dnsbl", "bl.test", "--dnsbl", "many.test",
                           "--dnsbl", "all.test"], capture_output=True, text=True, check=False)
    took = time.monotonic() - start
    report = json.loads(done.stdout)
    tap.equal({f["severity"] for f in report["findings"]}, {"note"}, "nothing is said to be wrong", report["findings"])
    tap.equal(findings(report), {("example.com", "mx"), ("example.com", "spf"), ("example.com", "dmarc"),
                                 ("bl.test", "dnsbl-unusable"), ("many.test", "dnsbl-unusable"),
                                 ("all.test", "dnsbl-unusable")}, "and all that is not known is told")
    tap.ok(took < 40, "within a while", took)


def nowhere():
    code, report, err = selftest("--domain", "bl.test")
    tap.equal(code, 69, "a domain without servers: exit 69", err)
    tap.ok("DNS names no server" in err, "and it is told", err)
    code, report, err = selftest("--domain", "null.test")
    tap.ok(code == 69 and "a null MX" in err, "a domain that takes no mail", code, err)


home = f"/proc/{os.getpid()}/task/{os.getpid()}/ns/net"
with open(home) as here:
    home = f"/proc/self/fd/{os.dup(here.fileno())}"
guard.start()
enter("/run/netns/far")
mta.start()
enter(home)
try:
    tap.run(by_domain, by_address, looked_up, listed, silent, anybody, open_server, nowhere)
finally:
    enter("/run/netns/far")
    mta.stop()
    guard.remove()
