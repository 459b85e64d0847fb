# An ordinary day's work of rclone.
set -eu
touch none && export RCLONE_CONFIG="$PWD/none" RCLONE_CONFIG_AWS_TYPE=s3 RCLONE_CONFIG_AWS_PROVIDER=Other RCLONE_CONFIG_AWS_ENV_AUTH=true \
	RCLONE_CONFIG_AWS_ENDPOINT="$AWS_ENDPOINT_URL" RCLONE_CONFIG_AWS_REGION="$AWS_REGION" RCLONE_CONFIG_AWS_FORCE_PATH_STYLE=true RCLONE_CONFIG_AWS_CHUNK_SIZE=5M \
	RCLONE_CONFIG_AWS_UPLOAD_CUTOFF=6M RCLONE_CONFIG_AWS_COPY_CUTOFF=6M
head -c 12000000 /dev/urandom >large
mkdir -p folder/sub && echo one >folder/one && echo two >"folder/sub/t wo ä"
rclone mkdir aws:rclone
rclone copy large aws:rclone
rclone cat aws:rclone/large | cmp - large
rclone sync folder aws:rclone/folder
rclone check folder aws:rclone/folder
rclone sync aws:rclone/folder copied && diff -r folder copied
rclone copyto aws:rclone/large aws:rclone/copy # in parts, on the server
rclone moveto aws:rclone/copy aws:rclone/moved
[ "$(rclone lsf -R --files-only aws:rclone | wc -l)" = 4 ]
[ "$(rclone cat aws:rclone/folder/one)" = one ]
echo three | rclone rcat aws:rclone/stream && [ "$(rclone cat aws:rclone/stream)" = three ]
rclone touch -t 2026-01-02T03:04:05 aws:rclone/stream && rclone lsl aws:rclone/stream | grep -q 2026-01-02
url=$(rclone link --expire 1m aws:rclone/folder/one)
python3 -c 'import sys, urllib.request; assert urllib.request.urlopen(sys.argv[1]).read() == b"one\n"' "$url"
rclone size aws:rclone | grep -q 'Total objects: 5'
rclone purge aws:rclone
rclone version | head -n 1
