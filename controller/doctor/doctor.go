// Package doctor says what would go wrong with a fleet before anybody relies on
// it: from what was asked of AWS and of tasks, and what came of it.
//
// It asks nothing by itself. What nobody could ask is told as that, and never as
// good news.
package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/sorting"
)

// Severity says how much a finding matters.
type Severity string

// The severities, the worst first.
const (
	Wrong    Severity = "wrong"    // it does not work, or will lose something
	Doubtful Severity = "doubtful" // it works, and will surprise somebody
	Untried  Severity = "untried"  // nobody knows
	Well     Severity = "well"
)

// Finding is one thing that was found.
type Finding struct {
	Severity Severity `json:"severity"`
	About    string   `json:"about"` // a word for scripts
	Says     string   `json:"says"`
	Do       string   `json:"do,omitempty"`       // the way out
	Evidence string   `json:"evidence,omitempty"` // what it goes by
}

// Facts are what was asked for, what came, and what could not be asked.
type Facts struct {
	Asked  Asked
	Trials []Trial

	Skew       *time.Duration // by how much AWS's clock is ahead of ours; nil where no answer told
	Bucket     Bucket
	Service    *Service    // nil where it is not known, as the next two
	Definition *Definition // that the service starts tasks by
	Targets    []Targets   // the groups of targets of the service, those of which anything is known
	Scaling    []Scaling   // the groups of machines of its capacity providers, likewise
	Jobs       *Jobs
	Tasks      []Task // those that were tried
}

// Asked is what the fleet file and the command line say.
type Asked struct {
	Fleet, Bucket, Region string
	ServiceRegion         string // as an ARN of cluster or service tells; empty where none does
	Jobs                  []string
	LookEvery             time.Duration
	ControlPort           int
	Container             string        // that answers auctions; empty: whichever maps the control port
	ReadsPerSecond        float64       // that ECS grants this controller for good, of what lists tasks
	Drain                 time.Duration // that a task takes to end unless it is told otherwise, of which
	DrainDelay            time.Duration // the first part is this
	Idle                  time.Duration // after which a task ends a silent connection, likewise
	HealthPort            int           // that a task answers /readyz on, likewise
}

// Outcome is what came of asking.
type Outcome string

// The outcomes.
const (
	Granted   Outcome = "granted"
	Denied    Outcome = "denied"
	Unoffered Outcome = "unoffered" // the endpoint has no such call
	Failed    Outcome = "failed"
	Unasked   Outcome = "unasked"
)

// Trial is a call that was tried, or was to be.
type Trial struct {
	Right   string // that it takes, such as ecs:ListTasks
	Needed  bool   // by the controller; else only whoever examines it needs it
	Outcome Outcome
	Says    string // what AWS said, or why it was not asked
}

// Examine returns all findings, the worst first.
func Examine(f Facts) (all []Finding) {
	all = append(all, rights(f)...)
	all = append(all, place(f)...)
	all = append(all, bucket(f)...)
	all = append(all, service(f)...)
	all = append(all, definition(f)...)
	all = append(all, balancers(f)...)
	all = append(all, scaling(f)...)
	ported := !slices.ContainsFunc(all, func(f Finding) bool { return f.About == "control_port" })
	all = append(all, tasks(f, ported)...)
	all = append(all, jobs(f)...)
	all = append(all, unreachable()...)
	sorting.StableBy(all, func(a, b *Finding) int { return cmp.Compare(rank(a.Severity), rank(b.Severity)) })
	return all
}

func rank(s Severity) int { return slices.Index([]Severity{Wrong, Doubtful, Untried, Well}, s) }

// rights tells what came of the calls. Calls that failed alike are told once.
func rights(f Facts) (all []Finding) {
	var granted, lacking []string
	unasked := map[string][]string{}
	told := map[string]bool{}
	for _, t := range f.Trials {
		switch t.Outcome {
		case Granted:
			granted = append(granted, t.Right)
		case Denied:
			if t.Needed {
				all = append(all, Finding{
					Wrong, "right", "The right " + t.Right + " is missing, which the controller needs.",
					"Allow " + t.Right + " for the role that this was asked with, if it is the controller's; docs/operating.md names all that it needs.", t.Says,
				})
			} else {
				lacking = append(lacking, t.Right)
			}
		case Failed:
			if !told[t.Says] {
				all = append(all, Finding{Wrong, "call", upper(t.Says) + ".", "", t.Right})
			}
			told[t.Says] = true
		case Unoffered:
			all = append(all, Finding{Untried, "call", "This endpoint has no call for " + t.Right + ".", "", t.Says})
		case Unasked:
			unasked[t.Says] = append(unasked[t.Says], t.Right)
		}
	}
	if len(lacking) > 0 {
		all = append(all, Finding{
			Untried, "right", "What " + strings.Join(lacking, ", ") + " would tell was not looked at: these credentials may not ask.",
			"Allow it to whoever runs this; the controller does not need it.", "",
		})
	}
	for _, why := range sortedKeys(unasked) {
		all = append(all, Finding{Untried, "call", strings.Join(unasked[why], ", ") + " was not tried, as " + why + ".", "Mend that first, and ask again.", ""})
	}
	if len(granted) > 0 {
		all = append(all, Finding{Well, "right", fmt.Sprintf("%d calls of AWS were answered.", len(granted)), "", strings.Join(granted, ", ")})
	}
	return all
}

func sortedKeys[V any](m map[string]V) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// How far clocks may be apart: AWS refuses what was signed five minutes ago, and
// S3 what was a quarter of an hour.
const (
	skewDoubtful = 30 * time.Second
	skewWrong    = 4 * time.Minute
)

// place is about where everything is, and when.
func place(f Facts) (all []Finding) {
	if in := f.Asked.ServiceRegion; in != "" && in != f.Asked.Region {
		all = append(all, Finding{
			Wrong, "region", fmt.Sprintf("The ECS service is in %s, and this speaks to %s: a controller would not start.", in, f.Asked.Region),
			"Set --region, or give fleets of another region a controller there.", "",
		})
	}
	if f.Skew == nil {
		return append(all, Finding{Untried, "clock", "Whether this machine's clock is right is not known: no answer of AWS told the time.", "", ""})
	}
	apart := f.Skew.Abs().Round(time.Second)
	found := Finding{Well, "clock", "This machine's clock agrees with AWS's.", "", fmt.Sprintf("%v apart", apart)}
	if apart >= skewDoubtful {
		found.Severity, found.Says = Doubtful, fmt.Sprintf("This machine's clock and AWS's are %v apart.", apart)
		found.Do = "Set the clock of this machine (NTP); AWS refuses what is signed at another time, and leases are told by the clock."
	}
	if apart >= skewWrong {
		found.Severity = Wrong
	}
	return append(all, found)
}

// unreachable is what no call tells without changing something.
func unreachable() []Finding {
	return []Finding{
		{
			Untried, "writes", "Rights of which only a change would tell were not tried: ecs:TagResource, ecs:StopTask, ecs:ContinueServiceDeployment, and s3:PutObject beside the probe's folder.",
			"Compare the role with the one in deploy/aws/fleet.yaml.", "",
		},
		{
			Untried, "artifacts", "Whether the controller may read what training jobs leave, and tasks their bucket, was not tried.",
			"Let the first model tell: sluice try says at once whether its artifact can be read.", "",
		},
	}
}

// upper begins a sentence.
func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
