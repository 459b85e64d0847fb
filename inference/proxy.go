package inference

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"
)

// The PROXY protocol: what a load balancer may put before a connection to say
// whose it is, as text (v1) or binary (v2). Nothing here depends on who asks,
// so the header is checked and passed over. It is read before the connection
// is handed on, to its last byte and no further: nothing stands between a
// connection and its messages afterwards.

const (
	proxySignature   = "\r\n\r\n\x00\r\nQUIT\n"
	proxyV1Begin     = "PROXY "
	maxProxyV1       = 107     // bytes, with the line's end
	maxProxyV2       = 4 << 10 // bytes of addresses and what load balancers add to them
	proxyV2HeadBytes = len(proxySignature) + 4
)

var errNoProxy = errors.New("no PROXY protocol header, where one is wanted")

// passProxy reports whether the connection begins with a header, and reads it.
func (d *door) passProxy(conn net.Conn, most time.Duration) bool {
	if !d.proxied {
		return true
	}
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	err := conn.SetReadDeadline(time.Now().Add(most))
	if err == nil {
		err = readProxyHeader(conn)
	}
	if err == nil {
		err = conn.SetReadDeadline(time.Time{})
	}
	switch {
	case err == nil:
		return true
	case errors.Is(err, io.EOF):
		d.m.connections.WithLabelValues(string(Silent)).Inc()
	default:
		d.m.connections.WithLabelValues(string(NoProxy)).Inc()
	}
	return false
}

// readProxyHeader takes a header and nothing else from r.
func readProxyHeader(r io.Reader) error {
	head := make([]byte, proxyV2HeadBytes, maxProxyV1)
	begin := head[:len(proxySignature)] // no header of either version is shorter
	if _, err := io.ReadFull(r, begin); err != nil {
		return err
	}
	switch {
	case bytes.HasPrefix(begin, []byte(proxyV1Begin)):
		return readProxyLine(r, begin)
	case string(begin) != proxySignature:
		return errNoProxy
	}
	if _, err := io.ReadFull(r, head[len(begin):]); err != nil {
		return unexpected(err)
	}
	command, rest := head[12], int64(binary.BigEndian.Uint16(head[14:]))
	if command != 0x20 && command != 0x21 || rest > maxProxyV2 { // version 2, LOCAL or PROXY
		return errNoProxy
	}
	_, err := io.CopyN(io.Discard, r, rest)
	return unexpected(err)
}

// readProxyLine takes the rest of a header of version 1, byte by byte, since
// only its end says how long it is.
func readProxyLine(r io.Reader, line []byte) error {
	for !bytes.HasSuffix(line, []byte("\r\n")) {
		n := len(line)
		if n == maxProxyV1 {
			return errNoProxy
		}
		line = line[:n+1]
		if _, err := io.ReadFull(r, line[n:]); err != nil {
			return unexpected(err)
		}
	}
	for _, family := range []string{"TCP4 ", "TCP6 ", "UNKNOWN"} {
		if bytes.HasPrefix(line[len(proxyV1Begin):], []byte(family)) {
			return nil
		}
	}
	return errNoProxy
}

// proxied reports whether what has come begins as a header does.
func (w *wire) proxied() bool {
	b := w.in[w.from:w.to]
	return bytes.HasPrefix(b, []byte(proxyV1Begin)) || bytes.HasPrefix(b, []byte(proxySignature))
}
