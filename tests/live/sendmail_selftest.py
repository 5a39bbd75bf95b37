#!/usr/bin/python3
"""
Healthy configurations of Sendmail, as systems and people have them: m4 builds them, the audit finds nothing that is high in
sendmail.cf or in sendmail.mc alone, they are imported, and on the real server no row of the self-test fails.
Run: tests/live/sandbox.sh sendmail tests/live/sendmail_selftest.py
"""
import json
import os
import re
import shutil
import subprocess
import sys

# The guard of lib, not that of dns, which has the same name.
for folder in ("lib", "dns"):
    sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", folder))
import mta as mtas
import sendmail_cases
import servers
from guard import BINARY
from sendmail_healthy import CF, HEALTHY
from tap import Tap

ETC = "/etc/mail"
PORT = 10025
ZONES = {"example.com": "@ IN MX 10 mx\nmx IN A 127.0.0.1\nmailhub IN A 127.0.0.1\n", "ext.example.net": "@ IN A 192.0.2.77\n",
         "example.org": "@ IN A 192.0.2.78\nstranger IN A 127.0.0.66\n", "example.net": "@ IN A 192.0.2.79\n",
         "example": "@ IN A 192.0.2.80\n"}
# Where things are on this host, and no wait for what is not there.
HERE = f"""Cwexample.com mx.example.com
O DaemonPortOptions=Name=MTA, Addr=127.0.0.1, Port={PORT}
O QueueDirectory=/var/spool/mqueue
O PidFile=/run/sendmail.pid
O StatusFile=/etc/mail/statistics
O AliasFile=/etc/mail/aliases
O ControlSocketName=
O HostStatusDirectory=
O DontProbeInterfaces=True
O Timeout.ident=0
O RefuseLA=0
O QueueLA=9999
O ConnectionRateThrottle=0
O BadRcptThrottle=0
O ServiceSwitchFile=/etc/mail/service.switch
"""
# What needs a server that is not here, or is no server itself.
NOT_SERVED = {"FreeBSD's submit.mc", "LDAP routing"}
OPTIONS = {"a null client": ["--null-client"]}
tap = Tap()
server = mtas.Sendmail()


def audit(folder):
    done = subprocess.run([BINARY, "audit", "sendmail", "--config-dir", folder, "--format", "json"], capture_output=True, text=True)
    report = json.loads(done.stdout) if done.stdout else {"findings": [{"severity": "none", "id": done.stderr}]}
    # Of sendmail.mc alone the version is not known.
    return done.returncode, sorted((f["severity"], f["id"]) for f in report["findings"] if f["id"] != "version-old")


def alone(kept):
    """What the folder gives with but one of the two main files in it."""
    folder = "/tmp/alone"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ETC, folder, ignore=shutil.ignore_patterns("*.cf", "*.mc", "tls", "sasl"))
    shutil.copy(f"{ETC}/{kept}", folder)
    return audit(folder)


def build(mc, files):
    for name in os.listdir(ETC):
        if os.path.isfile(f"{ETC}/{name}"):
            os.unlink(f"{ETC}/{name}")
    for name, text in {"aliases": "postmaster: bob\n", "statistics": "", "local-host-names": "example.com\n",
                       "service.switch": "hosts files dns\naliases files\npasswd files\n", **files}.items():
        mtas.write(f"{ETC}/{name}", text)
    mtas.write(f"{ETC}/sendmail.mc", mc)
    first = [] if "m4/cf.m4" in mc else [f"{CF}/m4/cf.m4"]
    built = subprocess.run(["m4", f"-D_CF_DIR_={CF}/", *first, f"{ETC}/sendmail.mc"], capture_output=True, text=True)
    mtas.write(f"{ETC}/sendmail.cf", built.stdout)
    for kind, name in re.findall(r"^K\w+ (hash|btree) .*/etc/mail/([\w-]+?)(?:\.db)?$", built.stdout, re.M):
        if name in files:
            mtas.run("/usr/libexec/sendmail/makemap", kind, f"{ETC}/{name}", stdin=files[name])
    return built


def serve():
    with open(f"{ETC}/sendmail.cf") as f:
        lines = [line for line in f if not line.startswith(("O DaemonPortOptions", "O InputMailFilters", "X"))]
    # Lists of the world are not asked.
    text = "".join(line for line in lines if not re.match(r"R.*\$\((dnsbl|ednsbl|edns|host )", line))
    mtas.write(f"{ETC}/served.cf", text + HERE)
    # A null client has no aliases, and says so.
    subprocess.run([server.binary, "-C", f"{ETC}/served.cf", "-bi"], capture_output=True)
    server.process = subprocess.Popen([server.binary, "-C", f"{ETC}/served.cf", "-bD", "-q1h"], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    mtas.wait_for_port(PORT)


def selftest(*options):
    """The rows that fail, and the findings that are high."""
    done = subprocess.run([BINARY, "selftest", "--smtp", f"127.0.0.1:{PORT}", "--domain", "example.com", "--outside",
                           "ext.example.net", "--source", "127.0.0.66", "--format", "json", *options], capture_output=True, timeout=60)
    if not done.stdout:
        return done.returncode, done.stderr
    report = json.loads(done.stdout)
    return (done.returncode, [(r["where"], r["actor"], r["probe"], r["got"], r.get("reply") or r.get("error")) for r in report["rows"] if not r["right"]] +
            [f for f in report["findings"] if f["severity"] == "high"])


def all_of_them():
    yield from ((name, mc, files) for name, (mc, files) in HEALTHY.items())
    for name, server.extra in sendmail_cases.HEALTHY.items():
        yield name, server.macro_file(), {"access": "Connect:127.0.0.1 RELAY\n"}


def healthy():
    for name, mc, files in all_of_them():
        server.stop()
        built = build(mc, files)
        tap.ok(built.returncode == 0 and "ERROR" not in built.stderr, f"{name}: m4 builds it", built.stderr)
        code, found = alone("sendmail.cf")
        tap.ok(code == 0, f"{name}: nothing is high", found)
        if name == "Debian":
            # Its DOMAIN is a file of the package, which is not beside sendmail.mc.
            found.remove(("low", "unsafe-files"))
        tap.equal(alone("sendmail.mc"), (code, found), f"{name}: sendmail.mc alone says the same")
        for what in ("sendmail.mc", "sendmail.cf"):
            imported = subprocess.run([BINARY, "import", "sendmail", "--config-dir", f"{ETC}/{what}"], capture_output=True, text=True)
            mtas.write("/tmp/guard.conf", imported.stdout)
            checked = subprocess.run([BINARY, "check", "-c", "/tmp/guard.conf"], capture_output=True, text=True)
            tap.equal((imported.returncode, checked.returncode), (0, 0), f"{name}: {what} is imported", imported.stderr, checked.stderr)
        if name not in NOT_SERVED:
            serve()
            tap.equal(selftest(*OPTIONS.get(name, ())), (0, []), f"{name}: no row fails")


server.configure()
servers.free_port = lambda: 53
nsd = servers.Nsd(ZONES)
mtas.write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
try:
    tap.run(healthy)
finally:
    server.stop()
