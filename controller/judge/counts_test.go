package judge

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// uniform is a report whose buckets all count the same.
func uniform(task string, arm Arm, buckets int, requests, errors int64, partners map[string][2]int64) Report {
	r := blank(task, arm, buckets)
	for g := range buckets {
		r.Requests[g], r.Errors[g] = requests, errors
	}
	for name, c := range partners {
		columns := blankColumns(buckets)
		for g := range buckets {
			columns.Scored[g], columns.Filtered[g] = c[0], c[1]
		}
		r.Partners[name] = columns
	}
	return r
}

func served(at int, reports ...Report) Look {
	return Look{At: time.Unix(1e9+int64(at), 0), Served: true, Reports: reports}
}

// Shares of 1 % and then 50 % while the rate drifts from 40 to 44 %: pooled
// counts claim +2.579 points, which are not there.
func TestDriftIsNoDifference(t *testing.T) {
	var s State
	one := served(1,
		uniform("a", Candidate, 64, 10, 0, map[string][2]int64{"acme": {10, 4}}),
		uniform("b", Control, 64, 990, 0, map[string][2]int64{"acme": {990, 396}}))
	two := served(2,
		uniform("a", Candidate, 64, 10+500, 0, map[string][2]int64{"acme": {10 + 500, 4 + 220}}),
		uniform("b", Control, 64, 990+500, 0, map[string][2]int64{"acme": {990 + 500, 396 + 220}}))
	s.Look(one, Policy{})
	s.Step()
	s.Look(two, Policy{})
	st := s.streams[overall]
	near(t, "pooled", st.X[candidate]/st.N[candidate]-st.X[control]/st.N[control], .02579, 1e-5)
	near(t, "stratified", st.D/st.Q, 0, 1e-9)
	if st.Windows != 2 {
		t.Errorf("%d windows, want 2", st.Windows)
	}
}

// The same where a step cuts the first window short: what is enough is closed,
// and the rest dropped, but never mixed into the next window.
func TestDriftAcrossAStep(t *testing.T) {
	for _, buckets := range []int{64, 10} {
		a := uniform("a", Candidate, 64, 5, 0, map[string][2]int64{"acme": {5, 2}})
		for g := buckets; g < 64; g++ {
			a.Requests[g], a.Partners["acme"].Scored[g], a.Partners["acme"].Filtered[g] = 0, 0, 0
		}
		b := uniform("b", Control, 64, 495, 0, map[string][2]int64{"acme": {495, 198}})
		var s State
		s.Look(served(1, a, b), Policy{})
		s.Step()
		for i := range 2 {
			for g := range 64 {
				a.Requests[g] += 500
				b.Requests[g] += 500
				a.Partners["acme"].Scored[g] += 500
				b.Partners["acme"].Scored[g] += 500
				a.Partners["acme"].Filtered[g] += 220
				b.Partners["acme"].Filtered[g] += 220
			}
			s.Look(served(2+i, a, b), Policy{})
		}
		for i, st := range s.streams {
			if st.Q > 0 {
				near(t, "stratified", st.D/st.Q, 0, 1e-12)
			}
			if want := 2 + buckets/64; i != tail && st.Windows != want {
				t.Errorf("%d buckets: %d windows, want %d", buckets, st.Windows, want)
			}
		}
	}
}

// What other judges are known to pass as fine. The counts are errors in so
// many requests, one number per cluster.
func TestCasesThatOthersPass(t *testing.T) {
	repeat := func(v int64, n int) (all []int64) {
		for range n {
			all = append(all, v)
		}
		return all
	}
	for _, tt := range []struct {
		name               string
		candidate, control []int64
		worse              bool
	}{
		{"seven outliers", append(repeat(100, 7), repeat(1, 3)...), repeat(1, 10), true},
		{"few against none", []int64{0, 1, 2, 1, 0, 0}, repeat(0, 6), false},
		{"errors on the candidate only", repeat(20, 10), repeat(0, 10), true},
	} {
		for _, requests := range []int64{200, 1000} {
			for _, times := range []int{2, 6} { // so many tasks per arm, or buckets: fewer than 16 clusters decide nothing
				var s State
				a := uniform("a", Candidate, len(tt.candidate)*times, requests, 0, map[string][2]int64{"acme": {requests, 50}})
				b := uniform("b", Control, len(tt.control)*times, requests, 0, map[string][2]int64{"acme": {requests, 50}})
				for i := range a.Errors {
					a.Errors[i] = tt.candidate[i%len(tt.candidate)]
					b.Errors[i] = tt.control[i%len(tt.control)]
				}
				v := s.Look(served(1, a, b), Policy{})
				f := v.Findings[5]
				if f.Outcome == Acceptable || v.Outcome == Acceptable {
					t.Errorf("%s, %d requests x %d: passed as fine: %s", tt.name, requests, times, f.Sentence)
				}
				if tt.worse && times == 6 && requests == 1000 && f.Outcome != Worse {
					t.Errorf("%s, %d requests x %d: not found: %s, E = %v", tt.name, requests, times, f.Sentence, f.Evidence)
				}
			}
		}
	}
}

// All errors on one connection of one task are one event, not a hundred.
func TestErrorsOfOneConnection(t *testing.T) {
	for _, spread := range []bool{false, true} {
		a := uniform("a", Candidate, 64, 100, 0, map[string][2]int64{"acme": {100, 50}})
		b := uniform("b", Control, 64, 100, 0, map[string][2]int64{"acme": {100, 50}})
		for i := range int64(100) {
			if spread {
				a.Errors[i%64]++
			} else {
				a.Errors[7]++
			}
		}
		var s State
		v := s.Look(served(1, a, b), Policy{})
		if got := v.Outcome == Worse; got != spread {
			t.Errorf("spread %v: %s: %s", spread, v.Outcome, v.Findings[5].Sentence)
		}
	}
}

// A step is not passed by the proofs of the one before alone.
func TestAStepNeedsCountsOfItsOwn(t *testing.T) {
	w := newTraffic(17)
	w.sample = .5
	var s State
	if v, _ := w.until(&s, Policy{}, 60); v.Outcome != Acceptable {
		t.Fatalf("%s: %s", v.Outcome, v.Sentence)
	}
	s.Step()
	w.perLook = 20
	v := s.Look(w.next(), Policy{})
	if v.Outcome != Unsure || !strings.Contains(v.Sentence, "since the last step") {
		t.Errorf("after 20 requests: %s: %s", v.Outcome, v.Sentence)
	}
	w.perLook = 400
	if v := s.Look(w.next(), Policy{}); v.Outcome != Acceptable {
		t.Errorf("after 400 requests: %s: %s", v.Outcome, v.Sentence)
	}
}

// A stable that filters nothing of a partner and a candidate that filters all
// of it leave no event of one kind in either arm, and must be found.
func TestAllAgainstNothing(t *testing.T) {
	var s State
	var v Verdict
	for i := range int64(3) {
		n := 20 * (i + 1)
		v = s.Look(served(int(i),
			uniform("a", Candidate, 64, n, 0, map[string][2]int64{"acme": {n, n}, "zeta": {n * 9, n * 3}}),
			uniform("b", Control, 64, n, 0, map[string][2]int64{"acme": {n, 0}, "zeta": {n * 9, n * 3}})), Policy{})
	}
	if v.Outcome != Worse || !strings.Contains(v.Sentence, "acme") && v.Gate != GateFilterRateServed {
		t.Errorf("%s: %s", v.Outcome, v.Sentence)
	}
}

// A partner of which neither arm ever filters anything is no obstacle.
func TestNothingEverFilteredIsProof(t *testing.T) {
	w := newTraffic(5)
	w.flip = 0
	w.rate = func(k int) float64 {
		if k == 3 {
			return 0
		}
		return .4
	}
	var s State
	v, looks := w.until(&s, Policy{}, 80)
	if v.Outcome != Acceptable {
		t.Fatalf("%s after %d looks: %s", v.Outcome, looks, v.Sentence)
	}
}

func TestTheSameLookTwiceChangesNothing(t *testing.T) {
	for _, at := range []bool{true, false} {
		w := newTraffic(6)
		w.sample = .2
		var s State
		for range 12 {
			l := w.next()
			v := s.Look(l, Policy{})
			before, err := s.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			if at {
				again := s.Look(l, Policy{})
				if !reflect.DeepEqual(v, again) {
					t.Fatalf("look %d: first %+v, again %+v", w.look, v, again)
				}
				after, _ := s.MarshalBinary()
				if !bytes.Equal(before, after) {
					t.Fatalf("look %d: the state changed", w.look)
				}
				continue
			}
			l.At = l.At.Add(time.Millisecond) // the same counts a moment later
			again := s.Look(l, Policy{})
			for i := range again.Findings {
				if !reflect.DeepEqual(again.Findings[i], v.Findings[i]) && v.Outcome != Worse {
					t.Fatalf("look %d: first %+v, again %+v", w.look, v.Findings[i], again.Findings[i])
				}
			}
		}
	}
}

// A judge that is written down and read back after every look says the same,
// bit for bit, as one that is not.
func TestCheckpointLosesNothing(t *testing.T) {
	for _, bad := range []float64{0, .08} {
		w := newTraffic(7)
		w.sample, w.persistent = .2, .05
		w.shift = func(k int) float64 { return bad * float64(k%2) }
		var s, restored State
		for i := range 15 {
			if i == 6 {
				s.Step()
				restored.Step()
				w.begin()
			}
			l := w.next()
			data, err := json.Marshal(restored)
			if err != nil {
				t.Fatal(err)
			}
			restored = State{}
			if err := json.Unmarshal(data, &restored); err != nil {
				t.Fatal(err)
			}
			want, got := s.Look(l, Policy{}), restored.Look(l, Policy{})
			if !reflect.DeepEqual(want, got) {
				t.Fatalf("look %d:\nwant %+v\ngot  %+v", i, want, got)
			}
			one, _ := s.MarshalBinary()
			two, _ := restored.MarshalBinary()
			if !bytes.Equal(one, two) {
				t.Fatalf("look %d: states differ", i)
			}
		}
	}
}

func TestCheckpointOfNothing(t *testing.T) {
	var s, back State
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if v := back.Look(served(1), Policy{}); v.Outcome != NoData {
		t.Errorf("%s: %s", v.Outcome, v.Sentence)
	}
}

func TestDataGate(t *testing.T) {
	acme := map[string][2]int64{"acme": {100, 40}}
	good := func(task string, arm Arm) Report { return uniform(task, arm, 64, 100, 0, acme) }
	change := func(r Report, f func(r *Report)) Report {
		f(&r)
		return r
	}
	for _, tt := range []struct {
		name string
		look Look
		says string
	}{
		{"silent", Look{Served: true, Reports: []Report{good("a", Candidate), good("b", Control)}, Silent: []string{"c"}}, "1 tasks do not report: c"},
		{"missing", Look{Served: true, Reports: []Report{good("a", Candidate), good("b", Control)}, Expected: map[Arm]int{Candidate: 1, Control: 2}}, "1 tasks report as control, 2 should"},
		{"one too many", Look{Served: true, Reports: []Report{good("a", Candidate), good("c", Candidate), good("b", Control)}, Expected: map[Arm]int{Candidate: 1, Control: 1}}, "2 tasks report as candidate, 1 should"},
		{"no control", Look{Served: true, Reports: []Report{good("a", Candidate)}}, "0 tasks report as control, at least 1 must"},
		{"candidate serves in shadow", Look{Reports: []Report{good("a", Candidate)}}, "only stable may serve in the shadow phase"},
		{"unknown arm", Look{Served: true, Reports: []Report{good("a", "canary"), good("b", Control)}}, `arm "canary"`},
		{"twice", served(1, good("a", Candidate), good("b", Control), good("b", Control)), "task b: reports twice"},
		{"both arms", served(1, good("a", Candidate), good("b", Candidate)), "changed its arm"},
		{"backwards", served(1, good("a", Candidate), uniform("b", Control, 64, 90, 0, acme)), "went backwards"},
		{"partner backwards", served(1, good("a", Candidate), uniform("b", Control, 64, 100, 0, map[string][2]int64{"acme": {90, 40}})), "counters of partner acme went backwards"},
		{"forgot a partner", served(1, good("a", Candidate), uniform("b", Control, 64, 100, 0, map[string][2]int64{"zeta": {90, 40}})), "went backwards"},
		{"no partner", served(1, good("a", Candidate), uniform("b", Control, 64, 100, 0, nil)), "no partner is scored"},
		{"no request", served(1, good("a", Candidate), uniform("b", Control, 64, 0, 0, acme)), "no request is counted"},
		{"more filtered than scored", served(1, good("a", Candidate), uniform("b", Control, 64, 100, 0, map[string][2]int64{"acme": {40, 100}})), "more filtered than scored pairs of partner acme"},
		{"more errors than requests", served(1, good("a", Candidate), uniform("b", Control, 64, 100, 200, acme)), "more errors than requests"},
		{"negative", served(1, good("a", Candidate), change(good("b", Control), func(r *Report) { r.Requests[3] = -1 })), "count -1 in bucket 3"},
		{"huge", served(1, good("a", Candidate), change(good("b", Control), func(r *Report) { r.Requests[3] = math.MaxInt64 })), "outside 0 to"},
		{"lists differ", served(1, good("a", Candidate), change(good("b", Control), func(r *Report) { r.Errors = r.Errors[:32] })), "buckets differ: 32"},
		{"tasks differ", served(1, good("a", Candidate), uniform("b", Control, 32, 100, 0, acme)), "task b counts 32 buckets, others 64"},
		{"too many buckets", served(1, good("a", Candidate), uniform("b", Control, 65, 100, 0, acme)), "at most 64"},
		{"pairs without shadow requests", served(1, good("a", Candidate), change(good("b", Control), func(r *Report) {
			for g := range 64 {
				r.Partners["acme"].Pairs[g] = 100
			}
		})), "no shadow request is counted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s State
			if !tt.look.At.IsZero() { // the second look
				s.Look(served(0, good("a", Candidate), good("b", Control)), Policy{})
			}
			v := s.Look(tt.look, Policy{})
			if v.Outcome != Invalid || v.Gate != GateData || !strings.Contains(v.Sentence, tt.says) {
				t.Errorf("%s: %s, want %q", v.Outcome, v.Sentence, tt.says)
			}
			if v.Findings[0].Outcome != Invalid {
				t.Errorf("the finding is %s", v.Findings[0].Outcome)
			}
		})
	}
}

// One arm counts on, the other no more: not a success, and said so.
func TestOneSidedTraffic(t *testing.T) {
	for name, silent := range map[string]int{"candidate": 0, "control": 1} {
		w := newTraffic(8)
		var s State
		for range 5 {
			s.Look(w.next(), Policy{})
		}
		dead := []Arm{Candidate, Control}[silent]
		var v Verdict
		for range 12 {
			w.drift = func(int) (float64, float64) { return 0, float64(silent) }
			v = s.Look(w.next(), Policy{})
		}
		if v.Outcome != Invalid || !strings.Contains(v.Sentence, string(dead)+" has answered nothing") {
			t.Errorf("%s: %s: %s", name, v.Outcome, v.Sentence)
		}
	}
}

// A candidate that never scores one partner cannot be judged there.
func TestPartnerOfOneArmOnly(t *testing.T) {
	var s State
	var v Verdict
	for i := range int64(6) {
		n := 100 * (i + 1)
		v = s.Look(served(int(i),
			uniform("a", Candidate, 64, n, 0, map[string][2]int64{"zeta": {n, n / 2}}),
			uniform("b", Control, 64, n, 0, map[string][2]int64{"zeta": {n, n / 2}, "acme": {n, n / 2}})), Policy{})
	}
	if v.Outcome != Invalid || !strings.Contains(v.Sentence, "partner acme: candidate has scored nothing") {
		t.Errorf("%s: %s", v.Outcome, v.Sentence)
	}
}

// Fewer than 16 clusters per arm decide nothing, whatever they count.
func TestFewClustersDecideNothing(t *testing.T) {
	w := newTraffic(9)
	w.perArm, w.active = 1, 12
	w.sample = .5
	w.shift = func(int) float64 { return .3 }
	w.errors = oneIn(.5, 0, 1)
	var s State
	v, _ := w.until(&s, Policy{WindowBuckets: 2}, 40)
	if v.Outcome != Worse { // both arms' pairs together reach 24 clusters
		t.Errorf("paired: %s: %s", v.Outcome, v.Sentence)
	}
	w = newTraffic(9)
	w.perArm, w.active = 1, 12
	w.shift = func(int) float64 { return .3 }
	w.errors = oneIn(.5, 0, 1)
	s = State{}
	v, _ = w.until(&s, Policy{WindowBuckets: 2}, 40)
	if v.Outcome != Unsure || !strings.Contains(v.Sentence, "open more connections") {
		t.Errorf("served: %s: %s", v.Outcome, v.Sentence)
	}
}

// A task that is replaced in the middle: what it counted stays, the new one
// starts from zero, and nothing is counted twice.
func TestTaskIsReplaced(t *testing.T) {
	w := newTraffic(10)
	var s State
	for range 3 {
		s.Look(w.next(), Policy{})
	}
	old := sum(w.reports[0].Requests)
	w.reports[0] = blank(w.reports[0].Task, Candidate, w.buckets)
	w.reports[0].Boot = "b2"
	w.columns[0] = blanks(w.partners, w.buckets)
	for range 3 {
		s.Look(w.next(), Policy{})
	}
	want := old
	for _, r := range w.reports {
		if r.Arm == Candidate {
			want += sum(r.Requests)
		}
	}
	if s.answered[candidate] != want {
		t.Errorf("%d requests counted, want %d", s.answered[candidate], want)
	}
	if len(s.rows) != 5 {
		t.Errorf("%d rows, want 5", len(s.rows))
	}
}

// A partner that appears in the middle gets its own proofs.
func TestPartnerAppears(t *testing.T) {
	w := newTraffic(11)
	var s State
	for range 5 {
		s.Look(w.next(), Policy{})
	}
	first := w.partners
	w.partners += 2
	for i := range w.columns {
		w.columns[i] = append(w.columns[i], blanks(2, w.buckets)...)
	}
	w.shift = func(k int) float64 {
		if k == first {
			return .4
		}
		return 0
	}
	v, _ := w.until(&s, Policy{}, 60)
	if v.Outcome != Worse || v.Partner != partnerName(first) {
		t.Errorf("%s naming %q: %s", v.Outcome, v.Partner, v.Sentence)
	}
}

// A control task that becomes a canary task without a step being announced
// closes the windows by itself.
func TestArmChangesWithoutAStep(t *testing.T) {
	w := newTraffic(12)
	var s State
	for range 4 {
		s.Look(w.next(), Policy{})
	}
	w.reports[2].Arm, w.reports[2].Generation = Candidate, 2
	fresh := blank("x", Candidate, w.buckets)
	w.reports[2].Requests, w.reports[2].Errors, w.reports[2].Invalid = fresh.Requests, fresh.Errors, fresh.Invalid
	w.reports[2].ShadowRequests, w.reports[2].ShadowInvalid = fresh.ShadowRequests, fresh.ShadowInvalid
	w.reports[2].Partners, w.columns[2] = map[string]Columns{}, blanks(w.partners, w.buckets)
	l := w.next()
	l.Expected = nil
	v := s.Look(l, Policy{})
	if v.Outcome != Unsure {
		t.Errorf("%s: %s", v.Outcome, v.Sentence)
	}
	if st := s.streams[overall]; st.Open[candidate] != 0 && st.Windows == 0 {
		t.Errorf("no window was closed: %+v", st)
	}
}

// Once worse, always worse, with the first sentence.
func TestWorseIsLatched(t *testing.T) {
	w := newTraffic(13)
	w.shift = func(int) float64 { return .2 }
	var s State
	first, _ := w.until(&s, Policy{}, 40)
	w.shift = func(int) float64 { return 0 }
	s.Step()
	w.begin()
	for range 30 {
		if v := s.Look(w.next(), Policy{Margin: .5}); v.Outcome != Worse || v.Sentence != first.Sentence {
			t.Fatalf("%s: %s", v.Outcome, v.Sentence)
		}
	}
	if v := s.Look(Look{Served: true, Silent: []string{"all"}}, Policy{}); v.Outcome != Worse {
		t.Errorf("bad data made it %s", v.Outcome)
	}
}

// A shift that was announced is fine where it happens, and worse where it does
// not.
func TestIntendedShift(t *testing.T) {
	p := Policy{Intended: .1}
	for _, shift := range []float64{0, .1} {
		w := newTraffic(14)
		w.perLook = 1000
		w.shift = func(int) float64 { return shift }
		var s State
		v, _ := w.until(&s, p, 40)
		if want := map[float64]Outcome{0: Worse, .1: Acceptable}[shift]; v.Outcome != want {
			t.Errorf("shift %v: %s: %s", shift, v.Outcome, v.Sentence)
		}
	}
}

// Proofs under a wide margin are no proofs under a narrow one.
func TestProofHoldsForItsBandOnly(t *testing.T) {
	w := newTraffic(15)
	w.errors = nil
	var s State
	wide := Policy{Margin: .2, PartnerMargin: .2, TailMargin: .2, ErrorFloor: .01}
	if v, _ := w.until(&s, wide, 40); v.Outcome != Acceptable {
		t.Fatalf("wide: %s: %s", v.Outcome, v.Sentence)
	}
	narrow := wide
	narrow.Margin = .015
	if v := s.Look(w.see(), narrow); v.Outcome != Unsure || v.Gate != GateFilterRateServed {
		t.Errorf("narrow: %s by %s: %s", v.Outcome, v.Gate, v.Sentence)
	}
}

// Folding a task away changes no estimate.
func TestFoldKeepsEstimates(t *testing.T) {
	w := newTraffic(16)
	w.sample = .3
	var s State
	for range 6 {
		s.Look(w.next(), Policy{})
	}
	s.closeAtStep()
	before, pairs := s.sumUp(), s.sumUp().paired
	want := s.streams[overall].estimateServed(before.u2[overall], before.g[overall])
	s.looks += 5
	if !s.foldOldest() || len(s.rows) != 3 {
		t.Fatalf("%d rows", len(s.rows))
	}
	after := s.sumUp()
	got := s.streams[overall].estimateServed(after.u2[overall], after.g[overall])
	near(t, "served info", got.info, want.info, 1e-12)
	if got.clusters != want.clusters {
		t.Errorf("clusters %v, want %v", got.clusters, want.clusters)
	}
	for i := range pairs {
		near(t, "paired info", after.paired[i].estimatePaired(1).info, pairs[i].estimatePaired(1).info, 1e-12)
	}
	// The folded task comes back: only what it counts from now on is counted.
	counted := s.answered[candidate]
	s.Look(w.see(), Policy{})
	if s.answered[candidate] != counted {
		t.Errorf("%d requests were counted twice", s.answered[candidate]-counted)
	}
}
