#!/usr/bin/python3
"""
The self-test through a real mail server: all rows right when the guard stands before it, even when the server
itself is open to everyone; and exit 1, with the rows named, when the guard is taken out.
Run: tests/live/sandbox.sh postfix|sendmail tests/live/test_selftest.py postfix|sendmail
"""
import hashlib
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
from guard import BINARY, Guard
from tap import Tap

tap = Tap()
guard = Guard()
filter_name = f"unix:{guard.socket}"
mta = mtas.make(sys.argv[1], milter=filter_name)


def run(*options, conf=True, login=True):
    """Exit code, standard output, standard error."""
    # Postfix lets us play anybody by XCLIENT; before Sendmail a stranger needs an address of its own.
    if mta.name == "sendmail":
        options += ("--source", "127.0.0.66")
    if conf:
        options += ("-c", guard.conf)
    if login:
        options += ("--auth-user", "alice")
    env = dict(os.environ, RELAY_GUARD_PASSWORD="secret-alice")
    done = subprocess.run([BINARY, "selftest", "--domain", "example.com", *options], capture_output=True, env=env)
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode()


def selftest(*options, **more):
    return run("--smtp", f"127.0.0.1:{mta.port}", *options, **more)


def rows_of(*options, **more):
    code, out, err = selftest("--format", "json", *options, **more)
    return code, json.loads(out) if out else {"rows": []}, err


def find(report, actor, probe):
    return [r for r in report["rows"] if r["actor"] == actor and r["probe"] == probe]


def as_it_should_be():
    code, out, err = selftest()
    tap.equal(code, 0, f"{mta.name}: all rows are right", out[-3000:], err)
    wide = [line for line in out.splitlines() if len(line) > 80 and line[:4] in ("ok  ", "FAIL")]
    tap.equal(wide, [], f"{mta.name}: the table fits 80 columns")
    code, report, err = rows_of()
    tap.equal(code, 0, f"{mta.name}: and again as JSON", err)
    summary = report["summary"]
    tap.ok(summary["probes"] > 120 and summary["places"] >= 4 and summary["clients"] >= 4,
           f"{mta.name}: clients x probes x places", summary)
    places = {r["where"].partition(" ")[2] for r in report["rows"]}
    wanted = {"", "HELO", "STARTTLS", "pipelined"} | ({"friends"} if mta.name == "sendmail" else set())
    tap.equal(places, wanted, f"{mta.name}: every manner is tried")
    for actor in ("office", "login"):
        tap.ok(all(r["got"] == "accepted" for r in find(report, actor, "relay")) and find(report, actor, "relay"),
               f"{mta.name}: {actor} may relay")
    tap.equal([r["got"] for r in find(report, "stranger-v4", "guard-is-asked")], ["asked"],
              f"{mta.name}: the guard is asked")
    tap.ok(find(report, "wrong-login", "plain") and all(
        r["got"] == "refused" for r in find(report, "wrong-login", "plain")),
           f"{mta.name}: a wrong password opens nothing")


def open_but_guarded():
    mta.reconfigure(milter=filter_name, is_open=True)
    before = len(guard.events())
    code, report, err = rows_of()
    tap.equal(code, 0, f"open {mta.name}: the guard alone keeps it closed",
              [r for r in report["rows"] if not r["right"]][:5], err)
    refused = [r for r in report["rows"] if r["got"] in ("refused", "deferred")]
    by_guard = [r for r in refused if r["by"] == "guard"]
    tap.ok(len(by_guard) > 30, f"open {mta.name}: most refusals are the guard's own",
           len(by_guard), len(refused))
    recorded = {e.get("session") for e in guard.events()[before:]
                if e["verdict"] != "permit" and e["by"] == "guard"}
    for r in by_guard:
        tap.ok(r["reply"].rstrip("]").rpartition("[")[2] in recorded,
               f"open {mta.name}: {r.get('where')}, {r['actor']}, {r['probe']} is in the events")


def unguarded():
    mta.reconfigure(milter=None, is_open=True)
    code, out, err = selftest("--transcript")
    tap.equal(code, 1, f"open {mta.name} without the guard: exit 1", out[-2000:], err)
    tap.ok("FAIL stranger-v4" in out and "could relay, and must not" in out,
           f"open {mta.name} without the guard: the rows are named", out[-3000:])
    tap.ok("C: RCPT TO:<relaytest@example.org>" in out and "S: 250" in out,
           f"open {mta.name} without the guard: what was said is shown")
    line = "networks-world" if mta.name == "postfix" else "promiscuous-relay"
    file = "/etc/postfix/main.cf:" if mta.name == "postfix" else "/etc/mail/sendmail."
    tap.ok(f"by {line}, {file}" in out and f": {line}; write instead:" in out,
           f"open {mta.name} without the guard: and the line that lets them in", out[-3000:])
    tap.ok("secret-alice" not in out and "AGFsaWNl" not in out, "the password is not")


def in_other_forms():
    """What programs read, of a run with everything in it that can be."""
    code, out, _ = selftest("--transcript", "-v")
    tap.equal((code, [line for line in out.splitlines() if len(line) > 80]), (1, []), "no line is wider than 80 columns")
    _, out, _ = selftest("--format", "tap")
    with open(f"{guard.folder}/selftest.tap", "w", encoding="utf-8") as f:
        f.write(out)
    done = subprocess.run(["prove", "--exec", "cat", f.name], capture_output=True, text=True, check=False)
    tap.ok(done.returncode == 1 and "Parse errors" not in done.stdout and "Result: FAIL" in done.stdout,
           "prove reads TAP", done.stdout[-500:], done.stderr)
    _, out, _ = selftest("--format", "junit", "--transcript")
    suite = xml.etree.ElementTree.fromstring(out)
    names = [e.tag for e in suite]
    cases = suite.findall("testcase")
    tap.equal((names[0], names[-2:], set(names[1:-2])), ("properties", ["system-out", "system-err"], {"testcase"}),
              "JUnit: the elements in their order")
    tap.equal(set(suite.attrib), {"name", "timestamp", "hostname", "time", "tests", "failures", "errors", "skipped"},
              "JUnit: what a suite must say")
    tap.ok(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp")) is not None, "JUnit: when")
    tap.equal(int(suite.get("tests")), len(cases), "JUnit: tests are counted")
    failed = [f for c in cases for f in c.findall("failure")]
    tap.equal((int(suite.get("failures")), {"message", "type"}), (len(failed), set(failed[0].attrib)), "JUnit: and failures")
    tap.equal([c.attrib for c in cases if set(c.attrib) != {"classname", "name", "time"}], [], "JUnit: what a case must say")
    tap.ok("C: RCPT TO:<relaytest@example.org>" in failed[0].text, "JUnit: with what was said", failed[0].text)
    tap.ok("medium" in suite.find("system-out").text, "JUnit: and what was found on the way")


def confirmed():
    """What an open server takes comes out at the self-test's own sink."""
    code, report, err = rows_of("--confirm", "me@ext.example.net", "--sink", "127.0.0.1:10026",
                                "--wait", "15", conf=False, login=False)
    tap.equal(code, 1, f"open {mta.name}, confirmed: exit 1", err)
    for probe in ("plain", "percent-ours", "bang-ours", "route-ours", "quoted-ours"):
        tap.ok(find(report, "stranger-v4", probe)[0]["verdict"] == "confirmed",
               f"open {mta.name}: {probe} comes out", find(report, "stranger-v4", probe)[0])


def well_set_without_guard():
    """Nobody knows whether there should be a guard: no row may fail."""
    mta.reconfigure(milter=None, is_open=False)
    code, report, err = rows_of(conf=False)
    tap.equal(code, 0, f"{mta.name} without a guard, well set: exit 0",
              [r for r in report["rows"] if not r["right"]], err)
    code, report, err = rows_of("--confirm", "me@ext.example.net", "--sink", "127.0.0.1:10026",
                                "--wait", "2", conf=False, login=False)
    tap.equal([r for r in report["rows"] if r["verdict"] not in ("right", "suspect")], [],
              f"{mta.name} without a guard: nothing comes out")
    code, report, err = rows_of()
    tap.equal(code, 1, f"{mta.name}, with a configuration: the guard should be asked", err)
    tap.equal([r["got"] for r in find(report, "stranger-v4", "guard-is-asked")], ["not"],
              f"{mta.name}: it is not, and that is told")


def bypass():
    """One port is guarded, the other is not."""
    if mta.name != "postfix":
        return
    mta.services = "127.0.0.1:10587 inet n - n - 20 smtpd -o smtpd_milters=\n"
    mta.reconfigure(milter=filter_name, is_open=False)
    mtas.wait_for_port(10587)
    code, out, err = run("--smtp", f"127.0.0.1:{mta.port}", "--smtp", "127.0.0.1:10587", "--format", "json")
    asked = {r["where"]: r["got"] for r in json.loads(out)["rows"] if r["probe"] == "guard-is-asked"}
    tap.equal(asked, {f"127.0.0.1:{mta.port}": "asked", "127.0.0.1:10587": "not"},
              "a port that bypasses the guard is found", err)
    tap.equal(code, 1, "and is a failed row")
    blamed = [(r["by_finding"], r["by_line"].partition(":")[0]) for r in json.loads(out)["rows"] if "by_finding" in r]
    tap.equal(blamed, [("milter-absent", "/etc/postfix/master.cf")], "which names the line of master.cf")


def tls_rule():
    """A rule that asks for TLS is tried under STARTTLS."""
    mta.services = ""
    mta.reconfigure(milter=filter_name, is_open=True)
    guard.write_conf("""
        rule inbound { to = @ours action = permit }
        rule login { auth = yes tls = yes action = permit }
        rule others { action = reject }
    """)
    guard.reload()
    code, report, err = rows_of()
    tap.equal(code, 0, f"{mta.name}: a rule with TLS: exit 0", err)
    tried = {r["where"].partition(" ")[2] for r in find(report, "login", "relay")}
    tap.equal(tried, {"STARTTLS"}, f"{mta.name}: it is tried under TLS")


def found_on_the_way():
    """What an open relay tester finds besides: named, and no failure of a server that is well set."""
    code, report, err = rows_of("--smuggling")
    names = {f["name"] for f in report["findings"]}
    tap.equal([f for f in report["findings"] if f["severity"] == "high"], [],
              f"{mta.name}: nothing of severity high")
    wanted = {"auth-in-the-clear", "certificate-trust"} | (
        {"smuggling"} if mta.name == "postfix" else {"banner-version", "expn"})
    tap.ok(wanted <= names, f"{mta.name}: what there is is found", names)
    tap.ok("certificate-name" not in names and "starttls" not in names, f"{mta.name}: and nothing else", names)
    if mta.name == "postfix":
        mta.extra = ("smtpd_forbid_bare_newline = yes\nsmtpd_forbid_bare_newline_exclusions =\n"
                     "smtpd_tls_auth_only = yes\ndisable_vrfy_command = yes\n")
        mta.reconfigure(milter=filter_name)
        code, report, err = rows_of("--smuggling")
        smuggling = [f["text"] for f in report["findings"] if f["name"] == "smuggling"]
        tap.ok(not any(" LF . LF" in t or "LF . CR LF" in t.replace("CR LF . CR", "") for t in smuggling),
               "a server that is protected against smuggling", smuggling)
        tap.ok("auth-in-the-clear" not in {f["name"] for f in report["findings"]}, "AUTH under TLS alone")
        tap.equal({r["where"].partition(" ")[2] for r in find(report, "login", "relay")}, {"STARTTLS"},
                  "is tried there", code, err)
        mta.extra = ""
        mta.reconfigure(milter=filter_name)


def reported():
    path = f"{guard.folder}/report.txt"
    code, out, err = selftest("-q", "--report", path)
    with open(path, encoding="utf-8") as f:
        text = f.read()
    tap.equal(code, 0, f"{mta.name}: a report is written", err)
    with open(guard.conf, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    tap.ok(f"sha256:{digest}  {guard.conf}" in text and "self-test of 20" in text,
           f"{mta.name}: with the date and the configuration's hash", text[:300])


def failover():
    """While the guard is down mail waits, and nobody relays."""
    def rows(report, right):
        return {(r["actor"], r["probe"], r["got"]) for r in report["rows"] if r["right"] == right}

    for is_open in (False, True):
        mta.reconfigure(milter=filter_name, is_open=is_open)
        code, report, err = rows_of("--failover")
        tap.equal(code, 0, f"{mta.name}, {'open' if is_open else 'well set'}: mail waits", err,
                  rows(report, False))
        tap.ok(("stranger-v4", "control-postmaster", "deferred") in rows(report, True),
               f"{mta.name}: ours too", rows(report, True))
    tap.ok(os.path.exists(guard.socket) and not os.path.exists(guard.socket + ".selftest"),
           "the socket is back")
    code, out, err = selftest("-q")
    tap.equal(code, 0, f"{mta.name}: and so is the guard", out[-2000:], err)
    # A mail server that goes on without its filter.
    mta.flags = ""
    mta.reconfigure(milter=f"{{ {filter_name}, default_action=accept }}" if mta.name == "postfix" else filter_name,
                    is_open=True)
    code, out, err = selftest("--failover")
    tap.equal(code, 1, f"{mta.name} that goes on without the guard: exit 1", out[-2000:], err)
    tap.ok("open relay whenever the guard is down" in out and "F=T" in out,
           f"{mta.name}: it is told what to change", out[-2000:])


def nobody_there():
    done = subprocess.run([BINARY, "selftest", "-c", guard.conf, "--smtp", "127.0.0.1:9"],
                          capture_output=True)
    tap.equal(done.returncode, 69, "nobody answers: exit 69")


mta.start()
guard.start()
try:
    tap.run(as_it_should_be, open_but_guarded, unguarded, in_other_forms, confirmed, well_set_without_guard, bypass, tls_rule,
            found_on_the_way, reported, failover,
            nobody_there)
finally:
    guard.remove()
