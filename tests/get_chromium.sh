#!/bin/sh
# Print the path of a Chromium, installing the system's package where there is none.
set -eu
for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name"; then exit 0; fi
done
install="apt-get install --yes --quiet --no-install-recommends chromium"
if [ "$(id -u)" = 0 ]; then as_root=; else as_root="sudo -n"; fi
echo "tests: installing chromium for the browser test" >&2
if command -v apt-get >/dev/null \
    && { $as_root apt-get update --quiet && $as_root $install; } >&2 \
    && command -v chromium; then
    exit 0
fi
echo "tests: no chromium and it could not be installed: run 'sudo $install'" >&2
exit 1
