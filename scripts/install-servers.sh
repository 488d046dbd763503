#!/bin/sh
# Install the real servers that some tests talk to: Debian's mosquitto (an MQTT broker) and
# chromium with its driver (a browser for the dashboards). Safe to run again: what is present is
# skipped, and nothing is printed unless something is installed or cannot be.
set -eu

missing=""
PATH="$PATH:/usr/sbin"
command -v mosquitto >/dev/null 2>&1 || missing="$missing mosquitto"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v chromedriver >/dev/null 2>&1 || missing="$missing chromium-driver"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "install-servers: no apt-get here; install these yourself:$missing" >&2
    exit 1
fi
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
        echo "install-servers: needs root; run: sudo apt-get install$missing" >&2
        exit 1
    fi
    as_root="sudo -n"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086  # both variables hold words to be split
install() {
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -y -o Dpkg::Use-Pty=0 install --no-install-recommends $missing
}
# Package lists may be absent or old: refresh them only when the first try fails.
if ! install >"$log" 2>&1; then
    if ! { $as_root apt-get -qq update && install; } >>"$log" 2>&1; then
        echo "install-servers: apt-get could not install$missing; its last words:" >&2
        tail -n 5 "$log" >&2
        exit 1
    fi
fi
# The package starts a broker of its own where there is an init system; the tests start theirs.
if command -v systemctl >/dev/null 2>&1; then
    $as_root systemctl disable --now mosquitto >/dev/null 2>&1 || true
fi
echo "install-servers: installed$missing"
