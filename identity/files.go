package identity

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/sluicehq/sluice/content"
)

const (
	maxFileBytes  = 1 << 20
	minTokenBytes = 16
)

// source is one thing that files say, as they said it when it was good last.
type source[T any] struct {
	names []string // of the files; none where there is nothing to read
	parse func(names []string, contents [][]byte) (T, error)
	good  func(value T, name string, now time.Time) error // at that time; nil for always

	value T
	of    [][]byte // the contents that value was made of
	once  bool     // the files are pipes, say, that can be read only once
}

// named are those names that are not empty.
func named(files ...string) []string {
	return slices.DeleteFunc(files, func(name string) bool { return name == "" })
}

// open reads the files for the first time.
func (s *source[T]) open() (err error) {
	for _, name := range s.names {
		s.once = s.once || !isRegular(name)
	}
	if s.of, err = s.read(); err == nil && len(s.names) > 0 {
		s.value, err = s.parse(s.names, s.of)
	}
	return err
}

// look reads the files again. It takes what is new and makes sense, but nothing
// that is no good now for something that is.
func (s *source[T]) look(now time.Time) (taken bool, err error) {
	if len(s.names) == 0 {
		return false, nil
	}
	held := s.isGood(s.value, now)
	if s.once {
		return false, held
	}
	for _, name := range s.names {
		if _, err := os.Stat(name); err == nil && !isRegular(name) {
			return false, fmt.Errorf("%s is no file any more", name) // and to open it may take for ever
		}
	}
	found, err := s.read()
	if err != nil {
		return false, err
	}
	if slices.EqualFunc(found, s.of, bytes.Equal) {
		return false, held
	}
	fresh, err := s.parse(s.names, found)
	if err != nil {
		return false, err
	}
	if err = s.isGood(fresh, now); err == nil || held != nil {
		s.value, s.of, taken = fresh, found, true
	}
	return taken, err
}

func (s *source[T]) isGood(value T, now time.Time) error {
	if s.good == nil {
		return nil
	}
	return s.good(value, s.names[0], now)
}

func (s *source[T]) read() (contents [][]byte, err error) {
	for _, name := range s.names {
		b, failed := content.Read(name, maxFileBytes)
		contents, err = append(contents, b), errors.Join(err, failed)
	}
	return contents, err
}

// isRegular reports whether a name may be read again: a variable stays as it is.
func isRegular(name string) bool {
	info, err := os.Stat(name)
	return content.IsVariable(name) || err == nil && info.Mode().IsRegular()
}

// parsePair reads a certificate with its chain, and its key.
func parsePair(names []string, contents [][]byte) (*tls.Certificate, error) {
	chain, err := parseCertificates(names[0], contents[0])
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(contents[0], contents[1])
	if err != nil {
		return nil, fmt.Errorf("use %s with %s: %w", names[0], names[1], err)
	}
	pair.Leaf = chain[0]
	return &pair, nil
}

func pairIsGood(pair *tls.Certificate, name string, now time.Time) error {
	return isInTime(pair.Leaf, name, now)
}

func isInTime(c *x509.Certificate, name string, now time.Time) error {
	switch {
	case now.After(c.NotAfter):
		return fmt.Errorf("%s: the certificate was good until %s: put a newer one there", name, c.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(c.NotBefore):
		return fmt.Errorf("%s: the certificate is good from %s on: put one there that is good now, or mend this machine's clock", name, c.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// authority is whom the other side's certificate must be signed by.
type authority struct {
	pool *x509.CertPool
	all  []*x509.Certificate
}

func parseCA(names []string, contents [][]byte) (a authority, err error) {
	if a.all, err = parseCertificates(names[0], contents[0]); err != nil {
		return authority{}, err
	}
	a.pool = x509.NewCertPool()
	for _, c := range a.all {
		a.pool.AddCert(c)
	}
	return a, nil
}

// isGood wants one that is good: a CA that is replaced stays beside the newer
// one for a while.
func (a authority) isGood(name string, now time.Time) (err error) {
	for _, c := range a.all {
		if err = isInTime(c, name, now); err == nil {
			return nil
		}
	}
	return err
}

// parseCertificates reads all of them, or none: half a file would leave out who
// signed the rest.
func parseCertificates(name string, b []byte) (all []*x509.Certificate, err error) {
	blocks := 0
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if blocks++; block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d: %w", name, len(all)+1, err)
		}
		all = append(all, c)
	}
	switch begun := bytes.Count(b, []byte("-----BEGIN ")); {
	case begun != blocks:
		return nil, fmt.Errorf("%s is torn: of %d blocks in PEM, %d can be read", name, begun, blocks)
	case len(all) == 0:
		return nil, fmt.Errorf("%s holds no certificate in PEM", name)
	}
	return all, nil
}

// parseTokens reads one per line.
func parseTokens(names []string, contents [][]byte) (tokens []string, err error) {
	for line := range bytes.Lines(contents[0]) {
		switch token := bytes.TrimSpace(line); {
		case len(token) == 0:
		case len(token) < minTokenBytes || len(token) > MaxTokenBytes:
			return nil, fmt.Errorf("%s holds a token of %d bytes: want %d to %d", names[0], len(token), minTokenBytes, MaxTokenBytes)
		default:
			tokens = append(tokens, string(token))
		}
	}
	if len(tokens) == 0 {
		return nil, fmt.Errorf("%s holds no token: write one on a line of its own", names[0])
	}
	return tokens, nil
}
