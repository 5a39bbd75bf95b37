#!/usr/bin/python3
"""
DMARC against a second reading of RFC 9989, as plain as its numbered steps, over trees that are made at random: every
answer of `relay-guard verify` has to be the model's. usage: model.py [RELAY-GUARD] [CASES] [SEED]
"""
import json
import os
import random
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [f"{TOP}/tests/lib", f"{TOP}/tests/dns"]
from servers import Nsd  # noqa: E402
from tap import Tap  # noqa: E402

GUARD = sys.argv[1] if len(sys.argv) > 1 else f"{TOP}/build/relay-guard"
CASES = int(sys.argv[2]) if len(sys.argv) > 2 else 300
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 9989
CLIENT = "192.0.2.1"
POLICIES = ("none", "quarantine", "reject")
tap = Tap()


# --- the model ------------------------------------------------------------------


class Tree:
    def __init__(self, dice):
        self.records = {}  # name: [text ...]
        self.hosts = set()  # names with an SPF record
        names = {"example"}
        for _ in range(60):
            parent = dice.choice(sorted(names))
            depth = dice.choice((1, 1, 1, 2, 3, 6))
            names.add(".".join(dice.choice("ab") for _ in range(depth)) + "." + parent)
        self.names = sorted(n for n in names if n.count(".") < 14)
        for name in self.names:
            if dice.random() < 0.45:
                self.records[name] = [self.record(dice) for _ in range(dice.choice((1, 1, 1, 1, 1, 1, 2)))]
            # SPF is not for single labels.
            if "." in name and dice.random() < 0.5:
                self.hosts.add(name)

    @staticmethod
    def record(dice):
        tags = [f"p={dice.choice(POLICIES)}" if dice.random() < 0.9 else dice.choice(("p=bad", "x=y"))]
        for tag in ("sp", "np"):
            if dice.random() < 0.4:
                tags.append(f"{tag}={dice.choice(POLICIES + (('bad',) if dice.random() < 0.2 else ()))}")
        for tag, values, chance in (("psd", "yynnu", 0.3), ("adkim", "rs", 0.2), ("aspf", "rs", 0.4), ("t", "yn", 0.3)):
            if dice.random() < chance:
                tags.append(f"{tag}={dice.choice(values)}")
        if dice.random() < 0.5:
            tags.append("rua=mailto:d@example.com")
        dice.shuffle(tags)
        version = "v=DMARC1" if dice.random() < 0.95 else "v=DMARC2"
        return "; ".join([version, *tags])

    def zone(self):
        lines = [f"_dmarc.{n}. TXT \"{t}\"" for n, texts in self.records.items() for t in texts]
        lines += [f"{n}. TXT \"v=spf1 ip4:{CLIENT} -all\"" for n in self.hosts]
        return "\n".join(line for line in lines)

    def exists(self, name):
        every = self.hosts | {f"_dmarc.{n}" for n in self.records} | {"ns.example"}
        return any(n == name or n.endswith("." + name) for n in every)

    def found_at(self, name):
        """Steps 1 and 2: the one record's tags, or None."""
        parsed = [dict(part.split("=") for part in t.split("; ")) for t in self.records.get(name, ())]
        parsed = [p for p in parsed if p["v"] == "DMARC1"]
        return parsed[0] if len(parsed) == 1 else None

    def walk(self, name):
        """[(name, tags) ...] for the names that have a record."""
        found, labels = [], name.split(".")
        while labels:
            tags = self.found_at(".".join(labels))
            if tags is not None:
                found.append((".".join(labels), tags))
                if tags.get("psd") in ("y", "n"):
                    break
            labels = labels[1:] if len(labels) < 8 else labels[-7:]
        return found

    def organization(self, name):
        found = self.walk(name)
        for at, tags in found:
            if tags.get("psd") == "n":
                return at
            if tags.get("psd") == "y" and at != name:
                return ".".join(name.split(".")[-(at.count(".") + 2):])
        return min((at for at, _ in found), key=lambda n: n.count("."), default=name)

    def policy_record(self, author):
        found = dict(self.walk(author))
        public = [n for n, tags in found.items() if tags.get("psd") == "y"]
        for name in (author, self.organization(author), *public):
            if name in found:
                return name, found[name]
        return None, None


def expected(tree, author, sender):
    want = {"domain": author, "organizational_domain": tree.organization(author), "record_domain": None, "policy": None,
            "result": "none", "spf_aligned": False}
    at, tags = tree.policy_record(author)
    if at is None:
        return want
    valid = tags.get("p") in POLICIES and all(tags.get(t, "none") in POLICIES for t in ("sp", "np"))
    if not valid and "rua" not in tags:
        return want
    policy = tags["p"] if valid else "none"
    if valid and at != author:
        policy = tags.get("sp", policy)
        if not tree.exists(author):
            policy = tags.get("np", policy)
    if tags.get("t") == "y":
        policy = POLICIES[max(0, POLICIES.index(policy) - 1)]
    same = sender == author if tags.get("aspf") == "s" else tree.organization(sender) == tree.organization(author)
    aligned = same and sender in tree.hosts
    want.update(record_domain=at, policy=policy, spf_aligned=aligned, result="pass" if aligned else "fail")
    return want


# --- the comparison ---------------------------------------------------------------


def judge(server, author, sender):
    p = subprocess.run([GUARD, "verify", "--client", CLIENT, "--from", f"x@{sender}", "--resolver", server, "--format",
                        "json"], input=f"From: a@{author}\n\n".encode(), capture_output=True, timeout=60)
    return json.loads(p.stdout)["dmarc"]


def any_name(dice, tree):
    name = dice.choice(tree.names)
    return "c." * dice.choice((0, 0, 0, 0, 1, 4)) + name


def trees():
    dice = random.Random(SEED)
    seen = {}
    for tree_number in range(max(1, CASES // 60)):
        tree = Tree(dice)
        nsd = Nsd({"example": tree.zone()})
        wrong = []
        for _ in range(60):
            author = any_name(dice, tree)
            hosts = sorted(tree.hosts)
            sender = author if dice.random() < 0.2 or not hosts else dice.choice(hosts)
            want = expected(tree, author, sender)
            found = judge(nsd.server, author, sender)
            seen[want["result"]] = seen.get(want["result"], 0) + 1
            if {k: found[k] for k in want} != want:
                wrong.append(f"{author} by {sender}: got {found}, want {want}")
        tap.ok(not wrong, f"tree {tree_number} of seed {SEED}: all as the model has it", *wrong[:5], tree.zone())
        nsd.stop()
    tap.ok(all(seen.get(r) for r in ("none", "pass", "fail")), f"every result was seen: {seen}")


tap.run(trees)
