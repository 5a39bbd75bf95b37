"""
Configurations of Postfix as distributions, control panels, containers and groupware write them, for the audit and the
import: (main.cf, master.cf). The tables that they name are not here.
"""
from postfix_healthy import AMAVIS, CENTOS, DEBIAN_MASTER, SUBMISSION

COMMENTS = "".join(f"# {i}. What follows is the commentary of the distribution, with an example:\n#mynetworks = 192.0.2.{i}/32, 127.0.0.0/8\n"
                   "#relay_domains = $mydestination\n\n" for i in range(170))

CENTOS_7 = COMMENTS + CENTOS + """#mynetworks_style = class
#myhostname = host.domain.tld
alias_database = hash:/etc/aliases
sendmail_path = /usr/sbin/sendmail.postfix
newaliases_path = /usr/bin/newaliases.postfix
mailq_path = /usr/bin/mailq.postfix
setgid_group = postdrop
html_directory = no
manpage_directory = /usr/share/man
"""

RHEL9 = CENTOS_7.replace("postfix-2.10.1/README_FILES", "postfix/README_FILES").replace(
    "sample_directory = /usr/share/doc/postfix-2.10.1/samples\n", "").replace(" = hash:", " = lmdb:") + """smtpd_tls_cert_file = /etc/pki/tls/certs/postfix.pem
smtpd_tls_key_file = /etc/pki/tls/private/postfix.key
smtpd_tls_security_level = may
smtp_tls_CApath = /etc/pki/tls/certs
smtp_tls_CAfile = /etc/pki/tls/certs/ca-bundle.crt
smtp_tls_security_level = may
meta_directory = /etc/postfix
shlib_directory = /usr/lib64/postfix
compatibility_level = 3.8
"""

FREEBSD = """compatibility_level = 3.9
queue_directory = /var/spool/postfix
command_directory = /usr/local/sbin
daemon_directory = /usr/local/libexec/postfix
data_directory = /var/db/postfix
mail_owner = postfix
unknown_local_recipient_reject_code = 550
mynetworks_style = host
debug_peer_level = 2
sendmail_path = /usr/local/sbin/sendmail
newaliases_path = /usr/local/bin/newaliases
mailq_path = /usr/local/bin/mailq
setgid_group = maildrop
html_directory = /usr/local/share/doc/postfix
manpage_directory = /usr/local/share/man
sample_directory = /usr/local/etc/postfix
readme_directory = /usr/local/share/doc/postfix
inet_protocols = ipv4
meta_directory = /usr/local/libexec/postfix
shlib_directory = /usr/local/lib/postfix
virtual_alias_maps = hash:/usr/local/etc/postfix/virtual
transport_maps = hash:$config_directory/transport
smtpd_recipient_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination, check_client_access hash:/usr/local/etc/postfix/client_checks
"""

CONTAINERS = """biff = no
append_dot_mydomain = no
smtpd_tls_cert_file = /etc/ssl/mail/cert.pem
smtpd_tls_key_file = /etc/ssl/mail/key.pem
tls_server_sni_maps = hash:/opt/postfix/conf/sni.map
smtpd_use_tls=yes
smtpd_tls_received_header = yes
smtpd_tls_session_cache_database = btree:${data_directory}/smtpd_scache
smtpd_relay_restrictions = permit_mynetworks,
  permit_sasl_authenticated,
  defer_unauth_destination
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
relayhost =
mynetworks_style = subnet
mailbox_size_limit = 0
recipient_delimiter = +
inet_interfaces = all
inet_protocols = all
bounce_queue_lifetime = 1d
broken_sasl_auth_clients = yes
disable_vrfy_command = yes
maximal_backoff_time = 1800s
message_size_limit = 104857600
milter_default_action = tempfail
milter_protocol = 6
postscreen_access_list = permit_mynetworks,
  cidr:/opt/postfix/conf/custom_postscreen_whitelist.cidr,
  cidr:/opt/postfix/conf/postscreen_access.cidr,
  tcp:127.0.0.1:10027
postscreen_bare_newline_enable = no
postscreen_blacklist_action = drop
postscreen_cache_cleanup_interval = 24h
postscreen_cache_map = proxy:btree:$data_directory/postscreen_cache
postscreen_dnsbl_action = enforce
postscreen_dnsbl_sites = wl.mailspike.net=127.0.0.[18;19;20]*-2
  list.example.net=127.0.0.1*-2
  zen.spamhaus.org=127.0.0.[10;11]*8
postscreen_dnsbl_threshold = 6
postscreen_greet_action = enforce
proxy_read_maps = proxy:mysql:/opt/postfix/conf/sql/mysql_sasl_passwd_maps_sender_dependent.cf,
  $sender_dependent_default_transport_maps
  $smtp_tls_policy_maps
  $local_recipient_maps
  $mydestination
  $virtual_alias_maps
queue_run_delay = 300s
relay_domains = proxy:mysql:/opt/postfix/conf/sql/mysql_virtual_relay_domain_maps.cf
relay_recipient_maps = proxy:mysql:/opt/postfix/conf/sql/mysql_relay_recipient_maps.cf
sender_dependent_default_transport_maps = proxy:mysql:/opt/postfix/conf/sql/mysql_sender_dependent_default_transport_maps.cf
smtpd_helo_restrictions = permit_mynetworks,
  reject_non_fqdn_helo_hostname,
  reject_invalid_helo_hostname
smtpd_data_restrictions = reject_unauth_pipelining, permit
smtpd_delay_reject = yes
smtpd_error_sleep_time = 10s
smtpd_hard_error_limit = ${stress?1}${stress:5}
smtpd_helo_required = yes
smtpd_proxy_timeout = 600s
smtpd_recipient_restrictions = check_recipient_access proxy:mysql:/opt/postfix/conf/sql/mysql_tls_enforce_in_policy.cf,
  permit_sasl_authenticated,
  permit_mynetworks,
  check_recipient_mx_access proxy:mysql:/opt/postfix/conf/sql/mysql_mbr_access_maps.cf,
  check_policy_service unix:private/policyd,
  reject_invalid_helo_hostname,
  reject_unauth_destination
smtpd_sasl_auth_enable = yes
smtpd_sasl_authenticated_header = yes
smtpd_sasl_path = inet:dovecot:10001
smtpd_sasl_type = dovecot
smtpd_sender_login_maps = proxy:mysql:/opt/postfix/conf/sql/mysql_virtual_sender_acl.cf
smtpd_sender_restrictions = reject_authenticated_sender_login_mismatch,
  permit_mynetworks,
  permit_sasl_authenticated,
  reject_unlisted_sender,
  reject_unknown_sender_domain
smtpd_soft_error_limit = 3
smtpd_tls_auth_only = yes
smtpd_tls_dh1024_param_file = auto
smtpd_tls_eecdh_grade = auto
smtpd_tls_exclude_ciphers = ECDHE-RSA-RC4-SHA, RC4, aNULL, DES-CBC3-SHA, ECDHE-RSA-DES-CBC3-SHA, EDH-RSA-DES-CBC3-SHA
smtpd_tls_loglevel = 1
smtp_tls_mandatory_protocols = >=TLSv1.2
smtpd_tls_security_level = may
virtual_alias_maps = proxy:mysql:/opt/postfix/conf/sql/mysql_virtual_alias_maps.cf,
  proxy:mysql:/opt/postfix/conf/sql/mysql_virtual_resource_maps.cf
virtual_gid_maps = static:5000
virtual_mailbox_base = /var/vmail/
virtual_mailbox_domains = proxy:mysql:/opt/postfix/conf/sql/mysql_virtual_domains_maps.cf
virtual_mailbox_maps = proxy:mysql:/opt/postfix/conf/sql/mysql_virtual_mailbox_maps.cf
virtual_transport = lmtp:inet:dovecot:24
virtual_uid_maps = static:5000
smtpd_milters = inet:rspamd:9900
non_smtpd_milters = inet:rspamd:9900
milter_mail_macros = i {mail_addr} {client_addr} {client_name} {auth_authen}
mydestination = localhost.localdomain, localhost
smtp_address_preference = any
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128 [fe80::]/10 172.22.1.0/24 [fd4d:6169:6c63:6f77::]/64
transport_maps = pcre:/opt/postfix/conf/custom_transport.pcre,
  pcre:/opt/postfix/conf/local_transport,
  proxy:mysql:/opt/postfix/conf/sql/mysql_relay_ne.cf
smtp_sasl_mechanism_filter = plain, login
parent_domain_matches_subdomains = debug_peer_list,fast_flush_domains,mynetworks,qmqpd_authorized_clients
compatibility_level = 3.7
smtputf8_enable = no
smtpd_forbid_bare_newline = yes
# DO NOT EDIT ANYTHING BELOW #
# Overrides #
myhostname = mail.example.org
"""

CONTAINERS_MASTER = """smtp       inet  n       -       n       -       1       postscreen
  -o postscreen_upstream_proxy_protocol=
smtpd      pass  -       -       n       -       -       smtpd
  -o smtpd_sasl_auth_enable=no
  -o smtpd_sender_restrictions=permit_mynetworks,reject_unlisted_sender,reject_unknown_sender_domain
10025      inet  n       -       n       -       1       postscreen
  -o postscreen_upstream_proxy_protocol=haproxy
  -o syslog_name=haproxy
smtps    inet  n       -       n       -       -       smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_client_restrictions=permit_mynetworks,permit_sasl_authenticated,reject
  -o smtpd_tls_mandatory_protocols=$smtps_smtpd_tls_mandatory_protocols
  -o tls_preempt_cipherlist=yes
  -o cleanup_service_name=smtp_sender_cleanup
10465    inet  n       -       n       -       -       smtpd
  -o smtpd_upstream_proxy_protocol=haproxy
  -o smtpd_tls_wrappermode=yes
  -o smtpd_client_restrictions=permit_mynetworks,permit_sasl_authenticated,reject
submission inet n       -       n       -       -       smtpd
  -o smtpd_client_restrictions=permit_mynetworks,permit_sasl_authenticated,reject
  -o smtpd_enforce_tls=yes
  -o smtpd_tls_security_level=encrypt
588 inet n      -       n       -       -       smtpd
  -o smtpd_client_restrictions=permit_mynetworks,permit_sasl_authenticated,reject
  -o smtpd_tls_auth_only=no
  -o smtpd_sender_restrictions=check_sasl_access,regexp:/opt/postfix/conf/allow_stack_local.regexp,reject_authenticated_sender_login_mismatch,permit_mynetworks,permit_sasl_authenticated,reject_unlisted_sender,reject_unknown_sender_domain
  -o cleanup_service_name=smtp_sender_cleanup
590 inet n      -       n       -       -       smtpd
  -o smtpd_helo_restrictions=
  -o smtpd_client_restrictions=permit_mynetworks,reject
  -o smtpd_tls_auth_only=no
  -o smtpd_milters=
  -o non_smtpd_milters=
# enforced smtp connector
smtp_enforced_tls      unix  -       -       n       -       -       smtp
  -o smtp_tls_security_level=encrypt
  -o syslog_name=enforced-tls-smtp
tlsproxy   unix  -       -       n       -       0       tlsproxy
dnsblog    unix  -       -       n       -       0       dnsblog
pickup     fifo  n       -       n       60      1       pickup
cleanup    unix  n       -       n       -       0       cleanup
smtp_sender_cleanup unix n       -       y       -       0       cleanup
  -o header_checks=$smtp_header_checks
qmgr       fifo  n       -       n       300     1       qmgr
127.0.0.1:10028 inet n n n - 0 spawn user=nobody argv=/usr/local/bin/whitelist_forwardinghosts.sh
watchdog_tail unix - - n - - pipe
  flags=Rq user=nobody argv=/bin/cat ${recipient}
"""

ONE_CONTAINER = """smtpd_banner = $myhostname ESMTP
biff = no
append_dot_mydomain = no
readme_directory = no
smtpd_tls_chain_files =
    /etc/ssl/key.pem
    /etc/ssl/cert.pem
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtp_tls_security_level = may
tls_ssl_options = NO_COMPRESSION
tls_high_cipherlist = ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256
smtpd_tls_mandatory_ciphers = high
smtpd_tls_mandatory_protocols = !SSLv2,!SSLv3,!TLSv1,!TLSv1.1
myhostname = mail.example.net
alias_maps = texthash:/etc/aliases
alias_database = texthash:/etc/aliases
mydestination = $myhostname, localhost.$mydomain, localhost
relayhost =
mynetworks = 127.0.0.0/8 [::1]/128 [fe80::]/64 172.18.0.3/32
mailbox_size_limit = 0
recipient_delimiter = +
inet_interfaces = all
inet_protocols = all
proxy_interfaces = 203.0.113.4
smtpd_helo_required = yes
smtpd_delay_reject = yes
smtpd_helo_restrictions = permit_mynetworks, reject_invalid_helo_hostname, permit
smtpd_relay_restrictions = $dms_smtpd_relay_restrictions
smtpd_recipient_restrictions = permit_sasl_authenticated, permit_mynetworks, reject_unauth_destination, reject_unauth_pipelining, reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname, reject_unknown_recipient_domain, check_policy_service unix:private/policyd-spf
smtpd_client_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination, reject_unauth_pipelining
smtpd_sender_restrictions = $dms_smtpd_sender_restrictions
dms_smtpd_sender_restrictions = permit_sasl_authenticated, permit_mynetworks, reject_unknown_sender_domain
mua_sender_restrictions = reject_authenticated_sender_login_mismatch, $dms_smtpd_sender_restrictions
dms_smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
postscreen_dnsbl_action = enforce
postscreen_access_list = permit_mynetworks
postscreen_greet_action = enforce
smtpd_sasl_auth_enable = yes
smtpd_sasl_path = /var/spool/postfix/private/auth
smtpd_sasl_type = dovecot
smtpd_sasl_security_options = noanonymous
smtpd_sasl_local_domain = $mydomain
broken_sasl_auth_clients = yes
smtputf8_enable = no
virtual_transport = lmtp:unix:/var/run/dovecot/lmtp
virtual_mailbox_domains = /etc/postfix/vhost
virtual_mailbox_maps = texthash:/etc/postfix/vmailbox
virtual_alias_maps = texthash:/etc/postfix/virtual
milter_protocol = 6
milter_default_action = accept
dkim_milter = inet:localhost:8891
dmarc_milter = inet:localhost:8893
smtpd_milters = $dkim_milter,$dmarc_milter
non_smtpd_milters = $dkim_milter
header_checks = pcre:/etc/postfix/maps/header_checks.pcre
compatibility_level = 2
smtpd_data_restrictions = reject_unauth_pipelining
smtpd_forbid_bare_newline = yes
smtpd_forbid_bare_newline_exclusions = $mynetworks
"""

ONE_CONTAINER_MASTER = """smtp      inet  n       -       n       -       1       postscreen
smtpd     pass  -       -       n       -       -       smtpd
dnsblog   unix  -       -       n       -       0       dnsblog
tlsproxy  unix  -       -       n       -       0       tlsproxy
submission inet n       -       n       -       -       smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_sasl_type=dovecot
  -o smtpd_reject_unlisted_recipient=no
  -o smtpd_sasl_authenticated_header=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_sender_restrictions=$mua_sender_restrictions
  -o smtpd_discard_ehlo_keywords=
  -o milter_macro_daemon_name=ORIGINATING
  -o cleanup_service_name=sender-cleanup
submissions inet n       -       n       -       -       smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o milter_macro_daemon_name=ORIGINATING
smtp-amavis     unix    -       -       -       -       2       smtp
  -o smtp_data_done_timeout=1200
127.0.0.1:10025 inet    n       -       n       -       -       smtpd
  -o content_filter=
  -o smtpd_milters=
  -o smtpd_tls_security_level=none
  -o smtpd_delay_reject=no
  -o smtpd_client_restrictions=permit_mynetworks,reject
  -o smtpd_helo_restrictions=
  -o smtpd_sender_restrictions=
  -o smtpd_recipient_restrictions=permit_mynetworks,reject
  -o smtpd_data_restrictions=reject_unauth_pipelining
  -o smtpd_end_of_data_restrictions=
  -o mynetworks=127.0.0.0/8
  -o smtpd_error_sleep_time=0
  -o receive_override_options=no_header_body_checks,no_unknown_recipient_checks
policyd-spf     unix    -       n       n       -       0       spawn
  user=policyd-spf argv=/usr/bin/policyd-spf
"""

PANEL = """queue_directory = /var/spool/postfix
command_directory = /usr/sbin
compatibility_level = 2
myhostname = panel.example.org
mydestination = localhost.$mydomain, localhost, localhost.localdomain
virtual_mailbox_domains = $virtual_mailbox_maps, hash:/var/spool/postfix/panel/virtual_domains
virtual_alias_maps = $virtual_maps, hash:/var/spool/postfix/panel/virtual
virtual_mailbox_maps = , hash:/var/spool/postfix/panel/vmailbox
transport_maps = , hash:/var/spool/postfix/panel/transport
smtpd_tls_cert_file = /etc/postfix/postfix_default.pem
smtpd_tls_key_file = $smtpd_tls_cert_file
smtpd_tls_security_level = may
smtpd_use_tls = yes
smtpd_timeout = 3600s
smtpd_proxy_timeout = 3600s
disable_vrfy_command = yes
mynetworks = 127.0.0.0/8 [::1]/128 203.0.113.7/32
smtpd_sender_restrictions = check_sender_access hash:/var/spool/postfix/panel/blacklists, permit_sasl_authenticated
smtpd_client_restrictions = permit_mynetworks, reject_rbl_client zen.spamhaus.org
smtpd_recipient_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_sasl_auth_enable = yes
smtp_send_xforward_command = yes
smtpd_authorized_xforward_hosts = 127.0.0.0/8 [::1]/128
virtual_mailbox_base = /var/qmail/mailnames
virtual_uid_maps = static:30
virtual_gid_maps = static:31
sender_dependent_default_transport_maps = hash:/var/spool/postfix/panel/sdd_transport_maps
virtual_transport = panel_virtual
panel_virtual_destination_recipient_limit = 1
mailman_destination_recipient_limit = 1
mailbox_size_limit = 0
virtual_mailbox_limit = 0
smtpd_tls_mandatory_protocols = TLSv1 TLSv1.1 TLSv1.2
smtpd_milters = , inet:127.0.0.1:12768
non_smtpd_milters = , inet:127.0.0.1:12768
milter_default_action = accept
authorized_flush_users =
authorized_mailq_users =
"""

PANEL_MASTER = DEBIAN_MASTER + """panel_virtual unix - n n - - pipe flags=DORhu user=vmail:vmail argv=/usr/lib64/panel-9.0/postfix-local -f ${sender} -d ${recipient} -p /var/qmail/mailnames
mailman unix - n n - - pipe flags=R user=mailman:mailman argv=/usr/lib64/panel-9.0/postfix-mailman ${nexthop} ${user} ${recipient}
smtps inet n - y - - smtpd -o smtpd_tls_wrappermode=yes
submission inet n - y - - smtpd -o smtpd_enforce_tls=yes -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes -o smtpd_client_restrictions=permit_sasl_authenticated,reject -o smtpd_sender_restrictions= -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
panel-203.0.113.7- unix - n n - - smtp -o smtp_bind_address=203.0.113.7 -o smtp_bind_address6= -o smtp_address_preference=ipv4
"""

BOX = """smtpd_banner=$myhostname ESMTP in a box
biff=no
append_dot_mydomain=no
readme_directory=no
compatibility_level=3.6
smtpd_relay_restrictions=permit_sasl_authenticated,permit_mynetworks,reject_unauth_destination
myhostname=box.example.com
mydestination=localhost
mynetworks=127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
relayhost=
inet_interfaces=all
inet_protocols=all
delay_warning_time=3h
maximal_queue_lifetime=2d
smtpd_tls_security_level=may
smtpd_tls_auth_only=yes
smtpd_tls_cert_file=/home/user-data/ssl/ssl_certificate.pem
smtpd_tls_protocols=!SSLv2,!SSLv3
smtpd_tls_received_header=yes
virtual_transport=lmtp:[127.0.0.1]:10025
smtpd_sender_restrictions=reject_non_fqdn_sender,reject_unknown_sender_domain,reject_authenticated_sender_login_mismatch,reject_rhsbl_sender dbl.spamhaus.org=127.0.1.[2..99]
smtpd_recipient_restrictions=permit_sasl_authenticated,permit_mynetworks,reject_rbl_client zen.spamhaus.org=127.0.0.[2..11],reject_unlisted_recipient,check_policy_service inet:127.0.0.1:10023,check_policy_service inet:127.0.0.1:12340
message_size_limit=134217728
smtpd_sasl_type=dovecot
smtpd_sasl_path=private/auth
smtpd_sasl_auth_enable=no
smtpd_sender_login_maps=sqlite:/etc/postfix/sender-login-maps.cf
smtputf8_enable=no
virtual_mailbox_domains=sqlite:/etc/postfix/virtual-mailbox-domains.cf
virtual_mailbox_maps=sqlite:/etc/postfix/virtual-mailbox-maps.cf
virtual_alias_maps=sqlite:/etc/postfix/virtual-alias-maps.cf
local_recipient_maps=$virtual_mailbox_maps
milter_default_action=accept
smtpd_milters=inet:127.0.0.1:8891 inet:127.0.0.1:8893
non_smtpd_milters=$smtpd_milters
smtpd_client_connection_rate_limit=30
"""

GROUPWARE = """queue_directory = /opt/groupware/data/postfix/spool
command_directory = /opt/groupware/common/sbin
daemon_directory = /opt/groupware/common/libexec
mail_owner = postfix
myhostname = groupware.example.com
mydestination = localhost
mynetworks = 127.0.0.0/8 [::1]/128 192.0.2.0/24 [fe80::]/64
recipient_delimiter =
alias_maps = lmdb:/etc/aliases
virtual_alias_maps = proxy:ldap:/opt/groupware/conf/ldap-vam.cf
virtual_mailbox_domains = proxy:ldap:/opt/groupware/conf/ldap-vmd.cf
virtual_mailbox_maps = proxy:ldap:/opt/groupware/conf/ldap-vmm.cf
virtual_transport = error
transport_maps = proxy:ldap:/opt/groupware/conf/ldap-transport.cf
sender_canonical_maps = proxy:ldap:/opt/groupware/conf/ldap-scm.cf
virtual_alias_domains = proxy:ldap:/opt/groupware/conf/ldap-vad.cf
content_filter = smtp-amavis:[127.0.0.1]:10024
smtpd_reject_unlisted_recipient = no
smtpd_reject_unlisted_sender = no
smtpd_helo_required = yes
smtpd_client_restrictions = reject_unauth_pipelining
smtpd_data_restrictions = reject_unauth_pipelining
smtpd_end_of_data_restrictions =
smtpd_relay_restrictions = permit_sasl_authenticated, permit_mynetworks, reject_unauth_destination
smtpd_recipient_restrictions = check_client_access lmdb:/opt/groupware/conf/postfix_rbl_override, reject_non_fqdn_recipient, permit_sasl_authenticated, permit_mynetworks, reject_unlisted_recipient, reject_non_fqdn_sender, permit
smtpd_sender_restrictions = check_sender_access regexp:/opt/groupware/common/conf/tag_as_originating.re, permit_mynetworks, permit_sasl_authenticated, permit_tls_clientcerts, check_sender_access regexp:/opt/groupware/common/conf/tag_as_foreign.re
smtpd_sasl_auth_enable = yes
smtpd_sasl_authenticated_header = no
broken_sasl_auth_clients = yes
smtpd_tls_auth_only = yes
smtpd_tls_security_level = may
smtpd_milters = inet:127.0.0.1:8465
milter_default_action = tempfail
lmtp_host_lookup = dns
in_flow_delay = 1s
header_checks =
propagate_unmatched_extensions = canonical
daemon_timeout = 18000s
policy_time_limit = 3600
smtpd_banner = $myhostname ESMTP $mail_name
"""

GROUPWARE_MASTER = """smtp      inet  n       -       n       -       1       postscreen
smtpd     pass  -       -       n       -       -       smtpd
dnsblog   unix  -       -       n       -       0       dnsblog
tlsproxy  unix  -       -       n       -       0       tlsproxy
465    inet  n       -       n       -       -       smtpd
\t-o content_filter=scan:[127.0.0.1]:10029
\t-o smtpd_tls_wrappermode=yes
\t-o smtpd_sasl_auth_enable=yes
\t-o smtpd_client_restrictions=
\t-o smtpd_data_restrictions=
\t-o smtpd_helo_restrictions=
\t-o smtpd_recipient_restrictions=
\t-o smtpd_relay_restrictions=permit_sasl_authenticated,reject
\t-o syslog_name=postfix/smtps
\t-o milter_macro_daemon_name=ORIGINATING
submission inet n      -       n       -       -       smtpd
\t-o smtpd_etrn_restrictions=reject
\t-o smtpd_sasl_auth_enable=yes
\t-o smtpd_tls_security_level=may
\t-o smtpd_client_restrictions=permit_sasl_authenticated,reject
\t-o smtpd_data_restrictions=
\t-o smtpd_relay_restrictions=permit_sasl_authenticated,reject
\t-o smtpd_recipient_restrictions=
scan      unix  -       -       n       -       10      smtp
\t-o smtp_send_xforward_command=yes
smtp-amavis unix -      -       n       -       10  smtp
\t-o smtp_tls_security_level=none
[127.0.0.1]:10025 inet n  -       n       -       -  smtpd
\t-o local_recipient_maps=
\t-o relay_recipient_maps=
\t-o smtpd_restriction_classes=
\t-o smtpd_client_restrictions=
\t-o smtpd_helo_restrictions=
\t-o smtpd_sender_restrictions=
\t-o smtpd_reject_unlisted_sender=no
\t-o smtpd_relay_restrictions=
\t-o smtpd_recipient_restrictions=permit_mynetworks,reject
\t-o mynetworks_style=host
\t-o mynetworks=127.0.0.0/8,[::1]/128
\t-o smtpd_authorized_xforward_hosts=127.0.0.0/8,[::1]/128
[127.0.0.1]:10030 inet n  -       n       -       -  smtpd
\t-o smtpd_recipient_restrictions=permit_mynetworks,reject
\t-o smtpd_milters=inet:127.0.0.1:8465
policy  unix  -       n       n       -       0       spawn
\tuser=groupware argv=/usr/bin/perl /opt/groupware/common/libexec/zmconfigd
"""

SQL = """compatibility_level = 2
smtpd_banner = $myhostname ESMTP
myhostname = mail.example.org
myorigin = mail.example.org
mydomain = example.org
mydestination = $myhostname, localhost, localhost.localdomain
mynetworks = 127.0.0.1 [::1]
inet_interfaces = all
inet_protocols = all
relay_domains = $mydestination, proxy:mysql:/etc/postfix/mysql/relay_domains.cf
virtual_mailbox_domains = proxy:mysql:/etc/postfix/mysql/virtual_mailbox_domains.cf
virtual_alias_maps =
    proxy:mysql:/etc/postfix/mysql/virtual_alias_maps.cf
    proxy:mysql:/etc/postfix/mysql/domain_alias_maps.cf
    proxy:mysql:/etc/postfix/mysql/catchall_maps.cf
sender_bcc_maps =
    proxy:mysql:/etc/postfix/mysql/sender_bcc_maps_user.cf
transport_maps =
    proxy:mysql:/etc/postfix/mysql/transport_maps_user.cf
    proxy:mysql:/etc/postfix/mysql/transport_maps_domain.cf
smtpd_sender_login_maps =
    proxy:mysql:/etc/postfix/mysql/sender_login_maps.cf
smtpd_reject_unlisted_recipient = yes
smtpd_reject_unlisted_sender = yes
smtpd_helo_restrictions =
    permit_mynetworks
    permit_sasl_authenticated
    check_helo_access pcre:/etc/postfix/helo_access.pcre
    reject_non_fqdn_helo_hostname
    reject_unknown_helo_hostname
smtpd_sender_restrictions =
    reject_non_fqdn_sender
    reject_unlisted_sender
    permit_mynetworks
    permit_sasl_authenticated
    check_sender_access pcre:/etc/postfix/sender_access.pcre
    reject_unknown_sender_domain
smtpd_recipient_restrictions =
    reject_non_fqdn_recipient
    reject_unlisted_recipient
    check_policy_service inet:127.0.0.1:7777
    permit_mynetworks
    permit_sasl_authenticated
    reject_unauth_destination
    check_policy_service inet:127.0.0.1:12340
smtpd_end_of_data_restrictions =
    check_policy_service inet:127.0.0.1:7777
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated reject_unauth_destination
smtpd_data_restrictions = reject_unauth_pipelining
postscreen_greet_action = drop
postscreen_access_list = permit_mynetworks, cidr:/etc/postfix/postscreen_access.cidr
virtual_transport = dovecot
dovecot_destination_recipient_limit = 1
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/dovecot-auth
content_filter = smtp-amavis:[127.0.0.1]:10024
smtp-amavis_destination_recipient_limit = 1000
smtpd_tls_security_level = may
smtpd_tls_protocols = !SSLv2 !SSLv3 !TLSv1 !TLSv1.1
smtpd_discard_ehlo_keywords = silent-discard, dsn, etrn
"""


NULL_CLIENT = """myhostname = web1.example.com
myorigin = $mydomain
relayhost = [mail.example.com]
inet_interfaces = loopback-only
mydestination =
"""

BACKUP_MX = """myhostname = mx2.example.com
mydestination =
local_recipient_maps =
local_transport = error:5.1.1 Mailbox unavailable
relay_domains = example.com, example.org
smtpd_relay_restrictions = reject_unauth_destination
relay_recipient_maps = hash:/etc/postfix/relay_recipients
compatibility_level = 3.6
mynetworks = 127.0.0.0/8
"""

GATEWAY = """myhostname = gw.example.com
myorigin = example.com
mydestination =
local_recipient_maps =
mynetworks = 127.0.0.0/8 192.0.2.0/24
relay_domains = example.com
parent_domain_matches_subdomains = debug_peer_list smtpd_access_maps
smtpd_relay_restrictions = permit_mynetworks reject_unauth_destination
transport_maps = hash:/etc/postfix/transport
virtual_alias_maps = hash:/etc/postfix/virtual
compatibility_level=2
"""

LISTS = """myhostname = lists.example.com
mydestination = lists.example.com localhost
unknown_local_recipient_reject_code = 550
owner_request_special = no
transport_maps = hash:/var/lib/mailman3/data/postfix_lmtp
local_recipient_maps = proxy:unix:passwd.byname $alias_maps hash:/var/lib/mailman3/data/postfix_lmtp
relay_domains = ${{$compatibility_level} < {2} ? {$mydestination} : {}} hash:/var/lib/mailman3/data/postfix_domains
mynetworks = 127.0.0.0/8
smtpd_recipient_restrictions = permit_mynetworks,reject_unauth_destination
compatibility_level = 2
"""

SYSTEMS = {
    "CentOS 7 as delivered": (CENTOS_7, DEBIAN_MASTER.replace(" y ", " n ")),
    "RHEL 9 as delivered": (RHEL9, DEBIAN_MASTER),
    "FreeBSD's port": (FREEBSD, DEBIAN_MASTER),
    "a stack of containers": (CONTAINERS, CONTAINERS_MASTER),
    "one container": (ONE_CONTAINER, ONE_CONTAINER_MASTER),
    "a control panel": (PANEL, PANEL_MASTER),
    "a mail server in a box": (BOX, DEBIAN_MASTER + SUBMISSION),
    "groupware": (GROUPWARE, GROUPWARE_MASTER),
    "SQL and policies": (SQL, DEBIAN_MASTER + SUBMISSION + AMAVIS),
    "a null client as in the documentation": (NULL_CLIENT, None),
    "a backup MX as in the documentation": (BACKUP_MX, DEBIAN_MASTER),
    "a gateway as in the documentation": (GATEWAY, DEBIAN_MASTER),
    "mailing lists": (LISTS, DEBIAN_MASTER),
}
