package identity_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/identity/identitytest"
)

func open(t *testing.T, body string) (*identity.People, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "people")
	identitytest.Put(t, file, []byte(body))
	return identity.OpenPeople(file, slog.New(slog.DiscardHandler))
}

func TestPeopleAreKnownByTheirTokens(t *testing.T) {
	ada, ci := identity.NewToken(), identity.NewToken()
	p, err := open(t, "# everybody\nada admin "+identity.HashToken(ada)+"\nci viewer,operator:ads "+identity.HashToken(ci)+" # the pipeline\n")
	if err != nil {
		t.Fatal(err)
	}
	who, ok := p.ByToken(ci)
	if !ok || who.Name != "ci" || who.Grants.On("ads") != identity.Operator || who.Grants.On("video") != identity.Viewer {
		t.Errorf("ci is %+v, %v", who, ok)
	}
	if who, ok := p.ByToken(ada); !ok || !who.Grants.On("anything").Covers(identity.Admin) {
		t.Errorf("ada is %+v, %v", who, ok)
	}
	for _, wrong := range []string{"", identity.NewToken(), ada[:len(ada)-1], ada + "A", identity.HashToken(ada), strings.ToUpper(ada)} {
		if who, ok := p.ByToken(wrong); ok {
			t.Errorf("%q is taken for %s", wrong, who.Name)
		}
	}
}

// Who has chosen a password and hashed it stays outside: only what is made by
// chance may be hashed so quickly.
func TestPasswordsAreNoTokens(t *testing.T) {
	p, err := open(t, "eve admin "+identity.HashToken("hunter2")+"\n")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := p.ByToken("hunter2"); ok {
		t.Error("a password is taken for a token")
	}
}

func TestPeopleOfAProvider(t *testing.T) {
	p, err := open(t, "group:sre operator\ngroup:ads-team admin:ads\nuser:bob@example.com viewer:video\n")
	if err != nil {
		t.Fatal(err)
	}
	g := p.Granted("bob@example.com", []string{"ads-team", "unheard-of"})
	if g.On("ads") != identity.Admin || g.On("video") != identity.Viewer || g.On("audio") != "" {
		t.Errorf("bob may %v", g)
	}
	if g := p.Granted("mallory", []string{"user:bob@example.com", "bob@example.com"}); len(g) != 0 {
		t.Errorf("mallory may %v", g)
	}
	if named := p.Named([]string{"x", "sre", "y"}); len(named) != 1 || named[0] != "sre" {
		t.Errorf("named %v", named)
	}
}

func TestPeopleFilesThatAreWrong(t *testing.T) {
	hash := identity.HashToken(identity.NewToken())
	for body, says := range map[string]string{
		"":                        "names nobody",
		"\n# nobody\n":            "names nobody",
		"ada admin":               "line 1: it has 2 words",
		"ada root " + hash:        `"root" is no role`,
		"ada admin:" + " " + hash: "is no role",
		"ada admin secret":        "is not hashed",
		"ada admin sha256:ABC":    "is not hashed",
		"ada admin " + hash + "\nbob viewer " + hash: "line 2: bob has the token of ada",
		"group:sre viewer " + hash:                   "it has 3 words",
		"group:sre viewer\ngroup:sre admin":          "stands twice",
	} {
		if _, err := open(t, body); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", body, err, says)
		}
	}
	if _, err := identity.OpenPeople(filepath.Join(t.TempDir(), "none"), slog.New(slog.DiscardHandler)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// A token that is taken back ends with the next look; half a file changes nothing.
func TestPeopleAreReadAgain(t *testing.T) {
	ada, bob := identity.NewToken(), identity.NewToken()
	var log bytes.Buffer
	file := filepath.Join(t.TempDir(), "people")
	both := "ada admin " + identity.HashToken(ada) + "\nbob viewer " + identity.HashToken(bob) + "\n"
	identitytest.Put(t, file, []byte(both))
	p, err := identity.OpenPeople(file, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	known := func(token string) bool { identity.LookAgain(p); _, ok := p.ByToken(token); return ok }
	identitytest.Put(t, file, []byte(both[:len(both)-10]))
	if !known(ada) || !known(bob) {
		t.Error("half a file has taken tokens back")
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), file) {
		t.Errorf("%d warnings, want one that names the file:\n%s", n, log.String())
	}
	identitytest.Put(t, file, []byte("ada viewer "+identity.HashToken(ada)+"\n"))
	if !known(ada) || known(bob) {
		t.Error("bob's token was taken back and still serves")
	}
	if who, _ := p.ByToken(ada); who.Grants.On("ads") != identity.Viewer {
		t.Errorf("ada is %v still", who.Grants)
	}
}
