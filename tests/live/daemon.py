#!/usr/bin/python3
"""
Master and workers, without a mail server: reloads and crashes under load, drain, backpressure, privileges.
Run: tests/live/daemon.py [BINARY [TEST...]]   (as root privileges are tested too)
"""
import os
import pwd
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
from guard import BINARY, RULES, Guard
from milter import Load, Milter
from tap import Tap

tap = Tap()


def reloads():
    guard = Guard().start()
    load = Load(guard.socket)
    for _ in range(20):
        guard.reload()
    done, lost = load.end()
    tap.ok(done > 200 and lost == 0, "20 reloads under load lose no session", f"{done} done, {lost} lost")
    print(f"# 20 reloads: {done} sessions, {lost} lost")
    with open(guard.conf, "a") as f:
        f.write("nonsense = yes\n")
    guard.process.send_signal(signal.SIGHUP)
    guard.wait_for_log("not reloaded")
    tap.ok(Milter(guard.socket).open().session(), "a wrong configuration changes nothing")
    tap.ok("nonsense" in guard.log_text(), "and is told")
    tap.equal(guard.stop(), 0, "it stops with 0")
    tap.ok(not os.path.exists(guard.socket), "and removes its socket")
    guard.remove()


def crashes():
    guard = Guard().start()
    load = Load(guard.socket)
    for i in range(20):
        victim = guard.workers()[0]
        os.kill(victim, signal.SIGSEGV if i % 2 else signal.SIGABRT)
        end = time.monotonic() + 10
        while time.monotonic() < end and (victim in guard.workers() or len(guard.workers()) < 2):
            time.sleep(0.02)
        tap.ok(len(guard.workers()) == 2, f"crash {i + 1}: the worker is back")
        time.sleep(1.05)
    done, lost = load.end()
    tap.ok(done > 200 and lost <= 6 * 20, "20 crashes lose at most what was in that worker",
           f"{done} done, {lost} lost")
    print(f"# 20 crashes: {done} sessions, {lost} lost")
    held = [Milter(guard.socket).open() for _ in range(20)]
    os.kill(guard.least_busy(), signal.SIGABRT)
    alive = 0
    for m in held:
        try:
            alive += m.session()
        except (OSError, EOFError):
            pass
    tap.ok(alive > 0, "the sessions of the other worker go on", f"{alive} of 20")
    guard.remove()


def drain():
    guard = Guard().start()
    idle = Milter(guard.socket).open()
    guard.process.send_signal(signal.SIGTERM)
    guard.wait_for_log("stopping")
    time.sleep(1)
    tap.ok(guard.process.poll() is None, "stop waits for a session that lives")
    tap.ok(idle.session(), "which is answered to its end")
    tap.equal(guard.process.wait(20), 0, "and then it ends")
    guard.process = None
    guard.remove()


def backpressure():
    guard = Guard(top="sessions = 8").start()
    where = guard.socket
    held, results = [Milter(where).open() for _ in range(8)], []

    def late():
        try:
            results.append(Milter(where).open().session())
        except (OSError, EOFError) as e:
            results.append(e)

    threads = [threading.Thread(target=late) for _ in range(30)]
    for t in threads:
        t.start()
    time.sleep(0.5)
    tap.ok(all(m.session() for m in held), "at the cap, sessions that live are served")
    for t in threads:
        t.join(30)
    tap.equal(results, [True] * 30, "and those that waited are served in the end")
    waits = []

    def held_for_a_while():
        began = time.monotonic()
        m = Milter(where).open()
        m.rcpt("<b@example.com>", outside=False)
        waits.append(time.monotonic() - began)
        time.sleep(0.3)
        m.sock.close()

    threads = [threading.Thread(target=held_for_a_while) for _ in range(48)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    tap.ok(len(waits) == 48 and max(waits) < 4, "and soon", f"slowest {max(waits):.2f} s")
    guard.remove()


def sockets():
    guard = Guard()
    tcp = socket.socket()
    tcp.bind(("127.0.0.1", 0))
    port = tcp.getsockname()[1]
    tcp.close()
    with open(guard.conf) as f:
        text = f.read()
    with open(guard.conf, "w") as f:
        f.write(text.replace(f'"unix:{guard.socket}"', f'"unix:{guard.socket}", "inet:127.0.0.1:{port}"')
                .replace("socket-mode = 0666", "socket-mode = 0660"))
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(guard.socket)
    stale.close()
    guard.start()
    tap.ok(Milter(guard.socket).open().session(), "a stale socket is taken over")
    tap.ok(Milter(("127.0.0.1", port)).open().session(), "TCP is served beside it")
    tap.equal(stat.S_IMODE(os.stat(guard.socket).st_mode), 0o660, "the socket has its mode")
    second = subprocess.run([BINARY, "serve", "-c", guard.conf], capture_output=True, text=True, timeout=20)
    tap.ok(second.returncode != 0 and "another program listens there" in second.stderr,
           "a second guard on the same socket is refused", second)
    tap.ok(Milter(guard.socket).open().session(), "and does the first no harm")
    if os.geteuid() == 0:
        name = "relay-guard" if "user = relay-guard" in text else "nobody"
        uids = {os.stat(f"/proc/{p}").st_uid for p in guard.workers()}
        tap.equal(uids, {pwd.getpwnam(name).pw_uid}, "workers are not root")
    old = Milter(guard.socket).open()
    os.kill(guard.process.pid, signal.SIGKILL)
    guard.process.wait()
    guard.process = None
    time.sleep(1)
    guard.start()
    tap.ok(Milter(guard.socket).open().session(), "after kill -9 of the master it starts again")
    tap.ok(old.session(), "while a session of the old one is finished")
    guard.stop()
    with open(guard.socket, "w") as f:
        f.write("precious")
    third = subprocess.run([BINARY, "serve", "-c", guard.conf], capture_output=True, text=True, timeout=20)
    tap.ok(third.returncode != 0 and open(guard.socket).read() == "precious",
           "a plain file in the way is left alone", third)
    guard.remove()


def odd_orders():
    guard = Guard().start()
    m = Milter(guard.socket).open()
    m.send(b"H", b"helo.example.net\0")
    for _ in range(3):
        m.send(b"A")
    tap.ok(m.rcpt("<b@ext.example.net>").startswith(b"y550"), "aborts and HELO change nothing")
    m.send(b"C", b"y\0" + b"U")
    m.sock.close()
    for junk in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"GET / HTTP/1.0\r\n\r\n", b"\0\0\0\1R", os.urandom(500)):
        s = socket.socket(socket.AF_UNIX)
        s.connect(guard.socket)
        s.sendall(junk)
        s.close()
    tap.ok(Milter(guard.socket).open().session(), "garbage on the socket does no harm")
    tap.equal(len(guard.workers()), 2, "no worker died of it")
    guard.remove()


def nothing_left_over():
    """What the MTA said of one recipient or message does not count for the next one."""
    def macros(command, **values):
        return command + b"".join(f"{{{k}}}\0{v}\0".encode() for k, v in values.items())

    guard = Guard().start()
    m = Milter(guard.socket).open()

    def mail(**values):
        if values:
            m.send(b"D", macros(b"M", **values))
        m.send(b"M", b"<a@elsewhere.example>\0")
        if not m.steps & 0x4000:
            m.read()

    def rcpt(address, **values):
        if values:
            m.send(b"D", macros(b"R", **values))
        m.send(b"R", address.encode() + b"\0")
        command, payload = m.read()
        return "permit" if command == b"c" else payload[:9].decode()

    far = {"rcpt_mailer": "smtp", "rcpt_host": "far.example", "rcpt_addr": "u@far.example"}
    near = {"rcpt_mailer": "local", "rcpt_host": "example.com", "rcpt_addr": "u@example.com"}
    mail(auth_authen="alice", auth_type="PLAIN")
    tap.equal(rcpt("<u@far.example>", **far), "permit", "a login may relay")
    tap.equal(rcpt("<u@example.com>", **near), "permit", "a recipient that the MTA keeps")
    tap.equal(rcpt("<v@example.com>"), "451 4.7.1", "what it said of one does not count for the next")
    m.send(b"A")
    mail()
    tap.equal(rcpt("<u@far.example>", **far), "550 5.7.1", "a login does not count for the next message")
    m.sock.close()
    guard.remove()


def event_log_in_the_way():
    guard = Guard()
    os.mkfifo(guard.events_path)
    os.chmod(guard.events_path, 0o666)
    done = subprocess.run([BINARY, "serve", "-c", guard.conf], capture_output=True, text=True, timeout=40)
    tap.ok(done.returncode != 0 and "FIFO" in done.stderr, "a FIFO as the event log is refused", done)
    guard.remove()


def rights():
    """What is asked of the mail server, and what happens when it does not offer it."""
    rules = 'rule watched { to = trap@example.com action = hold }\n' \
            'rule odd { to = odd@example.com action = tag }\n'
    guard = Guard(rules=rules + RULES).start()
    m = Milter(guard.socket).open()
    tap.equal(m.actions & 0x3f, 0x21, "adding fields and quarantine are asked for, and no more")
    tap.equal(m.steps & 0x70, 0x70, "header and body are not")
    tap.equal(m.message("<bob@example.com>"), [b"c"], "nothing is done to a plain message")
    said = m.message("<trap@example.com>")
    tap.ok(len(said) == 2 and said[0].startswith(b"qrelay-guard: relay rule watched") and said[1] == b"c",
           "a held one is quarantined", said)
    said = m.message("<odd@example.com>")
    tap.ok(len(said) == 2 and said[0].startswith(b"hX-Relay-Guard\0tag; check=relay; rule=odd; id=")
           and said[1] == b"c", "a tagged one gets a field", said)
    m.close()
    m = Milter(guard.socket).open(actions=0x1ff & ~0x20)
    said = m.message("<trap@example.com>")
    tap.ok(said[0].startswith(b"y451 4.3.5 The mail server does not let"), "without the right it is deferred", said)
    tap.equal(m.message("<bob@example.com>"), [b"c"], "and what needs none passes")
    tap.ok(guard.log_text().count("does not allow messages to be held") <= 2 and
           "does not allow messages to be held" in guard.log_text(), "and the log says so")
    m.close()
    guard.remove()
    guard = Guard(rules=rules + RULES, top="mode = monitor").start()
    m = Milter(guard.socket).open()
    tap.equal(m.actions & 0x3f, 0, "in monitor mode nothing is asked for")
    tap.equal(m.message("<trap@example.com>"), [b"c"], "and nothing done")
    m.close()
    guard.remove()
    guard = Guard().start()
    m = Milter(guard.socket).open()
    tap.equal(m.actions & 0x3f, 0, "nor where no rule holds or tags")
    m.close()
    guard.remove()


def what_is_asked_for():
    """Of stages and macros, what the rules or the record need, and no more."""
    connect, helo, mail, rcpt = range(4)
    guard = Guard().start()
    m = Milter(guard.socket).open()
    tap.equal(m.asked[connect], "{daemon_name} {daemon_addr} {daemon_port}", "for the record: the listener")
    tap.equal(m.steps & 0x2, 0, "and HELO")
    tap.ok("{verify}" in m.asked[mail] and "{tls_version}" in m.asked[mail], "and what the client has proven", m.asked)
    tap.equal(m.steps & 0x370, 0x370, "but neither header nor body, DATA nor unknown commands", hex(m.steps))
    tap.equal(m.steps & 0x6000, 0x6000, "and HELO and MAIL need no answer", hex(m.steps))
    m.send(b"H", b"helo.example.net\0")
    m.rcpt("<b@ext.example.net>")
    m.close()
    event = guard.events()[-1]
    tap.equal(event.get("helo"), "helo.example.net", "the event has the name in HELO")
    tap.ok(0 < event.get("took_us", 0) < 5e6, "and how long the decision took", event)
    with open(guard.conf, encoding="utf-8") as f:
        text = f.read()
    with open(guard.conf, "w", encoding="utf-8") as f:
        f.write(text.replace(f'path = "{guard.events_path}"', "path = none"))
    guard.reload()
    m = Milter(guard.socket).open()
    end = time.monotonic() + 5
    while m.asked[connect] and time.monotonic() < end:
        # On a busy machine a worker of before may be the first to take it.
        m.close()
        m = Milter(guard.socket).open()
    tap.equal((m.asked[connect], m.asked[helo]), ("", ""), "without a record, and a rule that asks: no listener")
    tap.equal(m.steps & 0x2, 0x2, "no HELO")
    tap.equal(m.asked[mail], "i {auth_authen} {auth_type}", "of what it has proven, what a rule asks for")
    tap.equal(m.asked[rcpt], "i {rcpt_mailer} {rcpt_host} {rcpt_addr}", "and always where the recipient would go")
    m.close()
    guard.remove()


def rotation():
    """What logrotate does: the file is renamed, and the guard reloaded."""
    guard = Guard().start()
    sent = 0

    def refuse(count):
        nonlocal sent
        m = Milter(guard.socket).open()
        for _ in range(count):
            m.rcpt(f"<v{sent}@ext.example.net>")
            sent += 1
        m.close()

    refuse(20)
    os.rename(guard.events_path, guard.events_path + ".1")
    refuse(20)
    guard.reload()
    refuse(20)
    new = [e["recipient"] for e in guard.events()]
    os.rename(guard.events_path + ".1", guard.events_path)
    # Two sessions may be two workers', each of which writes on its own.
    old = sorted((e["recipient"] for e in guard.events(0)), key=lambda r: int(r[2:-len("@ext.example.net>")]))
    tap.equal(new, [f"<v{i}@ext.example.net>" for i in range(40, 60)], "after a reload events go to a new file")
    tap.equal(old, [f"<v{i}@ext.example.net>" for i in range(40)], "and until then to the old one, none lost")
    guard.remove()


tests = (what_is_asked_for, rotation, rights, sockets, drain, backpressure, odd_orders, nothing_left_over,
         event_log_in_the_way, reloads, crashes)
tap.run(*(t for t in tests if len(sys.argv) < 3 or t.__name__ in sys.argv[2:]))
