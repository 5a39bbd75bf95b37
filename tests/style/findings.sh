#!/bin/bash
# Holds the list of findings in relay-guard-audit(8) complete: each name that the audit can say stands there, and
# each that stands there can be said. TAP.
#
# usage: findings.sh [ROOT]
set -euo pipefail

cd "${1:-"$(dirname "$0")/../.."}"

# Words of the audit's sources that look like a name and are none.
none="ca-bundle|loopback-only|unix-dgram|client-(connections|logins|messages|rate|recipients|sessions|tls)|own-network"

said() {
	grep -ohE '"([a-z]+(-[a-z]+)+|vrfy|syntax)"' milter/audit/"$1"_*.c | tr -d '"' | grep -vxE "$none" | sort -u
}

written() {
	sed -n '/^\.Sh FINDINGS/,/^\.Sh SENDMAIL/s/^\.It Li //p' conf/man/relay-guard-audit.8 | sort
}

compare() {
	local got
	got=$(comm "$2" <(echo "$names") <(written))
	if [ -z "$got" ]; then
		echo "ok $1 - $3"
	else
		echo "not ok $1 - $3"
		while read -r name; do echo "# $name"; done <<<"$got"
		failed=1
	fi
}

failed=0
names=$( (said pf; said sm) | sort -u)
compare 1 -23 "each finding stands in the manual"
compare 2 -13 "each that stands there is a finding"
echo 1..2
exit $failed
