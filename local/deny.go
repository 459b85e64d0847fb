package local

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Deny refuses whatever needs one of these actions, such as s3:PutObject, as
// where no policy allows it.
func Deny(actions ...string) Faults {
	return func(r *http.Request) Fault {
		action := Action(r)
		if action == "" || !slices.Contains(actions, action) {
			return Fault{}
		}
		status, code := http.StatusForbidden, "AccessDenied"
		switch {
		case r.Header.Get("X-Amz-Target") != "":
			status, code = http.StatusBadRequest, "AccessDeniedException" // as services of JSON say it
		case forEC2(r):
			code = "UnauthorizedOperation"
		}
		return Fault{Status: status, Code: code, Message: fmt.Sprintf(
			"User: %s is not authorized to perform: %s on resource: * because no identity-based policy allows the %s action", userARN(r, "local"), action, action)}
	}
}

// CheckActions refuses what can be denied to nobody: the name of no action.
func CheckActions(actions []string) error {
	deniable := []string{"s3", "ecs", "sagemaker", "ec2", "elasticloadbalancing", "autoscaling"}
	for _, a := range actions {
		if service, name, _ := strings.Cut(a, ":"); !slices.Contains(deniable, service) || name == "" || strings.Contains(name, "*") {
			return fmt.Errorf("%q is no action of %s: want one such as s3:PutObject", a, strings.Join(deniable, ", "))
		}
	}
	return nil
}

// Action is the right that a request takes, as IAM names it; empty where this
// machine does not know.
func Action(r *http.Request) string {
	target := r.Header.Get("X-Amz-Target")
	switch {
	case strings.HasPrefix(target, "AmazonEC2ContainerService"):
		return "ecs:" + Operation(r)
	case strings.HasPrefix(target, "SageMaker."):
		return "sagemaker:" + Operation(r)
	case target != "":
		return ""
	case forEC2(r) || forQuery(r):
		return actionOfForm(r)
	}
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if key == "" {
		return actionOfBucket(r)
	}
	verb := map[string]string{http.MethodGet: "Get", http.MethodHead: "Get", http.MethodPut: "Put", http.MethodPost: "Put", http.MethodDelete: "Delete"}[r.Method]
	if verb == "" {
		return ""
	}
	if r.URL.Query().Get("versionId") != "" && verb != "Put" {
		return "s3:" + verb + "ObjectVersion"
	}
	return "s3:" + verb + "Object"
}

// actionOfBucket is for reading a bucket or one of its settings; of other
// requests nobody asked yet.
func actionOfBucket(r *http.Request) string {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return ""
	}
	settings := map[string]string{
		"versioning": "s3:GetBucketVersioning", "lifecycle": "s3:GetLifecycleConfiguration", "object-lock": "s3:GetBucketObjectLockConfiguration",
		"versions": "s3:ListBucketVersions", "location": "s3:GetBucketLocation",
	}
	for setting, action := range settings {
		if r.URL.Query().Has(setting) {
			return action
		}
	}
	if r.URL.Path == "/" {
		return "s3:ListAllMyBuckets"
	}
	return "s3:ListBucket"
}

// maxForm bounds a form, in bytes.
const maxForm = 1 << 20

// actionOfForm reads a form and puts it back.
func actionOfForm(r *http.Request) string {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm))
	if err != nil {
		return ""
	}
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), r.Body))
	form, err := url.ParseQuery(string(body))
	a, signed := parseAuthorization(r.Header.Get("Authorization"))
	if err != nil || !signed || form.Get("Action") == "" {
		return ""
	}
	return a.service + ":" + form.Get("Action")
}
