package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/aws"
	"github.com/sluicehq/sluice/inference"
)

// stores are S3 by many names: each notes who asks it, and for what.
type stores struct {
	mu    sync.Mutex
	asked []string
}

// open returns the address of one, with the name of localhost.
func (s *stores) open(t *testing.T, name string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked = append(s.asked, name+" "+r.URL.Path)
		w.Header().Set("Etag", `"1"`)
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
}

func (s *stores) last() (asked string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked = strings.Join(s.asked, ", ")
	s.asked = nil
	return asked
}

// TestSameStore lets controller and task read the same key under every mixture
// of settings: both ask the same store, in the same form.
func TestSameStore(t *testing.T) {
	var s stores
	flag, all, own, profile, service := s.open(t, "flag"), s.open(t, "all"), s.open(t, "own"), s.open(t, "profile"), s.open(t, "service")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	file := filepath.Join(t.TempDir(), "config")
	t.Setenv("AWS_CONFIG_FILE", file)
	for n := range 1 << 6 {
		has := func(bit int, value string) string {
			if n>>bit&1 == 0 {
				return ""
			}
			return value
		}
		text := "[default]\n" + has(0, "endpoint_url = "+profile+"\n") + has(1, "services = ours\n[services ours]\ns3 =\n  endpoint_url = "+service+"\n")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		setOrNot(t, "AWS_ENDPOINT_URL", has(2, all))
		setOrNot(t, "AWS_ENDPOINT_URL_S3", has(3, own))
		setOrNot(t, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", has(4, "true"))
		endpoint := has(5, flag)
		want := ""
		switch {
		case endpoint != "":
			want = "flag"
		case n>>4&1 == 1: // AWS itself
		case n>>3&1 == 1:
			want = "own"
		case n>>2&1 == 1:
			want = "all"
		case n>>1&1 == 1:
			want = "service"
		case n&1 == 1:
			want = "profile"
		}
		name := fmt.Sprintf("%06b", n)
		client, controllers := aws.Open(t.Context(), aws.Options{Endpoint: endpoint, Region: "eu-west-1", Attempts: 1})
		bucket, tasks := inference.OpenBucket(t.Context(), "models", "eu-west-1", endpoint, time.Minute)
		if controllers != nil || tasks != nil {
			t.Fatalf("%s: %v, %v", name, controllers, tasks)
		}
		at, err := client.Account().Store(t.Context(), "models")
		if err != nil || at != bucket.At {
			t.Errorf("%s: the controller's store is %+v, the task's %+v, %v", name, at, bucket.At, err)
		}
		if want == "" {
			if at.URL != "https://models.s3.eu-west-1.amazonaws.com" {
				t.Errorf("%s: %+v is not AWS itself", name, at)
			}
			continue
		}
		_, _, err = client.Documents("models").Get(t.Context(), "a/key")
		byController := s.last()
		_, failed := bucket.Fetch(t.Context(), "a/key", 10)
		byTask := s.last()
		if wanted := want + " /models/a/key"; err != nil || failed != nil || byController != wanted || byTask != wanted {
			t.Errorf("%s: the controller asks %q (%v), the task %q (%v), want %q", name, byController, err, byTask, failed, wanted)
		}
	}
}

func setOrNot(t *testing.T, name, value string) {
	t.Helper()
	t.Setenv(name, value)
	if value == "" {
		_ = os.Unsetenv(name)
	}
}
