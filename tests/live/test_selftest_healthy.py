#!/usr/bin/python3
"""
Healthy servers of many kinds: no row of the self-test may fail. And what a strict server says of the outside
domain must not hide that it is open. Run:
tests/live/sandbox.sh postfix|sendmail tests/live/test_selftest_healthy.py postfix|sendmail
"""
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
from sink import Sink
from tap import Tap

# As IANA has it for the domains of examples: no mail to it, and none from it.
ZONES = {"example.org": '@ IN MX 0 .\n@ IN TXT "v=spf1 -all"\n',
         "example.com": "@ IN MX 10 mx\nmx IN A 127.0.0.1\n",
         "ext.example.net": "@ IN A 127.0.0.1\n",
         "bl.test": "9.113.0.203 IN A 127.0.0.4\n66.0.0.127 IN A 127.0.0.4\n"}
LISTED = "smtpd_recipient_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination, {}\n"

POSTFIX = {
    "the usual restrictions": """
smtpd_helo_required = yes
strict_rfc821_envelopes = yes
disable_vrfy_command = yes
smtpd_helo_restrictions = permit_mynetworks, reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname
smtpd_sender_restrictions = reject_non_fqdn_sender, reject_unknown_sender_domain
smtpd_recipient_restrictions = reject_non_fqdn_recipient, reject_unknown_recipient_domain, permit_mynetworks,
    permit_sasl_authenticated, reject_unauth_destination
""",
    "a list of local users": "local_recipient_maps = inline:{ postmaster=x, bob=x }\n",
    "relay control in the recipient restrictions": """
smtpd_relay_restrictions =
smtpd_recipient_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
""",
    "refusals at once": "smtpd_delay_reject = no\n",
    "a greeting that waits for pipelining": "smtpd_data_restrictions = reject_unauth_pipelining\n",
    "no AUTH in the clear": "smtpd_tls_auth_only = yes\n",
    "a block list that has the stranger": LISTED.format("reject_rbl_client bl.test"),
    "nobody without a name": LISTED.format("reject_unknown_client_hostname"),
    "TLS for everybody": "smtpd_tls_security_level = encrypt\n",
    "no EHLO keywords": "smtpd_discard_ehlo_keywords = pipelining, dsn, etrn, chunking, smtputf8\n",
    "errors that cost time": "smtpd_soft_error_limit = 10\nsmtpd_hard_error_limit = 20\nsmtpd_error_sleep_time = 1s\n",
}
SENDMAIL = {
    "the usual features": "FEATURE(`delay_checks')dnl\nFEATURE(`blacklist_recipients')dnl\n"
                          "define(`confPRIVACY_FLAGS', `authwarnings,novrfy,noexpn,needmailhelo')dnl\n",
    "greet pause": "FEATURE(`greet_pause', `100')dnl\n",
    "no AUTH in the clear": "define(`confAUTH_OPTIONS', `A p')dnl\n",
}

tap = Tap()
sink = Sink(mtas.SINK)
guard = Guard()
filter_name = f"unix:{guard.socket}"
mta = mtas.make(sys.argv[1], milter=filter_name)
servers.free_port = lambda: 53
nsd = servers.Nsd(ZONES)
with open("/etc/resolv.conf", "w") as f:
    f.write("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")


def selftest(*options):
    if mta.name == "sendmail":
        options += ("--source", "127.0.0.66")
    done = subprocess.run([BINARY, "selftest", "-c", guard.conf, "--smtp", f"127.0.0.1:{mta.port}", "--domain",
                           "example.com", "--auth-user", "alice", "--format", "json", *options],
                          capture_output=True, timeout=120,
                          env=dict(os.environ, RELAY_GUARD_PASSWORD="secret-alice"))
    out = done.stdout.decode("utf-8", "replace")
    return done.returncode, json.loads(out) if out else {"rows": [], "findings": []}, done.stderr.decode()


def wrong(report):
    return [(r["where"], r["actor"], r["probe"], r["got"], r.get("code"), r.get("reply") or r.get("error"))
            for r in report["rows"] if not r["right"]][:8]


def healthy():
    for what, extra in (POSTFIX if mta.name == "postfix" else SENDMAIL).items():
        mta.extra = extra
        mta.reconfigure(milter=filter_name, is_open=False)
        code, report, err = selftest()
        tap.equal((code, wrong(report)), (0, []), f"{mta.name}, {what}: no row fails", err)
        tap.equal([f for f in report["findings"] if f["severity"] == "high"], [], f"{mta.name}, {what}: no finding")


def strict_and_open():
    """A domain that takes no mail is refused for that: others show that the server is open."""
    if mta.name != "postfix":
        return
    mta.extra = POSTFIX["the usual restrictions"]
    mta.reconfigure(milter=None, is_open=True)
    code, report, err = selftest()
    tap.ok(code == 1 and report["summary"]["off_point"] > 0, "refusals that prove little are counted",
           report["summary"])
    code, report, err = selftest("--outside", "ext.example.net")
    plain = [r["got"] for r in report["rows"] if r["actor"] == "stranger-v4" and r["probe"] == "plain"]
    tap.equal((code, set(plain)), (1, {"accepted"}), "a domain that takes mail shows that the server is open", err)


mta.start()
guard.start()
try:
    tap.run(healthy, strict_and_open)
finally:
    mta.stop()
    guard.remove()
