"""Signs ARC chains (RFC 8617), rightly or with a fault. Hashes, canonical forms and RSA are dkimpy's and Python's."""
import base64
import hashlib
import re
import subprocess

import nacl.signing
from dkim.canonicalization import CanonicalizationPolicy
from dkim.crypto import HASH_ALGORITHMS, RSASSA_PKCS1_v1_5_sign, parse_pem_private_key

AAR, AMS, AS = "ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"


class Key:
    """An RSA key of so many bits, or of Ed25519 (0)."""

    def __init__(self, bits=1024):
        self.bits = bits
        if bits == 0:
            self.algorithm = "ed25519-sha256"
            self.ed25519 = nacl.signing.SigningKey.generate()
            self.record = "v=DKIM1; k=ed25519; p=" + base64.b64encode(bytes(self.ed25519.verify_key)).decode()
            return
        self.algorithm = "rsa-sha256"
        self.pem = subprocess.run(["openssl", "genrsa", "-traditional", str(bits)], capture_output=True,
                                  check=True).stdout
        self.rsa = parse_pem_private_key(self.pem)
        public = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=self.pem, capture_output=True,
                                check=True).stdout
        self.p = base64.b64encode(public).decode()
        self.record = "v=DKIM1; k=rsa; p=" + self.p

    def sign(self, data, algorithm="sha256"):
        if self.bits == 0:
            raw = self.ed25519.sign(hashlib.sha256(data).digest()).signature
        else:
            h = HASH_ALGORITHMS[b"rsa-" + algorithm.encode()]()
            h.update(data)
            raw = RSASSA_PKCS1_v1_5_sign(h, self.rsa)
        return base64.b64encode(raw).decode()


def policy(c):
    parts = c.split("/")
    if len(parts) > 2 or any(p not in ("simple", "relaxed") for p in parts):
        c = "relaxed/relaxed"
    return CanonicalizationPolicy.from_c_value(c.encode())


def fields_of(header):
    """[(name, value)] of lines with CRLF."""
    return [(m.group(1), m.group(2)) for m in
            re.finditer(rb"([^:\r\n \t]+):((?:[^\r\n]|\r\n[ \t])*)\r\n", header)]


def joined(fields):
    return b"".join(n + b":" + v for n, v in fields)


def signed_text(form, fields, own, own_value):
    """The canonical text: fields whole, and the signature's own with an empty b=, without its line end."""
    text = joined(form.canonicalize_headers([(n, v + b"\r\n") for n, v in fields]))
    return text + joined(form.canonicalize_headers([(own, own_value + b"\r\n")])).rstrip(b"\r\n")


def with_b(value, b):
    """Puts the signature where @B@ stands; nothing: the white space around it goes too (RFC 6376 3.5)."""
    return value.replace("@B@", b) if b else re.sub(r"\s*@B@\s*", "", value)


def selected(fields, names):
    """RFC 6376 5.4.2"""
    left, out = list(fields), []
    for name in names:
        for i in range(len(left) - 1, -1, -1):
            if left[i][0].strip().lower() == name.strip().lower().encode():
                out.append(left.pop(i))
                break
    return out


class Message:
    def __init__(self, header, body):
        self.fields = fields_of(header.replace("\r\n", "\n").replace("\n", "\r\n").encode("latin-1"))
        self.body = body.replace("\r\n", "\n").replace("\n", "\r\n").encode("latin-1")
        self.sets = []

    def text(self):
        return b"".join(n + b":" + v + b"\r\n" for n, v in self.fields) + b"\r\n" + self.body

    def seal(self, key, i=None, results="spf=pass smtp.mailfrom=example.org; dmarc=pass header.from=example.org", **t):
        """
        Adds a set. t: tags of the AMS (`ams`) and of the AS (`seal`) in place of the default ones (None: left out),
        whole formats with @TAGS@, and what stands in place of whole fields (`raw`, by field name; None: no field).
        """
        i = len(self.sets) + 1 if i is None else i
        raw = t.get("raw", {})
        aar = raw.get(AAR, f" i={i}; mx.example.org;\r\n {results}")
        aar = None if aar is None else (AAR.encode(), aar.encode())
        if aar is not None:
            self.fields.insert(0, aar)
        ams = self.ams(key, i, t) if AMS not in raw else raw[AMS]
        ams = None if ams is None else (AMS.encode(), ams.encode("utf-8"))
        if ams is not None:
            self.fields.insert(0, ams)
        own = [f for f in (aar, ams) if f is not None]
        seal = self.as_(key, i, t, own) if AS not in raw else raw[AS]
        if seal is not None:
            own.append((AS.encode(), seal.encode("utf-8")))
            self.fields.insert(0, own[-1])
        self.sets.append(own)
        return self

    @staticmethod
    def tags(defaults, given, form):
        tags = {**defaults, **given}
        return form.replace("@TAGS@", ";\r\n ".join(f"{k}={v}" for k, v in tags.items() if v is not None))

    def ams(self, key, i, t):
        given = t.get("ams", {})
        c = given.get("c", "relaxed/relaxed")
        form = policy(c or "simple/simple")
        body = form.canonicalize_body(self.body)
        if (given.get("l") or "").isdigit():
            body = body[:int(given["l"])]
        bh = base64.b64encode(hashlib.sha256(body).digest()).decode()
        tags = self.tags({"i": i, "a": key.algorithm, "c": c, "d": "example.org", "s": t.get("s", "dummy"),
                          "t": 12345, "h": "from:to:subject:date", "bh": bh, "b": "@B@"}, given,
                         t.get("ams_form", " @TAGS@"))
        names = (given.get("h") or "").split(":")
        if "h" not in given:
            names = ["from", "to", "subject", "date"]
        sign = signed_text(form, selected(self.fields, names), AMS.encode(), with_b(tags, "").encode("utf-8"))
        return with_b(tags, t.get("ams_b", lambda b: b)(t.get("ams_key", key).sign(sign, t.get("ams_hash", "sha256"))))

    def as_(self, key, i, t, own):
        tags = self.tags({"i": i, "a": key.algorithm, "cv": "none" if i == 1 else "pass", "d": "example.org",
                          "s": t.get("s", "dummy"), "t": 12345, "b": "@B@"}, t.get("seal", {}),
                         t.get("seal_form", " @TAGS@"))
        before = [f for s in self.sets for f in s] + own
        sign = signed_text(policy("relaxed/relaxed"), before, AS.encode(), with_b(tags, "").encode("utf-8"))
        return with_b(tags, t.get("seal_b", lambda b: b)(t.get("seal_key", key).sign(sign, t.get("seal_hash", "sha256"))))
