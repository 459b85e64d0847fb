package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"
)

// trouble logs an error when it is a new one, and one that stays at most once
// a minute, with how often it came.
type trouble struct {
	said  string // the error without its numbers: ports and ids change by themselves
	at    time.Time
	times int
}

// repeatEvery is how often an error that stays is logged again.
const repeatEvery = time.Minute

// log speaks of err if there is anything new to say; nil ends the trouble.
func (t *trouble) log(ctx context.Context, log *slog.Logger, doing string, err error, now time.Time) {
	if err == nil {
		if t.said != "" {
			log.InfoContext(ctx, "trouble is over", "doing", doing, "times", t.times)
		}
		*t = trouble{}
		return
	}
	said := strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, err.Error())
	if t.times++; said == t.said && now.Sub(t.at) < repeatEvery {
		return
	}
	log.ErrorContext(ctx, "trouble", "doing", doing, "err", err, "times", t.times)
	t.said, t.at = said, now
}

// rival is what has been seen of another controller that the tasks obey. Two
// that know nothing of each other take turns, and for most of its turn either
// sees nothing wrong.
type rival struct {
	err error
	at  time.Time
}

// rivalFor is how long another controller is told of after it was last seen.
const rivalFor = 10 * time.Second

// told returns the troubles of a pass, together with what was seen of a rival
// not long ago. Tasks ahead of the leader are one, and so is a refusal of its
// epoch.
func (r *rival) told(troubles error, ahead bool, now time.Time) error {
	switch {
	case troubles != nil && (ahead || errors.Is(troubles, ErrStaleEpoch)):
		*r = rival{troubles, now}
	case r.err != nil && now.Sub(r.at) < rivalFor:
		return errors.Join(r.err, troubles)
	default:
		*r = rival{}
	}
	return troubles
}

// several joins errors of many alike, of which a few are told.
func several(errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if told(errs) == len(errs) {
		return errors.Join(errs...)
	}
	return many(errs)
}

// How many errors of many are told, and in how many letters, beyond the first.
const (
	maxTold    = 3
	maxLetters = 700
)

// told is how many of the errors are told.
func told(errs []error) int {
	n := min(maxTold, len(errs))
	for n > 1 && len(errors.Join(errs[:n]...).Error()) > maxLetters {
		n--
	}
	return n
}

// many are more errors than anybody wants to read.
type many []error

func (m many) Error() string {
	n := told(m)
	more := "errors"
	if len(m)-n == 1 {
		more = "error"
	}
	return fmt.Sprintf("%v\nand %d more %s", errors.Join(m[:n]...), len(m)-n, more)
}

func (m many) Unwrap() []error { return m }
