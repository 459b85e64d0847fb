//go:build !linux

package auction

import (
	"context"
	"time"
)

// pause waits until a moment, as exact as the runtime's timers are, and reports
// whether it came before the context ended.
func pause(ctx context.Context, until time.Time) bool {
	if d := time.Until(until); d > 0 {
		return sleep(ctx, d)
	}
	return ctx.Err() == nil
}

// processCPU is not known here.
func processCPU() time.Duration { return 0 }
