package inference

import (
	"bytes"
	"os"
	rtm "runtime/metrics"
	"strconv"
)

// residentBytes is the process's resident memory; where the system does not
// say, what the Go runtime holds.
func residentBytes() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		if fields := bytes.Fields(b); len(fields) > 1 {
			if pages, err := strconv.ParseInt(string(fields[1]), 10, 64); err == nil {
				return pages * int64(os.Getpagesize())
			}
		}
	}
	sample := []rtm.Sample{{Name: "/memory/classes/total:bytes"}}
	rtm.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// containerLimitBytes is what the container may use; 0 where nothing limits it.
func containerLimitBytes() int64 {
	for _, name := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		b, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		limit, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
		if err != nil || limit >= 1<<50 { // "max", or version 1's idea of it
			return 0
		}
		return limit
	}
	return 0
}
