#!/bin/bash
# Runs one fuzz target for some seconds over its kept corpus, as one TAP test. New inputs stay below build/.
#   tests/fuzz/run.sh fuzz_NAME SECONDS
cd "$(dirname "$0")/../.." || exit 70
name=$1
work=build/fuzz/corpus/${name#fuzz_}
kept=tests/fuzz/corpus/${name#fuzz_}
mkdir -p "$work" build/fuzz/findings
[ -d "$kept" ] || kept=
# shellcheck disable=SC2086
if build/fuzz/tests/fuzz/"$name" -max_total_time="$2" -timeout=10 -rss_limit_mb=4096 -close_fd_mask=1 \
	-artifact_prefix="build/fuzz/findings/$name-" "$work" $kept 2>&1 | tail -40 | sed 's/^/# /'; [ "${PIPESTATUS[0]}" = 0 ]; then
	echo "ok 1 - $name finds nothing in $2 s"
else
	echo "not ok 1 - $name finds nothing in $2 s"
fi
echo 1..1
