// Package rollout decides what should happen to the releases of one fleet. It
// does no I/O and reads no clock, so a week of canarying replays in a
// millisecond. How a candidate compares with stable is package judge's word;
// whether an artifact may be tried at all is package admit's.
package rollout

import (
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/inference/release"
)

// Phase is where a rollout stands.
type Phase string

// The phases. The last four are final.
const (
	Queued      Phase = "queued"       // waits for its turn, or for a newer candidate to take its place
	Admitting   Phase = "admitting"    // its artifact is awaited, pinned and checked
	Shadow      Phase = "shadow"       // tasks score a sample with both releases; it answers nobody
	Canary      Phase = "canary"       // a few tasks answer with it
	Held        Phase = "held"         // stands still, with a deadline and a declared way out
	Promoting   Phase = "promoting"    // every task moves over
	RollingBack Phase = "rolling_back" // every task moves back
	Live        Phase = "live"
	RolledBack  Phase = "rolled_back"
	Refused     Phase = "refused"
	Superseded  Phase = "superseded"
)

// Final reports whether nothing more will happen.
func (p Phase) Final() bool {
	return p == Live || p == RolledBack || p == Refused || p == Superseded
}

// Reason says in one word why a phase was entered. Log, history, API and
// dashboard all show this same word. Refusals carry the word of package admit.
type Reason string

// The reasons.
const (
	Found           Reason = "found"            // a training job completed
	Asked           Reason = "asked"            // a person asked; Rollout.By says who
	Turn            Reason = "turn"             // its turn has come
	AwaitArtifact   Reason = "artifact_awaited" // not there yet, not to be read, or torn
	Admitted        Reason = "admitted"
	FirstRelease    Reason = "first_release" // nothing to compare with
	AlreadyLive     Reason = "already_live"  // the same bytes serve already
	Accepted        Reason = "accepted"      // every required proof is there
	CandidateWorse  Reason = "candidate_worse"
	Breaker         Reason = "breaker"      // gross harm, told without statistics
	BudgetSpent     Reason = "budget_spent" // exposed all that it may before a verdict
	Inconclusive    Reason = "inconclusive" // no verdict before the deadline, or none to be had
	Extended        Reason = "extended"     // no verdict to be had soon: the phase may take longer
	Doubtful        Reason = "doubtful"     // no harm, but something that a person should look at
	DataInvalid     Reason = "data"         // the judge cannot trust what it sees
	DataBack        Reason = "data_back"
	Approval        Reason = "approval" // a step waits for a person
	Paused          Reason = "paused"
	Resumed         Reason = "resumed"
	FreezeBegins    Reason = "frozen" // by a calendar, or a stop of all fleets
	FreezeEnds      Reason = "thawed"
	Deploying       Reason = "deployment" // of the service, by ECS
	Deployed        Reason = "deployed"
	HookAnswered    Reason = "hook_answered"       // at which the deployment waited
	ScaledIn        Reason = "scale_in"            // compared tasks were, by ECS
	Rebalanced      Reason = "rebalancing"         // of zones, by ECS, which ended compared tasks for it
	ProtectedElse   Reason = "protected_elsewhere" // by somebody else, from scale-in
	HoldExpired     Reason = "hold_expired"
	Aborted         Reason = "aborted"
	PromotedByHand  Reason = "promoted_by_hand"
	RollbackByHand  Reason = "rollback_by_hand"
	Newer           Reason = "newer"          // a newer candidate took its place
	TuningAwaited   Reason = "tuning_awaited" // training jobs wait for the tuning job whose children they are
	Tuned           Reason = "tuned"          // that is over
	NotBest         Reason = "not_best"       // another training job of the same tuning job is the candidate, or none
	ArtifactTimeout Reason = "artifact_timeout"
	ArtifactLost    Reason = "artifact_lost" // overwritten or removed before the release was stored
	LoadFailed      Reason = "load_failed"   // tasks could not make it ready
	ChangeSides     Reason = "change_sides"  // one canary alone does harm: it and a control change sides
	SwapHurts       Reason = "swap_hurts"    // auctions took far longer while tasks took it over
	CanariesLost    Reason = "canaries_lost" // more tasks with it went than with stable
	TooFewTasks     Reason = "too_few_tasks" // the service keeps too few to compare any
	TimedOut        Reason = "timed_out"     // promotion did not end in time
	Restored        Reason = "restored"      // the state is an earlier version of itself

	// Ends of a wish that changed nothing.
	Seconded  Reason = "seconded"  // another had asked the same: it is done with that
	Overruled Reason = "overruled" // by the wish of another, which the sentence names
	TooLate   Reason = "too_late"  // what it was about is no longer so
)

// State is all that is remembered of one fleet: the document that is saved
// before anything is done.
type State struct {
	Fleet string `json:"fleet"`

	// Epoch is the lease under which the state was last written. A controller
	// whose own is older must not write.
	Epoch int64 `json:"epoch"`

	// Generation grows whenever cohorts are formed anew. Tasks refuse to go
	// back to an older one.
	Generation int64 `json:"generation"`

	Stable   string `json:"stable"`   // digest of the release the fleet trusts; empty before the first
	Previous string `json:"previous"` // the one it trusted before
	Default  string `json:"default"`  // what a fresh task loads

	// WentBack is the rollback by hand since a release went live last; empty for none.
	// What was before it is what somebody has fled from.
	WentBack string `json:"went_back,omitempty"`

	Active *Rollout  `json:"active"` // the one being carried out; nil when idle
	Queue  []Rollout `json:"queue"`  // waiting, oldest first

	// Finished rollouts stay here until they are seen in the archive.
	Finished []Rollout `json:"finished"`

	// Indexed says that whatever left Finished is named in the index of the
	// archive, or too old for it. A version that keeps none drops the word.
	Indexed bool `json:"indexed,omitempty"`

	// JobsSince is when the fleet was taken up, less JobsKept: training jobs
	// that completed earlier do not count.
	JobsSince time.Time `json:"jobs_since,omitzero"`

	// Seen holds the training jobs already taken up, with their completion
	// time, for as long as a listing may show them again, and the tuning jobs
	// whose end has been told.
	Seen map[string]time.Time `json:"seen"`

	// Tunings are the tuning jobs whose training jobs wait. A version that knows
	// none drops them, and takes such jobs up one by one.
	Tunings []AwaitedTuning `json:"tunings,omitempty"`

	// Frozen is the freeze in force, as of the last decision. A version that knows
	// none drops the word and goes on.
	Frozen *Frozen `json:"frozen,omitempty"`

	// Deployment is the one under way, as of the last decision. A version that knows
	// none drops the word and goes on.
	Deployment *Deployment `json:"deployment,omitempty"`

	// Answered is the hook of a deployment that was answered last, and how.
	Answered string `json:"answered,omitempty"`

	// Guards are what ECS has been asked to protect from scale-in, by task. Nil: a
	// version that remembers none has written the state.
	Guards map[string]Guard `json:"guards"`

	Pause    *Pause    `json:"pause"`    // nothing starts or advances while set
	Requests []Request `json:"requests"` // of people, not yet acted on

	// Wishes are the requests of the last day, for who asks again, oldest first.
	Wishes []Wish `json:"wishes,omitempty"`

	// Unaudited are the entries of the audit trail that are not known to be stored
	// yet. A version that keeps none drops them; who took the wish has stored them
	// by then, unless S3 was in trouble.
	Unaudited []Entry `json:"unaudited,omitempty"`

	// Aged is when the hour began that is counted for wishes that have ended.
	Aged time.Time `json:"aged,omitzero"`

	// RestoredAt is when the state was last found to be an earlier version of
	// itself: nobody is to blame for what happened before.
	RestoredAt time.Time `json:"restored_at,omitzero"`

	// Unseen are the tasks that could not be reached then, and have not been
	// since: they may answer with what this version of the state knows nothing of.
	Unseen []string `json:"unseen,omitempty"`

	// Events are the latest things that happened, oldest first.
	Events    []Event `json:"events"`
	LastEvent int64   `json:"last_event"` // sequence number
}

// Pause is a person's wish that nothing advances.
type Pause struct {
	By  string    `json:"by"`
	Why string    `json:"why,omitempty"`
	At  time.Time `json:"at"`
}

// Rollout is one attempt to make a candidate stable.
type Rollout struct {
	ID          string         `json:"id"` // the training job's name, or "try-…", "rollback-…"
	Source      release.Source `json:"source"`
	FoundAt     time.Time      `json:"found_at"`
	CompletedAt time.Time      `json:"completed_at"` // of the training job

	Candidate string `json:"candidate"` // digest; empty until admitted
	Against   string `json:"against"`   // digest of stable when it started
	Policy    string `json:"policy"`    // name of the policy that governs it

	Phase    Phase     `json:"phase"`
	Reason   Reason    `json:"reason"`
	Sentence string    `json:"sentence"`     // the reason for a person, with numbers
	Since    time.Time `json:"since"`        // when Phase was entered
	By       string    `json:"by,omitempty"` // who asked, where a person did

	Step         int       `json:"step"` // of the canary steps, from 0
	Steps        int       `json:"steps"`
	Generation   int64     `json:"generation"`   // of the cohorts
	CanaryTasks  []string  `json:"canary_tasks"` // task ids; saved before they are asked
	ControlTasks []string  `json:"control_tasks"`
	PastTasks    []string  `json:"past_tasks,omitempty"` // that the next step will compare: they serve stable and are counted, for a past of their own
	Swapped      []Swapped `json:"swapped,omitempty"`    // canaries that have changed sides with a control
	Leaving      []string  `json:"leaving,omitempty"`    // canaries of before that have not been seen with stable since, and may still answer with the candidate
	StepSince    time.Time `json:"step_since"`           // when the cohorts of this step were in place; zero before

	HeldFrom     Phase     `json:"held_from,omitempty"` // to return to
	HeldUntil    time.Time `json:"held_until,omitzero"`
	Approved     int       `json:"approved"`               // steps approved by a person
	InvalidSince time.Time `json:"invalid_since,omitzero"` // the data gate has been failing since
	InvalidWhy   string    `json:"invalid_why,omitempty"`
	Coalesced    int       `json:"coalesced"` // older candidates it has replaced
	Asked        *Request  `json:"asked"`     // a person's wish not yet carried out

	Predicted release.Predicted `json:"predicted"`
	Reference []float64         `json:"reference_scores,omitempty"` // shares of judge.ScoreBins bins of its offline scores
	Intended  *release.Change   `json:"intended_change,omitempty"`  // as a person said, or else the manifest
	Verdict   *judge.Verdict    `json:"verdict"`                    // the last one that mattered
	History   []Event           `json:"history"`                    // every phase change, oldest first

	// Exposed is how many auctions the candidate had answered when the phase
	// was entered, and MissedBids how many bids it alone had filtered, as far as
	// explored requests tell.
	Exposed    int64 `json:"exposed"`
	MissedBids int64 `json:"missed_bids,omitempty"`

	Losses      Losses    `json:"losses,omitzero"`
	TooFewSince time.Time `json:"too_few_since,omitzero"` // ECS is to keep too few tasks to compare since

	// SecondPerson is the policy's. Tried is who asked for the try, where a person
	// did, and TriedHow how that is proven.
	SecondPerson bool   `json:"second_person,omitempty"`
	Tried        string `json:"tried,omitempty"`
	TriedHow     string `json:"tried_how,omitempty"`

	// BrokeGlass says that an admin lets it go on in spite of any freeze or deployment.
	BrokeGlass bool `json:"broke_glass,omitempty"`

	// Sized is how many tasks the step gets of those that it asks for, so that
	// the budget lasts; zero where it does not matter.
	Sized int `json:"sized,omitempty"`
}

// Event is something that happened to a fleet, for people.
type Event struct {
	Seq       int64          `json:"seq"`
	At        time.Time      `json:"at"`
	Rollout   string         `json:"rollout,omitempty"`
	Candidate string         `json:"candidate,omitempty"`
	From      Phase          `json:"from,omitempty"`
	To        Phase          `json:"to,omitempty"`
	Step      int            `json:"step,omitempty"`
	Reason    Reason         `json:"reason"`
	Sentence  string         `json:"sentence"`
	By        string         `json:"by,omitempty"`
	Wish      string         `json:"wish,omitempty"`    // id of the wish that ends with it
	Verdict   *judge.Verdict `json:"verdict,omitempty"` // behind it, where one was
}

// Verb is something a person may ask.
type Verb string

// The verbs.
const (
	VerbPause    Verb = "pause"
	VerbResume   Verb = "resume"   // also approves a step that waits for it
	VerbAbort    Verb = "abort"    // give the rollout up; stable stays
	VerbPromote  Verb = "promote"  // make the candidate stable now, without further proof
	VerbRollback Verb = "rollback" // back to a release, at once, without steps or judge
	VerbTry      Verb = "try"      // take up an artifact that no training job announced
)

// Request is a person's wish, written into the state before it is acted on.
type Request struct {
	ID      string          `json:"id"`
	Verb    Verb            `json:"verb"`
	By      string          `json:"by"`
	Why     string          `json:"why,omitempty"`
	At      time.Time       `json:"at"`
	Rollout string          `json:"rollout,omitempty"` // empty: the active one
	Release string          `json:"release,omitempty"` // rollback: digest; empty: the previous one
	Source  *release.Source `json:"source,omitempty"`  // try

	// Intended is a difference of the filter rate that is wanted (try): the
	// judge's bands move there. Its Why says what for.
	Intended *release.Change `json:"intended_change,omitempty"`

	How   string `json:"how,omitempty"`   // By is proven: token, session or bearer; empty: it is what somebody said
	Claim string `json:"claim,omitempty"` // what they called themselves besides
	From  string `json:"from,omitempty"`  // address that it came from

	// BreakGlass carries it out in spite of a freeze or a deployment.
	BreakGlass bool `json:"break_glass,omitempty"`

	// Seen is what the asker was looking at; not stored.
	Seen *Seen `json:"seen,omitempty"`

	Revision int64 `json:"revision,omitempty"` // State.LastEvent when it was taken: what becomes of it comes after
}

// Observation is what the outside world showed just now.
type Observation struct {
	Jobs       []Job          `json:"-"`                  // completed training jobs that the fleet listens to
	Admission  *Admission     `json:"-"`                  // of the rollout in Admitting
	Published  []string       `json:"-"`                  // releases known to be stored whole
	Archived   []string       `json:"-"`                  // finished rollouts known to be in the archive
	Stop       *Stop          `json:"-"`                  // of all fleets; nil for none
	StopKnown  bool           `json:"-"`                  // else nobody can tell now whether there is one
	Audited    []string       `json:"-"`                  // keys of entries known to be stored
	Indexed    bool           `json:"-"`                  // the indexes of what is stored were made anew under this lease
	Lost       string         `json:"lost,omitempty"`     // why the active candidate can be stored no more; empty: it can
	Tasks      []Task         `json:"tasks"`              // running ones, in any order
	Desired    int            `json:"desired"`            // tasks that ECS is to keep running
	Verdict    *judge.Verdict `json:"verdict"`            // of the active rollout; nil when nothing is judged
	Exposed    int64          `json:"exposed"`            // auctions answered by the active candidate
	MissedBids int64          `json:"missed_bids"`        // bids on those that it alone filtered, extrapolated from explored requests
	Pace       float64        `json:"pace"`               // auctions a second that one task answers, on average over the fleet and the last minute or so; 0 unknown
	Crashed    []Crash        `json:"crashed"`            // tasks that ended by themselves lately
	Swaps      []SwapCost     `json:"swaps"`              // what the swaps under way cost, as far as that can be told
	Auctions   *Auctions      `json:"auctions,omitempty"` // how they fare; nil where nobody measured
	Unwell     []Unwell       `json:"unwell,omitempty"`   // what is wrong with the fleet, whatever is being tried
	Unheard    []Unheard      `json:"unheard,omitempty"`  // who is told nothing of it any more
	Known      Counters       `json:"-"`                  // how far a state that went back had come; zero: it did not

	Deployment      *Deployment `json:"deployment,omitempty"` // of the service, that is under way; nil for none
	DeploymentKnown bool        `json:"-"`                    // else nobody can tell now whether there is one

	// Builds is how auctions fare on the tasks of the deployment against those on the
	// others; nil where not both get some, or nobody asked.
	Builds *judge.BuildsVerdict `json:"builds,omitempty"`
}

// Unheard is a receiver of notices who has said that it wants none any more.
type Unheard struct {
	Receiver string    `json:"receiver"`
	Since    time.Time `json:"since"`
}

// Sentence says so, with the way out.
func (u Unheard) Sentence() string {
	return u.Receiver + " is told nothing any more: it has said since " + u.Since.UTC().Format("2006-01-02 15:04 UTC") +
		" that it is gone (410). Give it another address under notify in the fleet file, or take it out there"
}

// Crash is the end of a task's own making: not scaled in, not stopped, not
// taken down with its host.
type Crash struct {
	Task      string    `json:"task"`
	Container string    `json:"container,omitempty"` // whose end ended the task
	Beside    bool      `json:"beside,omitempty"`    // that container stands beside the one that answers auctions
	Unhealthy bool      `json:"unhealthy,omitempty"` // no crash: ECS ended it for its health checks
	Ended     Reason    `json:"ended,omitempty"`     // no crash: ECS ended it for this, one of scale_in, rebalancing and deployment
	ExitCode  int       `json:"exit_code"`
	Why       string    `json:"why"` // in the words of ECS
	At        time.Time `json:"at"`
}

// Killed is the exit code of SIGKILL, which no process gives itself.
const Killed = 128 + 9

// Own reports whether the last words of a task prove that nobody else ended it:
// an exit code of its own, or no memory left.
func (c Crash) Own() bool { return c.ExitCode != Killed || strings.Contains(c.Why, "OutOfMemory") }

// Job is a completed training job.
type Job struct {
	Source      release.Source
	CompletedAt time.Time
	Tuning      *Tuning // whose child it is; nil for one that stands alone
}

// Admission is what looking at an artifact came to.
type Admission struct {
	Rollout   string
	Outcome   AdmissionOutcome
	Reason    Reason // word of package admit
	Sentence  string
	Source    release.Source // with the version and ETag that were pinned
	Digest    string
	Predicted release.Predicted
	Reference []float64 // shares of judge.ScoreBins bins of its offline scores; nil where it tells none
	Intended  *release.Change
}

// AdmissionOutcome is what admission says of an artifact.
type AdmissionOutcome string

// The outcomes of admission.
const (
	AdmissionOK      AdmissionOutcome = "ok"
	AdmissionWait    AdmissionOutcome = "wait"    // not there, not to be read, still changing, or torn
	AdmissionLooking AdmissionOutcome = "looking" // it is being fetched and checked
	AdmissionRefused AdmissionOutcome = "refused"
)

// Task is one running inference task. What it says of releases is what it has
// proven; all of it is empty while it cannot be reached.
type Task struct {
	ID        string `json:"id"`      // last part of the ECS task ARN
	Address   string `json:"address"` // host:port of its control port
	Boot      string `json:"boot"`
	Reachable bool   `json:"reachable"`
	Ready     bool   `json:"ready"`

	Serving    string  `json:"serving"` // digest
	Shadow     string  `json:"shadow"`
	Sample     float64 `json:"sample"`
	Explore    float64 `json:"explore"`
	Evaluator  string  `json:"evaluator,omitempty"` // how Serving is scored
	Buckets    int     `json:"buckets"`
	Epoch      int64   `json:"epoch"`
	Generation int64   `json:"generation"`
	Preparing  string  `json:"preparing"`

	// Failure of the newest assignment: a word and a sentence, empty when none.
	FailedRelease string `json:"failed_release,omitempty"`
	FailureReason string `json:"failure_reason,omitempty"` // download, digest, golden, memory, format
	Failure       string `json:"failure,omitempty"`

	Tag       string  `json:"tag"`       // release it is tagged with in ECS
	Protected bool    `json:"protected"` // from scale-in, for long enough
	Stratum   Stratum `json:"stratum,omitzero"`

	ProtectedUntil time.Time `json:"protected_until,omitzero"` // from scale-in; zero: it is not, or nobody tells
	Idle           bool      `json:"idle,omitempty"`           // a deployment keeps auctions from it

	MemoryBytes int64     `json:"memory_bytes"`
	Connections int       `json:"connections"`
	StartedAt   time.Time `json:"started_at"`
	Requests    int64     `json:"requests"` // answered since it serves what it serves, under this generation
	Filtered    int64     `json:"filtered"` // pairs, under the release it serves now
	Scored      int64     `json:"scored"`
	Error       string    `json:"error,omitempty"` // why it cannot be reached

	// Times is what requests took; nil where the task does not tell.
	Times *Times `json:"-"`

	// Health is what became of its auctions; nil where the task does not tell.
	Health *Health `json:"-"`
}

// Look is what the leader saw in its last pass, kept for people to see.
type Look struct {
	At     time.Time     `json:"at"`
	Leader string        `json:"leader"`
	Epoch  int64         `json:"epoch"`
	Seen   Observation   `json:"seen"`
	Wanted []string      `json:"wanted"` // actions still to be done, as text
	Errors []string      `json:"errors"` // of this pass
	Took   time.Duration `json:"took"`
	Every  time.Duration `json:"every"` // the pace of the loop
}
