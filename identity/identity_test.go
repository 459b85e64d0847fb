package identity_test

import (
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/identity/identitytest"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	pki := identitytest.New(t)
	for _, tt := range []struct {
		files identity.Files
		want  string
	}{
		{identity.Files{Cert: pki.Server.Cert}, "belong together"},
		{identity.Files{CA: pki.Server.CA}, "one side only"},
		{identity.Files{Token: "/nowhere"}, "/nowhere"},
		{identity.Files{Token: write(t, "token", "\n\n")}, "holds no token"},
		{identity.Files{Token: write(t, "token", "short\n")}, "a token of 5 bytes: want 16 to 256"},
		{identity.Files{Cert: pki.Server.Cert, Key: pki.Client.Key}, "does not match"},
		{identity.Files{Cert: pki.Server.Cert, Key: pki.Server.Key, CA: pki.Server.Key}, "no certificate in PEM"},
	} {
		if _, err := identity.Open(tt.files, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.files, err, tt.want)
		}
	}
	if k, err := identity.Open(identity.Files{}, nil); k != nil || err != nil || !k.Accepts(nil) || k.WantsTLS() || k.Token() != "" {
		t.Errorf("of no files: %v, %v", k, err)
	}
}

func TestTokensRotate(t *testing.T) {
	const first, second = "0123456789abcdef", "fedcba9876543210"
	path := write(t, "token", first+"\n")
	k, err := identity.Open(identity.Files{Token: path}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	accepts := func(want ...bool) {
		t.Helper()
		for i, token := range []string{first, second, "", first[:15], first + "x"} {
			if k.Accepts([]byte(token)) != (i < len(want) && want[i]) {
				t.Errorf("token %q: %v", token, k.Accepts([]byte(token)))
			}
		}
	}
	rewrite := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		identity.LookNow(k)
	}
	accepts(true)
	rewrite(second + "\n" + first + "\n")
	accepts(true, true)
	if k.Token() != second {
		t.Errorf("sends %q", k.Token())
	}
	rewrite(second + "\n\n")
	accepts(false, true)
	rewrite("bad\n") // the old one serves on
	accepts(false, true)
}

// shake tries a handshake.
func shake(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // a pipe would block two alerts for ever
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		far, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		s := tls.Server(far, server)
		if err = s.HandshakeContext(t.Context()); err == nil {
			_, err = s.Write([]byte("x"))
		}
		far.Close()
		done <- err
	}()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, err = tls.Client(near, client).Read(make([]byte, 1))
	near.Close()
	if other := <-done; err == nil {
		err = other
	}
	return err
}

func TestBothSidesProveThemselves(t *testing.T) {
	ours, theirs := identitytest.New(t), identitytest.New(t)
	open := func(f identity.Files) *identity.Keeper {
		k, err := identity.Open(f, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	server := open(ours.Server).Server()
	if err := shake(t, server, open(ours.Client).Client()); err != nil {
		t.Errorf("our own: %v", err)
	}
	for name, client := range map[string]*tls.Config{
		"of another CA":      open(theirs.Client).Client(),
		"a server's":         open(ours.Server).Client(),
		"none":               {InsecureSkipVerify: true},
		"another CA's trust": open(identity.Files{Cert: ours.Client.Cert, Key: ours.Client.Key, CA: theirs.Client.CA}).Client(),
	} {
		if err := shake(t, server, client); err == nil {
			t.Errorf("a client with a certificate %s is let in", name)
		}
	}
	if err := shake(t, open(ours.Client).Server(), open(ours.Client).Client()); err == nil {
		t.Error("a server with a client's certificate is believed")
	}
}

func TestCertificatesRotate(t *testing.T) {
	before, after := identitytest.New(t), identitytest.New(t)
	k, err := identity.Open(before.Server, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := k.Server()
	client := func(p identitytest.PKI) *tls.Config {
		c, err := identity.Open(p.Client, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return c.Client()
	}
	identitytest.Replace(t, before.Server, after.Server)
	identity.LookNow(k)
	if err := shake(t, server, client(after)); err != nil {
		t.Errorf("the new one: %v", err)
	}
	if shake(t, server, client(before)) == nil {
		t.Error("the old one is still good")
	}
}
