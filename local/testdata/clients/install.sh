#!/usr/bin/env bash
# Installs other people's S3 clients into a folder, pinned: all of them, or
# only those that every change is tried with. What cannot be had here is named
# and left out. s5cmd is not among them: its module is no longer served.
set -uo pipefail
into=$1 which=${2:-all} here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
mkdir -p "$into/bin" && into=$(cd "$into" && pwd) && cd "$into" || exit 1

venv() { # name, then packages
	local name=$1
	shift
	[ -e "$name/installed" ] && return
	rm -rf "$name"
	"$python" -m venv "$name" && "$name/bin/python" -m pip install -q "$@" && touch "$name/installed" && return
	rm -rf "$name"
	echo "not installed: $name ($*)" >&2
}

venv quick boto3==1.44.8 pyarrow==26.0.1
[ "$which" = quick ] && exit
venv awscli awscli==1.46.3
venv s3cmd s3cmd==2.4.0
venv s3fs s3fs==2026.9.0 pandas==3.1.1 pyarrow==26.0.1
venv duckdb duckdb==1.4.4 duckdb-ext-httpfs==1.4.4.20260205 boto3==1.44.8
(cd "$here/minio" && go build -o "$into/bin/minio-day" .) || echo "not installed: minio-go" >&2
if command -v rclone >/dev/null; then
	ln -sf "$(command -v rclone)" bin/rclone
elif [ ! -x bin/rclone ]; then
	debs=$(mktemp -d)
	(cd "$debs" && apt-get download -qq rclone && dpkg-deb -x rclone_*.deb .) 2>/dev/null && cp "$debs/usr/bin/rclone" bin/ || echo "not installed: rclone" >&2
	rm -rf "$debs"
fi
