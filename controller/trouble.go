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
	if len(errs) <= maxTold {
		return errors.Join(errs...)
	}
	return many(errs)
}

// maxTold is how many errors of many are told.
const maxTold = 3

// many are more errors than anybody wants to read.
type many []error

func (m many) Error() string {
	return fmt.Sprintf("%v\nand %d more errors", errors.Join(m[:maxTold]...), len(m)-maxTold)
}

func (m many) Unwrap() []error { return m }
