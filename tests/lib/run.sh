#!/bin/bash
# Runs test programs that speak TAP and sums them up. Standard input has one a line: NAME COMMAND [ARGUMENT...].
# Twice as many run at once as there are processors, JOBS says otherwise: most of them wait most of the time. Each has
# TEST_SECONDS (600) at most: one in Python tells where it is then (tests/lib/tap.py) and ends, any other is killed
# a while later; killed, as a sandbox heeds no other signal. Outputs are kept in build/tests/NAME.log. The last line
# counts: N passed, M failed.
set -u
cd "$(dirname "$0")/../.." || exit 70
logs=build/tests
jobs=${JOBS:-$((2 * $(nproc)))}
export TEST_SECONDS=${TEST_SECONDS:-600}
mkdir -p "$logs"
rm -f "$logs"/*.result

# Prints one line, and what failed; leaves the two counts in NAME.result.
run_one() {
	local name=$1 log=$logs/$1.log start=$SECONDS good bad plan code
	shift
	CMOCKA_MESSAGE_OUTPUT=TAP timeout --signal=KILL $((TEST_SECONDS + 20)) "$@" >"$log" 2>&1 </dev/null
	code=$?
	good=$(grep -c '^ok' "$log")
	bad=$(grep -c '^not ok' "$log")
	plan=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$log" | awk '{n += $1} END {print n + 0}')
	# A program that dies, or ends before its plan, has failed even if every line before that was right.
	if [ "$bad" = 0 ] && { [ $code != 0 ] || [ "$plan" != "$good" ] || [ "$plan" = 0 ]; }; then
		bad=1
		echo "not ok - $name ended with $code after $good of $plan tests" >>"$log"
	fi
	echo "$good $bad" >"$logs/$name.result"
	{
		printf '%-28s %6d passed %4d failed %5d s\n' "$name" "$good" "$bad" $((SECONDS - start))
		[ "$bad" = 0 ] || { grep -A6 '^not ok\|^ *# \?[Ee]rror\|ERROR:\|WARNING: Thread' "$log" | head -60; tail -25 "$log"; }
	} >"$logs/$name.told"
	cat "$logs/$name.told"
}

passed=0
failed=0
names=()
running=0
while read -r -a line; do
	[ ${#line[@]} -gt 1 ] || continue
	if [ "$running" -ge "$jobs" ]; then
		wait -n
		running=$((running - 1))
	fi
	names+=("${line[0]}")
	run_one "${line[@]}" &
	running=$((running + 1))
done
wait
for name in "${names[@]}"; do
	# Without a result it was killed.
	read -r good bad <"$logs/$name.result" || { good=0; bad=1; echo "$name was killed"; }
	passed=$((passed + good))
	failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
