#!/bin/bash
# Each bench once, quickly, as TAP: that it runs, not what it measures. `make bench` measures.
cd "$(dirname "$0")/../.." || exit 70
n=0
export BENCH_SHORT=1

try() { # NAME COMMAND...
	local name=$1 out good=not
	shift
	n=$((n + 1))
	out=$("$@" 2>&1) && good=""
	while IFS= read -r line; do echo "# $line"; done <<<"$out"
	echo "${good:+not }ok $n - $name runs"
}

for b in tests/bench/bench_*.c; do
	b=$(basename "$b" .c)
	try "$b" "build/gcc/tests/bench/$b"
done
try "the milter protocol" tests/bench/milter.py 1 1
try "through Postfix" tests/live/sandbox.sh postfix tests/bench/postfix.py 1 200
# Without rspamd, which takes longer to start than all of this.
try "signed mail through Postfix" tests/live/sandbox.sh --with opendkim postfix tests/bench/auth.py 1 200
echo "1..$n"
