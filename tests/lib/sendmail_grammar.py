"""
Random configurations of Sendmail: features of sendmail.mc, an access map and the file of class R. With each come the
clients, senders and recipients by which a stranger could make use of what stands in it.
"""
import random

FRIEND, NEIGHBOUR, STRANGER = range(3)

# (address, name, {client_resolve}, who that is)
UNHEARD = [("91.198.3.4", "mx.unheard.org", "OK", STRANGER), ("185.5.5.5", "[185.5.5.5]", "FAIL", STRANGER),
           ("185.5.5.5", "mail.example.com", "FORGED", STRANGER),
           ("IPv6:2a01:4f8:0:0:0:0:0:5", "host-9.isp.unheard.net", "OK", STRANGER)]
SENDERS = ["a@unheard.org", "", "bob@example.com", "boss@example.com", "u@partner.example.org"]
OUTSIDE = ["victim@outside.org", "x@other.outside.net", "victim%outside.org@example.com", "outside.org!victim@example.com",
           "victim@outside.org@example.com", '"victim@outside.org"@example.com', "@example.com:victim@outside.org"]
# A host of ours that passes on what is for a neighbour.
ROUTED = "victim%outside.org@backup.example"

CONNECT = [("192.0.2", ("192.0.2.9", "[192.0.2.9]", "FAIL", FRIEND)), ("10.1", ("10.1.2.3", "[10.1.2.3]", "FAIL", FRIEND)),
           ("198.51.100.7", ("198.51.100.7", "[198.51.100.7]", "FAIL", FRIEND)),
           ("mail.partner.example.org", ("91.198.3.4", "mail.partner.example.org", "OK", NEIGHBOUR)),
           (".partner.example.org", ("91.198.3.4", "mail.partner.example.org", "OK", NEIGHBOUR)),
           ("partner.example.org", ("91.198.3.4", "mail.partner.example.org", "OK", NEIGHBOUR)),
           ("90", ("90.7.7.7", "[90.7.7.7]", "FAIL", STRANGER)), ("net", None)]
FROM = ["partner.example.org", "u@partner.example.org", "example.com", "a@", "boss@example.com", ".example.org", "org",
        "example.org.", "@example.com"]
ACTIONS = ["RELAY"] * 5 + ["OK", "REJECT", "DISCARD", "550 5.7.1 no", "ERROR:5.7.1:550 no", "SKIP", "relay"]
FEATURES = ["relay_hosts_only", "relay_local_from", "relay_mail_from", "relay_mail_from', `domain", "loose_relay_check",
            "blocklist_recipients", "delay_checks", "delay_checks', `friend", "delay_checks', `hater", "relay_entire_domain",
            "accept_unqualified_senders", "nouucp', `reject", "require_rdns", "lookupdotdomain", "block_bad_helo"]


class Maker:
    """Makes configurations; each seed gives the same ones."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def key(self, clients):
        """Wide ones are rare."""
        while True:
            key, client = self.r.choice(CONNECT)
            if (client is None or client[3] == STRANGER) and self.r.random() < 0.8:
                continue
            if client is not None and client not in clients:
                clients.append(client)
            return key

    def name(self, clients):
        """A key that is no address."""
        while True:
            key = self.key(clients)
            if not key[0].isdigit():
                return key

    def access(self, clients):
        lines = []
        for _ in range(self.r.randint(0, 4)):
            pick, action = self.r.random(), self.r.choice(ACTIONS)
            if pick < 0.4:
                lines.append(f"Connect:{self.key(clients)}\t{action}")
            elif pick < 0.55:
                lines.append(f"{self.key(clients)}\t{action}")
            elif pick < 0.8:
                to = ["partner.example.org", "bob@partner.example.org", "special.example.org"] * 3
                lines.append(f"To:{self.r.choice(to + ['net', 'victim@', 'org'])}\t{action}")
            else:
                lines.append(f"From:{self.r.choice(FROM)}\t{action}")
        # makemap takes no key twice.
        return list({line.partition("\t")[0].lower(): line for line in lines}.values())

    def make(self):
        """(lines of sendmail.mc, lines of the access map, lines of relay-domains, clients)"""
        clients = list(UNHEARD)
        mc = [f"FEATURE(`{f}')dnl" for f in self.r.sample(FEATURES, self.r.randint(0, 3))]
        if self.r.random() < 0.04:
            mc.append("FEATURE(`promiscuous_relay')dnl")
        if any("entire" in line for line in mc):
            clients.append(("91.198.3.4", "x.example.com", "OK", NEIGHBOUR))
        if self.r.random() < 0.4:
            mc.append(f"RELAY_DOMAIN(`{self.key(clients)} {self.key(clients)}')dnl")
        if self.r.random() < 0.2:
            mc.append(f"VIRTUSER_DOMAIN(`vmail.example {self.name(clients)}')dnl")
        if self.r.random() < 0.2:
            mc.append("MASQUERADE_AS(`example.com')dnl")
        files = [self.key(clients)] if self.r.random() < 0.2 else []
        return mc, self.access(clients), files, clients
