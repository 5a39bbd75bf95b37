#!/usr/bin/python3
"""
smtpd in a chroot, and the guard's socket in it: what socket-group and socket-mode are for.
Run: tests/live/sandbox.sh postfix tests/live/postfix_chroot.py postfix
"""
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import Guard
from smtp import Client
from tap import Tap

STRANGER = "127.0.0.66"
FOLDER = "/var/spool/postfix/relay-guard"
tap = Tap()
guard = Guard()
mta = mtas.make("postfix", is_open=True, milter="unix:/relay-guard/milter.sock",
                extra="smtpd_sasl_auth_enable = no\n")  # its password file is outside
usual = mta.configure


def configure():
    usual()
    with open("/etc/postfix/master.cf", encoding="ascii") as f:
        text = f.read()
    with open("/etc/postfix/master.cf", "w", encoding="ascii") as f:
        f.write(re.sub(r"inet n - n - 200 smtpd", "inet n - y - 200 smtpd", text))


mta.configure = configure


def put_socket(rights):
    os.makedirs(FOLDER, mode=0o755, exist_ok=True)
    guard.socket = f"{FOLDER}/milter.sock"
    guard.write_conf()
    with open(guard.conf, encoding="utf-8") as f:
        text = f.read()
    with open(guard.conf, "w", encoding="utf-8") as f:
        f.write(text.replace("socket-mode = 0666", rights))


def ask(recipient):
    with Client(mta.port, source=STRANGER) as c:
        c.ehlo()
        r = c.mail("<a@ext.example.net>")
        return c.rcpt(recipient) if r.ok else r


def chroot():
    r = ask("<bob@example.com>")
    tap.equal(r.code, 451, "a socket that Postfix may not write to is as good as none", r)
    put_socket("socket-group = postfix")
    guard.reload()
    r = ask("<bob@example.com>")
    tap.ok(r.ok, "with socket-group = postfix it is served, after a reload", r)
    r = ask("<v@ext.example.net>")
    tap.ok(r.code == 550 and "Relay access denied [" in r.text, "and the guard refuses strangers", r)
    # One that has just been started is on its way there.
    roots, end = set(), time.monotonic() + 5
    while roots != {"/var/spool/postfix"} and time.monotonic() < end:
        roots = smtpd_roots()
        time.sleep(0.05)
    tap.equal(roots, {"/var/spool/postfix"}, "smtpd runs in a chroot")


def smtpd_roots():
    roots = set()
    for pid in mtas.smtpds():
        try:
            roots.add(os.readlink(f"/proc/{pid}/root"))
        except OSError:
            pass
    return roots


put_socket("socket-mode = 0660")
mta.start()
guard.start()
try:
    tap.run(chroot)
finally:
    mta.stop()
    guard.remove()
