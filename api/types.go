package api

import "time"

// The types below are the bodies of answers. Digests are whole, lower-case
// hex; moments are RFC 3339 in UTC; rates and differences are shares, so that
// 0.02 is two percent or two points; durations are in seconds, and say so.
// What is not known is left out or null.

// Fleet is what a person wants to know of a fleet first.
type Fleet struct {
	Fleet string    `json:"fleet"`
	At    time.Time `json:"at"` // when the server put this together

	Stable   *Release `json:"stable"`   // what the fleet trusts; null before the first release
	Previous *Release `json:"previous"` // what it trusted before
	Default  *Release `json:"default"`  // what a fresh task loads
	Back     *Release `json:"back"`     // where a rollback without a name leads

	// WentBack is the rollback by hand that has been since a release went live last,
	// while nothing is being tried: Back may be what somebody has just fled from, so
	// that commands want to be told where to go.
	WentBack string `json:"went_back,omitempty"`

	Candidate *Release `json:"candidate"` // of the active rollout; null before it is admitted

	Active *Rollout  `json:"active"` // being carried out
	Queue  []Rollout `json:"queue"`  // waiting, oldest first
	Last   *Rollout  `json:"last"`   // the one that finished last

	Tunings []Tuning `json:"tunings"` // tuning jobs of whose training jobs the best waits for their end

	Freeze *Freeze `json:"freeze"` // in force, as of the last decision

	Deployment *Deployment `json:"deployment,omitempty"` // of its service, under way as of the last decision

	Pause    *Pause    `json:"pause"`
	Requests []Request `json:"requests"` // wishes not yet acted on

	Auctions *Auctions `json:"auctions"` // null where the controller does not measure them
	Unwell   []Unwell  `json:"unwell"`   // the worst first; empty where nothing is known to be wrong
	Unheard  []Unheard `json:"unheard"`  // receivers of notices that are told nothing any more

	Tasks     TaskCounts `json:"tasks"`
	Next      Next       `json:"next"`
	Loop      *Loop      `json:"loop"`       // null before the controller's first look
	LastEvent int64      `json:"last_event"` // the fleet's revision
}

// Tuning is a tuning job, or AutoML job, that is not over.
type Tuning struct {
	Name     string    `json:"name"`
	AutoML   bool      `json:"automl,omitempty"`
	Since    time.Time `json:"since"`    // when the first of its training jobs completed
	Sentence string    `json:"sentence"` // how far it is, or why it cannot be asked
}

// Unheard is a receiver of notices that has said that it wants none any more.
type Unheard struct {
	Receiver string    `json:"receiver"`
	Since    time.Time `json:"since"`
	Sentence string    `json:"sentence"`
}

// Release is a release by its name, and what is known of its origin.
type Release struct {
	Digest   string     `json:"digest"`
	Job      string     `json:"job,omitempty"`    // training job; empty for one that was tried by hand
	Source   string     `json:"source,omitempty"` // s3://bucket/key it came from
	By       string     `json:"by,omitempty"`     // who tried it, where a person did
	Since    *time.Time `json:"since,omitempty"`  // it has served as stable; on stable only
	Admitted *time.Time `json:"admitted_at,omitempty"`
	Notes    []string   `json:"notes,omitempty"` // what whoever sees it should know, a sentence each
}

// Passport says where a release came from and what admission measured.
type Passport struct {
	Release

	JobARN    string             `json:"job_arn,omitempty"`
	Image     string             `json:"image,omitempty"`
	VersionID string             `json:"version_id,omitempty"`
	ETag      string             `json:"etag,omitempty"`
	Metrics   map[string]float64 `json:"metrics,omitempty"` // of the training job

	Bytes       int64     `json:"bytes"`
	Format      string    `json:"format"`
	Version     string    `json:"version,omitempty"` // of the library that wrote the model
	Objective   string    `json:"objective"`
	Evaluator   string    `json:"evaluator"`         // that its trees allow: walk, flat, masks, memo or lanes
	Trees       int       `json:"trees"`             // that answer
	Trained     int       `json:"trained,omitempty"` // in the file
	Features    int       `json:"features"`
	MemoryBytes int64     `json:"memory_bytes"`
	Golden      int       `json:"golden"`            // vectors that it reproduced
	Answers     *int      `json:"answers,omitempty"` // of them, that hold an answer of its library
	Predicted   *Interval `json:"predicted"`         // filter rate
	Intended    *Change   `json:"intended_change"`

	// Of one release that is asked for: the newest rollouts, on any fleet, by which
	// it was taken back.
	TakenBack []TakenBack `json:"taken_back,omitempty"`
}

// Interval is an estimate with its 95 % interval.
type Interval struct {
	Estimate float64 `json:"estimate"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
}

// Change is a difference in filter rate that is wanted, and why.
type Change struct {
	FilterRate float64            `json:"filter_rate"`
	Partners   map[string]float64 `json:"partners,omitempty"`
	Why        string             `json:"why"`
}

// Rollout is one attempt to make a candidate stable. History, cohorts and the
// verdict's findings are there when one rollout is asked for, and on the
// active one; lists leave them out.
type Rollout struct {
	ID        string `json:"id"`
	Job       string `json:"job,omitempty"`
	Source    string `json:"source"`    // s3://bucket/key
	Candidate string `json:"candidate"` // digest; empty until admitted
	Against   string `json:"against"`   // digest it is compared with
	Policy    string `json:"policy"`
	By        string `json:"by,omitempty"`

	// SecondPerson: approval and promotion take somebody signed in who is not Tried.
	SecondPerson bool   `json:"second_person,omitempty"`
	Tried        string `json:"tried,omitempty"` // who asked for the try

	Phase    string    `json:"phase"`
	Reason   string    `json:"reason"`
	Headline string    `json:"headline"` // what has come of it so far, in plain words: shorter than 110 characters
	WayOut   string    `json:"way_out"`  // what to do, or that nothing needs doing; times are UTC
	Sentence string    `json:"sentence"` // the proof of it
	Since    time.Time `json:"since"`
	Final    bool      `json:"final"`

	Step  int `json:"step"` // canary step it is in, or came to, from 1; 0 before
	Steps int `json:"steps"`

	FoundAt     time.Time  `json:"found_at"`
	CompletedAt *time.Time `json:"completed_at,omitempty"` // of the training job
	HeldFrom    string     `json:"held_from,omitempty"`
	HeldUntil   *time.Time `json:"held_until,omitempty"`
	Coalesced   int        `json:"coalesced"`        // older candidates it has replaced
	Exposed     int64      `json:"exposed"`          // auctions that the candidate answered
	Missed      int64      `json:"missed_bids"`      // that it alone filtered, as far as explored requests tell
	Budget      *Budget    `json:"budget,omitempty"` // of the active one, where its policy has one

	Predicted *Interval `json:"predicted,omitempty"`
	Intended  *Change   `json:"intended_change,omitempty"`
	Verdict   *Verdict  `json:"verdict"`             // of the step it is in; null before that has one
	Gathering bool      `json:"gathering,omitempty"` // the step is so new that no figure of it means anything yet

	CanaryTasks  []string `json:"canary_tasks,omitempty"`
	ControlTasks []string `json:"control_tasks,omitempty"`
	History      []Event  `json:"history,omitempty"`
}

// Budget is what a candidate may spoil before the last canary step is
// accepted; 0 is no bound. Exposed and Missed of the rollout count against it.
type Budget struct {
	Auctions   int64 `json:"auctions,omitempty"`
	MissedBids int64 `json:"missed_bids,omitempty"`
	Sized      int   `json:"sized,omitempty"` // tasks that the step gets, so that the budget lasts
}

// Verdict is the judge's answer.
type Verdict struct {
	Outcome    string    `json:"outcome"`
	Class      string    `json:"class,omitempty"`   // of an inconclusive one: floor, borderline or starved
	Breaker    bool      `json:"breaker,omitempty"` // worse by gross harm, told without statistics
	Holds      bool      `json:"holds,omitempty"`   // a person should look before the candidate goes on
	Gate       string    `json:"gate,omitempty"`
	Partner    string    `json:"partner,omitempty"`
	Culprits   []string  `json:"culprits,omitempty"`
	Sentence   string    `json:"sentence"`
	Otherwise  string    `json:"otherwise,omitempty"` // what would have changed the outcome
	Looks      int       `json:"looks"`
	At         time.Time `json:"at"`
	Progress   float64   `json:"progress"`    // in [0, 1] towards the proof that is furthest away
	ETASeconds float64   `json:"eta_seconds"` // 0 when unknown

	// Of the proof that is furthest away: requests or pairs behind it, how many
	// it needs, and the smallest difference that could be told at present. The
	// first two are left out where they tell another story than Progress, as of a
	// difference that more of the same will not prove.
	Requests   int64   `json:"requests,omitempty"`
	Needed     int64   `json:"needed,omitempty"`
	Detectable float64 `json:"detectable,omitempty"`

	Money    *Money    `json:"money,omitempty"` // where bids come with prices
	Spent    []Spent   `json:"spent,omitempty"`
	Findings []Finding `json:"findings,omitempty"`
}

// Spent is a gate's share of the false alarms that a rollout may give, and how
// near it is to giving one.
type Spent struct {
	Gate      string  `json:"gate"`
	Alpha     float64 `json:"alpha"`
	Evidence  float64 `json:"evidence"`
	Threshold float64 `json:"threshold"`
}

// Finding is the state of one gate, with its evidence.
type Finding struct {
	Gate    string `json:"gate"`
	Partner string `json:"partner,omitempty"`
	Outcome string `json:"outcome"`

	CandidateRate float64 `json:"candidate_rate"`
	StableRate    float64 `json:"stable_rate"`
	Difference    float64 `json:"difference"`
	SincePast     bool    `json:"since_past,omitempty"` // the difference is that of what has changed since before the rollout
	Low           float64 `json:"low"`                  // 95 % interval of the difference, right at every moment
	High          float64 `json:"high"`
	BandLow       float64 `json:"band_low"` // differences that are fine
	BandHigh      float64 `json:"band_high"`

	Evidence  float64 `json:"evidence"`  // against the candidate
	Threshold float64 `json:"threshold"` // at which it is worse
	Proof     float64 `json:"proof"`     // for the candidate
	Required  float64 `json:"required"`  // at which it is acceptable; 0: no proof is asked

	Requests int64  `json:"requests"`
	Clusters int    `json:"clusters"`
	Windows  int    `json:"windows"`
	Sentence string `json:"sentence"`

	Alpha      float64   `json:"alpha,omitempty"`      // false alarms that it may give, of the rollout's 0.05
	Needed     int64     `json:"needed,omitempty"`     // requests or pairs at which the proof should stand
	Detectable float64   `json:"detectable,omitempty"` // smallest difference that could be told at present
	Growth     []float64 `json:"growth,omitempty"`     // natural logarithm of the evidence at the last few looks
	Drivers    []Driver  `json:"drivers,omitempty"`
	Otherwise  string    `json:"otherwise,omitempty"` // what would have changed the outcome
}

// Driver is a partner or a cluster of connections that brought a finding
// about.
type Driver struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"` // of what all of them brought
}

// Event is something that happened to a fleet.
type Event struct {
	Seq       int64     `json:"seq"`
	At        time.Time `json:"at"`
	Rollout   string    `json:"rollout,omitempty"`
	Candidate string    `json:"candidate,omitempty"`
	From      string    `json:"from,omitempty"`
	To        string    `json:"to,omitempty"`
	Step      int       `json:"step,omitempty"` // canary step that was entered, from 1
	Reason    string    `json:"reason"`
	Headline  string    `json:"headline"` // as of Rollout, when it happened
	WayOut    string    `json:"way_out"`
	Sentence  string    `json:"sentence"`
	By        string    `json:"by,omitempty"`
	Wish      string    `json:"wish,omitempty"` // id of the wish that ends with it
	Verdict   *Verdict  `json:"verdict,omitempty"`
}

// Pause is a person's wish that nothing starts or advances.
type Pause struct {
	By  string    `json:"by"`
	Why string    `json:"why,omitempty"`
	At  time.Time `json:"at"`
}

// Request is a person's wish as it was written down: with the rollout and the
// release that it is about.
type Request struct {
	ID      string    `json:"id"`
	Verb    string    `json:"verb"`
	By      string    `json:"by"`
	How     string    `json:"how,omitempty"` // By is proven: token, session or bearer; empty: it is what somebody said
	Why     string    `json:"why,omitempty"`
	At      time.Time `json:"at"`
	Rollout string    `json:"rollout,omitempty"`
	Release string    `json:"release,omitempty"`
	Source  string    `json:"source,omitempty"`

	Intended *Change `json:"intended_change,omitempty"`

	Revision int64 `json:"revision"` // Fleet.LastEvent when it was taken: what becomes of it comes after

	// Of a try, in its answer: the newest rollouts, on any fleet, by which the same
	// artifact was taken back.
	TakenBack []TakenBack `json:"taken_back,omitempty"`
}

// TaskCounts sums up the tasks of a fleet.
type TaskCounts struct {
	Total       int `json:"total"`
	Desired     int `json:"desired"` // that ECS is to keep running
	Ready       int `json:"ready"`
	Unreachable int `json:"unreachable"`
	Preparing   int `json:"preparing"`
	Failed      int `json:"failed"` // could not take what they were asked to

	Canary      int `json:"canary"`
	Control     int `json:"control"`
	OnStable    int `json:"on_stable"` // of those that can be reached
	OnCandidate int `json:"on_candidate"`
	OnOther     int `json:"on_other"` // another release, or none
}

// Task is one running inference task.
type Task struct {
	ID        string `json:"id"`
	Address   string `json:"address"`
	State     string `json:"state"`     // ready, not_ready, preparing, failed or unreachable
	Ready     bool   `json:"ready"`     // it answers, perhaps with what it had before a failure
	Cohort    string `json:"cohort"`    // canary, control or rest
	Serving   string `json:"serving"`   // digest
	Serves    string `json:"serves"`    // stable, candidate, other or nothing
	Evaluator string `json:"evaluator"` // how Serving is scored: "lanes avx512", "memo", …; empty where the task does not tell
	Shadow    string `json:"shadow"`    // digest scored beside it
	Preparing string `json:"preparing"` // digest being loaded

	Failure   string `json:"failure,omitempty"` // of the newest assignment
	Error     string `json:"error,omitempty"`   // why it cannot be reached, or does not obey
	Tag       string `json:"tag"`               // release it is tagged with in ECS
	Protected bool   `json:"protected"`         // from scale-in

	ProtectedUntil     *time.Time `json:"protected_until,omitempty"`
	ProtectedElsewhere bool       `json:"protected_elsewhere,omitempty"` // by somebody else
	Idle               bool       `json:"idle,omitempty"`                // a deployment keeps auctions from it

	Stratum Stratum `json:"stratum"`

	Requests    int64     `json:"requests"`    // answered since it started
	FilterRate  *float64  `json:"filter_rate"` // under what it serves; null before anything was scored
	MemoryBytes int64     `json:"memory_bytes"`
	Connections int       `json:"connections"`
	StartedAt   time.Time `json:"started_at"`
}

// Stratum is where and as what a task runs, as ECS tells it; canaries and
// controls come from the same. What is not known is empty.
type Stratum struct {
	Zone             string `json:"zone"`              // availability zone
	CapacityProvider string `json:"capacity_provider"` // else the launch type
	InstanceType     string `json:"instance_type"`     // "fargate" for Fargate
	Revision         string `json:"revision"`          // of the task definition
	Deployment       string `json:"deployment"`        // of the service
}

// Next is what happens next, as far as it can be foreseen.
type Next struct {
	Sentence string `json:"sentence"`

	Phase string     `json:"phase,omitempty"` // the next one, when all goes well
	Step  int        `json:"step,omitempty"`  // canary step, from 1
	At    *time.Time `json:"at,omitempty"`    // about when; null when nobody can say

	Deadline  *time.Time `json:"deadline,omitempty"`  // when something else happens instead
	Otherwise string     `json:"otherwise,omitempty"` // the phase that is then
}

// Loop is the controller's last look at the fleet.
type Loop struct {
	At           time.Time `json:"at"`          // by the leader's clock
	AgeSeconds   float64   `json:"age_seconds"` // at Fleet.At, by this server's clock and by when it saw the look come
	Leader       string    `json:"leader"`
	Epoch        int64     `json:"epoch"`
	TookSeconds  float64   `json:"took_seconds"`
	EverySeconds float64   `json:"every_seconds"`
	Pace         float64   `json:"pace"`   // auctions a second that one task answers, on average; 0 unknown
	Wanted       []string  `json:"wanted"` // changes still to be made
	Errors       []string  `json:"errors"`
}

// Tasks is the answer to /v1/fleets/{fleet}/tasks.
type Tasks struct {
	At    time.Time `json:"at"` // of the look that saw them
	Total int       `json:"total"`
	Tasks []Task    `json:"tasks"` // up to the limit: canary, control, then those in trouble
}

// Patch is an operation of a JSON Patch (RFC 6902).
type Patch struct {
	Op    string `json:"op"`              // test, add, remove or replace
	Path  string `json:"path"`            // JSON Pointer (RFC 6901) to what it is done to
	Value any    `json:"value,omitempty"` // what is tested for, or put there
}

// Looks is the answer to /v1/fleets/{fleet}/rollouts/{id}/looks: which chunks
// there are of the log of what the judge was shown.
type Looks struct {
	Rollout string `json:"rollout"`
	Chunks  []int  `json:"chunks"`
}

// Chunk is one of them, as package history wrote it.
type Chunk struct {
	Rollout string `json:"rollout"`
	Chunk   int    `json:"chunk"`
	Body    []byte `json:"body"`
}
