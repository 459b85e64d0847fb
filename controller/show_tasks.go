package controller

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// taskBytes is what a task takes in a look, about.
const taskBytes = 600

// encode is the look as package encoding/json writes it. Of a large fleet nearly
// all of it are the tasks, which are written here, in a fifth of the time.
func encode(look rollout.Look) ([]byte, error) {
	tasks := look.Seen.Tasks
	look.Seen.Tasks = nil
	rest, err := json.Marshal(look)
	if err != nil || tasks == nil {
		return rest, err
	}
	before, after, _ := bytes.Cut(rest, []byte(`"tasks":null`)) // in a text, quotes are escaped
	b := make([]byte, 0, len(rest)+taskBytes*len(tasks))
	b = append(append(b, before...), `"tasks":[`...)
	for i := range tasks {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTask(b, &tasks[i])
	}
	return append(append(b, ']'), after...), nil
}

// appendTask writes one task, under the names of its tags.
func appendTask(b []byte, t *rollout.Task) []byte {
	b = appendText(append(b, `{"id":`...), t.ID)
	b = appendText(append(b, `,"address":`...), t.Address)
	b = appendText(append(b, `,"boot":`...), t.Boot)
	b = strconv.AppendBool(append(b, `,"reachable":`...), t.Reachable)
	b = strconv.AppendBool(append(b, `,"ready":`...), t.Ready)
	b = appendText(append(b, `,"serving":`...), t.Serving)
	b = appendText(append(b, `,"shadow":`...), t.Shadow)
	b = strconv.AppendFloat(append(b, `,"sample":`...), t.Sample, 'g', -1, 64)
	b = strconv.AppendFloat(append(b, `,"explore":`...), t.Explore, 'g', -1, 64)
	if t.Evaluator != "" {
		b = appendText(append(b, `,"evaluator":`...), t.Evaluator)
	}
	b = strconv.AppendInt(append(b, `,"buckets":`...), int64(t.Buckets), 10)
	b = strconv.AppendInt(append(b, `,"epoch":`...), t.Epoch, 10)
	b = strconv.AppendInt(append(b, `,"generation":`...), t.Generation, 10)
	b = appendText(append(b, `,"preparing":`...), t.Preparing)
	for _, rare := range [...]struct{ name, text string }{
		{`,"failed_release":`, t.FailedRelease}, {`,"failure_reason":`, t.FailureReason}, {`,"failure":`, t.Failure}, {`,"error":`, t.Error},
	} {
		if rare.text != "" {
			b = appendText(append(b, rare.name...), rare.text)
		}
	}
	b = appendText(append(b, `,"tag":`...), t.Tag)
	b = strconv.AppendBool(append(b, `,"protected":`...), t.Protected)
	if !t.ProtectedUntil.IsZero() {
		b = appendTime(append(b, `,"protected_until":`...), t.ProtectedUntil)
	}
	if t.Idle {
		b = append(b, `,"idle":true`...)
	}
	b = strconv.AppendInt(append(b, `,"memory_bytes":`...), t.MemoryBytes, 10)
	b = strconv.AppendInt(append(b, `,"connections":`...), int64(t.Connections), 10)
	b = appendTime(append(b, `,"started_at":`...), t.StartedAt)
	b = strconv.AppendInt(append(b, `,"requests":`...), t.Requests, 10)
	b = strconv.AppendInt(append(b, `,"filtered":`...), t.Filtered, 10)
	b = strconv.AppendInt(append(b, `,"scored":`...), t.Scored, 10)
	return append(appendStratum(b, t.Stratum), '}')
}

// appendStratum writes where a task runs, as far as that is known.
func appendStratum(b []byte, s rollout.Stratum) []byte {
	if s == (rollout.Stratum{}) {
		return b
	}
	b = append(b, `,"stratum":{`...)
	for _, f := range [...]struct{ name, value string }{
		{"zone", s.Zone}, {"capacity_provider", s.CapacityProvider}, {"instance_type", s.InstanceType}, {"revision", s.Revision}, {"deployment", s.Deployment},
	} {
		if f.value == "" {
			continue
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = appendText(append(append(append(b, '"'), f.name...), `":`...), f.value)
	}
	return append(b, '}')
}

// appendText quotes a text.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // any text can be
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// appendTime writes a moment, or none where a task tells one that no calendar
// has.
func appendTime(b []byte, t time.Time) []byte {
	written, err := t.AppendText(append(b, '"'))
	if err != nil {
		return appendTime(b, time.Time{})
	}
	return append(written, '"')
}
