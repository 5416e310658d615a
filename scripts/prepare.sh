#!/bin/sh
# Bring this machine to where `make demo` and `make test` run: programs, the demo's files, the
# virtual environment. What is there already is left alone; nothing is started, and a run that finds
# nothing missing only looks.
#
#   scripts/prepare.sh demo    what the demo needs
#   scripts/prepare.sh test    the same, and what building and testing need
set -eu

cd "$(dirname "$0")/.."
purpose=${1:-demo}
PATH=$PATH:/usr/sbin:/sbin # where an ordinary user's PATH does not lead on Debian
export PATH

say() { printf '%s\n' "prepare: $*"; }

fail() {
    printf '%s\n' "prepare: $*" >&2
    exit 1
}

# PROGRAM:PACKAGE, lib:LIBRARY:PACKAGE or file:PATH:PACKAGE
demo_needs="
    nft:nftables ip:iproute2 bwrap:bubblewrap brctl:bridge-utils ifconfig:net-tools
    ping:iputils-ping curl:curl unshare:util-linux mount:mount sysctl:procps
    lib:libnftables.so.1:libnftables1 lib:libseccomp.so.2:libseccomp2
"
test_needs="
    gcc:gcc file:/usr/include/stdio.h:libc6-dev file:/usr/include/linux/if_link.h:linux-libc-dev
    iptables:iptables conntrack:conntrack tcpdump:tcpdump socat:socat nc:netcat-openbsd tshark:tshark
    shellcheck:shellcheck dnsmasq:dnsmasq-base
"
# engines that tests start in namespaces of their own, to look at networks that we did not make
engine_needs="
    dockerd:docker.io containerd:containerd runc:runc podman:podman crun:crun
    file:/usr/lib/podman/netavark:netavark file:/usr/lib/cni/bridge:containernetworking-plugins
    busybox:busybox-static docker-compose:docker-compose
"
policy=/usr/sbin/policy-rc.d

is_there() {
    case $1 in
        lib:*) ldconfig -p | grep -q "$2 " ;;
        file:*) test -e "$2" ;;
        *) command -v "$2" >/dev/null ;;
    esac
}

missing_packages() {
    for need in "$@"; do
        package=${need##*:}
        thing=${need%:*}
        is_there "$need" "${thing#*:}" || printf '%s\n' "$package"
    done | sort -u | tr '\n' ' '
}

# Debian 13 has docker's client apart
docker_package() {
    if apt-cache show docker-cli >/dev/null 2>&1; then
        printf 'docker-cli\n'
    else
        printf 'docker.io\n'
    fi
}

find_python() {
    for python in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
        if "$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' \
            2>/dev/null; then
            printf '%s\n' "$python"
            return
        fi
    done
}

install_packages() {
    test -n "$1" || return 0
    command -v apt-get >/dev/null || fail "this is not Debian or Ubuntu: install with your own" \
        "package manager what they call: $1"
    as_root=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "run as root: apt-get install $1"
        as_root=sudo
        say "sudo may ask for your password, to install: $1"
    else
        say "installing: $1"
    fi
    packages=$1
    keep_services_down
    # both are lists of words, $as_root may be no word at all
    # shellcheck disable=SC2086
    set -- $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
        install $packages
    "$@" >/dev/null 2>&1 || {
        $as_root apt-get -qq update
        "$@" >/dev/null
    }
    leave_services_off "$packages"
}

# A daemon that is installed would start at once, and at every boot: a dockerd on the host drops
# what others forward. dpkg asks the policy before it starts anything.
keep_services_down() {
    test ! -e "$policy" || return 0
    trap '$as_root rm -f "$policy"' EXIT
    trap 'exit 1' INT TERM
    printf '%s\n' '#!/bin/sh' 'exit 101' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
}

leave_services_off() {
    command -v systemctl >/dev/null || return 0
    units='s,.*/systemd/system/\([^/@]*\.\(service\|socket\|timer\)\)$,\1,p'
    for package in $1; do
        for unit in $(dpkg -L "$package" | sed -n "$units"); do
            $as_root systemctl --quiet disable "$unit" || true # some cannot be enabled either
        done
    done
}

# nginx and what the demo runs beside it are unpacked here: installed as a package nginx would start
# a server on the host
unpack_demo_files() {
    scripts/demo-rootfs.sh .cache/demo-rootfs
}

unpack_later_engines() {
    case $(podman --version) in
        "podman version "[1-4].*) # Podman calls plugins from 4.6 on
            scripts/later-engine.sh podman .cache/later-podman ||
                say "without it the tests of Podman's plugin do not run"
            ;;
    esac
    case $(dockerd --version) in
        "Docker version 1"* | "Docker version 2"[0-7].*) # 28 says other things to a driver
            scripts/later-engine.sh docker .cache/later-docker ||
                say "without it our driver is tested with this Debian's Docker only"
            ;;
    esac
}

make_environment() {
    stamp=$(cat requirements.lock pyproject.toml | sha256sum | cut -c1-64)
    if [ -x .venv/bin/glassbridge ] && [ "$(cat .venv/prepared 2>/dev/null)" = "$stamp" ]; then
        return
    fi
    say "making .venv with $1 and the packages of requirements.lock"
    "$1" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check \
        --require-hashes --no-deps -r requirements.lock
    .venv/bin/python -m pip install --quiet --disable-pip-version-check \
        --no-index --no-build-isolation --no-deps -e .
    printf '%s\n' "$stamp" >.venv/prepared
}

case $purpose in
    demo) needs=$demo_needs ;;
    test) needs="$demo_needs $test_needs $engine_needs docker:$(docker_package)" ;;
    *) fail "usage: scripts/prepare.sh [demo|test]" ;;
esac

# shellcheck disable=SC2086 # lists of words
install_packages "$(missing_packages $needs)"
python=$(find_python)
if [ -z "$python" ]; then
    install_packages "python3-venv"
    python=$(find_python)
fi
test -n "$python" || fail "Python 3.11 or newer with its venv module is needed" \
    "(name it with PYTHON=/path/to/python)"
unpack_demo_files
test "$purpose" = demo || unpack_later_engines
make_environment "$python"
