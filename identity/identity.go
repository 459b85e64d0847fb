// Package identity keeps what two processes know each other by, certificates
// and tokens, and whom people are known as and what they may do: in files, read
// again when they change, so that they rotate without a restart.
//
// It opens no connection and reads none, but for the line that brings a token;
// a file that turns bad is
// reported, looked at again every second, and what was read before goes on to
// serve.
package identity

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Files name what to read; an empty name is none.
type Files struct {
	Cert, Key string // PEM of a certificate with its chain, and of its key
	CA        string // PEM of who signs the certificates of the other side
	Token     string // one token per line: all are accepted, the first one is sent
}

// Any reports whether a file is named.
func (f Files) Any() bool { return f != Files{} }

// MaxTokenBytes is how long a token may be.
const MaxTokenBytes = 256

const lookAgain = time.Second

// Keeper holds what the files said last. Many goroutines may use it. A nil
// Keeper has nothing and accepts everybody.
type Keeper struct {
	files Files
	log   *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	trouble error // with what the files say now; nil for none
	pair    source[*tls.Certificate]
	ca      source[authority]
	tokens  source[[]string]
}

// Open reads all files, or says which one is wrong. It returns nil where none
// is named.
func Open(f Files, log *slog.Logger) (*Keeper, error) {
	if !f.Any() {
		return nil, nil //nolint:nilnil // nobody to know is no mistake
	}
	switch {
	case (f.Cert == "") != (f.Key == ""):
		return nil, errors.New("a certificate and its key belong together: name both files or none")
	case f.CA != "" && f.Cert == "":
		return nil, errors.New("a CA alone proves one side only: name a certificate and its key, too")
	}
	k := &Keeper{
		files: f, log: log,
		pair:   source[*tls.Certificate]{names: named(f.Cert, f.Key), parse: parsePair, good: pairIsGood},
		ca:     source[authority]{names: named(f.CA), parse: parseCA, good: authority.isGood},
		tokens: source[[]string]{names: named(f.Token), parse: parseTokens},
	}
	if err := errors.Join(k.pair.open(), k.ca.open(), k.tokens.open()); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.look()
	return k, nil
}

// look takes what the files say now, as far as it is better than what is held,
// and tells of what is not. What one of them has wrong holds up no other.
func (k *Keeper) look() {
	k.looked = time.Now()
	var news bool
	var wrong []error
	for _, look := range []func(time.Time) (bool, error){k.pair.look, k.ca.look, k.tokens.look} {
		taken, err := look(k.looked)
		news, wrong = news || taken, append(wrong, err)
	}
	was := k.trouble
	k.trouble = errors.Join(wrong...)
	switch ctx := context.Background(); {
	case k.trouble != nil && (was == nil || was.Error() != k.trouble.Error()):
		k.log.WarnContext(ctx, "credentials are not in order, what was read before serves on", "err", k.trouble)
	case k.trouble == nil && (news || was != nil):
		k.log.InfoContext(ctx, "credentials read again")
	}
}

// lookNow looks at the files, once a second at most. Whoever calls it holds mu.
func (k *Keeper) lookNow() {
	if time.Since(k.looked) >= lookAgain {
		k.look()
	}
}

// Trouble is what is wrong with the files, or with the certificate in use; nil
// for nothing.
func (k *Keeper) Trouble() error {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lookNow()
	return k.trouble
}

// Expires is when the certificate in use does; zero where there is none.
func (k *Keeper) Expires() time.Time {
	if !k.WantsTLS() {
		return time.Time{}
	}
	cert, _ := k.certificates()
	return cert.Leaf.NotAfter
}

// certificates are ours, and whose the other side's must be: nil where no CA is
// named.
func (k *Keeper) certificates() (*tls.Certificate, *x509.CertPool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lookNow()
	return k.pair.value, k.ca.value.pool
}

func (k *Keeper) known() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lookNow()
	return k.tokens.value
}

// WantsToken reports whether the other side must send a token.
func (k *Keeper) WantsToken() bool { return k != nil && k.files.Token != "" }

// WantsTLS reports whether connections are encrypted.
func (k *Keeper) WantsTLS() bool { return k != nil && k.files.Cert != "" }

// Token is the one to send.
func (k *Keeper) Token() string {
	if !k.WantsToken() {
		return ""
	}
	return k.known()[0]
}

// Accepts reports whether a token is one of those in the file. How long it
// takes tells nothing about them.
func (k *Keeper) Accepts(token []byte) bool {
	if !k.WantsToken() {
		return true
	}
	got := sha256.Sum256(token)
	same := 0
	for _, t := range k.known() {
		want := sha256.Sum256([]byte(t))
		same |= subtle.ConstantTimeCompare(got[:], want[:])
	}
	return same == 1
}

// Server is how to accept connections: the other side must show a certificate
// of the CA, where one is named.
func (k *Keeper) Server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			cert, ca := k.certificates()
			c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*cert}}
			if ca != nil {
				c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, ca
			}
			return c, nil
		},
	}
}

// Client is how to open connections. The other side must show a certificate for
// servers that the CA signed; its name does not matter, since tasks come and go
// under addresses of their own. So the CA must sign for nothing else.
func (k *Keeper) Client() *tls.Config {
	cert, ca := k.certificates()
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		Certificates:       []tls.Certificate{*cert},
		InsecureSkipVerify: true, // of the name; the chain is verified below
		VerifyConnection: func(s tls.ConnectionState) error {
			between := x509.NewCertPool()
			for _, c := range s.PeerCertificates[1:] {
				between.AddCert(c)
			}
			_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: ca, Intermediates: between})
			return err
		},
	}
	return c
}

// Greeting is the line that carries a token in front of everything else that a
// client sends; empty where there is no token.
func (k *Keeper) Greeting() []byte {
	if !k.WantsToken() {
		return nil
	}
	return []byte(greeting + k.Token() + "\n")
}

const greeting = "sluice "

// MaxGreetingBytes is how long a greeting may be, with its end of line.
const MaxGreetingBytes = len(greeting) + MaxTokenBytes + 1

// Welcomes reports whether a greeting, without its end of line, brings an
// accepted token.
func (k *Keeper) Welcomes(line []byte) bool {
	token, ok := bytes.CutPrefix(line, []byte(greeting))
	return ok && k.Accepts(token)
}
