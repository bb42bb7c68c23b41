#!/bin/sh
# Prints one line that says why this Python cannot make a virtualenv.
python=$1
command -v "$python" >/dev/null || {
	echo "There is no $python: please install Python 3.11 or newer." >&2
	exit 1
}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
	echo "Python 3.11 or newer is needed, and this is $("$python" --version 2>&1):" \
		"name another, as in make run PYTHON=python3.11" >&2
	exit 1
}
"$python" -c 'import ensurepip, venv' 2>/dev/null || {
	echo "This Python cannot make a virtualenv: apt-get install python3-venv (Debian, Ubuntu)" >&2
	exit 1
}
