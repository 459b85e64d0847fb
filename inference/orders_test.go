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

// An epoch or generation out of reach of any controller is refused, however
// often it is asked for, and changes nothing: the task's own controllers are
// obeyed as before.
func TestNoNumberIsTheLast(t *testing.T) {
	a := assignment{release: strings.Repeat("a", 64), buckets: 16}
	under := func(generation int64) assignment { b := a; b.generation = generation; return b }
	const far = 1 << 32
	tests := []struct {
		name              string
		epoch, generation int64 // in the fleet's document
		taken             []int64
		asks              assignment
		by                int64
		refuse            string
	}{
		{"a fresh task, the last number", 0, 0, nil, a, math.MaxInt64, "far_epoch"},
		{"a fresh task, just too far", 0, 0, nil, a, far + 1, "far_epoch"},
		{"a fresh task, as far as may be", 0, 0, nil, a, far, ""},
		{"the last number", 0, 0, []int64{7}, a, math.MaxInt64, "far_epoch"},
		{"just too far", 0, 0, []int64{7}, a, far + 8, "far_epoch"},
		{"as far as may be", 0, 0, []int64{7}, a, far + 7, ""},
		{"step by step", 0, 0, []int64{far, 2 * far, 3 * far}, a, 4 * far, ""},
		{"of a fleet that is far", 1 << 50, 1 << 50, nil, under(1<<50 + 1), 1<<50 + 1, ""},
		{"of a fleet at the end of all numbers", math.MaxInt64 - 1, 0, nil, a, math.MaxInt64, ""},
		{"a deposed one by the document", 9, 0, nil, a, 8, "stale_epoch"},
		{"the one of the document", 9, 0, nil, a, 9, ""},
		{"a document that makes no sense", -5, -5, nil, a, 1, ""},
		{"negative", 0, 0, nil, a, -1, "stale_epoch"},
		{"most negative", 0, 0, []int64{7}, a, math.MinInt64, "stale_epoch"},
		{"the last generation", 0, 0, []int64{7}, under(math.MaxInt64 - 1), 7, "far_generation"},
		{"a fresh task, generation just too far", 0, 0, nil, under(far + 1), 7, "far_generation"},
		{"generation as far as may be", 0, 5, []int64{7}, under(far + 5), 7, ""},
		{"generation just too far", 0, 5, []int64{7}, under(far + 6), 7, "far_generation"},
		{"a far generation of a newer epoch", 0, 0, []int64{7}, under(far + 1), 9, "far_generation"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOrders()
			o.learn(tt.epoch, tt.generation)
			for _, epoch := range tt.taken {
				if err := o.take(a, epoch, time.Now()); err != nil {
					t.Fatal(err)
				}
			}
			before, wanted := o.epoch, o.wanted
			for range 3 {
				err := o.take(tt.asks, tt.by, time.Now())
				var refusal *Refusal
				switch {
				case tt.refuse == "" && err != nil:
					t.Fatal(err)
				case tt.refuse == "":
				case !errors.As(err, &refusal) || refusal.Reason != tt.refuse || refusal.Detail == "" || refusal.Epoch != before:
					t.Errorf("%v, want %s", err, tt.refuse)
				case o.epoch != before || o.wanted != wanted:
					t.Errorf("it left epoch %d and %+v behind", o.epoch, o.wanted)
				}
			}
			if err := o.take(under(o.wanted.generation), before, time.Now()); tt.refuse != "" && err != nil {
				t.Errorf("its own controller afterwards: %v", err)
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
