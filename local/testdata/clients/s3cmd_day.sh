# An ordinary day's work of s3cmd.
set -eu
address=${AWS_ENDPOINT_URL#http://}
s3() {
	s3cmd --no-ssl --host="$address" --host-bucket="$address" --region="$AWS_REGION" \
		--access_key="$AWS_ACCESS_KEY_ID" --secret_key="$AWS_SECRET_ACCESS_KEY" --no-progress "$@" 2>said
}
touch none && export S3CMD_CONFIG="$PWD/none"
head -c 12000000 /dev/urandom >large
mkdir -p folder/sub && echo one >folder/one && echo two >"folder/sub/t wo ä"
s3 mb s3://s3cmd
s3 put --multipart-chunk-size-mb=5 large s3://s3cmd/large
s3 get s3://s3cmd/large back && cmp large back
s3 sync folder/ s3://s3cmd/folder/
s3 sync s3://s3cmd/folder/ copied/ && diff -r folder copied
[ "$(s3 ls --recursive s3://s3cmd | wc -l)" = 3 ]
s3 info s3://s3cmd/folder/one | grep -q 'MD5 sum'
s3 cp s3://s3cmd/large s3://s3cmd/copy && s3 mv s3://s3cmd/copy s3://s3cmd/moved
s3 get --force s3://s3cmd/moved back && cmp large back
s3 modify --add-header=x-amz-meta-by:s3cmd s3://s3cmd/folder/one
s3 info s3://s3cmd/folder/one | grep -q 'x-amz-meta-by: *s3cmd'
s3 setlifecycle /dev/stdin s3://s3cmd <<'XML'
<LifecycleConfiguration><Rule><ID>old</ID><Filter><Prefix>looks/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>30</Days></Expiration></Rule></LifecycleConfiguration>
XML
s3 getlifecycle s3://s3cmd | grep -q looks/
s3 setpolicy /dev/stdin s3://s3cmd <<'JSON'
{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket", "Resource": "arn:aws:s3:::s3cmd", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}
JSON
s3 delpolicy s3://s3cmd
url=$(s3 signurl s3://s3cmd/folder/one +60)
python3 -c 'import sys, urllib.request; assert urllib.request.urlopen(sys.argv[1]).read() == b"one\n"' "$url"
s3 du s3://s3cmd/moved | grep -q '^ *12000000 '
s3 del --recursive --force s3://s3cmd
s3 rb s3://s3cmd
s3cmd --version
