package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// News is one message of a stream: exactly one field is set.
type News struct {
	Event   *Event
	Look    *Fleet
	Gap     bool   // events were missed that nobody remembers
	Trouble string // the fleet cannot be read just now
}

// errStop ends a stream from within.
var errStop = errors.New("stop")

// Follow hands what happens after the event with that sequence number to
// each, until each returns false, the stream breaks or ctx ends. With after
// -1 all that is remembered comes first. A stream that broke can be taken up
// again after the last event.
func (c Client) Follow(ctx context.Context, fleet string, after int64, each func(News) bool) error {
	header := http.Header{"Accept": {"text/event-stream"}}
	if after >= 0 {
		header.Set("Last-Event-ID", strconv.FormatInt(after, 10))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(streamSilent, func() { cancel(errSilent) })
	defer silence.Stop()
	answer, err := c.send(ctx, http.MethodGet, fleetPath(fleet, "events"), nil, header)
	if err != nil {
		return heard(ctx, err)
	}
	defer answer.Body.Close()
	err = readStream(living{answer.Body, silence}, func(kind string, data []byte) error {
		n, ok, err := decodeNews(kind, data)
		switch {
		case err != nil:
			return err
		case ok && !each(n):
			return errStop
		}
		return nil
	})
	if errors.Is(err, errStop) {
		return nil
	}
	return fmt.Errorf("follow %s: %w", fleet, heard(ctx, err))
}

// streamSilent is for how long a stream may be silent: its server, or the way to
// it, is gone then, whether or not anybody has said so.
const streamSilent = 3 * streamQuiet

var errSilent = unreached{fmt.Errorf("nothing came for %v", streamSilent)}

// heard is the error of a stream, or that it was silent.
func heard(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, ErrUnreachable) {
		return cause
	}
	return err
}

// living puts off the end of the patience with each sign of life.
type living struct {
	io.Reader
	silence *time.Timer
}

func (l living) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if n > 0 {
		l.silence.Reset(streamSilent)
	}
	return n, err
}

func decodeNews(kind string, data []byte) (n News, ok bool, err error) {
	switch kind {
	case "event":
		err = json.Unmarshal(data, &n.Event)
	case "look":
		err = json.Unmarshal(data, &n.Look)
	case "gap":
		n.Gap = true
	case "trouble":
		var t trouble
		err = json.Unmarshal(data, &t)
		n.Trouble = t.Error
	default:
		return n, false, nil // of a newer server
	}
	if err != nil {
		return n, false, fmt.Errorf("decode %s: %w", kind, err)
	}
	return n, true, nil
}

// maxLine bounds one message of a stream, in bytes.
const maxLine = 8 << 20

// readStream hands every message of a stream of server-sent events to each. It
// ends with an error, io.ErrUnexpectedEOF when the server closed.
func readStream(in io.Reader, each func(kind string, data []byte) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	kind, data := "", []byte(nil)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "event":
			kind = value
		case "data":
			data = append(data, value...)
		case "":
			if lines.Text() == "" && len(data) > 0 {
				if err := each(kind, data); err != nil {
					return err
				}
			}
			if lines.Text() == "" {
				kind, data = "", nil
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the stream: %w", err)
	}
	return io.ErrUnexpectedEOF
}
