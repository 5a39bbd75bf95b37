"""
A real Postfix and a real Sendmail, for tests that run inside tests/live/sandbox.sh.

Both keep example.com and localhost, relay for backup.example and gateway.example, know
alice and bob, and send everything else to a sink on 127.0.0.1. Strangers come from 127.0.0.66 (only
127.0.0.0/30 is trusted), or by XCLIENT on Postfix.
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import time

SINK = 10026


def run(*argv, stdin=None, env=None):
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, env=env, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"{argv}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def write(path, text, mode=0o644):
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    # Postfix waits a second or two before it believes a file that is just being written.
    if path.startswith("/etc/postfix/"):
        os.utime(path, (time.time() - 60, time.time() - 60))


def without_doubles(main, extra):
    """
    main.cf with these settings in the place of its own. Of one that stands there twice every process warns, postlogd
    through its own socket: when that is full it waits for itself for ever, and all others for it.
    """
    names = {line.split("=")[0].strip() for line in extra.split("\n") if line[:1] not in ("", " ", "\t", "#")}
    return "".join(f"{line}\n" for line in main.split("\n") if line.split("=")[0].strip() not in names or not line) + extra


def wait_for_port(port, seconds=20, host="127.0.0.1"):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            socket.create_connection((host, port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nothing answers on {host}:{port}")


def certificates(folder):
    """A CA, a server and a client certificate."""
    if os.path.exists(f"{folder}/client.pem"):
        return
    os.makedirs(folder, exist_ok=True)

    def openssl(*argv):
        run("openssl", *argv)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=Test CA",
            "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem")
    for name, subject in (("server", "/CN=mx.example.com"), ("client", "/CN=client.example.net")):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", subject,
                "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.csr")
        openssl("x509", "-req", "-in", f"{folder}/{name}.csr", "-CA", f"{folder}/ca.pem",
                "-CAkey", f"{folder}/ca.key", "-CAcreateserial", "-days", "30",
                "-out", f"{folder}/{name}.pem")
        os.chmod(f"{folder}/{name}.key", 0o600)


def passwords(path, group):
    for user in ("alice", "bob"):
        run("saslpasswd2", "-p", "-c", "-f", path, "-u", "example.com", user, stdin=f"secret-{user}")
    shutil.chown(path, "root", group)
    os.chmod(path, 0o640)


def postfix(word, patience=60):
    """`postfix WORD`. On a busy host its postlog was seen to wait for ever for a postlogd that had gone."""
    with subprocess.Popen(["postfix", word], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          start_new_session=True) as p:
        try:
            text, _ = p.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            raise
    return p.returncode, text


def smtpds():
    """The process numbers of all smtpd that live: whom nobody reaps stays in the list for ever."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="latin-1") as f:
                if re.match(r"\d+ \(smtpd\) [^ZX]", f.read()):
                    found.add(int(pid))
        except OSError:
            pass
    return found


class Postfix:
    name = "postfix"

    def __init__(self, port=10025, milter=None, is_open=False, extra=""):
        self.port, self.milter, self.is_open, self.extra = port, milter, is_open, extra
        self.log = "/var/log/mail.log"
        self.tls = "/etc/postfix/tls"
        self.services = ""  # more of master.cf

    def configure(self):
        certificates(self.tls)
        os.makedirs("/etc/postfix/sasl", exist_ok=True)
        write("/etc/postfix/sasl/smtpd.conf",
              "pwcheck_method: auxprop\nauxprop_plugin: sasldb\n"
              "sasldb_path: /etc/postfix/sasl/db\nmech_list: PLAIN LOGIN CRAM-MD5\n")
        if not os.path.exists("/etc/postfix/sasl/db"):
            passwords("/etc/postfix/sasl/db", "postfix")
        networks = "0.0.0.0/0 [::]/0" if self.is_open else "127.0.0.0/30"
        write("/etc/postfix/main.cf", without_doubles(f"""
compatibility_level = 3.6
maillog_file = {self.log}
myhostname = mx.example.com
myorigin = example.com
mydestination = example.com, localhost, mx.example.com
local_recipient_maps =
local_transport = discard
alias_maps =
alias_database =
virtual_alias_domains = alias.example
virtual_alias_maps = inline:{{ info@alias.example=bob@example.com }}
virtual_mailbox_domains = vmail.example
virtual_mailbox_maps = inline:{{ bob@vmail.example=bob }}
virtual_transport = discard
relay_domains = backup.example, gateway.example
relay_recipient_maps =
transport_maps = inline:{{ gateway.example=smtp:[127.0.0.1]:{SINK} }}
relay_transport = relay:[127.0.0.1]:{SINK}
relayhost = [127.0.0.1]:{SINK}
mynetworks = {networks}
inet_interfaces = loopback-only
inet_protocols = all
disable_dns_lookups = yes
smtp_host_lookup = native
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_authorized_xclient_hosts = 127.0.0.0/8
milter_default_action = tempfail
smtpd_milters = {self.milter or ''}
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = /etc/postfix/sasl
smtpd_sasl_local_domain = example.com
smtpd_sasl_security_options = noanonymous
smtpd_tls_security_level = may
smtpd_tls_cert_file = {self.tls}/server.pem
smtpd_tls_key_file = {self.tls}/server.key
smtpd_tls_CAfile = {self.tls}/ca.pem
smtpd_tls_ask_ccert = yes
smtpd_tls_session_cache_database =
smtp_tls_security_level = none
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 100000
smtpd_hard_error_limit = 100000
smtpd_recipient_limit = 100000
smtpd_recipient_overshoot_limit = 100000
in_flow_delay = 0
""", self.extra))
        services = "".join(
            f"{name} unix {private} - n {wakeup} {limit} {program}\n"
            for name, private, wakeup, limit, program in (
                ("cleanup", "n", "-", 0, "cleanup"), ("qmgr", "n", 300, 1, "qmgr"),
                ("pickup", "n", 60, 1, "pickup"), ("tlsmgr", "-", "1000?", 1, "tlsmgr"),
                ("rewrite", "-", "-", "-", "trivial-rewrite"), ("bounce", "-", "-", 0, "bounce"),
                ("defer", "-", "-", 0, "bounce"), ("trace", "-", "-", 0, "bounce"),
                ("verify", "-", "-", 1, "verify"), ("proxymap", "-", "-", "-", "proxymap"),
                ("smtp", "-", "-", "-", "smtp"), ("relay", "-", "-", "-", "smtp"),
                ("showq", "n", "-", "-", "showq"), ("error", "-", "-", "-", "error"),
                ("retry", "-", "-", "-", "error"), ("discard", "-", "-", "-", "discard"),
                ("anvil", "-", "-", 1, "anvil"), ("scache", "-", "-", 1, "scache"),
                ("flush", "n", "1000?", 0, "flush")))
        write("/etc/postfix/master.cf",
              f"127.0.0.1:{self.port} inet n - n - 200 smtpd\n"
              f"[::1]:{self.port} inet n - n - 200 smtpd\n"
              f"{self.services}{services}postlog unix-dgram n - n - 1 postlogd\n")

    def start(self):
        os.makedirs("/var/spool/postfix", exist_ok=True)
        self.configure()
        shutil.chown("/var/lib/postfix", "postfix")
        postfix("set-permissions")
        try:
            code, text = postfix("start")
        except subprocess.TimeoutExpired:
            code, text = postfix("start")
        if code != 0 and "already running" not in text:
            raise RuntimeError(f"postfix start: exit {code}\n{text}")
        wait_for_port(self.port)

    @staticmethod
    def reload():
        """What `postfix reload` does, without looking at all of its files first."""
        with open("/var/spool/postfix/pid/master.pid") as f:
            os.kill(int(f.read()), signal.SIGHUP)

    def reconfigure(self, milter=None, is_open=None):
        """Other settings, without another start."""
        self.milter = milter
        self.is_open = self.is_open if is_open is None else is_open
        self.configure()
        old = smtpds()
        self.reload()
        # Processes that still wait with the old settings end with their next client.
        end = time.monotonic() + 5
        while old & smtpds() and time.monotonic() < end:
            for port in [self.port, *re.findall(r"^127\.0\.0\.1:(\d+) inet", self.services, re.MULTILINE)]:
                for host in ("127.0.0.1", "::1"):
                    try:
                        socket.create_connection((host, int(port)), 2).close()
                    except OSError:
                        pass
            time.sleep(0.05)
        time.sleep(0.2)

    def stop(self):
        try:
            postfix("stop")
        except subprocess.TimeoutExpired:
            subprocess.run(["pkill", "-KILL", "-x", "master"], timeout=20, check=False)


class Sendmail:
    name = "sendmail"
    binary = "/usr/libexec/sendmail/sendmail"

    def __init__(self, port=10025, milter=None, is_open=False, extra=""):
        self.port, self.milter, self.is_open, self.extra = port, milter, is_open, extra
        self.flags = "F=T, "  # of the milter
        self.log = "/var/log/mail.log"
        self.tls = "/etc/mail/tls"
        self.more_access = ""
        self.process = None
        self.syslogd = None

    def macro_file(self):
        filter_line = ""
        if self.milter:
            filter_line = (f"INPUT_MAIL_FILTER(`relay-guard', `S={self.milter}, {self.flags}"
                           "T=S:30s;R:30s;E:5m')dnl\n")
        return f"""divert(0)dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `mx.example.com')dnl
define(`confPID_FILE', `/run/sendmail.pid')dnl
define(`STATUS_FILE', `/etc/mail/statistics')dnl
define(`ALIAS_FILE', `/etc/mail/aliases')dnl
define(`confCW_FILE', `-o /etc/mail/local-host-names')dnl
define(`confSERVICE_SWITCH_FILE', `/etc/mail/service.switch')dnl
define(`QUEUE_DIR', `/var/spool/mqueue')dnl
define(`confTO_IDENT', `0')dnl
define(`confREFUSE_LA', `0')dnl
define(`confQUEUE_LA', `9999')dnl
define(`confDELAY_LA', `0')dnl
define(`confMAX_DAEMON_CHILDREN', `0')dnl
define(`confBAD_RCPT_THROTTLE', `0')dnl
define(`confLOG_LEVEL', `10')dnl
define(`confTRY_NULL_MX_LIST', `True')dnl
define(`SMART_HOST', `relay:[127.0.0.1]')dnl
define(`RELAY_MAILER_ARGS', `TCP $h {SINK}')dnl
define(`confAUTH_MECHANISMS', `PLAIN LOGIN CRAM-MD5')dnl
TRUST_AUTH_MECH(`PLAIN LOGIN CRAM-MD5')dnl
define(`confAUTH_REALM', `example.com')dnl
define(`confCACERT_PATH', `{self.tls}')dnl
define(`confCACERT', `{self.tls}/ca.pem')dnl
define(`confSERVER_CERT', `{self.tls}/server.pem')dnl
define(`confSERVER_KEY', `{self.tls}/server.key')dnl
define(`LOCAL_MAILER_PATH', `/etc/mail/lda.sh')dnl
define(`LOCAL_MAILER_ARGS', `lda.sh $u')dnl
define(`LOCAL_SHELL_PATH', `/etc/mail/lda.sh')dnl
MODIFY_MAILER_FLAGS(`LOCAL', `-w')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`use_cw_file')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`access_db', `hash -T<TMPF> -o /etc/mail/access')dnl
{"FEATURE(`promiscuous_relay')dnl" if self.is_open else "dnl"}
DAEMON_OPTIONS(`Name=MTA, Family=inet, Addr=127.0.0.1, Port={self.port}')dnl
DAEMON_OPTIONS(`Name=MTA6, Family=inet6, Addr=::1, Port={self.port}')dnl
{filter_line}{self.extra}
MAILER(`local')dnl
MAILER(`smtp')dnl
LOCAL_CONFIG
ESASL_CONF_PATH=/etc/mail/sasl
"""

    def configure(self):
        certificates(self.tls)
        for folder, mode in (("/etc/mail/sasl", 0o755), ("/var/spool/mqueue", 0o700),
                             ("/var/spool/clientmqueue", 0o770)):
            os.makedirs(folder, exist_ok=True)
            os.chmod(folder, mode)
        # Sendmail trusts no file in a folder that others may write to.
        os.chmod(self.binary, 0o755)
        write("/etc/mail/lda.sh", "#!/bin/sh\ncat >/dev/null\n", 0o755)
        for path in ("/etc/mail/aliases", "/etc/mail/statistics"):
            write(path, "")
        write("/etc/mail/local-host-names", "example.com\nlocalhost\nmx.example.com\n")
        write("/etc/mail/service.switch", "hosts files\naliases files\npasswd files\n")
        write("/etc/mail/sasl/Sendmail.conf",
              "pwcheck_method: auxprop\nauxprop_plugin: sasldb\n"
              "sasldb_path: /etc/mail/sasl/db\nmech_list: PLAIN LOGIN CRAM-MD5\n", 0o600)
        if not os.path.exists("/etc/mail/sasl/db"):
            passwords("/etc/mail/sasl/db", "root")
            os.chmod("/etc/mail/sasl/db", 0o600)
        write("/etc/mail/sendmail.mc", self.macro_file())
        cf = "/usr/share/sendmail/cf"
        write("/etc/mail/sendmail.cf",
              run("m4", f"-D_CF_DIR_={cf}/", f"{cf}/m4/cf.m4", "/etc/mail/sendmail.mc"))
        access = "Connect:127.0.0.1 RELAY\nTo:backup.example RELAY\nTo:gateway.example RELAY\n"
        write("/etc/mail/access", access + self.more_access)
        run("/usr/libexec/sendmail/makemap", "-C", "/etc/mail/sendmail.cf", "hash",
            "/etc/mail/access", stdin=access + self.more_access)
        run(self.binary, "-C", "/etc/mail/sendmail.cf", "-bi")

    def start(self):
        if self.syslogd is None:
            from syslogd import Syslogd
            write(self.log, "")
            self.syslogd = Syslogd(self.log)
        self.configure()
        self.process = subprocess.Popen(
            [self.binary, "-C", "/etc/mail/sendmail.cf", "-bD", "-q1h"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self.port)

    def reconfigure(self, milter=None, is_open=None):
        self.stop()
        self.milter = milter
        self.is_open = self.is_open if is_open is None else is_open
        self.start()

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(20)
            self.process = None


def make(name, **options):
    return {"postfix": Postfix, "sendmail": Sendmail}[name](**options)
