# An ordinary day's work of awscli.
set -eu
aws s3 mb s3://awscli
head -c 12000000 /dev/urandom >large
mkdir -p folder/sub && echo one >folder/one && echo two >"folder/sub/t wo"
aws s3 cp --only-show-errors large s3://awscli/large
aws s3 cp --only-show-errors s3://awscli/large back && cmp large back
aws s3 sync --only-show-errors folder s3://awscli/folder
aws s3 sync s3://awscli/folder copied | grep -q 't wo' && diff -r folder copied
[ -z "$(aws s3 sync folder s3://awscli/folder)" ] # nothing is sent twice
aws s3 mv --only-show-errors s3://awscli/large s3://awscli/moved
aws s3 ls --recursive --summarize s3://awscli | grep -q 'Total Objects: 3'
aws s3 cp --only-show-errors - s3://awscli/stream <folder/one
[ "$(aws s3 cp s3://awscli/stream -)" = one ]
aws s3api put-bucket-versioning --bucket awscli --versioning-configuration Status=Enabled
aws s3api put-object-tagging --bucket awscli --key stream --tagging 'TagSet=[{Key=a,Value=b}]'
aws s3api get-object-attributes --bucket awscli --key moved --object-attributes ETag ObjectParts Checksum | grep -q TotalPartsCount
! aws s3api put-object --bucket awscli --key stream --body large --if-none-match '*' 2>refused
grep -q PreconditionFailed refused
url=$(aws s3 presign s3://awscli/stream)
python3 -c 'import sys, urllib.request; assert urllib.request.urlopen(sys.argv[1]).read() == b"one\n"' "$url"
aws s3 rm --only-show-errors --recursive s3://awscli
! aws s3 rb s3://awscli 2>refused # versions are left
grep -q BucketNotEmpty refused
aws --version
