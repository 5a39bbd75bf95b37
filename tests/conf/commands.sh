#!/bin/sh
# The table of commands: what it prints where, and its exit codes. commands.sh BINARY
set -u

binary=$(realpath "${1:?usage: commands.sh BINARY}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
number=0
failed=0

report() { # RIGHT NAME
	number=$((number + 1))
	if [ "$1" = yes ]; then
		echo "ok $number - $2"
	else
		failed=$((failed + 1))
		echo "not ok $number - $2"
		sed 's/^/# out: /' out
		sed 's/^/# err: /' err
	fi
}

# try CODE out|err WORDS ARGUMENT...: ends with CODE, and says WORDS there and nothing on the other one.
try() {
	want=$1 stream=$2 words=$3
	shift 3
	timeout 20 "$binary" "$@" >out 2>err </dev/null
	got=$?
	right=no
	other=out
	[ "$stream" = out ] && other=err
	[ "$got" -eq "$want" ] && grep -qF -e "$words" "$stream" && ! [ -s "$other" ] && right=yes
	report "$right" "\`$*\`: exit $want (got $got), \"$words\""
}

commands=$("$binary" help | sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p')

try 64 err "usage: relay-guard COMMAND"
try 0 out "usage: relay-guard COMMAND" help
try 0 out "usage: relay-guard COMMAND" --help
try 0 out "usage: relay-guard COMMAND" -h
try 0 out "usage: relay-guard COMMAND" help help
try 0 out "relay-guard " --version
try 64 err "\`nonsense\` is no command" nonsense
try 64 err "\`nonsense\` is no command" help nonsense
try 64 err "\`\` is no command" ""
try 64 err "\`--nonsense\` is no command" --nonsense
for c in $commands; do
	[ "$c" = help ] && continue
	try 0 out "usage: relay-guard $c " help "$c"
	try 64 err "See \`relay-guard help $c\`" "$c" --no-such-option
done
try 64 err "one word too many" serve extra
try 64 err "it takes only -c FILE" serve -c
try 66 err "No such file or directory" serve -c /nowhere/at/all.conf
echo "nonsense = yes" >wrong.conf
try 78 err "wrong.conf:1:1: error: found the unknown key \`nonsense\`" serve -c wrong.conf
try 78 err "wrong.conf:1:1: error: found the unknown key \`nonsense\`" explain -c wrong.conf --client 192.0.2.1 --to "<a@b.example>"
try 78 err "wrong.conf:1:1: error: found the unknown key \`nonsense\`" selftest -c wrong.conf

# Whoever reads the list can run each of it.
right=yes
[ "$(echo "$commands" | sort | uniq -d)" = "" ] || right=no
[ "$(echo "$commands" | wc -l)" -ge 5 ] || right=no
report $right "each command is listed once"

echo "1..$number"
[ "$failed" -eq 0 ]
