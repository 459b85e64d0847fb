#!/bin/sh
# Trains the demo's models again: models.sh [NAME ...]. The same logs, the same
# XGBoost and the same kind of processor give the same bytes.
set -eu
cd "$(dirname "$0")/../.."
sluice=${SLUICE:-bin/sluice}
venv=${VENV:-.venv}
if [ ! -x "$sluice" ]; then
	echo "models.sh: $sluice is not there; run make build, or set SLUICE" >&2
	exit 1
fi
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement deploy/sagemaker/requirements.txt
exec "$venv/bin/python" deploy/sagemaker/models.py --sluice "$sluice" --out local/demo/models "$@"
