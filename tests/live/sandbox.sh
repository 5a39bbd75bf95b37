#!/bin/bash
# Runs a command beside a real Postfix or Sendmail, without touching the machine's own mail server.
#
#   tests/live/sandbox.sh [--host-net] [--with opendkim|rspamd]... postfix|sendmail COMMAND [ARGUMENT...]
#
# The packages are downloaded and unpacked below build/, never installed. They are laid over / in a
# private mount namespace, with their users, and with process, host name and (unless --host-net) network
# namespaces of their own. Everything that runs in it ends with it; whatever it writes is gone then,
# except below build/. A package of --with that can't be had is told of, and is not there.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
self=$top/tests/live/sandbox.sh

die() {
	echo "sandbox: $*" >&2
	exit 69
}

packages_of() {
	case $1 in
	postfix) echo postfix ;;
	sendmail) echo sendmail-bin sendmail-cf sendmail-base ;;
	opendkim) needed_by opendkim opendkim-tools opendmarc dbconfig-no-thanks ;;
	rspamd) needed_by rspamd ;;
	*) die "\"$1\" is not known; postfix or sendmail is expected, or opendkim or rspamd after --with" ;;
	esac
}

# These packages and what they depend on, as far as it is not installed here.
needed_by() {
	local list=(apt-get -qq --no-install-recommends --simulate install "$@")

	{ "${list[@]}" 2>/dev/null || { apt-get -qq update >&2 && "${list[@]}"; }; } | sed -n 's/^Inst \([^ ]*\) .*/\1/p'
}

# The root is merged: what a package has in /lib or /sbin belongs below /usr.
merge_usr() {
	local d
	for d in bin sbin lib lib64; do
		if [ ! -d "$1/$d" ] || [ -L "$1/$d" ]; then continue; fi
		mkdir -p "$1/usr/$d"
		cp -a "$1/$d/." "$1/usr/$d/"
		rm -rf "${1:?}/$d"
	done
}

fetch() {
	local tree=$top/build/mta/$1 debs=$top/build/debs packages p
	[ -e "$tree/.complete" ] && return
	packages=$(packages_of "$1")
	[ -n "$packages" ] || die "the packages of $1 can't be found"
	for p in $packages; do
		compgen -G "$debs/${p}_*.deb" >/dev/null && continue
		(cd "$debs" && { apt-get -qq download "$p" || { apt-get -qq update && apt-get -qq download "$p"; }; }) >&2 ||
			die "the package $p can't be downloaded"
	done
	rm -rf "$tree"
	mkdir -p "$tree"
	for p in $packages; do
		dpkg -x "$debs/${p}"_*.deb "$tree"
	done
	merge_usr "$tree"
	touch "$tree/.complete"
}

# One at a time: another test may be about to do the same.
fetch_alone() {
	mkdir -p "$top/build/debs" "$top/build/mta"
	(
		flock 9
		fetch "$1"
	) 9>"$top/build/debs/lock"
}

# A /dev of its own, so that a test may have a /dev/log there.
private_dev() {
	local node
	mount -t tmpfs -o mode=755 tmpfs "$1"
	for node in null zero full random urandom tty; do
		touch "$1/$node"
		mount --bind "/dev/$node" "$1/$node"
	done
	mkdir "$1/shm"
	ln -s /proc/self/fd "$1/fd"
	ln -s fd/0 "$1/stdin"
	ln -s fd/1 "$1/stdout"
	ln -s fd/2 "$1/stderr"
}

# In the new namespaces: builds the root and enters it.
enter() {
	local mta=$1 net=$2 base=/run p
	shift 2
	mount --make-rprivate /
	mount -t tmpfs tmpfs "$base"
	mkdir "$base/upper" "$base/work" "$base/root" "$base/tree"
	# A copy: two lower layers must not lie within each other.
	for p in "$mta" $WITH; do
		[ ! -e "$top/build/mta/$p/.complete" ] || cp -a "$top/build/mta/$p/." "$base/tree/"
	done
	mount -t overlay overlay -o "lowerdir=$base/tree:/,upperdir=$base/upper,workdir=$base/work" "$base/root" ||
		die "an overlay of / can't be mounted here; a kernel with overlayfs and the right to mount are needed"
	mount -t proc proc "$base/root/proc"
	private_dev "$base/root/dev"
	mount -t tmpfs -o mode=755 tmpfs "$base/root/run"
	mount -t tmpfs -o mode=1777 tmpfs "$base/root/tmp"
	mkdir -p "$base/root$top"
	mount --bind "$top" "$base/root$top"
	hostname mx.example.com
	[ "$net" = host ] || ip link set lo up
	exec chroot "$base/root" /bin/bash "$self" --inside "$mta" "$@"
}

# In the new root: the users that the packages' own scripts would make.
inside() {
	local mta=$1 g
	shift
	export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
	for g in postfix postdrop smmta smmsp relay-guard bob; do
		sed -i "/^$g:/d" /etc/passwd /etc/group /etc/shadow
	done
	groupadd -r postfix
	groupadd -r postdrop
	groupadd -r smmta
	useradd -r -g postfix -d /var/spool/postfix -s /usr/sbin/nologin postfix
	useradd -r -g smmta -s /usr/sbin/nologin smmta
	useradd -r -U -s /usr/sbin/nologin smmsp
	useradd -r -U -s /usr/sbin/nologin relay-guard
	useradd -U -M -s /usr/sbin/nologin bob
	echo "127.0.0.1 localhost mx.example.com" >/etc/hosts
	echo "127.0.0.66 stranger.example.org" >>/etc/hosts
	echo "::1 localhost" >>/etc/hosts
	cd "$top"
	exec "$@"
}

net=${NET:-private}
WITH=${WITH:-}
if [ "${1:-}" = --inside ]; then
	shift
	inside "$@"
fi
if [ "${1:-}" = --enter ]; then
	shift
	enter "$@"
fi
while [ $# -gt 0 ]; do
	case $1 in
	--host-net) net=host ;;
	--with) WITH+=" ${2:-}" && shift ;;
	*) break ;;
	esac
	shift
done
[ $# -ge 2 ] || die "usage: sandbox.sh [--host-net] [--with opendkim|rspamd]... postfix|sendmail COMMAND [ARGUMENT...]"
[ "$(id -u)" = 0 ] || exec sudo -n NET="$net" WITH="$WITH" "$self" "$@"
mta=$1
shift
fetch_alone "$mta"
for p in $WITH; do
	(fetch_alone "$p") || echo "sandbox: $p will not be there" >&2
done
export WITH
# Without a network a test could not fetch its name server itself.
PYTHONPATH=$top/tests/dns PYTHONDONTWRITEBYTECODE=1 python3 -c 'import servers; servers.nsd_binary()' ||
	die "the package nsd can't be downloaded"
namespaces=(--mount --pid --fork --uts --ipc)
[ "$net" = host ] || namespaces+=(--net)
exec unshare "${namespaces[@]}" --kill-child --mount-proc /bin/bash "$self" --enter "$mta" "$net" "$@"
