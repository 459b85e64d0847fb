package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/local"
	"github.com/sluicehq/sluice/local/localtest"
)

// TestFleetFilesOfAllPlaces reads fleet files in a folder, in S3 and in a
// variable by every command that takes them, and names what is wrong there.
func TestFleetFilesOfAllPlaces(t *testing.T) {
	folder := t.TempDir()
	server, err := local.Start(t.Context(), local.Config{Dir: filepath.Join(folder, "aws"), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	const bad = "fleet: ads\njobs: [\"adfilter-*\"]\necs: {cluster: ads, service: inference}\npolicy:\n  explore: 7\n"
	const good = "fleet: ads\njobs: [\"adfilter-*\"]\necs: {cluster: ads, service: inference}\nnotify: [{name: oncall, slack: {url_file: env:SLACK}}]\n"
	cloud := localtest.Open(server.URL())
	for _, err := range []error{
		cloud.Buckets(t.Context(), "sluice"),
		cloud.Upload(t.Context(), "sluice", "config/ads.yaml", []byte(good)), cloud.Upload(t.Context(), "sluice", "bad/ads.yaml", []byte(bad)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL(), "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testtest", "AWS_REGION": "us-east-1",
		"FLEET": good, "BAD": bad, "SLACK": "http://127.0.0.1:1/hunter2", "DESCRIBED": `{"fleet": ` + quoted(good) + `}`,
	} {
		t.Setenv(name, value)
	}
	for _, place := range []string{keep(t, folder, "ads.yaml", []byte(good)), "s3://sluice/config/", "s3://sluice/config/ads.yaml", "env:FLEET", "env:DESCRIBED:fleet"} {
		if out, err := run(t, "lint", place); err != nil || !strings.Contains(out, "1 file, 0 errors, 0 warnings") {
			t.Errorf("lint %s: %v\n%s", place, err, out)
		}
		if out, err := run(t, "plan", "--fleet-file", place, "--tasks", "8", "--requests", "200"); err != nil {
			t.Errorf("plan --fleet-file %s: %v\n%s", place, err, out)
		}
		if out, err := run(t, "inspect", "../local/demo/models/better.tar.gz", "--fleet-file", place); err != nil {
			t.Errorf("inspect --fleet-file %s: %v\n%s", place, err, out)
		}
		if out, err := run(t, "doctor", "--fleet-file", place, "--bucket", "sluice"); err == nil || !strings.Contains(out, "wrong,") {
			t.Errorf("doctor --fleet-file %s: %v\n%s", place, err, out)
		}
		out, err := run(t, "notify", "--fleets", place)
		if err == nil || !strings.Contains(out, "ads  oncall  ") || strings.Contains(out+err.Error(), "hunter2") {
			t.Errorf("notify --fleets %s: %v\n%s", place, err, out)
		}
	}
	for place, says := range map[string]string{"s3://sluice/bad/": "s3://sluice/bad/ads.yaml:5: error: policy", "env:BAD": "env:BAD:5: error: policy"} {
		if out, err := run(t, "lint", place); err == nil || !strings.Contains(out, says) {
			t.Errorf("lint %s: %v\n%s", place, err, out)
		}
	}
	for place, says := range map[string]string{
		"s3://sluice/none/": "no *.yaml object lies in s3://sluice/none/", "s3://sluice/none": "there is no s3://sluice/none",
		"s3://X/": "is no S3 address", "env:NOBODY": "there is no variable NOBODY", "env:BAD:fleet": "holds no JSON object",
	} {
		_, err := run(t, "controller", "--fleets", place, "--bucket", "sluice", "--listen", "127.0.0.1:0")
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("controller --fleets %s: %v, want %q", place, err, says)
		}
	}
}

// quoted is a text as JSON has it.
func quoted(text string) string {
	return `"` + strings.NewReplacer("\n", `\n`, `"`, `\"`).Replace(text) + `"`
}
