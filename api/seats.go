package api

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// seats are the streams that may be open, in all and for one client.
type seats struct {
	most, each int

	mu    sync.Mutex
	taken int
	by    map[string]int
}

// newSeats lets no client have more than a quarter of them, but one at least.
func newSeats(most int) *seats {
	return &seats{most: most, each: max(1, most/4), by: map[string]int{}}
}

// take gives a seat to a client. own reports that none was to be had because
// the client holds its share already.
func (s *seats) take(client string) (ok, own bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.by[client] >= s.each:
		return false, true
	case s.taken >= s.most:
		return false, false
	}
	s.taken++
	s.by[client]++
	return true, false
}

func (s *seats) leave(client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	if s.by[client]--; s.by[client] == 0 {
		delete(s.by, client)
	}
}

// clientOf names who asks: who is connected or, where that is a proxy of ours,
// whom it says that it asks for. What is said before that, anybody may have
// said.
func (s *server) clientOf(r *http.Request) string {
	if !s.isProxy(r.RemoteAddr) {
		return clientAt(r.RemoteAddr)
	}
	said := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, one := range slices.Backward(said) {
		if one = strings.TrimSpace(one); one == "" {
			break
		}
		if at := net.JoinHostPort(one, "0"); !s.isProxy(at) {
			return clientAt(at)
		}
	}
	return clientAt(r.RemoteAddr)
}

// isProxy reports whether a proxy of ours has that remote address.
func (s *server) isProxy(remote string) bool {
	at, err := netip.ParseAddrPort(remote)
	return err == nil && slices.ContainsFunc(s.options.Proxies, func(p netip.Prefix) bool { return p.Contains(at.Addr().Unmap()) })
}

// clientAt names who asks from that remote address: the address without its
// port, or the network of an IPv6 one, as a machine has many of those.
func clientAt(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if a = a.Unmap().WithZone(""); a.Is4() {
		return a.String()
	}
	return netip.PrefixFrom(a, 64).Masked().String()
}
