#!/usr/bin/python3
"""
The audit of Postfix over configurations on disk: every open one is found, named and placed; no healthy one is blamed.
Run: tests/audit/postfix.py RELAY_GUARD
"""
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import postfix_cases as cases
from postfix_healthy import HEALTHY
from postfix_systems import SYSTEMS
from tap import Tap

tap = Tap()
SERVERS = {**HEALTHY, **{name: (*parts, {}) for name, parts in SYSTEMS.items()}}
binary = os.path.abspath(sys.argv[1])
# A sanitizer sees in some of the lines that are written what it would see in all.
EVERY = 4 if "/asan/" in binary else 1


def write_all(folder, main, master, files):
    for name, text in {"main.cf": main, "master.cf": master, **files}.items():
        if text is not None:
            with open(f"{folder}/{name}", "w") as f:
                f.write(text)


def run(*argv):
    done = subprocess.run([binary, *argv], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def audit(main, master, files, *options):
    with tempfile.TemporaryDirectory() as folder:
        write_all(folder, main, master, files)
        code, out, err = run("audit", "postfix", "--config-dir", folder, "--format", "json", *options)
        report = json.loads(out) if out else None
        for f in (report or {}).get("findings", []):
            f["text"] = ""
            if f["line"] > 0:
                with open(f["file"]) as source:
                    f["text"] = source.read().split("\n")[f["line"] - 1]
    return code, report, err


def found(report, wanted, severity):
    return [f for f in report["findings"] if f["id"] == wanted and f["severity"] == severity]


def open_ones():
    for c in cases.OPEN:
        code, report, err = audit(c.main(), c.master_cf(), c.files)
        name = f"open: {c.name}"
        if not tap.ok(report is not None, f"{name}: is judged", code, err):
            continue
        hits = found(report, c.find, c.severity)
        tap.ok(hits, f"{name}: {c.find}, {c.severity}", json.dumps(report, indent=1))
        tap.ok(any(c.at in f["text"] for f in hits), f"{name}: in the right line", c.at, hits)
        tap.equal(code, 1 if c.severity == "high" else 0, f"{name}: exit code", err)
        others = [f for f in report["findings"] if f["severity"] == "high" and f["id"] != c.find]
        tap.ok(not others, f"{name}: nothing else is high", others)
        if c.listener:
            tap.ok(any(f["listener"] == c.listener for f in hits), f"{name}: its listener", hits)


def other_ones():
    for name, settings, options, files, wanted, severity in cases.OTHERS:
        code, report, err = audit(cases.other_main(settings), cases.MASTER.replace("{options}", options), files)
        if not tap.equal(code, 0, f"{name}: exit code", err, json.dumps(report, indent=1)):
            continue
        if wanted:
            tap.ok(found(report, wanted, severity), f"{name}: {wanted}, {severity}", json.dumps(report, indent=1))
        else:
            open_to = [f for f in report["findings"] if f["id"].startswith(("networks-", "relay-domains")) or f["id"].endswith("-permits")]
            tap.ok(not open_to, f"{name}: nobody is called a stranger", open_to)


def healthy_ones():
    for name, (main, master, files) in SERVERS.items():
        code, report, err = audit(main, master, files)
        high = [f for f in (report or {}).get("findings", []) if f["severity"] == "high"]
        tap.equal((code, high), (0, []), f"healthy: {name}", err)
        tap.ok(all(f["why"].endswith(".") and f["file"] for f in report["findings"]), f"healthy: {name}: texts", report)


def repairs():
    """What is written instead takes the finding away, where it is one line of main.cf."""
    count = 0
    for c in cases.OPEN:
        _, report, _ = audit(c.main(), c.master_cf(), c.files)
        for f in found(report, c.find, c.severity):
            parameter = f["instead"].split(" = ")[0]
            if not re.fullmatch(r"[a-z_]+", parameter):
                continue
            main = "".join(f"{k} = {v}\n" for k, v in {**cases.BASE, **c.settings}.items() if k != parameter)
            _, again, _ = audit(main + f["instead"] + "\n", c.master_cf(), c.files)
            tap.ok(not found(again, c.find, c.severity), f"repaired: {c.name}", f["instead"], found(again, c.find, c.severity))
            count += 1
    tap.ok(count > 15, "most findings can be repaired by the line that is given", count)


def applied(folder, finding):
    """Writes what is to be written in the place of what the finding names."""
    of = finding["instead_of"]
    with open(of["file"]) as f:
        lines = f.read().split("\n")
    first = of["line"] - 1 if of["lines"] else len(lines) - 1
    lines[first:first + of["lines"]] = finding["instead"].split("\n")
    with open(of["file"], "w") as f:
        f.write("\n".join(lines))


def logical(text):
    """Logical lines: comments are none, and do not end one."""
    lines = []
    for line in text.split("\n"):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0] in " \t" and lines:
            lines[-1] += " " + line.strip()
        else:
            lines.append(line.rstrip())
    return lines


def meaning(folder):
    """Each setting, each service with its columns, each option of it, each word of another file."""
    parts = set()
    for name in os.listdir(folder):
        with open(f"{folder}/{name}") as f:
            lines = logical(f.read())
        for line in lines:
            if name == "main.cf":
                parts.add((name, re.split(r"\s*=", line)[0]))
            elif name == "master.cf":
                columns = line.split()
                service = " ".join(columns[:2]).replace("127.0.0.1:", "")
                parts.add((name, service, *columns[2:8]))
                options = re.findall(r"-o\s*(\{[^}]*\}|\S+)", line)
                parts.update((name, service, o.strip("{ ").split("=")[0].strip()) for o in options)
            else:
                parts.update((name, word) for word in line.replace(",", " ").split())
    return parts


def replacements():
    """Each line that is to be written, written: what it is for is gone, nothing else is new, and no more has changed."""
    everything = [(c.name, c.main(), c.master_cf(), c.files) for c in cases.OPEN]
    everything += [(name, cases.other_main(settings), cases.MASTER.replace("{options}", options), files)
                   for name, settings, options, files, _, _ in cases.OTHERS + cases.REPAIRS]
    everything += [(name, *parts) for name, parts in SERVERS.items()]
    count = found_so_far = 0
    for name, *parts in everything:
        with tempfile.TemporaryDirectory() as folder:
            write_all(folder, *parts)
            first = judged(folder)
            before = meaning(folder)
            for f in first:
                found_so_far += 1
                if found_so_far % EVERY:
                    continue
                if not f["instead"]:
                    tap.ok(f["id"] in ("version-old", ), f"replaced: {name}: {f['id']} has a line to write", f)
                    continue
                write_all(folder, *parts)
                applied(folder, f)
                again, what = judged(folder), f"replaced: {name}: {f['id']} {f['listener']}"
                with open(f["instead_of"]["file"]) as file:
                    text = file.read()
                tap.ok(not any(key(f) == key(a) for a in again), f"{what}: it is gone", f, text)
                new = [a for a in again if key(a)[:-1] not in [key(b)[:-1] for b in first] and a["id"] != f["id"]]
                tap.ok(not new, f"{what}: nothing is new", f, new, text)
                changed = before ^ meaning(folder)
                # One setting came or went; of a file of words or rows one went, and perhaps another came for it.
                most = 1 if any(part[0] in ("main.cf", "master.cf") for part in changed) else 2
                columns = [part for part in changed if part[0] == "master.cf" and len(part) > 3]
                tap.ok(len(changed) <= most and not columns, f"{what}: nothing else is changed", f, changed)
                count += 1
    tap.ok(count * EVERY > 300, "many lines were replaced", count)


def key(f):
    return f["id"], f["severity"], re.sub(r":\d+|line \d+", "", f["why"]), f["listener"]


def judged(folder):
    _, out, err = run("audit", "postfix", "--config-dir", folder, "--format", "json")
    tap.ok(out, "an audit's report", err) if not out else None
    return json.loads(out)["findings"]


def formats():
    c = cases.OPEN[0]
    with tempfile.TemporaryDirectory() as folder:
        write_all(folder, c.main(), c.master_cf(), c.files)
        code, out, _ = run("audit", "postfix", "--config-dir", folder)
        tap.ok(code == 1 and "high" in out and "Write instead" in out, "text", out)
        tap.ok(all(len(line) <= 100 for line in out.split("\n")), "text is not too wide", out)
        code, out, _ = run("audit", "--format=sarif", "postfix", "--config-dir", folder)
        run_ = json.loads(out)["runs"][0]
        ids = [r["id"] for r in run_["tool"]["driver"]["rules"]]
        tap.ok(code == 1 and all(r["ruleId"] in ids for r in run_["results"]) and run_["results"][0]["level"] == "error",
               "SARIF", out)
        for r in run_["results"]:
            for change in (c for fix in r.get("fixes", []) for c in fix["artifactChanges"]):
                with open(change["artifactLocation"]["uri"].removeprefix("file://")) as f:
                    size = len(f.read().split("\n"))
                gone = [part["deletedRegion"] for part in change["replacements"]]
                tap.ok(gone and all(1 <= g["startLine"] < g["endLine"] <= size for g in gone), "SARIF: a fix", change)


def imports():
    """What is imported is taken by the guard itself, and never opens it."""
    everything = [(c.name, c.main(), c.master_cf(), c.files) for c in cases.OPEN]
    everything += [(name, *parts) for name, parts in SERVERS.items()]
    for name, main, master, files in everything:
        with tempfile.TemporaryDirectory() as folder:
            write_all(folder, main, master, files)
            code, out, err = run("import", "postfix", "--config-dir", folder)
            with open(f"{folder}/imported.conf", "w") as f:
                f.write(out)
            checked, _, wrong = run("check", "-c", f"{folder}/imported.conf")
            tap.equal((code, checked), (0, 0), f"import: {name}", err, wrong)


def usage():
    for argv, want in ((["audit"], 64), (["audit", "exim"], 64), (["audit", "postfix", "--format", "xml"], 64),
                       (["audit", "postfix", "--config-dir"], 64), (["audit", "postfix", "--config-dir", "/nowhere"], 66),
                       (["audit", "postfix", "x"], 64), (["audit", "postfix", "--wrong"], 64)):
        code, out, err = run(*argv)
        tap.ok(code == want and err and not out, f"{' '.join(argv)}: exit {want}", code, out, err)


def versions():
    main = "".join(f"{k} = {v}\n" for k, v in cases.BASE.items() if k != "smtpd_forbid_bare_newline")
    for version, wanted in (("3.7.11", {"bare-newline"}), ("3.9.1", set()), ("3.10", set()), ("3.7.8", {"version-old"}),
                            ("2.10.1", {"version-old"}), ("3.8.4", {"bare-newline"})):
        _, report, _ = audit(main, cases.MASTER.replace("{options}", ""), {}, "--mta-version", version)
        got = {f["id"] for f in report["findings"]} & {"bare-newline", "version-old"}
        tap.equal(got, wanted, f"version {version}")


def other_places():
    """A copy of what was not in /etc/postfix: another system's folder, an instance of its own."""
    for folder, at in (("/usr/local/etc/postfix", "relay:1"), ("/etc/postfix-out", "relay:1"), ("/etc/postfix", "relay:1"),
                       ("/etc/postfixes", None), ("/var/lib/elsewhere", None)):
        settings = {**cases.BASE, "relay_domains": f"hash:{folder}/relay"}
        code, report, err = audit(cases.other_main(settings), None, {"relay": "net x\n"})
        hits = [f"{os.path.basename(f['file'])}:{f['line']}" for f in found(report, "relay-domains-wide", "high")]
        tap.equal((code, hits), (1, [at]) if at else (0, []), f"a table in {folder}", err)


def written_for_postfix_2():
    """Its defaults refused strangers. Postfix 3 with these lines serves nobody: no open relay."""
    main = "myhostname = mx.example.com\nmydestination = $myhostname, localhost\nmynetworks = 127.0.0.0/8\n"
    code, report, err = audit(main, None, {})
    tap.ok(found(report, "relay-control-missing", "medium"), "a file without lists: relay-control-missing, medium", report)
    tap.equal((code, [f for f in report["findings"] if f["severity"] == "high"]), (0, []), "and nothing high", err)
    code, report, err = audit(main + "smtpd_recipient_restrictions = permit_mynetworks\n", None, {})
    tap.ok(found(report, "relay-control-missing", "high") and code == 1, "one with a list that refuses nobody: high", report)


tap.run(open_ones, other_ones, healthy_ones, repairs, replacements, formats, imports, usage, versions, other_places, written_for_postfix_2)
