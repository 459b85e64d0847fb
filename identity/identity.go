// Package identity keeps what two processes know each other by: certificates
// and tokens in files, read again when they change, so that they rotate without
// a restart.
//
// It opens no connection and reads none, but for the line that brings a token;
// a file that turns bad is
// reported, and what was read before goes on to serve.
package identity

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
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

const (
	maxFileBytes  = 1 << 20
	minTokenBytes = 16
	// MaxTokenBytes is how long a token may be.
	MaxTokenBytes = 256
	lookAgain     = time.Second
)

// Keeper holds what the files said last. Many goroutines may use it. A nil
// Keeper has nothing and accepts everybody.
type Keeper struct {
	files Files
	log   *slog.Logger

	mu     sync.Mutex
	looked time.Time
	stamp  [4]stamp
	now    held
}

// held is the content of all files.
type held struct {
	cert   *tls.Certificate
	ca     *x509.CertPool
	tokens []string
}

// stamp tells whether a file has changed.
type stamp struct {
	size int64
	at   time.Time
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
	k := &Keeper{files: f, log: log}
	k.stamp = k.stamps()
	var err error
	if k.now, err = f.read(); err != nil {
		return nil, err
	}
	k.looked = time.Now()
	return k, nil
}

func (k *Keeper) stamps() (all [4]stamp) {
	for i, name := range []string{k.files.Cert, k.files.Key, k.files.CA, k.files.Token} {
		if info, err := os.Stat(name); err == nil {
			all[i] = stamp{info.Size(), info.ModTime()}
		}
	}
	return all
}

func (f Files) read() (h held, err error) {
	if f.Cert != "" {
		cert, certErr := readFile(f.Cert)
		key, keyErr := readFile(f.Key)
		if err := errors.Join(certErr, keyErr); err != nil {
			return h, err
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return h, fmt.Errorf("use %s with %s: %w", f.Cert, f.Key, err)
		}
		h.cert = &pair
	}
	if f.CA != "" {
		pem, err := readFile(f.CA)
		if err != nil {
			return h, err
		}
		if h.ca = x509.NewCertPool(); !h.ca.AppendCertsFromPEM(pem) {
			return h, fmt.Errorf("%s holds no certificate in PEM", f.CA)
		}
	}
	if f.Token != "" {
		h.tokens, err = readTokens(f.Token)
	}
	return h, err
}

func readTokens(name string) (tokens []string, err error) {
	b, err := readFile(name)
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(b) {
		switch token := bytes.TrimSpace(line); {
		case len(token) == 0:
		case len(token) < minTokenBytes || len(token) > MaxTokenBytes:
			return nil, fmt.Errorf("%s holds a token of %d bytes: want %d to %d", name, len(token), minTokenBytes, MaxTokenBytes)
		default:
			tokens = append(tokens, string(token))
		}
	}
	if len(tokens) == 0 {
		return nil, fmt.Errorf("%s holds no token: write one on a line of its own", name)
	}
	return tokens, nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(b) > maxFileBytes {
		return nil, fmt.Errorf("%s has more than %d bytes", name, maxFileBytes)
	}
	return b, nil
}

// current is what the files say, looked at once a second at most.
func (k *Keeper) current() held {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.looked) < lookAgain {
		return k.now
	}
	k.looked = time.Now()
	found := k.stamps()
	if found == k.stamp {
		return k.now
	}
	k.stamp = found
	fresh, err := k.files.read()
	if err != nil {
		k.log.WarnContext(context.Background(), "credentials not read again, the old ones serve on", "err", err)
		return k.now
	}
	k.now = fresh
	return k.now
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
	return k.current().tokens[0]
}

// Accepts reports whether a token is one of those in the file. How long it
// takes tells nothing about them.
func (k *Keeper) Accepts(token []byte) bool {
	if !k.WantsToken() {
		return true
	}
	got := sha256.Sum256(token)
	same := 0
	for _, t := range k.current().tokens {
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
			h := k.current()
			c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*h.cert}}
			if h.ca != nil {
				c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, h.ca
			}
			return c, nil
		},
	}
}

// Client is how to open connections. The other side must show a certificate for
// servers that the CA signed; its name does not matter, since tasks come and go
// under addresses of their own. So the CA must sign for nothing else.
func (k *Keeper) Client() *tls.Config {
	h := k.current()
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		Certificates:       []tls.Certificate{*h.cert},
		InsecureSkipVerify: true, // of the name; the chain is verified below
		VerifyConnection: func(s tls.ConnectionState) error {
			between := x509.NewCertPool()
			for _, c := range s.PeerCertificates[1:] {
				between.AddCert(c)
			}
			_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: h.ca, Intermediates: between})
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
