package controller

import (
	"strings"
	"testing"
	"time"
)

func freezes(t *testing.T, lines string) (Fleet, error) {
	t.Helper()
	return ParseFleet([]byte("fleet: ads\njobs: [\"adfilter-*\"]\necs: {cluster: c, service: s}\nfreezes:\n" + lines))
}

func TestFreezesInAFleetFile(t *testing.T) {
	f, err := freezes(t, `
  - {name: black-friday, zone: Europe/Berlin, from: "2026-11-27 00:00", until: "2026-12-01 08:00", why: most of the year's money}
  - {name: weekend, zone: America/New_York, days: [fri, Sat], at: "16:30", for: 62h}
`)
	if err != nil || len(f.Policies.Freezes) != 2 {
		t.Fatalf("%v, %+v", err, f.Policies.Freezes)
	}
	once, weekly := f.Policies.Freezes[0], f.Policies.Freezes[1]
	if !once.From.Equal(time.Date(2026, 11, 26, 23, 0, 0, 0, time.UTC)) || !once.Until.Equal(time.Date(2026, 12, 1, 7, 0, 0, 0, time.UTC)) || once.Why == "" {
		t.Errorf("once: %+v", once)
	}
	if weekly.At != 16*time.Hour+30*time.Minute || weekly.For != 62*time.Hour || len(weekly.Days) != 2 || weekly.Days[1] != time.Saturday {
		t.Errorf("weekly: %+v", weekly)
	}
	for line, says := range map[string]string{
		`{from: "2026-11-27 00:00", until: "2026-11-28 00:00"}`: "want a name",
		`{name: x}`: "want from and until, or days",
		`{name: x, from: "2026-11-27 00:00", until: "2026-11-28 00:00", days: [fri]}`:       "want from and until, or days",
		`{name: x, from: "2026-11-27", until: "2026-11-28 00:00"}`:                          `from is "2026-11-27"`,
		`{name: x, from: "2026-11-28 00:00", until: "2026-11-27 00:00"}`:                    "before it begins",
		`{name: x, zone: Mars/Crater, from: "2026-11-27 00:00", until: "2026-11-28 00:00"}`: `zone is "Mars/Crater"`,
		`{name: x, days: [friday], at: "16:00", for: 1h}`:                                   `day "friday"`,
		`{name: x, days: [fri], at: "25:00", for: 1h}`:                                      `at is "25:00"`,
		`{name: x, days: [fri], at: "16:00", for: 169h}`:                                    "168h0m0s at most",
		`{name: x, days: [fri], at: "16:00"}`:                                               "more than nothing",
		`{name: x, at: "16:00", for: 1h}`:                                                   "want the days",
		`{name: x, nope: 1}`:                                                                "nope",
	} {
		if _, err := freezes(t, "  - "+line+"\n"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", line, err, says)
		}
	}
}
