#!/bin/sh
# Chromium and its driver for the tests of the page; installed where apt and the right are there.
set -eu

has_browser() {
	command -v chromedriver >/dev/null && {
		command -v chromium >/dev/null || command -v chromium-browser >/dev/null ||
			command -v google-chrome >/dev/null
	}
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

has_browser && exit
if command -v apt-get >/dev/null && as_root true 2>/dev/null; then
	echo "Installing Chromium and chromedriver for the tests of the page"
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends chromium chromium-driver >/dev/null
fi
has_browser || {
	echo "The tests of the page need Chromium and chromedriver on PATH: please install them." >&2
	exit 1
}
