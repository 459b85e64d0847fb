package identity

import (
	"net"
	"net/netip"
)

// OnLoopback reports whether an address to listen on is reached from this
// machine alone. A name is not, but for localhost, as what it means may change.
func OnLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}
