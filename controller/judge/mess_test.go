package judge

import (
	"math/rand/v2"
	"reflect"
	"time"
)

// A mess spoils statistics at random.
type mess struct {
	*rand.Rand
	odd float64
}

func newMess(seed uint64, odd float64) mess { return mess{rand.New(rand.NewPCG(seed, 3)), odd} }

func (m mess) scale() float64 {
	return []float64{0, 1e-6, .01, 1, 1, 10, 1e6}[m.IntN(7)]
}

func (m mess) policy() (p Policy) {
	pick := func(of ...float64) float64 { return of[m.IntN(len(of))] }
	p.Margin, p.PartnerMargin, p.MissedBidsMargin = pick(0, .02, 1, m.odd), pick(0, 1e-9, .5), pick(0, .1, m.odd)
	p.LatencyMargin, p.DriftMargin, p.Intended = pick(0, 1e-300, 1), pick(0, 1, m.odd), pick(0, .5, -.99, m.odd)
	p.SampleRatio, p.MaxInformation, p.ErrorRatio = pick(0, 1, m.odd), pick(0, 1e-3, m.odd), pick(0, 1, 1000, m.odd)
	p.Latency, p.Drift = []string{"", Guard, Off, "?"}[m.IntN(4)], []string{"", DriftRollBack, DriftOff}[m.IntN(3)]
	p.LatencySLO = time.Duration(m.IntN(3)) * time.Millisecond
	p.Predicted = Interval{pick(0, .3, m.odd), pick(0, .5, 1)}
	for i := range p.Reference {
		p.Reference[i] = pick(0, 1, m.odd)
	}
	return p
}

// spoil changes a few numbers, or takes the traffic away, in which case there
// is nothing that could be accepted.
func (m mess) spoil(s *Statistics) (empty bool) {
	switch m.IntN(6) {
	case 0:
		s.Answered, s.PairsStep = [Arms]int64{}, 0
		return true
	case 1:
		at, served := s.At, s.Served
		*s = Statistics{At: at, Served: served, Fresh: 5, Answered: [Arms]int64{9, 9}}
		return true
	case 2:
		s.Streams = s.Streams[:m.IntN(len(s.Streams)+1)]
		return len(s.Streams) == 0
	case 3:
		s.Served = false
	}
	numbers := settable(reflect.ValueOf(s).Elem(), nil)
	for range m.IntN(4) {
		v := numbers[m.IntN(len(numbers))]
		if v.CanFloat() {
			v.SetFloat([]float64{0, 1e-300, 1, 1e12, 1e23, -1, m.odd}[m.IntN(7)])
		} else {
			v.SetInt([]int64{0, 1, 1 << 40, -1, -1 << 62}[m.IntN(5)])
		}
	}
	return false
}

// settable are all numbers in a value.
func settable(v reflect.Value, all []reflect.Value) []reflect.Value {
	switch kind := v.Kind(); {
	case v.CanFloat() || v.CanInt():
		return append(all, v)
	case kind == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]():
		for i := range v.NumField() {
			all = settable(v.Field(i), all)
		}
	case kind == reflect.Slice || kind == reflect.Array:
		for i := range v.Len() {
			all = settable(v.Index(i), all)
		}
	}
	return all
}
