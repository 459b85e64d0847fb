package inference

import (
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/idl/gen/control"
)

func TestFencing(t *testing.T) {
	digest := func(c string) string { return strings.Repeat(c, 64) }
	at := func(release string, generation int64) assignment {
		return assignment{release: digest(release), buckets: 16, generation: generation}
	}
	type ask struct {
		a      assignment
		epoch  int64
		refuse string
	}
	tests := []struct {
		name string
		asks []ask
		want assignment
	}{
		{"newer generations win", []ask{{at("a", 1), 1, ""}, {at("b", 2), 1, ""}}, at("b", 2)},
		{"older epoch", []ask{{at("a", 1), 2, ""}, {at("b", 2), 1, "stale_epoch"}}, at("a", 1)},
		{"older generation", []ask{{at("a", 2), 1, ""}, {at("b", 1), 1, "stale_generation"}}, at("a", 2)},
		{"same generation, other contents", []ask{{at("a", 2), 1, ""}, {at("b", 2), 1, ""}}, at("b", 2)},
		{"a newer controller may go back", []ask{{at("a", 9), 1, ""}, {at("b", 1), 2, ""}}, at("b", 1)},
		{"and is then the measure", []ask{{at("a", 9), 1, ""}, {at("b", 1), 2, ""}, {at("a", 9), 1, "stale_epoch"}, {at("a", 0), 2, "stale_generation"}}, at("b", 1)},
		{"the same under a newer epoch", []ask{{at("a", 2), 1, ""}, {at("a", 2), 3, ""}, {at("b", 3), 2, "stale_epoch"}}, at("a", 2)},
		{"a refused generation leaves its epoch behind", []ask{{at("a", 2), 1, ""}, {at("a", 2), 5, ""}, {at("a", 1), 5, "stale_generation"}, {at("b", 3), 4, "stale_epoch"}}, at("a", 2)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOrders()
			for i, ask := range tt.asks {
				err := o.take(ask.a, ask.epoch, time.Now())
				var refusal *Refusal
				switch {
				case ask.refuse == "" && err != nil:
					t.Errorf("%d: %v", i, err)
				case ask.refuse != "" && (!errors.As(err, &refusal) || refusal.Reason != ask.refuse || refusal.Epoch != o.epoch || refusal.Detail == ""):
					t.Errorf("%d: %v, want %s", i, err, ask.refuse)
				}
			}
			if o.wanted != tt.want {
				t.Errorf("wanted %+v", o.wanted)
			}
		})
	}
}

// What was made ready too late does not come into force, and does not fail
// what came after it.
func TestOvertakenPreparations(t *testing.T) {
	o := newOrders()
	a := assignment{release: strings.Repeat("a", 64), buckets: 1, generation: 1}
	b := assignment{release: strings.Repeat("b", 64), buckets: 1, generation: 2}
	if err := o.commit(a, true, func() {}); err != nil {
		t.Errorf("a default before any assignment: %v", err)
	}
	for _, one := range []assignment{a, b} {
		if err := o.take(one, 1, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	for _, isDefault := range []bool{false, true} {
		ctx, done := o.begin(t.Context(), a, isDefault)
		if ctx.Err() == nil {
			t.Errorf("default %v: begins in vain", isDefault)
		}
		done()
		o.fail(a, isDefault, failure{reason: "golden"})
		if err := o.commit(a, isDefault, func() { t.Error("swapped") }); !errors.Is(err, errOvertaken) || o.failure != nil {
			t.Errorf("default %v: %v, %v", isDefault, err, o.failure)
		}
	}
	o.fail(b, false, failure{reason: "download"})
	if err := o.commit(a, true, func() {}); err != nil || o.failure == nil {
		t.Errorf("a default while the assignment fails: %v, %v", err, o.failure)
	}
	if err := o.commit(b, false, func() {}); err != nil || o.failure != nil {
		t.Errorf("what is wanted: %v, %v", err, o.failure)
	}
}

func TestBadAssignmentsAreRefused(t *testing.T) {
	good := strings.Repeat("a", 64)
	tests := []struct {
		name string
		a    control.Assignment
	}{
		{"no release", control.Assignment{Buckets: 16}},
		{"short release", control.Assignment{Release: "abc", Buckets: 16}},
		{"upper case", control.Assignment{Release: strings.Repeat("A", 64), Buckets: 16}},
		{"a path", control.Assignment{Release: strings.Repeat("../", 21) + "x", Buckets: 16}},
		{"bad shadow", control.Assignment{Release: good, Shadow: "b", Buckets: 16}},
		{"sample above 1", control.Assignment{Release: good, Shadow: good, Sample: 1.5, Buckets: 16}},
		{"sample no number", control.Assignment{Release: good, Shadow: good, Sample: math.NaN(), Buckets: 16}},
		{"explore below 0", control.Assignment{Release: good, Explore: -0.1, Buckets: 16}},
		{"no buckets", control.Assignment{Release: good}},
		{"too many buckets", control.Assignment{Release: good, Buckets: 65}},
		{"negative generation", control.Assignment{Release: good, Buckets: 16, Generation: -1}},
	}
	synctest.Test(t, func(t *testing.T) {
		r := start(t, newToyTask(t, newToyShop(low)))
		defer r.end()
		r.assign(assigned(low, 1))
		c, hangUp := r.controller()
		defer hangUp()
		for _, tt := range tests {
			tt.a.Epoch = 1
			_, err := c.Assign(t.Context(), &tt.a)
			var refused *control.Refused
			if !errors.As(err, &refused) || refused.Reason != "bad_assignment" || refused.Epoch != 1 {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
		// A refusal ends nothing: the connection and the release go on.
		if s, err := c.Status(t.Context()); err != nil || s.Release != low.digest() || s.Failure != nil {
			t.Errorf("status %v, %v", s, err)
		}
	})
}
