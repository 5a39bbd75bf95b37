"""
Configurations of Sendmail for the audit and the import: open ones, each in a way of its own, and healthy ones.

Each open one says what must be found (id and severity), a piece of the line that must be named, and how a
stranger relays through it, which tests/live/sendmail_audit.py tries on the real Sendmail.
"""
VICTIM = "<victim@ext.example.net>"
SENDER = "<a@stranger.example.org>"


class Case:
    def __init__(self, name, find, at, mc="", severity="high", access="", files=None, edit=None, sender=SENDER,
                 rcpt=VICTIM, auth=None, live=True, others=()):
        self.name, self.find, self.at, self.severity = name, find, at, severity
        self.mc, self.access, self.files, self.edit = mc, access, files or {}, edit
        self.sender, self.rcpt, self.auth, self.live = sender, rcpt, auth, live
        self.others = others  # further findings of severity high that belong to it


def without_denial(cf):
    return "".join(line for line in cf.splitlines(True) if "elaying denied" not in line)


def permit_in_relay_ok(cf):
    return cf.replace("SRelay_ok\n", "SRelay_ok\nR$*\t\t\t$@ RELAY\n")


LOCAL = "LOCAL_RULESETS\nS{}\nR$*\t\t\t{}\n"
OPEN = [
    Case("promiscuous", "promiscuous-relay", "promiscuous_relay", "FEATURE(`promiscuous_relay')dnl\n"),
    Case("who says he is ours", "relay-local-from", "relay_local_from", "FEATURE(`relay_local_from')dnl\n",
         sender="<alice@example.com>"),
    Case("a sender that may relay", "relay-mail-from", "boss@partner.example.org", "FEATURE(`relay_mail_from')dnl\n",
         access="From:boss@partner.example.org RELAY\n", sender="<boss@partner.example.org>"),
    Case("a sender's domain that may relay", "relay-mail-from", "partner.example.org",
         "FEATURE(`relay_mail_from', `domain')dnl\n", access="From:partner.example.org\tRELAY\n",
         sender="<any@partner.example.org>"),
    Case("a network of the world, in the access map", "networks-world", "Connect:8", access="Connect:8 RELAY\n"),
    Case("the same without a tag", "networks-world", "8\tRELAY", access="8\tRELAY\n"),
    Case("a network of the world, as RELAY_DOMAIN", "networks-world", "RELAY_DOMAIN", "RELAY_DOMAIN(`8')dnl\n"),
    Case("a network of the world, in a file", "networks-world", "8", files={"relay-domains": "# ours\n\n8\n"}),
    Case("clients of a top-level domain, by name", "relay-domains-world", "Connect:org", access="Connect:org RELAY\n"),
    Case("recipients in a top-level domain", "relay-domains-world", "To:net", access="To:net RELAY\n",
         rcpt="<victim@anybody.net>"),
    Case("clients and recipients in one", "relay-domains-world", "net RELAY", access="net RELAY\n",
         rcpt="<victim@anybody.net>"),
    Case("a top-level domain as RELAY_DOMAIN", "relay-domains-world", "RELAY_DOMAIN", "RELAY_DOMAIN(`backup.example net')dnl\n",
         rcpt="<victim@anybody.net>"),
    Case("a public suffix in a file", "relay-domains-world", "co.uk", files={"relay-domains": "co.uk\n"},
         rcpt="<victim@anybody.co.uk>"),
    Case("nobody logs in", "sasl-anonymous", "TRUST_AUTH_MECH", "define(`confAUTH_MECHANISMS', `PLAIN ANONYMOUS')dnl\n"
         "TRUST_AUTH_MECH(`ANONYMOUS')dnl\n", auth="AUTH ANONYMOUS Zm9v",
         files={"sasl/Sendmail.conf": "mech_list: PLAIN ANONYMOUS\n"}),
    Case("a rule of one's own", "rule-permits-all", "$# OK", LOCAL.format("Local_check_rcpt", "$# OK")),
    Case("another", "rule-permits-all", "$#RELAY", LOCAL.format("Local_check_rcpt", "$#RELAY")),
    Case("a rule for logins that permits all", "rule-permits-all", "$# RELAY", LOCAL.format("Local_Relay_Auth", "$# RELAY")),
    Case("a line in sendmail.cf", "rule-permits-all", "$@ RELAY", edit=permit_in_relay_ok),
    Case("a line missing in sendmail.cf", "relay-control-missing", "", edit=without_denial),
    Case("no second look at a route", "loose-relay-check", "loose_relay_check", "FEATURE(`loose_relay_check')dnl\n",
         severity="medium", rcpt="<victim%ext.example.net@backup.example>"),
    Case("whoever has us as MX", "relay-based-on-mx", "relay_based_on_MX", "FEATURE(`relay_based_on_MX')dnl\n",
         severity="medium", live=False),
    Case("every host of the domain", "relay-entire-domain", "relay_entire_domain", "FEATURE(`relay_entire_domain')dnl\n",
         severity="medium", live=False),
    Case("whomever an authority knows", "cert-issuer", "CertIssuer", access="CertIssuer:/CN=Test+20CA RELAY\n",
         severity="medium", live=False),
    Case("clients by a name", "networks-by-name", "Connect:office.example.org", severity="medium", live=False,
         access="Connect:office.example.org RELAY\n"),
    Case("the bridge of containers", "networks-gateway", "Connect:172.17", severity="medium", live=False,
         access="Connect:172.17 RELAY\n"),
    Case("a filter that may be away", "milter-accept", "INPUT_MAIL_FILTER",
         "INPUT_MAIL_FILTER(`guard', `S=unix:/run/none.sock')dnl\n", severity="medium", live=False),
    Case("a filter that nobody defines", "milter-undefined", "confINPUT_MAIL_FILTERS",
         "define(`confINPUT_MAIL_FILTERS', `ghost')dnl\n", severity="medium", live=False),
    Case("a listener without the filter", "milter-absent", "Name=SIDE", severity="medium", live=False,
         mc="INPUT_MAIL_FILTER(`guard', `S=unix:/run/none.sock, F=T')dnl\n"
            "DAEMON_OPTIONS(`Name=SIDE, Addr=127.0.0.1, Port=10099, InputMailFilters=')dnl\n"),
]

HEALTHY = {
    "as the tests have it": "",
    "backup MX": "RELAY_DOMAIN(`backup.example other.example.org')dnl\n",
    "virtual domains": "VIRTUSER_DOMAIN(`vmail.example shop.example.org')dnl\n",
    "a guard": "INPUT_MAIL_FILTER(`relay-guard', `S=unix:/run/none.sock, F=T, T=S:30s;R:30s;E:5m')dnl\n",
    "a strict server": "define(`confPRIVACY_FLAGS', `goaway')dnl\nFEATURE(`relay_hosts_only')dnl\n"
                       "FEATURE(`ratecontrol', `nodelay', `terminate')dnl\n",
    "checks that wait": "FEATURE(`delay_checks', `friend')dnl\n",
    "a rule that refuses": "LOCAL_RULESETS\nSLocal_check_rcpt\nR$*bad$*\t\t$#error $@ 5.7.1 $: \"550 no\"\n",
}
