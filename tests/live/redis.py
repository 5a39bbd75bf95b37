#!/usr/bin/python3
"""
Limits that several hosts share at a real Redis server, and what becomes of mail and limits when it is slow, stopped,
restarted empty, refusing, or replaced by one that answers garbage.
Run: tests/live/redis.py [BINARY [TEST...]]   COUNT=full: three hosts for a minute rather than for some seconds
"""
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
if len(sys.argv) > 1:
    os.environ["RELAY_GUARD"] = os.path.abspath(sys.argv[1])
from commands import command, status
from guard import BINARY, Guard
from milter import Milter
from redis import Client, Redis, free_port, redis_binary
from tap import Tap

tap = Tap()
FULL = os.environ.get("COUNT") == "full"
SLOW = any(v in BINARY for v in ("asan", "tsan"))
addresses = (f"198.51.{a}.{b}" for a in range(100, 255) for b in range(1, 255))
# What a call may take where it matters that a busy machine is not taken for a server that is away; and a callback then.
PATIENT = "timeout = 300ms  retry = 100ms"
LONGEST = 1.5 if SLOW else 1.0


def limits(redis, hosts, rate, store="", where=None):
    return f"""store {{ type = redis  server = "{where or 'unix:' + redis.socket}"  hosts = {hosts}  {store} }}
limit shared {{ key = client  count = recipients  rate = {rate}  on-exceed = reject }}
"""


class Pour:
    """One session that sends as many recipients as it may, ten a message."""

    def __init__(self, guard, address, most=None, seconds=None):
        self.passed, self.refused, self.slowest = 0, 0, 0.0
        end = time.monotonic() + seconds if seconds else None
        m = Milter(guard.socket, timeout=20).open(address)
        while (end is None or time.monotonic() < end) and (most is None or self.passed + self.refused < most):
            self.message(m)
        m.close()

    def timed(self, m):
        start = time.monotonic()
        answer = m.read()
        self.slowest = max(self.slowest, time.monotonic() - start)
        return answer

    def message(self, m):
        m.send(b"M", b"<a@ext.example.net>\0")
        if not m.steps & 0x4000:
            self.timed(m)
        for _ in range(10):
            m.send(b"D", b"R{rcpt_mailer}\0local\0{rcpt_host}\0\0{rcpt_addr}\0b@example.com\0")
            m.send(b"R", b"<b@example.com>\0")
            if self.timed(m)[0] == b"c":
                self.passed += 1
            else:
                self.refused += 1
        m.step(b"N", b"", 0x40, 0x40000)
        m.send(b"E")
        while self.timed(m)[0] in b"himqp":
            pass


def together(guards, address, loops, seconds, middle=None):
    """Loops at each guard for some seconds; middle() is called halfway. (passed by guard, slowest, elapsed)"""
    results = [[] for _ in guards]

    def run(n):
        results[n].append(Pour(guards[n], address, seconds=seconds))

    start = time.monotonic()
    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(len(guards)) for _ in range(loops)]
    for t in threads:
        t.start()
    if middle:
        time.sleep(seconds / 2)
        middle()
    for t in threads:
        t.join(seconds + 60)
    elapsed = time.monotonic() - start
    assert all(len(r) == loops for r in results), "a loop did not end"
    return [sum(p.passed for p in r) for r in results], max(p.slowest for r in results for p in r), elapsed


def exact():
    """Three hosts, 1,000 an hour, 500 at once, 30 loops."""
    redis = Redis()
    # A machine that is busy with other tests must not make the server look away.
    guards = [Guard(top=limits(redis, 3, "1000/1h  burst = 500", "timeout = 2s")).start() for _ in range(3)]
    seconds = 60 if FULL else 4
    by, _, elapsed = together(guards, next(addresses), 10, seconds)
    want = 500 + 1000 / 3600 * elapsed
    tap.ok(want - 1.01 <= sum(by) <= want + 1.01, f"three hosts let through {sum(by)}: burst + rate x elapsed is {want:.2f}", by)
    tap.ok(all("is away" not in g.log_text() for g in guards), "and the server was there all the time")
    by, _, elapsed = together(guards, next(addresses), 10, seconds, redis.kill)
    most = 2 * 500 + 1000 / 3600 * elapsed * 1.5
    tap.ok(500 <= sum(by) <= most, f"cut off in the middle: {sum(by)}, at most 2 x burst + rate x elapsed + rate x the time "
           f"away, {most:.2f}", by)
    tap.ok(all(n <= 500 + 1000 / 3600 * elapsed + 1 for n in by), "and no host more than the whole limit", by)
    redis.start()
    for g in guards:
        g.wait_for_log("is back:")
    address = next(addresses)
    by, _, elapsed = together(guards, address, 10, 8)  # long enough for all of it on a busy machine
    want = 500 + 1000 / 3600 * elapsed
    tap.ok(want - 1.01 <= sum(by) <= want + 1.01, f"back by itself: {sum(by)} of {want:.2f}", by)
    redis.client()("FLUSHALL")
    again, _, elapsed = together(guards, address, 10, 2)
    whole = 500 + 1000 / 3600 * 30
    tap.ok(all(a + b <= whole for a, b in zip(by, again)), "emptied meanwhile, no host lets through more than the whole limit",
           by, again)
    tap.ok(sum(again) < 500, f"and together less than another burst: {sum(again)}, as what they charged is told it again", again)
    for g in guards:
        g.remove()
    redis.remove()


class Garbage:
    """Takes the place of a server, and answers as `answer` says: bytes, or None to hang up."""

    def __init__(self, path, answer):
        self.answer = answer
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(path)
        os.chmod(path, 0o777)
        self.sock.listen(50)
        self.path = path
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def serve(self, c):
        with c:
            try:
                while c.recv(65536):
                    said = self.answer()
                    if said is None:
                        return
                    for part in said if isinstance(said, list) else [said]:
                        c.sendall(part)
                        if isinstance(said, list):
                            time.sleep(0.02)
            except OSError:
                pass

    def end(self):
        self.sock.close()
        os.unlink(self.path)


GARBAGE = {
    "random bytes": lambda: random.randbytes(200),
    "no bytes and a hang-up": lambda: None,
    "an HTTP server": lambda: b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "a string without end": lambda: b"$2000000000\r\n" + b"x" * 60000,
    "an array of two billion": lambda: b"*2000000000\r\n",
    "arrays in arrays": lambda: b"*1\r\n" * 1000,
    "OK to everything": lambda: b"+OK\r\n",
    "an admission of nothing": lambda: b"*1\r\n:1\r\n",
    "an admission beyond all bounds": lambda: b"*3\r\n:1\r\n:1\r\n:9223372036854775807\r\n",
    "a refusal that contradicts itself": lambda: b"*3\r\n:0\r\n:1\r\n:0\r\n",
    "two answers to one question": lambda: b"*3\r\n:1\r\n:1\r\n:5\r\n*3\r\n:1\r\n:1\r\n:5\r\n",
    "one byte at a time": lambda: [b"*", b"3", b"\r", b"\n", b":", b"1", b"\r", b"\n", b":"],
    "MOVED to itself": lambda: b"-MOVED 1 127.0.0.1:1\r\n",
    "NOSCRIPT for ever": lambda: b"-NOSCRIPT No matching script.\r\n",
}


def whole(poured, name):
    """An answer that comes too late, on a busy machine, has been counted all the same: too much, never too little."""
    tap.ok(95 <= poured.passed <= 100, f"{name}: the whole limit", poured.passed)


def faults():
    """One of two hosts, 100 a day: while the server is of no use, it lets half of it through."""
    redis = Redis("--busy-reply-threshold", "50", "--enable-debug-command", "local")
    guard = Guard(top=limits(redis, 2, "100/1d", PATIENT)).start()
    whole(Pour(guard, next(addresses), most=150), "all is well")
    held = {}

    def busy():
        held["client"] = redis.client()
        held["client"].sock.sendall(b"*3\r\n$4\r\nEVAL\r\n$17\r\nwhile true do end\r\n$1\r\n0\r\n")
        time.sleep(0.3)

    def fresh_connections(c):
        c("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    def password():
        c = redis.client()
        c("CONFIG", "SET", "requirepass", "another")
        fresh_connections(c)

    def put_garbage(answer):
        redis.kill()
        held["garbage"] = Garbage(redis.socket, answer)

    def end_garbage():
        held["garbage"].end()
        redis.start()

    cases = [
        ("killed", redis.kill, redis.start, ""),
        ("stopped (SIGSTOP)", redis.pause, redis.resume, "takes too long"),
        ("another password", password, lambda: redis.client("another")("CONFIG", "SET", "requirepass", ""), "NOAUTH"),
        ("out of memory", lambda: redis.client()("CONFIG", "SET", "maxmemory", "1"),
         lambda: redis.client()("CONFIG", "SET", "maxmemory", "0"), "OOM"),
        ("a replica", lambda: redis.client()("REPLICAOF", "127.0.0.1", "1"),
         lambda: redis.client()("REPLICAOF", "NO", "ONE"), "READONLY"),
        ("busy with a script", busy, lambda: redis.client()("SCRIPT", "KILL"), ""),
    ] + [(name, lambda a=a: put_garbage(a), end_garbage, "") for name, a in GARBAGE.items()]
    for name, spoil, mend, words in cases:
        away, back = guard.log_text().count("is away"), guard.log_text().count("is back:")
        spoil()
        address = next(addresses)
        p = Pour(guard, address, most=150)
        tap.equal(p.passed, 50, f"{name}: this host's share passes, mail flows")
        tap.ok(p.slowest < LONGEST, f"{name}: answers come in time", f"{p.slowest:.3f} s")
        guard.wait_for_log("is away", away + 1)
        told = [l for l in guard.log_text().split("\n") if "is away" in l][away:]
        tap.ok(len(told) == 1 and words in told[0], f"{name}: it is said once, and why", *told)
        other = Pour(guard, next(addresses), most=60)
        tap.ok(other.slowest < LONGEST, f"{name}: and then nobody waits for it", f"{other.slowest:.3f} s")
        mend()
        guard.wait_for_log("is back:", back + 1)
        whole(Pour(guard, next(addresses), most=150), f"{name}: back by itself")
        p3 = Pour(guard, address, most=150)
        tap.ok(p.passed + p3.passed <= 100, f"{name}: who sent meanwhile has no more than the whole limit", p3.passed)
    guard.remove()
    redis.remove()


def deadline():
    """As it is configured of itself, a server that hangs costs 50 ms three times, and then nothing."""
    redis = Redis()
    guard = Guard(top=limits(redis, 2, "1000/1d")).start()
    Pour(guard, next(addresses), most=20)
    redis.pause()
    p = Pour(guard, next(addresses), most=100)
    tap.equal(p.passed, 100, "a server that hangs: mail flows")
    tap.ok(p.slowest < (1.0 if SLOW else 0.4), f"the longest wait was {p.slowest * 1000:.0f} ms")
    p = Pour(guard, next(addresses), most=200)
    tap.ok(p.slowest < (1.0 if SLOW else 0.4), f"and then {p.slowest * 1000:.0f} ms")
    redis.resume()
    guard.wait_for_log("is back:")
    guard.remove()
    redis.remove()


def certificates(folder):
    run = lambda *a: subprocess.run(["openssl", *a], cwd=folder, check=True, capture_output=True, timeout=60)
    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out",
        "ca.pem", "-days", "2", "-subj", "/CN=test authority")
    run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem", "-out", "cert.csr",
        "-subj", "/CN=redis.example.com")
    with open(f"{folder}/ext", "w", encoding="ascii") as f:
        f.write("subjectAltName=DNS:redis.example.com\n")
    run("x509", "-req", "-in", "cert.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile",
        "ext", "-out", "cert.pem")


def secured():
    """TLS, a user with a password, a database."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        certificates(folder)
        redis = Redis("--user", "mail", "on", ">secret", "~{other}:*", "+auth", "+select", "+eval", "+evalsha", "+get", "+set",
                      "+del", "+time", "+hscan", "+hset", "+hdel", "--user", "default", "off", tls=folder)
        with open(f"{folder}/password", "w", encoding="ascii") as f:
            f.write("secret\n")
        where = f"inet:127.0.0.1:{redis.port}"
        login = f'user = mail  password-file = "{folder}/password"  database = 3  prefix = other'
        tls = f'tls = yes  tls-authorities = "{folder}/ca.pem"'
        cases = [
            ("all of it", f"{tls}  tls-name = redis.example.com", 100, ""),
            ("another name in the certificate", f"{tls}  tls-name = other.example.com", 50, "mismatch"),
            ("an authority that nobody knows", "tls = yes  tls-name = redis.example.com", 50, "certificate"),
            ("no TLS", "", 50, ""),
        ]
        for name, store, want, words in cases:
            guard = Guard(top=limits(redis, 2, "100/1d", f"{login}  {store}  timeout = 1s", where)).start()
            tap.equal(Pour(guard, next(addresses), most=150).passed, want, f"TLS, {name}: {want} pass")
            if want == 50:
                told = [l for l in guard.log_text().split("\n") if "is away" in l]
                tap.ok(len(told) == 1 and words in told[0], f"TLS, {name}: it is said why", *told)
            else:
                # Connections that were kept are found dead when they are used.
                redis.kill()
                redis.start()
                tap.equal(Pour(guard, next(addresses), most=150).passed, 100, f"TLS, {name}: after a restart too")
                tap.ok("is away" not in guard.log_text(), f"TLS, {name}: which nobody noticed", guard.log_text())
                time.sleep(4.5)
                # They may have been looked for in the moment when the server was not there.
                tap.equal(guard.log_text().count("bans can't"), guard.log_text().count("bans are shared again"),
                          f"TLS, {name}: and bans are shared", guard.log_text())
            guard.remove()
        with open(f"{folder}/password", "w", encoding="ascii") as f:
            f.write("wrong\n")
        guard = Guard(top=limits(redis, 2, "100/1d", f"{login}  {tls}  tls-name = redis.example.com  timeout = 1s", where))
        dump = subprocess.run([BINARY, "check", "--dump", "-c", guard.conf], capture_output=True, text=True, timeout=60)
        tap.ok(dump.returncode == 0 and "password-file" in dump.stdout and "wrong" not in dump.stdout,
               "check --dump shows where the password is, not the password", dump.stdout, dump.stderr)
        guard.start()
        tap.equal(Pour(guard, next(addresses), most=150).passed, 50, "a wrong password: the share passes")
        tap.ok("WRONGPASS" in guard.log_text() and "secret" not in guard.log_text(), "and it is said", guard.log_text())
        with open(f"{folder}/password", "w", encoding="ascii") as f:
            f.write("secret\n")
        guard.reload()
        guard.wait_for_log("is back:")
        tap.equal(Pour(guard, next(addresses), most=150).passed, 100, "the right one and a reload: all of it")
        guard.remove()
        redis.remove()


def several():
    """Two servers, of which the first is a replica; and one that knows where the keys are."""
    first, second = Redis(), Redis()
    first.client()("REPLICAOF", "127.0.0.1", second.port)
    guard = Guard(top=limits(first, 2, "100/1d", "timeout = 1s").replace(
        f'"unix:{first.socket}"', f'{{ "unix:{first.socket}", "unix:{second.socket}" }}')).start()
    tap.ok(Pour(guard, next(addresses), most=150).passed >= 97, "a replica is left for the server after it")
    tap.ok(len(second.client()("KEYS", "*")) >= 2, "where the keys are then")
    guard.remove()
    moved = Garbage(f"{first.folder}/moved.sock", lambda: f"-MOVED 7 127.0.0.1:{second.port}\r\n".encode())
    guard = Guard(top=limits(first, 2, "100/1d", "timeout = 1s", f"unix:{first.folder}/moved.sock")).start()
    tap.equal(Pour(guard, next(addresses), most=150).passed, 100, "MOVED is followed")
    tap.ok("is away" not in guard.log_text(), "and nobody took the server for away")
    tap.equal(status(guard)["store"].get("shared"), "yes", "status: limits are shared")
    moved.end()
    Pour(guard, next(addresses), most=150)
    second.pause()
    Pour(guard, next(addresses), most=50)
    tap.equal(status(guard)["store"].get("shared"), "no, Redis is away", "status: the server is away")
    second.resume()
    guard.remove()
    guard = Guard(top=limits(first, 2, "100/1d", "timeout = 1s", f"inet:localhost:{second.port}")).start()
    time.sleep(1)
    tap.ok(Pour(guard, next(addresses), most=150).passed >= 95, "a name is looked up")
    tap.ok("is away" not in guard.log_text(), "and the server is found", guard.log_text())
    guard.remove()
    first.remove()
    second.remove()


def cluster():
    """Two servers of a real cluster: the one that is configured does not have our keys."""
    # The servers of a cluster talk on a port that is higher by 10,000.
    ports = (p for p in iter(free_port, None) if p < 55536)
    servers = [Redis("--cluster-enabled", "yes", port=next(ports)) for _ in range(2)]
    first, second = (s.client() for s in servers)
    slot = first("CLUSTER", "KEYSLOT", "{relay-guard}:clock")
    first("CLUSTER", "ADDSLOTSRANGE", *([0, slot - 1] if slot else []), *([slot + 1, 16383] if slot < 16383 else []))
    second("CLUSTER", "ADDSLOTS", slot)
    first("CLUSTER", "MEET", "127.0.0.1", servers[1].port)
    ready = within(30, lambda: all(b"cluster_state:ok" in c("CLUSTER", "INFO") for c in (first, second)))
    tap.ok(ready, "a cluster of two", first("CLUSTER", "INFO"))
    guard = Guard(top=limits(servers[0], 2, "100/1d", "timeout = 1s", f"inet:127.0.0.1:{servers[0].port}")).start()
    tap.equal(Pour(guard, next(addresses), most=150).passed, 100, "the other one is found")
    tap.ok(second("DBSIZE") == 2 and first("DBSIZE") == 0, "where the keys are", first("DBSIZE"), second("DBSIZE"))
    tap.equal(command(guard, "ban", "login:mallory", "--for", "1h")[0], 0, "a ban")
    tap.ok(within(8, lambda: second("HLEN", "{relay-guard}:bans") == 1), "stands there too", guard.log_text())
    tap.ok("is away" not in guard.log_text(), "and nobody took the server for away")
    guard.remove()
    for s in servers:
        s.remove()


def clock():
    """The server's clock goes back by an hour: as seen from it, all times that are kept go forward."""
    redis = Redis()
    guard = Guard(top=limits(redis, 2, "100/1h", "timeout = 1s")).start()
    address, other = next(addresses), next(addresses)
    tap.equal(Pour(guard, address, most=50).passed, 50, "half of a limit")
    c = redis.client()
    for key in c("KEYS", "*"):
        first, rest = (int(n) for n in c("GET", key).split())
        c("SET", key, f"{first + 3600 * 10**6} {rest}", "PX", "7200000")
    tap.ok(50 <= Pour(guard, address, most=120).passed <= 51, "a clock that went back: the other half, no more and no less")
    tap.equal(Pour(guard, other, most=120).passed, 100, "and all of it for another")
    shift = int(c("GET", "{relay-guard}:clock").split()[1])
    tap.ok(3590 * 10**6 < shift <= 3600 * 10**6, "the server's time goes on from where it was", shift)
    guard.remove()
    redis.remove()


def sentinel():
    """It says where the server is, and where it is after that has died."""
    first, second = Redis(), Redis()
    second.client()("REPLICAOF", "127.0.0.1", first.port)
    port = free_port()
    with open(f"{first.folder}/sentinel.conf", "w", encoding="ascii") as f:
        f.write(f"bind 127.0.0.1\nport {port}\ndir {first.folder}\nsentinel monitor mail 127.0.0.1 {first.port} 1\n"
                "sentinel down-after-milliseconds mail 500\nsentinel failover-timeout mail 2000\n")
    binary, env = redis_binary()
    with subprocess.Popen([binary, f"{first.folder}/sentinel.conf", "--sentinel"], env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + 20
            while time.monotonic() < end:
                try:
                    found = Client(("127.0.0.1", port))("SENTINEL", "replicas", "mail")
                    if found:
                        break
                except OSError:
                    pass
                time.sleep(0.1)
            guard = Guard(top=limits(first, 2, "100/1d", "sentinel = mail  timeout = 1s", f"inet:127.0.0.1:{port}")).start()
            time.sleep(0.5)
            tap.equal(Pour(guard, next(addresses), most=150).passed, 100, "a sentinel says where the server is")
            tap.ok("is away" not in guard.log_text() and len(first.client()("KEYS", "*")) >= 2, "and there it is")
            first.kill()
            tap.equal(Pour(guard, next(addresses), most=150).passed, 50, "it dies: this host's share")
            guard.wait_for_log("is back:", seconds=60)
            tap.ok(f"127.0.0.1:{second.port} is back:" in guard.log_text(), "its successor is found", guard.log_text())
            time.sleep(0.5)
            tap.equal(Pour(guard, next(addresses), most=150).passed, 100, "with the whole limit")
            guard.remove()
        finally:
            process.kill()
    first.remove()
    second.remove()


def held(guard):
    code, out, err = command(guard, "bans", "--format", "json")
    assert code == 0, err
    return {b["key"]: b for b in json.loads(out)["bans"]}


def within(seconds, true):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not true():
        time.sleep(0.1)
    return true()


def bans():
    """What one host bans or releases, all do; never-ban holds on each."""
    redis = Redis()
    probing = 'limit probing { key = client  count = recipients  rate = 5/1d  on-exceed = "ban 1h" }\n'
    store = limits(redis, 2, "1000/1d", "timeout = 1s").split("limit")[0] + probing
    never = "networks never-ban { members = { 203.0.113.0/24 } }\n"
    a, b = Guard(top=store).start(), Guard(top=store + never).start()
    c = redis.client()
    hash_name = "{relay-guard}:bans"
    code, _, err = command(a, "ban", "198.18.7.0/24", "--for", "1h", "--reason", "a bad night")
    tap.equal(code, 0, "a ban by hand", err)
    tap.ok(within(8, lambda: "client:198.18.7.0/24" in held(b)), "the other host has it", b.log_text())
    one, other = held(a)["client:198.18.7.0/24"], held(b).get("client:198.18.7.0/24", {})
    tap.equal([other.get(k) for k in ("reason", "by")], [one[k] for k in ("reason", "by")], "why, and by whom")
    tap.equal(c("HLEN", hash_name), 1, "it stands at the server once")
    command(a, "ban", "203.0.113.0/24", "--for", "1h")
    command(a, "ban", "login:mallory", "--for", "1h")
    tap.ok(within(8, lambda: "login:mallory" in held(b)), "a login too")
    tap.ok("client:203.0.113.0/24" not in held(b), "what is never banned there is not")
    now = int(time.time())
    for field, value in (("client:198.18.7.1/32", "nonsense"), ("client:nonsense", f"{now + 600}000000 1 refuse\nme\n"),
                         ("client:198.51.100.0/24", f"{now - 5}000000 {now - 60}000000 refuse\nme\nover"), ("", ""),
                         ("client:198.51.99.0/24", f"{now + 600}000000 {now}000000 defer\nme\nby hand")):
        c("HSET", hash_name, field, value)
    tap.ok(within(8, lambda: "client:198.51.99.0/24" in held(a) and "client:198.51.99.0/24" in held(b)),
           "one that was written there by hand", held(a))
    tap.ok(within(8, lambda: c("HEXISTS", hash_name, "client:198.51.100.0/24") == 0), "one that is over is taken away")
    tap.equal(len(held(a)), 4, "what is no ban is none", held(a))
    c("FLUSHALL")
    tap.ok(within(8, lambda: c("HLEN", hash_name) == 4), "a server that forgot is told again", c("HGETALL", hash_name))
    tap.equal([len(held(g)) for g in (a, b)], [4, 3], "and releases nothing")
    tap.equal(command(b, "release", "client:198.18.7.0/24")[0], 0, "released on the other host")
    tap.ok(within(8, lambda: "client:198.18.7.0/24" not in held(a)), "and so on the first", a.log_text())
    time.sleep(3)
    tap.equal([k for g in (a, b) for k in held(g) if "198.18.7.0" in k], [], "and it stays so")
    command(a, "ban", "198.18.7.0/24", "--for", "2h")
    tap.ok(within(8, lambda: "client:198.18.7.0/24" in held(b)), "banned again after that")
    address = next(addresses)
    tap.equal(Pour(a, address, most=10).passed, 5, "a limit that bans")
    tap.ok(within(8, lambda: f"client:{address}/32" in held(b)), "bans on all hosts", held(b))
    command(b, "release", f"client:{address}/32")
    tap.ok(within(8, lambda: f"client:{address}/32" not in held(a)), "released there")
    time.sleep(2.5)
    tap.equal(Pour(a, address, most=5).passed, 5, "and the limit begins anew for it", c("KEYS", "*"))
    c("DEL", hash_name)
    c("SET", hash_name, "x")
    for g in (a, b):
        g.wait_for_log("bans can't be shared")
    time.sleep(3)
    tap.equal([g.log_text().count("bans can't be shared") for g in (a, b)], [1, 1], "a hash that is none is said once")
    tap.equal(Pour(a, next(addresses), most=5).passed, 5, "limits go on")
    tap.ok("is away" not in a.log_text(), "and the server is not taken for away")
    c("DEL", hash_name)
    for g in (a, b):
        g.wait_for_log("bans are shared again")
    tap.ok(within(8, lambda: c("HLEN", hash_name) >= 4), "and what was banned is there again")
    a.remove()
    b.remove()
    redis.remove()


tests = {t.__name__: t for t in (exact, faults, deadline, secured, several, cluster, clock, sentinel, bans)}
tap.run(*[tests[name] for name in sys.argv[2:]] or tests.values())
