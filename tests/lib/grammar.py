"""
Addresses in every odd form that a mail server or a guard may read in a way of its own.

    g = Grammar(seed)
    g.address(17)       # one address, without the outer brackets, as bytes; "q17q" is in it

The tag makes each address unique, and lets a test find it again where its mail comes out.
"""
import random
import re

OURS = ["example.com", "mx.example.com", "alias.example", "vmail.example", "localhost",
        "[127.0.0.1]", "[IPv6:::1]"]
PASSED_ON = ["backup.example", "gateway.example"]
OTHERS = ["ext.example.net", "sub.example.com", "example.com.ext.example.net", "outside",
          "xn--bcher-kva.example", "bücher.example", "[198.51.100.7]", "[203.0.113.9]",
          "[IPv6:2001:db8:f::9]", "ext.example.net:25", "3325256713", "outside.uucp",
          "example\u3002com", "\uff45xample.com", "backup\u00ad.example", "gateway.examp\u200ble"]
SPECIALS = "@%!:;,<>()[]\\\". \t/|`'=+&~^#{}*?-_"

TAG = re.compile(r"q(\d+)q", re.IGNORECASE)
# A local part without what any server reads as a route, a quote or the end of an address.
PLAIN = re.compile(r"[^\s@%!:;,<>()\[\]\\\"]+@([A-Za-z0-9.-]+)")


class Grammar:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def address(self, number):
        text = self._address(f"q{number}q", 0)
        for _ in range(self.random.choices((0, 1, 2, 3), (75, 17, 5, 3))[0]):
            text = self._mutate(text)
        text = re.sub("[\r\n\0]", "", text)
        if not TAG.search(text):  # a mutation fell into it
            text = f"q{number}q" + text
        data = text.encode("utf-8")
        if self._chance(0.02):
            data = data.replace(b"q", b"\xff\xc0q", 1)
        return data

    def _chance(self, p):
        return self.random.random() < p

    def _domain(self):
        pick = self.random.random()
        kind = OURS if pick < 0.45 else PASSED_ON if pick < 0.7 else OTHERS
        domain = self.random.choice(kind)
        if self._chance(0.1):
            domain += "."
        if self._chance(0.1):
            domain = domain.swapcase()
        if self._chance(0.03):
            domain = "." + domain
        if self._chance(0.03):
            domain = domain.replace(".", "..", 1)
        if self._chance(0.03):
            domain += self.random.choice((":25", ":2525", "%eth0", "(c)", " "))
        return domain

    def _local(self, tag):
        forms = (
            f"{tag}.x", tag.upper(), f"{tag}+detail", f'"{tag}"', f'"{tag} x"', f"{tag}\\@x",
            f"\\{tag}", f"(c){tag}", f"{tag}(c)", f"{tag} ", f".{tag}", f"{tag}.", f"{tag}..x",
            f"{tag}ü", f"|{tag}", f"/tmp/{tag}", f":include:{tag}", f'"{tag}".x',
            f"{tag}-request", f'"{tag}\\""', f'"{tag}\\\\"', f"{tag};x", f"{tag},x", f"{tag}=x")
        return tag if self._chance(0.3) else self.random.choice(forms)

    def _address(self, tag, depth):
        if depth > 2 or self._chance((0.35, 0.5, 0.6)[depth]):
            return self._local(tag) + ("" if self._chance(0.1) else "@" + self._domain())
        inner = self._address(tag, depth + 1)
        d, e = self._domain(), self._domain()
        forms = (
            lambda: f"{inner}@{d}",
            lambda: inner.replace("@", "%") + f"@{d}",
            lambda: f"{d}!{inner}",
            lambda: f"{d}!{self._local(tag)}@{e}",
            lambda: f"{d}!{e}!{self._local(tag)}",
            lambda: f"{self._local(tag)}%{d}@{e}",
            lambda: f"{self._local(tag)}%{d}%{e}@{self._domain()}",
            lambda: f"@{d}:{inner}",
            lambda: f"@{d},@{e}:{inner}",
            lambda: f"(c)@{d},@{e}:{inner}",
            lambda: '"' + inner.replace('"', '\\"') + f'"@{d}',
            lambda: '"' + inner.replace('"', '\\"') + '"',
            lambda: re.sub("([@%!:])", r"\\\1", inner) + f"@{d}",
            lambda: f"{inner}({d})",
            lambda: f"(@{d}){inner}",
            lambda: f"<{inner}>",
            lambda: f"x<{inner}>",
            lambda: f"{inner};",
            lambda: f"group:{inner};",
            lambda: inner.replace("@", " @ "),
            lambda: f"{inner}%{d}",
        )
        return self.random.choice(forms)()

    def _mutate(self, text):
        at = self.random.randrange(len(text) + 1)
        what = self.random.random()
        if what < 0.5:
            return text[:at] + self.random.choice(SPECIALS) + text[at:]
        if what < 0.7:
            return text[:at] + text[at + 1:]
        if what < 0.85:
            return text[:at] + "\\" + text[at:]
        return text[:at] + self.random.choice("@%!:") + self._domain() + text[at:]


def tag_of(address):
    """The number in the address, or None."""
    if isinstance(address, bytes):
        address = address.decode("utf-8", "replace")
    found = TAG.search(address)
    return int(found.group(1)) if found else None


def is_plain(address):
    """An address that no server on the way can read as a route, in a domain that we keep or pass on."""
    found = PLAIN.fullmatch(address)
    return bool(found) and found.group(1).lower().rstrip(".") in OURS + PASSED_ON
