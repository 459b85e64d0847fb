package auction

import (
	"errors"
	"fmt"
	"time"
)

// Limits are what a load must keep to pass: in all, and in each of its steps.
type Limits struct {
	P99    time.Duration // of the latency, at most; 0 for any
	Failed float64       // share of auctions that failed or were degraded, at most; negative for any
}

// Check says what is wrong with the limits themselves.
func (l Limits) Check() error {
	if l.P99 < 0 || l.Failed > 1 || l.Failed != l.Failed {
		return errors.New("--max-p99 must be a time, and --max-failed a share between 0 and 1")
	}
	return nil
}

// Hold returns an error that names what was not kept. A load without auctions
// keeps nothing.
func (l Limits) Hold(s Summary) error {
	if l.P99 == 0 && l.Failed < 0 {
		return nil
	}
	failed := l.hold("", s.Auctions, s.Latency)
	for _, one := range s.Steps {
		failed = errors.Join(failed, l.hold(fmt.Sprintf("at %g auctions/s ", one.Rate), one.Auctions, one.Latency))
	}
	return failed
}

func (l Limits) hold(where string, a Auctions, took Latency) error {
	p99 := time.Duration(took.P99) * time.Microsecond
	share := ratio(a.Failed+a.Degraded, a.Sent)
	switch {
	case a.Sent == 0:
		return fmt.Errorf("%sno auction was held: nothing is known", where)
	case l.P99 > 0 && p99 > l.P99:
		return fmt.Errorf("%sp99 is %v: more than --max-p99 %v", where, p99, l.P99)
	case l.Failed >= 0 && share > l.Failed:
		return fmt.Errorf("%s%.3g %% of the auctions failed or were degraded: more than --max-failed %g", where, 100*share, l.Failed)
	}
	return nil
}
