#!/bin/bash
# Runs fuzz targets over their kept corpora, one on each processor at a time, as TAP. New inputs stay
# below build/.
#   tests/fuzz/run.sh SECONDS fuzz_NAME...
cd "$(dirname "$0")/../.." || exit 70

if [ "$1" != --one ]; then
	seconds=$1
	shift
	mkdir -p build/fuzz/findings
	printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} "$0" --one "$seconds" {}
	n=0
	for name in "$@"; do
		n=$((n + 1))
		result=$(cat "build/fuzz/findings/$name.result" 2>/dev/null)
		[ "$result" = 0 ] || sed 's/^/# /' "build/fuzz/findings/$name.log"
		echo "$([ "$result" = 0 ] || echo "not ")ok $n - $name finds nothing in $seconds s"
	done
	echo "1..$n"
	exit
fi

seconds=$2
name=$3
work=build/fuzz/corpus/${name#fuzz_}
corpus=("$work")
[ ! -d "tests/fuzz/corpus/${name#fuzz_}" ] || corpus+=("tests/fuzz/corpus/${name#fuzz_}")
mkdir -p "$work"
rm -f "build/fuzz/findings/$name.result"
build/fuzz/tests/fuzz/"$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 \
	-close_fd_mask=1 -artifact_prefix="build/fuzz/findings/$name-" "${corpus[@]}" 2>&1 |
	tail -40 >"build/fuzz/findings/$name.log"
echo "${PIPESTATUS[0]}" >"build/fuzz/findings/$name.result"
