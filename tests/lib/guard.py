"""The guard as a test starts it: its own folder, its own configuration, stopped by pid."""
import atexit
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("RELAY_GUARD", f"{TOP}/build/relay-guard")

DOMAINS = "example.com, mx.example.com, alias.example, vmail.example, backup.example, gateway.example"

RULES = """
    rule inbound { to = @ours        action = permit }
    rule office  { client = @friends action = permit }
    rule login   { auth = yes        action = permit }
    rule others  { action = reject  reply = "550 5.7.1 Relay access denied" }
"""


class Guard:
    all = []

    def __init__(self, rules=RULES, networks="127.0.0.0/30, ::1", events="", top=""):
        # Sendmail takes no socket below a folder that everyone may write to.
        base = "/run" if os.access("/run", os.W_OK) else None
        self.folder = tempfile.mkdtemp(prefix="relay-guard.", dir=base)
        os.chmod(self.folder, 0o755)
        os.mkdir(f"{self.folder}/log", 0o777)
        os.chmod(f"{self.folder}/log", 0o777)
        self.conf = f"{self.folder}/relay-guard.conf"
        self.socket = f"{self.folder}/milter.sock"
        self.control = f"{self.folder}/control.sock"
        self.events_path = f"{self.folder}/log/events.jsonl"
        self.process = None
        self.before = 0
        Guard.all.append(self)
        self.write_conf(rules, networks, events, top)

    def write_conf(self, rules=RULES, networks="127.0.0.0/30, ::1", events="", top="", domains=DOMAINS):
        with open(self.conf, "w") as f:
            f.write(f"""
listen = {{ "unix:{self.socket}" }}
control = "unix:{self.control}"
state = "{self.folder}/state"
user = {"relay-guard" if os.path.exists("/etc/postfix") or os.path.exists("/etc/mail") else "nobody"}
socket-mode = 0666
workers = 2
{top}
networks friends {{ members = {{ {networks} }} }}
domains ours {{ members = {{ {domains} }} }}
events {{ path = "{self.events_path}"  syslog = no  {events} }}
relay {{ {rules} }}
""")

    def start(self):
        self.log = open(f"{self.folder}/guard.log", "ab")
        self.before = self.lines()
        before = self.log_text().count("generation 1 serves")
        self.process = subprocess.Popen([BINARY, "serve", "-c", self.conf], stderr=self.log,
                                        stdin=subprocess.DEVNULL)
        self.wait_for_log("generation 1 serves", before + 1)
        return self

    def log_text(self):
        with open(f"{self.folder}/guard.log", encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait_for_log(self, text, count=1, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.log_text().count(text) >= count:
                return
            if self.process is not None and self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"the guard did not say {text!r}:\n{self.log_text()}")

    def reload(self):
        """Once that is told no session begins with the configuration of before; SIGHUP's line in the log is earlier."""
        code, _, err = self.command("reload")
        if code != 0:
            raise RuntimeError(f"not reloaded: {err}\n{self.log_text()}")

    def command(self, *words, user=None, seconds=60, where="conf"):
        """(exit code, standard output, standard error) of `relay-guard WORD...`, which asks the daemon."""
        at = ["-c", self.conf] if where == "conf" else ["--socket", self.control]
        done = subprocess.run([BINARY, words[0], *at, *words[1:]], capture_output=True, text=True, timeout=seconds,
                              user=user, group=user)
        return done.returncode, done.stdout, done.stderr

    def workers(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as f:
            return [int(p) for p in f.read().split()]

    def least_busy(self):
        """The worker with the fewest sessions, which may be none: the other has some to go on with."""
        return min(self.workers(), key=lambda pid: len(os.listdir(f"/proc/{pid}/fd")))

    def lines(self):
        if not os.path.exists(self.events_path):
            return 0
        with open(self.events_path, "rb") as f:
            return f.read().count(b"\n")

    def counted(self):
        """The events so far, as the daemon counts them before it answers; 0 when that can't be asked."""
        code, out, _ = self.command("status", "--format", "json")
        return sum(json.loads(out)["events"].values()) if code == 0 else 0

    def events(self, wait=0.3):
        """All that were counted; `wait` is for what the mail server has not told yet."""
        time.sleep(wait)
        # The writer of a busy host may be behind. What is in another file than this one never comes.
        there, end = self.before + self.counted(), time.monotonic() + 3
        while self.lines() < there and time.monotonic() < end:
            time.sleep(0.02)
        if not os.path.exists(self.events_path):
            return []
        with open(self.events_path, encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    def stop(self, seconds=20):
        """Returns the exit code."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.process = None
        return code

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@atexit.register
def remove_all():
    """Whatever a test has left behind."""
    for guard in Guard.all:
        guard.remove()
