#!/usr/bin/python3
"""
Many sessions at once, each with messages that SPF, DKIM (RSA and Ed25519), DMARC and ARC pass, and others that are changed:
every one is judged rightly. With the thread sanitizer: tests/lib/tsan.sh tests/dns/concurrent.py build/tsan/relay-guard
Run: tests/dns/concurrent.py [BINARY [SECONDS]]
"""
import base64
import os
import re
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The folder of this file has a dkim.py: it would hide dkimpy.
sys.path[:1] = []
import dkim  # noqa: E402
import nacl.signing  # noqa: E402

sys.path[:0] = [f"{TOP}/tests/lib", f"{TOP}/tests/dns"]
if len(sys.argv) > 1:
    os.environ["RELAY_GUARD"] = os.path.abspath(sys.argv[1])
from guard import Guard  # noqa: E402
from milter import Milter  # noqa: E402
from servers import Nsd  # noqa: E402
from tap import Tap  # noqa: E402

SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 4
SESSIONS = 12
tap = Tap()


def openssl(*command, stdin=b""):
    return subprocess.run(["openssl", *command], input=stdin, capture_output=True, check=True, timeout=60).stdout


def strings(text):
    text = text.replace(";", "\\;")
    return " ".join(f'"{text[i:i + 200]}"' for i in range(0, len(text), 200))


RSA = openssl("genrsa", "-traditional", "2048")
PUBLIC = base64.b64encode(openssl("rsa", "-pubout", "-outform", "DER", stdin=RSA)).decode()
SEED = nacl.signing.SigningKey.generate()
ED = base64.b64encode(bytes(SEED.verify_key)).decode()
nsd = Nsd({"net": "", "list.net": f"rsa._domainkey TXT ( {strings('v=DKIM1; p=' + PUBLIC)} )",
           "example.net": f'@ TXT "v=spf1 include:i.example.net -all"\ni TXT "v=spf1 a:a.example.net mx:mx.example.net -all"\n'
                          f'a A 192.0.2.7\nmx MX 10 m\nm A 203.0.113.9\n_dmarc TXT "v=DMARC1\\; p=reject"\n'
                          f"rsa._domainkey TXT ( {strings('v=DKIM1; p=' + PUBLIC)} )\n"
                          f"ed._domainkey TXT ( {strings('v=DKIM1; k=ed25519; p=' + ED)} )"})
guard = Guard(top=f'resolver {{ forward = "{nsd.server}" }}\nspf {{ }}\ndkim {{ }}\ndmarc {{ reject = note }}\narc {{ }}\n'
                  'authentication { authserv-id = mx.example.com }\n').start()


def signed(number):
    """Its fields, and its body."""
    text = (f"From: U <u@example.net>\r\nTo: b@example.com\r\nSubject: message {number}\r\n\r\n"
            + f"A line of message {number}. \r\n" * (1 + number * 37 % 900)).encode()
    c = {"canonicalize": (b"relaxed", (b"simple", b"relaxed")[number % 2])}
    text = dkim.sign(text, b"rsa", b"example.net", RSA, **c) + text
    text = dkim.sign(text, b"ed", b"example.net", base64.b64encode(bytes(SEED)), signature_algorithm=b"ed25519-sha256",
                     **c) + text
    results = b"Authentication-Results: mx.list.net; spf=pass smtp.mailfrom=example.net\r\n"
    text = b"".join(dkim.arc_sign(results + text, b"rsa", b"list.net", RSA, b"mx.list.net")) + text
    header, body = text.split(b"\r\n\r\n", 1)
    fields = [f.split(b": ", 1) for f in header.replace(b"\r\n\t", b"\0\t").replace(b"\r\n ", b"\0 ").split(b"\r\n")]
    return [(name, value.replace(b"\0", b"\n")) for name, value in fields], body


MESSAGES = [signed(number) for number in range(24)]


def found(fields, body, milter):
    said = milter.message("<bob@example.com>", b"<u@example.net>", fields, body)
    field = next((s for s in said if b"Authentication-Results" in s), b"").decode("latin-1")
    return sorted(re.findall(r"(?<![.\w])((?:spf|dkim|dmarc|arc)=\w+)", field))


def all_at_once():
    wrong, done, lock, end = [], [0], threading.Lock(), time.monotonic() + SECONDS

    def loop(start):
        m, number = Milter(guard.socket).open(), start
        while time.monotonic() < end:
            number += 1
            fields, body = MESSAGES[number % len(MESSAGES)]
            good = number % 3 != 0
            got = found(fields, body if good else body + b"more\r\n", m)
            want = ["arc=pass" if good else "arc=fail"] + ["dkim=pass" if good else "dkim=fail"] * 2 + ["dmarc=pass", "spf=pass"]
            with lock:
                done[0] += 1
                if got != want:
                    wrong.append((number, got, want))
        m.close()

    threads = [threading.Thread(target=loop, args=(i * 5,)) for i in range(SESSIONS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(SECONDS + 60)
    tap.ok(done[0] > SESSIONS and not wrong, f"{SESSIONS} sessions at once are judged rightly", done, wrong[:3])
    print(f"# {done[0]} messages in {SECONDS:.0f} s")


tap.run(all_at_once)
