#!/bin/bash
# What `make install` puts in place, and that it leaves a configuration alone, as TAP.
cd "$(dirname "$0")/../.." || exit 70
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
n=0
failed=0

ok() { # NAME COMMAND...
	local name=$1 good=""
	shift
	n=$((n + 1))
	"$@" >"$root.out" 2>&1 || { good="not "; failed=1; }
	echo "${good}ok $n - $name"
	[ -z "$good" ] || sed 's/^/# /' "$root.out"
	rm -f "$root.out"
}

# shellcheck disable=SC2317 # ok() calls them
lacks() { ! grep -q "$1" "$2"; }

# shellcheck disable=SC2317
put() { make --no-print-directory install DESTDIR="$root" PREFIX="$1"; }

ok "it installs" put /usr
for file in usr/sbin/relay-guard usr/share/man/man8/relay-guard.8 usr/share/man/man5/relay-guard.conf.5 \
	usr/share/man/man8/relay-guard-selftest.8 usr/lib/systemd/system/relay-guard.service \
	usr/lib/sysusers.d/relay-guard.conf usr/lib/tmpfiles.d/relay-guard.conf etc/logrotate.d/relay-guard \
	etc/relay-guard/relay-guard.conf; do
	ok "$file is there" test -s "$root/$file"
done
ok "the unit starts what was installed" \
	grep -q '^ExecStart=/usr/sbin/relay-guard serve$' "$root/usr/lib/systemd/system/relay-guard.service"
ok "and nothing else" lacks /usr/local "$root/usr/lib/systemd/system/relay-guard.service"
ok "the configuration is right as it is" \
	"$root/usr/sbin/relay-guard" check -c "$root/etc/relay-guard/relay-guard.conf"
echo "# mine" >>"$root/etc/relay-guard/relay-guard.conf"
ok "it installs once more" put /usr
ok "and leaves the configuration alone" grep -q '^# mine$' "$root/etc/relay-guard/relay-guard.conf"
echo "1..$n"
exit $failed
