package amazon_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sluicehq/sluice/amazon"
)

// TestBuckets tells which buckets can be used, and of the others why not, in
// every partition.
func TestBuckets(t *testing.T) {
	const mrap = "arn:aws:s3::123456789012:accesspoint/abc.mrap"
	for bucket, says := range map[string]string{
		"models":                              "",
		"my.Old_1":                            "",
		"models-abcdefghijklmnop1234-s3alias": "",
		"arn:aws:s3:eu-west-1:123456789012:accesspoint/models":            "",
		"arn:aws:s3:eu-west-1:123456789012:accesspoint:models":            "",
		"arn:aws-cn:s3:cn-north-1:123456789012:accesspoint/models":        "",
		"arn:aws-us-gov:s3:us-gov-west-1:123456789012:accesspoint/models": "",
		"arn:aws-eusc:s3:eusc-de-east-1:123456789012:accesspoint/models":  "",
		mrap:                           "is a multi-region access point, and may answer from a copy that is behind",
		"models--euw1-az1--x-s3":       "is a directory bucket of S3 Express, which keeps no versions: name a general purpose bucket",
		"models--euw1-az1--xa-s3":      "is a directory bucket of S3 Express",
		"models-abc--ol-s3":            "is an access point of Object Lambda",
		"models--table-s3":             "is a bucket of tables",
		"arn:aws:s3:::models":          `is the ARN of a bucket, which S3 does not take in its place: call it "models"`,
		"arn:aws-cn:s3:::models/a":     `is the ARN of a bucket`,
		"arn:aws:s3":                   "is no ARN",
		"arn:aws:dynamodb:r:1:table/t": "is an ARN of dynamodb, and not of S3",
		"s3://models":                  "is an address: name the bucket alone",
		"models/releases":              "is an address: name the bucket alone",
		"arn:aws:s3express:eu-west-1:123456789012:bucket/models--euw1-az1--x-s3":     "is a directory bucket of S3 Express",
		"arn:aws:s3-object-lambda:eu-west-1:123456789012:accesspoint/models":         "is an access point of Object Lambda",
		"arn:aws:s3-outposts:eu-west-1:123456789012:outpost/op-1/accesspoint/models": "is on an Outpost",
		"arn:aws:s3tables:eu-west-1:123456789012:bucket/models":                      "is a bucket of tables",
		"arn:aws:s3:eu-west-1:123456789012:accesspoint/models/object/a":              "is the ARN of a bucket",
	} {
		err := amazon.CheckBucket(bucket)
		if (err != nil) != (says != "") || err != nil && !strings.Contains(err.Error(), "--bucket "+bucket+" "+says) {
			t.Errorf("%s: %v, want %q", bucket, err, says)
		}
		if bucket == mrap {
			says = "" // to read artifacts from
		}
		if err := amazon.CheckSource(bucket); (err != nil) != (says != "") || err != nil && !strings.Contains(err.Error(), "bucket "+bucket+" "+says) {
			t.Errorf("artifacts in %s: %v, want %q", bucket, err, says)
		}
	}
}

func TestSplitURL(t *testing.T) {
	for address, want := range map[string][2]string{
		"s3://models/a/b.tar.gz": {"models", "a/b.tar.gz"},
		"s3://models":            {"models", ""},
		"s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/models/a/b": {"arn:aws:s3:eu-west-1:123456789012:accesspoint/models", "a/b"},
		"s3://arn:aws:s3:eu-west-1:123456789012:accesspoint:models/a/b": {"arn:aws:s3:eu-west-1:123456789012:accesspoint:models", "a/b"},
		"s3://arn:aws:s3::123456789012:accesspoint/abc.mrap/a":          {"arn:aws:s3::123456789012:accesspoint/abc.mrap", "a"},
		"s3://arn:aws:s3:r:1:accesspoint":                               {"arn:aws:s3:r:1:accesspoint", ""},
		"s3://arn:aws:s3:::models/a":                                    {"arn:aws:s3:::models", "a"},
	} {
		bucket, key, ok := amazon.SplitURL(address)
		if !ok || bucket != want[0] || key != want[1] {
			t.Errorf("%s: %q, %q, %v", address, bucket, key, ok)
		}
	}
	if _, _, ok := amazon.SplitURL("https://models/a"); ok {
		t.Error("https is no address of S3's")
	}
}

// wire keeps the last request instead of sending it.
type wire struct{ last *http.Request }

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	w.last = r
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	return &http.Response{StatusCode: 200, Header: http.Header{"Etag": {`"1"`}}, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

// Access points are asked at their own hosts, by the rule of their partition;
// those of several regions with a signature for all of them.
func TestAccessPoints(t *testing.T) {
	for _, tt := range []struct {
		region, bucket, host, signed string
		env                          map[string]string
	}{
		{"eu-west-1", "models", "models.s3.eu-west-1.amazonaws.com", "AWS4-HMAC-SHA256", nil},
		{"eu-west-1", "arn:aws:s3:eu-west-1:123456789012:accesspoint/models", "models-123456789012.s3-accesspoint.eu-west-1.amazonaws.com", "AWS4-HMAC-SHA256", nil},
		{"eu-west-1", "models-abcdefghijklmnop1234-s3alias", "models-abcdefghijklmnop1234-s3alias.s3.eu-west-1.amazonaws.com", "AWS4-HMAC-SHA256", nil},
		{"us-gov-west-1", "arn:aws-us-gov:s3:us-gov-west-1:123456789012:accesspoint/models", "models-123456789012.s3-accesspoint.us-gov-west-1.amazonaws.com", "AWS4-HMAC-SHA256", nil},
		{"cn-north-1", "arn:aws-cn:s3:cn-north-1:123456789012:accesspoint/models", "models-123456789012.s3-accesspoint.cn-north-1.amazonaws.com.cn", "AWS4-HMAC-SHA256", nil},
		{"eu-west-1", "arn:aws:s3::123456789012:accesspoint/abc.mrap", "abc.mrap.accesspoint.s3-global.amazonaws.com", "AWS4-ECDSA-P256-SHA256", nil},
		{
			"eu-west-1", "arn:aws:s3:eu-west-1:123456789012:accesspoint/models", "models-123456789012.accesspoint.vpce-1.s3.eu-west-1.vpce.amazonaws.com", "AWS4-HMAC-SHA256",
			map[string]string{"AWS_ENDPOINT_URL_S3": "https://accesspoint.vpce-1.s3.eu-west-1.vpce.amazonaws.com"},
		},
	} {
		t.Run(tt.bucket, func(t *testing.T) {
			configure(t, tt.env, "region = "+tt.region+"\n")
			a, err := amazon.Open(t.Context(), amazon.Settings{Services: []string{amazon.S3}})
			if err != nil {
				t.Fatal(err)
			}
			var sent wire
			a.Config.HTTPClient, a.Config.Credentials = &sent, credentials.NewStaticCredentialsProvider("a", "s", "")
			client := a.S3()
			if _, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &tt.bucket, Key: aws.String("a/b")}); err != nil {
				t.Fatal(err)
			}
			if got := sent.last; got.URL.Host != tt.host || got.URL.Path != "/a/b" || !strings.HasPrefix(got.Header.Get("Authorization"), tt.signed+" ") {
				t.Errorf("asked %s%s, signed %.40s", got.URL.Host, got.URL.Path, got.Header.Get("Authorization"))
			}
			if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &tt.bucket, Key: aws.String("a/b"), IfNoneMatch: aws.String("*"), Body: strings.NewReader("x")}); err != nil {
				t.Fatal(err)
			}
			if got := sent.last; got.URL.Host != tt.host || got.Header.Get("If-None-Match") != "*" {
				t.Errorf("wrote to %s on the condition %q", got.URL.Host, got.Header.Get("If-None-Match"))
			}
		})
	}
}
