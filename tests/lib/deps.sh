#!/bin/bash
# Installs what building and testing need on Debian 12. Quick, and silent, when all is there. No mail server is
# among it: the tests unpack theirs, and install none.
set -euo pipefail

packages=(
	gcc make flex bison libc6-dev libmilter-dev libidn2-dev libunistring-dev libjansson-dev libsystemd-dev libssl-dev pkg-config
	libspf2-dev libunbound-dev libhiredis-dev libpsl-dev libevent-2.1-7 libfstrm0 libprotobuf-c1
	clang clang-format clang-tidy libclang-rt-14-dev cppcheck shellcheck codespell mandoc
	libcmocka-dev git procps iproute2 util-linux passwd sudo openssl m4 python3 perl
	python3-authres python3-dkim python3-nacl libopendkim-dev ldnsutils
	sasl2-bin libsasl2-modules libsasl2-modules-db
	libdb5.3 libicu72 libnsl2 libsasl2-2 libssl3 libldap-2.5-0 liblockfile1 libwrap0
)

missing=()
for p in "${packages[@]}"; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
done
[ ${#missing[@]} -gt 0 ] || exit 0
echo "installing: ${missing[*]}" >&2
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo -n)
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
	apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
