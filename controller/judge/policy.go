package judge

import "math"

// sane returns the policy with defaults in place of what is zero or no
// sensible number.
func (p Policy) sane() Policy {
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
