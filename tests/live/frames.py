#!/usr/bin/python3
"""
The milter protocol with everything wrong that an MTA's side can do: frames cut, repeated, reordered, swollen
and flipped, on many connections. No worker dies of it, none is held by it, and nothing outside is permitted.

But one: libmilter 8.17.1 takes for granted that macros come in pairs. smfi_getsymval() runs past the end of a
list with a name that has no value, and the worker may crash; no MTA sends such a list. So macros are left whole
here, and the last test holds that such a crash costs no more than one worker.
Run: tests/live/frames.py [BINARY [CONNECTIONS [SEED]]]
"""
import os
import random
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
if len(sys.argv) > 1:
    os.environ["RELAY_GUARD"] = os.path.abspath(sys.argv[1])
from guard import Guard
from tap import Tap

CONNECTIONS = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else int(time.time()) // 86400
LOOPS = 8
tap = Tap()


def frame(command, payload=b""):
    return struct.pack("!I", len(payload) + 1) + command + payload


def conversation(chance):
    """One message to a stranger's own, as an MTA sends it."""
    macros = b"{rcpt_mailer}\0smtp\0{rcpt_host}\0far.example\0{rcpt_addr}\0v@far.example\0"
    frames = [frame(b"O", struct.pack("!III", 6, 0x1ff, 0x1fffff)),
              frame(b"D", b"C{daemon_name}\0smtpd\0{daemon_port}\x0025\0"),
              frame(b"C", b"x.example.net\x004" + struct.pack("!H", 4000) + b"203.0.113.9\0"),
              frame(b"H", b"x.example.net\0")]
    for _ in range(chance.choice((1, 1, 2))):
        frames += [frame(b"M", b"<a@ext.example.net>\0SIZE=100\0"), frame(b"D", b"R" + macros),
                   frame(b"R", b"<v@far.example>\0NOTIFY=NEVER\0"), frame(b"T"), frame(b"L", b"Subject\0 x\0"),
                   frame(b"N"), frame(b"B", b"text\r\n" * 100), frame(b"E")]
        if chance.random() < 0.3:
            frames.append(frame(b"A"))
    return frames + [frame(chance.choice((b"Q", b"K")))]


def spoil(chance, frames):
    for _ in range(chance.choice((0, 1, 1, 2, 5))):
        at = chance.randrange(len(frames))
        one = frames[at]
        what = chance.randrange(8)
        if one[4:5] == b"D" and what in (3, 4, 5, 7):
            continue
        if what == 0:
            del frames[at]
            frames = frames or [b""]
        elif what == 1:
            frames.insert(at, one)
        elif what == 2:
            frames.insert(chance.randrange(len(frames)), frames.pop(at))
        elif what == 3 and one:
            spot = chance.randrange(len(one))
            frames[at] = one[:spot] + bytes([one[spot] ^ 1 << chance.randrange(8)]) + one[spot + 1:]
        elif what == 4:
            frames[at] = one[:chance.randrange(len(one) + 1)]
        elif what == 5:
            frames[at] = struct.pack("!I", chance.choice((0, 1, 65535, 65536, 1 << 20, 0xffffffff))) + one[4:]
        elif what == 6:
            frames[at] = frame(chance.choice((b"R", b"M", b"H", b"C", b"L", b"U")),
                               chance.choice((b"", b"\0", b"x", b"x\0", b"<" * 3000 + b"\0", b"\xff\xfe\0" * 50,
                                              b"<a@b>\0" + b"K=V\0" * 200)))
        else:
            frames[at] = one[:5] + chance.randbytes(chance.randrange(300))
    return frames


class Loop(threading.Thread):
    def __init__(self, where, seed, count):
        super().__init__()
        self.where, self.chance, self.count = where, random.Random(seed), count
        self.refused = 0
        self.start()

    def run(self):
        for _ in range(self.count):
            data = b"".join(spoil(self.chance, conversation(self.chance)))
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(2)
                try:
                    s.connect(self.where)
                    s.sendall(data)
                    s.shutdown(socket.SHUT_WR)
                    answer = b""
                    while part := s.recv(65536):
                        answer += part
                    self.refused += b"y550 5.7.1 Relay access denied" in answer
                except OSError:
                    pass


def spoiled():
    guard = Guard(events="permitted = yes").start()
    before = guard.workers()
    loops = [Loop(guard.socket, f"{SEED}.{i}", CONNECTIONS // LOOPS) for i in range(LOOPS)]
    for loop in loops:
        loop.join()
    tap.ok(sum(l.refused for l in loops) > CONNECTIONS // 10, f"seed {SEED}: many got as far as a refusal",
           [l.refused for l in loops])
    tap.equal(guard.workers(), before, "no worker died of it", guard.log_text()[-3000:])
    events = guard.events(1)
    tap.equal([e for e in events if e["stage"] == "rcpt" and e["verdict"] == "permit"], [], "nothing is permitted")
    start = time.monotonic()
    tap.equal(guard.stop(20), 0, "none is held by it: it drains")
    print(f"# {len(events)} events; stopped in {time.monotonic() - start:.1f} s")
    guard.remove()


def odd_macros():
    guard = Guard().start()
    for _ in range(20):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(2)
            try:
                s.connect(guard.socket)
                data = b"".join(conversation(random.Random(1))[:5])
                s.sendall(data[:12 + 5] + frame(b"D", b"C{daemon_name}") + data[17:])
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
            except OSError:
                pass
    end = time.monotonic() + 10
    while len(guard.workers()) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    tap.equal(len(guard.workers()), 2, "macros without a value leave two workers", guard.log_text()[-2000:])
    tap.equal(guard.stop(20), 0, "and a master that stops as it should")
    guard.remove()


tap.run(spoiled, odd_macros)
