"""Where mail comes out: an SMTP server that takes everything and remembers the envelopes."""
import socket
import threading


class Sink:
    def __init__(self, port):
        self.port = port
        self.mails = []  # (sender, [recipients], data)
        self.arrived = threading.Condition()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(100)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            sock, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        stream = sock.makefile("rwb")

        def say(text):
            stream.write(text + b"\r\n")
            stream.flush()

        say(b"220 sink ESMTP")
        sender, recipients = None, []
        for line in stream:
            verb = line[:4].upper()
            if verb == b"EHLO":
                say(b"250-sink\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 PIPELINING")
            elif verb == b"MAIL":
                sender, recipients = line[10:].strip(), []
                say(b"250 ok")
            elif verb == b"RCPT":
                recipients.append(line[8:].strip())
                say(b"250 ok")
            elif verb == b"DATA":
                say(b"354 go on")
                data = bytearray()
                for part in stream:
                    if part == b".\r\n":
                        break
                    data += part
                with self.arrived:
                    self.mails.append((sender, recipients, bytes(data)))
                    self.arrived.notify_all()
                say(b"250 taken")
            elif verb == b"QUIT":
                say(b"221 bye")
                break
            else:
                say(b"250 ok")
        sock.close()

    def wait_for(self, found, seconds=15):
        """Waits until found(mail) is true for some mail, and returns it; None when time runs out."""
        with self.arrived:
            self.arrived.wait_for(lambda: any(found(m) for m in self.mails), seconds)
            return next((m for m in self.mails if found(m)), None)
