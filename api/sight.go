package api

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// sight is when the newest look was seen here. How old a look is says no one
// clock: the leader's wrote its moment, and this server's reads it.
type sight struct {
	of   time.Time     // moment of the look, by the leader's clock
	at   time.Time     // when it was seen first, by this server's
	age  time.Duration // that it had then, at most
	read time.Time     // when looks were read last
}

// see takes in the look that is read now and returns how old it is, and by how
// much the leader's clock is ahead of this server's as far as that shows.
func (s *sight) see(of, now time.Time) (age, ahead time.Duration) {
	if !of.Equal(s.of) {
		age := now.Sub(of)
		if !s.read.IsZero() {
			age = min(age, now.Sub(s.read)) // it was not there then
		}
		s.of, s.at, s.age = of, now, max(age, 0)
	}
	s.read = now
	age = s.age + now.Sub(s.at)
	return age, age - now.Sub(of)
}

// doubtClocks says that two clocks differ; empty where they do not.
func doubtClocks(ahead time.Duration) string {
	how := "ahead of"
	if ahead < 0 {
		how, ahead = "behind", -ahead
	}
	if ahead < rollout.ClocksApart {
		return ""
	}
	return fmt.Sprintf("the leader's clock is %v %s this server's: set both by NTP; until then deadlines may come early or late", ahead.Round(time.Second), how)
}
