package judge

import (
	"math"
	"strings"
	"testing"
	"time"
)

// tasks is an exceedance over so many tasks per arm, all with as many requests
// but shares of their own, in so many windows.
func tasksOf(requests float64, windows int, shares [Arms][]float64) Exceedance {
	var d Difference
	d.Windows = windows
	var rate, n [Arms]float64
	for a, each := range shares {
		for _, p := range each {
			d.N[a] += requests
			d.X[a] += p * requests
			d.NN[a] += requests * requests
			d.G[a]++
		}
		n[a] = d.N[a]
		rate[a] = d.X[a] / d.N[a]
	}
	d.Q = n[CandidateArm] * n[ControlArm] / (n[CandidateArm] + n[ControlArm])
	d.D = d.Q * (rate[CandidateArm] - rate[ControlArm])
	for a, each := range shares {
		for _, p := range each {
			u := d.Q / n[a] * requests * (p - rate[a])
			d.U2[a] += u * u
		}
		rare := 1 / (n[a] + 2)
		d.Binomial += d.Q * d.Q * math.Max(rate[a]*(1-rate[a]), rare*(1-rare)) / n[a]
	}
	return Exceedance{Edge: 50, Of: d}
}

func alike(n int, share, spread float64) (all []float64) {
	for i := range n {
		all = append(all, share+spread*(float64(i%2)-.5))
	}
	return all
}

func TestLatencyVector(t *testing.T) {
	x := Exceedance{Edge: 50, Of: Difference{
		D: 400, Q: 40000, Windows: 10, Binomial: 590, N: [Arms]float64{80000, 80000}, X: [Arms]float64{1600, 800},
		U2: [Arms]float64{90000, 40000}, NN: [Arms]float64{8e8, 8e8}, G: [Arms]int{8, 8},
	}}
	s := weighLatency(x, .005, [Arms]int{8, 8})
	near(t, "d", s.d, .01, 1e-12)
	near(t, "I", s.info, 10769.23076923077, 1e-9)
	near(t, "nu", s.nu, 12.195876288659795, 1e-9)
	near(t, "against", s.against, -.41644399160912543, 1e-9)
	near(t, "proof", s.proof, -.27699523882850352, 1e-9)

	x.Of.G = [Arms]int{7, 8} // the margin doubles
	x.Of.NN = [Arms]float64{8e8, 8e8}
	s = weighLatency(x, .005, [Arms]int{7, 8})
	near(t, "against with few tasks", s.against, -1.009394641444672, 1e-9)
	near(t, "proof with few tasks", s.proof, -.32617894736986008, 1e-9)
}

func TestLatency(t *testing.T) {
	for _, tt := range []struct {
		name              string
		candidate, stable []float64
		worse, proven     bool
		refused           bool
	}{
		{"no change", alike(8, .01, .001), alike(8, .01, .001), false, true, false},
		{"twice as many slow ones", alike(8, .02, .002), alike(8, .01, .001), true, false, false},
		{"on the margin", alike(8, .015, .002), alike(8, .01, .001), false, false, false},
		{"faster", alike(8, .001, 0), alike(8, .01, .001), false, true, false},
		{"a noisy neighbour", append(alike(7, .01, .001), .08), alike(8, .01, .001), false, false, false},
		{"few tasks, little change", alike(4, .01, .001), alike(4, .01, .001), false, true, false},
		{"few tasks, much slower", alike(4, .05, .002), alike(4, .01, .001), true, false, false},
		{"three tasks", alike(3, .5, .001), alike(8, .01, .001), false, false, true},
		{"hardly any slow ones", alike(8, .00001, 0), alike(8, 0, 0), false, true, false},
	} {
		s := weighLatency(tasksOf(100000, 10, [Arms][]float64{tt.candidate, tt.stable}), .005, [Arms]int{len(tt.candidate), len(tt.stable)})
		if worse := s.against >= math.Log(1/latencyAlpha); worse != tt.worse {
			t.Errorf("%s: worse %v at ln E = %v (d %v, nu %v)", tt.name, worse, s.against, s.d, s.nu)
		}
		if proven := s.proof >= requiredLog; proven != tt.proven || s.refused != tt.refused {
			t.Errorf("%s: proven %v at ln E = %v, refused %v", tt.name, proven, s.proof, s.refused)
		}
	}
	if s := weighLatency(Exceedance{}, .005, [Arms]int{8, 8}); s.known || s.against != 0 || s.proof != 0 {
		t.Errorf("nothing says %+v", s)
	}
}

// One task that carries most requests leaves few degrees of freedom.
func TestHeavyTask(t *testing.T) {
	x := tasksOf(1000, 3, [Arms][]float64{alike(8, .03, .001), alike(8, .01, .001)})
	even := x.Of.byTask()
	x.Of.NN[CandidateArm] = .9 * x.Of.N[CandidateArm] * x.Of.N[CandidateArm]
	if heavy := x.Of.byTask(); heavy.ready || !(heavy.nu < even.nu) {
		t.Errorf("heavy %+v, even %+v", heavy, even)
	}
}

// before gives every task of an exceedance a past, known from so many requests.
func before(x Exceedance, requests float64, now, then [Arms][]float64) Exceedance {
	var rate, was [Arms]float64
	for a, each := range now {
		for i, p := range each {
			rate[a] += p / float64(len(each))
			was[a] += then[a][i] / float64(len(each))
		}
	}
	x.Past.D = x.Of.Q * (was[CandidateArm] - was[ControlArm])
	for a, each := range now {
		g := float64(len(each))
		for i, p := range each {
			u := x.Of.Q / g * (p - rate[a] - then[a][i] + was[a])
			x.Past.U2[a] += u * u
			w := x.Of.Q / g
			x.Past.Variance += w * w * then[a][i] * (1 - then[a][i]) / requests
		}
	}
	return x
}

// Against its own past, a task that was always slow says nothing against what
// it serves; one that has become slow is one task, and no verdict; and a
// candidate that makes all slow is found out among tasks that differ.
func TestLatencyAgainstThePast(t *testing.T) {
	type arms = [Arms][]float64
	quiet := alike(8, .01, .0005)
	noisy := append(alike(7, .01, .0005), .08)
	for _, tt := range []struct {
		name                    string
		now, then               arms
		requests                float64
		past, worse, proven     bool
		worseAlone, provenAlone bool
	}{
		{"always slow", arms{noisy, quiet}, arms{noisy, quiet}, 1e6, true, false, true, false, false},
		{"become slow", arms{noisy, quiet}, arms{quiet, quiet}, 1e6, true, false, false, false, false},
		{"a past too short", arms{noisy, quiet}, arms{noisy, quiet}, 1e3, false, false, false, false, false},
		{
			"slower on unequal machines",
			arms{alike(8, .03, .03), alike(8, .02, .03)},
			arms{alike(8, .02, .03), alike(8, .02, .0301)},
			1e6, true, true, false, false, false,
		},
		{
			"no change on unequal machines",
			arms{alike(8, .02, .03), alike(8, .02, .03)},
			arms{alike(8, .02, .0302), alike(8, .02, .03)},
			1e6, true, false, true, false, false,
		},
	} {
		x := tasksOf(100000, 10, tt.now)
		for _, past := range []bool{false, true} {
			worse, proven := tt.worseAlone, tt.provenAlone
			if past {
				x, worse, proven = before(x, tt.requests, tt.now, tt.then), tt.worse, tt.proven
			}
			s := weighLatency(x, .005, [Arms]int{8, 8})
			if s.past != (past && tt.past) || (s.against >= math.Log(1/latencyAlpha)) != worse || (s.proof >= requiredLog) != proven {
				t.Errorf("%s, past %v: %+v", tt.name, past, s)
			}
		}
	}
}

// Who has become slow alone is named, and so is how far the edges have moved.
func TestLatencyText(t *testing.T) {
	noisy, quiet := append(alike(7, .01, .0005), .08), alike(8, .01, .0005)
	x := before(tasksOf(100000, 10, [Arms][]float64{noisy, quiet}), 1e6, [Arms][]float64{noisy, quiet}, [Arms][]float64{quiet, quiet})
	x.Shift, x.Loudest = 4, Cluster{Task: "t7", Arm: Candidate, Influence: math.Sqrt(.9 * (x.Past.U2[CandidateArm] + x.Past.U2[ControlArm]))}
	s := State{past{Proved: map[Gate]proof{}}}
	r := s.ruleLatency(&Statistics{Served: true, Latency: x}, Policy{}.Sane())
	if len(r.Drivers) != 1 || r.Drivers[0].Name != "t7" || math.Abs(r.Drivers[0].Share-.9) > 1e-9 || !r.SincePast {
		t.Errorf("%+v", r.Drivers)
	}
	for text, want := range map[string]string{r.text: "longer than 2 times the p99 that their task had", r.wayOut(): "task t7 alone brings 90.0 %"} {
		if !strings.Contains(text, want) {
			t.Errorf("it says %q, not %q", text, want)
		}
	}
	x.Loudest.Influence /= 2
	if alone := s.ruleLatency(&Statistics{Served: true, Latency: Exceedance{Edge: 50, Of: x.Of}}, Policy{}.Sane()); !strings.Contains(alone.wayOut(), "what they did before the rollout is not known") {
		t.Errorf("without a past it says %q", alone.wayOut())
	}
	if r := s.ruleLatency(&Statistics{Served: true, Latency: x}, Policy{}.Sane()); len(r.Drivers) != 0 || !strings.Contains(r.wayOut(), "tasks differ for good") {
		t.Errorf("named: %+v", r.Drivers)
	}
}

// Who stayed slow after leaving the candidate is slow by itself; a task that is
// fine with stable, or of which little is known yet, is not. Who was not slow
// with the candidate changed sides for something else.
func TestSides(t *testing.T) {
	of := func(with, without, n float64) BothSides {
		return BothSides{Task: "t", Requests: [Arms]float64{2000, n}, Slow: [Arms]float64{with * 2000, without * n}, Usual: .01}
	}
	for _, tt := range []struct {
		name            string
		b               BothSides
		cleared, blamed bool
	}{
		{"as slow with stable", of(.15, .14, 1000), true, false},
		{"a third as slow", of(.15, .057, 1000), true, false},
		{"less than that", of(.15, .056, 1000), false, true},
		{"as usual with stable", of(.15, .01, 1000), false, true},
		{"too few requests with stable", of(.15, .15, 199), false, true},
		{"beyond chance with the candidate only", of(.02, .022, 1000), false, true}, // 4.5 standard errors, and 3.8
		{"slow on neither side", of(.012, .012, 1000), false, false},
		{"slow with stable only", of(.012, .15, 1000), false, false},
		{"slower by what all of them may be", BothSides{Task: "t", Requests: [Arms]float64{1e5, 1000}, Slow: [Arms]float64{1490, 10}, Usual: .01}, false, false},
		{"slower by more", BothSides{Task: "t", Requests: [Arms]float64{1e5, 1000}, Slow: [Arms]float64{1510, 10}, Usual: .01}, false, true},
		{"nothing is known of it with the candidate", BothSides{Task: "t", Requests: [Arms]float64{0, 1000}, Slow: [Arms]float64{0, 150}}, false, false},
	} {
		cleared, blamed := sides([]BothSides{tt.b}, .005)
		if (len(cleared) > 0) != tt.cleared || (blamed != "") != tt.blamed {
			t.Errorf("%s: cleared %v, blamed %q", tt.name, cleared, blamed)
		}
	}
	slow := of(.15, .01, 1000)
	slow.Task = "u"
	again := slow
	again.Task = "v"
	cleared, blamed := sides([]BothSides{of(.15, .14, 1000), slow, again}, .005)
	if len(cleared) != 1 || cleared[0] != "t" || blamed != "u" {
		t.Errorf("cleared %v, blamed %s", cleared, blamed)
	}
}

// A canary that changed sides since it failed, and was as fast as ever, holds up
// no proof of latency.
func TestFailedCanaryHoldsNoLatency(t *testing.T) {
	quiet := alike(8, .01, .0005)
	fine := before(tasksOf(100000, 10, [Arms][]float64{quiet, quiet}), 1e6, [Arms][]float64{quiet, quiet}, [Arms][]float64{quiet, quiet})
	s := State{past{Proved: map[Gate]proof{}}}
	r := s.ruleLatency(&Statistics{
		At: time.Unix(1e9, 0), Served: true, Latency: fine, Others: Exceedance{Edge: 50},
		BothSides: []BothSides{{Task: "t7", Requests: [Arms]float64{2000, 2000}, Slow: [Arms]float64{20, 20}, Usual: .01}},
	}, Policy{}.Sane())
	if r.Outcome != Acceptable || strings.Contains(r.text, "t7") {
		t.Errorf("%s: %s", r.Outcome, r.text)
	}
}

// One canary that is slow alone is suspect after two minutes, and nothing is
// proven meanwhile. When it has left the candidate, the others prove the latency
// if it stays slow, and nothing does if it recovers.
func TestSlowCanary(t *testing.T) {
	quiet := alike(8, .01, .0005)
	noisy := append(alike(7, .01, .0005), .08)
	x := before(tasksOf(100000, 10, [Arms][]float64{noisy, quiet}), 1e6, [Arms][]float64{noisy, quiet}, [Arms][]float64{quiet, quiet})
	x.Loudest = Cluster{Task: "t7", Arm: Candidate, Influence: math.Sqrt(.9 * (x.Past.U2[CandidateArm] + x.Past.U2[ControlArm]))}
	fine := before(tasksOf(100000, 10, [Arms][]float64{quiet, quiet}), 1e6, [Arms][]float64{quiet, quiet}, [Arms][]float64{quiet, quiet})
	s := State{past{Proved: map[Gate]proof{}}}
	p := Policy{}.Sane()
	at := time.Unix(1e9, 0)
	if r := s.ruleLatency(&Statistics{At: at, Served: true, Latency: fine}, p); r.Outcome != Acceptable || r.suspect != "" {
		t.Fatalf("before it is slow: %s, suspect %q", r.Outcome, r.suspect)
	}
	for _, tt := range []struct {
		after   time.Duration
		suspect string
	}{{10 * time.Second, ""}, {2 * time.Minute, ""}, {130 * time.Second, "t7"}} {
		r := s.ruleLatency(&Statistics{At: at.Add(tt.after), Served: true, Latency: x}, p)
		if r.Outcome != Unsure || r.suspect != tt.suspect {
			t.Errorf("after %v: %s, suspect %q", tt.after, r.Outcome, r.suspect)
		}
	}
	swapped := Statistics{At: at.Add(5 * time.Minute), Served: true, Latency: x, Others: fine}
	swapped.BothSides = []BothSides{{Task: "t7", Requests: [Arms]float64{2000, 2000}, Slow: [Arms]float64{160, 20}, Usual: .01}}
	if r := s.ruleLatency(&swapped, p); r.Outcome != Unsure || !strings.Contains(r.text, "t7 has left the candidate and is not as slow with stable") {
		t.Errorf("it recovered: %s, %q", r.Outcome, r.text)
	}
	swapped.BothSides[0].Slow[ControlArm] = 150
	if r := s.ruleLatency(&swapped, p); r.Outcome != Acceptable || !strings.Contains(r.text, "without t7, as slow with stable") {
		t.Errorf("it stayed slow: %s, %q", r.Outcome, r.text)
	}
	p.LatencySLO, swapped.SLO = 5*time.Millisecond, x // beside what was promised t7 counts still
	swapped.SLO.Past.D -= .001 * x.Of.Q
	s = State{past{Proved: map[Gate]proof{}}}
	if r := s.ruleLatency(&swapped, p); r.Outcome != Unsure || strings.Contains(r.text, "without t7") || !strings.Contains(r.text, "5.79 ms or more") {
		t.Errorf("of what was promised: %s, %q", r.Outcome, r.text)
	}
}

// One that is gone, or compared elsewhere, is no suspect, however much it once
// brought, and holds up no proof.
func TestSlowCanaryIsGone(t *testing.T) {
	quiet := alike(8, .01, .0005)
	fine := before(tasksOf(100000, 10, [Arms][]float64{quiet, quiet}), 1e6, [Arms][]float64{quiet, quiet}, [Arms][]float64{quiet, quiet})
	fine.Of.D, fine.Past.D, fine.Past.U2 = fine.Of.Q*.0001, 0, fine.Of.U2
	fine.Loudest = Cluster{Task: "t7", Arm: Candidate, Influence: math.Sqrt(.9 * (fine.Past.U2[CandidateArm] + fine.Past.U2[ControlArm]))}
	s := State{past{Proved: map[Gate]proof{}}}
	at := time.Unix(1e9, 0)
	look := func(after time.Duration) ruling {
		return s.ruleLatency(&Statistics{At: at.Add(after), Served: true, Latency: fine}, Policy{}.Sane())
	}
	look(0)
	if r := look(slowFor); r.Outcome != Unsure || r.suspect != "t7" {
		t.Errorf("while it is there: %s, suspect %q", r.Outcome, r.suspect)
	}
	fine.Loudest.Arm = ""
	if r := look(2 * slowFor); r.Outcome != Acceptable || r.suspect != "" || len(r.Drivers) != 1 {
		t.Errorf("when it is gone: %s, suspect %q, by %v", r.Outcome, r.suspect, r.Drivers)
	}
}

// What has changed since before is what counts, where the past is known eight
// times better than the margin.
func TestChangeSincePast(t *testing.T) {
	x := Exceedance{Of: Difference{D: 50, Q: 1000, U2: [Arms]float64{9, 9}, Binomial: 7}, Past: Past{D: 20, U2: [Arms]float64{4, 5}}}
	most := .005 / 8 * 1000
	for variance, past := range map[float64]bool{0: false, most * most: true, most * most * 1.001: false, 1e-9: true} {
		x.Past.Variance = variance
		got, since := x.change(.005)
		want := x.Of
		if past {
			want.D, want.U2, want.Binomial = 30, [Arms]float64{4, 5}, 7+variance
		}
		if since != past || got != want {
			t.Errorf("variance %v: %+v, since the past %v", variance, got, since)
		}
	}
}

// Four tasks of each arm are enough, eight for the margin as it is; where hardly
// anything is slow the candidate's own share is proven.
func TestLatencyByHand(t *testing.T) {
	x := Exceedance{Edge: 50, Loudest: Cluster{Task: "a", Influence: 20}, Of: Difference{
		D: 400, Q: 40000, Windows: 2, Binomial: 590, N: [Arms]float64{80000, 80000}, X: [Arms]float64{1600, 800},
		U2: [Arms]float64{300, 500}, NN: [Arms]float64{8e8, 8e8}, G: [Arms]int{8, 8},
	}}
	s := weighLatency(x, .005, [Arms]int{3, 8})
	if s.driver != (Driver{"a", .5}) || s.tasks != [Arms]int{8, 8} || s.margin != .005 || s.refused || !s.ready {
		t.Errorf("%+v", s)
	}
	held := Statistics{Served: true, Latency: x, Load: [Arms]Load{{Tasks: 8}, {Tasks: 8}}}
	if r := new(State).withRoom(&held).ruleLatency(&held, Policy{}.Sane()); len(r.Drivers) != 1 {
		t.Errorf("half of it is one task's: %+v", r.Drivers)
	}
	x.Past.Variance = 1e9 // a past that is not known well names nobody
	if s := weighLatency(x, .005, [Arms]int{8, 8}); s.driver != (Driver{}) || s.past {
		t.Errorf("%+v", s.driver)
	}
	x.Past.Variance = 0
	for _, tt := range []struct {
		tasks          int
		margin         float64
		refused, ready bool
	}{{8, .005, false, true}, {7, .01, false, true}, {4, .01, false, true}, {3, .01, true, false}} {
		few := x
		few.Of.G, few.Of.NN[1] = [Arms]int{8, tt.tasks}, 64e8/float64(tt.tasks)
		if s := weighLatency(few, .005, [Arms]int{8, tt.tasks}); s.margin != tt.margin || s.refused != tt.refused || s.ready != tt.ready || (s.against == 0) != tt.refused {
			t.Errorf("%d tasks: %+v", tt.tasks, s)
		}
	}
	uneven := x
	uneven.Of.NN[1] = 64e8 / 3
	if s := weighLatency(uneven, .005, [Arms]int{8, 8}); s.ready || s.proof != 0 {
		t.Errorf("three tasks have nearly all requests: %+v", s)
	}
	uneven.Of.NN[1] = 64e8 / 3.01
	if s := weighLatency(uneven, .005, [Arms]int{8, 8}); !s.ready {
		t.Errorf("a little more: %+v", s)
	}
	rare := x
	rare.Of.X, rare.Of.D = [Arms]float64{30, 9}, 10
	s = weighLatency(rare, .005, [Arms]int{8, 8})
	near(t, "proof", s.proof, logBelow(30, 80000, .005, s.phi)-math.Ln2, 1e-12)
	if s.against != 0 || s.ready {
		t.Errorf("39 slow requests: %+v", s)
	}
	rare.Of.NN[1] = 64e8 / 3.01 // a little more than three tasks tell as much
	if s := weighLatency(rare, .005, [Arms]int{8, 8}); s.proof == 0 {
		t.Errorf("a little more than three tasks: %+v", s)
	}
	rare.Of.NN[1] = 64e8 / 3
	if s := weighLatency(rare, .005, [Arms]int{8, 8}); s.proof != 0 {
		t.Errorf("three tasks: %+v", s)
	}
	rare.Of.NN[1], rare.Of.Windows = 8e8, 1
	if s := weighLatency(rare, .005, [Arms]int{8, 8}); s.proof != 0 {
		t.Errorf("one window: %+v", s)
	}
}

// Both edges share the error: the louder one is shown, and the least proof
// counts.
func TestPromisedLatency(t *testing.T) {
	slow, fine := tasksOf(10000, 10, [Arms][]float64{alike(8, .03, .001), alike(8, .01, .001)}), tasksOf(10000, 10, [Arms][]float64{alike(8, .01, .001), alike(8, .01, .001)})
	slow.Loudest, fine.Loudest = Cluster{Task: "s", Influence: 1e9}, Cluster{Task: "f"}
	tasks := [Arms]int{8, 8}
	p := Policy{LatencySLO: 1}.Sane()
	for _, tt := range []struct {
		own, promised, shown Exceedance
	}{{fine, slow, slow}, {slow, fine, slow}, {fine, fine, fine}} {
		s := Statistics{Served: true, Latency: tt.own, SLO: tt.promised, Load: [Arms]Load{{Tasks: 8}, {Tasks: 8}}}
		r := new(State).withRoom(&s).ruleLatency(&s, p)
		own, promised := weighLatency(tt.own, .005, tasks), weighLatency(tt.promised, .005, tasks)
		near(t, "evidence", r.against, logSumExp([]float64{own.against, promised.against}, []float64{.5, .5}), 1e-12)
		near(t, "proof", r.Proof, expCapped(min(own.proof, promised.proof)), 1e-9)
		near(t, "difference", r.Difference, tt.shown.Of.D/tt.shown.Of.Q, 1e-12)
		if r.Low < -1 || (len(r.Drivers) == 1) != (tt.shown.Loudest.Task == "s") || !r.asked || r.band != (band{-1, .005, .005}) || r.least != 4 {
			t.Errorf("%+v", r)
		}
	}
	early, later := slow, fine // nothing is weighed after one window: the larger difference is shown
	early.Of.Windows, later.Of.Windows = 1, 1
	early.Loudest.Influence = math.Sqrt(.5 * (early.Of.U2[CandidateArm] + early.Of.U2[ControlArm]))
	for _, both := range [][2]Exceedance{{early, later}, {later, early}} {
		s := Statistics{Served: true, Latency: both[0], SLO: both[1], Load: [Arms]Load{{Tasks: 8}, {Tasks: 8}}}
		r := new(State).withRoom(&s).ruleLatency(&s, p)
		if r.Difference != early.Of.D/early.Of.Q || len(r.Drivers) != 1 || r.against != 0 {
			t.Errorf("after one window: %+v", r.Finding)
		}
	}
	s := Statistics{Served: true, Latency: slow, SLO: slow, Load: [Arms]Load{{Tasks: 8}, {Tasks: 8}}}
	s.SLO.Edge = 0
	if r := new(State).withRoom(&s).ruleLatency(&s, p); r.against != weighLatency(slow, .005, tasks).against {
		t.Errorf("nothing was promised yet: %+v", r)
	}
	s.SLO, p.LatencySLO = fine, 0
	if r := new(State).withRoom(&s).ruleLatency(&s, p); r.against != weighLatency(slow, .005, tasks).against {
		t.Errorf("nothing is promised: %+v", r)
	}
	none := Statistics{Served: true, Latency: Exceedance{Edge: 50}, Answered: [Arms]int64{deadAfter + 1, deadAfter + 1}, Load: s.Load}
	r := new(State).withRoom(&none).ruleLatency(&none, p)
	if !strings.Contains(r.text, "dead metric") || r.Low != -1 || r.High != 1 {
		t.Errorf("%+v", r)
	}
	none.Answered[1] = deadAfter
	if r := new(State).withRoom(&none).ruleLatency(&none, p); r.text != "nothing to compare yet" {
		t.Error(r.text)
	}
}

// withRoom is the state with room for what statistics know.
func (s *State) withRoom(t *Statistics) *State {
	s.fit(t)
	return s
}
