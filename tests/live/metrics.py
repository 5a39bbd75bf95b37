#!/usr/bin/python3
"""
The numbers of the daemon for Prometheus: that a strict reader reads them, that a dead name server is seen in them,
and that what counts goes on counting over a reload and the death of a worker.
Run: tests/live/metrics.py [BINARY]
"""
import os
import re
import signal
import stat
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "dns")]
if len(sys.argv) > 1:
    os.environ["RELAY_GUARD"] = os.path.abspath(sys.argv[1])
from commands import change, command, status
from guard import Guard
from milter import Milter
from servers import Stub, txt
from tap import Tap

tap = Tap()
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(\{{{LABEL}(?:,{LABEL})*\}})? (\d+)")


class Rules(dict):
    """One rule for every name, which may change."""
    rule = ("ok", [txt("v=spf1 ip4:203.0.113.9 -all")])

    def get(self, _name, _default=None):
        return self.rule


def read(text):
    """{NAME{LABELS}: value}, and {NAME: type}. Raises where the format is not kept."""
    values, types, name = {}, {}, None
    assert text.endswith("\n"), "the last line has no end"
    lines = text[:-1].split("\n")
    for at, line in enumerate(lines):
        head = re.fullmatch(rf"# HELP ({NAME}) (\S.*)", line)
        if head:
            name = head[1]
            assert name not in types, f"{name} begins a second time"
            of = re.fullmatch(rf"# TYPE {name} (counter|gauge)", lines[at + 1])
            assert of, f"after {line!r}: {lines[at + 1]!r}"
            types[name] = of[1]
            assert (of[1] == "counter") == name.endswith("_total"), f"{name} is a {of[1]}"
        elif line != (name and f"# TYPE {name} {types[name]}"):
            sample = SAMPLE.fullmatch(line)
            assert sample and sample[1] == name, f"{line!r} below {name}"
            assert sample[1].startswith("relay_guard_"), line
            key = sample[1] + (sample[2] or "")
            assert key not in values, f"{key} twice"
            values[key] = int(sample[3])
    assert set(types) == {k.partition("{")[0] for k in values}, "a name without a sample"
    return values, types


def metrics(guard):
    code, out, err = command(guard, "status", "--metrics", "-")
    assert code == 0, err
    return read(out)


def wait_for(guard, what, seconds=20):
    """The first numbers of which `what` is true; else the last."""
    end = time.monotonic() + seconds
    while True:
        values = metrics(guard)[0]
        if what(values) or time.monotonic() > end:
            return values
        time.sleep(0.1)


def send(guard, number):
    m = Milter(guard.socket).open()
    m.message("<bob@example.com>", b"<a@d%d.example.net>" % number, [(b"From", b"a@d%d.example.net" % number)], b"x\r\n")
    m.close()


def fell(before, after, types):
    """What counts and is less now."""
    return [k for k, v in before.items() if types[k.partition("{")[0]] == "counter" and after.get(k, -1) < v]


def counts():
    server = Stub({})
    server.rules = Rules()
    guard = Guard(top=f'resolver {{ forward = "{server.server}"  deadline = 2s  timeout = 1s }}\nspf {{ }}\n').start()
    first, types = metrics(guard)
    tap.equal((first["relay_guard_up"], first["relay_guard_workers"], first["relay_guard_enforcing"]), (1, 2, 1),
              "the daemon is up, with its workers", first)
    tap.ok(abs(first["relay_guard_start_timestamp_seconds"] - time.time()) < 60, "since when, in seconds", first)
    tap.ok("relay_guard_last_reload_success" not in first, "there was no reload")
    tap.equal((first["relay_guard_dns_lookups_total"], first['relay_guard_dns_failures_total{reason="deadline"}']),
              (0, 0), "nothing was asked of DNS")
    for _ in range(8):
        send(guard, 1)
    good = wait_for(guard, lambda v: v["relay_guard_dns_lookups_total"] + v["relay_guard_dns_cached_total"] >= 8)
    tap.ok(good["relay_guard_dns_lookups_total"] >= len(server.asked) >= 1, "questions are counted", good, server.asked)
    tap.ok(good["relay_guard_dns_cached_total"] >= 4, "and what the cache has answered", good)
    tap.equal([v for k, v in good.items() if "dns_failures" in k], [0, 0, 0, 0], "none has failed")

    Rules.rule = "drop"
    for n in range(3):
        send(guard, 100 + n)
    late = 'relay_guard_dns_failures_total{reason="deadline"}'
    dead = wait_for(guard, lambda v: v[late] >= 3)
    tap.ok(dead[late] >= 3, "a name server that is silent is seen", dead)
    Rules.rule = "servfail"
    send(guard, 200)
    wrong = 'relay_guard_dns_failures_total{reason="error"}'
    failed = wait_for(guard, lambda v: v[wrong] >= 1)
    tap.ok(failed[wrong] >= 1, "and one that fails", failed)
    Rules.rule = ("ok", [txt("v=spf1 -all")])
    said = status(guard)["dns"]
    tap.equal((said["lookups"], said["deadlines"], said["errors"]),
              (failed["relay_guard_dns_lookups_total"], failed[late], failed[wrong]), "status has the same", said)
    out = command(guard, "status")[1]
    tap.ok(re.search(r"^dns +lookups \d+, cached \d+, errors \d+, bogus \d+, deadlines \d+, refused \d+, in_flight \d+$",
                     out, re.M), "in words too", out)
    tap.ok(m := Milter(guard.socket).open(), "a session is there")
    refused = m.rcpt("<b@ext.example.net>")
    tap.ok(refused.startswith(b"y550"), "a relay attempt is refused", refused)
    now = wait_for(guard, lambda v: v["relay_guard_sessions"] == 1)
    tap.equal((now["relay_guard_sessions"], now['relay_guard_events_total{verdict="reject"}']), (1, 1),
              "a session, and an event", now)
    m.close()
    survives(guard, now, types)
    guard.remove()


def survives(guard, before, types):
    for pid in guard.workers():
        os.kill(pid, signal.SIGKILL)
    # A worker that has just come is asked whether it answers: a session for a moment.
    after = wait_for(guard, lambda v: v["relay_guard_deaths_total"] == 2 and v["relay_guard_workers"] == 2 and
                     v["relay_guard_sessions"] == 0)
    tap.equal((after["relay_guard_deaths_total"], after["relay_guard_sessions"], after["relay_guard_dns_in_flight"]),
              (2, 0, 0), "workers that died are counted, and have no sessions", after)
    tap.equal(fell(before, after, types), [], "nothing that counts goes back when all workers die")
    send(guard, 300)
    more = wait_for(guard, lambda v: v["relay_guard_dns_lookups_total"] > after["relay_guard_dns_lookups_total"])
    tap.ok(more["relay_guard_dns_lookups_total"] > after["relay_guard_dns_lookups_total"], "it goes on counting", more)
    send(guard, 301)
    guard.reload()
    reloaded = wait_for(guard, lambda v: v["relay_guard_dns_lookups_total"] > more["relay_guard_dns_lookups_total"])
    tap.equal(fell(more, reloaded, types), [], "nothing goes back with a reload")
    tap.ok(reloaded["relay_guard_dns_lookups_total"] > more["relay_guard_dns_lookups_total"],
           "what a worker asked last is told before it ends", more, reloaded)
    tap.equal(reloaded["relay_guard_last_reload_success"], 1, "the reload went live")
    change(guard, "workers = 2", "workers = many")
    command(guard, "reload")
    wrong = metrics(guard)[0]
    tap.equal((wrong["relay_guard_last_reload_success"], wrong["relay_guard_configuration_loaded_timestamp_seconds"]),
              (0, reloaded["relay_guard_configuration_loaded_timestamp_seconds"]), "one that is wrong does not", wrong)


def to_a_file():
    guard = Guard().start()
    path = f"{guard.folder}/relay-guard.prom"
    old = os.umask(0o077)
    code, out, err = command(guard, "status", "--metrics", path)
    os.umask(old)
    tap.equal((code, out, err), (0, "", ""), "--metrics FILE prints nothing")
    with open(path, encoding="utf-8") as f:
        values = read(f.read())[0]
    tap.equal(values["relay_guard_up"], 1, "the file has the numbers", values)
    tap.equal(stat.S_IMODE(os.stat(path).st_mode), 0o644, "others may read it")
    code, out, err = command(guard, "status", "--metrics", "/nonexistent/x.prom")
    tap.ok(code == 70 and "/nonexistent/x.prom: No such file" in err, "one that can't be written: exit 70", code, err)
    code, out, err = command(guard, "status", "--metrics", path, "--format", "json")
    tap.ok(code == 64 and "expected one of them" in err, "--metrics and JSON: exit 64", code, err)
    guard.stop()
    code, out, err = command(guard, "status", "--metrics", path, where="socket")
    with open(path, encoding="utf-8") as f:
        values = read(f.read())[0]
    tap.equal((code, values), (69, {"relay_guard_up": 0}), "a daemon that is gone is written: exit 69", err)
    tap.equal([n for n in os.listdir(guard.folder) if n.startswith("relay-guard.prom")], ["relay-guard.prom"],
              "and nothing is left beside it")
    guard.remove()


tap.run(counts, to_a_file)
