"""A /dev/log that writes a file, as a syslog daemon does. Only for a sandbox's own /dev."""
import os
import re
import socket
import threading
import time


class Syslogd:
    def __init__(self, path, socket_path="/dev/log"):
        self.path = path
        if os.path.exists(socket_path):
            os.unlink(socket_path)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(socket_path)
        os.chmod(socket_path, 0o666)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        host = socket.gethostname().split(".")[0]
        while True:
            text = self.sock.recv(65536).decode("utf-8", "surrogateescape").rstrip("\0\n")
            # <22>Nov 24 03:00:00 program[pid]: text
            match = re.match(r"<\d+>(?:\w{3} [ \d]\d \d\d:\d\d:\d\d )?(.*)", text, re.S)
            self.keep(f"{time.strftime('%b %e %H:%M:%S')} {host} {match.group(1)}\n")

    def keep(self, line):
        with open(self.path, "a", encoding="utf-8", errors="surrogateescape") as f:
            f.write(line)
