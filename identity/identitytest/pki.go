// Package identitytest makes certificates for tests. It is no place to look
// for how to make real ones.
package identitytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluicehq/sluice/identity"
)

// PKI is a CA with one certificate for a server and one for a client.
type PKI struct{ Server, Client identity.Files }

// New makes one in a folder of the test's.
func New(t *testing.T) PKI {
	t.Helper()
	return Between(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
}

// Between makes one that is good from one moment to another.
func Between(t *testing.T, from, until time.Time) PKI {
	t.Helper()
	dir := t.TempDir()
	caKey := newKey(t)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	path := filepath.Join(dir, "ca.pem")
	write(t, path, "CERTIFICATE", sign(t, ca, ca, caKey, caKey))
	leaf := func(name string, use x509.ExtKeyUsage) identity.Files {
		key := newKey(t)
		cert := &x509.Certificate{
			SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until,
			ExtKeyUsage: []x509.ExtKeyUsage{use}, DNSNames: []string{"localhost"},
		}
		f := identity.Files{Cert: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+".key"), CA: path}
		write(t, f.Cert, "CERTIFICATE", sign(t, cert, ca, key, caKey))
		der, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		write(t, f.Key, "EC PRIVATE KEY", der)
		return f
	}
	return PKI{Server: leaf("server", x509.ExtKeyUsageServerAuth), Client: leaf("client", x509.ExtKeyUsageClientAuth)}
}

// Replace writes the content of some files over that of others.
func Replace(t *testing.T, old, by identity.Files) {
	t.Helper()
	for to, from := range map[string]string{old.Cert: by.Cert, old.Key: by.Key, old.CA: by.CA} {
		Put(t, to, Bytes(t, from))
	}
}

// Put writes a file anew, as rotations do.
func Put(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Bytes are those of a file.
func Bytes(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, cert, by *x509.Certificate, key, with *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, by, &key.PublicKey, with)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func write(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
