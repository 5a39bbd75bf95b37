"""Another filter beside the guard: a milter in Python that answers each command as a test says."""
import os
import socket
import struct
import threading


class OtherMilter:
    """`answers` maps a command of the protocol (b"C" connect, b"H" helo, b"M" mail, b"R" rcpt) to a reply, such as
    b"t" (for now), b"r" (for good) or b"y450 4.7.1 Greylisted\\0"; may be changed at any time."""

    def __init__(self, folder, name="other"):
        self.socket = f"{folder}/{name}.sock"
        self.answers, self.heard = {}, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.socket)
        os.chmod(self.socket, 0o666)
        self.listener.listen(100)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            sock, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(sock.makefile("rwb"),), daemon=True).start()

    def serve(self, stream):
        try:
            while size := stream.read(4):
                data = stream.read(struct.unpack("!I", size)[0])
                command = data[:1]
                if command == b"Q":
                    return
                if command in b"DAK":  # macros, abort, another connection: not answered
                    continue
                self.heard.append(data)
                answer = self.answers.get(command, b"c")
                if command == b"O":
                    answer = b"O" + struct.pack("!III", 6, 0, 0)
                stream.write(struct.pack("!I", len(answer)) + answer)
                stream.flush()
        except OSError:
            pass
