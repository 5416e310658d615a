#!/bin/sh
# Unpack an engine of a later Debian for the tests, where this Debian's is older than what they are
# about: its packages, from the mirror that apt uses. Nothing is installed.
#
#   scripts/later-engine.sh podman|docker FOLDER    a folder that is complete is left alone
#
# FOLDER/usr is meant to be laid over /usr, in a mount namespace of its own.
set -eu

usage() {
    printf '%s\n' "usage: $0 podman|docker FOLDER" >&2
    exit 2
}

test $# = 2 || usage
engine=$1
case $2 in
    /*) folder=$2 ;;
    *) folder=$PWD/$2 ;;
esac
# what it needs of libraries that Debian 12 has older or not at all; the rest is of Debian 12
case $engine in
    podman)
        suite=trixie
        packages="podman netavark aardvark-dns crun golang-github-containers-common
            golang-github-containers-image libc6 libgpgme11t64 libassuan9 libgpg-error0 libsubid5
            libsqlite3-0 libseccomp2"
        ;;
    docker) # the first suite with a Docker from 28 on; Debian 12's containerd and runc do for it
        suite=forky
        packages="docker.io docker-cli docker-compose"
        ;;
    *) usage ;;
esac

fail() {
    printf '%s\n' "later-engine: $*" >&2
    exit 1
}

if [ -e "$folder/.complete" ]; then
    exit 0
fi
# shellcheck disable=SC2016 # apt expands them
mirror=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' |
    sed -n '/^Debian .*security/d; s/^Debian //p' | head -n 1)
test -n "$mirror" || fail "apt knows no mirror of Debian"
printf '%s\n' "later-engine: unpacking $engine of Debian's $suite into $folder (once)"
mkdir -p "$(dirname "$folder")"
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs" "$work/root"
: >"$work/status"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
printf 'deb [signed-by=%s] %s %s main\n' "$keys" "$mirror" "$suite" >"$work/sources.list"
apt() {
    apt-get -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
        -o Dir::State::lists="$work/lists" -o Dir::State::status="$work/status" \
        -o Dir::Cache="$work/cache" -o Debug::NoLocking=1 -o Acquire::Languages=none \
        -o APT::Sandbox::User="$(id -un)" "$@"
}
apt update >"$work/log" 2>&1 || fail "apt-get update: $(tail -3 "$work/log")"
cd "$work/debs"
# shellcheck disable=SC2086 # a list of words
apt download $packages >"$work/log" 2>&1 || fail "cannot fetch packages: $(tail -3 "$work/log")"
for package in *.deb; do
    dpkg-deb -x "$package" "$work/root"
done
: >"$work/root/.complete"
chmod 755 "$work/root"
rm -rf "$folder"
mv "$work/root" "$folder"
