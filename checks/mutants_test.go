package checks

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var breakIt = flag.Bool("mutants", false, "break the program on purpose, over and over, and see that the safety tests notice")

// mutant is a bug that somebody might well write, and the test that must
// notice it. docs/safety.md shows the same list to people.
type mutant struct {
	sentence int    // of docs/safety.md, which it would break
	bug      string // in docs/safety.md, word for word
	file     string
	old, new string // text; old occurs once in the file
	test     string // a test of the file's package, or of the folder before a colon
}

func mutants() []mutant {
	return []mutant{
		{
			1, "a step may take every task", "controller/rollout/corrections.go",
			"return max(0, min(k, n-1))", "return max(0, min(k, n))", "TestRandomHistories",
		},
		{
			1, "percents are rounded up", "controller/rollout/corrections.go",
			"math.Floor(step.Percent", "math.Ceil(step.Percent", "TestRandomHistories",
		},
		{
			1, "a canary task that falls silent is replaced", "controller/rollout/match.go",
			"_, runs := find(tasks, id)", "at, runs := find(tasks, id)\n\t\truns = runs && tasks[at].Reachable", "TestRandomHistories",
		},
		{
			1, "the next step chooses its canaries anew", "controller/rollout/state.go",
			"if r.Phase != Canary {\n\t\tr.CanaryTasks, r.ControlTasks = nil, nil", "if true {\n\t\tr.CanaryTasks, r.ControlTasks = nil, nil", "TestStories",
		},
		{
			1, "a restored state knows what every task serves", "controller/rollout/corrections.go",
			"min(now.canary, s.strays(seen.Tasks))", "0", "TestUnseenTakeTheirPlaces",
		},
		{
			1, "a canary that left its place while it could not be reached has left the candidate", "controller/rollout/corrections.go",
			" || !t.Reachable && slices.Contains(s.Active.Leaving, t.ID)", "", "TestCanariesStayWhileOthersLeave",
		},
		{
			2, "what lies under a digest is believed", "inference/loader.go",
			"hex.EncodeToString(sum[:]) != digest {", "hex.EncodeToString(sum[:]) == \"\" {", "TestServesOnlyProven",
		},
		{
			2, "golden vectors are scored and not compared", "inference/open.go",
			"err = r.Prove()", "_ = r.Prove()", "TestServesOnlyProven",
		},
		{
			2, "rows are not made anew from their auctions", "inference/release/release.go",
			"if err := r.proveRows(); err != nil {", "if err := r.proveMargins(); err != nil {", "inference:TestServesOnlyProven",
		},
		{
			2, "a release is read by today's rules, and not by those of its admission", "inference/release/reading.go",
			"if l.Admission {", "if l.Admission || m.Reading == 0 {", "TestAdmittedLoadForEver",
		},
		{
			2, "whatever stands on the shelf is taken", "inference/loader.go",
			"return s.arm.digest == digest })\n\tif at >= 0 && !fresh", "return len(s.arm.digest) == len(digest) })\n\tif at >= 0 && !fresh", "TestServesOnlyProven",
		},
		{
			3, "counts below zero are added up", "controller/tally/read.go",
			"\treturn uint64(bits) < most\n}\n\n// counts", "\treturn true\n}\n\n// counts", "TestDataGate",
		},
		{
			3, "whatever is not worse is good", "controller/rollout/decide.go",
			"v.Outcome == judge.Acceptable && !r.StepSince.IsZero()", "v.Outcome != judge.Worse && !r.StepSince.IsZero()", "TestRandomHistories",
		},
		{
			3, "whoever does not speak does not disagree", "controller/rollout/decide.go",
			"v.Outcome == judge.Acceptable && !r.StepSince.IsZero()", "(v.Outcome == judge.Acceptable || v.Outcome == judge.NoData || v.Outcome == judge.Invalid) && !r.StepSince.IsZero()", "controller:TestDeadMetrics",
		},
		{
			3, "an old verdict counts for a new step", "controller/rollout/decide.go",
			"v.At.After(r.StepSince) && now", "now", "TestRandomHistories",
		},
		{
			3, "a gate that is unsure counts as passed", "controller/judge/verdict.go",
			"if !r.asked || r.Outcome == Acceptable {", "if !r.asked || r.Outcome != Worse {", "TestRandomScripts",
		},
		{
			3, "data that contradict themselves are judged", "controller/judge/verdict.go",
			"case wrong != nil:", "case wrong != nil && len(t.Problems) > 5:", "TestRandomScripts",
		},
		{
			3, "rates of nothing are taken for numbers", "controller/judge/evidence.go",
			"if nc <= 0 || ns <= 0 {", "if nc < 0 || ns < 0 {", "TestRandomScripts",
		},
		{
			3, "proofs of earlier steps are enough for a new one", "controller/judge/verdict.go",
			"return t.Fresh > 0", "return true", "TestRandomSteps",
		},
		{
			4, "tasks move back a few at a time", "controller/rollout/corrections.go",
			"if r != nil && r.Phase == Promoting {\n\t\tbatch", "if r != nil && r.Phase != Shadow {\n\t\tbatch", "TestRandomHistories",
		},
		{
			4, "the candidate must be stored before tasks may leave it", "controller/rollout/corrections.go",
			"case Shadow, Canary, Held, Promoting:\n\t\treturn []Action{Publish{r.ID, r.Candidate}}\n\tcase Queued, Admitting, RollingBack,",
			"case Shadow, Canary, Held, Promoting, RollingBack:\n\t\treturn []Action{Publish{r.ID, r.Candidate}}\n\tcase Queued, Admitting,", "TestRandomHistories",
		},
		{
			4, "a held rollout cannot be rolled back", "controller/rollout/decide.go",
			"RollbackByHand, say}, r.Phase != RollingBack ||", "RollbackByHand, say}, r.Phase != RollingBack && r.Phase != Held ||", "TestRandomHistories",
		},
		{
			4, "nothing is done while ECS cannot be asked", "controller/look.go",
			"if seen.Tasks == nil && err != nil {", "if err != nil {", "TestWayBackWaitsForNobody",
		},
		{
			4, "nothing is done while the judge cannot remember", "controller/look.go",
			"trouble(\"judge\", err)", "if err != nil {\n\t\treturn nil, err\n\t}", "TestHarmIsToldWithoutMemory",
		},
		{
			5, "the end of an archive is not waited for", "inference/release/archive.go",
			"if _, err := io.Copy(io.Discard, plain); err != nil {", "if _, err := io.Copy(io.Discard, plain); false {", "controller/admit:FuzzNeverAdmitsHalf",
		},
		{
			5, "an artifact is read whatever it was pinned to", "controller/aws/artifacts.go",
			"Key: &pinned.Key, IfMatch: &pinned.ETag}", "Key: &pinned.Key}", "TestS3Contract",
		},
		{
			5, "an artifact is pinned anew when it is published", "controller/apply.go",
			"\tfound, err := f.admission(ctx, *s.Active)\n\tif err != nil {\n\t\treturn err\n\t}\n\tif found.report.Digest != p.Digest {",
			"\tanew := *s.Active\n\tanew.Candidate = \"\"\n\tfound, err := f.admission(ctx, anew)\n\tif err != nil {\n\t\treturn err\n\t}\n\tif found.report.Digest == \"\" {", "TestOverwrittenAnywhere",
		},
		{
			5, "the passport is stored before the archive", "controller/apply.go",
			"}{{release.ArchiveKey(p.Digest), found.archive}, {release.PassportKey(p.Digest), passport}} {", "}{{release.PassportKey(p.Digest), passport}, {release.ArchiveKey(p.Digest), found.archive}} {", "TestKilledAnywhere",
		},
		{
			6, "a task forgets the newest epoch", "inference/orders.go",
			"\to.epoch = epoch\n", "", "TestRandomOrders",
		},
		{
			6, "a task obeys the epoch before the newest", "inference/orders.go",
			"if epoch < o.epoch {", "if epoch < o.epoch-1 {", "TestRandomOrders",
		},
		{
			6, "a new leader keeps the epoch of the old", "controller/lease.go",
			"max(next.Epoch, e.held.Epoch, e.used) + 1", "max(1, next.Epoch)", "TestRandomLeases",
		},
		{
			6, "a lease is free after half of its time", "controller/lease.go",
			"return now.Sub(e.seenAt) >= e.seenTTL", "return now.Sub(e.seenAt) >= e.seenTTL/2", "TestRandomLeases",
		},
		{
			6, "a deposed controller goes on with a newer state", "controller/loop.go",
			"newest > f.least() {", "newest > f.epoch+1 {", "TestTwoControllers",
		},
		{
			6, "a lease lasts for as long as its store takes to answer", "controller/leader.go",
			"if !before(time.Now(), c.Elector.Until()) {", "if c.Elector.Until().IsZero() {", "TestHungLease",
		},
		{
			6, "the state is written, whoever wrote it before", "controller/store.go",
			"return s.Documents.Put(ctx, release.FleetKey(state.Fleet), body, etag)", "return etag, s.Documents.Replace(ctx, release.FleetKey(state.Fleet), body)", "TestTwoControllers",
		},
		{
			6, "a send begins after the lease's end", "controller/fence.go",
			"if !before(time.Now(), until) {", "if until.IsZero() {", "TestFrozenLeader",
		},
		{
			6, "a new leader leaves the epochs of tasks as they are", "controller/rollout/takeover.go",
			"t.Epoch < s.Epoch && !told", "t.Epoch < 0 && !told", "controller:TestFrozenLeader",
		},
		{
			6, "a restored state keeps its old generation", "controller/rollout/counters.go",
			"max(s.LastEvent, seen.Known.Event), top+1", "max(s.LastEvent, seen.Known.Event), s.Generation", "controller:TestStateRestored",
		},
		{
			6, "a lease that was removed is free at once", "controller/lease.go",
			"if err != nil || !led {", "if err != nil || led {", "TestRandomLeases",
		},
		{
			6, "a new leader takes the epoch of another for its own", "controller/loop.go",
			"if !f.own {", "if false {", "TestNobodysEpoch",
		},
		{
			6, "a leader waits for ever for one that the state tells of", "controller/leader.go",
			"c.Elector.Raise(used)", "_ = used", "TestRepairs",
		},
		{
			6, "epochs begin anew where lease and state were put back", "controller/loop.go",
			"return max(stored.Epoch, look.Epoch), nil", "return stored.Epoch, nil", "TestLookTellsOfEpochs",
		},
		{
			6, "epochs are reckoned from a poisoned task", "controller/rollout/counters.go",
			"t.Epoch > least && !s.Poisoned(t)", "t.Epoch > least", "controller:TestPoisonedTask",
		},
		{
			7, "a decision is acted on before it is written down", "controller/loop.go",
			"\tdecided := next.LastEvent != state.LastEvent\n", "\tdecided := next.LastEvent != state.LastEvent\n\t_ = f.apply(ctx, next, actions)\n", "TestKilledAnywhere",
		},
		{
			7, "a finished rollout is forgotten before it is archived", "controller/rollout/state.go",
			"bool { return slices.Contains(archived, r.ID) })", "bool { return true })", "controller:TestKilledAnywhere",
		},
		{
			7, "a task that was replaced stays a member", "controller/rollout/match.go",
			"return !runs", "return !runs && id == \"\"", "controller:TestReplacedAnywhere",
		},
		{
			7, "a release that is stored already cannot be published", "controller/apply.go",
			"body, \"\"); err != nil && !errors.Is(err, ErrStale) {", "body, \"\"); err != nil || errors.Is(err, ErrStale) {", "TestKilledAnywhere",
		},
		{
			7, "a training job is taken up again", "controller/rollout/state.go",
			"seen || j.Tuning != nil", "seen && s.Active != nil || j.Tuning != nil", "controller:TestKilledAnywhere",
		},
		{
			7, "canaries are chosen while the service is deployed", "controller/rollout/decide.go",
			"case s.waitsForDeployment(*s.Active):", "case false:", "TestRandomHistories",
		},
		{
			7, "a canary is protected from a deployment", "controller/rollout/guard.go",
			" && s.Deployment == nil {", " {", "TestRandomHistories",
		},
		{
			7, "what somebody else protects is ours", "controller/rollout/guard.go",
			"return !t.ProtectedUntil.IsZero() && !s", "return t.ProtectedUntil.IsZero() && !s", "TestRandomHistories",
		},
		{
			7, "tasks of two revisions are compared", "controller/rollout/match.go",
			"return k.stratum.build() == m.build ||", "return true ||", "TestRandomHistories",
		},
		{
			7, "a task that gets no auctions is compared", "controller/rollout/match.go",
			" && !t.Idle", "", "TestRandomHistories",
		},
		{
			7, "tasks that ECS scales in are evidence against the candidate", "controller/rollout/losses.go",
			"l.Evidence -= one.Bet", "_ = one.Bet", "TestScheduledLossesAreNone",
		},
		{
			8, "events do not say who asked", "controller/rollout/state.go",
			"Reason: r.Reason, Sentence: r.Sentence, By: r.By,", "Reason: r.Reason, Sentence: r.Sentence,", "TestRandomHistories",
		},
		{
			8, "a wish of nobody is taken", "controller/rollout/accept.go",
			"if q.By == \"\" {", "if q.By == \"-\" {", "TestRandomHistories",
		},
		{
			8, "a wish is lost when it comes between look and write", "controller/store.go",
			"return s.Documents.Put(ctx, release.FleetKey(state.Fleet), body, etag)", "return etag, s.Documents.Replace(ctx, release.FleetKey(state.Fleet), body)", "TestWishesSurvive",
		},
		{
			8, "a change of phase is not noted", "controller/rollout/state.go",
			"\ts.note(r, from, now, seen.Verdict)\n", "", "TestRandomHistories",
		},
		{
			8, "a verdict without data says nothing", "controller/judge/sentence.go",
			"return \"NO DATA: no pair has been scored by both releases yet\"", "return \"\"", "TestRandomScripts",
		},
		{
			8, "a refusal has a word and no sentence", "controller/admit/admit.go",
			"r.Sentence = place(source) + \": \" + detail", "_ = detail", "FuzzNeverAdmitsHalf",
		},
		{
			9, "a good verdict makes up for a swap that hurts", "controller/rollout/decide.go",
			"return s.hurting(seen, p)", "return move{}, false", "TestRandomHistories",
		},
		{
			9, "a first release is given up, too", "controller/rollout/swap.go",
			"s.Stable == \"\" || ", "", "TestRandomHistories",
		},
		{
			9, "a handful of requests is enough to go back", "controller/rollout/swap.go",
			"min(c.RequestsBefore, c.RequestsDuring)", "max(c.RequestsBefore, c.RequestsDuring)", "TestRandomHistories",
		},
		{
			9, "a new leader goes on with what it saw before it was deposed", "controller/watch/swaps.go",
			"epoch != w.epoch || ", "", "TestSwapUnseen",
		},
		{
			9, "what tasks do while others swap counts as calm", "controller/watch/swaps.go",
			"case t.swap != nil, wave && !t.moved:", "case t.swap != nil:", "controller:TestSwapHurtsEndsTheRollout",
		},
		{
			10, "gross harm is not acted on while held", "controller/rollout/decide.go",
			"case Shadow, Canary, Held, Promoting:\n\t\treturn move{RollingBack, r.Step, Breaker", "case Shadow, Canary, Promoting:\n\t\treturn move{RollingBack, r.Step, Breaker", "TestRandomHistories",
		},
		{
			10, "a wish goes before gross harm", "controller/rollout/decide.go",
			"ok && !(wished && wish.to == RollingBack)", "ok && !wished", "TestRandomHistories",
		},
		{
			10, "a held rollout spends without end", "controller/rollout/budget.go",
			"if r.Comparing() != Canary || proven {", "if r.Phase != Canary || proven {", "TestStories",
		},
		{
			10, "a good verdict of any step ends the budget", "controller/rollout/budget.go",
			"proven := r.last(p) && (", "proven := (", "TestRandomHistories",
		},
		{
			10, "who resumes a rollout lends it another look", "controller/rollout/decide.go",
			"wished && !(spent && wish.why == Resumed)", "wished || spent && wish.why == Resumed", "TestStories",
		},
		{
			10, "an inconclusive verdict leads on", "controller/rollout/inconclusive.go",
			"if m := unclear(r, v, p, now); m.why", "if m := advance(r, v, p); m.why", "TestRandomHistories",
		},
		{
			10, "an extended phase has no end", "controller/rollout/inconclusive.go",
			"extended && !now.Before(end)", "extended && end.IsZero()", "TestRandomHistories",
		},
		{
			4, "the way back waits for the log of looks", "controller/loop.go",
			"if decided && !goesBack(next) {", "if decided {", "TestWayBackWaitsForNoLog",
		},
		{
			4, "harm is forgotten when it cannot be remembered", "controller/judging.go",
			"if j.Verdict.Outcome == judge.Worse {", "if j.Verdict == nil {", "TestHarmIsToldWithoutMemory",
		},
		{
			7, "looks that are not stored yet die with the process", "controller/judging_log.go",
			"json:\"pending,omitempty\"", "json:\"-\"", "TestSameVerdicts",
		},
		{
			7, "the evidence dies with the process", "controller/judging.go",
			"Judge      judge.State          `json:\"judge\"`", "Judge      judge.State          `json:\"-\"`", "TestSameVerdicts",
		},
		{
			7, "a log that could not be written goes on elsewhere", "controller/judging_log.go",
			"j.Log.writer, j.Log.Chunk = nil, chunk", "j.Log.writer, _ = nil, chunk", "TestChunks",
		},
		{
			8, "a candidate is accepted on looks that nobody kept", "controller/loop.go",
			"if decided && !goesBack(next) {", "if decided && next.Active == nil {", "TestForwardWaitsForLog",
		},
		{
			10, "what a silent canary answers costs nothing", "controller/watch/exposure.go",
			"t.Assumed += rate * elapsed.Seconds()", "t.Assumed += 0 * rate", "TestExposure",
		},
		{
			10, "one crash is counted at every look", "controller/judging_crashes.go",
			"|| c.Ended != \"\" || slices.Contains(j.Crashed, c.Task)", "|| c.Ended != \"\"", "TestCrashes",
		},
		{
			10, "nobody is at fault for a crash in the shadow phase", "controller/judging_crashes.go",
			"t.Shadow == r.Candidate ||", "", "TestCrashes",
		},
		{
			10, "an artifact that is denied is awaited for ever", "controller/admission.go",
			"\tcase err != nil:\n\t\ta.Sentence", "\tcase err != nil && ctx != nil:\n\t\treturn nil, err\n\tcase err != nil:\n\t\ta.Sentence", "TestUnreadableArtifact",
		},
		{
			4, "a pass waits for as long as an artifact takes", "controller/admission.go",
			"examineNow = 500 * time.Millisecond", "examineNow = time.Hour", "TestLookOutlivesPass",
		},
		{
			4, "the way back waits for a look at everything", "controller/look.go",
			"urgent := s.Urgent() && f.memo.tasks != nil", "urgent := false", "TestWayBackWaitsForNobody",
		},
		{
			4, "what another process takes waits for the next look", "controller/loop.go",
			"now.Before(due) && !f.asked(ctx)", "now.Before(due)", "TestWishTakenElsewhere",
		},
		{
			10, "canaries may be ended for their health checks without end", "controller/rollout/losses.go",
			"if one.Unhealthy && one.Arm == arm && !one.Shadow {", "if one.Unhealthy && one.Arm == arm && !one.Shadow && arm == judge.Control {", "TestStories",
		},
		{
			10, "a control task that chance ends frees canaries from their bound", "controller/rollout/losses.go",
			"case ended >= 2*p.Unhealthy:", "case ended >= 2*p.Unhealthy && controls == 0:", "TestStories",
		},
		{
			10, "every task that goes with its host is evidence", "controller/rollout/losses.go",
			"sorting.By(lost, func(a, b *Loss) int { return cmp.Compare(a.Task, b.Task) })", "sorting.By(lost, func(a, b *Loss) int { return cmp.Compare(a.Arm, b.Arm) })", "TestLossesAreFair",
		},
		{
			10, "a canary step waits for tasks that nobody will start", "controller/rollout/few.go",
			"now.Sub(r.TooFewSince) < p.DataGrace", "now.Sub(r.TooFewSince) < p.HoldFor", "TestRandomHistories",
		},
		{
			10, "an assignment is proof that a task served the candidate", "controller/judging_crashes.go",
			"if arm := account(r, arms[t.ID], t.Generation); has || arm == judge.Control {", "if arm, compared := r.Arm(t.ID); has || compared {", "TestAccounts",
		},
		{
			10, "whoever scored the candidate once crashes on its account", "controller/judging_crashes.go",
			"!j.left(r, c) && !j.hostLost(c, crashed)", "!j.hostLost(c, crashed)", "TestAccounts",
		},
		{
			10, "what tasks had before the state went back is held against the rollout", "controller/judging_crashes.go",
			"\t\tclear(j.Arms)\n", "", "TestAccountsOfARestoredState",
		},
		{
			10, "whoever is lost with its host has crashed", "controller/judging_crashes.go",
			"!j.left(r, c) && !j.hostLost(c, crashed)", "!j.left(r, c)", "TestAccounts",
		},
		{
			10, "a sidecar's end is the candidate's crash", "controller/aws/crashes.go",
			"container != \"\" && name != container", "container != \"\" && name == \"\"", "TestSidecars",
		},
		{
			11, "a retried wish is a new one", "controller/rollout/accept.go",
			"s.remembered(q); known {", "s.remembered(q); known && err != nil {", "controller:TestWishHasOneEffect",
		},
		{
			11, "a wish is remembered until it is met", "controller/rollout/wish.go",
			"\t\ts.Aged = time.Time{}\n\t\treturn\n", "\t\ts.Aged = time.Time{}\n\t\treturn\n\tcase true:\n\t\ts.Wishes = slices.DeleteFunc(s.Wishes, ended)\n", "controller:TestWishHasOneEffect",
		},
		{
			11, "a relative target is resolved when it is acted on", "controller/rollout/accept.go",
			"\tq = s.aimed(q)\n\tif err := s.sensible(q, kept)", "\tif err := s.sensible(s.aimed(q), kept)", "TestWishNamesItsTarget",
		},
		{
			11, "a promote overwrites a rollback", "controller/rollout/hear.go",
			"case r.Asked == nil:", "case r.Asked == nil || q.Verb == VerbPromote:", "TestRandomHistories",
		},
		{
			11, "who asks first is heard first", "controller/rollout/hear.go",
			"return a.Verb.turn() - b.Verb.turn()", "return 0 * (a.Verb.turn() - b.Verb.turn())", "TestRandomHistories",
		},
		{
			11, "an overruled wish says nothing", "controller/rollout/hear.go",
			"\t\ts.overrule(q, *r.Asked, now)\n", "", "TestRandomHistories",
		},
		{
			11, "a wish that harm forestalls says nothing", "controller/rollout/decide.go",
			"if asked != nil && !granted {", "if asked != nil && asked.ID == \"\" {", "TestRandomHistories",
		},
		{
			11, "a rollout may have the name of one in the archive", "controller/rollout/accept.go",
			" || kept.Rollout != nil {\n\t\treturn fmt.Errorf(\"%w: a rollout is called", " {\n\t\treturn fmt.Errorf(\"%w: a rollout is called", "controller:TestNameIsTakenForEver",
		},
		{
			11, "an archived rollout is written over", "controller/apply.go",
			"_, err = f.Documents.Put(ctx, key, body, \"\")", "err = f.Documents.Replace(ctx, key, body)", "TestArchiveKeepsTheFirst",
		},
		{
			11, "a stale revision stops an abort", "controller/rollout/wish.go",
			"saw != nil && !q.Verb.Danger() {", "saw != nil {", "TestWishOfWhoLookedEarlier",
		},
		{
			11, "what a person tries gives way while it is awaited", "controller/rollout/decide.go",
			"case a.Outcome == AdmissionWait && r.By == \"\" && len(s.Queue) > 0", "case a.Outcome == AdmissionWait && len(s.Queue) > 0", "TestStories",
		},
	}
}

// where says in which package the test is, and its name.
func (m mutant) where() (pkg, test string) {
	if folder, name, ok := strings.Cut(m.test, ":"); ok {
		return "./" + folder, name
	}
	return "./" + filepath.Dir(m.file), m.test
}

// broken returns the file with the bug in it.
func (m mutant) broken(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(m.file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		t.Fatalf("the table of mutants is stale: %s has %d times, want once:\n%s", m.file, n, m.old)
	}
	return strings.Replace(string(text), m.old, m.new, 1)
}

// TestMutantsFit checks that every mutant can still be made, that each
// sentence has two at least, and that docs/safety.md shows them all.
func TestMutantsFit(t *testing.T) {
	atRoot()
	page, err := os.ReadFile("docs/safety.md")
	if err != nil {
		t.Fatal(err)
	}
	sentences := map[int]int{}
	for _, m := range mutants() {
		m.broken(t)
		sentences[m.sentence]++
		_, test := m.where()
		if !strings.Contains(string(page), m.bug) || !strings.Contains(string(page), "`"+test+"`") {
			t.Errorf("docs/safety.md does not say that %s catches: %s", test, m.bug)
		}
	}
	for s := 1; s <= 11; s++ {
		if sentences[s] < 2 {
			t.Errorf("sentence %d has %d mutants, want 2 at least", s, sentences[s])
		}
	}
}

// TestMutants breaks the program in every way of the table, each time in a
// copy of one file that only the compiler sees, and wants the test to fail.
func TestMutants(t *testing.T) {
	atRoot()
	if !*breakIt && os.Getenv("SLUICE_MUTANTS") == "" {
		t.Skip("takes minutes: make mutants, or go test -run TestMutants ./checks -mutants")
	}
	if !t.Run("unbroken", testUnbroken) {
		t.Fatal("the tests must pass before anything is broken")
	}
	for _, m := range mutants() {
		t.Run(strings.ReplaceAll(m.bug, " ", "_"), func(t *testing.T) {
			t.Parallel()
			_, test := m.where()
			switch said := m.test1(t, m.broken(t)); {
			case strings.Contains(said, "[build failed]") || strings.Contains(said, "[setup failed]"):
				t.Errorf("the mutant does not compile:\n%s", said)
			case !strings.Contains(said, "--- FAIL: "+test) && !strings.Contains(said, "panic: "):
				t.Errorf("%s does not notice that in %s\n%s", test, m.file, said)
			}
		})
	}
}

// testUnbroken runs every test of the table on the program as it is.
func testUnbroken(t *testing.T) {
	done := map[string]bool{}
	for _, m := range mutants() {
		pkg, test := m.where()
		if done[pkg+test] {
			continue
		}
		done[pkg+test] = true
		t.Run(test, func(t *testing.T) {
			t.Parallel()
			if said := goTest(t, pkg, test); !strings.HasPrefix(said, "ok") || strings.Contains(said, "no tests to run") {
				t.Errorf("%s of %s:\n%s", test, pkg, said)
			}
		})
	}
}

// test1 runs the mutant's test against a program in which its file is broken.
func (m mutant) test1(t *testing.T, text string) (said string) {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	copied, overlay := filepath.Join(t.TempDir(), filepath.Base(m.file)), filepath.Join(t.TempDir(), "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(here, m.file): copied}})
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{copied: []byte(text), overlay: replace} {
		if err := os.WriteFile(name, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pkg, test := m.where()
	return goTest(t, pkg, test, "-overlay="+overlay)
}

// goTest returns what go test says of one test.
func goTest(t *testing.T, pkg, test string, flags ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	args := append([]string{"test", "-count=1", "-vet=off", "-timeout=4m", "-run=^" + test + "$"}, flags...)
	run := exec.CommandContext(ctx, "go", append(args, pkg)...)
	said, err := run.CombinedOutput()
	if err != nil && ctx.Err() != nil {
		t.Fatalf("%s of %s takes too long: %v", test, pkg, err)
	}
	return string(said)
}
