#!/usr/bin/python3
"""
SMTP smuggling, judged by what comes out behind the mail server: one message or two, with its protection on and off.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_selftest_smuggling.py postfix|sendmail
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import BINARY
from tap import Tap

tap = Tap()
mta = mtas.make(sys.argv[1])


def smuggled(*options):
    """The sequences that were found; None: it could not be tried."""
    where = () if mta.name == "postfix" else ("--source", "127.0.0.66")
    done = subprocess.run(
        [BINARY, "selftest", "--smtp", f"127.0.0.1:{mta.port}", "--domain", "example.com", "--smuggling-to",
         "me@backup.example", "--sink", "127.0.0.1:10026", "--wait", "6", "--format", "json", *where, *options],
        capture_output=True, timeout=60)
    report = json.loads(done.stdout or b'{"findings": []}')
    texts = [f["text"] for f in report["findings"] if f["name"] == "smuggling"]
    tap.ok(len(texts) < 2 and report["findings"], f"{mta.name}: it is told once", done.returncode, texts, done.stderr)
    if not texts:
        return []
    tap.ok("came out as two" in texts[0], f"{mta.name}: by what came out", texts)
    return texts[0].partition(" ends at ")[2].partition(", where")[0].split(", ")


def protection_off():
    if mta.name == "postfix":
        mta.extra = "smtpd_forbid_bare_newline = no\n"
        fooled = ["LF . LF", "LF . CR LF", "CR LF . CR CR LF", "CR CR LF . CR CR LF"]
    else:
        mta.more_access = "Srv_Features:127.0.0.66 U O G F\n"
        fooled = ["LF . LF", "LF . CR LF"]
    mta.reconfigure()
    tap.equal(smuggled(), fooled, f"{mta.name} without its protection makes two messages of one")


def protection_on():
    """One message, or none, comes out, though its text has another in it."""
    if mta.name == "postfix":
        mta.extra = "smtpd_forbid_bare_newline = yes\nsmtpd_forbid_bare_newline_exclusions =\n"
    else:
        mta.more_access = ""
    mta.reconfigure()
    tap.equal(smuggled(), [], f"{mta.name} with its protection does not")


def without_a_sink():
    """The replies tell; a message that is ended and refused for what is in it was ended all the same."""
    if mta.name != "postfix":
        return
    for extra, ends in (("smtpd_forbid_bare_newline = no\nheader_checks = regexp:/etc/postfix/refuse\n", True),
                        ("smtpd_forbid_bare_newline = yes\nsmtpd_forbid_bare_newline_exclusions =\n", False),
                        ("smtpd_forbid_bare_newline = reject\nsmtpd_forbid_bare_newline_exclusions =\n", False)):
        mtas.write("/etc/postfix/refuse", "/^Subject:.*smuggling/ REJECT no such subjects\n")
        mta.extra = extra
        mta.reconfigure()
        done = subprocess.run([BINARY, "selftest", "--smtp", f"127.0.0.1:{mta.port}", "--domain", "example.com",
                               "--smuggling", "--format", "json"], capture_output=True, timeout=60, check=False)
        texts = [f["text"] for f in json.loads(done.stdout)["findings"] if f["name"] == "smuggling"]
        tap.equal(any("ends at LF . LF, LF . CR LF" in t for t in texts), ends, f"without a sink: {extra!r}", texts)


def wrong_use():
    for options in (("--smuggling-to", "no address"), ("--smuggling-to", "a@b@c"), ("--smuggling-to", "<a@b.example>"),
                    ("--sink", "127.0.0.1:10026")):
        done = subprocess.run([BINARY, "selftest", "--smtp", "127.0.0.1:1", "--domain", "example.com", *options],
                              capture_output=True, timeout=30)
        tap.equal(done.returncode, 64, f"{options}: is told", done.stderr)


mta.start()
try:
    tap.run(protection_off, protection_on, without_a_sink, wrong_use)
finally:
    mta.stop()
