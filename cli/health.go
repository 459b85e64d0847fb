package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// healthTimeout is below the time-out of a container's health check, which is
// five seconds where it says nothing.
const healthTimeout = 3 * time.Second

// askHealth asks the process that listens on an address of this machine whether
// it is well: for the health check of a container without a shell.
func askHealth(ctx context.Context, listen string) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port == "" || port == "0" {
		return wrongUsage("--health asks on %q, which names no port: give the address that the other process listens on", listen)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		if host = "127.0.0.1"; ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	address := "http://" + net.JoinHostPort(host, port) + "/healthz"
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	alone := &http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}} // never through a proxy
	answer, err := alone.Do(request)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(answer.Body, 4<<10)) // what came of it will do
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s says %s: %s", address, answer.Status, strings.TrimSpace(string(said)))
	}
	return nil
}
