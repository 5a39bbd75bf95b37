#!/bin/sh
# Golden tests of `relay-guard check`: run.sh BINARY
#
# For each NAME.conf, NAME.expected holds what is told, standard error before standard output, and
# the exit code; NAME.dump, where it is there, what `--dump` prints, and that must load to
# itself. The folder's own name is taken out of the output. UPDATE=1 writes the files anew.
set -u

binary=$(realpath "${1:?usage: run.sh BINARY}")
cd "$(dirname "$0")" || exit 1
here=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
failed=0

# Ends one test: same NAME WANT GOT
same() {
	number=$((number + 1))
	if [ "${UPDATE:-0}" = 1 ]; then
		cp "$3" "$2"
	fi
	if diff -u "$2" "$3" >"$work/diff"; then
		echo "ok $number - $1"
	else
		failed=$((failed + 1))
		echo "not ok $number - $1"
		sed 's/^/# /' "$work/diff"
	fi
}

for conf in *.conf; do
	name=${conf%.conf}
	"$binary" check -c "$conf" >"$work/out" 2>"$work/err"
	echo "exit $?" >>"$work/out"
	cat "$work/err" "$work/out" | sed "s|$here/||g" >"$work/got"
	same "$name" "$name.expected" "$work/got"

	[ -f "$name.dump" ] || continue
	"$binary" check -c "$conf" --dump >"$work/first.conf" 2>/dev/null
	sed "s|$here/||g" "$work/first.conf" >"$work/got"
	same "$name, dumped" "$name.dump" "$work/got"
	"$binary" check -c "$work/first.conf" --dump >"$work/second.conf" 2>/dev/null
	number=$((number + 1))
	if cmp -s "$work/first.conf" "$work/second.conf"; then
		echo "ok $number - $name, dumped twice"
	else
		failed=$((failed + 1))
		echo "not ok $number - $name, dumped twice"
	fi
done

# What has no file of its own.
code() {
	want=$1
	shift
	number=$((number + 1))
	"$binary" check "$@" >"$work/out" 2>"$work/err"
	got=$?
	if [ "$got" -eq "$want" ]; then
		echo "ok $number - check $*: exit $want"
	else
		failed=$((failed + 1))
		echo "not ok $number - check $*: got exit $got, want $want"
	fi
}
code 66 -c missing.conf
code 78 -c lists
code 64 --nonsense
code 64 -c
code 64 --format xml
code 64 --dump --format json
code 64 -c minimal.conf extra
code 0 -c ../../conf/relay-guard.conf
code 0 -c minimal.conf --format text

"$binary" check -c values.conf --format json >"$work/json" 2>/dev/null
number=$((number + 1))
if python3 -c '
import json, sys
told = json.load(open(sys.argv[1]))
text = open("values.expected").read().splitlines()[:-1]
want = ["{file}:{line}:{column}: {severity}: {text}".format(**m) for m in told]
sys.exit(want != text)' "$work/json"; then
	echo "ok $number - JSON says the same"
else
	failed=$((failed + 1))
	echo "not ok $number - JSON says the same"
fi

echo "1..$number"
[ "$failed" -eq 0 ]
