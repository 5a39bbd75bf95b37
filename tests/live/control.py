#!/usr/bin/python3
"""
The control socket and its commands over the daemon as it is: what they say, their exit codes, who may do what, and
clients that never read, never write, come in hundreds or send a megabyte, while mail is decided.
Run: tests/live/control.py [BINARY [TEST...]]   (as root, permissions are tested too)
"""
import json
import os
import re
import select
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
if len(sys.argv) > 1:
    os.environ["RELAY_GUARD"] = os.path.abspath(sys.argv[1])
from commands import ask, change, command, connect, read_reply, status
from guard import BINARY, RULES, Guard
from milter import Load, Milter
from tap import Tap

tap = Tap()


def tells_status():
    guard = Guard().start()
    said = status(guard)
    daemon = said["daemon"]
    tap.equal(daemon["pid"], guard.process.pid, "status: the process")
    tap.equal((daemon["state"], daemon["generation"], daemon["workers"], daemon["mode"]),
              ("serving", 1, 2, "enforce"), "status: state, generation, workers, mode", said)
    tap.equal(daemon["configuration"], guard.conf, "status: the configuration")
    tap.ok("reload" not in said, "status: no reload yet", said)
    tap.equal(sorted(w["pid"] for w in said["workers"]), sorted(guard.workers()), "status: the workers")
    tap.equal(said["generations"], [], "status: no other generation")
    sessions = [Milter(guard.socket).open() for _ in range(5)]
    tap.equal(sessions[0].rcpt("<b@ext.example.net>")[:4], b"y550", "a recipient is refused meanwhile")
    said = status(guard)
    tap.ok(5 <= said["daemon"]["sessions"] <= 7, "status: the sessions", said["daemon"])
    tap.equal(sum(w["sessions"] for w in said["workers"]), said["daemon"]["sessions"], "status: those of each worker")
    tap.equal(said["events"]["reject"], 1, "status: events by verdict", said["events"])
    tap.equal(set(said["dns"].values()), {0}, "status: nothing was asked of DNS", said["dns"])
    tap.ok(said["store"]["slots"] > 1000 and said["store"]["bans"] == 0, "status: the store", said["store"])
    code, out, err = command(guard, "status")
    tap.ok(code == 0 and f"process {guard.process.pid}, serving since " in out and guard.conf in out and not err,
           "status in words", out, err)
    code, out, err = command(guard, "status", where="socket")
    tap.ok(code == 0 and "serving since" in out, "--socket names the socket itself", out, err)
    for s in sessions:
        s.close()
    os.kill(guard.workers()[0], signal.SIGKILL)
    guard.wait_for_log("died of signal 9")
    tap.equal(status(guard)["daemon"]["deaths"], 1, "status: a worker that was killed is counted")
    guard.remove()


def reloads():
    guard = Guard().start()
    held = Milter(guard.socket).open()
    change(guard, r"workers = 2", "workers = 1")
    code, out, err = command(guard, "reload")
    tap.equal((code, out, err), (0, "generation 2 serves with 1 processes\n", ""), "reload waits and tells the outcome")
    said = status(guard)
    tap.equal((said["daemon"]["generation"], said["daemon"]["workers"]), (2, 1), "status: what was reloaded", said)
    tap.equal((said["reload"]["code"], said["generations"][0]["state"], said["generations"][0]["sessions"]),
              (0, "finishes", 1), "status: the reload, and the generation that has a session yet", said)
    loaded = said["daemon"]["loaded"]
    held.close()
    change(guard, r"workers = 1", "workers = many")
    code, out, err = command(guard, "reload")
    tap.equal((code, out), (78, ""), "reload of a wrong configuration: exit 78", err)
    tap.ok(f"{guard.conf}:" in err and "many" in err, "and what is wrong, and where", err)
    code, out, err = command(guard, "reload", "--format", "json")
    tap.equal((code, json.loads(out)["code"]), (78, 78), "the same in JSON", out, err)
    said = status(guard)
    tap.equal((said["reload"]["code"], said["daemon"]["loaded"]), (78, loaded), "status: the error, and what goes on", said)
    tap.ok("many" in said["reload"]["text"], "status: with its text", said["reload"])
    code, out, err = command(guard, "status")
    tap.ok("FAILED" in out and "many" in out, "status in words says it too", out)
    tap.ok(Milter(guard.socket).open().session(), "mail goes on")
    change(guard, r"workers = many", "workers = 2\n}")
    tap.equal(command(guard, "status")[0], 0, "a configuration that can't be parsed does not hide the daemon")
    change(guard, r"workers = 2\n}", "workers = 2")
    outcomes = []
    threads = [threading.Thread(target=lambda: outcomes.append(command(guard, "reload"))) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(120)
    tap.equal({o[0] for o in outcomes}, {0}, "six reloads at once are all told an outcome", *outcomes)
    tap.ok(3 <= status(guard)["daemon"]["generation"] <= 8, "and none is lost")
    moved = f"{guard.folder}/other.sock"
    change(guard, r'control = "unix:[^"]*"', f'control = "unix:{moved}"')
    code, out, err = command(guard, "reload", where="socket")
    tap.equal(code, 0, "a reload may move the socket", err)
    tap.ok(os.path.exists(moved) and not os.path.exists(guard.control), "the new one is there, the old one gone")
    tap.equal(command(guard, "status")[0], 0, "and answers")
    guard.remove()


def reloaded_for_all():
    """Whoever was told that it is reloaded meets no worker of before."""
    guard = Guard().start()
    wrong = []
    for n in range(20):
        guard.write_conf(rules=RULES.replace("access denied", f"access denied {n}"))
        change(guard, "workers = 2", "workers = 24")
        code, _, err = command(guard, "reload")
        replies = {Milter(guard.socket).open().rcpt("<b@ext.example.net>") for _ in range(8)}
        if code != 0 or not all(f"access denied {n}".encode() in r for r in replies):
            wrong.append((n, code, err, replies))
    tap.equal(wrong, [], "after each of 20 reloads the new configuration answers alone")
    guard.remove()


def stops():
    guard = Guard().start()
    held = Milter(guard.socket).open()
    process = subprocess.Popen([BINARY, "stop", "-c", guard.conf], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    guard.wait_for_log("stopping: sessions are finished")
    time.sleep(0.5)
    tap.equal(process.poll(), None, "stop waits while there is a session")
    tap.ok(held.session(), "which is finished")
    out, err = process.communicate(timeout=20)
    tap.equal((process.returncode, out), (0, "stopped\n"), "then it says so", err)
    tap.ok(re.search(r"\b[12] sessions are finished first", err) is not None, "and what it waited for", err)
    tap.equal(guard.process.wait(10), 0, "the daemon ended with 0")
    guard.process = None
    tap.ok(not os.path.exists(guard.control), "its socket is gone")
    for name in ("status", "reload", "stop"):
        code, out, err = command(guard, name)
        tap.equal((code, out), (69, ""), f"{name}: exit 69 when no daemon answers", err)
        tap.ok("no relay-guard is running there" in err, f"{name}: and says so", err)
    guard.remove()


def sockets():
    """A stale one is replaced, one in use is refused."""
    guard = Guard()
    left = socket.socket(socket.AF_UNIX)
    left.bind(guard.control)
    left.close()
    guard.start()
    tap.equal(command(guard, "status")[0], 0, "a stale socket is replaced")
    mode = os.stat(guard.control)
    tap.equal((stat.S_IMODE(mode.st_mode), stat.S_ISSOCK(mode.st_mode)), (0o666, True), "its mode is `socket-mode`")
    other = Guard()
    change(other, r'control = "unix:[^"]*"', f'control = "unix:{guard.control}"')
    done = subprocess.run([BINARY, "serve", "-c", other.conf], capture_output=True, text=True, timeout=40)
    tap.equal(done.returncode, 75, "one in use is refused: exit 75", done.stderr)
    tap.ok(f"{other.conf}:" in done.stderr and "control unix:" in done.stderr
           and "another program listens there" in done.stderr, "with the place and the reason", done.stderr)
    tap.ok(not os.path.exists(other.socket), "and nothing is left behind")
    change(other, r'control = "unix:[^"]*"', f'control = "unix:{other.conf}"')
    done = subprocess.run([BINARY, "serve", "-c", other.conf], capture_output=True, text=True, timeout=40)
    tap.equal((done.returncode, "a file of another kind" in done.stderr), (78, True), "a file in its place: exit 78",
              done.stderr)
    tap.equal(command(guard, "status")[0], 0, "the daemon that was there goes on")
    guard.remove()
    other.remove()


def without():
    """Mail does not depend on a socket that nobody has asked for."""
    if os.path.exists("/run/relay-guard"):
        return
    guard = Guard()
    change(guard, r'control = "unix:[^"]*"\n', "")
    guard.start()
    tap.ok("find no daemon: " in guard.log_text(), "the default socket in no folder: a warning", guard.log_text())
    tap.ok(Milter(guard.socket).open().session(), "and mail is served")
    code, _, err = command(guard, "status")
    tap.equal((code, "no relay-guard is running there" in err), (69, True), "status finds none", err)
    guard.remove()


def permissions():
    if os.geteuid() != 0:
        return
    guard = Guard().start()
    daemon = 1  # a user who is neither root nor the guard's own
    code, out, err = command(guard, "status", user=daemon, where="socket")
    tap.equal(code, 0, "whoever may connect may look", err)
    for name in ("reload", "stop"):
        code, out, err = command(guard, name, user=daemon, where="socket")
        tap.equal(code, 69, f"{name}: not for others", err)
        tap.ok("is for root and the user that relay-guard runs as" in err, f"{name}: and says for whom", err)
    tap.equal(guard.log_text().count("reloaded"), 0, "nothing was reloaded")
    nobody = int(subprocess.run(["id", "-u", "nobody"], capture_output=True, text=True).stdout)
    group = int(subprocess.run(["id", "-g", "nobody"], capture_output=True, text=True).stdout)
    done = subprocess.run([BINARY, "reload", "--socket", guard.control], capture_output=True, text=True, user=nobody,
                          group=group, timeout=30)
    tap.equal(done.returncode, 0, "reload: the guard's own user may", done.stderr)
    change(guard, "socket-mode = 0666", "socket-mode = 0600")
    change(guard, r'control = "unix:[^"]*"', f'control = "unix:{guard.folder}/second.sock"')
    tap.equal(command(guard, "reload", where="socket")[0], 0, "a socket of mode 0600")
    guard.control = f"{guard.folder}/second.sock"
    code, out, err = command(guard, "status", user=daemon, where="socket")
    tap.equal((code, "not permitted" in err), (69, True), "is for its owner", err)
    guard.remove()


def protocol():
    guard = Guard().start()
    for line, want in (("nonsense", ".64 text=%60nonsense%60%20is%20no%20command"), ("", ".64 text=found"),
                       ("status \x00", ".64 text=found"), ("STATUS", ".64 text=found"), ("a b", ".64 text=found")):
        reply = ask(guard, line)
        tap.ok(reply.startswith(want) and reply.count("\n") == 1, f"{line!r}: exit 64 in one line", reply)
    s = connect(guard)
    for _ in range(3):
        s.sendall(b"status\r\n")
        tap.ok(read_reply(s).endswith("\n.0 text=ok\n"), "several requests, one after the other")
    s.sendall(b"status\nstatus\nstatus\n")
    data = b""
    while data.count(b"\n.0 text=ok\n") < 3:
        data += s.recv(65536)
    tap.ok(True, "several requests at once are answered one by one")
    for byte in b"status\n":
        s.sendall(bytes([byte]))
        time.sleep(0.01)
    tap.ok(read_reply(s).endswith(".0 text=ok\n"), "a request byte by byte")
    s.close()
    guard.remove()


def mail_goes_on(guard, load, name):
    """All that was asked meanwhile was answered, and quickly."""
    before = load.done
    start = time.monotonic()
    right = Milter(guard.socket).open().session()
    took = time.monotonic() - start
    time.sleep(0.5)
    tap.ok(right and took < 2 and load.done > before and load.lost == 0, f"{name}: mail is decided meanwhile",
           f"{took:.3f} s, {load.done - before} more, {load.lost} lost")


def answers(guard, name):
    """Of the places some are kept: root gets one within the time that a request may take."""
    end = time.monotonic() + 12
    code, err = 75, ""
    while code == 75 and time.monotonic() < end:
        code, _, err = command(guard, "status")
        time.sleep(0.1 if code else 0)
    tap.equal(code, 0, f"{name}: status answers", err)


def hostile_clients():
    guard = Guard().start()
    load = Load(guard.socket, loops=2)
    master = guard.process.pid

    silent = [connect(guard) for _ in range(200)]
    mail_goes_on(guard, load, "200 that never write")
    answers(guard, "200 that never write")
    end = time.monotonic() + 15
    gone = 0
    for s in silent:
        s.settimeout(max(0.1, end - time.monotonic()))
        try:
            while s.recv(4096):
                pass
            gone += 1
        except ConnectionResetError:
            gone += 1
        except TimeoutError:
            pass
        s.close()
    tap.equal(gone, 200, "200 that never write are hung up on")

    deaf = []
    for _ in range(20):
        s = connect(guard)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        s.setblocking(False)
        try:
            while True:
                s.send(b"status\n" * 500)
        except OSError:
            pass
        deaf.append(s)
    mail_goes_on(guard, load, "20 that never read")
    answers(guard, "20 that never read")

    s = connect(guard)
    start = time.monotonic()
    try:
        s.sendall(b"x" * (1 << 20))
        s.sendall(b"\n")
    except OSError:
        pass
    reply = read_reply(s)
    tap.ok(reply.startswith(".64 ") and "too%20long" in reply and time.monotonic() - start < 5,
           "a line of a megabyte is refused", reply)
    s.close()
    mail_goes_on(guard, load, "a line of a megabyte")
    for s in deaf:
        s.close()

    replies = []
    lock = threading.Lock()

    def one():
        try:
            reply = ask(guard, "status")
        except OSError as e:
            reply = repr(e)
        with lock:
            replies.append(reply.rstrip("\n").split("\n")[-1])

    threads = [threading.Thread(target=one) for _ in range(200)]
    for t in threads:
        t.start()
    mail_goes_on(guard, load, "200 that ask at once")
    for t in threads:
        t.join(60)
    good = sum(r == ".0 text=ok" for r in replies)
    busy = sum(r.startswith(".75 ") for r in replies)
    tap.equal(good + busy, 200, f"200 that ask at once: {good} answered, {busy} told to try again", *set(replies))
    tap.ok(good >= 16, "and at least as many answered as there are places for", good)

    waiting = connect(guard)
    waiting.sendall(b"reload\n")
    waiting.close()
    guard.wait_for_log("reloaded: generation 2")
    tap.equal(status(guard)["daemon"]["generation"], 2, "one that asks and goes does no harm")
    done, lost = load.end()
    tap.equal(lost, 0, f"of {done} sessions none was lost")
    tap.equal(guard.process.pid, master, "one master all the time")
    with open(f"/proc/{master}/stat", encoding="ascii") as f:
        before = sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
    time.sleep(2)
    with open(f"/proc/{master}/stat", encoding="ascii") as f:
        after = sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
    tap.ok(after - before < 20, "the master rests afterwards", f"{after - before} ticks in 2 s")
    tap.ok(len(os.listdir(f"/proc/{master}/fd")) < 40, "and has closed them all", os.listdir(f"/proc/{master}/fd"))
    tap.equal(guard.stop(), 0, "and stops as always")
    guard.remove()


def others_have_half():
    """Who may only look can't keep out who may do more."""
    if os.geteuid() != 0:
        return
    guard = Guard().start()
    script = ("import socket,sys,time\nall=[]\nfor _ in range(100):\n s=socket.socket(socket.AF_UNIX)\n"
              f" s.connect({guard.control!r})\n all.append(s)\nprint('there',flush=True)\ntime.sleep(30)\n")
    crowd = subprocess.Popen([sys.executable, "-c", script], user=1, group=1, stdout=subprocess.PIPE, text=True)
    select.select([crowd.stdout], [], [], 20)
    code, _, err = command(guard, "status")
    tap.equal(code, 0, "a hundred silent lookers: root is answered at once", err)
    code, _, err = command(guard, "status", user=1, where="socket")
    tap.equal((code, "try again" in err), (75, True), "another looker is told to try again", err)
    crowd.kill()
    crowd.wait(10)
    guard.remove()


LIMITS = """
limit account { key = login  count = recipients  rate = 3/1h  on-exceed = suspend  suspended = defer }
limit client { key = client-prefix  count = messages  rate = 60/1m }
limit spread { key = login  count = distinct client-net  rate = 5/1h  on-exceed = note }
limit crowd { key = client  count = sessions  max = 50 }
"""


def submit(guard, login, recipient="<b@ext.example.net>", address="203.0.113.9"):
    """What a recipient of somebody who has logged in is answered, or what is refused before."""
    m = Milter(guard.socket).open(address)
    if m.connected != (b"c", b""):
        m.close()
        return b"".join(m.connected).decode().rstrip("\0")
    m.send(b"D", b"M{auth_authen}\0" + login.encode() + b"\0{auth_type}\0PLAIN\0")
    m.send(b"M", b"<a@example.com>\0")
    said = (b"c", b"") if m.steps & 0x4000 else m.read()
    if said == (b"c", b""):
        m.send(b"D", b"R{rcpt_mailer}\0smtp\0{rcpt_host}\0h\0{rcpt_addr}\0" + recipient.strip("<>").encode() + b"\0")
        m.send(b"R", recipient.encode() + b"\0")
        said = m.read()
    if said == (b"c", b""):
        m.send(b"E")
        while said[0] not in b"atry":
            said = m.read()
            if said == (b"c", b""):
                break
    m.close()
    return b"".join(said).decode().rstrip("\0")


def limits_and_suspension():
    guard = Guard(top=LIMITS).start()
    code, out, err = command(guard, "limits")
    tap.ok(code == 0 and re.search(r"^account +recipients +login +3/1h +suspend +enforce$", out, re.M) is not None
           and re.search(r"^crowd +sessions +client +50 at a time +", out, re.M) is not None
           and re.search(r"^spread +distinct client-net +login +5/1h +note +", out, re.M) is not None,
           "limits lists them", out, err)
    said = json.loads(command(guard, "limits", "--format", "json")[1])
    tap.equal([limit["name"] for limit in said["limits"]], ["account", "client", "spread", "crowd"], "in JSON too", said)
    tap.equal(said["limits"][0]["window_us"], 3600000000, "with numbers", said["limits"][0])

    answers = [submit(guard, "Alice") for _ in range(5)]
    tap.equal([a[:2] for a in answers], ["c"] * 3 + ["y4"] * 2, "an account is suspended when it exceeds its limit", answers)
    tap.equal(status(guard)["events"]["defer"], 2, "status counts what was deferred")
    code, out, err = command(guard, "limits", "--key", "login:alice", "--format", "json")
    views = {v["name"]: v for v in json.loads(out)["limits"]}
    tap.equal((views["account"]["count"], views["account"]["max"], views["spread"]["count"]), (3, 3, 1),
              "limits --key: how far it has come", out, err)
    tap.ok(0 < views["account"]["wait_us"] <= 1200000000, "and when the next is admitted", views["account"])
    code, out, err = command(guard, "limits", "--key", "203.0.113.9")
    tap.ok(re.search(r"^client +client:203.0.113.9 +[1-5]/60 +1m", out, re.M) is not None
           and re.search(r"^client +client:203.0.113.0/24 +\d/960 +1m", out, re.M) is not None,
           "an address is looked for with its prefixes", out, err)
    code, out, err = command(guard, "limits", "--key", "helo:x")
    tap.equal((code, "no limit counts by helo:x" in err), (1, True), "a key that nothing counts by: exit 1", err)
    code, out, err = command(guard, "top")
    tap.ok(code == 0 and re.search(r"^account +login:alice +3/3 +1h +in 1", out, re.M) is not None, "top, once", out, err)
    top = json.loads(command(guard, "top", "--format", "json", "--count", "1")[1])["limits"]
    tap.equal([v["key"] for v in top if v["name"] == "account"], ["login:alice"], "top in JSON", top)

    code, out, err = command(guard, "bans", "--format", "json")
    bans = json.loads(out)["bans"]
    tap.equal([(b["key"], b["action"], b["by"]) for b in bans], [("login:alice", "defer", "limit account")],
              "bans shows who is suspended", out, err)
    tap.equal(submit(guard, "bob")[:1], "c", "others are not")
    code, out, err = command(guard, "release", "login:alice")
    tap.equal((code, out), (0, "login:alice is released; 1 limit begins anew for it\n"), "release", err)
    answers = [submit(guard, "alice") for _ in range(4)]
    tap.equal([a[:2] for a in answers], ["c"] * 3 + ["y4"], "released, it has its limit anew", answers)
    tap.equal(command(guard, "release", "login:nobody")[0], 1, "who is not banned: exit 1")
    guard.remove()


def bans_by_hand():
    guard = Guard(top=LIMITS).start()
    code, out, err = command(guard, "bans")
    tap.equal((code, out, err), (0, "", ""), "no bans at first")
    tap.equal(json.loads(command(guard, "bans", "--format", "json")[1]), {"bans": []}, "in JSON an empty list")
    code, out, err = command(guard, "ban", "198.51.100.0/24", "--for", "1h", "--reason", 'a "bad" net\u00e9')
    tap.ok(code == 0 and "client:198.51.100.0/24" in out, "ban of a network", out, err)
    bans = json.loads(command(guard, "bans", "--format", "json")[1])["bans"]
    tap.equal((bans[0]["key"], bans[0]["action"], bans[0]["reason"]), ("client:198.51.100.0/24", "refuse", 'a "bad" net\u00e9'),
              "bans shows it", bans)
    tap.ok(re.match(r"\d{4}-\d\d-\d\dT", bans[0]["until"]) is not None, "until when", bans)
    tap.equal(submit(guard, "dave", address="198.51.100.77")[:2], "y5", "its mail is refused")
    code, out, err = command(guard, "ban", "login:Carol", "--for", "10m", "--action", "defer")
    tap.equal((code, submit(guard, "carol")[:2]), (0, "y4"), "ban of a login, deferred", err)
    guard.stop()
    guard.start()
    tap.equal(len(json.loads(command(guard, "bans", "--format", "json")[1])["bans"]), 2, "bans outlive the daemon")
    code, out, err = command(guard, "release", "198.51.100.0/24", "--format", "json")
    tap.equal((code, json.loads(out)["released"]["key"]), (0, "client:198.51.100.0/24"), "release of a network", err)
    m = Milter(guard.socket).open("198.51.100.77")
    tap.equal(m.rcpt("<b@example.com>", outside=False), b"c", "its mail is taken again")
    m.close()
    for words, want, text in ((["127.0.0.0/8", "--for", "1h"], 1, "is never banned"),
                              (["0.0.0.0/0", "--for", "1h"], 1, "is never banned"),
                              (["nonsense", "--for", "1h"], 64, "expected login:NAME"),
                              (["login:x"], 64, "--for is missing"), ([], 64, "a key is missing"),
                              (["login:x", "--for", "soon"], 64, "found --for soon"),
                              (["login:x", "--for", "0"], 64, "found --for 0"),
                              (["login:x", "--for", "1h", "--action", "shoot"], 64, "expected refuse, defer or hold"),
                              (["login:x", "y", "--for", "1h"], 64, "one word too many")):
        code, out, err = command(guard, "ban", *words)
        tap.equal((code, text in err, out), (want, True, ""), f"ban {' '.join(words)}: exit {want}", err)
    submit(guard, "erin@example.com")
    code, _, err = command(guard, "ban", "login:erin", "--for", "1h")
    tap.equal((code, err), (0, "relay-guard ban: login:erin@example.com was seen lately, and is another key\n"),
              "ban of a login without its realm: the other is told")
    said = json.loads(command(guard, "ban", "login:erin", "--for", "1h", "--format", "json")[1])
    tap.equal(said["twin"], {"key": "login:erin@example.com"}, "in JSON too", said)
    code, _, err = command(guard, "ban", "login:erin@example.com", "--for", "1h")
    tap.equal((code, err), (0, ""), "with its realm nothing is")
    command(guard, "release", "login:erin")
    code, _, err = command(guard, "release", "login:erin")
    tap.equal((code, err), (1, "relay-guard release: login:erin is not banned; login:erin@example.com is\n"),
              "release: the other is told too")
    code, _, err = command(guard, "release", "login:eri")
    tap.equal((code, err), (1, "relay-guard release: login:eri is not banned\n"), "and no other")
    if os.geteuid() == 0:
        for words in (["ban", "login:x", "--for", "1h"], ["release", "login:carol"]):
            code, out, err = command(guard, *words, user=1, where="socket")
            tap.equal((code, "is for root" in err), (69, True), f"{words[0]}: not for others", err)
        for words in (["bans"], ["limits"], ["top"]):
            tap.equal(command(guard, *words, user=1, where="socket")[0], 0, f"{words[0]}: whoever may connect")
    guard.remove()


def many_bans():
    """A reply that is as long as it can be."""
    guard = Guard(top=LIMITS).start()
    s = connect(guard)
    reason = "%C3%A9" * 79
    for i in range(1500):
        s.sendall(f"ban key=10.{i // 256}.{i % 256}.0/24 for=3600000000 reason={reason}\n".encode())
        last = read_reply(s)
    tap.ok("\n.0 text=" in last, "1,500 bans are set one after the other", last)
    s.sendall(b"bans\n")
    reply = read_reply(s)
    tap.ok(len(reply) <= 1 << 20 and "%20bans" in reply.rsplit("\n", 2)[1], "bans: the reply is bounded", len(reply))
    code, out, err = command(guard, "bans", "--format", "json")
    tap.ok(code == 0 and len(json.loads(out)["bans"]) >= 1000, "and read", err, len(out))
    s.close()
    guard.remove()


def top_on_a_terminal():
    guard = Guard(top=LIMITS).start()
    submit(guard, "alice")
    master, slave = os.openpty()
    process = subprocess.Popen([BINARY, "top", "-c", guard.conf, "--every", "200ms"], stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    while shown.count(b"login:alice") < 3 and select.select([master], [], [], 20)[0]:
        shown += os.read(master, 65536)
    tap.equal((shown.count(b"login:alice") >= 3, process.poll()), (True, None), "top refreshes a terminal", shown)
    guard.stop()
    code = process.wait(10)
    tap.equal(code, 69, "and ends when there is no daemon any more")
    os.close(master)
    guard.remove()


def suggests():
    guard = Guard(top=LIMITS.replace("3/1h", "3000/1h"), events="permitted = yes").start()
    for login, count in (("alice", 12), ("Bob", 3), ("carol", 1)):
        for n in range(count):
            submit(guard, login, f"<b{n}@ext.example.net>", f"203.0.113.{n}")
    guard.events()
    with open(guard.events_path, "ab") as f:
        f.write(b"this is no event\n" + b"x" * 200000 + b"\n")
    code, out, err = subprocess_limits("--suggest", guard.events_path)
    tap.ok(code == 0 and "2 lines are no events" in err and f"{guard.events_path}:" in err, "limits --suggest reads events", err)
    tap.ok(re.search(r"^# login +recipients +hour +[34] .* 12  alice$", out, re.M) is not None, "the busiest login", out)
    tap.ok(re.search(r"^# recipient-domain +recipients +day +1 +16 ", out, re.M) is not None, "the busiest domain", out)
    with open(guard.conf, encoding="utf-8") as f:
        text = f.read()
    with open(guard.conf, "w", encoding="utf-8") as f:
        f.write(text.replace(LIMITS.replace("3/1h", "3000/1h"), "") + out)
    done = subprocess.run([BINARY, "check", "-c", guard.conf], capture_output=True, text=True, timeout=20)
    tap.ok(done.returncode == 0 and "limit login-recipients" in out, "check accepts what is suggested", done.stderr, out)
    code, _, err = command(guard, "reload")
    tap.equal((code, len(json.loads(command(guard, "limits", "--format", "json")[1])["limits"])), (0, 8),
              "and the daemon counts by it", err)
    said = json.loads(subprocess_limits("--suggest", guard.events_path, "--format", "json")[1])
    tap.equal((said["recipients"], said["statistics"][0]["most"], said["statistics"][0]["whose"]), (16, 12, "alice"),
              "the same in JSON", said)
    with open(guard.events_path, "rb") as f:
        done = subprocess.run([BINARY, "limits", "--suggest", "-"], stdin=f, capture_output=True, text=True, timeout=20)
    tap.equal(done.stdout, out, "standard input is read as -", done.stderr)
    tap.equal(subprocess_limits("--suggest", "/nowhere/at/all")[0], 66, "a file that is not there: exit 66")
    code, _, err = subprocess_limits("--suggest", "/dev/null")
    tap.equal((code, "permitted = yes" in err), (65, True), "no accepted mail: exit 65, and how to have it", err)
    tap.equal(subprocess_limits("--suggest")[0], 64, "no file: exit 64")
    guard.remove()


def subprocess_limits(*words):
    done = subprocess.run([BINARY, "limits", *words], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


tests = [suggests, limits_and_suspension, bans_by_hand, many_bans, top_on_a_terminal, tells_status, reloads,
         reloaded_for_all, stops, sockets, without, permissions, protocol, hostile_clients, others_have_half]
names = sys.argv[2:]
tap.run(*[t for t in tests if not names or t.__name__ in names])
