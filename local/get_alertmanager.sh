#!/bin/sh
# Puts `alertmanager` and `amtool` into the project's own .tools/ folder, without root and without
# starting the package's service. Does nothing when both are there already, or on PATH. Where they
# cannot be had it says so and succeeds: all but alerts works without.
set -eu
cd "$(dirname "$0")/.."
tools=.tools/alertmanager

if { command -v alertmanager || command -v prometheus-alertmanager; } >/dev/null &&
    command -v amtool >/dev/null; then
    exit 0
fi
if [ -x "$tools/alertmanager" ] && [ -x "$tools/amtool" ]; then
    exit 0
fi
without="the platform works without alerts; 'sluice doctor' says so too"
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "alertmanager: not found: install Alertmanager 0.25 or newer (with amtool) on PATH;" \
        "$without" >&2
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! (cd "$work" && apt-get download prometheus-alertmanager >apt.log 2>&1); then
    echo "alertmanager: apt-get could not download it ($(tail -n 1 "$work/apt.log")): run" \
        "'apt-get update' as root, or install Alertmanager on PATH; $without" >&2
    exit 0
fi
dpkg-deb -x "$work"/prometheus-alertmanager_*.deb "$work/unpacked"
mkdir -p "$tools/share/alertmanager"
cp "$work"/unpacked/usr/share/prometheus/alertmanager/*.tmpl "$tools/share/alertmanager/"
# Debian's program has the path of its templates built in, where nobody but root can put them. A path
# of the same length, below the folder that it is started in, takes its place.
LC_ALL=C sed 's#/usr/share/prometheus/alertmanager#././././././././share/alertmanager#g' \
    "$work/unpacked/usr/bin/prometheus-alertmanager" >"$tools/alertmanager.new"
chmod +x "$tools/alertmanager.new"
mv "$tools/alertmanager.new" "$tools/alertmanager"
cp "$work/unpacked/usr/bin/amtool" "$tools/amtool"
