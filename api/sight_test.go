package api

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A look is as old as this server has seen it, whatever its moment says by a
// clock that is wrong.
func TestAgeOfALook(t *testing.T) {
	const day = 24 * time.Hour
	for _, off := range []time.Duration{-3 * day, 0, 3 * day} { // of the leader's clock
		synctest.Test(t, func(t *testing.T) {
			var s sight
			for range 3 { // while the leader looks
				time.Sleep(5 * time.Second)
				s.see(time.Now().Add(off-2*time.Second), time.Now())
			}
			last := time.Now().Add(off - 2*time.Second)
			for range 60 { // it is dead
				time.Sleep(time.Second)
				s.see(last, time.Now())
			}
			age, ahead := s.see(last, time.Now())
			if age < time.Minute || age > time.Minute+5*time.Second {
				t.Errorf("%v off: a minute after the last look it is %v old", off, age)
			}
			if said := doubtClocks(ahead); (said == "") != (off == 0) || off > 0 && !strings.Contains(said, "ahead of") || off < 0 && !strings.Contains(said, "behind") {
				t.Errorf("%v off: %v and %q", off, ahead, said)
			}
		})
	}
	var s sight // of a server that has just started
	now := time.Now()
	if age, ahead := s.see(now.Add(-day), now); age != day || doubtClocks(ahead) != "" {
		t.Errorf("the first look: %v old, %v ahead: want to believe it", age, ahead)
	}
	if age, ahead := new(sight).see(now.Add(day), now); age != 0 || doubtClocks(ahead) == "" {
		t.Errorf("a look of tomorrow: %v old, %v ahead", age, ahead)
	}
}
