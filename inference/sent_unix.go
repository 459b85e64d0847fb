//go:build unix

package inference

import (
	"net"
	"syscall"
)

// hasSent reports whether bytes have come over a socket that nobody has read.
func hasSent(conn net.Conn) (sent bool) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Read(func(fd uintptr) bool { // an error means that it is over
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		sent = err == nil && n > 0
		return true
	})
	return sent
}
