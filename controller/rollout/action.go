package rollout

import (
	"fmt"
	"strings"
)

// Action names an end state to reach, never a step to take, so that carrying
// it out twice is harmless. What Publish wants must hold before anything is
// assigned; otherwise the order does not matter, and one that fails does not
// hold up the others.
type Action interface {
	fmt.Stringer
	action()
}

// Publish wants the release of the active rollout stored whole.
type Publish struct {
	Rollout string
	Digest  string
}

// Assign wants a task to answer with Release, scoring a Sample with Shadow too.
type Assign struct {
	Task       string
	Release    string
	Shadow     string
	Sample     float64
	Explore    float64
	Buckets    int
	Generation int64
	Prices     *Prices // filled in when it is sent: what money is worth decides nothing
}

// Tag wants ECS to show which release a task serves.
type Tag struct{ Task, Release string }

// Protect wants a task spared (or no longer spared) by scale-in.
type Protect struct {
	Task string
	On   bool
}

// Archive wants a finished rollout stored for ever.
type Archive struct{ Rollout string }

// Fence wants a task to obey no earlier leader: it repeats what the task does,
// under the epoch of this one.
type Fence struct{ Assign }

// Replace wants ECS to run another task in place of one that can be used no
// more.
type Replace struct{ Task, Why string }

// Answer wants a deployment that waits at a PAUSE hook to go on from there, or to
// go back.
type Answer struct {
	Hook Hook
	On   bool
}

func (Publish) action() {}
func (Assign) action()  {}
func (Tag) action()     {}
func (Protect) action() {}
func (Archive) action() {}
func (Fence) action()   {}
func (Replace) action() {}
func (Answer) action()  {}

func (a Publish) String() string { return "publish " + Short(a.Digest) }

func (a Assign) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s=%s", a.Task, Short(a.Release))
	if a.Shadow != "" {
		fmt.Fprintf(&b, "+%s", Short(a.Shadow))
	}
	fmt.Fprintf(&b, "@%d", a.Generation)
	return b.String()
}

func (a Tag) String() string { return "tag " + a.Task + "=" + Short(a.Release) }

func (a Protect) String() string {
	if a.On {
		return "protect " + a.Task
	}
	return "unprotect " + a.Task
}

func (a Fence) String() string { return "fence " + a.Task }

func (a Replace) String() string { return "replace " + a.Task }

func (a Answer) String() string {
	if a.On {
		return "continue the deployment at hook " + a.Hook.ID
	}
	return "roll the deployment back at hook " + a.Hook.ID
}

func (a Archive) String() string { return "archive " + a.Rollout }

// Short is how a digest is shown to people: its first 12 characters.
func Short(digest string) string { return digest[:min(12, len(digest))] }
