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
