package api

import (
	"net/http"
	"net/netip"
	"testing"
)

// Whom a proxy of ours names is the client, and nobody else is believed.
func TestClientOf(t *testing.T) {
	s := &server{options: Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("::1/128")}}}
	for _, tt := range []struct {
		remote string
		said   []string
		want   string
	}{
		{"10.0.0.7:51234", []string{"192.0.2.1"}, "192.0.2.1"},
		{"10.0.0.7:51234", []string{"192.0.2.9, 192.0.2.1"}, "192.0.2.1"}, // what the client said of itself
		{"10.0.0.7:51234", []string{"192.0.2.9", "192.0.2.1, 10.0.0.8"}, "192.0.2.1"},
		{"[::1]:51234", []string{"2001:db8:1:2:3:4:5:6"}, "2001:db8:1:2::/64"},
		{"[::ffff:10.0.0.7]:51234", []string{"192.0.2.1"}, "192.0.2.1"},
		{"192.0.2.1:51234", []string{"192.0.2.9"}, "192.0.2.1"}, // no proxy of ours
		{"10.0.0.7:51234", nil, "10.0.0.7"},
		{"10.0.0.7:51234", []string{""}, "10.0.0.7"},
		{"10.0.0.7:51234", []string{"192.0.2.9, "}, "10.0.0.7"},
		{"10.0.0.7:51234", []string{"10.0.0.8"}, "10.0.0.7"},
		{"10.0.0.7:51234", []string{"unknown"}, "unknown"},
	} {
		r := &http.Request{RemoteAddr: tt.remote, Header: http.Header{"X-Forwarded-For": tt.said}}
		if got := s.clientOf(r); got != tt.want {
			t.Errorf("%s says %q: %q, want %q", tt.remote, tt.said, got, tt.want)
		}
	}
}

func TestClientAt(t *testing.T) {
	for remote, want := range map[string]string{
		"10.0.0.7:51234":               "10.0.0.7",
		"[::ffff:10.0.0.7]:51234":      "10.0.0.7",
		"[2001:db8:1:2:3:4:5:6]:51234": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:51234":         "fe80::/64",
		"@":                            "@", // a socket without addresses
	} {
		if got := clientAt(remote); got != want {
			t.Errorf("%s: %q, want %q", remote, got, want)
		}
	}
}
