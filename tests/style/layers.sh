#!/bin/bash
# Holds the drawing of the layers, and the rules that one can grep for, as TAP.
cd "$(dirname "$0")/../.." || exit 70

declare -A may=(
	[base]="base"
	[conf]="base conf"
	[core]="base core"
	[limit]="base core limit"
	[auth]="base auth"
	[check]="base conf core limit auth check"
	[sink]="base core sink"
	[wire]="base wire"
	[daemon]="base conf core limit auth check sink daemon"
	[selftest]="base conf core check sink wire auth selftest"
	[tool]="base conf core check sink wire auth tool"
)
n=0
failures=0

report() { # NAME BREACHES
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		while IFS= read -r line; do echo "#   $line"; done <<<"$2"
		failures=$((failures + 1))
	fi
}

breaches_of() {
	local layer=$1 place target allowed
	grep -rnE '^#include "[a-z]+/' "include/$layer" "milter/$layer" 2>/dev/null |
		while IFS= read -r place; do
			target=${place#*\"}
			target=${target%%/*}
			allowed=" ${may[$layer]} "
			[[ $allowed == *" $target "* ]] || echo "$place"
		done
}

for layer in "${!may[@]}"; do
	[ -d "milter/$layer" ] && report "$layer includes only: ${may[$layer]}" "$(breaches_of "$layer")"
done
unknown=$(for d in milter/*/ include/*/; do d=$(basename "$d"); [ -n "${may[$d]:-}" ] || echo "$d"; done)
report "every folder is a layer of the drawing" "$unknown"

report "libmilter is known to milter/daemon/mlfi.c alone" \
	"$(grep -rn 'libmilter/' milter include --include='*.[ch]' | grep '#include' | grep -v '^milter/daemon/mlfi.c:')"
for header in idn2.h systemd/sd-daemon.h spf2/spf.h unbound.h; do
	report "one file includes <$header>" \
		"$(grep -rln "#include <$header>" milter include | tail -n +2)"
done
report "no function has over 80 lines" "$(find milter -name '*.c' -print0 | xargs -0 awk '
	FNR == 1 { start = 0 }
	/^\{/ { start = FNR }
	/^\}/ { if (start && FNR - start > 80) print FILENAME ":" start ": " FNR - start " lines"; start = 0 }')"
report "no banned function is called" "$(grep -rnwE \
	'(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|system|popen|execl|execv|execve|execvp|execlp)[[:space:]]*\(' \
	milter include --include='*.[chyl]')"
echo "1..$n"
[ $failures = 0 ]
