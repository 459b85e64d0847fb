package local_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/local"
)

// Each request takes the right that IAM says, and no other is denied with it.
func TestActions(t *testing.T) {
	for _, tt := range []struct{ method, path, target, want string }{
		{"POST", "/", "AmazonEC2ContainerServiceV20141113.ListTasks", "ecs:ListTasks"},
		{"POST", "/", "SageMaker.ListTrainingJobs", "sagemaker:ListTrainingJobs"},
		{"POST", "/", "Logs_20140328.GetLogEvents", ""},
		{"GET", "/", "", "s3:ListAllMyBuckets"},
		{"GET", "/sluice?list-type=2&max-keys=1", "", "s3:ListBucket"},
		{"HEAD", "/sluice", "", "s3:ListBucket"},
		{"GET", "/sluice/?versioning=", "", "s3:GetBucketVersioning"},
		{"GET", "/sluice?lifecycle", "", "s3:GetLifecycleConfiguration"},
		{"GET", "/sluice?object-lock", "", "s3:GetBucketObjectLockConfiguration"},
		{"PUT", "/sluice?lifecycle", "", ""},
		{"GET", "/sluice/a/b", "", "s3:GetObject"},
		{"HEAD", "/sluice/a/b", "", "s3:GetObject"},
		{"GET", "/sluice/a?versionId=1", "", "s3:GetObjectVersion"},
		{"PUT", "/sluice/a/b", "", "s3:PutObject"},
		{"DELETE", "/sluice/a", "", "s3:DeleteObject"},
		{"DELETE", "/sluice/a?versionId=1", "", "s3:DeleteObjectVersion"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, http.NoBody)
		if tt.target != "" {
			r.Header.Set("X-Amz-Target", tt.target)
		}
		if got := local.Action(r); got != tt.want {
			t.Errorf("%s %s %s takes %q, want %q", tt.method, tt.path, tt.target, got, tt.want)
		}
		if f := local.Deny(tt.want)(r); (f.Status != 0) != (tt.want != "") || tt.want != "" && !strings.Contains(f.Message, "not authorized to perform: "+tt.want) {
			t.Errorf("%s %s: denied with %+v", tt.method, tt.path, f)
		}
		if f := local.Deny("s3:GetBucketPolicy", "ecs:StopTask")(r); f != (local.Fault{}) {
			t.Errorf("%s %s: denied for another's sake: %+v", tt.method, tt.path, f)
		}
	}
	// Of forms the service is what they are signed for.
	for service, want := range map[string]string{"ec2": "ec2:DescribeInstances", "elasticloadbalancing": "elasticloadbalancing:DescribeInstances", "sts": "sts:DescribeInstances", "": ""} {
		const body = "Action=DescribeInstances&Version=2016-11-15"
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		if r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0"); service == "" {
			r.Header.Del("Authorization")
		}
		if got := local.Action(r); got != want {
			t.Errorf("a form for %q takes %q, want %q", service, got, want)
		}
		if after, err := io.ReadAll(r.Body); service != "" && (err != nil || string(after) != body) {
			t.Errorf("a form for %q is %q after the look: %v", service, after, err)
		}
	}
	for action, good := range map[string]bool{"s3:PutObject": true, "ecs:ListTasks": true, "autoscaling:DescribeAutoScalingGroups": true, "PutObject": false, "s3:": false, "s3:*": false, "iam:PassRole": false} {
		if err := local.CheckActions([]string{action}); (err == nil) != good {
			t.Errorf("%s: %v", action, err)
		}
	}
}
