package inference

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

func TestOptionsNameTheFlag(t *testing.T) {
	for flag, spoil := range map[string]func(*Options){
		"--fleet":         func(o *Options) { o.Fleet = "" },
		"--task":          func(o *Options) { o.Name = "" },
		"--max-in-hand":   func(o *Options) { o.MaxInHand = 0 },
		"--max-message":   func(o *Options) { o.MaxMessageBytes = 1 << 24 },
		"--memory":        func(o *Options) { o.MemoryBytes = -1 },
		"--drain-delay":   func(o *Options) { o.DrainDelay = -1 },
		"--drain-timeout": func(o *Options) { o.DrainTimeout = 0 },
	} {
		o := toyOptions(newToyShop())
		spoil(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%v does not name %s", err, flag)
		}
	}
}

func TestTaskAsksTheAgentWhoAndWhereItIs(t *testing.T) {
	const arn = "arn:aws:ecs:eu-central-1:1:task/c/abc"
	answers := map[string]string{
		"/good/task": `{"Cluster":"c","TaskARN":"` + arn + `","AvailabilityZone":"eu-central-1b"}`, "/nowhere/task": `{"TaskARN":"` + arn + `"}`,
		"/empty/task": `{}`, "/noise/task": `<html>`,
	}
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		io.WriteString(w, body)
	}))
	defer agent.Close()
	for path, zone := range map[string]string{"/good": "eu-central-1b", "/nowhere": ""} {
		if got, err := askAgent(t.Context(), agent.URL+path); got != (placement{arn, zone}) || err != nil {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
	}
	for _, path := range []string{"/empty", "/noise", "/absent"} {
		if got, err := askAgent(t.Context(), agent.URL+path); err == nil {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

// lines hands over what is logged, line by line.
type lines struct {
	mu   sync.Mutex
	part []byte
	out  chan map[string]any
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.part = append(l.part, b...)
	for {
		line, rest, found := bytes.Cut(l.part, []byte("\n"))
		if !found {
			return len(b), nil
		}
		var fields map[string]any
		if json.Unmarshal(line, &fields) == nil {
			l.out <- fields
		}
		l.part = rest
	}
}

func (l *lines) await(t *testing.T, message string) map[string]any {
	t.Helper()
	for {
		select {
		case line := <-l.out:
			if line["msg"] == message {
				return line
			}
		case <-time.After(time.Minute):
			t.Fatalf("nothing logged %q", message)
		}
	}
}

// bucketServer is as much of S3 as a task needs.
func bucketServer(t *testing.T, objects map[string][]byte) {
	t.Helper()
	s3 := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := objects[r.URL.Path]
		switch {
		case strings.HasPrefix(r.URL.Path, "/denied/"):
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `<Error><Code>AccessDenied</Code><Message>User: arn:aws:sts::1:assumed-role/filter/t is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:r:1:key/k because no resource-based policy allows the kms:Decrypt action</Message></Error>`)
		case strings.HasPrefix(r.URL.Path, "/torn/"):
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "only this")
		case strings.HasPrefix(r.URL.Path, "/endless/"):
			for range 100 {
				w.Write(make([]byte, 1000))
				w.(http.Flusher).Flush()
			}
		case !ok:
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `<Error><Code>NoSuchKey</Code></Error>`)
		default:
			w.Write(body)
		}
	}))
	t.Cleanup(s3.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": s3.URL, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testtest",
		"AWS_MAX_ATTEMPTS": "1", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
}

func TestBucket(t *testing.T) {
	bucketServer(t, map[string][]byte{"/b/key": []byte("body"), "/b/empty": {}})
	tests := []struct {
		bucket, key string
		limit       int64
		want        string
		err         error
		names       string
	}{
		{"b", "key", 4, "body", nil, ""},
		{"b", "empty", 4, "", nil, ""},
		{"b", "key", 3, "", ErrTooLarge, "s3://b/key"},
		{"b", "absent", 4, "", ErrNotFound, "s3://b/absent"},
		{"endless", "key", 5000, "", ErrTooLarge, ""},
		{"torn", "key", 5000, "", io.ErrUnexpectedEOF, "s3://torn/key"},
		{"denied", "key", 5000, "", nil, "access to the key of s3://denied/key is denied: allow kms:Decrypt on the key in the key's own policy (AWS says AccessDenied: User: arn:aws:sts::1:assumed-role/filter/t is not authorized"},
	}
	for _, tt := range tests {
		b, err := OpenBucket(t.Context(), tt.bucket, "", "", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		got, err := b.Fetch(t.Context(), tt.key, tt.limit)
		if string(got) != tt.want || tt.err != nil && !errors.Is(err, tt.err) {
			t.Errorf("%s/%s: %q, %v", tt.bucket, tt.key, got, err)
		}
		if (err != nil) != (tt.err != nil || tt.names != "") || err != nil && !strings.Contains(err.Error(), tt.names) {
			t.Errorf("%s/%s: %v does not name %q", tt.bucket, tt.key, err, tt.names)
		}
	}
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_ENDPOINT_URL", "")
	if _, err := OpenBucket(t.Context(), "b", "", "", time.Minute); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("without a region: %v", err)
	}
}

// settings are of a task on free ports, that logs to out.
func settings(out io.Writer) Settings {
	s := Settings{Options: DefaultOptions(), Bucket: "control", FetchTimeout: time.Minute, Host: "127.0.0.1", DataAddress: ":0", ControlAddress: ":0", HTTPAddress: ":0"}
	s.Fleet, s.Name, s.DrainDelay, s.Log = "f", "t1", 0, slog.New(slog.NewJSONHandler(out, nil))
	return s
}

// The whole task: S3, sockets, a real release, the end.
func TestRun(t *testing.T) {
	archive := releasetest.Archive(0.25)
	digest := release.Digest(archive)
	bucketServer(t, map[string][]byte{
		"/control/" + release.ArchiveKey(digest): archive,
		"/control/" + release.FleetKey("f"):      []byte(`{"default":"` + digest + `"}`),
	})
	ctx, stop := context.WithCancel(t.Context())
	log := &lines{out: make(chan map[string]any, 100)}
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, settings(log))
	}()
	ports := log.await(t, "task listens")
	if line := log.await(t, "assignment in force"); line["release"] != digest || line["evaluator"] != "memo" || line["fleet"] != "f" || line["task"] != "t1" {
		t.Errorf("logged %v", line)
	}
	conn, err := net.Dial("tcp", ports["data"].(string))
	if err != nil {
		t.Fatal(err)
	}
	f, err := client(conn, UnframedBinary).Filter(t.Context(), &adfilter.BidRequest{AdvertiserId: "p2", Hour: "3"})
	if err != nil || f.GetRelease() != digest {
		t.Errorf("%v, %v", f, err)
	}
	conn.Close()
	for path, want := range map[string]string{
		"/healthz": "ok", "/readyz": `"ready":true`, "/metrics": `sluice_decisions_total{outcome="forwarded",release="` + digest[:12] + `"} 1`,
		"/metrics?": `sluice_evaluator_info{evaluator="memo",release="` + digest[:12] + `"} 1`,
	} {
		answer, err := http.Get("http://" + ports["http"].(string) + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != 200 || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %.300s", path, answer.StatusCode, body)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if line := log.await(t, "drained"); line["clean"] != true {
		t.Errorf("drained: %v", line)
	}
}

func TestPortInUse(t *testing.T) {
	bucketServer(t, nil)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := settings(io.Discard)
	s.ControlAddress = taken.Addr().String()
	if err := Run(t.Context(), s); err == nil || !strings.Contains(err.Error(), "--control-listen") {
		t.Errorf("%v does not name the flag", err)
	}
}

// Beyond loopback a task knows its controllers, or somebody has said what they
// give up.
func TestControlPortIsNotOpenByMistake(t *testing.T) {
	for _, tt := range []struct {
		address, host, token, ca string
		open                     bool
		says                     string
	}{
		{":9091", "", "", "", false, "--control-open"},
		{"0.0.0.0:9091", "127.0.0.1", "", "", false, "SLUICE_CONTROL_OPEN=true"},
		{"10.0.0.5:9091", "", "", "", false, "--control-listen 10.0.0.5:9091 is reached"},
		{":9091", "127.0.0.1", "", "", false, ""},
		{"[::1]:9091", "", "", "", false, ""},
		{":9091", "", "token", "", false, ""},
		{":9091", "", "", "ca", false, ""},
		{":9091", "", "", "", true, ""},
		{":9091", "", "token", "", true, "contradict"},
	} {
		s := settings(io.Discard)
		s.ControlAddress, s.Host, s.ControlOpen = tt.address, tt.host, tt.open
		s.ControlFiles = identity.Files{Token: tt.token, CA: tt.ca}
		err := s.Check()
		if (err != nil) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}
