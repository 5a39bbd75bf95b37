#!/bin/bash
# Holds the drawing of the layers true: who may include whom, which file alone may include a
# third-party header, how long a function may be, and what no code may call. TAP; one test a rule.
#
# usage: layers.sh [ROOT]
set -euo pipefail

cd "${1:-"$(dirname "$0")/../.."}"

# Each layer, and the layers that it may include besides itself. milter/main.c may include all.
declare -A may_include=(
	[base]=""
	[core]="base"
	[conf]="base"
	[auth]="base"
	[wire]="base"
	[limit]="base core"
	[sink]="base core"
	[check]="base conf core limit auth"
	[daemon]="base core conf limit auth check sink wire"
	[selftest]="base conf core check sink wire auth audit"
	[audit]="base conf core check sink wire auth"
	[tool]="base conf core check sink wire auth"
)

# Headers of each library, as they stand between < and >.
declare -A library_headers=(
	[libspf2]="spf2/"
	[libopendkim]="(opendkim/)?dkim(-[a-z]+)?\.h>"
	[libunbound]="unbound(-event)?\.h>"
	[hiredis]="hiredis/"
	[openssl-ssl]="openssl/ssl\.h>"
	[libunistring]="uniwidth\.h>"
	[libpsl]="libpsl\.h>"
	[libidn2]="idn2\.h>"
	[libjansson]="jansson\.h>"
	[libsystemd]="systemd/"
)

longest_function=80

# The exec family as a whole: no process is ever started from a name.
banned="strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atoll|system|popen|f?exec[lv][a-z]*"
banned+="|posix_spawnp?"

mapfile -t files < <(find milter include -name '*.[chly]' | LC_ALL=C sort)
number=0
failed=0

# report NAME BREACHES: one line of TAP, and a comment for each line of BREACHES.
report() {
	number=$((number + 1))
	if [[ -z $2 ]]; then
		echo "ok $number - $1"
		return
	fi
	failed=1
	echo "not ok $number - $1"
	while IFS= read -r line; do
		echo "# $line"
	done <<<"$2"
}

# includes PATTERN: FILE:LINE:the rest of each include whose name matches.
includes() {
	grep -nHE "^[[:space:]]*#[[:space:]]*include[[:space:]]*$1" "${files[@]}" || true
}

layer_breaches() {
	local file line text from to

	while IFS=: read -r file line text; do
		[[ $file == milter/main.c ]] && continue
		from=${file#*/}
		from=${from%%/*}
		to=${text#*\"}
		if [[ $to == ..* ]]; then
			echo "$file:$line: \"${to%%\"*}\" is relative; layers are included by full path"
			continue
		fi
		[[ ${to%%\"*} == */* ]] || continue
		to=${to%%/*}
		if [[ -z ${may_include[$to]+known} ]]; then
			echo "$file:$line: \"$to\" is no layer of the table in tests/style/layers.sh"
		elif [[ $from != "$to" && " ${may_include[$from]-} " != *" $to "* ]]; then
			echo "$file:$line: $from includes $to; it may include: ${may_include[$from]:-no other}"
		fi
	done < <(includes '"')
}

unknown_layers() {
	local directory

	for directory in milter/*/ include/*/; do
		directory=${directory%/}
		[[ -n ${may_include[${directory#*/}]+known} ]] ||
			echo "$directory: no layer of the table in tests/style/layers.sh"
	done
}

libmilter_breaches() {
	local file line

	while IFS=: read -r file line _; do
		[[ $file == milter/daemon/mlfi.c ]] ||
			echo "$file:$line: only milter/daemon/mlfi.c includes libmilter"
	done < <(includes '[<"]libmilter/')
}

# library_breaches LIBRARY: all its includes, when they are in more than one file or in a header.
library_breaches() {
	local found

	found=$(includes "[<\"]${library_headers[$1]}")
	if [[ $(cut -d: -f1 <<<"$found" | sort -u | wc -l) -gt 1 ]]; then
		sed -E "s/^([^:]*:[0-9]+):.*/\1: $1 is included by more than one file/" <<<"$found"
	elif [[ $found == include/* ]]; then
		sed -E "s/^([^:]*:[0-9]+):.*/\1: $1 is included by a header, and so by many/" <<<"$found"
	fi
}

# A body begins and ends with a brace in the first column: clang-format holds that.
long_functions() {
	awk -v most="$longest_function" '
		FNR == 1 { start = 0 }
		/^[A-Za-z_].*\(/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
		/^\{/ || /^[A-Za-z_].*\)[ \t]*\{$/ { start = FNR }
		/^\}/ && start {
			if (FNR - start + 1 > most)
				printf "%s:%d: %s has %d lines; at most %d\n", FILENAME, start, name, \
				    FNR - start + 1, most
			start = 0
		}' "${files[@]}"
}

# Comments, strings and character constants blanked; FILE:LINE:code.
code() {
	awk '
		FNR == 1 { comment = 0 }
		{
			out = ""
			for (i = 1; i <= length($0); i++) {
				c = substr($0, i, 1)
				two = substr($0, i, 2)
				if (comment) {
					if (two == "*/") { comment = 0; i++ }
				} else if (quote != "") {
					if (c == "\\") i++
					else if (c == quote) quote = ""
				} else if (two == "/*") { comment = 1; i++; out = out " "
				} else if (two == "//") { break
				} else if (c == "\"" || c == "\047") { quote = c; out = out c
				} else out = out c
			}
			quote = ""
			print FILENAME ":" FNR ":" out
		}' "${files[@]}"
}

banned_calls() {
	local file line text

	while IFS=: read -r file line text; do
		[[ $text =~ (^|[^A-Za-z0-9_.>])($banned)[[:space:]]*\( ]]
		echo "$file:$line: ${BASH_REMATCH[2]}() is banned"
	done < <(code | grep -E "(^|[^A-Za-z0-9_.>])($banned)[[:space:]]*\(" || true)
}

report "every folder is a layer" "$(unknown_layers)"
report "a layer includes only those that it may" "$(layer_breaches)"
report "libmilter is included by milter/daemon/mlfi.c alone" "$(libmilter_breaches)"
mapfile -t libraries < <(printf '%s\n' "${!library_headers[@]}" | LC_ALL=C sort)
for library in "${libraries[@]}"; do
	report "$library is included by one file" "$(library_breaches "$library")"
done
report "no function is longer than $longest_function lines" "$(long_functions)"
report "no banned function is called" "$(banned_calls)"
echo "1..$number"
exit "$failed"
