#!/bin/sh
# Puts `prometheus` and `promtool` into the project's own .tools/ folder, without root and without
# starting the package's service. Does nothing when both are on PATH or there already.
set -eu
cd "$(dirname "$0")/.."
tools=.tools/prometheus

if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
    exit 0
fi
if [ -x "$tools/prometheus" ] && [ -x "$tools/promtool" ]; then
    exit 0
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "prometheus: not found: install Prometheus 2.40 or newer (with promtool) on PATH" >&2
    exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! (cd "$work" && apt-get download prometheus >apt.log 2>&1); then
    echo "prometheus: apt-get could not download it ($(tail -n 1 "$work/apt.log")):" \
        "run 'apt-get update' as root, or install Prometheus on PATH" >&2
    exit 1
fi
dpkg-deb -x "$work"/prometheus_*.deb "$work/unpacked"
mkdir -p "$tools"
cp "$work/unpacked/usr/bin/prometheus" "$work/unpacked/usr/bin/promtool" "$tools/"
