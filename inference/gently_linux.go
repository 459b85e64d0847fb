package inference

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	// niceness of a thread that prepares a release: it has a tenth of the share
	// of one that answers auctions, but not so little that it would hold up a
	// garbage collection for long.
	niceness = 10
	// longSlice is how long it asks to run at a time. Linux, from 6.12 on, lets
	// whoever wants a shorter turn interrupt a longer one the moment it wakes,
	// and otherwise lets any turn of some milliseconds end first.
	longSlice = 100 * time.Millisecond
)

// lowerPriority puts this thread behind those that answer auctions. Where the
// system refuses, it stays as important as they are.
func lowerPriority() {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Nice: niceness, Runtime: uint64(longSlice)}
	if unix.SchedSetAttr(0, &attr, 0) != nil { // as some sandboxes do not know it
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, niceness)
	}
}
