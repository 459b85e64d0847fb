#!/bin/sh
# Calls a task from Python: python.sh HOST:PORT RELEASE. Status 77 and a message
# where a tool is missing.
set -eu
cd "$(dirname "$0")/../.."
venv=${VENV:-.venv}
for tool in thrift python3; do
	command -v "$tool" >/dev/null || { echo "python.sh: there is no $tool: Python is left out"; exit 77; }
done
python3 -c 'import ensurepip' 2>/dev/null || { echo "python.sh: there is no venv for python3: Python is left out"; exit 77; }
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement deploy/interop/requirements.txt
for idl in openrtb adfilter; do thrift --gen py -out "$made" "idl/$idl.thrift"; done
PYTHONPATH=$made "$venv/bin/python" deploy/interop/client.py "$@"
