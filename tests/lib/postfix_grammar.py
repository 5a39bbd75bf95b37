"""
Random configurations of Postfix: main.cf, listeners with overrides, and tables. With each come the clients, names, senders
and recipients by which a stranger could make use of what stands in it.
"""
import random

ETC = "/etc/postfix"
CLIENT, HELO, SENDER = "smtpd_client_restrictions", "smtpd_helo_restrictions", "smtpd_sender_restrictions"
RELAY, RECIPIENT = "smtpd_relay_restrictions", "smtpd_recipient_restrictions"
LISTS = [CLIENT, HELO, SENDER, RELAY, RECIPIENT]

# What trivial-rewrite reads, too: a listener can't have its own.
SHARED = ["relay_domains", "parent_domain_matches_subdomains", "transport_maps", "virtual_alias_maps"]

# Who a client is: one whom the owner named, one who can be it under a condition, anybody.
FRIEND, NEIGHBOUR, STRANGER = range(3)

# (network, one of its addresses, who that is)
NETWORKS = [
    ("192.0.2.0/24", "192.0.2.9", FRIEND), ("198.51.100.7", "198.51.100.7", FRIEND),
    ("[2001:db8:5::]/48", "2001:db8:5::9", FRIEND), ("10.1.2.0/24", "10.1.2.9", FRIEND),
    ("45.128.0.0/10", "45.130.1.1", NEIGHBOUR), ("80.0.0.0/12", "80.7.1.1", NEIGHBOUR),
    ("200.0.0.0/7", "201.7.7.7", STRANGER), ("90.0.0.0/8", "90.7.7.7", STRANGER),
    ("0.0.0.0/0", "91.198.3.4", STRANGER), ("[::]/0", "2a01:4f8::5", STRANGER),
]
NAMES = [("mail.partner.example.org", NEIGHBOUR), (".partner.example.org", NEIGHBOUR), ("net", STRANGER),
         (".net", STRANGER)]

# Of whom nobody has heard.
ADDRESSES = ["91.198.3.4", "185.5.5.5", "2a01:4f8::5"]
UNHEARD_HELOS = [None, "mx.unheard.org", "91.198.3.4", "198.51.100.77"]
UNHEARD_SENDERS = ["a@unheard.org", ""]
OUTSIDE = ["victim@outside.org", "x@other.outside.net", "victim%outside.org@example.com"]
ROUTED = ["@example.com:victim@outside.org", "outside.org!victim@example.com", "victim%outside.org@backup.example",
          "victim@outside.org@example.com", '"victim@outside.org"@example.com']

# Keys of tables that are asked for a name, with what matches them.
HELO_KEYS = [("mail.partner.example.org", "mail.partner.example.org"), ("partner.example.org", "x.partner.example.org"),
             ("partner.example.org", "partner.example.org"), ("localhost", "localhost"), ("91.198.3.4", "91.198.3.4")]
SENDER_KEYS = [("partner.example.org", "u@partner.example.org"), ("boss@", "boss@unheard.org"), ("<>", ""),
               ("example.com", "u@example.com"), ("bob@example.com", "bob@example.com"),
               ("partner.example.org", "u@sub.partner.example.org")]
RECIPIENT_KEYS = [("postmaster@", "postmaster@outside.org"), ("net", "x@other.outside.net"), ("example.com", None),
                  (".net", "x@other.outside.net"),
                  ("bob@special.example.org", None), ("special.example.org", None)]
HELO_PATTERNS = [("/^mail\\./", "mail.unheard.org"), ("/partner/", "a.partner.example.org"), ("/./", "mx.unheard.org"),
                 ("/^\\[/", "[91.198.3.4]"), ("!/\\./", "localhost")]
SENDER_PATTERNS = [("/@partner\\.example\\.org$/", "x@partner.example.org"), ("/^boss@/", "boss@unheard.org"),
                   ("/./", "a@unheard.org"), ("!/@/", ""), ("/^<>$/", "")]
RECIPIENT_PATTERNS = [("/^postmaster@/", "postmaster@outside.org"), ("/@special\\.example\\.org$/", None),
                      ("/./", "victim@outside.org"), ("/@example\\.com$/", None), ("/%/", None), ("!/@example/", None)]
CLIENT_PATTERNS = [("/\\.partner\\.example\\.org$/", "mail.partner.example.org", NEIGHBOUR),
                   ("/^192\\.0\\.2\\./", "192.0.2.9", FRIEND), ("/./", None, STRANGER),
                   ("/^unknown$/", None, STRANGER), ("!/unknown/", None, STRANGER)]

HARMLESS = ["reject_unauth_pipelining", "reject_invalid_helo_hostname", "reject_non_fqdn_sender", "permit_sasl_authenticated",
            "reject_unlisted_sender", "permit_inet_interfaces", "reject_non_fqdn_helo_hostname", "sleep 0",
            "reject_non_fqdn_recipient", "reject_multi_recipient_bounce"]
CONTROLS = ["reject_unauth_destination"] * 5 + ["defer_unauth_destination"] * 2 + ["reject", "defer"]


class World:
    """One main.cf and its listeners; lists are lists of elements, files lists of lines, so that they can be shrunk."""

    def __init__(self):
        self.main, self.files, self.listeners = {}, {}, []
        # Each with the table that it makes use of, so that it is only tried where that is asked; None: everywhere.
        self.helos = [(h, None) for h in UNHEARD_HELOS]
        self.senders = [(a, None) for a in UNHEARD_SENDERS]
        self.recipients = [(r, None) for r in OUTSIDE]
        self.clients = [(ADDRESSES[0], "[UNAVAILABLE]", STRANGER), (ADDRESSES[1], "host-9.isp.unheard.net", STRANGER),
                        (ADDRESSES[2], "mx.unheard.org", STRANGER)]
        self.style = None


    def text(self, number):
        """What a listener heeds."""
        return str({**self.main, **self.listeners[number]})

    def tried(self, number, values):
        """The values that may matter to a listener."""
        text = self.text(number)
        return list(dict.fromkeys(v for v, table in values if table is None or table in text))


def add(values, value):
    if value not in values:
        values.append(value)


class Maker:
    """Makes worlds; each seed gives the same ones."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.world = None
        self.tables = 0

    def maybe(self, share):
        return self.r.random() < share

    def new_file(self, kind, lines):
        self.tables += 1
        name = f"t{self.tables}"
        self.world.files[name] = lines
        return f"{kind}:{ETC}/{name}"

    # --- who ----------------------------------------------------------------

    def network(self):
        """The wide ones are rare."""
        while True:
            text, member, who = self.r.choice(NETWORKS)
            if who == FRIEND or self.maybe(0.2 if who == NEIGHBOUR else 0.1):
                add(self.world.clients, (member, "[UNAVAILABLE]", who))
                return text

    def name(self):
        while True:
            text, who = self.r.choice(NAMES)
            if who == NEIGHBOUR or self.maybe(0.2):
                if who == NEIGHBOUR:
                    add(self.world.clients, (ADDRESSES[0], "mail.partner.example.org", NEIGHBOUR))
                return text

    def networks(self):
        """The elements of a list of networks."""
        found = []
        for _ in range(self.r.randint(0, 3)):
            kind = self.r.random()
            if kind < 0.5:
                found.append(self.network())
            elif kind < 0.58:
                found.append("!" + self.network())
            elif kind < 0.68:
                self.new_file("", [self.network() for _ in range(self.r.randint(1, 2))])
                found.append(f"{ETC}/t{self.tables}")
            elif kind < 0.78:
                found.append(self.new_file("cidr", [f"{self.network()} OK".replace("[", "").replace("]", "")
                                                    for _ in range(self.r.randint(1, 2))]))
            elif kind < 0.84:
                found.append(self.name())
            elif kind < 0.9:
                add(self.world.clients, ("192.0.2.9", "[UNAVAILABLE]", FRIEND))
                found.append(self.new_file(self.r.choice(["hash", "texthash"]), ["192.0.2.9 x"]))
            elif kind < 0.93:
                found.append("regexp:{{/^192\\.0\\.2\\./ x}}" if self.maybe(0.7) else "static:all")
            else:
                found.append("${office?{$office}:{10.1.2.0/24}}")
                add(self.world.clients, ("10.1.2.9", "[UNAVAILABLE]", FRIEND))
        return found

    # --- tables -------------------------------------------------------------

    def action(self, depth):
        pick = self.r.random()
        if pick < 0.34:
            return self.r.choice(["OK", "OK", "OK", "ok", "RELAY", "permit", "200", "OK really"])
        if pick < 0.5:
            return self.r.choice(["REJECT", "550 5.7.1 no", "REJECT go away", "DEFER", "450 4.7.1 no", "DEFER_IF_PERMIT no"])
        if pick < 0.66:
            return self.r.choice(["DUNNO", "WARN hm", "PREPEND X-A: b", "DEFER_IF_REJECT", "INFO hm", "FILTER smtp:[127.0.0.1]:10026",
                                  "REDIRECT bob@example.com", "HOLD", "BCC bob@example.com"])
        if pick < 0.7:
            return "DISCARD"
        if pick < 0.8 and depth < 2:
            return self.r.choice(["one", "two"])
        return self.r.choice(["reject_unauth_destination", "permit_auth_destination, reject", "permit_mynetworks, reject",
                              "permit_mynetworks", "reject_unauth_destination, permit", "reject_non_fqdn_sender, permit"])

    def lines(self, choices, take, depth):
        found, keys = [], []
        for _ in range(self.r.randint(1, 3)):
            one = self.r.choice(choices)
            if one[0] in keys:
                continue
            keys.append(one[0])
            take(one)
            found.append(f"{one[0]} {self.action(depth)}")
        return found

    def keyed(self, lines):
        kind = self.r.choice(["hash", "texthash", "texthash", "inline"])
        if kind != "inline":
            return self.new_file(kind, lines)
        return "inline:{ " + ", ".join("{ " + line.replace(" ", " = ", 1) + " }" for line in lines) + " }"

    def free_table(self, keys, patterns, values, depth):
        """Asked for what a stranger chooses."""
        if self.maybe(0.08):
            return f"static:{{{self.action(depth)}}}" if self.maybe(0.5) else "static:" + self.r.choice(["OK", "REJECT", "DUNNO"])
        used = []
        if self.maybe(0.65):
            table = self.keyed(self.lines(keys, used.append, depth))
        else:
            lines = self.lines(patterns, used.append, depth)
            if self.maybe(0.15) and len(lines) > 1:
                # What none can match is none's: not worth telling from what somebody can.
                lines = ["if " + self.r.choice(["/./", lines[0].split(" ")[0]]), lines[0], "endif", *lines[1:]]
            table = self.new_file("regexp", lines)
        for key, value in keys + patterns:
            if value is not None and key in [k for k, _ in used]:
                add(values, (value, table))
        return table

    def client_table(self, depth):
        def take(one):
            if one[2] == NEIGHBOUR:
                add(self.world.clients, (ADDRESSES[0], "mail.partner.example.org", NEIGHBOUR))
            elif one[1] is not None:
                add(self.world.clients, (one[1], "[UNAVAILABLE]", one[2]))

        pick = self.r.random()
        if pick < 0.06:
            return "static:" + self.r.choice(["OK", "REJECT", "DUNNO", "permit"])
        if pick < 0.35:
            lines = [f"{self.network()} {self.action(depth)}".replace("[", "").replace("]", "", 1)
                     if not self.maybe(0.1) else f"!192.0.2.0/24 {self.action(depth)}" for _ in range(self.r.randint(1, 3))]
            return self.new_file("cidr", lines)
        if pick < 0.6:
            return self.new_file("regexp", self.lines(CLIENT_PATTERNS[:2] * 3 + CLIENT_PATTERNS, take, depth))
        keys = [("192.0.2", "192.0.2.9", FRIEND), ("192.0.2.9", "192.0.2.9", FRIEND),
                ("mail.partner.example.org", "", NEIGHBOUR), ("partner.example.org", "", NEIGHBOUR)]
        if self.maybe(0.25):
            keys += [("unknown", None, STRANGER), ("90", "90.7.7.7", STRANGER), ("net", None, STRANGER),
                     (".net", None, STRANGER)]
        return self.keyed(self.lines(keys, take, depth))

    # --- lists --------------------------------------------------------------

    def made_of(self, table):
        """Now and then a table that is made of this one and others."""
        if self.maybe(0.85):
            return table
        return self.r.choice(["unionmap:{%s}", "unionmap:{%s, inline:{nobody.example=REJECT}}", "unionmap:{%s, static:permit_mynetworks}",
                              "unionmap:{static:one, %s}", "pipemap:{%s, static:OK}", "pipemap:{%s, inline:{ok=permit, reject=DUNNO}}",
                              "unionmap:{pipemap:{%s, randmap:{two}}, inline:{nobody.example=OK}}"]) % table

    def table_check(self, depth):
        w = self.world
        kind = self.r.choice(["client", "helo", "sender", "recipient"])
        if kind == "client":
            return "check_client_access " + self.made_of(self.client_table(depth))
        if kind == "helo":
            return "check_helo_access " + self.made_of(self.free_table(HELO_KEYS, HELO_PATTERNS, w.helos, depth))
        if kind == "sender":
            return "check_sender_access " + self.made_of(self.free_table(SENDER_KEYS, SENDER_PATTERNS, w.senders, depth))
        return "check_recipient_access " + self.made_of(self.free_table(RECIPIENT_KEYS, RECIPIENT_PATTERNS, w.recipients, depth))

    def element(self, depth=0):
        pick = self.r.random()
        if pick < 0.22:
            return "permit_mynetworks"
        if pick < 0.45:
            return self.r.choice(HARMLESS)
        if pick < 0.75:
            return self.table_check(depth)
        if pick < 0.8:
            return self.r.choice(["one", "two"]) if depth == 0 else "permit_mynetworks"
        if pick < 0.85:
            return "permit_auth_destination"
        if pick < 0.88:
            return "warn_if_reject " + self.r.choice(CONTROLS + [self.table_check(depth)])
        if pick < 0.9:
            return self.r.choice(["permit", "permit_naked_ip_address"])
        if pick < 0.96:
            return self.r.choice(CONTROLS)
        return self.r.choice(["defer_if_permit", "defer_if_reject", "permit_tls_clientcerts"])

    def restrictions(self, name):
        if name in (CLIENT, HELO, SENDER):
            found = [self.element() for _ in range(self.r.choice([0, 1, 1, 2]))]
            # Such a list mostly lets pass, else nothing is left to be seen.
            found = [e for e in found if e not in ("reject", "defer", "reject_unauth_destination", "defer_unauth_destination",
                                                   "defer_if_permit") or self.maybe(0.4)]
            return found
        found = [self.element() for _ in range(self.r.choice([0, 1, 1, 2, 3]))]
        if name == RELAY or self.maybe(0.3):
            found.append(self.r.choice(CONTROLS) if self.maybe(0.95) else "warn_if_reject reject_unauth_destination")
        return found

    def listener(self):
        own = {}
        for name in LISTS:
            if self.maybe(0.6 if name in (RELAY, RECIPIENT) else 0.3):
                own[name] = self.restrictions(name)
        if RELAY in own and self.maybe(0.12):
            own[RELAY], own[RECIPIENT] = [], own[RELAY]
        if self.maybe(0.15):
            # Only another list is left that could refuse.
            own[RELAY], own[RECIPIENT] = ["check_sender_access static:OK", "reject"], []
            other = self.r.choice([CLIENT, HELO, SENDER])
            own[other] = [*self.restrictions(other), self.r.choice(CONTROLS)]
        if self.maybe(0.15):
            own["mynetworks"] = self.networks()
        if self.maybe(0.2):
            own["smtpd_delay_reject"] = ["no"]
        if self.maybe(0.15):
            own["smtpd_helo_required"] = ["yes"]
        return own

    def domains(self):
        """What decides for all listeners which recipients are elsewhere."""
        w = self.world
        found = ["backup.example"]
        for _ in range(self.r.randint(0, 2)):
            pick = self.r.random()
            if pick < 0.1:
                found.append(self.r.choice(["net", ".net", "static:all", "regexp:{{/./ x}}", "!backup.example", "!net"]))
            elif pick < 0.4:
                found.append(self.r.choice(["partner.example.org", ".partner.example.org", "$mydestination"]))
            elif pick < 0.6:
                found.append(self.new_file(self.r.choice(["hash", "texthash"]), ["partner.example.org x"] +
                                           ["net x"] * self.maybe(0.1) + [".net x"] * self.maybe(0.1)))
            elif pick < 0.8:
                found.append(self.new_file("regexp", self.r.choice([["/^partner\\.example\\.org$/ x"], ["/partner/ x"]] * 3 +
                                                                   [["!/partner/ x"], ["/net$/ x"]])))
            else:
                self.new_file("", self.r.choice([["partner.example.org"], ["# ours", "partner.example.org"], ["net"]]))
                found.append(f"{ETC}/t{self.tables}")
        self.r.shuffle(found)
        w.main["relay_domains"] = found
        if self.maybe(0.2):
            w.main["parent_domain_matches_subdomains"] = self.r.choice([[], ["smtpd_access_maps"], ["relay_domains"]])
        if self.maybe(0.2):
            w.main["transport_maps"] = ["inline:{ { partner.example.org = smtp:[127.0.0.1]:10026 } }"]
        if self.maybe(0.2):
            w.main["virtual_alias_maps"] = ["inline:{ { all@example.com = victim@outside.org } }"]

    def make(self, listeners):
        w = self.world = World()
        self.tables = 0
        self.domains()
        w.main["office"] = [self.network()] if self.maybe(0.5) else []
        w.main["mynetworks"] = ["127.0.0.0/30", *self.networks()]
        w.main["smtpd_restriction_classes"] = ["one", "two"]
        w.main["one"] = [self.element(1) for _ in range(self.r.randint(1, 2))]
        w.main["two"] = [self.element(1) for _ in range(self.r.randint(1, 2))]
        for name in LISTS:
            w.main[name] = self.restrictions(name) if name in (RELAY, RECIPIENT) or self.maybe(0.2) else []
        w.listeners = [self.listener() for _ in range(listeners)]
        w.recipients.append((self.r.choice(ROUTED), None))
        w.style = self.r.random()
        return w


# --- as text ------------------------------------------------------------------

def joined(elements, r):
    """Commas, blanks, lines that go on and comments between them."""
    if r is None:
        return ", ".join(elements)
    text = ""
    for i, element in enumerate(elements):
        if i > 0:
            text += r.choice([", ", ",", " ", "\n    ", ",\n\t", "\n# a comment, reject\n  ", " ,\n\n  "])
        text += element
    return text


def option(name, elements, r):
    text = ", ".join(elements)
    if r is not None and r.random() < 0.5 and " " not in text:
        return f"  -o {name}={text}"
    return f"  -o {{ {name} = {text} }}" if r is None or r.random() < 0.6 else f"  -o {{{name}={text}}}"


def main_text(world):
    r = None if world.style is None else random.Random(world.style)
    return "".join(f"{name} = {joined(elements, r)}\n" for name, elements in world.main.items())


def listener_text(world, number, port):
    r = None if world.style is None else random.Random(f"{world.style}{number}")
    return "\n".join([f"127.0.0.1:{port} inet n - n - - smtpd -o syslog_name=p{port}",
                      *(option(name, elements, r) for name, elements in world.listeners[number].items())]) + "\n"
