"""A real Redis server for tests: on a unix socket and a loopback port, in a folder of its own, stopped by its pid."""
import atexit
import fcntl
import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGES = ["redis-tools", "libjemalloc2", "liblzf1", "libatomic1"]


def redis_binary():
    """Unpacked from its packages: installing them would start a server on this host. (binary, environment)"""
    tree, debs = f"{TOP}/build/redis", f"{TOP}/build/debs"
    os.makedirs(debs, exist_ok=True)
    binary = f"{tree}/usr/bin/redis-server"
    with open(f"{debs}/redis.lock", "w") as lock:
        # One at a time: another test may be about to do the same.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(binary):
            for package in PACKAGES:
                if not glob.glob(f"{debs}/{package}_*.deb"):
                    get = f"apt-get -qq download {package}"
                    subprocess.run(f"{get} || {{ apt-get -qq update && {get}; }}", shell=True, check=True, cwd=debs,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300)
                subprocess.run(["dpkg", "-x", glob.glob(f"{debs}/{package}_*.deb")[0], tree], check=True, timeout=60)
            # One executable, which goes by its name.
            os.symlink("redis-check-rdb", binary)
    return binary, dict(os.environ, LD_LIBRARY_PATH=f"{tree}/usr/lib/x86_64-linux-gnu")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def encode(*words):
    out = b"*%d\r\n" % len(words)
    for w in words:
        w = w if isinstance(w, bytes) else str(w).encode()
        out += b"$%d\r\n%s\r\n" % (len(w), w)
    return out


class Client:
    """As little of one as tests need. An error is raised."""

    def __init__(self, where, password=None, user=None, timeout=10):
        self.sock = socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET)
        self.sock.settimeout(timeout)
        self.sock.connect(where)
        self.file = self.sock.makefile("rb")
        if password:
            self("AUTH", *([user] if user else []), password)

    def __call__(self, *words):
        self.sock.sendall(encode(*words))
        return self.reply()

    def reply(self):
        line = self.file.readline()
        if not line:
            raise EOFError("the server hung up")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        return rest

    def close(self):
        self.file.close()
        self.sock.close()


class Redis:
    def __init__(self, *options, port=None, tls=None):
        """tls: a folder with ca.pem, cert.pem and key.pem; the port is then one of TLS."""
        self.folder = tempfile.mkdtemp(prefix="relay-guard-redis.")
        os.chmod(self.folder, 0o755)
        self.socket = f"{self.folder}/redis.sock"
        self.port = port or free_port()
        self.options = list(options)
        self.process = None
        self.paused = False
        if tls:
            self.options += ["--port", "0", "--tls-port", str(self.port), "--tls-cert-file", f"{tls}/cert.pem",
                             "--tls-key-file", f"{tls}/key.pem", "--tls-ca-cert-file", f"{tls}/ca.pem",
                             "--tls-auth-clients", "optional"]
        else:
            self.options += ["--port", str(self.port)]
        atexit.register(self.remove)
        self.start()

    def start(self):
        binary, env = redis_binary()
        self.process = subprocess.Popen(
            [binary, "--bind", "127.0.0.1", "--unixsocket", self.socket, "--unixsocketperm", "777", "--dir", self.folder,
             "--save", "", "--appendonly", "no", "--logfile", f"{self.folder}/redis.log", *self.options],
            env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                Client(self.socket).close()
                return self
            except OSError:
                time.sleep(0.02)
        with open(f"{self.folder}/redis.log", encoding="utf-8") as f:
            raise RuntimeError("redis does not answer: " + f.read())

    def client(self, *args, **more):
        return Client(self.socket, *args, **more)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)
        self.paused = True

    def resume(self):
        self.process.send_signal(signal.SIGCONT)
        self.paused = False

    def kill(self):
        if self.process is None:
            return
        self.process.kill()
        self.process.wait(10)
        self.process = None
        if os.path.exists(self.socket):
            os.unlink(self.socket)

    def remove(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


if __name__ == "__main__":
    # For the bench: a server until standard input ends. Prints its socket.
    server = Redis()
    print(server.socket, flush=True)
    sys.stdin.read()
    server.remove()
