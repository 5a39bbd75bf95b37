"""A raw SMTP client: sends what it is told, byte for byte, and returns replies."""
import base64
import socket
import ssl


class Reply:
    def __init__(self, code, lines):
        self.code = code
        self.lines = lines

    @property
    def text(self):
        return " ".join(self.lines)

    @property
    def ok(self):
        return 200 <= self.code < 400

    def __repr__(self):
        return f"{self.code} {self.text}"


class Client:
    def __init__(self, port, host="127.0.0.1", source=None, timeout=20):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        if source is not None:
            self.sock.bind((source, 0))
        self.sock.connect((host, port))
        self.buffer = b""
        self.banner = self.reply()

    def line(self):
        while b"\n" not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError("the server closed the connection")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r").decode("latin-1")

    def reply(self):
        lines = []
        while True:
            line = self.line()
            lines.append(line[4:])
            if line[3:4] != "-":
                return Reply(int(line[:3]), lines)

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode("utf-8", "surrogateescape"))

    def cmd(self, text):
        # In one piece: the end of the line would wait for Nagle.
        self.send((text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")) + b"\r\n")
        return self.reply()

    def pipeline(self, commands):
        """All at once, then all replies."""
        self.send("".join(c + "\r\n" for c in commands))
        return [self.reply() for _ in commands]

    def ehlo(self, name="client.example.net"):
        return self.cmd("EHLO " + name)

    def xclient(self, **attributes):
        """XCLIENT, after which the session starts anew."""
        r = self.cmd("XCLIENT " + " ".join(f"{k}={v}" for k, v in attributes.items()))
        return r if not r.ok else self.ehlo()

    def starttls(self, cert=None, key=None, version=None):
        r = self.cmd("STARTTLS")
        if not r.ok:
            return r
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if version:
            context.minimum_version = context.maximum_version = version
        if cert:
            context.load_cert_chain(cert, key)
        self.sock = context.wrap_socket(self.sock)
        return self.ehlo()

    def auth(self, user, password, mech="PLAIN"):
        token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        return self.cmd(f"AUTH {mech} {token}")

    def mail(self, sender="<>", parameters=""):
        return self.cmd(f"MAIL FROM:{sender}{parameters and ' ' + parameters}")

    def rcpt(self, recipient, parameters=""):
        raw = recipient if isinstance(recipient, bytes) else recipient.encode("utf-8", "surrogateescape")
        return self.cmd(b"RCPT TO:" + raw + (b" " + parameters.encode() if parameters else b""))

    def data(self, text="Subject: test\r\n\r\ntest\r\n"):
        r = self.cmd("DATA")
        if r.code != 354:
            return r
        self.send(text + ".\r\n")
        return self.reply()

    def rset(self):
        return self.cmd("RSET")

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
