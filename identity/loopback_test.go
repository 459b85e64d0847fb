package identity_test

import (
	"testing"

	"github.com/sluicehq/sluice/identity"
)

func TestOnLoopback(t *testing.T) {
	for address, on := range map[string]bool{
		"127.0.0.1:8080": true, "127.3.2.1:0": true, "[::1]:80": true, "localhost:80": true, "[::ffff:127.0.0.1]:80": true,
		":8080": false, "0.0.0.0:8080": false, "[::]:80": false, "10.0.0.5:80": false, "sluice.internal:80": false, "localhost.example.com:80": false, "": false,
	} {
		if identity.OnLoopback(address) != on {
			t.Errorf("%q: want %v", address, on)
		}
	}
}
