package api

import "testing"

func TestClientOf(t *testing.T) {
	for remote, want := range map[string]string{
		"10.0.0.7:51234":               "10.0.0.7",
		"[::ffff:10.0.0.7]:51234":      "10.0.0.7",
		"[2001:db8:1:2:3:4:5:6]:51234": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:51234":         "fe80::/64",
		"@":                            "@", // a socket without addresses
	} {
		if got := clientOf(remote); got != want {
			t.Errorf("%s: %q, want %q", remote, got, want)
		}
	}
}
