#!/usr/bin/env bash
# Sets up what the Docker engine of a testbed needs on Debian: Docker Engine, and a CRIU that works on this kernel.
#
#   sudo ./setup-testbed-debian.sh [--prefix DIR]
#
# It can be run again. Where the distribution's CRIU fails on a newer kernel, that of the next Debian release is taken
# from the mirror that this machine's apt names, checked by apt as every package is, and unpacked into a folder of its
# own with the libraries that it needs; nothing of the system is replaced. A wrapper in PREFIX/bin starts it.
set -euo pipefail

prefix=/opt/cosco-splitplace/criu
next_suite=trixie

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0"; }
say() { printf '%s\n' "setup: $*" >&2; }
fail() { say "$*"; exit 1; }

while [ $# -gt 0 ]; do
    case "$1" in
        --prefix) [ $# -ge 2 ] || fail "--prefix needs a folder"; prefix=$2; shift 2 ;;
        -h|--help) usage; exit 0 ;;
        *) fail "unknown option '$1'; allowed: --prefix DIR, --help" ;;
    esac
done
[ "$(id -u)" -eq 0 ] || fail "this installs packages; run it as root"
command -v apt-get >/dev/null || fail "this is for Debian and its kin: there is no apt-get"
export DEBIAN_FRONTEND=noninteractive
export PATH="$PATH:/usr/sbin:/sbin"

install_docker() {
    if command -v dockerd >/dev/null && command -v runc >/dev/null; then
        say "Docker Engine is there: $(dockerd --version)"
        return
    fi
    say "installing Docker Engine (docker.io)"
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends docker.io iproute2 >/dev/null
}

works() { "$1" check >/dev/null 2>&1; }

install_own_criu() {
    command -v criu >/dev/null || apt-get install -y -qq --no-install-recommends criu >/dev/null 2>&1 || true
    command -v criu >/dev/null && works "$(command -v criu)"
}

# The machine's own sources, with the suite changed; comments and the security archive left out.
next_sources() {
    local suite
    suite=$(. /etc/os-release && echo "${VERSION_CODENAME:?}")
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
        grep -E "^deb " | grep -E "[[:space:]]$suite[[:space:]]" | sed -E "s/([[:space:]])$suite([[:space:]])/\1$next_suite\2/" || true
    awk -v suite="$suite" -v next_suite="$next_suite" '
        function flush() { if (uris != "" && uris !~ /security/) print "deb [signed-by=" key "] " uris " " next_suite " main"; uris = "" }
        FNR == 1 { flush() }
        /^[[:space:]]*$/ { flush() }
        /^URIs:/ { uris = $2 }
        /^Signed-By:/ { key = $2 }
        END { flush() }
    ' /etc/apt/sources.list.d/*.sources 2>/dev/null || true
}

install_next_criu() {
    local work packages
    work=$(mktemp -d)
    trap 'rm -rf "$work"' RETURN
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/parts"
    next_sources | sort -u >"$work/sources.list"
    [ -s "$work/sources.list" ] || fail "this machine's apt sources name no mirror to take $next_suite from"
    : >"$work/status"
    local apt=(
        -o "Dir::Etc::SourceList=$work/sources.list" -o "Dir::Etc::SourceParts=$work/parts"
        -o "Dir::State::Lists=$work/lists" -o "Dir::State::status=$work/status" -o "Dir::Cache=$work/cache"
        -o "APT::Default-Release=" -o "APT::Sandbox::User=root"
    )
    say "fetching CRIU from Debian $next_suite"
    apt-get "${apt[@]}" update -qq
    apt-get "${apt[@]}" install -y -qq --download-only --no-install-recommends criu >/dev/null
    packages=("$work"/cache/archives/*.deb)
    [ -e "${packages[0]}" ] || fail "apt fetched nothing"
    rm -rf "$prefix"
    mkdir -p "$prefix/root" "$prefix/bin"
    for package in "${packages[@]}"; do
        case "$(basename "$package")" in
            criu_*|lib*) dpkg-deb --extract "$package" "$prefix/root" ;;
        esac
    done
    local loader libraries
    loader=$(find "$prefix/root" -name 'ld-linux*.so.*' -print -quit)
    libraries=$(find "$prefix/root" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
    cat >"$prefix/bin/criu" <<WRAPPER
#!/bin/sh
# Made by setup-testbed-debian.sh: CRIU of Debian $next_suite with its own libraries.
exec "$loader" --library-path "$libraries" "$(find "$prefix/root" -path '*sbin/criu' -print -quit)" "\$@"
WRAPPER
    chmod 755 "$prefix/bin/criu"
}

install_docker
if install_own_criu; then
    say "the distribution's CRIU works: $(criu --version | head -1)"
    exit 0
fi
say "the distribution's CRIU does not work on Linux $(uname -r)"
[ -x "$prefix/bin/criu" ] && works "$prefix/bin/criu" || install_next_criu
works "$prefix/bin/criu" || fail "$("$prefix/bin/criu" check 2>&1 | tail -1)"
say "CRIU works: $("$prefix/bin/criu" --version | head -1)"
say "agents find it with: PATH=$prefix/bin:\$PATH"
