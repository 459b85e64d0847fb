package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// Whose processor time is measured. What getrusage tells is as coarse as the
// kernel's ticks on some machines; these clocks are not.
const (
	thread  = unix.CLOCK_THREAD_CPUTIME_ID // the calling one; lock it
	process = unix.CLOCK_PROCESS_CPUTIME_ID
)

// cpuOf reads one of those clocks.
func cpuOf(clock int32) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		panic(err) // Linux has had both for ever
	}
	return time.Duration(t.Nano())
}
