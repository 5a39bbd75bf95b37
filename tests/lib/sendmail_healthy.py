"""
Healthy configurations of Sendmail, each written as its kind of user writes it: the defaults of systems, and common ways to use it. Nothing of them may
be found to be of severity high, from sendmail.cf as well as from sendmail.mc, and no row of the self-test may fail.
"""
CF = "/usr/share/sendmail/cf"

DEBIAN = f"""divert(-1)dnl
#-----------------------------------------------------------------------------
# This file is used to configure Sendmail for use with Debian systems.
# It isn't read: what is said here, FEATURE(`promiscuous_relay'), stays a comment.
#-----------------------------------------------------------------------------
divert(0)dnl
define(`_USE_ETC_MAIL_')dnl
include(`{CF}/m4/cf.m4')dnl
VERSIONID(`$Id: sendmail.mc, v 8.17.1.9-2 2023-01-11 22:26:28 cowboy Exp $')
OSTYPE(`debian')dnl
DOMAIN(`debian-mta')dnl
dnl # Items controlled by /etc/mail/sendmail.conf - DO NOT TOUCH HERE
undefine(`confHOST_STATUS_DIRECTORY')dnl        #DAEMON_HOSTSTATS=
dnl # SASL authentication
dnl include(`/etc/mail/sasl/sasl.m4')dnl
FEATURE(`no_default_msa')dnl
dnl DAEMON_OPTIONS(`Family=inet6, Name=MTA-v6, Port=smtp, Addr=::1')dnl
DAEMON_OPTIONS(`Family=inet,  Name=MTA-v4, Port=smtp')dnl
DAEMON_OPTIONS(`Family=inet,  Name=MSP-v4, Port=submission, M=Ea')dnl
dnl # Be somewhat anal in what we allow
define(`confPRIVACY_FLAGS',dnl
`needmailhelo,needexpnhelo,needvrfyhelo,restrictqrun,restrictexpand,nobodyreturn,authwarnings')dnl
define(`confCONNECTION_RATE_THROTTLE', `15')dnl
define(`confCONNECTION_RATE_WINDOW_SIZE',`10m')dnl
FEATURE(`use_cw_file')dnl
FEATURE(`access_db', , `skip')dnl
FEATURE(`greet_pause', `1000')dnl 1 seconds
FEATURE(`delay_checks', `friend', `n')dnl
define(`confBAD_RCPT_THROTTLE',`3')dnl
FEATURE(`conncontrol', `nodelay', `terminate')dnl
FEATURE(`ratecontrol', `nodelay', `terminate')dnl
dnl # If you're on a dialup link, you should enable this:
sinclude(`/etc/mail/m4/dialup.m4')dnl
sinclude(`/etc/mail/m4/provider.m4')dnl
MAILER_DEFINITIONS
MAILER(`local')dnl
MAILER(`smtp')dnl

"""

RHEL = f"""divert(-1)dnl
dnl #
dnl # This is the sendmail macro config file for m4. If you make changes to
dnl # /etc/mail/sendmail.mc, you will need to regenerate the
dnl # /etc/mail/sendmail.cf file by confirming that the sendmail-cf package is
dnl # installed and then performing a make.
dnl #
include(`{CF}/m4/cf.m4')dnl
VERSIONID(`setup for linux')dnl
OSTYPE(`linux')dnl
dnl #
dnl # Do not advertise sendmail version.
dnl #
dnl define(`confSMTP_LOGIN_MSG', `$j Sendmail; $b')dnl
dnl define(`confLOG_LEVEL', `9')dnl
dnl define(`SMART_HOST', `smtp.your.provider')dnl
define(`confDEF_USER_ID', ``8:12'')dnl
dnl define(`confAUTO_REBUILD')dnl
define(`confTO_CONNECT', `1m')dnl
define(`confTRY_NULL_MX_LIST', `True')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`PROCMAIL_MAILER_PATH', `/usr/bin/procmail')dnl
define(`ALIAS_FILE', `/etc/aliases')dnl
define(`STATUS_FILE', `/var/log/mail/statistics')dnl
define(`UUCP_MAILER_MAX', `2000000')dnl
define(`confUSERDB_SPEC', `/etc/mail/userdb.db')dnl
define(`confPRIVACY_FLAGS', `authwarnings,novrfy,noexpn,restrictqrun')dnl
define(`confAUTH_OPTIONS', `A')dnl
dnl #
dnl # The following allows relaying if the user authenticates, and disallows
dnl # plaintext authentication (PLAIN/LOGIN) on non-TLS links
dnl #
dnl define(`confAUTH_OPTIONS', `A p')dnl
dnl TRUST_AUTH_MECH(`EXTERNAL DIGEST-MD5 CRAM-MD5 LOGIN PLAIN')dnl
dnl define(`confAUTH_MECHANISMS', `EXTERNAL GSSAPI DIGEST-MD5 CRAM-MD5 LOGIN PLAIN')dnl
dnl define(`confCACERT_PATH', `/etc/pki/tls/certs')dnl
dnl define(`confTO_QUEUEWARN', `4h')dnl
define(`confTO_IDENT', `0')dnl
dnl FEATURE(delay_checks)dnl
FEATURE(`no_default_msa', `dnl')dnl
FEATURE(`smrsh', `/usr/sbin/smrsh')dnl
FEATURE(`mailertable', `hash -o /etc/mail/mailertable.db')dnl
FEATURE(`virtusertable', `hash -o /etc/mail/virtusertable.db')dnl
FEATURE(redirect)dnl
FEATURE(always_add_domain)dnl
FEATURE(use_cw_file)dnl
FEATURE(use_ct_file)dnl
dnl FEATURE(local_procmail, `', `procmail -t -Y -a $h -d $u')dnl
FEATURE(`access_db', `hash -T<TMPF> -o /etc/mail/access.db')dnl
FEATURE(`blacklist_recipients')dnl
EXPOSED_USER(`root')dnl
dnl # For using Cyrus-IMAPd as POP3/IMAP server through LMTP delivery uncomment
dnl define(`confLOCAL_MAILER', `cyrusv2')dnl
dnl # The following causes sendmail to only listen on the IPv4 loopback address
DAEMON_OPTIONS(`Port=smtp,Addr=127.0.0.1, Name=MTA')dnl
dnl DAEMON_OPTIONS(`Port=submission, Name=MSA, M=Ea')dnl
dnl DAEMON_OPTIONS(`Port=smtps, Name=TLSMTA, M=s')dnl
dnl FEATURE(`accept_unresolvable_domains')dnl
dnl FEATURE(`relay_based_on_MX')dnl
LOCAL_DOMAIN(`localhost.localdomain')dnl
dnl MASQUERADE_AS(`mydomain.com')dnl
dnl FEATURE(masquerade_envelope)dnl
dnl MASQUERADE_DOMAIN(localhost)dnl
MAILER(smtp)dnl
dnl MAILER(cyrusv2)dnl
"""

FREEBSD = """divert(-1)
#
# Copyright notice of the time, and a hint:
#
#  This is a generic configuration file for FreeBSD 6.X and later systems.
#  If you want to customize it, copy it to a name appropriate for your
#  environment and do the modifications there.
#
#	The best documentation for this .mc file is:
#	/usr/share/sendmail/cf/README or
#
divert(0)
VERSIONID(`$FreeBSD$')
OSTYPE(freebsd6)
DOMAIN(generic)

FEATURE(access_db, `hash -o -T<TMPF> /etc/mail/access')
FEATURE(blocklist_recipients)
FEATURE(local_lmtp)
FEATURE(mailertable, `hash -o /etc/mail/mailertable')
FEATURE(virtusertable, `hash -o /etc/mail/virtusertable')

dnl Uncomment to allow relaying based on your MX records.
dnl NOTE: This can allow sites to use your server as a backup MX without
dnl       your permission.
dnl FEATURE(relay_based_on_MX)

dnl DNS based black hole lists
dnl --------------------------------
dnl FEATURE(dnsbl)

dnl Dialup users should uncomment and define this appropriately
dnl define(`SMART_HOST', `your.isp.mail.server')

dnl Uncomment the first line to change the location of the default
dnl /etc/mail/local-host-names and comment out the second line.
dnl define(`confCW_FILE', `-o /etc/mail/sendmail.cw')
define(`confCW_FILE', `-o /etc/mail/local-host-names')

dnl Enable for both IPv4 and IPv6 (optional)
DAEMON_OPTIONS(`Name=IPv4, Family=inet')
DAEMON_OPTIONS(`Name=IPv6, Family=inet6, Modifiers=O')

define(`confBIND_OPTS', `WorkAroundBrokenAAAA')
define(`confNO_RCPT_ACTION', `add-to-undisclosed')
define(`confPRIVACY_FLAGS', `authwarnings,noexpn,novrfy')
MAILER(local)
MAILER(smtp)
"""

FREEBSD_SUBMIT = """divert(-1)
#
#  This is the FreeBSD configuration for a set-group-ID sm-msp sendmail
#  that acts as a initial mail submission program.
#
divert(0)dnl
VERSIONID(`$FreeBSD$')
define(`confCF_VERSION', `Submit')dnl
define(`__OSTYPE__',`')dnl dirty hack to keep proto.m4 from complaining
define(`_USE_DECNET_SYNTAX_', `1')dnl support DECnet
define(`confTIME_ZONE', `USE_TZ')dnl
define(`confDONT_INIT_GROUPS', `True')dnl
define(`confBIND_OPTS', `WorkAroundBrokenAAAA')dnl
dnl
dnl If you use IPv6 only, change [127.0.0.1] to [IPv6:::1]
FEATURE(`msp', `[127.0.0.1]')dnl
"""

SOLARIS = """divert(-1)
#
# This file contains the default Solaris-like definitions for sendmail.
#
divert(0)dnl
VERSIONID(`sendmail.mc (Sun)')
OSTYPE(`solaris8')dnl
DOMAIN(`generic')dnl
define(`confFALLBACK_SMARTHOST', `mailhost$?m.$m$.')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
LOCAL_CONFIG
D{keep}nothing
MAILER(`local')dnl
MAILER(`smtp')dnl

LOCAL_NET_CONFIG
R$* < @ $* .$m. > $*	$#esmtp $@ $2.$m $: $1 < @ $2.$m. > $3
"""

HEAD = "divert(0)dnl\nVERSIONID(`ours')dnl\nOSTYPE(`linux')dnl\nDOMAIN(`generic')dnl\n"
TAIL = "MAILER(`local')dnl\nMAILER(`smtp')dnl\n"
ACCESS = "FEATURE(`access_db', `hash -T<TMPF> -o /etc/mail/access')dnl\n"

# A name, the .mc, and the other files that it reads.
HEALTHY = {
    "Debian": (DEBIAN, {"access": "# by the admin\nConnect:localhost\tRELAY\nGreetPause:localhost\t0\nClientRate:127.0.0\t0\n"
                                  "ClientRate:\t60\nClientConn:127.0.0\t0\nClientConn:\t10\nConnect:127.0.0.1 RELAY\n"
                                  "Connect:IPv6:0:0:0:0:0:0:0:1 RELAY\n# Connect:10 RELAY\n"}),
    "RHEL": (RHEL, {"access": "# Check the /usr/share/doc/sendmail/README.cf file for a description\n"
                              "Connect:localhost.localdomain\t\tRELAY\nConnect:localhost\t\t\tRELAY\nConnect:127.0.0.1\t\t\tRELAY\n",
                    "local-host-names": "# local-host-names - include all aliases for your machine here.\nexample.com\n",
                    "trusted-users": "", "mailertable": "", "virtusertable": ""}),
    "FreeBSD": (FREEBSD, {"access": "#From:cyberspammer.com\tERROR:\"550 We don't accept mail from spammers\"\n"
                                    "#Connect:198.2.0\tRELAY\n", "mailertable": "", "virtusertable": ""}),
    "FreeBSD's submit.mc": (FREEBSD_SUBMIT, {}),
    "Solaris": (SOLARIS, {}),
    "a smart host with a login": (HEAD + ACCESS + """define(`SMART_HOST', `[smtp.provider.example]')dnl
define(`RELAY_MAILER_ARGS', `TCP $h 587')dnl
define(`ESMTP_MAILER_ARGS', `TCP $h 587')dnl
define(`confAUTH_MECHANISMS', `EXTERNAL GSSAPI DIGEST-MD5 CRAM-MD5 LOGIN PLAIN')dnl
define(`confAUTH_OPTIONS', `A p')dnl
FEATURE(`authinfo', `hash -o /etc/mail/authinfo')dnl
MASQUERADE_AS(`example.com')dnl
FEATURE(`masquerade_envelope')dnl
FEATURE(`masquerade_entire_domain')dnl
MASQUERADE_DOMAIN(`home.lan')dnl
FEATURE(`genericstable', `hash -o /etc/mail/genericstable')dnl
GENERICS_DOMAIN(`home.lan')dnl
""" + TAIL, {"access": "Connect:192.168.1\tRELAY\n", "authinfo": "AuthInfo:smtp.provider.example \"U:me\" \"P:secret\"\n",
             "genericstable": "me\tme@example.com\n"}),
    "a backup MX": (HEAD + ACCESS + """RELAY_DOMAIN(`partner.example friend.example.org')dnl
FEATURE(`relay_hosts_only')dnl
FEATURE(`mailertable', `hash -o /etc/mail/mailertable')dnl
FEATURE(`blocklist_recipients')dnl
""" + TAIL, {"access": "To:third.example\tRELAY\nTo:nobody@third.example\tERROR:550 no such user\nFrom:spam.example REJECT\n"
                       "Connect:spammer.example\tREJECT\nConnect:203.0.113 ERROR:\"550 no\"\nSpam:abuse@ FRIEND\n",
             "mailertable": "partner.example\tesmtp:[mx.partner.example]\n.friend.example.org\tsmtp:[192.0.2.9]\n",
             "relay-domains": "# whom we help\nneighbour.example # since 2019\n"}),
    "virtual domains": (HEAD + ACCESS + """FEATURE(`virtusertable', `hash -o /etc/mail/virtusertable')dnl
VIRTUSER_DOMAIN_FILE(`/etc/mail/virtuser-domains')dnl
VIRTUSER_DOMAIN(`shop.example')dnl
FEATURE(`virtuser_entire_domain')dnl
define(`confDOMAIN_NAME', `mx.example.com')dnl
""" + TAIL, {"access": "", "virtuser-domains": "vmail.example\n",
             "virtusertable": "info@vmail.example\tbob\n@shop.example\tbob\nx@vmail.example error:5.1.1:550 no\n"}),
    "submission with TLS alone": (HEAD + ACCESS + """define(`confAUTH_MECHANISMS', `LOGIN PLAIN')dnl
TRUST_AUTH_MECH(`LOGIN PLAIN')dnl
define(`confAUTH_OPTIONS', `A p y')dnl
define(`CERT_DIR', `MAIL_SETTINGS_DIR`'tls')dnl
define(`confCACERT_PATH', `CERT_DIR')dnl
define(`confCACERT', `CERT_DIR/ca.pem')dnl
define(`confSERVER_CERT', `CERT_DIR/server.pem')dnl
define(`confSERVER_KEY', `CERT_DIR/server.key')dnl
FEATURE(`no_default_msa')dnl
DAEMON_OPTIONS(`Port=submission, Name=MSA, M=Ea')dnl
DAEMON_OPTIONS(`Port=smtps, Name=TLSMSA, M=Eas')dnl
""" + TAIL, {"access": "TLS_Clt:partner.example VERIFY\nTLS_Srv:mx.partner.example ENCR:112\nTry_TLS:broken.example NO\n"}),
    "a null client": ("divert(0)dnl\nVERSIONID(`null client')dnl\nOSTYPE(`linux')dnl\n"
                      "FEATURE(`no_default_msa')dnl\nDAEMON_OPTIONS(`Name=MTA, Addr=127.0.0.1')dnl\n"
                      "FEATURE(`nullclient', `mailhub.example.com')dnl\n", {}),
    "LDAP routing": (HEAD + ACCESS + """define(`confLDAP_DEFAULT_SPEC', `-h ldap.example.com -b dc=example,dc=com')dnl
FEATURE(`ldap_routing')dnl
LDAPROUTE_DOMAIN(`example.com')dnl
LDAPROUTE_EQUIVALENT(`mx.example.com')dnl
""" + TAIL, {"access": ""}),
    "MIMEDefang": (HEAD + ACCESS + """INPUT_MAIL_FILTER(`mimedefang', `S=unix:/var/spool/MIMEDefang/mimedefang.sock, F=T, T=S:360s;R:360s;E:15m')dnl
define(`confMILTER_MACROS_CONNECT', confMILTER_MACROS_CONNECT``, {client_connections}, {client_ptr}'')dnl
define(`confMILTER_MACROS_ENVRCPT', `r, v, Z, {rcpt_mailer}, {rcpt_host}, {rcpt_addr}')dnl
""" + TAIL, {"access": ""}),
    "ClamAV and SpamAssassin": (HEAD + ACCESS + """INPUT_MAIL_FILTER(`clamav', `S=local:/var/run/clamav/clmilter.socket, F=T, T=S:4m;R:4m')dnl
INPUT_MAIL_FILTER(`spamassassin', `S=local:/var/run/spamass-milter/spamass-milter.sock, F=, T=C:15m;S:4m;R:4m;E:10m')dnl
define(`confINPUT_MAIL_FILTERS', `spamassassin,clamav')dnl
define(`confMILTER_MACROS_ENVRCPT',`b,r,v,Z')dnl
""" + TAIL, {"access": ""}),
    "DNS lists and rates": (HEAD + ACCESS + """FEATURE(`delay_checks')dnl
FEATURE(`dnsbl', `zen.example', `"550 Rejected: " $&{client_addr} " listed"', `')dnl
FEATURE(`enhdnsbl', `dnsbl.example', `', `t')dnl
FEATURE(`ratecontrol', `nodelay', `terminate')dnl
FEATURE(`conncontrol', `nodelay', `terminate')dnl
FEATURE(`greet_pause', `5000')dnl
FEATURE(`require_rdns')dnl
FEATURE(`block_bad_helo')dnl
FEATURE(`badmx')dnl
define(`confMAX_RCPTS_PER_MESSAGE', `50')dnl
""" + TAIL, {"access": "ClientRate:127.0.0\t0\nClientConn:127.0.0\t0\nClientRate: 10\nClientConn: 5\nGreetPause:127.0.0.1 0\n"}),
    "rules of one's own": (HEAD + ACCESS + TAIL + """
LOCAL_CONFIG
Kcheckaddress regex -a@MATCH ^([0-9]+<@(aol|msn)\\.com|[0-9][^<]*<@juno\\.com)\\.?>
C{RejectTo}friend you
F{Internal} -o /etc/mail/internal
HTo: $>CheckTo

LOCAL_RULESETS
SCheckTo
R$={RejectTo}@$*	$#error $: "553 Header error"
R$*		$@ OK

SLocal_check_mail
R$*		$: $>Parse0 $>3 $1
R$+		$: $(checkaddress $1 $)
R@MATCH		$#error $: 553 Header error
R$*		$@ OK

SLocal_check_relay
R$*		$@ OK

SLocal_check_rcpt
R$*		$: $1 $| $>canonify $1
R$* $| nobody < @ $* > $*	$#error $@ 5.1.1 $: "550 No such user"
R$* $| $*	$@ OK
""", {"access": "", "internal": "list-internal\n"}),
    "everything at once": (HEAD + """define(`MYDOMAIN', `example.com')dnl
define(`MYNET', `192.168.7')dnl
ifdef(`TESTING', `FEATURE(`promiscuous_relay')dnl', `dnl')
ifelse(MYDOMAIN, `example.org', `FEATURE(`relay_local_from')dnl', `dnl')
define(`confRELAY_MSG', `"550 5.7.1 Go away"')dnl
define(`confSMTP_LOGIN_MSG', `$j; $b')dnl
define(`confDONT_BLAME_SENDMAIL', `GroupWritableDirPathSafe')dnl
FEATURE(`access_db', `btree -T<TMPF> /etc/mail/access')dnl
FEATURE(`lookupdotdomain')dnl
FEATURE(`compat_check')dnl
FEATURE(`relay_mail_from', `domain')dnl
undefine(`_RELAY_DB_FROM_')undefine(`_RELAY_DB_FROM_DOMAIN_')dnl
LOCAL_DOMAIN(`MYDOMAIN www.MYDOMAIN')dnl
RELAY_DOMAIN(`MYNET')dnl
""" + TAIL + "LOCAL_CONFIG\nCw mail.example.com\nCR 10.1.2\nDMexample.com\n", {"access": "10.9.8 RELAY\nIPv6:2001:db8:1:2 RELAY\n"}),
}
