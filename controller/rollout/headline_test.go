package rollout

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sluicehq/sluice/controller/admit"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

// TestHeadlines keeps what people read of every story: of each arrow, for each
// reason, the first time that it is taken, of what stands when all has been
// done that there was to do, and of each end.
func TestHeadlines(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	var out strings.Builder
	known := map[string]bool{}
	once := func(title string, h Headline, names ...string) {
		checkHeadline(t, title, h, names...)
		if !known[title] {
			known[title] = true
			fmt.Fprintf(&out, "%s\n  %s\n    %s\n", title, h.Text, h.WayOut)
		}
	}
	for _, file := range files {
		story, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, told, last := storyPolicies(), int64(0), State{}
		then, over := map[int64]Headline{}, map[string]Rollout{} // what was read at the moment, and what became of all
		tell(t, string(story), func(s State, now time.Time) {
			for _, r := range s.Finished {
				over[r.ID] = r
			}
			for _, e := range s.Events {
				if e.Seq <= told {
					continue
				}
				told, last = e.Seq, s
				then[e.Seq] = e.Headline(s.Find(e.Rollout), p.For(e.Rollout))
				once(fmt.Sprintf("%s -> %s %s", e.From, e.To, e.Reason), then[e.Seq], namesIn(e)...)
			}
			if r := s.Active; r != nil {
				once(fmt.Sprintf("%s %s", r.Phase, r.Reason), r.Headline(p.For(r.ID), now), namesIn(teller{Rollout: *r}.lately())...)
			}
		})
		for _, r := range over {
			for _, e := range r.History {
				if now := e.Headline(&r, p.For(r.ID)); now != then[e.Seq] {
					t.Errorf("%s: %s -> %s read %q at its time, and %q now", file, e.From, e.To, then[e.Seq], now)
				}
			}
			end, older := teller{Rollout: r}.lately(), r
			older.History = r.History[:len(r.History)-1]
			if now := end.Headline(&older, p.For(r.ID)); now != then[end.Seq] {
				t.Errorf("%s: of a rollout as it was before its end one reads %q, else %q", file, now, then[end.Seq])
			}
			if stands := r.Headline(p.For(r.ID), start.Add(48*time.Hour)); stands != then[teller{Rollout: r}.lately().Seq] {
				t.Errorf("%s: %s reads %q, its end %q", file, r.ID, stands, then[teller{Rollout: r}.lately().Seq])
			}
		}
		end := last.Active
		if n := len(last.Finished); end == nil && n > 0 {
			end = &last.Finished[n-1]
		}
		if end != nil {
			once("end of "+strings.TrimSuffix(filepath.Base(file), ".txt"), end.Headline(p.For(end.ID), start.Add(time.Hour)), namesIn(teller{Rollout: *end}.lately())...)
		}
	}
	kept(t, "testdata/headlines.golden", out.String())
}

// namesIn are the names by which people know whom an event is about.
func namesIn(e Event) []string {
	if e.Rollout == "" || strings.HasPrefix(e.Rollout, "rollback-") {
		return nil
	}
	return []string{e.Rollout, "solvane"}
}

// checkHeadline holds what everybody must be able to read.
func checkHeadline(t testing.TB, of string, h Headline, names ...string) {
	t.Helper()
	if n := utf8.RuneCountInString(h.Text); n == 0 || n >= 110 || h.WayOut == "" {
		t.Errorf("%s: %d characters: %q, %q", of, n, h.Text, h.WayOut)
	}
	if !strings.HasSuffix(h.Text, ".") || !strings.HasSuffix(h.WayOut, ".") {
		t.Errorf("%s is no sentence: %q, %q", of, h.Text, h.WayOut)
	}
	if strings.ContainsAny(h.Text, "_=<>+[]`") || strings.Contains(h.Text, "%!") || strings.Contains(h.Text, "is in the phase") {
		t.Errorf("%s is not plain: %q", of, h.Text)
	}
	for _, word := range strings.FieldsFunc(h.Text, func(r rune) bool {
		return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-", r)
	}) {
		if word == strings.ToUpper(word) && word != strings.ToLower(word) && !slices.Contains([]string{"A", "ECS", "S3"}, word) {
			t.Errorf("%s shouts %q: %q", of, word, h.Text)
		}
	}
	if len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return strings.Contains(h.Text, n) }) {
		t.Errorf("%s names none of %v: %q", of, names, h.Text)
	}
}

// kept compares with what is kept, or keeps it.
func kept(t *testing.T, file, got string) {
	t.Helper()
	want, err := os.ReadFile(file)
	if *update {
		err = os.WriteFile(file, []byte(got), 0o644)
	} else if string(want) != got {
		t.Errorf("%s now reads:\n%s", file, got)
	}
	if err != nil {
		t.Error(err)
	}
}

// TestEveryReasonHasItsHeadline fails for a reason, of a rollout or of a
// refusal, that is told nowhere in plain words.
func TestEveryReasonHasItsHeadline(t *testing.T) {
	phases := []Phase{"", Queued, Admitting, Shadow, Canary, Held, Promoting, RollingBack, Live, RolledBack, Refused, Superseded}
	reasons := append(constants(t, "rollout.go", "Reason"), constants(t, "../../inference/model/refusal.go", "Reason")...)
	reasons = append(reasons, constants(t, "../../inference/release/refusal.go", "Reason")...)
	reasons = append(reasons, constants(t, "../admit/admit.go", "Reason")...)
	if len(reasons) < 45 {
		t.Fatalf("only %d reasons are found: %v", len(reasons), reasons)
	}
	for _, why := range reasons {
		plain := 0
		for _, to := range phases {
			h := Event{At: start, Rollout: "two", To: to, Reason: Reason(why), Sentence: "s", By: "ann"}.Headline(nil, Policy{})
			if !strings.Contains(h.Text, "is in the phase") {
				plain++
				checkHeadline(t, fmt.Sprint(to, " ", why), h)
			}
		}
		if plain == 0 {
			t.Errorf("nothing is told of the reason %s", why)
		}
	}
}

// TestRefusalsByTheirSentence holds what is read of refusals that one word
// stands for, as package admit tells them.
func TestRefusalsByTheirSentence(t *testing.T) {
	margins, row := releasetest.Manifest(0), releasetest.Manifest(0)
	for i := range margins.Golden {
		margins.Golden[i].Margin++
	}
	few := releasetest.Manifest(0)
	few.Golden = few.Golden[:1]
	row.Golden[0].Score += .5
	for _, tt := range []struct {
		artifact []byte
		says     string
	}{
		{releasetest.Pack(margins, releasetest.Booster(0)), "two was refused: it does not answer here as it did in training (12 of 12 examples differ)."},
		{releasetest.Pack(row, releasetest.Booster(0)), "two was refused: it does not answer here as it did in training."},
		{releasetest.Pack(few, releasetest.Booster(0)), "two was refused: its examples of how it answers cannot be used."},
	} {
		report := admit.Check(tt.artifact, release.Source{Bucket: "b", Key: "k"}, admit.Policy{}, "", start)
		h := Rollout{ID: "two", Phase: Refused, Reason: Reason(report.Reason), Sentence: report.Sentence}.Headline(Policy{}, start)
		if report.Reason != release.BadGolden || h.Text != tt.says {
			t.Errorf("of %s: %s one reads %q, want %q", report.Reason, report.Sentence, h.Text, tt.says)
		}
		checkHeadline(t, report.Sentence, h, "two")
	}
	for sentence, want := range map[string]string{
		"s3://b/k: 3 of 8 answers of its library differ: for row 2 it gave the score 0.1, here it is 0.2": "3 of 8",
		"s3://b/k: golden vector 0 scores 0.1, in training it scored 0.2":                                 " of ",
	} {
		if wrong, all := differing(sentence); wrong+" of "+all != want {
			t.Errorf("%q tells of %s of %s", sentence, wrong, all)
		}
	}
}

// TestHeadlinesOfLongNames holds that no name is too long, and that the end of
// one, by which training jobs differ, is not what is left out.
func TestHeadlinesOfLongNames(t *testing.T) {
	long := func(end string) string { return strings.Repeat("long-name-", 13)[:128-len(end)] + end }
	for _, v := range verdicts() {
		v.verdict.At = start.Add(v.after)
		for i := range v.verdict.Findings {
			if f := &v.verdict.Findings[i]; f.Partner != "" {
				f.Partner, v.verdict.Partner = long("the-partner"), long("the-partner")
			}
		}
		r := Rollout{ID: long("-the-job"), By: long("ann"), Phase: Canary, Reason: Accepted, Since: start, StepSince: start, Verdict: &v.verdict, Exposed: 123_456_789}
		checkHeadline(t, v.name, r.Headline(Defaults(), v.verdict.At), "-the-job", "the-partner")
		r.Phase, r.Reason = RolledBack, CandidateWorse
		checkHeadline(t, v.name, r.Headline(Defaults(), v.verdict.At), "-the-job", "the-partner")
	}
	for _, why := range constants(t, "rollout.go", "Reason") {
		for _, to := range []Phase{"", Queued, Admitting, Canary, Held, Promoting, RollingBack, Live, RolledBack, Refused, Superseded} {
			for _, say := range []string{"paused by " + long("bob") + ": " + long("why"), "rollback asked by " + long("bob") + ": " + long("why"), "gave way to " + long("heir"), long("newer") + " is newer"} {
				e := Event{At: start, Rollout: long("-the-job"), To: to, Reason: Reason(why), Sentence: say, By: long("ann")}
				if h := e.Headline(nil, Defaults()); !strings.Contains(h.Text, "is in the phase") {
					checkHeadline(t, why, h, "-the-job", "ann", "memory of the fleet", "The freeze", "the service", "The deployment", "ECS ended", "former canary", "a tuning job")
				}
			}
		}
	}
}

// TestHeadlinesOfWhatRepeats holds that what ECS does to compared tasks again and
// again has a way out.
func TestHeadlinesOfWhatRepeats(t *testing.T) {
	for why, way := range map[Reason]string{ScaledIn: "capacity", Rebalanced: "availabilityZoneRebalancing"} {
		for seldom, l := range []Losses{{Scheduled: often}, {Scheduled: often - 1}} {
			h := Event{At: start, Rollout: "two", Reason: why, Sentence: l.scheduled(why, []string{"a", "b"})}.Headline(nil, Policy{})
			checkHeadline(t, string(why), h, "ECS ended 2 compared tasks")
			if strings.Contains(h.WayOut, way) == (seldom == 1) {
				t.Errorf("after %d: %+v", l.Scheduled, h)
			}
		}
	}
}

// constants are the values of a file's constants of a type.
func constants(t *testing.T, file, of string) (values []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, is := n.(*ast.ValueSpec)
		if !is || len(spec.Values) == 0 {
			return true
		}
		named, value := "", spec.Values[0]
		if id, is := spec.Type.(*ast.Ident); is {
			named = id.Name
		}
		if call, is := value.(*ast.CallExpr); is && len(call.Args) == 1 {
			if s, is := call.Fun.(*ast.SelectorExpr); is {
				named, value = s.Sel.Name, call.Args[0]
			}
		}
		if text, is := value.(*ast.BasicLit); is && named == of {
			values = append(values, strings.Trim(text.Value, `"`))
		}
		return true
	})
	return values
}

// TestVerdictsHaveTheirHeadlines keeps what people read of every gate and
// outcome, with figures as the judge tells them, and fails for a gate that none
// of it is about.
func TestVerdictsHaveTheirHeadlines(t *testing.T) {
	var out strings.Builder
	seen := map[judge.Gate]bool{}
	for _, v := range verdicts() {
		r := Rollout{
			ID: "partner-blind", Phase: Canary, Reason: Accepted, Steps: 2, Since: start, StepSince: start, Exposed: 1899,
			History: []Event{{At: start, To: Canary, Reason: Accepted}}, Verdict: &v.verdict,
			Predicted: release.Predicted{FilterRate: release.Interval{Low: .179, High: .185}},
		}
		if f := v.verdict.Findings[1]; f.BandLow > 0 || f.BandHigh < 0 {
			r.Intended = &release.Change{FilterRate: (f.BandLow + f.BandHigh) / 2}
		}
		v.verdict.At = start.Add(v.after)
		stands := r.Headline(storyPolicies().Default, v.verdict.At)
		fmt.Fprintf(&out, "%s\n  %s\n    %s\n", v.name, stands.Text, stands.WayOut)
		checkHeadline(t, v.name, stands, "partner-blind", "solvane")
		if v.verdict.Outcome == judge.Worse {
			r.Phase, r.Reason = RolledBack, CandidateWorse
			if v.verdict.Breaker {
				r.Reason = Breaker
			}
			r.History = append(r.History, Event{At: start.Add(41 * time.Second), To: RollingBack, Reason: CandidateWorse}, Event{At: start.Add(42 * time.Second), To: RolledBack, Reason: CandidateWorse})
			over := r.Headline(Policy{}, start.Add(time.Hour))
			fmt.Fprintf(&out, "  %s\n    %s\n", over.Text, over.WayOut)
			checkHeadline(t, v.name, over, "partner-blind", "solvane")
		}
		seen[v.verdict.Gate] = true
	}
	for _, g := range constants(t, "../judge/judge.go", "Gate") {
		if !seen[judge.Gate(g)] {
			t.Errorf("no headline is about the gate %s", g)
		}
	}
	kept(t, "testdata/verdicts.golden", out.String())
}

// told is a verdict after so long in a step.
type told struct {
	name    string
	after   time.Duration
	verdict judge.Verdict
}

func verdicts() (all []told) {
	add := func(name string, after time.Duration, v judge.Verdict, f judge.Finding) {
		f.Gate, f.Outcome = v.Gate, v.Outcome
		v.Findings = []judge.Finding{{Gate: judge.GateData}, f}
		all = append(all, told{fmt.Sprintf("%s %s: %s", v.Outcome, v.Gate, name), after, v})
	}
	worse := func(name string, g judge.Gate, f judge.Finding) {
		add(name, 41*time.Second, judge.Verdict{Outcome: judge.Worse, Gate: g, Partner: f.Partner, Breaker: g == judge.GateBreaker}, f)
	}
	rates := func(candidate, stable, low, high float64) judge.Finding {
		return judge.Finding{CandidateRate: candidate, StableRate: stable, Difference: candidate - stable, BandLow: low, BandHigh: high}
	}
	of := func(partner string, f judge.Finding) judge.Finding { f.Partner = partner; return f }
	says := func(sentence string, f judge.Finding) judge.Finding { f.Sentence = sentence; return f }
	worse("far more", judge.GateFilterRatePaired, rates(.71, .2, -.02, .02))
	worse("a little more", judge.GateFilterRateServed, rates(.203, .181, -.02, .02))
	worse("less", judge.GateFilterRateServed, rates(.1, .18, -.02, .02))
	worse("less than is meant", judge.GateFilterRateServed, rates(.2, .18, .08, .12))
	worse("more than is meant", judge.GateFilterRateServed, rates(.2, .18, -.12, -.08))
	worse("beyond a band about nothing", judge.GateFilterRateServed, rates(.3, .18, -.02, .1))
	worse("a partner", judge.GatePartnersServed, of("solvane", rates(.961, .679, -.05, .05)))
	worse("a partner, in shadow", judge.GatePartnersPaired, of("solvane", rates(.06, .09, -.015, .015)))
	worse("more fail", judge.GateErrors, rates(.12, .0001, -1, .002))
	worse("no scores", judge.GateInvalidScores, rates(.031, 0, -1, .002))
	worse("slower", judge.GateLatency, rates(.04, .01, -1, .005))
	worse("bids", judge.GateMissedBids, rates(.021, .003, -1, .005))
	worse("value", judge.GateMissedValue, rates(.05, .01, -1, .005))
	worse("scores", judge.GateDrift, rates(.412, .25, -.05, .05))
	worse("a crash", judge.GateBreaker, says("a task crashed while it served the candidate: 5b1f0a93c2de; 0 of stable's did", judge.Finding{}))
	worse("crashes", judge.GateBreaker, says("3 tasks crashed while they served the candidate; 0 of stable's did", judge.Finding{}))
	worse("failing", judge.GateBreaker, says("15.0 % of the candidate's latest requests are answered degraded (150 of 1,000), 0.0 % of stable's (0 of 1,000)", rates(.15, 0, -1, 1)))
	worse("no scores of late", judge.GateBreaker, says("40.0 % of the candidate's latest pairs have no score (400 of 1,000), 0.0 % of stable's (0 of 1,000)", rates(.4, 0, -1, 1)))
	worse("one score", judge.GateBreaker, says("all 1,000 scores of the candidate lie from 0.5 to 0.51, stable's do not", judge.Finding{}))
	add("several partners", 41*time.Second, judge.Verdict{Outcome: judge.Worse, Gate: judge.GatePartnersServed, Partner: "solvane", Culprits: []string{"solvane", "dsp-07", "dsp-09"}}, of("solvane", rates(.5, .2, -.05, .05)))

	for _, g := range []judge.Gate{judge.GateFilterRateServed, judge.GatePartnersPaired, judge.GateErrors, judge.GateInvalidScores, judge.GateLatency, judge.GateMissedBids, judge.GateMissedValue} {
		v := judge.Verdict{Outcome: judge.Unsure, Gate: g, Requests: 8_220, Needed: 16_440, Progress: .5, ETA: 40 * time.Second}
		if g == judge.GatePartnersPaired {
			v.Partner = "solvane"
		}
		add("half way", time.Minute, v, judge.Finding{Partner: v.Partner})
	}
	add("two stories", time.Minute, judge.Verdict{Outcome: judge.Unsure, Gate: judge.GateFilterRatePaired, Requests: 11_000, Needed: 87_000, Progress: .87, ETA: time.Second}, judge.Finding{})
	add("nobody knows when", time.Minute, judge.Verdict{Outcome: judge.Unsure, Gate: judge.GateLatency}, judge.Finding{})
	add("nearly there", time.Minute, judge.Verdict{Outcome: judge.Unsure, Gate: judge.GateLatency, Requests: 9, Needed: 9, ETA: 130 * time.Second}, judge.Finding{})
	add("one task alone", time.Minute, judge.Verdict{Outcome: judge.Unsure, Gate: judge.GateBreaker, Suspect: "5b1f0a93c2de7d1c"}, judge.Finding{})
	add("too fresh", time.Minute, judge.Verdict{Outcome: judge.Unsure}, judge.Finding{})
	for g, f := range map[judge.Gate]judge.Finding{
		judge.GateDrift: rates(.412, .25, -.05, .05), judge.GatePrediction: rates(.31, .18, .16, .2), judge.GateLive: rates(.2, .18, 0, 0), judge.GateFilterRateServed: rates(.2, .18, -.02, .02),
	} {
		add("a doubt", time.Minute, judge.Verdict{Outcome: judge.Unsure, Gate: g, Holds: true}, f)
	}
	for _, c := range []judge.Class{judge.Floor, judge.Borderline, judge.Starved} {
		add(string(c), time.Hour, judge.Verdict{Outcome: judge.Inconclusive, Class: c, Gate: judge.GatePartnersServed, Partner: "solvane"}, judge.Finding{Partner: "solvane"})
		add(string(c), time.Hour, judge.Verdict{Outcome: judge.Inconclusive, Class: c, Gate: judge.GateLatency}, judge.Finding{})
	}
	add("all is well", time.Minute, judge.Verdict{Outcome: judge.Acceptable}, judge.Finding{})
	add("first seconds", 5*time.Second, judge.Verdict{Outcome: judge.NoData}, judge.Finding{})
	add("first seconds", 5*time.Second, judge.Verdict{Outcome: judge.Invalid, Gate: judge.GateSampleRatio}, rates(.087, .5, -1, 1))
	add("first seconds, the other way", 5*time.Second, judge.Verdict{Outcome: judge.Invalid, Gate: judge.GateSampleRatio}, rates(.93, .5, -1, 1))
	add("first seconds", 5*time.Second, judge.Verdict{Outcome: judge.Invalid, Gate: judge.GateData}, judge.Finding{})
	add("for good", time.Hour, judge.Verdict{Outcome: judge.Invalid, Gate: judge.GateSampleRatio}, rates(.087, .5, -1, 1))
	add("for good", time.Hour, judge.Verdict{Outcome: judge.Invalid, Gate: judge.GateData}, judge.Finding{})
	slices.SortStableFunc(all, func(a, b told) int { return strings.Compare(a.name, b.name) })
	return all
}
