package identity_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/identity/identitytest"
)

const (
	olderToken = "the older token of the two"
	newerToken = "the newer token of the two"
)

// rotating is a keeper of all four files, and what they are replaced by.
type rotating struct {
	t             *testing.T
	files         identity.Files
	before, after identitytest.PKI
	keeper        *identity.Keeper
	log           bytes.Buffer
}

func newRotating(t *testing.T) *rotating {
	t.Helper()
	r := &rotating{t: t, before: identitytest.New(t), after: identitytest.New(t)}
	dir := t.TempDir()
	r.files = identity.Files{Cert: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key"), CA: filepath.Join(dir, "ca"), Token: filepath.Join(dir, "token")}
	identitytest.Replace(t, r.files, r.before.Server)
	identitytest.Put(t, r.files.Token, []byte(olderToken+"\n"))
	var err error
	if r.keeper, err = identity.Open(r.files, slog.New(slog.NewTextHandler(&r.log, nil))); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rotating) put(path string, content []byte) { identitytest.Put(r.t, path, content) }

// replace writes what comes after over one of the files.
func (r *rotating) replace(path string) {
	switch path {
	case r.files.Cert:
		r.put(path, identitytest.Bytes(r.t, r.after.Server.Cert))
	case r.files.Key:
		r.put(path, identitytest.Bytes(r.t, r.after.Server.Key))
	case r.files.CA:
		r.put(path, identitytest.Bytes(r.t, r.after.Server.CA))
	case r.files.Token:
		r.put(path, []byte(newerToken))
	}
}

// shows is the certificate that clients get to see.
func (r *rotating) shows() []byte {
	r.t.Helper()
	c, err := r.keeper.Server().GetConfigForClient(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return c.Certificates[0].Certificate[0]
}

// trusts tells whether who has a client's certificate of that CA is let in.
func (r *rotating) trusts(p identitytest.PKI) bool {
	r.t.Helper()
	c, err := r.keeper.Server().GetConfigForClient(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	_, err = leaf(r.t, p.Client.Cert).Verify(x509.VerifyOptions{Roots: c.ClientCAs, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err == nil
}

func leaf(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(identitytest.Bytes(t, path))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// is checks what of what came after is in force.
func (r *rotating) is(when string, pair, ca, token bool) {
	r.t.Helper()
	shown := r.before
	if pair {
		shown = r.after
	}
	if !bytes.Equal(r.shows(), leaf(r.t, shown.Server.Cert).Raw) {
		r.t.Errorf("%s: the wrong certificate is shown; the newer one should be: %v", when, pair)
	}
	if r.trusts(r.after) != ca || r.trusts(r.before) == ca {
		r.t.Errorf("%s: trusts the newer CA %v and the older %v, want the newer %v", when, r.trusts(r.after), r.trusts(r.before), ca)
	}
	if r.keeper.Accepts([]byte(newerToken)) != token || r.keeper.Accepts([]byte(olderToken)) == token {
		r.t.Errorf("%s: accepts the newer token %v, want %v", when, r.keeper.Accepts([]byte(newerToken)), token)
	}
}

// In whatever order files are replaced, each is in force at once, and a
// certificate once its key is there.
func TestFilesRotateInEveryOrder(t *testing.T) {
	var orders func(left []int) [][]int
	orders = func(left []int) (all [][]int) {
		if len(left) == 0 {
			return [][]int{nil}
		}
		for i, one := range left {
			for _, rest := range orders(slices.Delete(slices.Clone(left), i, i+1)) {
				all = append(all, append([]int{one}, rest...))
			}
		}
		return all
	}
	for _, order := range orders([]int{0, 1, 2, 3}) {
		r := newRotating(t)
		paths := []string{r.files.Cert, r.files.Key, r.files.CA, r.files.Token}
		var done [4]bool
		for _, i := range order {
			r.replace(paths[i])
			done[i] = true
			identity.LookNow(r.keeper)
			trouble := r.keeper.Trouble()
			if (trouble != nil) != (done[0] != done[1]) || trouble != nil && !strings.Contains(trouble.Error(), r.files.Key) {
				t.Errorf("%v: trouble %v", done, trouble)
			}
			r.is("replaced", done[0] && done[1], done[2], done[3])
		}
		if n := strings.Count(r.log.String(), "level=WARN"); n != 1 {
			t.Errorf("%d warnings in the order %v, want one:\n%s", n, order, r.log.String())
		}
	}
}

// What makes no sense changes nothing, is told with the file's name, once, and
// holds up no other file; what makes sense then is taken.
func TestBadFilesLeaveWhatWasRead(t *testing.T) {
	now := time.Now()
	expired := identitytest.Between(t, now.Add(-2*time.Hour), now.Add(-time.Hour))
	early := identitytest.Between(t, now.Add(time.Hour), now.Add(2*time.Hour))
	read := func(path string) []byte { return identitytest.Bytes(t, path) }
	both := func(r *rotating, p identitytest.PKI) {
		r.put(r.files.Cert, read(p.Server.Cert))
		r.put(r.files.Key, read(p.Server.Key))
	}
	gone := func(path string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	damage := map[string]struct {
		do    func(r *rotating)
		names func(f identity.Files) string
		says  string
	}{
		"half a certificate": {func(r *rotating) { r.put(r.files.Cert, read(r.after.Server.Cert)[:200]) }, func(f identity.Files) string { return f.Cert }, "is torn"},
		"half of the chain": {func(r *rotating) {
			both(r, r.after)
			r.put(r.files.Cert, append(read(r.after.Server.Cert), read(r.after.Server.CA)[:200]...))
		}, func(f identity.Files) string { return f.Cert }, "is torn: of 2 blocks in PEM, 1 can be read"},
		"a chain of noise": {func(r *rotating) {
			both(r, r.after)
			noise := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("noise")})
			r.put(r.files.Cert, append(read(r.after.Server.Cert), noise...))
		}, func(f identity.Files) string { return f.Cert }, "certificate 2"},
		"no certificate":             {func(r *rotating) { r.put(r.files.Cert, nil) }, func(f identity.Files) string { return f.Cert }, "holds no certificate"},
		"a certificate that is gone": {func(r *rotating) { gone(r.files.Cert) }, func(f identity.Files) string { return f.Cert }, "no such file"},
		"a huge certificate":         {func(r *rotating) { r.put(r.files.Cert, make([]byte, 2<<20)) }, func(f identity.Files) string { return f.Cert }, "has more than"},
		"half a key":                 {func(r *rotating) { r.put(r.files.Key, read(r.after.Server.Key)[:60]) }, func(f identity.Files) string { return f.Key }, "key"},
		"another's key":              {func(r *rotating) { r.put(r.files.Key, read(r.after.Client.Key)) }, func(f identity.Files) string { return f.Key }, "does not match"},
		"a key that is a folder": {func(r *rotating) {
			gone(r.files.Key)
			if err := os.Mkdir(r.files.Key, 0o700); err != nil {
				t.Fatal(err)
			}
		}, func(f identity.Files) string { return f.Key }, "is no file any more"},
		"a key that is a pipe": {func(r *rotating) {
			gone(r.files.Key)
			if err := syscall.Mkfifo(r.files.Key, 0o600); err != nil {
				t.Fatal(err)
			}
		}, func(f identity.Files) string { return f.Key }, "is no file any more"},
		"an expired pair":  {func(r *rotating) { both(r, expired) }, func(f identity.Files) string { return f.Cert }, "was good until"},
		"a pair for later": {func(r *rotating) { both(r, early) }, func(f identity.Files) string { return f.Cert }, "is good from"},
		"half a CA":        {func(r *rotating) { r.put(r.files.CA, read(r.after.Server.CA)[:200]) }, func(f identity.Files) string { return f.CA }, "is torn"},
		"one CA and a half": {func(r *rotating) {
			r.put(r.files.CA, append(read(r.after.Server.CA), read(r.before.Server.CA)[:200]...))
		}, func(f identity.Files) string { return f.CA }, "is torn: of 2 blocks in PEM, 1 can be read"},
		"a key for a CA":       {func(r *rotating) { r.put(r.files.CA, read(r.after.Server.Key)) }, func(f identity.Files) string { return f.CA }, "holds no certificate"},
		"an expired CA":        {func(r *rotating) { r.put(r.files.CA, read(expired.Server.CA)) }, func(f identity.Files) string { return f.CA }, "was good until"},
		"no token":             {func(r *rotating) { r.put(r.files.Token, []byte("\n\n")) }, func(f identity.Files) string { return f.Token }, "holds no token"},
		"a token and a bit":    {func(r *rotating) { r.put(r.files.Token, []byte(newerToken+"\nthe old")) }, func(f identity.Files) string { return f.Token }, "a token of 7 bytes"},
		"a token that is gone": {func(r *rotating) { gone(r.files.Token) }, func(f identity.Files) string { return f.Token }, "no such file"},
	}
	for name, tt := range damage {
		t.Run(name, func(t *testing.T) {
			r := newRotating(t)
			tt.do(r)
			for range 3 { // it is looked at again and again, and told of once
				identity.LookNow(r.keeper)
				err := r.keeper.Trouble()
				if err == nil || !strings.Contains(err.Error(), tt.names(r.files)) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("trouble %v: want %q and %q", err, tt.names(r.files), tt.says)
				}
				r.is("damaged", false, false, false)
			}
			if n := strings.Count(r.log.String(), "level=WARN"); n != 1 {
				t.Errorf("%d warnings:\n%s", n, r.log.String())
			}
			if tt.names(r.files) != r.files.Token { // nor does it keep an old token good
				r.replace(r.files.Token)
				identity.LookNow(r.keeper)
				r.is("with a newer token", false, false, true)
			}
			for _, path := range []string{r.files.Cert, r.files.Key, r.files.CA, r.files.Token} {
				_ = os.Remove(path) // a folder, perhaps
				r.replace(path)
			}
			identity.LookNow(r.keeper)
			r.is("mended", true, true, true)
			if err := r.keeper.Trouble(); err != nil || !strings.Contains(r.log.String(), "credentials read again") {
				t.Errorf("after all is well: %v\n%s", err, r.log.String())
			}
		})
	}
}

// What could not be read for another reason than what it says is read once it
// can be, though the file did not change meanwhile.
func TestUnreadableFilesAreTriedAgain(t *testing.T) {
	r := newRotating(t)
	away := r.files.Token + ".away"
	r.put(away, []byte(newerToken))
	then := time.Now().Add(-time.Hour)
	if err := os.Chtimes(away, then, then); err != nil {
		t.Fatal(err)
	}
	link := r.files.Token
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(away, link); err != nil {
		t.Fatal(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Skip(err)
	}
	identity.LookNow(r.keeper)
	err := r.keeper.Trouble()
	if failed := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); failed != nil {
		t.Fatal(failed)
	}
	if err == nil || !strings.Contains(err.Error(), "too many open files") {
		t.Fatalf("without file descriptors: %v", err)
	}
	identity.LookNow(r.keeper)
	r.is("readable again", false, false, true)
}

// A certificate that runs out while it serves is told of, and serves on:
// nothing is better. One that has run out starts all the same.
func TestExpiredInUseIsTold(t *testing.T) {
	old := identitytest.Between(t, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
	var log bytes.Buffer
	k, err := identity.Open(old.Server, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Trouble(); err == nil || !strings.Contains(err.Error(), "was good until") || !strings.Contains(log.String(), "was good until") {
		t.Errorf("trouble %v, logged %q", err, log.String())
	}
	if at := k.Expires(); time.Since(at).Round(time.Hour) != time.Hour {
		t.Errorf("expires at %v", at)
	}
	identitytest.Replace(t, old.Server, identitytest.New(t).Server)
	identity.LookNow(k)
	if err := k.Trouble(); err != nil || time.Until(k.Expires()) < 0 {
		t.Errorf("a newer one is there: %v, good until %v", err, k.Expires())
	}
}

// What comes through a pipe, as from a shell, is read once and stays.
func TestPipesAreReadOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	go os.WriteFile(path, []byte(olderToken), 0o600)
	k, err := identity.Open(identity.Files{Token: path}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	identity.LookNow(k)
	if k.Trouble() != nil || !k.Accepts([]byte(olderToken)) {
		t.Errorf("of a pipe: %v", k.Trouble())
	}
}

// TestVariables reads a key and a CA out of one secret in JSON and the token out
// of another variable, and the certificate in a file beside them goes on rotating.
func TestVariables(t *testing.T) {
	pki := identitytest.New(t)
	ca, key := identitytest.Bytes(t, pki.Server.CA), identitytest.Bytes(t, pki.Server.Key)
	secret, err := json.Marshal(map[string]string{"ca": string(ca), "key": string(key)})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SLUICE_TEST_PAIR", string(secret))
	t.Setenv("SLUICE_TEST_TOKEN", olderToken)
	cert := filepath.Join(t.TempDir(), "cert")
	identitytest.Put(t, cert, identitytest.Bytes(t, pki.Server.Cert))
	k, err := identity.Open(identity.Files{
		Cert: cert, Key: "env:SLUICE_TEST_PAIR:key", CA: "env:SLUICE_TEST_PAIR:ca", Token: "env:SLUICE_TEST_TOKEN",
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if k.Token() != olderToken || k.Expires().IsZero() {
		t.Errorf("it holds the token %q, and a certificate until %v", k.Token(), k.Expires())
	}
	identity.LookNow(k)
	if err := k.Trouble(); err != nil {
		t.Errorf("read again: %v", err)
	}
	identitytest.Put(t, cert, []byte("no certificate"))
	identity.LookNow(k)
	if err := k.Trouble(); err == nil || !strings.Contains(err.Error(), cert) {
		t.Errorf("a file beside variables is not read again: %v", err)
	}
	for says, files := range map[string]identity.Files{
		"there is no variable SLUICE_TEST_NONE": {Token: "env:SLUICE_TEST_NONE"},
		"env:SLUICE_TEST_PAIR:token":            {Token: "env:SLUICE_TEST_PAIR:token"},
		"holds something else than text":        {Token: "env:SLUICE_TEST_NUMBER:token"},
	} {
		t.Setenv("SLUICE_TEST_NUMBER", `{"token": 1234567890123456789}`)
		if _, err := identity.Open(files, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "BEGIN") || strings.Contains(err.Error(), "123456") {
			t.Errorf("it says %v, want %q and no secret", err, says)
		}
	}
}

// A CA is rotated in the order that docs/operating.md gives: at no moment is
// the other side refused, and the old CA is worth nothing then.
func TestCARotates(t *testing.T) {
	before, after := identitytest.New(t), identitytest.New(t)
	older, newer := identitytest.Bytes(t, before.Server.CA), identitytest.Bytes(t, after.Server.CA)
	separate := func(f identity.Files) identity.Files { // as on machines of their own
		own := identity.Files{CA: f.CA + filepath.Base(f.Cert), Cert: f.Cert, Key: f.Key}
		identitytest.Put(t, own.CA, older)
		return own
	}
	ours, theirs := separate(before.Server), separate(before.Client)
	open := func(f identity.Files) *identity.Keeper {
		k, err := identity.Open(f, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	task, controller := open(ours), open(theirs)
	for _, step := range []struct {
		what string
		do   func()
	}{
		{"both CAs at the task", func() { identitytest.Put(t, ours.CA, slices.Concat(older, newer)) }},
		{"both CAs at the controller", func() { identitytest.Put(t, theirs.CA, slices.Concat(older, newer)) }},
		{"the task's certificate", func() {
			identitytest.Replace(t, identity.Files{Cert: ours.Cert, Key: ours.Key, CA: ours.CA + ".x"}, after.Server)
		}},
		{"the controller's certificate", func() {
			identitytest.Replace(t, identity.Files{Cert: theirs.Cert, Key: theirs.Key, CA: theirs.CA + ".x"}, after.Client)
		}},
		{"one CA at the task", func() { identitytest.Put(t, ours.CA, newer) }},
		{"one CA at the controller", func() { identitytest.Put(t, theirs.CA, newer) }},
	} {
		step.do()
		identity.LookNow(task)
		identity.LookNow(controller)
		if err := shake(t, task.Server(), controller.Client()); err != nil {
			t.Errorf("after %s: %v", step.what, err)
		}
	}
	last := identitytest.New(t)
	identitytest.Put(t, theirs.CA, slices.Concat(newer, identitytest.Bytes(t, last.Server.CA)))
	identitytest.Replace(t, identity.Files{Cert: theirs.Cert, Key: theirs.Key, CA: theirs.CA + ".x"}, last.Client)
	identity.LookNow(controller)
	if shake(t, task.Server(), controller.Client()) == nil {
		t.Error("a certificate of a CA that is not there is taken")
	}
}
