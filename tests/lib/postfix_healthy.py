"""
Healthy configurations of Postfix, as distributions and common how-tos have them: none may give a finding of severity high.
Each is (main.cf, master.cf, files below /etc/postfix).
"""

DEBIAN_MASTER = """\
# Postfix master process configuration file.
# ==========================================================================
# service type  private unpriv  chroot  wakeup  maxproc command + args
#               (yes)   (yes)   (no)    (never) (100)
# ==========================================================================
smtp      inet  n       -       y       -       -       smtpd
#smtp      inet  n       -       y       -       1       postscreen
#smtpd     pass  -       -       y       -       -       smtpd
#dnsblog   unix  -       -       y       -       0       dnsblog
#submission inet n       -       y       -       -       smtpd
#  -o syslog_name=postfix/submission
pickup    unix  n       -       y       60      1       pickup
cleanup   unix  n       -       y       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       y       1000?   1       tlsmgr
rewrite   unix  -       -       y       -       -       trivial-rewrite
bounce    unix  -       -       y       -       0       bounce
defer     unix  -       -       y       -       0       bounce
trace     unix  -       -       y       -       0       bounce
verify    unix  -       -       y       -       1       verify
flush     unix  n       -       y       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       y       -       -       smtp
relay     unix  -       -       y       -       -       smtp
        -o syslog_name=postfix/$service_name
showq     unix  n       -       y       -       -       showq
error     unix  -       -       y       -       -       error
retry     unix  -       -       y       -       -       error
discard   unix  -       -       y       -       -       discard
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       y       -       -       lmtp
anvil     unix  -       -       y       -       1       anvil
scache    unix  -       -       y       -       1       scache
maildrop  unix  -       n       n       -       -       pipe
  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}
uucp      unix  -       n       n       -       -       pipe
  flags=Fqhu user=uucp argv=uux -r -n -z -a$sender - $nexthop!rmail ($recipient)
"""

CENTOS = """\
queue_directory = /var/spool/postfix
command_directory = /usr/sbin
daemon_directory = /usr/libexec/postfix
data_directory = /var/lib/postfix
mail_owner = postfix
inet_interfaces = localhost
inet_protocols = all
mydestination = $myhostname, localhost.$mydomain, localhost
unknown_local_recipient_reject_code = 550
alias_maps = hash:/etc/aliases
debug_peer_level = 2
debugger_command =
	 PATH=/bin:/usr/bin:/usr/local/bin:/usr/X11R6/bin
	 ddd $daemon_directory/$process_name $process_id & sleep 5
sample_directory = /usr/share/doc/postfix-2.10.1/samples
readme_directory = /usr/share/doc/postfix-2.10.1/README_FILES
"""

SUBMISSION = """\
submission inet n       -       y       -       -       smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_tls_auth_only=yes
  -o smtpd_reject_unlisted_recipient=no
  -o smtpd_client_restrictions=$mua_client_restrictions
  -o smtpd_helo_restrictions=$mua_helo_restrictions
  -o smtpd_sender_restrictions=$mua_sender_restrictions
  -o smtpd_recipient_restrictions=
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o milter_macro_daemon_name=ORIGINATING
smtps     inet  n       -       y       -       -       smtpd
  -o syslog_name=postfix/smtps
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o milter_macro_daemon_name=ORIGINATING
"""

AMAVIS = """\
amavis    unix  -       -       n       -       2       smtp
  -o smtp_data_done_timeout=1200
127.0.0.1:10025 inet n  -       n       -       -       smtpd
  -o content_filter=
  -o smtpd_delay_reject=no
  -o smtpd_client_restrictions=permit_mynetworks,reject
  -o smtpd_helo_restrictions=
  -o smtpd_sender_restrictions=
  -o smtpd_recipient_restrictions=permit_mynetworks,reject
  -o smtpd_data_restrictions=reject_unauth_pipelining
  -o smtpd_end_of_data_restrictions=
  -o smtpd_restriction_classes=
  -o mynetworks=127.0.0.0/8
  -o smtpd_error_sleep_time=0
  -o smtpd_soft_error_limit=1001
  -o smtpd_hard_error_limit=1000
  -o smtpd_client_connection_count_limit=0
  -o smtpd_client_connection_rate_limit=0
  -o receive_override_options=no_header_body_checks,no_unknown_recipient_checks,no_milters
  -o local_header_rewrite_clients=
"""

DEBIAN = """\
# See /usr/share/postfix/main.cf.dist for a commented, more complete version
smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
biff = no
append_dot_mydomain = no
readme_directory = no
compatibility_level = 3.6
smtpd_tls_cert_file=/etc/ssl/certs/ssl-cert-snakeoil.pem
smtpd_tls_key_file=/etc/ssl/private/ssl-cert-snakeoil.key
smtpd_tls_security_level=may
smtp_tls_CApath=/etc/ssl/certs
smtp_tls_security_level=may
smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
myhostname = mx.example.com
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
myorigin = /etc/mailname
mydestination = $myhostname, example.com, mx.example.com, localhost.example.com, localhost
relayhost =
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
mailbox_size_limit = 0
recipient_delimiter = +
inet_interfaces = all
inet_protocols = all
"""


def replaced(text, **settings):
    """The text with some parameters of its own gone, and these at its end."""
    lines = [line for line in text.split("\n") if line.split("=")[0].strip() not in settings]
    return "\n".join(lines) + "".join(f"{k} = {v}\n" for k, v in settings.items())


HEALTHY = {
    "Debian's own": (DEBIAN, DEBIAN_MASTER, {}),
    "main.cf alone": (DEBIAN, None, {}),
    "backup MX": (replaced(
        DEBIAN, relay_domains="hash:/etc/postfix/relay_domains, backup.example, .sub.example.net",
        relay_recipient_maps="hash:/etc/postfix/relay_recipients", transport_maps="hash:/etc/postfix/transport",
        smtpd_recipient_restrictions="""
    reject_non_fqdn_recipient,
    # friends first
    permit_mynetworks,
    reject_unauth_destination,

    check_recipient_access hash:/etc/postfix/roleaccounts,
    reject_unlisted_recipient,
    reject_rbl_client zen.spamhaus.org"""), DEBIAN_MASTER, {
        "relay_domains": "customer.example OK\nother.example.org OK\n",
        "relay_recipients": "@customer.example OK\n", "transport": "customer.example smtp:[10.0.0.7]\n* :\n",
        "roleaccounts": "postmaster@ OK\nabuse@ OK\n"}),
    "virtual domains": (replaced(
        DEBIAN, virtual_alias_domains="alias.example, alias.example.org", virtual_alias_maps="hash:/etc/postfix/virtual, "
        "regexp:/etc/postfix/virtual.re", virtual_mailbox_domains="vmail.example, hash:/etc/postfix/vdomains",
        virtual_mailbox_maps="hash:/etc/postfix/vmailbox", virtual_mailbox_base="/var/mail/vhosts",
        virtual_uid_maps="static:5000", virtual_gid_maps="static:5000"), DEBIAN_MASTER + SUBMISSION, {
        "virtual": "info@alias.example bob@example.com\n@alias.example.org bob@example.com\n",
        "virtual.re": "/^(.*)-news@(alias\\.example|example\\.com)$/ $1@$2\n/^(.+)\\+.*@example\\.com$/ ${1}@example.com\n",
        "vdomains": "v.example ok\n", "vmailbox": "bob@vmail.example vmail.example/bob/\n@v.example v.example/all/\n"}),
    "smarthost": (replaced(
        DEBIAN, relayhost="[smtp.provider.example]:587", smtp_sasl_auth_enable="yes",
        smtp_sasl_password_maps="hash:/etc/postfix/sasl_passwd", smtp_sasl_security_options="noanonymous",
        smtp_sasl_tls_security_options="noanonymous", mynetworks="127.0.0.0/8 192.168.1.0/24 [::1]/128 [fe80::]/64"),
        DEBIAN_MASTER, {}),
    "submission only": (replaced(
        DEBIAN, smtpd_sasl_type="dovecot", smtpd_sasl_path="private/auth", smtpd_relay_restrictions="permit_sasl_authenticated, "
        "reject", mynetworks="127.0.0.0/8 [::1]/128", mydestination=""),
        SUBMISSION + "\n".join(DEBIAN_MASTER.split("\n")[7:]), {}),
    "null client": (replaced(
        DEBIAN, myorigin="$mydomain", relayhost="$mydomain", inet_interfaces="loopback-only", mydestination="",
        local_transport="error:local delivery is disabled"), DEBIAN_MASTER, {}),
    "Dovecot, rspamd, postgrey": (replaced(
        DEBIAN, smtpd_sasl_type="dovecot", smtpd_sasl_path="private/auth", virtual_transport="lmtp:unix:private/dovecot-lmtp",
        virtual_mailbox_domains="vmail.example", virtual_mailbox_maps="hash:/etc/postfix/vmailbox",
        smtpd_milters="inet:localhost:11332", non_smtpd_milters="$smtpd_milters", milter_default_action="accept",
        milter_protocol="6", milter_mail_macros="i {mail_addr} {client_addr} {client_name} {auth_authen}",
        smtpd_helo_required="yes", smtpd_helo_restrictions="permit_mynetworks, reject_invalid_helo_hostname, "
        "reject_non_fqdn_helo_hostname", smtpd_sender_restrictions="check_sender_access inline:{friend.example=OK}, "
        "reject_unknown_sender_domain", smtpd_client_restrictions="check_client_access cidr:/etc/postfix/clients",
        smtpd_recipient_restrictions="permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination, "
        "check_policy_service inet:127.0.0.1:10023, check_client_access hash:/etc/postfix/whitelist"),
        DEBIAN_MASTER + SUBMISSION, {
            "clients": "198.51.100.0/24 REJECT no\n0.0.0.0/0 OK\n", "whitelist": "partner.example OK\n203 OK\n",
            "vmailbox": "bob@vmail.example x\n"}),
    "amavis, postscreen": (replaced(
        DEBIAN, content_filter="smtp-amavis:[127.0.0.1]:10024", postscreen_access_list="permit_mynetworks, "
        "cidr:/etc/postfix/postscreen.cidr", postscreen_greet_action="enforce"),
        "smtp inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd\ndnsblog unix - - y - 0 dnsblog\n"
        "tlsproxy unix - - y - 0 tlsproxy\n" + "\n".join(DEBIAN_MASTER.split("\n")[7:]) + SUBMISSION + AMAVIS,
        {"postscreen.cidr": "192.0.2.1 permit\n"}),
    "a control panel with SQL": (replaced(
        DEBIAN, virtual_alias_domains="", virtual_alias_maps="hash:/var/lib/mailman/data/virtual-mailman, "
        "proxy:mysql:/etc/postfix/mysql-virtual_forwardings.cf, proxy:mysql:/etc/postfix/mysql-virtual_email2email.cf",
        virtual_mailbox_domains="proxy:mysql:/etc/postfix/mysql-virtual_domains.cf",
        virtual_mailbox_maps="proxy:mysql:/etc/postfix/mysql-virtual_mailboxes.cf", virtual_mailbox_base="/var/vmail",
        sender_bcc_maps="proxy:mysql:/etc/postfix/mysql-virtual_outgoing_bcc.cf", smtpd_sasl_auth_enable="yes",
        broken_sasl_auth_clients="yes", smtpd_sasl_authenticated_header="yes", smtpd_restriction_classes="greylisting",
        greylisting="check_policy_service inet:127.0.0.1:10023", relay_domains="proxy:mysql:/etc/postfix/mysql-virtual_relaydomains.cf",
        relay_recipient_maps="proxy:mysql:/etc/postfix/mysql-virtual_relayrecipientmaps.cf",
        smtpd_sender_login_maps="proxy:mysql:/etc/postfix/mysql-virtual_sender_login_maps.cf",
        smtpd_helo_required="yes", smtpd_helo_restrictions="permit_sasl_authenticated, permit_mynetworks, "
        "check_helo_access regexp:/etc/postfix/helo_access, reject_invalid_hostname, reject_non_fqdn_hostname, "
        "check_helo_access regexp:/etc/postfix/blacklist_helo",
        smtpd_sender_restrictions="check_sender_access regexp:/etc/postfix/tag_as_originating.re, permit_mynetworks, "
        "permit_sasl_authenticated, check_sender_access regexp:/etc/postfix/tag_as_foreign.re",
        smtpd_client_restrictions="check_client_access proxy:mysql:/etc/postfix/mysql-virtual_client.cf",
        smtpd_recipient_restrictions="permit_mynetworks, reject_unknown_recipient_domain, reject_unlisted_recipient, "
        "check_recipient_access proxy:mysql:/etc/postfix/mysql-verify_recipients.cf, permit_sasl_authenticated, "
        "reject_non_fqdn_recipient, reject_unauth_destination, check_recipient_access "
        "proxy:mysql:/etc/postfix/mysql-virtual_recipient.cf, check_recipient_access mysql:/etc/postfix/mysql-virtual_policy_greylist.cf, "
        "check_policy_service unix:private/quota-status", smtpd_tls_auth_only="yes",
        smtpd_milters="inet:localhost:11332", content_filter="lmtp:[127.0.0.1]:10024"),
        DEBIAN_MASTER + SUBMISSION + AMAVIS, {
            "helo_access": "/^mx\\.example\\.com$/ REJECT\n/./ DUNNO\n", "blacklist_helo": "/^\\[?10\\.\\d+/ 550 no\n",
            "tag_as_originating.re": "/^/ FILTER lmtp:[127.0.0.1]:10026\n",
            "tag_as_foreign.re": "/^/ FILTER lmtp:[127.0.0.1]:10024\n"}),
    "a packaged server with policies": (replaced(
        DEBIAN, smtpd_reject_unlisted_recipient="yes", smtpd_reject_unlisted_sender="yes",
        smtpd_helo_restrictions="permit_mynetworks permit_sasl_authenticated check_helo_access pcre:/etc/postfix/helo_access.pcre "
        "reject_non_fqdn_helo_hostname reject_unknown_helo_hostname",
        smtpd_sender_restrictions="reject_non_fqdn_sender reject_unlisted_sender permit_mynetworks permit_sasl_authenticated "
        "check_sender_access pcre:/etc/postfix/sender_access.pcre reject_unknown_sender_domain",
        smtpd_recipient_restrictions="reject_non_fqdn_recipient reject_unlisted_recipient check_policy_service "
        "inet:127.0.0.1:7777 permit_mynetworks permit_sasl_authenticated reject_unauth_destination check_policy_service "
        "inet:127.0.0.1:12340", smtpd_relay_restrictions=None or "permit_mynetworks permit_sasl_authenticated reject_unauth_destination",
        smtpd_data_restrictions="reject_unauth_pipelining", smtpd_end_of_data_restrictions="check_policy_service inet:127.0.0.1:7777",
        mynetworks="127.0.0.1 [::1]", smtpd_sasl_auth_enable="yes", smtpd_tls_auth_only="yes",
        proxy_read_maps="$canonical_maps $lmtp_generic_maps $transport_maps",
        virtual_mailbox_domains="proxy:ldap:/etc/postfix/ldap/virtual_mailbox_domains.cf",
        transport_maps="proxy:ldap:/etc/postfix/ldap/transport_maps_user.cf", recipient_canonical_maps="regexp:/etc/postfix/srs.re"),
        DEBIAN_MASTER + SUBMISSION, {
            "helo_access.pcre": "/^(localhost)$/ REJECT ACCESS DENIED ($1)\n/(\\d{1,3}[\\.-]){4}/ REJECT\n!/[[:alpha:]]/ REJECT\n",
            "sender_access.pcre": "/@gmail\\.com$/ DUNNO\n", "srs.re": "/^bounce-.*@example\\.com$/ bob@example.com\n"}),
    "a container stack": (replaced(
        DEBIAN, mynetworks="127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128 [fe80::]/10 172.22.1.0/24 [fd4d:6169:6c63:6f77::]/64",
        smtpd_relay_restrictions="permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination",
        smtpd_recipient_restrictions="permit_sasl_authenticated, permit_mynetworks, check_recipient_access "
        "proxy:mysql:/etc/postfix/sql/tls_enforce.cf, check_policy_service inet:127.0.0.1:10027, "
        "reject_invalid_helo_hostname, reject_unauth_destination", smtpd_milters="inet:rspamd:9900",
        smtpd_sender_login_maps="proxy:mysql:/etc/postfix/sql/mysql_virtual_sender_acl.cf", smtpd_sasl_auth_enable="yes",
        smtpd_tls_auth_only="yes", smtpd_forbid_bare_newline="yes"),
        "smtp inet n - n - 1 postscreen\n  -o postscreen_upstream_proxy_protocol=${PROXY}\nsmtpd pass - - n - - smtpd\n"
        "  -o smtpd_sasl_auth_enable=no\n  -o smtpd_sender_restrictions=permit_mynetworks,reject_unlisted_sender\n"
        "10025 inet n - n - 1 postscreen\n  -o postscreen_upstream_proxy_protocol=haproxy\n"
        "10465 inet n - n - - smtpd\n  -o smtpd_upstream_proxy_protocol=haproxy\n  -o smtpd_tls_wrappermode=yes\n"
        "  -o smtpd_client_restrictions=permit_mynetworks,permit_sasl_authenticated,reject\n"
        "588 inet n - n - - smtpd\n  -o smtpd_client_restrictions=permit_mynetworks,permit_sasl_authenticated,reject\n"
        "  -o smtpd_tls_auth_only=no\n  -o smtpd_sender_restrictions=check_sasl_access,\n" + SUBMISSION, {}),
    # relay_domains is $mydestination then, and takes in what is below each of its names.
    "a host with a short name, of Postfix 2": ("""\
myhostname = mail.example.com
mydestination = example.com, debian, localhost.localdomain, localhost
mynetworks = 127.0.0.0/8
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination
""", DEBIAN_MASTER, {}),
    "an old CentOS": (CENTOS, DEBIAN_MASTER, {}),
    "partners with certificates": (replaced(
        DEBIAN, smtpd_tls_ask_ccert="yes", relay_clientcerts="hash:/etc/postfix/relay_clientcerts",
        smtpd_tls_fingerprint_digest="sha256", smtpd_relay_restrictions="permit_mynetworks, permit_sasl_authenticated, "
        "permit_tls_clientcerts, check_client_access cidr:/etc/postfix/partners, check_recipient_access "
        "hash:/etc/postfix/forwarded, reject_unauth_destination"), DEBIAN_MASTER, {
            "relay_clientcerts": "D7:04:2F:A7:0B:8C:A5:21:FA:31:77:E1:41:8A:EE:80 partner.example\n",
            "partners": "192.0.2.0/24 OK\n2001:db8:5::/48 permit\n0.0.0.0/0 DUNNO\n",
            "forwarded": "partner.example OK\n"}),
}
