"""The commands that talk to the daemon, and its control protocol by hand."""
import json
import re
import socket


def change(guard, pattern, replacement):
    with open(guard.conf, encoding="utf-8") as f:
        text = f.read()
    changed = re.sub(pattern, replacement, text)
    assert changed != text, pattern
    with open(guard.conf, "w", encoding="utf-8") as f:
        f.write(changed)


def command(guard, *words, **how):
    return guard.command(*words, **how)


def status(guard):
    code, out, err = command(guard, "status", "--format", "json")
    assert code == 0, err
    return json.loads(out)


def connect(guard):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(guard.control)
    return s


def read_reply(s):
    """Up to and with the marked line, or to the end."""
    data = b""
    try:
        while not re.search(rb"(^|\n)\.\d+[^\n]*\n$", data):
            part = s.recv(65536)
            if not part:
                break
            data += part
    except ConnectionResetError:
        pass
    return data.decode()


def ask(guard, line):
    s = connect(guard)
    try:
        s.sendall(line.encode() + b"\n")
    except BrokenPipeError:
        pass  # who is refused is told so before it has asked
    reply = read_reply(s)
    s.close()
    return reply
