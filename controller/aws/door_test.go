package aws_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestCheckSaysWhatIsMeant names what is no artifact, or not there, and hears
// at once what to name instead.
func TestCheckSaysWhatIsMeant(t *testing.T) {
	t.Parallel()
	endpoint := localS3(t, nil)
	training := bucket(t, endpoint, "training", true)
	for key, body := range map[string]string{
		"models/better/output/model.tar.gz": "a model", "models/burst-1/output/model.tar.gz": "a model", "models/burst-2/output/model.tar.gz": "a model",
		"models/baseline/output/model.tar.gz": "a model", "plain/xgboost-model": "a model", "plain/manifest.json": "{}", "lone/manifest.json": "{}",
		"empty.tar.gz": "", "top/manifest.json": "{}", "top/better/model.tar.gz": "a model",
	} {
		training.Write(t, key, []byte(body))
	}
	bucket(t, endpoint, "nothing", true)
	a := open(t, endpoint).Artifacts()
	for _, tt := range []struct{ bucket, key, says string }{
		{"training", "models/better/output/model.tar.gz", ""},
		{"training", "plain/", ""},
		{"training", "plain", ""},
		{"training", "plain/xgboost-model", ""},
		{"training-2", "models/better/output/model.tar.gz", `bucket "training-2" does not exist: check the address`},
		{"training", "models/bettr/output/model.tar.gz", "there is nothing at s3://training/models/bettr/output/model.tar.gz: check the address; s3://training/models/ holds better/, baseline/, burst-1/ and 1 more"},
		{"training", "models/better/output/model.tgz", "s3://training/models/better/output/ holds model.tar.gz"},
		{"training", "other/deep/er/model.tar.gz", "s3://training/ holds "},
		{"nothing", "a.tar.gz", "there is nothing at s3://nothing/a.tar.gz: check the address; the bucket is empty"},
		{"training", "models/better/", "is a folder of archives: name the one that is meant, as s3://training/models/better/output/model.tar.gz"},
		{"training", "models/better", "as s3://training/models/better/output/model.tar.gz"},
		{"training", "models/", "s3://training/models/ is a folder of archives: name the one that is meant, as s3://training/models/baseline/output/model.tar.gz"},
		{"training", "top/", "as s3://training/top/better/model.tar.gz"},
		{"training", "lone/", "s3://training/lone/ holds a manifest and no model: upload the model beside it"},
		{"training", "plain/manifest.json", "s3://training/plain/manifest.json is a manifest: name the model.tar.gz that it is packed in"},
		{"training", "empty.tar.gz", "s3://training/empty.tar.gz is empty: upload it, then ask again"},
	} {
		check(t, tt.key, a.Check(t.Context(), source(tt.bucket, tt.key)), tt.says)
	}
}

// Who may not list a bucket hears that there is nothing, and no more.
func TestCheckWithoutAView(t *testing.T) {
	t.Parallel()
	endpoint := localS3(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("list-type") && r.URL.Query().Has("delimiter") {
				answer(w, http.StatusForbidden, s3Error("AccessDenied", "Access Denied"))
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	bucket(t, endpoint, "training", true).Write(t, "better.tar.gz", []byte("a model"))
	err := open(t, endpoint).Artifacts().Check(t.Context(), source("training", "bettr.tar.gz"))
	if err == nil || !strings.HasSuffix(err.Error(), "there is nothing at s3://training/bettr.tar.gz: check the address") {
		t.Error(err)
	}
}
