"""The MTA's side of the milter protocol, as a client that says what a test wants, and as a load."""
import socket
import struct
import threading


class Milter:
    """The MTA's side of the milter protocol, version 6."""

    def __init__(self, where, timeout=30):
        self.sock = socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET)
        self.sock.settimeout(timeout)
        self.sock.connect(where)
        self.steps = 0

    def send(self, command, payload=b""):
        self.sock.sendall(struct.pack("!I", len(payload) + 1) + command + payload)

    def exactly(self, n):
        data = b""
        while len(data) < n:
            part = self.sock.recv(n - len(data))
            if not part:
                raise EOFError("the guard closed the connection")
            data += part
        return data

    def read(self):
        n = struct.unpack("!I", self.exactly(4))[0]
        data = self.exactly(n)
        return data[:1], data[1:]

    def open(self, address="203.0.113.9", actions=0x1ff):
        self.send(b"O", struct.pack("!III", 6, actions, 0x1fffff))
        command, payload = self.read()
        assert command == b"O"
        self.actions, self.steps = struct.unpack("!II", payload[4:12])
        self.asked, rest = {}, payload[12:]  # the macros that are asked for, by stage
        while len(rest) > 4:
            names, _, more = rest[4:].partition(b"\0")
            self.asked[struct.unpack("!I", rest[:4])[0]] = names.decode()
            rest = more
        self.send(b"C", b"x.example.net\0" + b"4" + struct.pack("!H", 4000) + address.encode() + b"\0")
        self.connected = (b"c", b"") if self.steps & 0x1000 else self.read()
        return self

    def rcpt(self, recipient, outside=True):
        self.send(b"M", b"<a@ext.example.net>\0")
        if not self.steps & 0x4000:
            self.read()
        view = b"R{rcpt_mailer}\0" + (b"smtp" if outside else b"local") + b"\0"
        view += b"{rcpt_host}\0h\0{rcpt_addr}\0" + recipient.strip("<>").encode() + b"\0"
        self.send(b"D", view)
        self.send(b"R", recipient.encode() + b"\0")
        command, payload = self.read()
        self.send(b"A")
        return command + payload

    def step(self, command, payload, unwanted, silent):
        """Sends what is wanted, and waits where an answer comes."""
        if not self.steps & unwanted:
            self.send(command, payload)
            if not self.steps & silent:
                self.read()

    def message(self, recipient, sender=b"<a@ext.example.net>", fields=(), body=b""):
        """What is said at the end of a message to one of ours."""
        self.step(b"M", sender + b"\0", 0, 0x4000)
        self.send(b"D", b"R{rcpt_mailer}\0local\0{rcpt_host}\0\0{rcpt_addr}\0" +
                  recipient.strip("<>").encode() + b"\0")
        self.send(b"R", recipient.encode() + b"\0")
        assert self.read() == (b"c", b"")
        for name, value in fields:
            self.step(b"L", name + b"\0 " + value + b"\0", 0x20, 0x80)
        self.step(b"N", b"", 0x40, 0x40000)
        if body:
            self.step(b"B", body, 0x10, 0x80000)
        self.send(b"E")
        said = []
        while not said or said[-1][0] in b"himqp":
            said.append(b"".join(self.read()))
        return said

    def session(self):
        """A whole one; True when its answers are right."""
        right = (self.rcpt("<b@ext.example.net>").startswith(b"y550 5.7.1 Relay access denied")
                 and self.rcpt("<b@example.com>", outside=False) == b"c")
        self.close()
        return right

    def close(self):
        self.send(b"Q")
        self.sock.close()


class Load:
    """Loops that open sessions one after another."""

    def __init__(self, where, loops=6):
        self.where, self.done, self.lost, self.stop = where, 0, 0, False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.loop, daemon=True) for _ in range(loops)]
        for t in self.threads:
            t.start()

    def loop(self):
        while not self.stop:
            try:
                good = Milter(self.where).open().session()
            except (OSError, EOFError, AssertionError):
                good = False
            with self.lock:
                self.done += good
                self.lost += not good

    def end(self):
        self.stop = True
        for t in self.threads:
            t.join(60)
        return self.done, self.lost
