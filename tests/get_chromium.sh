#!/bin/sh
# Print the path of a Chromium. Where there is none, root installs the system's package (a clean
# machine of CI), and anybody else is told what is left out: no test needs root.
set -eu
for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name"; then exit 0; fi
done
install="apt-get install --yes --quiet --no-install-recommends chromium"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "tests: installing chromium for the browser's tests" >&2
    if { apt-get update --quiet && $install; } >&2 && command -v chromium; then exit 0; fi
fi
echo "tests: no Chromium, so every test_browser.py is left out: 'sudo $install'" >&2
exit 1
