package judge

import (
	"fmt"
	"math"
)

// Check names the first setting that makes no sense. Zero is fine everywhere:
// it stands for the default.
func (p Policy) Check() error {
	for _, s := range []struct {
		name        string
		value       float64
		least, most float64
	}{
		{"margin", p.Margin, 0, 1},
		{"partner_margin", p.PartnerMargin, 0, 1},
		{"tail_margin", p.TailMargin, 0, 1},
		{"tier_one_share", p.TierOneShare, 0, 1},
		{"error_ratio", p.ErrorRatio, 1, 1000},
		{"error_floor", p.ErrorFloor, 0, 0.5},
		{"min_tasks", float64(p.MinTasks), 1, 1 << 30},
		{"window_requests", float64(p.WindowRequests), 1, 1 << 30},
		{"window_buckets", float64(p.WindowBuckets), 1, 1 << 30},
	} {
		if s.value != 0 && !(s.value >= s.least && s.value <= s.most) { // true for NaN
			return fmt.Errorf("judge.%s is %v: want %v to %v", s.name, s.value, s.least, s.most)
		}
	}
	return nil
}

// Sane returns the policy with defaults in place of what is zero or no
// sensible number.
func (p Policy) Sane() Policy {
	p.Margin = share(p.Margin, .02)
	p.PartnerMargin = share(p.PartnerMargin, .03)
	p.TailMargin = share(p.TailMargin, .05)
	p.TierOneShare = share(p.TierOneShare, .8)
	p.ErrorFloor = math.Min(.5, share(p.ErrorFloor, .001))
	if !(p.ErrorRatio >= 1) || p.ErrorRatio > 1000 {
		p.ErrorRatio = 1.5
	}
	p.MinTasks = whole(p.MinTasks, 1)
	p.WindowRequests = whole(p.WindowRequests, 400)
	p.WindowBuckets = whole(p.WindowBuckets, 20)
	if !(math.Abs(p.Intended) < 1) {
		p.Intended = 0
	}
	return p
}

func share(v, normal float64) float64 {
	if !(v > 0) || v > 1 {
		return normal
	}
	return v
}

func whole(v, normal int) int {
	if v <= 0 || v > 1<<30 {
		return normal
	}
	return v
}
