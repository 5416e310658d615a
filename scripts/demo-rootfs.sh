#!/bin/sh
# Build a small file tree with nginx, route, ifconfig, ping, ip and curl for `glassbridge demo`,
# from this distribution's own packages. Nothing is installed, no server starts, no root is needed.
#
#   scripts/demo-rootfs.sh FOLDER      a folder that is complete already is left alone
set -eu

test $# = 1 || {
    printf '%s\n' "usage: $0 FOLDER" >&2
    exit 2
}
case $1 in
    /*) folder=$1 ;;
    *) folder=$PWD/$1 ;; # apt reads a relative path as one below /
esac
packages="nginx net-tools iputils-ping iproute2 curl busybox"

fail() {
    printf '%s\n' "demo-rootfs: $*" >&2
    exit 1
}

if [ -e "$folder/.complete" ]; then
    exit 0
fi
for tool in apt-get dpkg-deb tar; do
    command -v "$tool" >/dev/null || fail "$tool is missing: this needs Debian or Ubuntu"
done
printf '%s\n' "demo-rootfs: unpacking nginx and friends into $folder (once)"
mkdir -p "$(dirname "$folder")"
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# apt with folders of its own, for which nothing is installed yet: so it fetches every dependency
mkdir -p "$work/cache/archives/partial" "$work/lists/partial"
: >"$work/status"
lists=/var/lib/apt/lists
apt() {
    apt-get -qq -y -o Dir::State::status="$work/status" -o Dir::State::lists="$lists" \
        -o Dir::Cache="$work/cache" -o Dir::Etc::preferences=/dev/null -o Debug::NoLocking=1 \
        -o APT::Sandbox::User="$(id -un)" --no-install-recommends "$@"
}
fetch() {
    # shellcheck disable=SC2086 # a list of words
    apt --download-only install $packages >"$work/apt.log" 2>&1
}
if ! fetch; then
    lists=$work/lists # the system's are missing or too old
    apt update >"$work/apt.log" 2>&1 || fail "apt-get update: $(tail -3 "$work/apt.log")"
    fetch || fail "cannot fetch packages: $(tail -3 "$work/apt.log")"
fi

# today's layout, also for packages of before: /bin, /lib and /sbin are links into /usr
root=$work/root
mkdir -p "$root/usr"
for name in bin sbin lib lib64; do
    mkdir "$root/usr/$name"
    ln -s "usr/$name" "$root/$name"
done
for archive in "$work"/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$archive" |
        tar -x -C "$root" --keep-directory-symlink --no-same-owner
done
rm -rf "$root/usr/share/doc" "$root/usr/share/man" "$root/usr/share/locale" "$root/usr/share/info"
mkdir -p "$root/dev" "$root/proc" "$root/sys" "$root/root" "$root/run" "$root/etc/nginx"
mkdir -m 1777 "$root/tmp"

# busybox answers to every name that nothing better has
for name in $("$root/bin/busybox" --list); do
    test -e "$root/usr/bin/$name" || test -e "$root/usr/sbin/$name" ||
        ln -s busybox "$root/usr/bin/$name"
done

: >"$root/etc/hosts"
: >"$root/etc/hostname"
: >"$root/etc/resolv.conf"
cat >"$root/etc/passwd" <<END
root:x:0:0:root:/root:/bin/sh
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
END
cat >"$root/etc/group" <<END
root:x:0:
www-data:x:33:
nogroup:x:65534:
END
cat >"$root/etc/nsswitch.conf" <<END
passwd: files
group: files
hosts: files
networks: files
END
# a lab maps one uid, so nginx cannot become www-data; containers share this tree, but not /dev/shm
cat >"$root/etc/nginx/nginx.conf" <<END
user root;
daemon off;
master_process off;
pid /dev/shm/nginx.pid;
error_log stderr;
events {}
http {
    include mime.types;
    access_log /dev/stdout;
    client_body_temp_path /dev/shm/body;
    proxy_temp_path /dev/shm/proxy;
    fastcgi_temp_path /dev/shm/fastcgi;
    uwsgi_temp_path /dev/shm/uwsgi;
    scgi_temp_path /dev/shm/scgi;
    server {
        listen 80;
        listen [::]:80;
        root /usr/share/nginx/html;
    }
}
END
test -x "$root/usr/sbin/nginx" || fail "the packages held no nginx"
test -e "$root/usr/share/nginx/html/index.html" || fail "nginx came without its page"

: >"$root/.complete"
rm -rf "$folder"
mv "$root" "$folder"
