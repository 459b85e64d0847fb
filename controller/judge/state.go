package judge

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// State is what the judge remembers of one rollout: the evidence so far, and a
// latch. The statistics of the next look are all that it needs beside. A zero
// State is a judge that has seen nothing. It is not safe for concurrent use;
// [State.MarshalJSON] checkpoints it bit for bit.
type State struct{ past past }

// past is what is checkpointed.
type past struct {
	Looks int       `json:"looks"`
	Last  time.Time `json:"last"`  // look
	Since time.Time `json:"since"` // first look that counted anything
	Step  int       `json:"step"`

	Proofs [][proofs]proof `json:"proofs"` // by stream
	Recent []recently      `json:"recent"` // by stream
	Ratios [Ratios]ratio   `json:"ratios"`

	// Since the last step.
	Stepped      bool      `json:"stepped"`
	StepAt       time.Time `json:"step_at"`
	StepProgress float64   `json:"step_progress"`

	Evidence map[Gate]float64   `json:"evidence"` // largest logarithm so far
	Proved   map[Gate]proof     `json:"proved"`   // of the gates that are one-sided
	Eased    map[Gate]proof     `json:"eased"`    // of those, by an early step's wider margin
	Growth   map[Gate][]float64 `json:"growth"`   // logarithms at the last few looks
	Grown    int                `json:"grown"`    // look up to which that is
	Trails   map[Gate]trail     `json:"trails"`   // since the last step
	Worse    *Verdict           `json:"worse"`    // latched

	Suspects []suspect `json:"suspects,omitempty"` // tasks that failed grossly of late while they served the candidate
	Slowest  suspect   `json:"slowest,omitzero"`   // the task with the candidate that alone is slow, since when
}

// A proof is the best evidence so far that a difference lies below the upper
// and above the lower edge of a band. It holds for that band only.
type proof struct {
	Up   float64 `json:"up"`
	Down float64 `json:"down"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// note keeps the best evidence for a band, and forgets what was found for
// another.
func (p *proof) note(low, high, down, up float64) {
	down, up = bounded(down), bounded(up)
	if p.Low != low || p.High != high {
		*p = proof{Low: low, High: high, Up: up, Down: down}
		return
	}
	p.Up, p.Down = math.Max(p.Up, up), math.Max(p.Down, down)
}

func (p proof) worst() float64 { return math.Min(p.Up, p.Down) }

// A ratio compares two rates of rare events. A look is an interval with one
// share between the arms, which makes the conditional test exact within it.
type ratio struct {
	Logs   [7]float64 `json:"logs"`   // against the candidate, by multiple of the tolerated ratio
	Proofs [3]float64 `json:"proofs"` // for it
	Proof  proof      `json:"proof"`
	Eased  proof      `json:"eased,omitzero"` // by an early step's wider floor
}

// best is the proof that a step rests on.
func (r *ratio) best(p Policy) proof {
	if p.provable(p.ErrorFloor) != p.ErrorFloor && r.Proof.worst() < requiredLog {
		return r.Eased
	}
	return r.Proof
}

// add weighs what one look counted.
func (r *ratio) add(n, x [Arms]float64, r0 float64) {
	for i, a := range ratioSteps() {
		r.Logs[i] = finite(r.Logs[i] + ratioLog(x[CandidateArm], n[CandidateArm], x[ControlArm], n[ControlArm], r0, a))
	}
	for i, a := range ratioProofs() {
		r.Proofs[i] = finite(r.Proofs[i] + ratioLog(x[CandidateArm], n[CandidateArm], x[ControlArm], n[ControlArm], r0, a))
	}
}

// checkpointVersion changes whenever what is remembered means something else.
const checkpointVersion = 3

// document is a checkpoint.
type document struct {
	Version int  `json:"version"`
	Past    past `json:"past"`
}

// MarshalJSON writes the state down; floats keep every bit.
func (s State) MarshalJSON() ([]byte, error) {
	return json.Marshal(document{Version: checkpointVersion, Past: s.past})
}

// UnmarshalJSON restores what [State.MarshalJSON] gave.
func (s *State) UnmarshalJSON(data []byte) error {
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return fmt.Errorf("restore judge: %w", err)
	}
	if d.Version != checkpointVersion {
		return fmt.Errorf("restore judge: checkpoint has version %d, this program knows %d", d.Version, checkpointVersion)
	}
	s.past = d.Past
	return nil
}
