#!/usr/bin/python3
"""
The audit against the mail server over random configurations: where Sendmail's rules let a stranger's recipient elsewhere
pass, the audit says so, and where they let none, nothing is called high; from sendmail.cf, and from sendmail.mc alone.
Run: tests/live/sandbox.sh sendmail tests/live/sendmail_property.py sendmail [CONFIGURATIONS [SEED]]

Configurations come from tests/lib/sendmail_grammar.py: as many as 20 seconds allow, unless a number is given, here or
as AUDIT_CASES; they are new ones each day then. The server is asked as `sendmail -bt`: check_relay, check_mail and
check_rcpt, with the macros that a session has. One on which the two disagree is made smaller and printed: keep it in
tests/lib/sendmail_cases.py.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mta as mtas
import sendmail_grammar as grammar
from guard import BINARY
from tap import Tap

CASES = int(sys.argv[2] if len(sys.argv) > 2 else os.environ.get("AUDIT_CASES", 0))
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else int(time.time()) // 86400 if CASES else 1
SECONDS = 20
ETC, SOURCE = "/etc/mail", "/tmp/source"
NOBODY = -1
LEVEL = {"low": 0, "medium": 1, "high": 2}
# What is told of this host, and not of who may relay.
IGNORED = {"milter-none", "no-rate-limit", "banner-version", "version-old", "auth-plaintext", "vrfy", "unsafe-files"}
STATISTICS = {}

tap = Tap()
server = mtas.Sendmail()


def build(mc, access, relay):
    server.extra, server.more_access = "\n".join(mc) + "\n", "".join(f"{line}\n" for line in access)
    mtas.write(f"{ETC}/relay-domains", "".join(f"{line}\n" for line in relay))
    server.configure()
    shutil.rmtree(SOURCE, ignore_errors=True)
    os.makedirs(SOURCE)
    for name in ("sendmail.mc", "local-host-names", "access", "relay-domains"):
        shutil.copy(f"{ETC}/{name}", SOURCE)


def ruled(commands):
    """What `sendmail -bt` returns, up to each check_rcpt: the others are not there with FEATURE(`delay_checks')."""
    done = subprocess.run([server.binary, "-C", f"{ETC}/sendmail.cf", "-bt"], input="".join(f"{c}\n" for c in commands),
                          capture_output=True, text=True, timeout=60)
    answers, said = [], []
    for name, text in re.findall(r"^(check_relay|check_mail|check_rcpt) +returns: (.*)$", done.stdout, re.MULTILINE):
        said.append(text)
        if name == "check_rcpt":
            answers.append(said)
            said = []
    return answers


def played(clients, recipients):
    """Each stranger's three questions, with what a session knows of him."""
    for addr, name, resolve, who in clients:
        for sender in grammar.SENDERS:
            for recipient in recipients:
                if who != grammar.FRIEND:
                    yield (addr, name, sender, recipient, who), [
                        f".D{{client_addr}}{addr}", f".D{{client_name}}{name}", f".D{{client_ptr}}{name}",
                        f".D{{client_resolve}}{resolve}", f".Df{sender or '<>'}", ".Dsmx.unheard.org",
                        f"check_relay {name} $| {addr}", f"check_mail <{sender}>", f"check_rcpt <{recipient}>"]


def truth(clients):
    """The most dangerous stranger who gets a recipient elsewhere accepted."""
    plays = list(played(clients, [*grammar.OUTSIDE, grammar.ROUTED]))
    answers = ruled([line for _, lines in plays for line in lines])
    if len(answers) != len(plays):
        raise RuntimeError(f"{len(answers)} answers for {len(plays)} strangers")
    worst = (NOBODY, None)
    for (who, _), said in zip(plays, answers):
        if any(re.search(r"\$# *(error|discard)", s) for s in said):
            continue
        level = min(who[4], grammar.NEIGHBOUR) if who[3] == grammar.ROUTED else who[4]
        if level > worst[0]:
            worst = (level, (who, said))
    return worst


def audit(*options):
    done = subprocess.run([BINARY, "audit", "sendmail", "--format", "json", *options], capture_output=True, text=True,
                          timeout=60)
    return [f for f in json.loads(done.stdout)["findings"] if f["id"] not in IGNORED]


def verdict(worst, findings):
    told = max([LEVEL[f["severity"]] for f in findings], default=-1)
    if worst == grammar.STRANGER:
        return "missed" if told < 2 else ""
    if told == 2:
        return "cries wolf"
    return "missed under a condition" if worst == grammar.NEIGHBOUR and told < 1 else ""


def disagreement(made):
    build(*made[:3])
    worst = truth(made[3])
    found = {"sendmail.cf": audit(), "sendmail.mc": audit("--config-dir", SOURCE)}
    for name, findings in found.items():
        wrong = verdict(worst[0], findings)
        if wrong:
            return f"{wrong} from {name}", worst, findings
    return "", worst, []


def shrunk(made, wrong):
    again = True
    while again:
        again = False
        for part in range(3):
            for i in range(len(made[part])):
                less = [list(p) for p in made[:3]]
                del less[part][i]
                if disagreement([*less, made[3]])[0] == wrong:
                    made, again = [*less, made[3]], True
                    break
    return made


def described(made):
    wrong, worst, findings = disagreement(made)
    return "\n".join([f"{wrong}: {worst}", *(f"  {f['severity']} {f['id']}: {f['why']}" for f in findings), *made[0],
                      *(f"access: {line}" for line in made[1]), *(f"relay-domains: {line}" for line in made[2])])


def sendmail():
    maker = grammar.Maker(SEED)
    end = time.monotonic() + SECONDS
    count, wrong = 0, []
    while count < CASES if CASES else time.monotonic() < end:
        made = maker.make()
        what, worst, _ = disagreement(made)
        STATISTICS[worst[0]] = STATISTICS.get(worst[0], 0) + 1
        count += 1
        if what and len(wrong) < 10:
            wrong.append(described(shrunk(made, what)))
            print("# " + wrong[-1].replace("\n", "\n# "), flush=True)
    print(f"# seed {SEED}: {count} configurations; strangers relay through {STATISTICS}")
    tap.equal(len(wrong), 0, f"seed {SEED}: the audit and the server agree on {count} configurations", *wrong[:5])


if __name__ == "__main__":
    tap.run(sendmail)
