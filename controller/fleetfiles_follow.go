package controller

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync/atomic"
	"time"
)

// Follower reads fleet files again and again, so that a change of them needs no
// restart. What makes no sense changes nothing.
type Follower struct {
	Files   FleetFiles
	Every   time.Duration // the shortest pause between two looks; the longest is twice that
	Log     *slog.Logger
	Metrics *Metrics // nil: nothing is counted

	// Take puts fleets in force in place of those before, all or none, and says
	// why it cannot.
	Take func(ctx context.Context, fleets []Fleet) error

	inForce []Fleet
	seen    reading
	trouble trouble
	wrong   atomic.Pointer[error]
}

// reading is what came of a look at the files.
type reading struct {
	fleets []Fleet
	failed bool
}

const (
	readWithin  = 30 * time.Second // all files
	settleFiles = 2 * time.Second  // a change counts once it is found twice, so far apart: nobody is amid writing then
)

// Begin reads the fleets that are in force from the start.
func (f *Follower) Begin(ctx context.Context) (fleets []Fleet, err error) {
	f.inForce, err = ReadFleets(ctx, f.Files)
	return f.inForce, err
}

// Run follows the files until ctx ends. Controllers look at different moments.
func (f *Follower) Run(ctx context.Context) {
	for wait := f.pace(); pause(ctx, wait); wait = f.look(ctx) {
	}
}

func (f *Follower) pace() time.Duration { return f.Every + rand.N(f.Every) }

// look reads the files once, and says when to look again.
func (f *Follower) look(ctx context.Context) (wait time.Duration) {
	within, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	fleets, err := ReadFleets(within, f.Files)
	if ctx.Err() != nil {
		return 0
	}
	found := reading{fleets, err != nil}
	switch {
	case err == nil && reflect.DeepEqual(fleets, f.inForce):
		f.seen = reading{}
		f.tell(ctx, nil)
		return f.pace()
	case !reflect.DeepEqual(found, f.seen):
		f.seen = found
		return settleFiles
	case err == nil:
		if err = f.Take(ctx, fleets); err == nil {
			f.inForce = fleets
			f.Log.InfoContext(ctx, "fleet files have changed and are in force", "fleets", len(fleets))
		}
	}
	f.tell(ctx, err)
	return f.pace()
}

func (f *Follower) tell(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		err = fmt.Errorf("the fleet files as they are now are not taken, and what they said before stays in force: %w", err)
	}
	f.trouble.log(ctx, f.Log, "follow the fleet files", err, time.Now())
	f.Metrics.refused(err)
	f.wrong.Store(&err)
}

// Refused is why the files are not in force as they are now, in one line; nil
// where they are. Any goroutine may ask.
func (f *Follower) Refused() error {
	wrong := f.wrong.Load()
	if wrong == nil || *wrong == nil {
		return nil
	}
	line, _, more := strings.Cut((*wrong).Error(), "\n")
	if more {
		line += "; the log shows it, and so does sluice lint"
	}
	return fmt.Errorf("%s", line)
}
