package controller

import (
	"context"
	"errors"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/inference/release"
)

// What the adapters report besides success.
var (
	// ErrNotFound means that there is no such object, or none yet.
	ErrNotFound = rollout.ErrNotFound
	// ErrStale means that somebody else wrote first: load again, decide again.
	ErrStale = errors.New("somebody else wrote first")
	// ErrLater means that nothing was done, as there is no room for it now: it is
	// asked again in a later pass, and nothing is wrong.
	ErrLater = errors.New("it is asked again later")
	// ErrChanged means that an artifact is no longer the one that was pinned.
	ErrChanged = errors.New("the object is no longer the one that was pinned")
	// ErrTooLarge means that an object is larger than the caller takes.
	ErrTooLarge = errors.New("the object is too large")
	// ErrUndeliverable means that a receiver will never take this notice.
	ErrUndeliverable = errors.New("the receiver does not take this notice")
	// ErrGone means that a receiver wants no notice any more.
	ErrGone = errors.New("the receiver says that it is gone")
	// ErrStaleEpoch means that a task has seen a newer controller.
	ErrStaleEpoch = errors.New("a newer controller is in charge")
)

// Ports are the adapters through which one fleet is seen and moved.
type Ports struct {
	Documents Documents
	Artifacts Artifacts
	Jobs      Jobs
	Tasks     Tasks
	Control   Control

	Deployments Deployments // nil: nobody can tell of any
}

// FleetFiles are the fleet files of one place, and what lies beside them. One
// goroutine asks at a time.
type FleetFiles interface {
	// List returns the names of the fleet files, in their order; an error where
	// there is none.
	List(ctx context.Context) (names []string, err error)

	// Read returns what a file says, limit bytes at most: one that List has named,
	// or another that lies beside it, is a variable or has a whole path.
	Read(ctx context.Context, name string, limit int) ([]byte, error)
}

// Documents are the controller's memory: S3 objects written conditionally.
type Documents interface {
	// Get returns a document and its ETag, or ErrNotFound.
	Get(ctx context.Context, key string) (body []byte, etag string, err error)

	// Put replaces the document whose ETag is etag and returns the new one;
	// an empty etag creates a document that must not exist yet. ErrStale when
	// that is not what is stored. A reply that was lost may leave the new
	// document stored: the next Get shows it.
	Put(ctx context.Context, key string, body []byte, etag string) (newEtag string, err error)

	// Replace writes a document whatever was there before.
	Replace(ctx context.Context, key string, body []byte) error

	// List returns up to limit keys under prefix, newest first.
	List(ctx context.Context, prefix string, limit int) ([]string, error)

	// After returns up to limit keys under prefix that come after that one, in
	// the order of their bytes. It costs as much as it returns.
	After(ctx context.Context, prefix, after string, limit int) ([]string, error)
}

// Artifacts are what training jobs leave in S3.
type Artifacts interface {
	// Pin looks at an artifact and returns source with the version and ETag it
	// has now, and its size in bytes. ErrNotFound while it is not there.
	Pin(ctx context.Context, source release.Source) (pinned release.Source, bytes int64, err error)

	// Fetch reads the pinned bytes, at most limit of them: ErrTooLarge when
	// there are more, ErrChanged when the object was overwritten meanwhile.
	Fetch(ctx context.Context, pinned release.Source, limit int64) ([]byte, error)
}

// Jobs are the training jobs.
type Jobs interface {
	// Completed returns the jobs whose names match one of the patterns (as in
	// path.Match) and that completed after since, oldest first. A child of a
	// tuning job tells how that stands. Once it is over, its best child is among
	// them, whenever it ended, if its name matches and it was not deleted.
	Completed(ctx context.Context, patterns []string, since time.Time) ([]rollout.Job, error)
}

// Tasks are the ECS tasks of one fleet.
type Tasks interface {
	// List returns the running tasks: ID, Address, Tag, Protected, ProtectedUntil,
	// StartedAt and Stratum, as far as it is known, are filled in; and how many ECS
	// is to keep running. A zone that ECS does not tell the task itself may. It may be
	// what was known some seconds ago, and the longer ago the more tasks there
	// are; a task that has ended since is told by Gone.
	List(ctx context.Context) (tasks []rollout.Task, desired int, err error)

	// Crashed returns the tasks that lately ended by themselves - an exit code
	// of their own, a signal, no memory left - the oldest first: not those that
	// were stopped, or taken down with their host; and those that ECS ended as
	// unhealthy, or for a reason of its own. Each is returned for some while, and may be
	// missing for a moment after its end.
	Crashed(ctx context.Context) ([]rollout.Crash, error)

	// Gone returns those of the tasks that ECS runs no more. It is asked about
	// tasks that do not answer: of one that it was asked of a moment ago, it may
	// know nothing new. List does not return them either.
	Gone(ctx context.Context, silent []string) (gone []string, err error)

	// Tag shows which release a task serves. ErrLater where there is no room for
	// it now.
	Tag(ctx context.Context, task, release string) error

	// Protect spares tasks from scale-in for rollout.GuardFor (or no longer does).
	// What somebody else has protected since the last List stays as they want it.
	// The error names those that could not be; the others are. ErrNotFound where
	// one is not there any more.
	Protect(ctx context.Context, tasks []string, on bool) error

	// Stop ends a task, in whose place ECS starts another. It returns before
	// that; stopping one that ends already changes nothing.
	Stop(ctx context.Context, task, why string) error
}

// Deployments are those of the service of one fleet.
type Deployments interface {
	// Deployment returns the one that is under way, as of the last List of its
	// tasks; nil for none. Beside an error it comes without what cannot be told of
	// it now.
	Deployment(ctx context.Context) (*rollout.Deployment, error)

	// Answer lets a deployment that waits at a PAUSE hook go on, or sends it back.
	// Nothing happens where it does not wait there any more.
	Answer(ctx context.Context, hook rollout.Hook, on bool) error
}

// Control speaks to the control ports of tasks. A call ends within two seconds,
// whatever the task does, and sooner if ctx does.
type Control interface {
	// Status returns t with everything the task says of itself filled in.
	Status(ctx context.Context, t rollout.Task) (rollout.Task, error)

	// Assign asks the task at address for an end state. ErrStaleEpoch when
	// the task has seen a newer controller.
	Assign(ctx context.Context, address string, a rollout.Assign, epoch int64) error

	// Counts returns what the task has counted since a position: while the
	// release of an arm answered under the generation, and nothing else; at
	// most one report, and none while the task does not count for that arm.
	// Asking again for what came after the same position gives the same and
	// more: only what is stored for good may be asked beyond.
	Counts(ctx context.Context, address string, c Comparison) ([]tally.Report, error)
}

// Way is how notices reach a receiver.
type Way interface {
	// Deliver hands over a notice, before ctx ends. ErrUndeliverable and ErrGone
	// are final, a BusyError says how long to wait at least; after any other error
	// it is tried again, and so a notice may arrive more than once.
	Deliver(ctx context.Context, n Notice) error
}

// BusyError means that a receiver wants to be left alone for a while.
type BusyError struct {
	For time.Duration
	Err error
}

func (e *BusyError) Error() string { return e.Err.Error() }
func (e *BusyError) Unwrap() error { return e.Err }

// Comparison names the two sides of a rollout, and what is known of a task.
type Comparison struct {
	Candidate, Stable string
	Generation        int64
	Arm               judge.Arm // that the task is of

	// Boot and After are the process of the task that told last, and the
	// position up to which it did and what it told is stored: zero for nothing.
	Boot  string
	After int64
}
