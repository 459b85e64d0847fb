package inference

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/identity/identitytest"
	"github.com/sluicehq/sluice/idl/gen/adfilter"
)

// proxyV2 is a header with as many bytes of addresses as it says.
func proxyV2(command byte, address string) string {
	return proxySignature + string([]byte{command, 0x11, byte(len(address) >> 8), byte(len(address))}) + address
}

// proxyHeaders are those that are read, and what comes after them is not.
func proxyHeaders() map[string]string {
	return map[string]string{
		"v1, IPv4":         "PROXY TCP4 192.0.2.1 192.0.2.2 1024 9090\r\n",
		"v1, IPv6":         "PROXY TCP6 2001:db8::1 2001:db8::2 1024 9090\r\n",
		"v1, longest":      "PROXY UNKNOWN " + strings.Repeat("f", maxProxyV1-16) + "\r\n",
		"v1, unknown":      "PROXY UNKNOWN\r\n",
		"v2, IPv4":         proxyV2(0x21, strings.Repeat("a", 12)),
		"v2, health check": proxyV2(0x20, ""),
		"v2, with more":    proxyV2(0x21, strings.Repeat("a", maxProxyV2)),
	}
}

func TestProxyHeaders(t *testing.T) {
	for name, header := range proxyHeaders() {
		r := strings.NewReader(header + "auctions")
		if err := readProxyHeader(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if rest, _ := io.ReadAll(r); string(rest) != "auctions" {
			t.Errorf("%s: leaves %q", name, rest)
		}
		for n := range header {
			if err := readProxyHeader(strings.NewReader(header[:n])); err == nil || errors.Is(err, io.EOF) != (n == 0) {
				t.Errorf("%s, %d bytes of it: %v", name, n, err)
			}
		}
	}
	for name, header := range map[string]string{
		"none":                  "\x80\x01\x00\x01\x00\x00\x00\x06filter",
		"http":                  "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"v1, too long":          "PROXY UNKNOWN " + strings.Repeat("f", maxProxyV1-15) + "\r\n",
		"v1, of no family":      "PROXY UDP4 192.0.2.1 192.0.2.2 1024 9090\r\n",
		"v2, too long":          proxyV2(0x21, strings.Repeat("a", maxProxyV2+1)),
		"v2, of version 3":      proxyV2(0x31, ""),
		"v2, another command":   proxyV2(0x22, ""),
		"v2, another signature": strings.Replace(proxyV2(0x21, ""), "QUIT", "QUIZ", 1),
	} {
		if err := readProxyHeader(strings.NewReader(header)); !errors.Is(err, errNoProxy) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Behind a load balancer, with and without TLS, in however many pieces.
func TestProxiedConnections(t *testing.T) {
	pki := identitytest.New(t)
	for name, header := range proxyHeaders() {
		for _, secure := range []bool{false, true} {
			task := newToyTask(t, newToyShop(low))
			task.data.proxied = true
			if secure {
				task.data.known = keeper(t, identity.Files{Cert: pki.Server.Cert, Key: pki.Server.Key})
			}
			conn := dialDoor(t, task.data)
			for _, piece := range []string{header[:3], header[3:]} {
				if _, err := conn.Write([]byte(piece)); err != nil {
					t.Fatal(err)
				}
			}
			if secure {
				conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
			}
			if answer, err := client(conn, UnframedBinary).Filter(t.Context(), &adfilter.BidRequest{}); err != nil || answer.GetLikelihoodToBid() != 1 {
				t.Errorf("%s, TLS %v: %v, %v", name, secure, answer, err)
			}
			conn.Close()
			task.data.inside.Wait()
		}
	}
}

func TestHeaderIsWanted(t *testing.T) {
	for _, tt := range []struct {
		sent string
		as   Dialect
		took time.Duration
	}{
		{"\x80\x01\x00\x01\x00\x00\x00\x06filter\x00\x00\x00\x01", NoProxy, 0},
		{"PROXY TCP4", NoProxy, 5 * time.Second},
		{proxySignature + "\x21\x11\x00\x0c", NoProxy, 5 * time.Second},
		{"", NoProxy, 5 * time.Second}, // nothing, for as long
	} {
		synctest.Test(t, func(t *testing.T) {
			task := newToyTask(t, newToyShop())
			task.data.proxied = true
			conn := serveOn(t, task)
			go conn.Write([]byte(tt.sent))
			began := time.Now()
			if answer, _ := io.ReadAll(conn); len(answer) > 0 || time.Since(began) != tt.took {
				t.Errorf("%q: answered %q after %v", tt.sent, answer, time.Since(began))
			}
			task.data.inside.Wait()
			if n := counterOf(t, task, "sluice_connections_total", string(tt.as)); n != 1 {
				t.Errorf("%q: %v connections counted as %s", tt.sent, n, tt.as)
			}
		})
	}
}

func FuzzProxyHeader(f *testing.F) {
	for _, header := range proxyHeaders() {
		f.Add([]byte(header))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		_ = readProxyHeader(r)
		if taken := len(b) - r.Len(); taken > proxyV2HeadBytes+maxProxyV2 {
			t.Errorf("took %d bytes", taken)
		}
	})
}
