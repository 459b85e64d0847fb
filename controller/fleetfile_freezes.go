package controller

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// freezeFile is a freeze as a fleet file writes it: from and until, or days, at
// and for.
type freezeFile struct {
	Name  string        `yaml:"name"`
	Why   string        `yaml:"why"`
	Zone  string        `yaml:"zone"`  // of its times; UTC where it is left out
	From  string        `yaml:"from"`  // 2026-11-27 00:00
	Until string        `yaml:"until"` // not included
	Days  []string      `yaml:"days"`  // mon to sun, on which it begins each week
	At    string        `yaml:"at"`    // 16:00
	For   time.Duration `yaml:"for"`
}

const (
	maxFreezes = 200
	maxWords   = 200 // bytes of a name, and of a reason
	dayFormat  = "2006-01-02 15:04"
)

func readFreezes(file []freezeFile) (all []rollout.Freeze, err error) {
	if len(file) > maxFreezes {
		return nil, fmt.Errorf("freezes has %d entries: want %d at most", len(file), maxFreezes)
	}
	for i, one := range file {
		f, err := one.read()
		if err != nil {
			return nil, fmt.Errorf("freezes[%d] (%s): %w", i, one.Name, err)
		}
		all = append(all, f)
	}
	return all, nil
}

func (f freezeFile) read() (out rollout.Freeze, err error) {
	out = rollout.Freeze{Name: f.Name, Why: f.Why}
	if f.Name == "" || len(f.Name) > maxWords || len(f.Why) > maxWords {
		return out, fmt.Errorf("want a name, and why, of up to %d bytes", maxWords)
	}
	if out.Zone, err = time.LoadLocation(f.Zone); err != nil || f.Zone == "Local" {
		return out, fmt.Errorf("zone is %q: want a name such as Europe/Berlin, or none for UTC", f.Zone)
	}
	once, weekly := f.From != "" || f.Until != "", len(f.Days) > 0 || f.At != "" || f.For != 0
	switch {
	case once == weekly:
		return out, errors.New("want from and until, or days, at and for")
	case once:
		return f.once(out)
	}
	return f.weekly(out)
}

func (f freezeFile) once(out rollout.Freeze) (_ rollout.Freeze, err error) {
	for _, t := range []struct {
		name, text string
		to         *time.Time
	}{{"from", f.From, &out.From}, {"until", f.Until, &out.Until}} {
		if *t.to, err = time.ParseInLocation(dayFormat, t.text, out.Zone); err != nil {
			return out, fmt.Errorf("%s is %q: want a moment such as %q", t.name, t.text, dayFormat)
		}
	}
	if !out.From.Before(out.Until) {
		return out, fmt.Errorf("it ends (%s) before it begins (%s)", f.Until, f.From)
	}
	return out, nil
}

func (f freezeFile) weekly(out rollout.Freeze) (rollout.Freeze, error) {
	for _, day := range f.Days {
		d, ok := weekdays()[strings.ToLower(day)]
		if !ok {
			return out, fmt.Errorf("day %q: want mon, tue, wed, thu, fri, sat or sun", day)
		}
		out.Days = append(out.Days, d)
	}
	at, err := time.Parse("15:04", f.At)
	switch {
	case err != nil:
		return out, fmt.Errorf("at is %q: want a time such as \"16:00\"", f.At)
	case len(out.Days) == 0:
		return out, errors.New("want the days on which it begins")
	case f.For <= 0 || f.For > rollout.MaxFreeze:
		return out, fmt.Errorf("for is %v: want more than nothing, and %v at most", f.For, rollout.MaxFreeze)
	}
	out.At, out.For = time.Duration(at.Hour())*time.Hour+time.Duration(at.Minute())*time.Minute, f.For
	return out, nil
}

func weekdays() map[string]time.Weekday {
	return map[string]time.Weekday{
		"mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday, "thu": time.Thursday,
		"fri": time.Friday, "sat": time.Saturday, "sun": time.Sunday,
	}
}
