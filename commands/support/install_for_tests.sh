#!/bin/sh
# Installs what the tests need besides Python: Chromium and its driver for the page, unixODBC for
# the drivers of SQL Server, nginx and openssl for the gateway, Prometheus for the metrics and alerts,
# Node.js for newman and axe, PHP for the examples in docs/webhooks.md. Where apt or the rights are missing, it says what to install.
set -eu

has_browser() {
	command -v chromedriver >/dev/null && {
		command -v chromium >/dev/null || command -v chromium-browser >/dev/null ||
			command -v google-chrome >/dev/null
	}
}

has_odbc() {
	.venv/bin/python -c 'import pyodbc' 2>/dev/null
}

has_nginx() {
	PATH=$PATH:/usr/sbin command -v nginx >/dev/null && command -v openssl >/dev/null
}

# Only these programs of Debian's package: installed as a whole, it would start a Prometheus.
has_prometheus() (
	PATH=$PATH:.venv/bin
	command -v prometheus >/dev/null && command -v promtool >/dev/null
)

unpack_prometheus() (
	bin=$PWD/.venv/bin
	cd "$(mktemp -d)"
	apt-get download -qq prometheus 2>/dev/null
	dpkg -x prometheus_*.deb .
	mv usr/bin/prometheus usr/bin/promtool "$bin"
	rm -r "$PWD"
)

has_node() {
	command -v node >/dev/null && command -v npm >/dev/null
}

has_php() {
	command -v php >/dev/null
}

# The packages that the lock names, and no other; npm writes its own list when all are there, so what
# was done by half, or by an older lock, is done again.
install_node_packages() {
	[ tests/node/node_modules/.package-lock.json -nt tests/node/package-lock.json ] && return
	echo "Installing tests/node/package-lock.json (once, and when it changes)"
	npm ci --prefix tests/node --ignore-scripts --silent --no-audit --no-fund
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

has_programs() {
	has_browser && has_odbc && has_nginx && has_prometheus && has_node && has_php
}

if ! has_programs && command -v apt-get >/dev/null && as_root true 2>/dev/null; then
	echo "Installing Chromium, chromedriver, unixODBC, nginx, openssl, Node.js, PHP and Prometheus for the tests"
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends chromium chromium-driver unixodbc nginx-light openssl >/dev/null
	has_node || as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends nodejs npm >/dev/null
	has_php || as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends php-cli >/dev/null
	has_prometheus || unpack_prometheus
fi
has_prometheus || {
	echo "The tests of the metrics and alerts need Prometheus and its promtool: please install it." >&2
	exit 1
}
has_browser || {
	echo "The tests of the page need Chromium and chromedriver on PATH: please install them." >&2
	exit 1
}
has_nginx || {
	echo "The tests of the gateway need nginx and openssl: please install them." >&2
	exit 1
}
has_odbc || {
	echo "The tests of SQL Server's drivers need unixODBC: please install it." >&2
	exit 1
}
has_php || {
	echo "The test of docs/webhooks.md needs PHP (php-cli): please install it." >&2
	exit 1
}
has_node || {
	echo "The tests of the page and of the Postman collection need Node.js and npm: please install them." >&2
	exit 1
}
install_node_packages
