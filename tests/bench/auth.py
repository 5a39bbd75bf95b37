#!/usr/bin/python3
"""
What it costs to check where mail comes from: messages a second through a real Postfix, signed (RSA-2048, 4 kB), with
no filter, a milter that answers every stage and decides nothing, the guard with SPF, DKIM, DMARC and ARC,
opendkim and opendmarc (which does SPF), and rspamd as it comes, in turns within one run; and the memory
that each has then. A real nsd answers from the same host; what it does not know does not exist.
Run: tests/live/sandbox.sh --with opendkim --with rspamd postfix tests/bench/auth.py [ROUNDS [MESSAGES]]

The ratio is to no filter in the same round; a figure is the median of the rounds. What was not unpacked
beside Postfix is told of and left out. Before anything is measured each filter has to show that it found
all to pass.
"""
import base64
import os
import shutil
import subprocess
import sys
import time

for folder in ("lib", "dns"):
    sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", folder))
import dkim
import mta as mtas
import throughput
from guard import Guard
from noop import Noop
from servers import Nsd
from sink import Sink
from smtp import Client

# An address that is nobody's friend, of this host: who connects to it comes from it.
HOST, PORT = "203.0.113.9", 10027
DOMAIN = "signed.net"
SIZE = 4096
TO_SINK = "<bob@gateway.example>"


def openssl(*command, stdin=b""):
    return subprocess.run(["openssl", *command], input=stdin, capture_output=True, check=True, timeout=60).stdout


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    return path


def root_zone(public):
    """All of DNS: one that sends, and signs, and asks to reject what is not from there."""
    record = "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()
    strings = " ".join(f'"{record[i:i + 200]}"' for i in range(0, len(record), 200))
    return (". 300 IN SOA ns.net. hostmaster.net. 1 3600 600 86400 300\n. 300 IN NS ns.net.\nns.net. 300 IN A 127.0.0.1\n"
            f'{DOMAIN}. 3600 IN TXT "v=spf1 ip4:{HOST} -all"\n{DOMAIN}. 3600 IN MX 10 mail.{DOMAIN}.\n'
            f'mail.{DOMAIN}. 3600 IN A {HOST}\n9.113.0.203.in-addr.arpa. 3600 IN PTR mail.{DOMAIN}.\n'
            f'_dmarc.{DOMAIN}. 3600 IN TXT "v=DMARC1; p=reject"\ns1._domainkey.{DOMAIN}. 3600 IN TXT ( {strings} )\n')


def signed_message(private):
    header = (f"From: Joe SixPack <joe@{DOMAIN}>\r\nTo: Suzie Q <suzie@gateway.example>\r\nSubject: What a message costs\r\n"
              f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S +0000', time.gmtime())}\r\nMessage-ID: <1@{DOMAIN}>\r\n"
              "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n")
    line = "The quick brown fox jumps over the lazy dog, and then it sleeps.\r\n"
    text = (header + line * (SIZE // len(line))).encode()
    return dkim.sign(text, b"s1", DOMAIN.encode(), private, canonicalize=(b"relaxed", b"relaxed")) + text


# --- the filters -----------------------------------------------------------------------------------------------

class Own:
    """The guard, with everything on."""
    name = "relay-guard"

    def __init__(self):
        self.guard = Guard(top='resolver { forward = "127.0.0.1@53" }\nspf { }\ndkim { }\ndmarc { }\narc { }\n').start()
        self.pids = [self.guard.process.pid]
        self.sockets = f"unix:{self.guard.socket}"

    def found(self, mail):
        return [word for word in ("spf=pass", "dkim=pass", "dmarc=pass") if word not in mail]

    def stop(self):
        self.guard.remove()


class Nothing:
    name = "no-op, all stages"

    def __init__(self):
        os.makedirs("/run/noop", exist_ok=True)
        self.noop = Noop("all", "/run/noop")
        self.pids = [self.noop.process.pid]
        self.sockets = f"unix:{self.noop.socket}"

    def found(self, _mail):
        return []

    def stop(self):
        self.noop.stop()


class Program:
    """Programs that run in the foreground, each with its socket, or a port."""
    programs = ()

    def __init__(self):
        self.processes = []
        for binary, *options in self.programs:
            self.processes.append(subprocess.Popen([binary, *options], stdin=subprocess.DEVNULL,
                                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        self.pids = [p.pid for p in self.processes]

    def wait_for(self, path, seconds=20):
        end = time.monotonic() + seconds
        while not os.path.exists(path):
            if time.monotonic() > end or any(p.poll() is not None for p in self.processes):
                self.stop()
                raise RuntimeError(f"{self.name} does not start: {path} is not there")
            time.sleep(0.05)
        os.chmod(path, 0o666)

    def stop(self):
        for p in self.processes:
            p.terminate()
        for p in self.processes:
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait(10)


class OpenDkim(Program):
    name = "opendkim, opendmarc"
    needs = "/usr/sbin/opendkim", "/usr/sbin/opendmarc"
    folder = "/run/opendkim"

    def __init__(self):
        write(f"{self.folder}/dkim.conf", f"Mode v\nSocket local:{self.folder}/dkim.sock\nBackground no\nUMask 000\n"
              "Syslog no\nNameservers 127.0.0.1\nAuthservID mx.example.com\n")
        write(f"{self.folder}/dmarc.conf", f"Socket local:{self.folder}/dmarc.sock\nBackground false\nUMask 000\n"
              "Syslog false\nAuthservID mx.example.com\nTrustedAuthservIDs mx.example.com\nSPFSelfValidate true\n"
              "SPFIgnoreResults true\nRejectFailures true\n"
              "PublicSuffixList /usr/share/publicsuffix/public_suffix_list.dat\n")
        self.programs = ((self.needs[0], "-f", "-x", f"{self.folder}/dkim.conf"),
                         (self.needs[1], "-f", "-c", f"{self.folder}/dmarc.conf"))
        super().__init__()
        for name in ("dkim", "dmarc"):
            self.wait_for(f"{self.folder}/{name}.sock")
        self.sockets = f"unix:{self.folder}/dkim.sock,unix:{self.folder}/dmarc.sock"

    def found(self, mail):
        return [word for word in ("spf=pass", "dkim=pass", "dmarc=pass") if word not in mail]


class Rspamd(Program):
    name = "rspamd"
    needs = ("/usr/bin/rspamd",)
    log = "/var/log/rspamd/rspamd.log"

    def __init__(self):
        subprocess.run(["useradd", "-r", "-U", "-s", "/usr/sbin/nologin", "_rspamd"], check=True, timeout=20)
        for folder in ("/run/rspamd", "/var/lib/rspamd", "/var/log/rspamd"):
            os.makedirs(folder, exist_ok=True)
            shutil.chown(folder, "_rspamd", "_rspamd")
        write("/etc/rspamd/local.d/options.inc", 'dns { nameserver = ["127.0.0.1:53"]; }\n')
        self.programs = ((self.needs[0], "-f", "-u", "_rspamd", "-g", "_rspamd", "-c", "/etc/rspamd/rspamd.conf"),)
        super().__init__()
        mtas.wait_for_port(11332, 60)
        mtas.wait_for_port(11333, 60)
        self.sockets = "inet:127.0.0.1:11332"

    def found(self, _mail):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            text = f.read()
        return [word for word in ("R_SPF_ALLOW", "R_DKIM_ALLOW", "DMARC_POLICY_ALLOW") if word not in text]


def start(kinds):
    """Those that can be had."""
    filters = []
    for kind in kinds:
        missing = [path for path in getattr(kind, "needs", ()) if not os.path.exists(path)]
        if missing:
            print(f"{kind.name}: not measured, {missing[0]} is not there: its package was not unpacked")
            continue
        filters.append(kind())
    return filters


# --- the run ---------------------------------------------------------------------------------------------------

def show(sink, f, port, message):
    """Sends one message through the filter: it has to find that all passes."""
    sink.mails.clear()
    with Client(port, host=HOST) as c:
        c.ehlo(f"mail.{DOMAIN}")
        replies = [c.mail(f"<joe@{DOMAIN}>"), c.rcpt(TO_SINK), c.data(message.decode())]
    mail = sink.wait_for(lambda m: True, 20)
    missing = f.found("" if mail is None else mail[2].decode("latin-1"))
    if missing or mail is None:
        raise RuntimeError(f"{f.name}: {missing} were not found; {replies}\n{mail and mail[2].decode('latin-1')[:3000]}")


def measure(filters, message, rounds, messages):
    sink = Sink(mtas.SINK)
    postfix = mtas.make("postfix", port=10025)
    sockets = {"none": "", **{f.name: f.sockets for f in filters}}
    postfix.services = throughput.services(HOST, PORT, sockets)
    path = "/run/message.eml"
    with open(path, "wb") as f:
        f.write(message.replace(b"\r\n", b"\n"))
    try:
        postfix.start()
        for i, f in enumerate(filters):
            show(sink, f, PORT + 1 + i, message)
        rates = throughput.in_turns(HOST, PORT, sockets, rounds, messages, "-F", path, "-M", f"mail.{DOMAIN}",
                                    "-f", f"joe@{DOMAIN}", "-t", "bob@example.com")
    finally:
        postfix.stop()
    return rates


def main(rounds=5, messages=2000):
    subprocess.run(["ip", "address", "add", f"{HOST}/32", "dev", "lo"], check=True, timeout=20)
    with open("/etc/hosts", "a") as f:
        f.write(f"{HOST} mail.{DOMAIN}\n")
    write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
    private = openssl("genrsa", "-traditional", "2048")
    nsd = Nsd({".": root_zone(openssl("rsa", "-pubout", "-outform", "DER", stdin=private))}, port=53)
    filters = start((Nothing, Own, OpenDkim, Rspamd))
    try:
        rates = measure(filters, signed_message(private), rounds, messages)
        memory = {f.name: sum(throughput.resident_kib(pid) for pid in f.pids) for f in filters}
    finally:
        for f in filters:
            f.stop()
        nsd.stop()
    print(f"{'signed mail, Postfix':22} {'messages/s':>11} {'ratio':>6} {'memory MiB':>11}")
    for name, rate, ratio in throughput.medians(rates, "none"):
        print(f"{name:22} {rate:11.0f} {ratio:6.2f} {f'{memory[name] / 1024:.1f}' if name in memory else '-':>11}")


main(*(int(a) for a in sys.argv[1:]))
