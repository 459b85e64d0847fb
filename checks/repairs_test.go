package checks

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// repair is a sentence that tells an operator to do something, and the test
// that starts from the damage, does it, and ends with what is promised.
type repair struct {
	file string // where it stands
	says string // word for word
	test string // FOLDER:TEST; or why no program can do it, in brackets
}

// repairs are all that people are told to do. Where they are told to look, the
// test wants the named thing in the sentence that they look at.
func repairs() []repair {
	const operating, judge, fleet = "docs/operating.md", "docs/judge.md", "docs/fleet.md"
	const stories = "controller/rollout:TestStories"
	return []repair{
		{operating, "Run it where controllers run and with their role", "cli:TestDoctor"},
		{operating, "promote it by hand, or try it again", "e2e:TestUpgrade"},
		{operating, "Give the bucket versioning.", "e2e:TestStateMended"},
		{operating, "what they said before stays in force, and status, page, log and `sluice_files_bad` say so, until `sluice lint s3://BUCKET/FOLDER/` is content.", "e2e:TestFleetFilesChange"},
		{operating, "`--people` names who may see and steer,", "cli:TestTokensLetIn"},
		{operating, "without it a controller listens on loopback alone.", "cli:TestControllersAreNotOpenByMistake"},
		{operating, "close them to everybody else, and let tasks know the controller by one of these, or both:", "inference:TestPortsOverTLS"},
		{operating, "To rotate a CA, put the new one beside the old one in its file, exchange the certificates, then remove the old one.", "identity:TestCARotates"},
		{operating, "To rotate a token, put the new one on a second line of the tasks' file, then first in the controller's, then remove the old one.", "e2e:TestTokenRotates"},
		{operating, "To begin with a token, give it to the controllers first: tasks that want none ignore it.", "e2e:TestTokenRotates"},
		{operating, "the controller's error says which flags to compare.", "controller/fleet:TestIntroducesItself"},
		{operating, "Point the NLB's health check at `/readyz`: a TCP check passes with no model loaded.", "inference:TestTaskBoots"},
		{operating, "Point health checks that restart at `/healthz`, and load balancers at `/readyz`.", "controller:TestHealth"},
		{operating, "`sluice notify --fleets FILE` sends everybody a test, from where it is run, and says what came of it.", "cli:TestNotify"},
		{operating, "Give controllers `--url https://sluice.internal`, so that notices have a link to the page of their rollout.", "controller:TestHerald"},
		{operating, "Any controller that is alive tells, so run two.", "controller:TestSilence"},
		{operating, "To exchange a secret, add the new one, let the receiver know it, remove the old one; files are read for every notice.", "controller/notify:TestWebhook"},

		{operating, "`sluice status --watch` (or the dashboard; with several fleets its first page has those that need a look on top): whether auctions are well, what serves, what is being tried, how it stands in one line, the way out, the proof, what happens next and when.", "cli:TestStatusText"},
		{operating, "**`sluice rollback --why \"…\"`**. All tasks go back to stable at once; no step, no judge, no count is asked.", "controller:TestRestoredWhateverIsDown"},
		{operating, "the same command goes to the one before it. `--to DIGEST` goes to any other; `sluice rollouts` shows them.", "e2e:TestScripts"},
		{operating, "`sluice pause` lets nothing start or advance. Danger is still acted on. `sluice resume` lets it go on.", stories},
		{operating, "`sluice freeze --why \"…\"`, for a while with `--for 2h` or `--until`. `sluice unfreeze` ends it.", "cli:TestFreeze"},
		{operating, "wait; what cannot wait goes on with `sluice promote`, `resume` or `try` and `--break-glass --why \"…\"`, which an admin may. A held rollout goes back after `hold_for`, in a freeze too", stories},
		{operating, "nothing: the rollout goes on afterwards, and a step that lost its canaries begins anew.", "e2e:TestDeploymentInMidCanary"},
		{operating, "what cannot wait takes `--break-glass --why \"…\"`. A held rollout goes back after `hold_for`, in a deployment too", stories},
		{operating, "where it happens often, raise the least capacity of the service's auto scaling, keep its zones even, or turn `availabilityZoneRebalancing` off", "controller/rollout:TestHeadlinesOfWhatRepeats"},
		{operating, "nothing; `aws ecs update-task-protection --no-protection-enabled` ends it where a deployment waits for it", "e2e:TestDeploymentInMidCanary"},
		{operating, "let it end, raise the desired count, or end the protection of others (`aws ecs get-task-protection`); the canary serves without protection meanwhile", "controller/aws:TestProtectionRefused"},
		{operating, "look at those tasks; it goes on by itself once the data can be trusted", stories},
		{operating, "`sluice rollouts ID` shows which gate waits and [what to do](judge.md#what-it-says-and-what-to-do); `sluice resume` gives it one more `phase_wait`", stories},
		{operating, "compare with what the training job saw: `sluice promote` or `sluice abort`; `sluice resume` goes on comparing until `phase_wait` is over", stories},
		{operating, "nothing, or promote or abort", stories},
		{operating, "look at that task's log; the sentence names it", "controller:TestCrashes"},
		{operating, "`sluice plan` says how much a verdict takes; a larger budget, or more shadow scoring, which costs none", "cli:TestPlan"},
		{operating, "nothing: a task that stays slow with stable is left out of the comparison.", "controller/judge:TestSlowCanary"},
		{operating, "look at what the candidate does on its machine", "controller/judge:TestSlowCanary"},
		{operating, "look at the log of one of them, and at what ECS says of it;", stories},
		{operating, "raise it, then `sluice try` the artifact again", stories},
		{operating, "`sluice resume` or `sluice abort`", stories},
		{operating, "allow what is missing; it is looked at again with every look until `artifact_wait` is over.", "controller:TestArtifactIsAllowed"},
		{operating, "which is tried once that job is over; `sluice status` says how far it is | wait.", stories},
		{operating, "allow `sagemaker:DescribeHyperParameterTuningJob` and `sagemaker:DescribeAutoMLJobV2`: nothing is lost meanwhile", "controller/aws:TestTuningThroughFaults"},
		{operating, "nothing; `sluice try` of its artifact tries it all the same", stories},
		{operating, "tell whoever trained it", "e2e:TestScripts"},
		{operating, "let every training job write to a place of its own; version that bucket", "controller/aws:TestS3Contract"},
		{operating, "a task does not answer, so nobody can say what it serves | stop that task in ECS", "e2e:TestHangingTaskStopped"},
		{operating, "stop that task in ECS, which starts another; close its control port to all but the controllers.", "e2e:TestPoisonedTaskStopped"},
		{operating, "`replace_poisoned: true` in the fleet file stops such tasks by itself, one at a time", "controller:TestPoisonedTask"},
		{operating, "nothing: the leader takes a later one within seconds, and the page tells of it for ten more.", "controller:TestRepairs"},
		{operating, "If it stays, two sets of controllers run on the same tasks: end one", "e2e:TestTwoSetsOfControllers"},
		{operating, "whoever asks for it is told, and all else goes on; restore an earlier version of the object.", "controller:TestDamagedDocuments"},
		{operating, "see that what is stable is what you want; `sluice rollback --to DIGEST` if it is not", "e2e:TestStateMended"},
		{operating, "it is written anew by itself, and somebody leads after one `--lease` | nothing", "controller:TestRepairs"},
		{operating, "start one; the fleet serves on meanwhile", "e2e:TestKilled"},
		{operating, "give tasks more processors or memory, or the model fewer trees; if so much is fine here, say so in `swap_guard` of the fleet file", stories},
		{operating, "ask again if it is still wanted", stories},
		{operating, "nothing, or ask again for what is now", stories},
		{operating, "it is done with that | nothing", stories},
		{operating, "the sentence names task and reason", stories},
		{operating, "Try a policy so before you change the fleet file, and `sluice plan --fleet-file ads.yaml` after.", "e2e:TestScripts"},
		{operating, "Everything a held rollout waits for has a deadline (`hold_for`); after it, the rollout goes back.", stories},

		{operating, "Note what serves: `release` of `/readyz` of any task, or the page before it is closed.", "inference:TestTaskBoots"},
		{operating, "Create a bucket as the first was, with versions and the lifecycle of `deploy/aws/bucket.yaml`, and stop the controllers.", "e2e:TestBucketLost"},
		{operating, "Start them with the new one as `--bucket`.", "e2e:TestBucketLost"},
		{operating, "Give them the artifact that serves:", "e2e:TestBucketLost"},
		{operating, "End the protection of the canaries of before,", "e2e:TestBucketLost"},
		{operating, "Deploy the service with the new `--bucket`.", "e2e:TestBucketLost"},

		{operating, "Read CHANGELOG.md. Then exchange processes one at a time, in any order: the controllers by stopping one and starting the newer, the tasks by a rolling deployment of the ECS service.", "e2e:TestUpgrade"},
		{operating, "To go back, do the same with the older version.", "e2e:TestUpgrade"},
		{operating, "A server that Ctrl-C or SIGTERM ends in good order ends with 0.", "e2e:TestScripts"},
		{operating, "unless the problem says `\"stored\": false`: ask again with the same key.", "api:TestClientKnowsWhatIsUnknown"},
		{"cli/verbs.go", "ask again by the same command with %s, which is safe: it is the same wish, and has one effect", "cli:TestUnknownIsAskedAgain"},
		{operating, "name the release to go back to, and nothing can stand in between.", "controller/rollout:TestWishNamesItsTarget"},
		{operating, "looks may be removed or moved to cheaper storage", "e2e:TestStateMended"},
		{operating, "`fleets/<fleet>/look.json`, `silence.json` and `judge/` can be lost without harm.", "e2e:TestStateMended"},
		{operating, "restore an earlier version of the object. The leader goes on from there within one look, above all events and generations that it or the tasks have seen, and says so (event `restored`).", "e2e:TestStateMended"},
		{operating, "Removing it by hand is safe at any time, and never needed. Do not restore an earlier version of it: it may say that the lease is free while somebody acts.", "controller:TestRepairs"},
		{operating, "A task is poisoned: stop it in ECS.", "e2e:TestPoisonedTaskStopped"},
		{operating, "Alert on `sluice_degraded_total` growing: those auctions were forwarded unfiltered.", "inference:TestFailsOpen"},

		{judge, "mend the cause that the way out names: the partner in the training data, or `--filter-rates` with the manifest that serves; where it is meant, `sluice try --intended`. `sluice replay ID` proves it", "controller/rollout:TestVerdictsHaveTheirHeadlines"},
		{judge, "look at that task's log", "controller:TestCrashes"},
		{judge, "mend the task, clock or load balancer that is named", stories},
		{judge, "see whether traffic reaches canary *and* control tasks", stories},
		{judge, "| goes on | wait |", stories},
		{judge, "let connections end sooner (`--connection-age`), or let pairs decide (`served: guard`)", "controller/judge:TestGuards"},
		{judge, "decide: promote, or abort", stories},
		{judge, "more traffic, a larger step, that partner into the tail, or a wider margin", "controller/judge:TestPlanPartners"},
		{judge, "look, then promote or abort", stories},
		{judge, "| next step, or promotion, once the soak is over | |", stories},

		{fleet, "So draw golden auctions at random from the traffic that the rate is predicted on.", "controller/admit:TestHonestPredictionsAreBelieved"},
		{fleet, "`approval: true` to wait for `sluice resume` before the next one.", stories},
		{fleet, "a count that is put right before that costs nothing.", stories},

		{"controller/store.go", "it is damaged: restore an earlier version of the object", "e2e:TestStateMended"},
		{"controller/store.go", "it is gone, though %s is there: restore an earlier version of the object", "controller:TestStateGone"},
		{"controller/store.go", "or put {\\\"fleet\\\":%q} in its place to begin anew, if the first model that comes may serve without proof", "controller:TestRepairs"},
		{"controller/rollout/counters.go", "cannot be: restore an earlier version of the state", "controller:TestUnableLeaderSaysSo"},
		{"controller/rollout/counters.go", "Stop it in ECS, which starts another", "e2e:TestPoisonedTaskStopped"},
		{"controller/rollout/counters.go", "The leader takes a later one; where this stays, see what else talks to its control port", "e2e:TestTwoSetsOfControllers"},
		{"controller/rollout/state.go", "in a phase %q that this version does not know: run the version that wrote it", "controller:TestUnableLeaderSaysSo"},
		{"controller/rollout/state.go", "is in phase %q: run the version that wrote it", "controller:TestUnableLeaderSaysSo"},
		{"controller/judging_pasts.go", "is damaged: restore an earlier version of the object; until another controller leads, latency is compared as it stands", "controller:TestDamagedPasts"},
		{"controller/history/history.go", "the chunk is damaged: restore an earlier version of the object, or do without its looks", "controller/history:TestReplayEndsAtDamage"},
		{"controller/judge/inconclusive.go", "if the others do well, or stop it in ECS and try again", "(no test has such a neighbour and stops its task)"},
		{"controller/admission.go", "version the bucket, or let every job write to a place of its own", "controller/aws:TestS3Contract"},
		{"amazon/refusal.go", "is archived: restore it, or keep artifacts out of Glacier", "controller/aws:TestUnreadable"},
	}
}

// TestRepairsAreTested checks that every sentence stands in its file, and that
// the test that does what it says exists.
func TestRepairsAreTested(t *testing.T) {
	atRoot()
	for _, r := range repairs() {
		if !strings.Contains(read(t, r.file), r.says) {
			t.Errorf("%s does not say %q", r.file, r.says)
		}
		if strings.HasPrefix(r.test, "(") {
			continue
		}
		folder, name, _ := strings.Cut(r.test, ":")
		if !hasTest(t, folder, name) {
			t.Errorf("%q: there is no %s in %s", r.says, name, folder)
		}
	}
}

// hasTest reports whether a package has a test.
func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.Contains(read(t, f), "\nfunc "+name+"(t *testing.T)") {
			return true
		}
	}
	return false
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// asks finds clauses that begin with what an operator is to do.
var asks = regexp.MustCompile(`(?im)(?:^|[.;:|*] |, then |, or |^- )(` +
	`alert|allow|ask|begin|close|compare|decide|do|draw|end|exchange|give|keep|let|look|mend|name|point|put|raise|remove|` +
	`replace|restore|rotate|run|see|start|stop|tell|try|version|wait) `)

// TestWhatPeopleAreToldIsListed wants a repair for every clause of the
// operator's page that begins with an order, for every line of what one is to
// do, and for every error text about damage.
func TestWhatPeopleAreToldIsListed(t *testing.T) {
	atRoot()
	text := read(t, "docs/operating.md")
	for _, at := range asks.FindAllStringSubmatchIndex(text, -1) {
		if order := text[at[2]:min(len(text), at[2]+60)]; !listed("docs/operating.md", text, at[2]) {
			t.Errorf("docs/operating.md says %q, and no repair has it", order)
		}
	}
	for file, table := range map[string]string{"docs/operating.md": "| you see |", "docs/judge.md": "| outcome |"} {
		text := read(t, file)
		for row := range rows(text, table) {
			what := strings.TrimRight(text[row[0]:row[1]], " |")
			if !listed(file, text, row[0]+strings.LastIndex(what, "| ")+2) {
				t.Errorf("no repair has the end of the line %q in %s", what, file)
			}
		}
	}
	damage := regexp.MustCompile(`"[^"\n]*(?i:restore an earlier|stop it in ECS|run the version|is archived: restore)[^"\n]*"`)
	sources, err := filepath.Glob("controller/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("controller/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(sources, more...) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text := read(t, file)
		for _, at := range damage.FindAllStringIndex(text, -1) {
			found := false
			for _, r := range repairs() {
				found = found || r.file == file && strings.Contains(text[at[0]:at[1]], r.says)
			}
			if !found {
				t.Errorf("%s says %s, and no repair has it", file, text[at[0]:at[1]])
			}
		}
	}
}

// listed reports whether the place in a file lies within a repair's sentence.
func listed(file, text string, at int) bool {
	for _, r := range repairs() {
		for from := 0; r.file == file; {
			begin := strings.Index(text[from:], r.says)
			if begin < 0 {
				break
			}
			from += begin + len(r.says)
			if from-len(r.says) <= at && at < from {
				return true
			}
		}
	}
	return false
}

// rows are the lines of the table that begins so, below its rule.
func rows(text, table string) func(yield func([2]int) bool) {
	return func(yield func([2]int) bool) {
		at := strings.Index(text, "\n"+table) + 1
		for n := 0; at > 0 && strings.HasPrefix(text[at:], "|"); n++ {
			end := at + strings.Index(text[at:], "\n")
			if n > 1 && !yield([2]int{at, end}) {
				return
			}
			at = end + 1
		}
	}
}
