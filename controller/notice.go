package controller

import (
	"slices"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// Kind says in one word what a notice is about.
type Kind string

// The kinds. A fleet file may name those that a receiver is told of.
const (
	KindHeld             Kind = "held"         // a rollout waits for a person
	KindRollingBack      Kind = "rolling_back" // all tasks go back to stable
	KindRolledBack       Kind = "rolled_back"  // all tasks are back
	KindRefused          Kind = "refused"
	KindLive             Kind = "live"
	KindControllerSilent Kind = "controller_silent"
	KindFleetUnwell      Kind = "fleet_unwell"

	kindMissed Kind = "missed" // notices of any kind were lost: whoever is told anything is told so
	kindTest   Kind = "test"
)

// Kinds are those that a receiver may be told of.
func Kinds() []Kind {
	return []Kind{KindHeld, KindRollingBack, KindRolledBack, KindRefused, KindLive, KindControllerSilent, KindFleetUnwell}
}

// Notice is what a receiver is told. It may come more than once, with the same
// ID.
type Notice struct {
	ID    string // of no other notice, on whatever controller
	Kind  Kind
	Over  bool // what a notice of this kind told of before is over
	At    time.Time
	Fleet string

	Headline string // for a person, in one line
	WayOut   string // what to do; empty where there is nothing
	Sentence string // the reason in full, with numbers
	Link     string // to the page; empty where its address is not known

	// Of a rollout only.
	Rollout, Candidate string
	From, To           rollout.Phase
	Reason             rollout.Reason
	By                 string
	Revision           int64 // of the fleet, that the event has
}

// noticeOf is the notice of an event, whose headline is said; none of one that
// is nobody's to be called for.
func noticeOf(fleet string, e rollout.Event, said rollout.Headline, public string) (Notice, bool) {
	n := Notice{
		ID: fleet + "." + strconv.FormatInt(e.Seq, 10) + "." + strconv.FormatInt(e.At.Unix(), 36),
		At: e.At, Fleet: fleet, Headline: said.Text, WayOut: said.WayOut, Sentence: e.Sentence, Link: PageOf(public, fleet, e.Rollout),
		Rollout: e.Rollout, Candidate: e.Candidate, From: e.From, To: e.To, Reason: e.Reason, By: e.By, Revision: e.Seq,
	}
	switch e.To {
	case rollout.Held:
		if n.Kind = KindHeld; e.Reason == rollout.Deploying {
			return n, false // it goes on by itself, as often as the service is deployed
		}
	case rollout.RollingBack:
		n.Kind = KindRollingBack
	case rollout.RolledBack:
		n.Kind = KindRolledBack
	case rollout.Refused:
		n.Kind = KindRefused
	case rollout.Live:
		n.Kind = KindLive
	case rollout.Queued, rollout.Admitting, rollout.Shadow, rollout.Canary, rollout.Promoting, rollout.Superseded, "":
		return n, false
	}
	return n, true
}

// TestNotice is one by which a person tries the way to a receiver.
func TestNotice(fleet, public, by string, now time.Time) Notice {
	say := "This is a test: notices of fleet " + fleet + " come here."
	return Notice{
		ID: "test." + fleet + "." + strconv.FormatInt(now.UnixNano(), 36), Kind: kindTest, At: now, Fleet: fleet,
		Headline: say, Sentence: say, Link: PageOf(public, fleet, ""), By: by,
	}
}

// PageOf is where the page shows a rollout of a fleet, or without an ID the
// fleet; public is the page's own address, and empty where nobody knows it. No
// name of either holds what an address would have to escape.
func PageOf(public, fleet, rollout string) string {
	switch {
	case public == "":
		return ""
	case rollout == "":
		return public + "/#" + fleet
	}
	return public + "/#" + fleet + "/rollouts/" + rollout
}

// unwell is the worst of what is wrong with a fleet, and what to do first; empty
// for nothing, and before the first release, without which no task can take auctions.
func unwell(s rollout.State, seen rollout.Observation, now time.Time) (said rollout.Headline) {
	if len(seen.Unwell) == 0 || s.Stable == "" {
		return said
	}
	worst := seen.Unwell[0]
	return rollout.Headline{Text: worst.Sentence, WayOut: worst.WayOut(s, seen, now)}
}

// Receiver is somebody who is told what happens to a fleet.
type Receiver struct {
	Name  string
	Kinds []Kind // empty: all
	Way   Way

	// Settings returns the same while the way to it is the same; nil: always.
	Settings func() (string, error)
}

func (r Receiver) wants(k Kind) bool {
	return len(r.Kinds) == 0 || k == kindMissed || slices.Contains(r.Kinds, k)
}
