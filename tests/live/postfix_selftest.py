#!/usr/bin/python3
"""
What else the self-test finds on the way: certificates of all kinds, what is offered to strangers, what the banner and
VRFY tell. Run: tests/live/sandbox.sh postfix tests/live/postfix_selftest.py postfix
"""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import BINARY, Guard
from tap import Tap

tap = Tap()
guard = Guard()
mta = mtas.make("postfix", milter=f"unix:{guard.socket}")
FOLDER = "/run/certificates"
NAME = "DNS:mx.example.com"

# Subject, alternative names, from and until when in days, and what is found.
CERTIFICATES = [
    ("/CN=other", f"{NAME},DNS:a.example", -1, 90, set()),
    ("/CN=x", "DNS:*.example.com", -1, 90, set()),
    ("/CN=mx.example.com", "DNS:www.example.com", -1, 90, {"certificate-name"}),
    ("/CN=mx.example.com", None, -1, 90, {"certificate-common-name"}),
    ("/CN=mx.example.com", NAME, -30, -3, {"certificate-expired"}),
    ("/O=nobody", NAME, 2, 90, {"certificate-not-yet"}),
    ("/CN=mx.example.com", NAME, -1, 5.5, {"certificate-expires"}),
    ("/CN=x", "IP:127.0.0.1", -1, 90, set()),
]


def certificate(number, subject, names, begins, ends):
    def at(days):
        return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400))

    def openssl(*argv):
        subprocess.run(["openssl", *argv], check=True, capture_output=True)

    base = f"{FOLDER}/{number}"
    os.makedirs(FOLDER, exist_ok=True)
    for file, text in (("index", ""), ("serial", "01\n"), ("ca.cnf", f"""[ca]
default_ca = self
[self]
database = {FOLDER}/index
new_certs_dir = {FOLDER}
serial = {FOLDER}/serial
default_md = sha256
policy = any
copy_extensions = copy
[any]
CN = optional
O = optional
""")):
        mtas.write(f"{FOLDER}/{file}", text)
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", f"{base}.key", "-out", f"{base}.csr",
            *(["-addext", f"subjectAltName={names}"] if names else []))
    openssl("ca", "-batch", "-notext", "-config", f"{FOLDER}/ca.cnf", "-in", f"{base}.csr", "-cert", f"{mta.tls}/ca.pem",
            "-keyfile", f"{mta.tls}/ca.key", "-startdate", at(begins), "-enddate", at(ends), "-out", f"{base}.pem")


def selftest(*options, conf=False):
    done = subprocess.run([BINARY, "selftest", "--format", "json", "--domain", "example.com",
                           *(("-c", guard.conf) if conf else ()), *options], capture_output=True, timeout=200, check=False)
    return done.returncode, json.loads(done.stdout or b'{"findings": [], "notes": []}'), done.stderr.decode()


def listen(*services, extra=""):
    """These options of smtpd, each on a port of its own."""
    mta.extra = extra
    mta.services = "".join(f"127.0.0.1:{11000 + n} inet n - n - 20 smtpd {o}\n" for n, o in enumerate(services))
    mta.reconfigure(milter=f"unix:{guard.socket}")


def found(report, port=11000):
    return {f["name"]: f for f in report["findings"] if f["where"] == f"127.0.0.1:{port}"}


def certificates():
    for n, (*how, _) in enumerate(CERTIFICATES):
        certificate(n, *how)
    listen(*(f"-o smtpd_tls_cert_file={FOLDER}/{n}.pem -o smtpd_tls_key_file={FOLDER}/{n}.key"
             for n in range(len(CERTIFICATES))))
    _, report, err = selftest(*(o for n in range(len(CERTIFICATES)) for o in ("--smtp", f"127.0.0.1:{11000 + n}")))
    for n, (subject, names, begins, ends, wanted) in enumerate(CERTIFICATES):
        here = found(report, 11000 + n)
        tap.equal({name for name in here if name.startswith("certificate-")}, wanted | {"certificate-trust"},
                  f"{subject} {names} from {begins} to {ends}", here, err)
    tap.ok("www.example.com, not for mx.example.com" in found(report, 11002)["certificate-name"]["text"],
           "it is told whom it is for, and for whom it should be")
    mtas.write("/etc/hosts", "127.0.0.1 localhost mx.example.com www.example.com\n::1 localhost\n")
    _, report, err = selftest("--smtp", "www.example.com:11002", "--smtp", "www.example.com:11000")
    tap.ok("certificate-name" not in found(report, 11002) and "certificate-name" in found(report, 11000),
           "a server that is asked for by its name must have that", report["findings"], err)


def offered():
    """Of an address that was given as a stranger's; a neighbour on this host is none, so that it fails nothing."""
    # Behind a proxy clients of both families come, and the guard lets ::1 relay.
    listen("", "-o smtpd_authorized_xclient_hosts=",
           "-o smtpd_upstream_proxy_protocol=haproxy -o mynetworks=127.0.0.0/30,[::1]/128",
           "-o smtpd_sasl_security_options=noanonymous,noplaintext")
    servers = [o for port in (11000, 11001, 11003) for o in ("--smtp", f"127.0.0.1:{port}")]
    code, report, err = selftest(*servers, "--source", "127.0.0.66", conf=True)
    tap.equal((code, found(report).get("xclient", {}).get("severity"), "xclient" in found(report, 11001)),
              (0, "medium", False), "XCLIENT for a stranger", report["findings"], err)
    tap.equal((found(report)["auth-in-the-clear"]["severity"], found(report, 11003)["auth-in-the-clear"]["severity"]),
              ("medium", "low"), "AUTH in the clear: with passwords, and without")
    code, report, err = selftest(*servers, conf=True)
    tap.equal((code, {f["name"] for f in report["findings"]} & {"xclient", "proxy"}), (0, set()), "for this host it is right", err)
    code, report, err = selftest("--smtp", "127.0.0.1:11002", conf=True)
    tap.equal((code, found(report, 11002)["proxy"]["severity"]), (0, "note"), "a server that waits for PROXY is found", err)
    tap.ok(any("expects the PROXY protocol" in n for n in report["notes"]) and
           "stranger-v6" in {r["actor"] for r in report["rows"]}, "and any client is played by it", report["notes"])


def told():
    known = "local_recipient_maps = inline:{postmaster=x}\n"
    for extra, wanted in ((known, {"vrfy"}), (known + "disable_vrfy_command = yes\n", set()), ("", set()),
                          ("smtpd_banner = $myhostname ESMTP $mail_name ($mail_version)\n", {"banner-version"}),
                          ("smtpd_banner = $myhostname ESMTP [192.0.2.1] on 24.11.2026\n", set())):
        listen("", extra=extra)
        _, report, err = selftest("--smtp", "127.0.0.1:11000")
        tap.equal(set(found(report)) & {"vrfy", "expn", "banner-version"}, wanted, f"found with {extra!r}", err)


mta.start()
guard.start()
try:
    tap.run(certificates, offered, told)
finally:
    mta.stop()
    guard.remove()
