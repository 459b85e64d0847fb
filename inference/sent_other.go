//go:build !unix

package inference

import "net"

// hasSent is not known here.
func hasSent(net.Conn) bool { return false }
