package inference

import "syscall"

// niceness of a thread that prepares a release: it has a tenth of the share of
// one that answers auctions, but not so little that it would hold up a garbage
// collection for long.
const niceness = 10

// lowerPriority puts this thread behind those that answer auctions.
func lowerPriority() {
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), niceness) // without it, it is as important as they are
}
