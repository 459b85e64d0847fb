package auction

import (
	"context"
	"syscall"
	"time"
)

// coarse is what the runtime's timers are good for here: they sleep in whole
// milliseconds, which would be most of the latency that is to be measured.
const coarse = 2 * time.Millisecond

// pause waits until a moment, exact to some 0.1 ms, and reports whether it came
// before the context ended.
func pause(ctx context.Context, until time.Time) bool {
	if d := time.Until(until); d > coarse && !sleep(ctx, d-coarse) {
		return false
	}
	if d := time.Until(until); d > 0 {
		t := syscall.NsecToTimespec(int64(d))
		// Woken early by a signal, the auction begins up to 2 ms early: it is
		// still counted from its moment, and that happens to few.
		_ = syscall.Nanosleep(&t, nil)
	}
	return ctx.Err() == nil
}

// processCPU is the processor time that this process has used.
func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
