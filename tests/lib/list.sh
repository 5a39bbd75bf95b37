#!/bin/bash
# Prints the test programs for tests/lib/run.sh: unit tests in each variant, scenarios, live tests, fuzzers, style.
#   tests/lib/list.sh [unit] [cases] [conf] [audit] [dns] [daemon] [live] [fuzz] [bench] [style]
cd "$(dirname "$0")/../.." || exit 70

unit() {
	local v t
	for v in gcc asan tsan; do
		for t in tests/unit/test_*.c; do
			t=$(basename "$t" .c)
			echo "$v.$t build/$v/tests/unit/$t"
		done
	done
}

cases() {
	local v
	for v in gcc asan; do
		echo "$v.cases build/$v/tests/tools/case-runner" tests/cases/*.case
	done
}

conf() {
	echo "conf tests/conf/run.sh build/relay-guard"
	echo "commands tests/conf/commands.sh build/relay-guard"
}

audit() {
	local t
	for t in tests/audit/*.py; do
		t=$(basename "$t" .py)
		echo "audit.$t tests/audit/$t.py build/relay-guard"
		echo "asan.audit.$t tests/audit/$t.py build/asan/relay-guard"
	done
}

live() {
	local m t
	for m in postfix sendmail; do
		for t in tests/live/test_*.py tests/live/"$m"_*.py; do
			[ -e "$t" ] || continue
			echo "$m.$(basename "$t" .py) tests/live/sandbox.sh $m $t $m"
		done
	done
	echo "postfix.signed_by_opendkim tests/live/sandbox.sh --with opendkim postfix tests/live/signed_by_opendkim.py"
}

dns() {
	local t
	for t in tests/dns/*.py; do
		[ "$t" = tests/dns/servers.py ] && continue
		echo "dns.gcc.$(basename "$t" .py) $t build/relay-guard"
		echo "dns.asan.$(basename "$t" .py) $t build/asan/relay-guard"
	done
	echo "dns.tsan.concurrent tests/lib/tsan.sh tests/dns/concurrent.py build/tsan/relay-guard"
	echo "dns.tsan.guard tests/lib/tsan.sh tests/dns/guard.py build/tsan/relay-guard"
}

daemon() {
	local v
	echo "daemon.gcc tests/live/daemon.py build/relay-guard"
	echo "daemon.asan tests/live/daemon.py build/asan/relay-guard"
	echo "lifecycle.gcc tests/live/lifecycle.py build/relay-guard"
	echo "lifecycle.asan tests/live/lifecycle.py build/asan/relay-guard"
	echo "kills.gcc tests/live/kills.py build/relay-guard"
	echo "kills.asan tests/live/kills.py build/asan/relay-guard"
	echo "redis.gcc tests/live/redis.py build/relay-guard"
	echo "redis.asan tests/live/redis.py build/asan/relay-guard"
	echo "redis.tsan tests/lib/tsan.sh tests/live/redis.py build/tsan/relay-guard"
	echo "daemon.tsan tests/lib/tsan.sh tests/live/daemon.py build/tsan/relay-guard"
	echo "lifecycle.tsan tests/lib/tsan.sh tests/live/lifecycle.py build/tsan/relay-guard"
	echo "control.gcc tests/live/control.py build/relay-guard"
	echo "control.asan tests/live/control.py build/asan/relay-guard"
	echo "control.tsan tests/lib/tsan.sh tests/live/control.py build/tsan/relay-guard"
	echo "metrics.gcc tests/live/metrics.py build/relay-guard"
	echo "metrics.asan tests/live/metrics.py build/asan/relay-guard"
	echo "metrics.tsan tests/lib/tsan.sh tests/live/metrics.py build/tsan/relay-guard"
	for v in gcc asan; do
		echo "proof.$v tests/live/proof.py build/$v/relay-guard"
		echo "selftest.$v tests/live/selftest.py build/$v/relay-guard"
		echo "password.$v tests/live/password.py build/$v/relay-guard"
	done
	echo "proof.tsan tests/lib/tsan.sh tests/live/proof.py build/tsan/relay-guard"
	echo "frames.tsan tests/lib/tsan.sh tests/live/frames.py build/tsan/relay-guard 500"
	echo "daemon.frames tests/live/frames.py build/asan/relay-guard"
}

# What stands between a stranger's bytes and a decision, or a record, gets more time.
fuzz() {
	local long="fuzz_addr fuzz_conf fuzz_escape fuzz_event fuzz_mailaddr fuzz_netset" short="" t
	for t in tests/fuzz/fuzz_*.c; do
		t=$(basename "$t" .c)
		[[ " $long " == *" $t "* ]] || short+=" $t"
	done
	echo "fuzz.long tests/fuzz/run.sh ${FUZZ_SECONDS:-30} $long"
	echo "fuzz.short tests/fuzz/run.sh ${FUZZ_SECONDS:-6} $short"
}

bench() {
	echo "bench tests/bench/run.sh"
}

style() {
	local t
	for t in tests/style/*.sh; do
		echo "style.$(basename "$t" .sh) $t"
	done
}

# What takes longest comes first, so that nothing runs alone at the end; and beside programs that measure no time.
for part in "${@:-bench fuzz unit cases conf audit dns daemon live style}"; do
	for p in $part; do $p; done
done
