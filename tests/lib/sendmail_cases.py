"""
Configurations of Sendmail for the audit and the import: open ones, each in a way of its own, and healthy ones.

Each open one says what must be found (id and severity), a piece of the line that must be named, and how a
stranger relays through it, which tests/live/sendmail_audit.py tries on the real Sendmail.
"""
# The stranger's name, where it is known.
NAME = "mx.stranger.example.org"
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
    Case("whoever is below a sender's domain", "relay-mail-from", "From:.example.org", "FEATURE(`lookupdotdomain')dnl\n"
         "FEATURE(`relay_mail_from', `domain')dnl\n", access="From:.example.org RELAY\n"),
    Case("a sender's domain, said twice", "relay-mail-from", "From:example.org", "FEATURE(`relay_mail_from', `domain')dnl\n"
         "FEATURE(`relay_mail_from')dnl\n", access="From:example.org RELAY\n"),
    Case("a sender's domain alone", "relay-mail-from", "From:stranger", "FEATURE(`relay_hosts_only')dnl\n"
         "FEATURE(`relay_mail_from', `domain')dnl\n", access="From:stranger.example.org RELAY\n"),
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
    Case("a rule for any address", "rule-permits-all", "$#local", "LOCAL_RULESETS\nSLocal_check_rcpt\nR<$+@$+>\t$#local\n"),
    Case("a rule that decides for the client", "rule-permits", "$#OK", severity="medium",
         mc="LOCAL_RULESETS\nSLocal_check_rcpt\nR$*\t\t$: $&{client_addr}\nR8.$*\t\t$#OK\n"),
    Case("the domain of this host is everybody's", "relay-entire-domain", "Cmnet", "FEATURE(`relay_entire_domain')dnl\n"
         "LOCAL_CONFIG\nCmnet\n", rcpt="<victim@anybody.net>"),
    Case("logins by a rule, and nobody logs in", "sasl-anonymous", "$+", "define(`confAUTH_MECHANISMS', `PLAIN ANONYMOUS')dnl\n"
         "LOCAL_RULESETS\nSLocal_Relay_Auth\nR$+\t\t$# RELAY\n", auth="AUTH ANONYMOUS Zm9v",
         files={"sasl/Sendmail.conf": "mech_list: PLAIN ANONYMOUS\n"}),
    Case("a network of the world in capitals", "networks-world", "CONNECT:8", access="CONNECT:8\t\trelay\n"),
    Case("a top-level domain behind a dot, which is looked up", "relay-domains-world", "Connect:.org", "FEATURE(`lookupdotdomain')dnl\n",
         access="Connect:.org RELAY\n"),
    Case("a name without a tag", "networks-by-name", "stranger.example.org", access="stranger.example.org RELAY\n",
         severity="medium"),
    Case("a domain with all that is below, by name", "networks-by-name", "Connect:example.org", severity="medium",
         access="Connect:example.org\tRELAY\n"),
    Case("a domain that is relayed to, and whose hosts may relay", "networks-by-name", "RELAY_DOMAIN", severity="medium",
         mc="RELAY_DOMAIN(`10.1.2 example.org')dnl\n"),
    Case("the same in a file, behind a dot", "networks-by-name", ".example.org", severity="medium",
         files={"relay-domains": "10.1.2\nbackup.example\n.example.org\n"}),
    Case("the same, as this very host", "networks-by-name", "stranger.example.org", "FEATURE(`relay_hosts_only')dnl\n",
         severity="medium", files={"relay-domains": f"{NAME}\n"}),
    Case("virtual domains, whose hosts may relay", "networks-by-name", "VIRTUSER_DOMAIN", severity="medium",
         mc="VIRTUSER_DOMAIN(`vmail.example example.org')dnl\n"),
    Case("a bare newline ends a message", "bare-newline", "Srv_Features:", access="Srv_Features: O U G\n", severity="medium",
         live=False),
    Case("the same by a rule", "bare-newline", "$# O G", "LOCAL_SRV_FEATURES\nR$*\t\t$# O G\n", severity="medium", live=False),
    Case("a bare newline is passed on", "bare-newline", "Srv_Features:", access="Srv_Features:\tG\n", severity="low", live=False),
    Case("passwords in the clear, and nobody ruled out", "auth-plaintext", "confAUTH_OPTIONS",
         "define(`confAUTH_OPTIONS', `A y')dnl\n", severity="medium", live=False),
    Case("passwords in the clear", "auth-plaintext", "confAUTH_MECHANISMS", severity="medium", live=False),
    Case("a filter with a letter that Sendmail does not know", "milter-accept", "F=t", severity="medium", live=False,
         mc="INPUT_MAIL_FILTER(`guard', `S=unix:/run/none.sock, F=t')dnl\n"),
    Case("a filter that nobody asks", "milter-unused", "MAIL_FILTER", severity="medium", live=False,
         mc="MAIL_FILTER(`guard', `S=unix:/run/none.sock, F=T')dnl\n"),
    Case("a network with a mask, which is none", "relay-entry-dead", "Connect:8.0.0.0/5", access="Connect:8.0.0.0/5 RELAY\n",
         severity="low", live=False),
    Case("rates without a rate", "no-rate-limit", "", "FEATURE(`delay_checks')FEATURE(`ratecontrol', `nodelay')dnl\n",
         severity="low", live=False),
    Case("VRFY", "vrfy", "confPRIVACY_FLAGS", "define(`confPRIVACY_FLAGS', `needmailhelo,noexpn')dnl\n", severity="low",
         live=False),
    Case("files that others may write", "unsafe-files", "confDONT_BLAME_SENDMAIL",
         "define(`confDONT_BLAME_SENDMAIL', `GroupWritableDirPathSafe')dnl\n", severity="low", live=False),
    Case("an old version", "version-old", "", severity="medium", live=False),
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

# What looks open, and was tried: the server refuses, and the audit has nothing that is high.
CLOSED = [
    Case("brackets", "relay-entry-dead", "[8", access="Connect:[8.8.4.4] RELAY\n"),
    Case("a dot behind", "relay-entry-dead", "8.", access="8.\tRELAY\n"),
    Case("a dot before", "relay-entry-dead", ".org", access="Connect:.org RELAY\n"),
    Case("the whole world, as a mask", "relay-entry-dead", "0.0.0.0/0", files={"relay-domains": "0.0.0.0/0\n"}),
    Case("a star", "relay-entry-dead", "*", access="Connect:* RELAY\n"),
    Case("nothing behind the tag", "relay-entry-dead", "Connect:", access="Connect: RELAY\n"),
    Case("OK is not RELAY", None, "", access="Connect:8 OK\n"),
    Case("a comment behind RELAY", None, "", access="Connect:8 RELAY # for now\n"),
    Case("a sender without the feature", None, "", access="From:stranger.example.org RELAY\n"),
    Case("a sender's domain where only addresses are asked for", None, "", "FEATURE(`relay_mail_from')dnl\n",
         access="From:stranger.example.org RELAY\n"),
    Case("the word in another case", None, "", "FEATURE(`relay_mail_from', `Domain')dnl\n",
         access="From:stranger.example.org RELAY\n"),
    Case("a sender's domain taken back", None, "", "FEATURE(`relay_mail_from', `domain')dnl\nundefine(`_RELAY_DB_FROM_DOMAIN_')dnl\n",
         access="From:stranger.example.org RELAY\n"),
    Case("a sender without a domain, one without a user, and dots", None, "", "FEATURE(`relay_mail_from', `domain')dnl\n",
         access="From:a@ RELAY\nFrom:@stranger.example.org RELAY\nFrom:stranger.example.org. RELAY\n"
                "From:.example.org RELAY\nFrom:a@stranger.example.org. RELAY\n"),
    Case("a dot before a sender's domain, and hosts alone", None, "", "FEATURE(`relay_hosts_only')dnl\nFEATURE(`lookupdotdomain')dnl\n"
         "FEATURE(`relay_mail_from', `domain')dnl\n", access="From:.example.org RELAY\n"),
    Case("hosts alone", None, "", "FEATURE(`relay_hosts_only')dnl\nRELAY_DOMAIN(`net')dnl\n", access="To:net RELAY\n"),
    Case("a login is asked for", "promiscuous-relay", "", "FEATURE(`promiscuous_relay')dnl\n",
         edit=lambda cf: cf.replace("Name=MTA, ", "Name=MTA, M=a, ").replace("Name=MTA6, ", "Name=MTA6, M=a, ")),
    Case("nobody is trusted, and not offered", "sasl-anonymous", "", "define(`confAUTH_MECHANISMS', `PLAIN ANONYMOUS')dnl\n"
         "define(`confAUTH_OPTIONS', `A p y')dnl\nTRUST_AUTH_MECH(`ANONYMOUS')dnl\n", auth="AUTH ANONYMOUS Zm9v",
         files={"sasl/Sendmail.conf": "mech_list: PLAIN ANONYMOUS\n"}),
    Case("logins by a rule", None, "", "LOCAL_RULESETS\nSLocal_Relay_Auth\nR$+\t\t$# RELAY\n"),
    Case("a rule that ends with OK", None, "", LOCAL.format("Local_check_rcpt", "$@ OK")),
    Case("a rule that refuses all", None, "", LOCAL.format("Local_check_rcpt", '$#error $@ 5.7.1 $: "550 no"')),
    Case("a rule that is never reached", None, "", "LOCAL_RULESETS\nSLocal_check_rcpt\nR$*\t\t$@ OK\nR$*\t\t$#OK\n"),
    Case("another text of the denial", None, "", "define(`confRELAY_MSG', `\"550 Go away\"')dnl\n"),
]

HEALTHY = {
    "as the tests have it": "",
    "backup MX": "RELAY_DOMAIN(`backup.example other.example.org')dnl\n",
    "virtual domains": "VIRTUSER_DOMAIN(`vmail.example shop.example.org')dnl\n",
    "a guard": "INPUT_MAIL_FILTER(`relay-guard', `S=unix:/run/none.sock, F=T, T=S:30s;R:30s;E:5m')dnl\n",
    "a strict server": "define(`confPRIVACY_FLAGS', `goaway')dnl\nFEATURE(`relay_hosts_only')dnl\n"
                       "FEATURE(`delay_checks')dnl\nFEATURE(`ratecontrol', `nodelay', `terminate')dnl\n",
    "checks that wait": "FEATURE(`delay_checks', `friend')dnl\n",
    "a rule that refuses": "LOCAL_RULESETS\nSLocal_check_rcpt\nR$*bad$*\t\t$#error $@ 5.7.1 $: \"550 no\"\n",
}

# The same said in other words, as m4 takes them: each opens the server to strangers as FEATURE(`promiscuous_relay') does, or to those whom `access` permits.
PROMISCUOUS, WORLD = "promiscuous-relay", "networks-world"
SPELLINGS = [
    ("without quotes", PROMISCUOUS, "FEATURE(promiscuous_relay)dnl\n"),
    ("with blanks and an empty argument", PROMISCUOUS, "FEATURE(\n  `promiscuous_relay', `')\n"),
    ("behind #, which is no comment in m4", PROMISCUOUS, "# FEATURE(`promiscuous_relay')dnl\n"),
    ("while text is thrown away", PROMISCUOUS, "divert(-1)\nFEATURE(`promiscuous_relay')\ndivert(0)dnl\n"),
    ("by a macro", PROMISCUOUS, "define(`OPEN', `FEATURE(`promiscuous_relay')')dnl\nOPEN\n"),
    ("on a condition that holds", PROMISCUOUS, "define(`LAB')dnl\nifdef(`LAB', `FEATURE(`promiscuous_relay')dnl')\n"),
    ("by comparison", PROMISCUOUS, "define(`SITE_NAME', `a')dnl\nifelse(SITE_NAME, `a', `FEATURE(`promiscuous_relay')', `dnl')\n"),
    ("a network behind other quotes", WORLD, "changequote([, ])dnl\ndefine([OURS], [8])dnl\nchangequote(`, ')dnl\nRELAY_DOMAIN(OURS)dnl\n"),
    ("a network in a class of one's own line", WORLD, "LOCAL_CONFIG\nCR 8\n"),
    ("the same in braces", WORLD, "LOCAL_CONFIG\nC{R}10.1.2 8 10.1.3\n"),
    ("a network by a macro", WORLD, "define(`OURS', `8')dnl\nRELAY_DOMAIN(`10.1.2 OURS')dnl\n"),
    ("a network over several lines", WORLD, "RELAY_DOMAIN(`10.1.2\n\t8')dnl\n"),
    ("a domain by way of the virtual ones", "relay-domains-world", "VIRTUSER_DOMAIN(`net')dnl\n"),
]
# What looks like it, and is not.
CLOSED_SPELLINGS = [
    ("behind dnl", "dnl FEATURE(`promiscuous_relay')\n"),
    ("in quotes", "`# FEATURE(`promiscuous_relay')'\n"),
    ("a macro that is not there", "ifdef(`LAB', `FEATURE(`promiscuous_relay')')dnl\n"),
    ("taken back", "FEATURE(`promiscuous_relay')dnl\nundefine(`_PROMISCUOUS_RELAY_')dnl\n"),
    ("taken back, too", "FEATURE(`relay_local_from')dnl\nundefine(`_RELAY_LOCAL_FROM_')dnl\n"),
    ("never called", "define(`OPEN', `FEATURE(`promiscuous_relay')')dnl\n"),
]
