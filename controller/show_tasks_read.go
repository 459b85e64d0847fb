package controller

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sluicehq/sluice/controller/rollout"
)

// decodeLook is the look that encode wrote, or a controller of before. The tasks,
// nearly all of a large one, are read here, in half of the time. Whatever
// does not stand there as appendTask writes it, package encoding/json reads.
func decodeLook(body []byte) (look rollout.Look, err error) {
	if begin := tasksIn(body); begin > 0 {
		in := seenTasks{in: jsontext.NewDecoder(bytes.NewBuffer(body[begin:])), texts: map[string]string{}, strata: map[string]rollout.Stratum{}}
		if tasks, err := in.list(); err == nil {
			rest := bytes.Join([][]byte{body[:begin], body[begin+int(in.in.InputOffset()):]}, []byte("null"))
			if err := json.Unmarshal(rest, &look); err == nil {
				look.Seen.Tasks = tasks
				return look, nil
			}
			look = rollout.Look{}
		}
	}
	return look, json.Unmarshal(body, &look)
}

// tasksIn is where the list of tasks begins: in what was seen, where nothing but
// the loss of a candidate comes before it. 0 where it does not stand so.
func tasksIn(body []byte) int {
	const seen, lost, list = `"seen":{`, `"lost":"`, `"tasks":`
	begin := bytes.Index(body, []byte(seen)) + len(seen) // in a text, quotes are escaped
	if begin < len(seen) {
		return 0
	}
	if bytes.HasPrefix(body[begin:], []byte(lost)) {
		begin += max(0, bytes.Index(body[begin:], []byte(list)))
	}
	if !bytes.HasPrefix(body[begin:], []byte(list+"[")) {
		return 0
	}
	return begin + len(list)
}

// seenTasks reads tasks. They have many texts in common, and where they run.
type seenTasks struct {
	in     *jsontext.Decoder
	texts  map[string]string
	strata map[string]rollout.Stratum
}

func (s *seenTasks) list() ([]rollout.Task, error) {
	tasks := []rollout.Task{}
	if _, err := s.in.ReadToken(); err != nil {
		return nil, fmt.Errorf("read the tasks: %w", err)
	}
	for s.in.PeekKind() == '{' {
		tasks = append(tasks, rollout.Task{})
		if err := s.task(&tasks[len(tasks)-1]); err != nil {
			return nil, err
		}
	}
	if end, err := s.in.ReadToken(); err != nil || end.Kind() != ']' {
		return nil, fmt.Errorf("read the tasks: the list does not end: %w", err)
	}
	return tasks, nil
}

func (s *seenTasks) task(t *rollout.Task) error {
	if _, err := s.in.ReadToken(); err != nil {
		return fmt.Errorf("read a task: %w", err)
	}
	for s.in.PeekKind() == '"' {
		name, err := s.in.ReadValue()
		if err != nil {
			return fmt.Errorf("read a task: %w", err)
		}
		into := taskField(t, string(name))
		value, err := s.in.ReadValue()
		if err == nil {
			err = s.put(into, value)
		}
		if err != nil {
			return fmt.Errorf("read a task: %w", err)
		}
	}
	if end, err := s.in.ReadToken(); err != nil || end.Kind() != '}' {
		return fmt.Errorf("read a task: it does not end: %w", err)
	}
	return nil
}

// taskField is the field that is written under a name; nil where that is not
// known here.
func taskField(t *rollout.Task, name string) any {
	switch name {
	case `"id"`:
		return &t.ID
	case `"address"`:
		return &t.Address
	case `"boot"`:
		return &t.Boot
	case `"reachable"`:
		return &t.Reachable
	case `"ready"`:
		return &t.Ready
	case `"serving"`:
		return &t.Serving
	case `"shadow"`:
		return &t.Shadow
	case `"sample"`:
		return &t.Sample
	case `"explore"`:
		return &t.Explore
	case `"evaluator"`:
		return &t.Evaluator
	case `"buckets"`:
		return &t.Buckets
	case `"epoch"`:
		return &t.Epoch
	case `"generation"`:
		return &t.Generation
	case `"preparing"`:
		return &t.Preparing
	case `"failed_release"`:
		return &t.FailedRelease
	case `"failure_reason"`:
		return &t.FailureReason
	case `"failure"`:
		return &t.Failure
	case `"error"`:
		return &t.Error
	case `"tag"`:
		return &t.Tag
	case `"protected"`:
		return &t.Protected
	case `"protected_until"`:
		return &t.ProtectedUntil
	case `"idle"`:
		return &t.Idle
	case `"memory_bytes"`:
		return &t.MemoryBytes
	case `"connections"`:
		return &t.Connections
	case `"started_at"`:
		return &t.StartedAt
	case `"requests"`:
		return &t.Requests
	case `"filtered"`:
		return &t.Filtered
	case `"scored"`:
		return &t.Scored
	case `"stratum"`:
		return &t.Stratum
	}
	return nil
}

// errOdd is of what is not written as appendTask writes it.
var errOdd = errors.New("it is written in another way")

func (s *seenTasks) put(into any, value []byte) (err error) {
	switch into := into.(type) {
	case *string:
		*into, err = s.text(value)
	case *bool:
		*into, err = strconv.ParseBool(string(value))
	case *int:
		*into, err = strconv.Atoi(string(value))
	case *int64:
		*into, err = strconv.ParseInt(string(value), 10, 64)
	case *float64:
		*into, err = strconv.ParseFloat(string(value), 64)
	case *time.Time:
		err = into.UnmarshalJSON(value)
	case *rollout.Stratum:
		is := false
		if *into, is = s.strata[string(value)]; !is {
			err = json.Unmarshal(value, into)
			s.strata[string(value)] = *into
		}
	default:
		err = errOdd
	}
	return err
}

// longText is the length from which a text is a digest, most likely, and the same
// for many tasks.
const longText = 48

func (s *seenTasks) text(quoted []byte) (text string, err error) {
	switch {
	case quoted[0] != '"':
		return "", errOdd
	case bytes.IndexByte(quoted, '\\') >= 0:
		err = json.Unmarshal(quoted, &text)
		return text, err
	case len(quoted) < longText:
		return string(quoted[1 : len(quoted)-1]), nil
	}
	text, is := s.texts[string(quoted[1:len(quoted)-1])]
	if !is {
		text = string(quoted[1 : len(quoted)-1])
		s.texts[text] = text
	}
	return text, nil
}
