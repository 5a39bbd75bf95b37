#!/bin/bash
# Runs a test of the daemon, and fails when the thread sanitizer had something to say: tsan.sh COMMAND [ARGUMENT...]
#
# libmilter itself is not instrumented, and nothing of it needs to be suppressed: its races are at its
# exit, which the guard's workers never take (daemon/worker.c).
set -u
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
chmod 1777 "$reports" # workers are not root
# The tests kill workers by signals; that is no finding. The master has a thread (daemon/counters.c) beside those
# that fork: its workers start threads of their own afterwards.
export TSAN_OPTIONS="log_path=$reports/report handle_segv=0 handle_abort=0 handle_sigill=0 handle_sigfpe=0 die_after_fork=0"
"$@"
code=$?
found=$(cat "$reports"/* 2>/dev/null)
if [ -z "$found" ]; then
	echo "ok 1 - the thread sanitizer finds nothing"
else
	echo "not ok 1 - the thread sanitizer finds nothing"
	head -200 <<<"$found" | while IFS= read -r line; do echo "# $line"; done
	code=1
fi
echo "1..1"
exit $code
