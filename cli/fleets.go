package cli

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/aws"
	"github.com/sluicehq/sluice/controller/rollout"
)

// fleetPlaces are the places that a flag for fleet files may name.
const fleetPlaces = "fleet `file`, or folder of *.yaml fleet files, here or in S3 (s3://BUCKET/FOLDER/), or env:NAME"

// fleetFiles are those of a place, which may be in S3; then open is asked who to
// speak to.
func fleetFiles(place string, open func() (*aws.Client, error)) (controller.FleetFiles, error) {
	if !strings.HasPrefix(place, controller.S3Prefix) {
		return controller.Disk(place), nil
	}
	client, err := open()
	if err != nil {
		return nil, err
	}
	files, err := client.FleetFiles(place)
	if err != nil {
		return nil, usageError{err}
	}
	return files, nil
}

// filesHere are those of a place for a command that speaks to the AWS of its
// environment, if it has to.
func filesHere(ctx context.Context, place string) (controller.FleetFiles, error) {
	return fleetFiles(place, func() (*aws.Client, error) { return aws.Open(ctx, aws.Options{}) })
}

// readFleets reads the fleet files of a place, once.
func readFleets(ctx context.Context, place string) ([]controller.Fleet, error) {
	files, err := filesHere(ctx, place)
	if err != nil {
		return nil, err
	}
	return controller.ReadFleets(ctx, files)
}

// running are the loops that there are now, by fleet.
type running struct {
	of atomic.Pointer[map[string]*controller.Reconciler]
}

func (r *running) set(loops []*controller.Reconciler) {
	of := map[string]*controller.Reconciler{}
	for _, loop := range loops {
		of[loop.Fleet.Name] = loop
	}
	r.of.Store(&of)
}

func (r *running) names() (names []string) {
	for name := range *r.of.Load() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (r *running) fleet(name string) *controller.Reconciler { return (*r.of.Load())[name] }

// awake is the store as the API sees it: what a person asks wakes the loop, so
// that a leader in this process acts at once.
type awake struct {
	controller.Store
	running *running
}

// Request notes what a person asks and wakes the loop.
func (a awake) Request(ctx context.Context, name string, q rollout.Request) (rollout.Request, error) {
	q, err := a.Store.Request(ctx, name, q)
	if f := a.running.fleet(name); err == nil && f != nil {
		f.Wake()
	}
	return q, err
}

// SetStop freezes all fleets, or ends that, and wakes their loops.
func (a awake) SetStop(ctx context.Context, stop *rollout.Stop, e rollout.Entry) (*rollout.Stop, error) {
	set, err := a.Store.SetStop(ctx, stop, e)
	for _, f := range *a.running.of.Load() {
		f.Wake()
	}
	return set, err
}

func (a awake) policy(name, id string) (rollout.Policy, bool) {
	f := a.running.fleet(name)
	if f == nil {
		return rollout.Policy{}, false
	}
	return f.Fleet.Policies.For(id), true
}

func (a awake) calendar(name string, from, until time.Time) ([]rollout.Frozen, bool) {
	f := a.running.fleet(name)
	if f == nil {
		return nil, false
	}
	return f.Fleet.Policies.Calendar(from, until), true
}
