package controller

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestTrouble logs what is new, what stays once a minute, and the end.
func TestTrouble(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	var trouble trouble
	now := time.Unix(1_000_000, 0)
	after := func(d time.Duration, err error) string {
		out.Reset()
		now = now.Add(d)
		trouble.log(t.Context(), log, "reconcile", err, now)
		return out.String()
	}
	reset := func(port string) error { return errors.New("read 127.0.0.1:" + port + ": connection reset") }
	for i, tt := range []struct {
		after time.Duration
		err   error
		want  string // empty: nothing is logged
	}{
		{0, nil, ""},
		{0, reset("4000"), "times=1"},
		{time.Second, reset("4001"), ""},
		{58 * time.Second, reset("4001"), ""},
		{time.Second, reset("4002"), "times=4"},
		{time.Second, reset("4003"), ""},
		{0, errors.New("throttled"), "err=throttled times=6"},
		{0, reset("4000"), "times=7"},
		{0, nil, "is over"},
		{0, nil, ""},
		{0, reset("4000"), "times=1"},
	} {
		if got := after(tt.after, tt.err); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("line %d: logged %q, want %q", i, got, tt.want)
		}
	}
}
