#!/usr/bin/python3
"""
What happens while the guard is down, for each setting that decides it; a guard at a TCP socket; and a test that is
interrupted, killed, or may not move the socket.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_selftest_failover.py postfix|sendmail
"""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from commands import change
from guard import BINARY, Guard
from tap import Tap

SUBMISSION = 587
INET = "inet:127.0.0.1:18894"
tap = Tap()
guard = Guard()
aside = guard.socket + ".selftest"
mta = mtas.make(sys.argv[1], milter=f"unix:{guard.socket}")
# Outcome of mail for us, exit code, and what is told to change; by each setting.
SETTINGS = {
    "postfix": {"tempfail": ("deferred", 0, ""), "accept": ("accepted", 1, "did not have to wait"),
                "reject": ("refused", 1, "refused for good"), "quarantine": ("accepted", 1, "did not have to wait")},
    "sendmail": {"F=T, ": ("deferred", 0, ""), "": ("accepted", 1, "did not have to wait"),
                 "F=R, ": ("refused", 1, "refused for good"), "F=4, ": ("deferred", 0, "")},
}[mta.name]


def argv(*options, port=mta.port):
    where = () if mta.name == "postfix" else ("--source", "127.0.0.66")
    return [BINARY, "selftest", "--failover", "--smtp", f"127.0.0.1:{port}", "-c", guard.conf, *where, *options]


def run(*options, port=mta.port, **more):
    done = subprocess.run(argv(*options, port=port), capture_output=True, text=True, timeout=60,
                          env=dict(os.environ, RELAY_GUARD_PASSWORD="secret-alice"), **more)
    return done.returncode, done.stdout, done.stderr


def rows(*options, port=mta.port):
    code, out, err = run("--format", "json", *options, port=port)
    return code, json.loads(out or '{"rows": []}')["rows"], err


def sockets():
    return {os.path.basename(p) for p in (guard.socket, aside) if os.path.exists(p)}


def use(setting, where=None, is_open=False):
    where = where or f"unix:{guard.socket}"
    if mta.name == "postfix":
        mta.reconfigure(milter=f"{{ {where}, default_action={setting} }}", is_open=is_open)
    else:
        mta.flags = setting
        mta.reconfigure(milter=where, is_open=is_open)


def ours(all_rows):
    return {r["got"] for r in all_rows if r["probe"] == "control-postmaster"}


def each_setting():
    for setting, (outcome, want, told) in SETTINGS.items():
        use(setting)
        code, all_rows, err = rows()
        tap.equal((code, ours(all_rows)), (want, {outcome}), f"{mta.name}, {setting or 'no F='}: mail for us", err)
        tap.equal({r["right"] for r in all_rows if r["probe"] == "plain"}, {True}, "strangers are refused in any case")
        tap.ok(told in run()[1], f"and it is told: {told or 'nothing'}")
        tap.equal(sockets(), {"milter.sock"}, "the socket is back")


def guard_at_tcp():
    """It can't be moved aside: whoever tests has stopped it."""
    change(guard, r'"unix:[^"]*milter.sock"', f'"{INET}"')
    guard.reload()
    where = "inet:127.0.0.1:18894" if mta.name == "postfix" else "inet:18894@127.0.0.1"
    safe, unsafe = ("tempfail", "reject") if mta.name == "postfix" else ("F=T, ", "F=R, ")
    use(safe, where)
    code, out, err = run()
    tap.ok(code == 69 and INET in err and "stop it first" in err, f"{mta.name}: a guard at a TCP socket", code, err)
    guard.stop()
    code, all_rows, err = rows()
    tap.equal((code, ours(all_rows)), (0, {"deferred"}), "that was stopped", err)
    use(unsafe, where)
    code, all_rows, err = rows()
    tap.ok(code == 1 and all_rows and {r["got"] for r in all_rows} == {"refused"},
           "where all are turned away at the door for good", code, all_rows[:1], err)
    if mta.name == "sendmail":
        use("F=4, ", where)
        code, all_rows, err = rows()
        tap.ok(code == 0 and all_rows and {r["got"] for r in all_rows} == {"deferred"}, "or for now", all_rows[:1], err)
    guard.write_conf()
    guard.start()
    use(safe)


def interrupted():
    """However it ends, the socket is back, at once."""
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGKILL):
        with subprocess.Popen(argv("--pace", "1s"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as p:
            end = time.monotonic() + 10
            while sockets() != {"milter.sock.selftest"} and time.monotonic() < end:
                time.sleep(0.01)
            moved, start = sockets(), time.monotonic()
            p.send_signal(sig)
            # Whoever reads what it says sees the end when the keeper has done its work.
            p.stdout.read()
        tap.equal((moved, p.returncode, sockets(), time.monotonic() - start < 2),
                  ({"milter.sock.selftest"}, -sig, {"milter.sock"}, True), f"{mta.name}: {signal.Signals(sig).name}")
    code, all_rows, err = rows()
    tap.equal(code, 0, "and the guard serves on", err)


def left_aside():
    """By one whose keeper was killed too."""
    os.rename(guard.socket, aside)
    code, all_rows, err = rows()
    tap.equal((code, sockets()), (0, {"milter.sock"}), f"{mta.name}: a socket that was left aside comes back", err)


def submission():
    """It refuses who has no login, and that waits for nothing; who has one waits."""
    safe, unsafe = ("tempfail", "accept") if mta.name == "postfix" else ("F=T, ", "")
    if mta.name == "postfix":
        mta.services = (f"127.0.0.1:{SUBMISSION} inet n - n - 20 smtpd -o smtpd_tls_security_level=encrypt\n"
                        "  -o smtpd_client_restrictions=permit_sasl_authenticated,reject\n")
    else:
        mta.extra = f"DAEMON_OPTIONS(`Name=MSA, Family=inet, Addr=127.0.0.1, Port={SUBMISSION}, M=Ea')dnl\n"
    for setting, want in ((safe, (0, {"deferred"})), (unsafe, (1, {"accepted"}))):
        use(setting)
        mtas.wait_for_port(SUBMISSION)
        code, all_rows, err = rows("--auth-user", "alice", port=SUBMISSION)
        wrong = [r for r in all_rows if not r["right"] and r["actor"] != "login"]
        tap.equal((code, {r["got"] for r in all_rows if r["actor"] == "login"}, wrong), (*want, []),
                  f"{mta.name}: submission, {setting or 'no F='}", err)
    done = subprocess.run([a for a in argv("--auth-user", "alice", port=SUBMISSION) if a != "--failover"], timeout=60,
                          capture_output=True, env=dict(os.environ, RELAY_GUARD_PASSWORD="secret-alice"))
    tap.equal(done.returncode, 0, f"{mta.name}: and while the guard is there, a network without a login is no failure",
              done.stdout[-900:])
    mta.services = mta.extra = ""
    use(safe)


def may_not():
    code, out, err = run(user="nobody", group="nogroup")
    tap.ok(code == 69 and "can't be moved aside: Permission denied; run it as root" in err,
           f"{mta.name}: who may not move the socket is told", code, err)
    tap.equal(sockets(), {"milter.sock"}, "and nothing has changed")


mta.start()
guard.start()
try:
    tap.run(each_setting, guard_at_tcp, interrupted, left_aside, submission, may_not)
finally:
    mta.stop()
    guard.remove()
