#!/usr/bin/python3
"""
Was the guard asked? It is down, watches only, stands behind another filter, or is bypassed by a listener or for some
clients: each is told as it is, and what is no fault is none.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_selftest_guard.py postfix|sendmail
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import BINARY, Guard
from othermilter import OtherMilter
from tap import Tap

SIDE = 10587
tap = Tap()
guard = Guard()
other = OtherMilter(guard.folder)
filter_name, other_name = f"unix:{guard.socket}", f"unix:{other.socket}"
mta = mtas.make(sys.argv[1], milter=filter_name)


def run(*options, ports=(mta.port,)):
    where = () if mta.name == "postfix" else ("--source", "127.0.0.66")
    done = subprocess.run(
        [BINARY, "selftest", *(w for p in ports for w in ("--smtp", f"127.0.0.1:{p}")), "--domain", "example.com", "-c",
         guard.conf, *where, *options], capture_output=True, timeout=60)
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode()


def rows(*options, **more):
    code, out, err = run("--format", "json", *options, **more)
    return code, json.loads(out or '{"rows": []}')["rows"], err


def asked(all_rows):
    return {(r["where"].partition(":")[2], r["actor"]): (r["got"], r["right"]) for r in all_rows
            if r["probe"] == "guard-is-asked"}


def wrong(all_rows):
    return [(r["where"], r["actor"], r["probe"], r["got"], r.get("reply")) for r in all_rows if not r["right"]]


def same(all_rows, outcome):
    found = asked(all_rows)
    return bool(found) and all(v == outcome for v in found.values())


def is_down():
    """All mail is put off, which is neither greylisting nor all right."""
    guard.stop()
    code, all_rows, err = rows()
    tap.ok(code == 1 and same(all_rows, ("not", False)), f"{mta.name}: the guard is down, mail waits", code,
           asked(all_rows), err)
    tap.ok(any(r[2] == "control-postmaster" for r in wrong(all_rows)), "that mail for us waits is a failure")
    tap.ok("filter does not answer" in run()[1], "and it is told what to do")
    if mta.name == "postfix":
        mta.reconfigure(milter=f"{{ {filter_name}, default_action=accept }}")
    else:
        mta.flags = ""
        mta.reconfigure(milter=filter_name)
    code, all_rows, err = rows()
    tap.ok(code == 1 and same(all_rows, ("not", False)), f"{mta.name}: the guard is down, mail passes", code,
           asked(all_rows), err)
    tap.equal({r.get("by_finding") for r in all_rows if r["probe"] == "guard-is-asked"}, {"milter-accept"},
              "and which line lets it")
    mta.flags = "F=T, "
    guard.start()
    mta.reconfigure(milter=filter_name)


def watches_only():
    """In monitor mode it refuses nothing, and is known by its events; what the MTA keeps is no relaying."""
    guard.write_conf(top="mode = monitor")
    guard.reload()
    code, all_rows, err = rows()
    tap.equal((code, wrong(all_rows)), (0, []), f"{mta.name}: a guard that watches a closed server", err)
    tap.ok(same(all_rows, ("asked", True)), "it is asked", asked(all_rows))
    mta.reconfigure(milter=filter_name, is_open=True)
    code, out, err = run()
    tap.ok(code == 1 and "mode = monitor" in out, f"{mta.name}: one that watches an open server", out[-900:], err)
    mta.reconfigure(milter=filter_name, is_open=False)
    guard.write_conf()
    guard.reload()


def behind_another():
    """What another filter refuses first is never shown to the guard; what it passes on is."""
    if mta.name == "postfix":
        both = f"{other_name} {filter_name}"
    else:
        mta.extra = (f"INPUT_MAIL_FILTER(`other', `S={other_name}, F=T')dnl\n"
                     "define(`confINPUT_MAIL_FILTERS', `other, relay-guard')dnl\n")
        both = filter_name
    mta.reconfigure(milter=both)
    code, all_rows, err = rows()
    tap.equal((code, wrong(all_rows)), (0, []), f"{mta.name}: behind a filter that takes all", err)
    tap.ok(same(all_rows, ("asked", True)) and other.heard, "it is asked", asked(all_rows))
    other.answers = {b"R": b"y450 4.7.1 Greylisted, come back in 5 minutes\0"}
    code, all_rows, err = rows()
    tap.equal((code, wrong(all_rows)), (0, []), f"{mta.name}: behind a filter that greylists", err)
    tap.ok(not any(got == "not" for got, _ in asked(all_rows).values()), "it is not said that it was not asked",
           asked(all_rows))
    tap.ok(any(r["got"] == "deferred" and "greylisting" in r.get("why", "") for r in all_rows),
           "greylisting is known")
    other.answers = {b"R": b"y550 5.7.1 not from you\0"}
    code, all_rows, err = rows()
    failed = {"control" if probe.startswith("control-") else probe for _, _, probe, _, _ in wrong(all_rows)}
    tap.ok(code == 1 and "control" in failed and "guard-is-asked" not in failed,
           f"{mta.name}: behind a filter that refuses all: mail for us and of friends fails", failed, err)
    other.answers = {}
    mta.extra = ""
    mta.reconfigure(milter=filter_name)


def one_listener():
    if mta.name == "postfix":
        mta.services = f"127.0.0.1:{SIDE} inet n - n - 20 smtpd -o smtpd_milters=\n"
    else:
        mta.extra = f"DAEMON_OPTIONS(`Name=SIDE, Addr=127.0.0.1, Port={SIDE}, InputMailFilters=')dnl\n"
    mta.reconfigure(milter=filter_name)
    mtas.wait_for_port(SIDE)
    code, all_rows, err = rows(ports=(mta.port, SIDE))
    found = asked(all_rows)
    tap.ok(code == 1 and found[(str(mta.port), "stranger-v4")] == ("asked", True) and
           found[(str(SIDE), "stranger-v4")] == ("not", False), f"{mta.name}: one listener bypasses it", found, err)
    blame = [r.get("by_finding") for r in all_rows if r["probe"] == "guard-is-asked" and not r["right"]]
    tap.equal(set(blame), {"milter-absent"}, "and which line does")
    mta.services = mta.extra = ""
    mta.reconfigure(milter=filter_name)


def submission():
    """A submission port alone: while the guard is down STARTTLS is put off, and nothing else is heard without it."""
    if mta.name == "postfix":
        mta.services = ("127.0.0.1:587 inet n - n - 20 smtpd -o smtpd_tls_security_level=encrypt "
                        "-o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n")
    else:
        mta.extra = "DAEMON_OPTIONS(`Name=MSA, Addr=127.0.0.1, Port=587, M=Ea')dnl\n"
    mta.reconfigure(milter=filter_name)
    mtas.wait_for_port(587)
    code, all_rows, err = rows(ports=(587,))
    tap.equal((code, wrong(all_rows)), (0, []), f"{mta.name}: a submission port, and nobody logs in", err)
    guard.stop()
    code, all_rows, err = rows(ports=(587,))
    tap.ok(code == 1 and same(all_rows, ("not", False)) and {r[2] for r in wrong(all_rows)} == {"guard-is-asked"},
           f"{mta.name}: the same while the guard is down", code, wrong(all_rows), err)
    out = run(ports=(587,))[1]
    tap.ok("STARTTLS is put off" in out and "relay-guard serve" in out, "and it is told what to do", out[-900:])
    guard.start()
    mta.services = mta.extra = ""
    mta.reconfigure(milter=filter_name)


def some_clients():
    """That it refuses one client does not prove that it is asked for another."""
    if mta.name != "postfix":
        return
    mta.extra = "smtpd_milter_maps = cidr:{{203.0.113.0/24 DISABLE}}\n"
    mta.reconfigure(milter=filter_name)
    code, all_rows, err = rows()
    found = {who: v for (_, who), v in asked(all_rows).items()}
    tap.equal((code, found), (1, {"stranger-v4": ("not", False)}), "a network for which the filters are off", err)
    tap.ok(any(r["by"] == "guard" for r in all_rows if "by" in r), "though another client is refused by the guard")
    blame = [r.get("by_finding") for r in all_rows if r["probe"] == "guard-is-asked" and not r["right"]]
    tap.equal(blame, ["milter-disabled"], "and which line does it")


mta.start()
guard.start()
try:
    tap.run(is_down, watches_only, behind_another, one_listener, submission, some_clients)
finally:
    mta.stop()
    guard.remove()
