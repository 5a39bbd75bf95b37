/*
 * What holds where nothing is written, as far as the audit and the import look at it, or a
 * configuration is likely to refer to it.
 */
#include <string.h>

#include "audit/pf_config.h"

struct fallback {
	const char *name;
	pf_version from; /* the first version with this default; 0: all */
	const char *value;
};

#define RELAY_LIST "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination"

/* Of one name the newest version stands first. */
static const struct fallback fallbacks[] = {
    {"access_map_defer_code", 0, "450"},
    {"access_map_reject_code", 0, "554"},
    {"alias_database", 0, "hash:/etc/aliases"},
    {"alias_maps", 0, "hash:/etc/aliases"},
    {"allow_percent_hack", 0, "yes"},
    {"allow_untrusted_routing", 0, "no"},
    {"command_directory", 0, "/usr/sbin"},
    {"compatibility_level", 0, "0"},
    {"config_directory", 0, "/etc/postfix"},
    {"daemon_directory", 0, "/usr/lib/postfix/sbin"},
    {"data_directory", 0, "/var/lib/postfix"},
    {"default_database_type", 0, "hash"},
    {"default_transport", 0, "smtp"},
    {"disable_vrfy_command", 0, "no"},
    {"empty_address_recipient", 0, "MAILER-DAEMON"},
    {"inet_interfaces", 0, "all"},
    {"inet_protocols", 0, "all"},
    {"local_recipient_maps", 0, "proxy:unix:passwd.byname $alias_maps"},
    {"local_transport", 0, "local:$myhostname"},
    {"mail_name", 0, "Postfix"},
    {"mail_owner", 0, "postfix"},
    {"mail_spool_directory", 0, "/var/mail"},
    {"manpage_directory", 0, "/usr/share/man"},
    {"message_size_limit", 0, "10240000"},
    {"meta_directory", 0, "/etc/postfix"},
    {"milter_default_action", 0, "tempfail"},
    {"mydestination", 0, "$myhostname, localhost.$mydomain, localhost"},
    {"mynetworks_style", 30000, "${{$compatibility_level} <level {2} ? {subnet} : {host}}"},
    {"mynetworks_style", 0, "subnet"},
    {"myorigin", 0, "$myhostname"},
    {"parent_domain_matches_subdomains", 0,
	"debug_peer_list,fast_flush_domains,mynetworks,permit_mx_backup_networks,"
	"qmqpd_authorized_clients,relay_domains,smtpd_access_maps"},
    {"postscreen_upstream_proxy_protocol", 0, ""},
    {"queue_directory", 0, "/var/spool/postfix"},
    {"recipient_delimiter", 0, ""},
    {"relay_domains", 30000, "${{$compatibility_level} <level {2} ? {$mydestination} : {}}"},
    {"relay_domains", 0, "$mydestination"},
    {"relay_transport", 0, "relay"},
    {"resolve_dequoted_address", 0, "yes"},
    {"sample_directory", 0, "/etc/postfix"},
    {"sendmail_path", 0, "/usr/sbin/sendmail"},
    {"setgid_group", 0, "postdrop"},
    {"smtpd_banner", 0, "$myhostname ESMTP $mail_name"},
    {"smtpd_client_connection_count_limit", 0, "50"},
    {"smtpd_client_auth_rate_limit", 0, "0"},
    {"smtpd_client_connection_rate_limit", 0, "0"},
    {"smtpd_client_message_rate_limit", 0, "0"},
    {"smtpd_client_recipient_rate_limit", 0, "0"},
    {"smtpd_delay_reject", 0, "yes"},
    {"smtpd_forbid_bare_newline", 30900, "normalize"},
    {"smtpd_forbid_bare_newline", 0, "no"},
    {"smtpd_recipient_restrictions", 21000, ""},
    {"smtpd_recipient_restrictions", 0, "permit_mynetworks, reject_unauth_destination"},
    {"smtpd_relay_restrictions", 30000,
	"${{$compatibility_level} <level {1} ? {} : {" RELAY_LIST "}}"},
    {"smtpd_relay_restrictions", 21000, RELAY_LIST},
    {"smtpd_reject_unlisted_recipient", 0, "yes"},
    {"smtpd_sasl_auth_enable", 0, "no"},
    {"smtpd_sasl_path", 0, "smtpd"},
    {"smtpd_sasl_security_options", 0, "noanonymous"},
    {"smtpd_sasl_tls_security_options", 0, "$smtpd_sasl_security_options"},
    {"smtpd_sasl_type", 0, "cyrus"},
    {"smtpd_tls_ask_ccert", 0, "no"},
    {"smtpd_tls_auth_only", 0, "no"},
    {"smtpd_tls_req_ccert", 0, "no"},
    {"smtpd_tls_wrappermode", 0, "no"},
    {"smtpd_use_tls", 0, "no"},
    {"swap_bangpath", 0, "yes"},
    {"virtual_alias_domains", 0, "$virtual_alias_maps"},
    {"virtual_alias_maps", 0, "$virtual_maps"},
    {"virtual_mailbox_domains", 0, "$virtual_mailbox_maps"},
    {"virtual_transport", 0, "virtual"},
};

const char *pf_default(const char *name, pf_version version)
{
	for (size_t i = 0; i < sizeof(fallbacks) / sizeof(fallbacks[0]); i++)
		if (strcmp(fallbacks[i].name, name) == 0 && version >= fallbacks[i].from)
			return fallbacks[i].value;
	return NULL;
}
