"""DNS servers for tests, on loopback, stopped by their pid: a real nsd, and one that misbehaves on purpose."""
import atexit
import fcntl
import glob
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

TYPES = {"A": 1, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}


def free_port():
    """A port that is free for UDP and TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u, socket.socket() as t:
            u.bind(("127.0.0.1", 0))
            port = u.getsockname()[1]
            try:
                t.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def encode_name(name):
    labels = [l.encode("latin-1") for l in name.rstrip(".").split(".") if l]
    return b"".join(bytes([len(l)]) + l for l in labels) + b"\0"


def question(name, qtype):
    return struct.pack(">HHHHHH", 0x1234, 0x0100, 1, 0, 0, 0) + encode_name(name) + struct.pack(">HH", qtype, 1)


def answers(port):
    """Does a server answer on this port?"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.2)
        try:
            s.sendto(question("example.com", 16), ("127.0.0.1", port))
            return len(s.recv(512)) > 0
        except OSError:
            return False


def nsd_binary():
    """Unpacked from its package: installing it would start a name server on this host."""
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    tree, debs = f"{top}/build/nsd", f"{top}/build/debs"
    os.makedirs(debs, exist_ok=True)
    with open(f"{debs}/lock", "w") as lock:
        # One at a time: another test may be about to do the same.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(f"{tree}/usr/sbin/nsd"):
            if not glob.glob(f"{debs}/nsd_*.deb"):
                subprocess.run("apt-get -qq download nsd || { apt-get -qq update && apt-get -qq download nsd; }",
                               shell=True, check=True, cwd=debs, stdout=subprocess.DEVNULL)
            subprocess.run(["dpkg", "-x", glob.glob(f"{debs}/nsd_*.deb")[0], tree], check=True)
    return f"{tree}/usr/sbin/nsd"


class Nsd:
    """A real name server. zones: {"example.com": "text of records"}; a text with a SOA is a whole zone."""

    def __init__(self, zones, port=None):
        self.folder = tempfile.mkdtemp(prefix="relay-guard-nsd.")
        self.port = port or free_port()
        conf = f"""server:
  ip-address: 127.0.0.1@{self.port}
  server-count: 1
  username: ""
  zonesdir: "{self.folder}"
  database: ""
  pidfile: "{self.folder}/nsd.pid"
  xfrdfile: "{self.folder}/xfrd.state"
  zonelistfile: "{self.folder}/zone.list"
  xfrdir: "{self.folder}"
  logfile: "{self.folder}/nsd.log"
  hide-version: yes
  # Else it stops answering at 200 questions a second.
  rrl-ratelimit: 0
remote-control:
  control-enable: no
"""
        for zone, text in zones.items():
            with open(f"{self.folder}/{zone}.zone", "w", encoding="latin-1") as f:
                if " SOA " not in text and "\tSOA\t" not in text:
                    text = (f"$ORIGIN {zone}.\n$TTL 300\n@ IN SOA ns hostmaster 1 3600 600 86400 60\n@ IN NS ns\n"
                            f"ns IN A 127.0.0.1\n{text}\n")
                f.write(text)
            conf += f'zone:\n  name: "{zone}"\n  zonefile: "{zone}.zone"\n'
        with open(f"{self.folder}/nsd.conf", "w") as f:
            f.write(conf)
        self.process = subprocess.Popen([nsd_binary(), "-d", "-c", f"{self.folder}/nsd.conf"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        atexit.register(self.stop)
        for _ in range(100):
            if answers(self.port):
                return
            time.sleep(0.05)
        with open(f"{self.folder}/nsd.log") as f:
            raise RuntimeError("nsd does not answer: " + f.read())

    @property
    def server(self):
        return f"127.0.0.1@{self.port}"

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)


class Stub:
    """
    Answers as it is told. rules: {name: rule or {type: rule}}; a rule is ("ok", [rdata ...]), ("slow", seconds,
    [rdata ...]), ("truncate", [rdata ...]) (by UDP nothing fits), or one of "drop", "servfail", "refused",
    "nxdomain", "nodata", "garbage", "wrong-id", "short". Other names are NXDOMAIN.
    """

    def __init__(self, rules):
        self.rules = {k.lower(): v for k, v in rules.items()}
        self.port = free_port()
        self.asked = []
        self.by_tcp = 0
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind(("127.0.0.1", self.port))
        self.tcp.listen(20)
        threading.Thread(target=self.serve_udp, daemon=True).start()
        threading.Thread(target=self.serve_tcp, daemon=True).start()

    @property
    def server(self):
        return f"127.0.0.1@{self.port}"

    def serve_udp(self):
        while True:
            data, peer = self.udp.recvfrom(4096)
            threading.Thread(target=self.answer, args=(data, lambda b, p=peer: self.udp.sendto(b, p), False),
                             daemon=True).start()

    def serve_tcp(self):
        while True:
            c, _ = self.tcp.accept()
            threading.Thread(target=self.serve_connection, args=(c,), daemon=True).start()

    def serve_connection(self, c):
        with c:
            try:
                while True:
                    head = c.recv(2, socket.MSG_WAITALL)
                    if len(head) < 2:
                        return
                    data = c.recv(struct.unpack(">H", head)[0], socket.MSG_WAITALL)
                    self.by_tcp += 1
                    self.answer(data, lambda b: c.sendall(struct.pack(">H", len(b)) + b), True)
            except OSError:
                pass

    def answer(self, data, send, tcp):
        at, labels = 12, []
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode("latin-1"))
            at += data[at] + 1
        name = ".".join(labels).lower()
        qtype = struct.unpack(">H", data[at + 1:at + 3])[0]
        self.asked.append((name, qtype))
        rule = self.rules.get(name, "nxdomain")
        if isinstance(rule, dict):
            rule = next((r for t, r in rule.items() if TYPES[t] == qtype), "nodata")
        kind, *rest = (rule,) if isinstance(rule, str) else rule
        if kind == "drop":
            return
        if kind == "slow":
            time.sleep(rest[0])
        if kind == "garbage":
            return send(os.urandom(80))
        records = rest[-1] if rest else []
        flags = 0x8180 | {"servfail": 2, "nxdomain": 3, "refused": 5}.get(kind, 0)
        if kind == "truncate" and not tcp:
            flags, records = flags | 0x0200, []
        ident = data[:2] if kind != "wrong-id" else bytes([data[0] ^ 1, data[1]])
        out = ident + struct.pack(">HHHHH", flags, 1, len(records), 0, 0) + data[12:at + 5]
        for rdata in records:
            out += b"\xc0\x0c" + struct.pack(">HHIH", qtype, 1, 300, len(rdata)) + rdata
        send(out[:30] if kind == "short" else out)


def txt(text):
    """The data of a TXT record, in strings of 255 bytes."""
    if isinstance(text, str):
        text = text.encode("latin-1")
    return b"".join(bytes([len(text[i:i + 255])]) + text[i:i + 255] for i in range(0, len(text), 255)) or b"\0"
