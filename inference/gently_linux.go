package inference

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	// nicer is by how much a thread is that prepares a release: it has a tenth of
	// the share of one that answers auctions, but not so little that it would hold
	// up a garbage collection for long.
	nicer = 10
	// nicest is what the system takes at most.
	nicest = 19
	// longSlice is how long it asks to run at a time. Linux, from 6.12 on, lets
	// whoever wants a shorter turn interrupt a longer one the moment it wakes,
	// and otherwise lets any turn of some milliseconds end first.
	longSlice = 100 * time.Millisecond
)

// lowerPriority puts this thread behind those that answer auctions. Where the
// system refuses, it stays as important as they are.
func lowerPriority() {
	niceness := nicer
	if kernel, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err == nil { // which counts from 20 down
		niceness = min(20-kernel+nicer, nicest)
	}
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Nice: int32(niceness), Runtime: uint64(longSlice)}
	if unix.SchedSetAttr(0, &attr, 0) != nil { // as some sandboxes do not know it
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, niceness)
	}
}
