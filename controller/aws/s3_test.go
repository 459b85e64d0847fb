package aws_test

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"go.etcd.io/bbolt"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/aws"
	"github.com/sluicehq/sluice/controller/controllertest"
	locals3 "github.com/sluicehq/sluice/local/s3"
)

const (
	accessKey = "test"
	secretKey = "testtest"
)

// open returns a client that gives up soon.
func open(t *testing.T, endpoint string) *aws.Client {
	t.Helper()
	c, err := aws.Open(t.Context(), options(endpoint))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func options(endpoint string) aws.Options {
	return aws.Options{
		Region: "eu-central-1", Endpoint: endpoint, AccessKey: accessKey, SecretKey: secretKey,
		MaxBackoff: time.Millisecond,
	}
}

// sdkConfig is that of the world outside the controller: training jobs, people.
func sdkConfig(t *testing.T, endpoint string) sdk.Config {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("eu-central-1"), config.WithBaseEndpoint(endpoint),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// bucket makes one in which training jobs write.
func bucket(t *testing.T, endpoint, name string, versioned bool) controllertest.Bucket {
	t.Helper()
	c := s3.NewFromConfig(sdkConfig(t, endpoint), func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &name, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "eu-central-1"},
	}); err != nil {
		t.Fatal(err)
	}
	if versioned {
		if _, err := c.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
			Bucket: &name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
		}); err != nil {
			t.Fatal(err)
		}
	}
	return controllertest.Bucket{
		Name: name, Versioned: versioned,
		Write: func(t *testing.T, key string, body []byte) {
			if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &name, Key: &key, Body: bytes.NewReader(body)}); err != nil {
				t.Fatal(err)
			}
		},
		Delete: func(t *testing.T, key string) {
			if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &name, Key: &key}); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// localS3 is S3 on this machine, behind whatever the test puts before it.
func localS3(t *testing.T, before func(http.Handler) http.Handler) string {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "db"), 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	store, err := locals3.Open(locals3.Config{Dir: t.TempDir(), DB: db, Region: "eu-central-1"})
	if err != nil {
		t.Fatal(err)
	}
	h := store.Handler(slog.New(slog.DiscardHandler))
	if before != nil {
		h = before(h)
	}
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

// versitygw is S3 by other people.
func versitygw(t *testing.T) string {
	t.Helper()
	program := os.Getenv("SLUICE_VERSITYGW")
	if program == "" {
		t.Skip("set SLUICE_VERSITYGW to a versitygw binary (go install github.com/versity/versitygw/cmd/versitygw@v1.8.0)")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	root, versions := t.TempDir(), t.TempDir()
	cmd := exec.CommandContext(t.Context(), program, "--port", address, "--access", accessKey, "--secret", secretKey,
		"--region", "eu-central-1", "--quiet", "posix", "--versioning-dir", versions, root)
	return startServer(t, cmd, address)
}

// startServer waits until something accepts connections at the address.
func startServer(t *testing.T, cmd *exec.Cmd, address string) string {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-exited
	})
	dialer := net.Dialer{}
	for {
		if c, err := dialer.DialContext(ctx, "tcp", address); err == nil {
			_ = c.Close()
			return "http://" + address
		}
		select {
		case err := <-exited:
			exited <- err
			t.Fatalf("%s ended: %v\n%s", cmd.Path, err, out.String())
		case <-ctx.Done():
			t.Fatalf("%s does not listen at %s", cmd.Path, address)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestS3Contract(t *testing.T) {
	for name, start := range map[string]func(*testing.T) string{
		"local":     func(t *testing.T) string { return localS3(t, nil) },
		"versitygw": versitygw,
	} {
		t.Run(name, func(t *testing.T) {
			endpoint := start(t)
			bucket(t, endpoint, "documents", false)
			client := open(t, endpoint)
			t.Run("documents", func(t *testing.T) {
				controllertest.Documents(t, func() controller.Documents { return client.Documents("documents") })
			})
			t.Run("fleet files", func(t *testing.T) {
				b := bucket(t, endpoint, "declared", true)
				b.Write(t, "elsewhere/x.yaml", []byte("no fleet of this place"))
				controllertest.FleetFiles(t, func() controller.FleetFiles { return fleetFiles(t, client, "s3://declared/fleets/") },
					func(name, body string) { b.Write(t, "fleets/"+name, []byte(body)) }, func(name string) { b.Delete(t, "fleets/"+name) })
			})
			t.Run("artifacts", func(t *testing.T) {
				controllertest.Artifacts(t, client.Artifacts(), bucket(t, endpoint, "artifacts", false))
			})
			t.Run("artifacts of a versioned bucket", func(t *testing.T) {
				controllertest.Artifacts(t, client.Artifacts(), bucket(t, endpoint, "versions", true))
			})
		})
	}
}

// drain and answer play a server that has already done its work.
func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func s3Error(code, message string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>` + code + `</Code><Message>` + message + `</Message></Error>`
}

// fault is what happens to the first times requests of a method.
type fault struct {
	method string
	times  int
	do     func(w http.ResponseWriter, r *http.Request, next http.Handler)
}

func (f *fault) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == f.method && strings.Count(r.URL.Path, "/") > 1 && f.times > 0 {
			f.times--
			f.do(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func refuse(status int, code string) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body)
		answer(w, status, s3Error(code, "as the test wants it"))
	}
}

// loseReply does what is asked and breaks the connection.
func loseReply(_ http.ResponseWriter, r *http.Request, next http.Handler) {
	next.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

func dropRequest(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }

// tear promises a whole body and sends half of it.
func tear(w http.ResponseWriter, r *http.Request, next http.Handler) {
	whole := httptest.NewRecorder()
	next.ServeHTTP(whole, r)
	for name, values := range whole.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(whole.Code)
	body := whole.Body.Bytes()
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func TestDocumentsThroughFaults(t *testing.T) {
	const many = 1000
	for _, tt := range []struct {
		name  string
		fault fault
		write string // the error that Put should give
		read  string // and Get
	}{
		{"none", fault{}, "", ""},
		{"409 then fine", fault{"PUT", 2, refuse(409, "ConditionalRequestConflict")}, "", ""},
		{"409 for ever", fault{"PUT", many, refuse(409, "ConditionalRequestConflict")}, "somebody else wrote first", "not found"},
		{"503 then fine", fault{"PUT", 3, refuse(503, "SlowDown")}, "", ""},
		{"503 for ever", fault{"PUT", many, refuse(503, "SlowDown")}, "(AWS says SlowDown: as the test wants it)", "not found"},
		{"500 then fine", fault{"PUT", 2, refuse(500, "InternalError")}, "", ""},
		{"reply lost", fault{"PUT", 1, loseReply}, "", ""},
		{"reply lost twice", fault{"PUT", 2, loseReply}, "", ""},
		{"request lost", fault{"PUT", 1, dropRequest}, "", ""},
		{"read: 503 then fine", fault{"GET", 3, refuse(503, "SlowDown")}, "", ""},
		{"read: 503 for ever", fault{"GET", many, refuse(503, "SlowDown")}, "", "AWS asks to slow down"},
		{"read: torn", fault{"GET", 2, tear}, "", ""},
		{"read: torn for ever", fault{"GET", many, tear}, "", "the body broke off"},
		{"read: denied", fault{"GET", many, refuse(403, "AccessDenied")}, "", "access to s3://documents/a.json is denied, and AWS does not say why: see that the role may s3:GetObject there"},
		{"denied", fault{"PUT", many, refuse(403, "AccessDenied")}, "access to s3://documents/a.json is denied, and AWS does not say why: see that the role may s3:PutObject there", "not found"},
		{"token expired", fault{"PUT", many, refuse(400, "ExpiredToken")}, "have expired: sign in again", "not found"},
		{"wrong key", fault{"PUT", many, refuse(403, "InvalidAccessKeyId")}, "AWS does not know these credentials", "not found"},
		{"wrong secret", fault{"PUT", many, refuse(403, "SignatureDoesNotMatch")}, "AWS does not know these credentials", "not found"},
		{"wrong region", fault{"PUT", many, refuse(400, "AuthorizationHeaderMalformed")}, "set --region", "not found"},
		{"clock off for ever", fault{"PUT", many, refuse(403, "RequestTimeTooSkewed")}, "the clock of this machine", "not found"},
		{"disk full", fault{"PUT", many, refuse(500, "InternalError")}, "as the test wants it", "not found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			endpoint := localS3(t, tt.fault.before)
			bucket(t, endpoint, "documents", false)
			d := open(t, endpoint).Documents("documents")
			etag, err := d.Put(t.Context(), "a.json", []byte("the whole document"), "")
			check(t, "put", err, tt.write)
			body, gotEtag, err := d.Get(t.Context(), "a.json")
			check(t, "get", err, tt.read)
			if tt.write == "" && tt.read == "" && (string(body) != "the whole document" || gotEtag != etag || etag == "") {
				t.Errorf("put ETag %s and got %q with ETag %s", etag, body, gotEtag)
			}
		})
	}
}

func check(t *testing.T, what string, err error, want string) {
	t.Helper()
	if got := ""; err != nil {
		if got = err.Error(); want == "" || !strings.Contains(got, want) {
			t.Errorf("%s: %v, want %q", what, err, cmp.Or(want, "success"))
		}
	} else if want != "" {
		t.Errorf("%s succeeded, want %q", what, want)
	}
}

// Another controller may write while our reply is being lost.
func TestPutLosesAgainstWriterBehindALostReply(t *testing.T) {
	var other *aws.Documents
	f := fault{method: "PUT", times: 1}
	endpoint := localS3(t, f.before)
	bucket(t, endpoint, "documents", false)
	d := open(t, endpoint).Documents("documents")
	other = open(t, endpoint).Documents("documents")
	f.do = func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(httptest.NewRecorder(), r)
		_, etag, err := other.Get(r.Context(), "a.json")
		if err == nil {
			_, err = other.Put(r.Context(), "a.json", []byte("theirs"), etag)
		}
		if err != nil {
			t.Errorf("write behind: %v", err)
		}
		panic(http.ErrAbortHandler)
	}
	_, err := d.Put(t.Context(), "a.json", []byte("ours"), "")
	check(t, "put", err, controller.ErrStale.Error())
}

// A clock that is off is corrected by what S3 answers.
func TestPutSurvivesAClockJump(t *testing.T) {
	f := fault{"PUT", 1, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		w.Header().Set("Date", time.Now().Add(-3*time.Hour).UTC().Format(http.TimeFormat))
		refuse(403, "RequestTimeTooSkewed")(w, r, next)
	}}
	endpoint := localS3(t, f.before)
	bucket(t, endpoint, "documents", false)
	_, err := open(t, endpoint).Documents("documents").Put(t.Context(), "a.json", []byte("x"), "")
	check(t, "put", err, "")
}

func TestMissingBucket(t *testing.T) {
	c := open(t, localS3(t, nil))
	d := c.Documents("nowhere")
	const says = `bucket "nowhere" does not exist: create it or set --bucket`
	check(t, "check", d.Check(t.Context()), says)
	_, _, err := d.Get(t.Context(), "a")
	check(t, "get", err, says)
	_, err = d.Put(t.Context(), "a", nil, "")
	check(t, "put", err, says)
	_, err = d.Put(t.Context(), "a", nil, `"x"`)
	check(t, "put over", err, says)
	check(t, "replace", d.Replace(t.Context(), "a", nil), says)
	_, err = d.List(t.Context(), "a", 1)
	check(t, "list", err, says)
	_, _, err = c.Artifacts().Pin(t.Context(), source("nowhere", "a"))
	const address = `bucket "nowhere" does not exist: check the address (AWS says NoSuchBucket`
	check(t, "pin", err, address)
	pinned := source("nowhere", "a")
	pinned.ETag = `"x"`
	_, err = c.Artifacts().Fetch(t.Context(), pinned, 1)
	check(t, "fetch", err, address)
}

// TestUnreadable lets S3 refuse an artifact in its ways: each is told in its
// own words, with a way out. A try is refused at the door only for what is about
// the artifact.
func TestUnreadable(t *testing.T) {
	const kms = "User: arn:aws:sts::1:assumed-role/sluice is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:1"
	for name, tt := range map[string]struct {
		status        int
		code, message string
		head          bool // HEAD is refused, too
		says          string
		passes        bool
	}{
		"denied":         {status: 403, code: "AccessDenied", message: "Access Denied", head: true, says: "and s3:ListBucket on the bucket, without which S3 denies what does not exist"},
		"another key":    {status: 403, code: "AccessDenied", message: kms, says: "allow kms:Decrypt on the key; AWS does not say which policy lacks or denies it (AWS says AccessDenied: " + kms},
		"disabled key":   {status: 400, code: "KMS.DisabledException", message: "arn:aws:kms:1 is disabled.", says: "cannot be used: enable it"},
		"requester pays": {status: 403, code: "AccessDenied", message: "Requester Pays is enabled on this bucket", head: true, says: "copy it to a bucket of your own"},
		"another region": {status: 301, code: "PermanentRedirect", message: "The bucket must be addressed using another endpoint", head: true, says: "is in another region: let training jobs write"},
		"archived":       {status: 403, code: "InvalidObjectState", message: "The operation is not valid for the object's storage class", says: "is archived: restore it"},
		"unheard of":     {status: 400, code: "Odd", message: "a thing of 2031", says: "Odd: a thing of 2031"},
		"down":           {status: 503, code: "ServiceUnavailable", message: "Reduce your request rate", head: true, says: "AWS asks to slow down", passes: true},
		"broken":         {status: 500, code: "InternalError", message: "We encountered an internal error", head: true, says: "InternalError", passes: true},
		"expired":        {status: 400, code: "ExpiredToken", message: "The provided token has expired.", head: true, says: "credentials have expired", passes: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused := false
			endpoint := localS3(t, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch read := strings.HasSuffix(r.URL.Path, "/a.tar.gz"); {
					case refused && read && r.Method == http.MethodHead && tt.head:
						w.WriteHeader(tt.status)
					case refused && read && r.Method == http.MethodGet:
						answer(w, tt.status, s3Error(tt.code, tt.message))
					default:
						next.ServeHTTP(w, r)
					}
				})
			})
			bucket(t, endpoint, "training", true).Write(t, "a.tar.gz", []byte("a model"))
			a := open(t, endpoint).Artifacts()
			check(t, "check what can be read", a.Check(t.Context(), source("training", "a.tar.gz")), "")
			pinned, _, err := a.Pin(t.Context(), source("training", "a.tar.gz"))
			check(t, "pin", err, "")
			refused = true
			_, err = a.Fetch(t.Context(), pinned, 100)
			for _, want := range []string{tt.says, tt.code} {
				check(t, "fetch", err, want)
			}
			if _, _, err = a.Pin(t.Context(), source("training", "a.tar.gz")); tt.head && !tt.passes {
				check(t, "pin", err, tt.says)
				check(t, "pin", err, tt.message)
			}
			want := tt.says
			if tt.passes {
				want = ""
			}
			check(t, "check", a.Check(t.Context(), source("training", "a.tar.gz")), want)
		})
	}
	a := open(t, localS3(t, nil)).Artifacts()
	check(t, "check", a.Check(t.Context(), source("nowhere", "a.tar.gz")), `bucket "nowhere" does not exist: check the address`)
	endpoint := localS3(t, nil)
	bucket(t, endpoint, "training", true)
	for _, key := range []string{"a.tar.gz", "folder/", "neither"} {
		check(t, "check", open(t, endpoint).Artifacts().Check(t.Context(), source("training", key)), "there is nothing at s3://training/"+key+": check the address")
	}
	for _, kind := range []string{"models--euw1-az1--x-s3", "arn:aws:s3express:eu-west-1:123456789012:bucket/models--euw1-az1--x-s3"} {
		const says = " is a directory bucket of S3 Express, which keeps no versions: name a general purpose bucket"
		check(t, "check", open(t, endpoint).Artifacts().Check(t.Context(), source(kind, "a.tar.gz")), "bucket "+kind+says)
		_, _, err := open(t, endpoint).Artifacts().Pin(t.Context(), source(kind, "a.tar.gz"))
		check(t, "pin", err, "pin the artifact: bucket "+kind+says)
	}
	bucket(t, endpoint, "full", true).Write(t, "folder/model.json", []byte("a model"))
	check(t, "check", open(t, endpoint).Artifacts().Check(t.Context(), source("full", "folder/")), "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	check(t, "check in no time", open(t, endpoint).Artifacts().Check(ctx, source("training", "a.tar.gz")), "")
}
