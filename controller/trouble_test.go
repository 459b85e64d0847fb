package controller

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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

// TestRival tells of another controller for a while after it was last seen,
// also while nothing is wrong, and beside what else is.
func TestRival(t *testing.T) {
	var rival rival
	now := time.Unix(1_000_000, 0)
	refused := fmt.Errorf("assign: %w", ErrStaleEpoch)
	for i, tt := range []struct {
		after    time.Duration
		troubles error
		ahead    bool
		want     string
	}{
		{0, nil, false, ""},
		{0, errors.New("throttled"), false, "throttled"},
		{0, nil, true, ""}, // the one before has just ended
		{0, nil, false, ""},
		{0, refused, false, refused.Error()},
		{rivalFor - 1, nil, false, refused.Error()},
		{0, errors.New("throttled"), false, refused.Error() + "\nthrottled"},
		{1, nil, false, ""},
		{0, errors.New("task 1 obeys a newer controller"), true, "task 1 obeys a newer controller"},
		{time.Second, refused, true, refused.Error()},
		{rivalFor - 1, nil, false, refused.Error()},
		{1, nil, false, ""},
	} {
		now = now.Add(tt.after)
		said := ""
		if err := rival.told(tt.troubles, tt.ahead, now); err != nil {
			said = err.Error()
		}
		if said != tt.want {
			t.Errorf("line %d: told %q, want %q", i, said, tt.want)
		}
	}
}

// TestSeveral tells a few of many errors, and knows them all.
func TestSeveral(t *testing.T) {
	if err := several([]error{nil, nil}); err != nil {
		t.Errorf("no errors are %v", err)
	}
	one := errors.New("one")
	if err := several([]error{nil, one}); err.Error() != "one" {
		t.Errorf("one error is %v", err)
	}
	two := errors.New("two")
	err := several([]error{one, nil, one, one, one, two})
	if want := "one\none\none\nand 2 more errors"; err.Error() != want || !errors.Is(err, two) {
		t.Errorf("got %q, want %q and all five in it", err, want)
	}
}

// However long each of many errors is, they are told in a few lines.
func TestSeveralAreShort(t *testing.T) {
	long := errors.New(strings.Repeat("x", 300))
	for n, says := range map[int]string{1: "", 2: "", 3: "and 1 more error", 9: "and 7 more errors"} {
		errs := slices.Repeat([]error{long, nil}, n)
		text := several(errs).Error()
		if len(text) > 800 || !strings.HasSuffix(text, says) {
			t.Errorf("of %d errors it tells %d letters, ending in %q", n, len(text), text[max(0, len(text)-20):])
		}
	}
}
