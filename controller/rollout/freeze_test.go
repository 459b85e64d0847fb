package rollout

import (
	"slices"
	"testing"
	"time"
	_ "time/tzdata"
)

// A weekend of New York begins on Friday at 16:00 there and lasts 62 hours,
// whatever its clocks do; a freeze of one time ends by itself.
func TestFreezeCalendar(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	weekend := Freeze{Name: "weekend", Days: []time.Weekday{time.Friday}, At: 16 * time.Hour, For: 62 * time.Hour, Zone: newYork}
	once := Freeze{Name: "once", From: start, Until: start.Add(time.Hour)}
	nightly := Freeze{Name: "nights", Days: []time.Weekday{time.Saturday, time.Sunday}, At: 2*time.Hour + 30*time.Minute, For: 30 * time.Minute, Zone: newYork}
	week := Freeze{Name: "week", Days: []time.Weekday{time.Monday}, For: MaxFreeze, Zone: time.UTC}
	for _, tt := range []struct {
		f     Freeze
		now   string
		until string // empty: not frozen
	}{
		{weekend, "2026-11-27T15:59:59-05:00", ""},
		{weekend, "2026-11-27T16:00:00-05:00", "2026-11-30T06:00:00-05:00"},
		{weekend, "2026-11-28T03:00:00Z", "2026-11-30T06:00:00-05:00"}, // still Friday there
		{weekend, "2026-11-30T05:59:59-05:00", "2026-11-30T06:00:00-05:00"},
		{weekend, "2026-11-30T06:00:00-05:00", ""},
		{weekend, "2026-10-31T12:00:00-04:00", "2026-11-02T05:00:00-05:00"}, // clocks go back in between
		{weekend, "2026-03-07T12:00:00-05:00", "2026-03-09T07:00:00-04:00"}, // and forth
		{nightly, "2026-03-08T03:10:00-04:00", ""},                          // 2:30 is 1:30 or 3:30 on that day: half an hour all the same
		{once, "2025-12-31T23:59:59Z", ""},
		{once, "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"},
		{once, "2026-01-01T01:00:00Z", ""},
		{week, "2026-11-29T23:59:59Z", "2026-11-30T00:00:00Z"}, // Sunday: since Monday
		{week, "2026-11-30T00:00:00Z", "2026-12-07T00:00:00Z"},
	} {
		now, err := time.Parse(time.RFC3339, tt.now)
		if err != nil {
			t.Fatal(err)
		}
		_, until, in := tt.f.at(now)
		want, _ := time.Parse(time.RFC3339, tt.until) // zero where there is none
		if in != (tt.until != "") || in && !until.Equal(want) {
			t.Errorf("%s at %s: %v until %v, want %q", tt.f.Name, tt.now, in, until, tt.until)
		}
	}
}

// A stop goes before the calendar, ends by itself if it says so, and is as it
// was while nobody can tell.
func TestStops(t *testing.T) {
	p := Policies{Freezes: []Freeze{{Name: "day", From: start, Until: start.Add(24 * time.Hour)}}}
	stop := &Stop{By: "eve", Why: "outage", At: start, Until: start.Add(time.Hour)}
	frozen := func(s State, seen Observation, after time.Duration) string {
		f := s.frozen(seen, p, start.Add(after))
		if f == nil {
			return "no"
		}
		return f.Name + f.By
	}
	held := State{Frozen: &Frozen{By: "eve", Since: start, Until: start.Add(time.Hour)}}
	for _, tt := range []struct {
		what  string
		s     State
		seen  Observation
		after time.Duration
		want  string
	}{
		{"a stop", State{}, Observation{Stop: stop, StopKnown: true}, 0, "eve"},
		{"it is over", State{}, Observation{Stop: stop, StopKnown: true}, time.Hour, "day"},
		{"no stop", State{}, Observation{StopKnown: true}, 0, "day"},
		{"neither", State{}, Observation{StopKnown: true}, 25 * time.Hour, "no"},
		{"nobody knows", held, Observation{}, 0, "eve"},
		{"nobody knows, and it is over", held, Observation{}, 25 * time.Hour, "no"},
		{"it was ended", held, Observation{StopKnown: true}, 25 * time.Hour, "no"},
	} {
		if got := frozen(tt.s, tt.seen, tt.after); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.what, got, tt.want)
		}
	}
}

// The calendar tells every time that begins or ends within, in order; that of
// the week before, which goes on, too.
func TestCalendarAhead(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	p := Policies{Freezes: []Freeze{
		{Name: "weekend", Days: []time.Weekday{time.Friday}, At: 16 * time.Hour, For: 62 * time.Hour, Zone: newYork},
		{Name: "once", From: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)},
		{Name: "over", From: time.Date(2026, 10, 30, 0, 0, 0, 0, time.UTC), Until: time.Date(2026, 10, 31, 12, 0, 0, 0, time.UTC)},
		{Name: "week", Days: []time.Weekday{time.Monday}, For: MaxFreeze, Zone: time.UTC},
	}}
	from := time.Date(2026, 10, 31, 12, 0, 0, 0, time.UTC) // Saturday; clocks there go back tomorrow
	var got []string
	for _, f := range p.Calendar(from, from.AddDate(0, 0, 7)) {
		got = append(got, f.Name+" "+f.Since.Format("02 15:04")+" "+f.Until.Format("02 15:04"))
	}
	want := []string{"week 26 00:00 02 00:00", "weekend 30 20:00 02 10:00", "once 01 00:00 01 12:00", "week 02 00:00 09 00:00", "weekend 06 21:00 09 11:00"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}
