package controller

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// What is written of a look is what package encoding/json writes of it, every
// field of a task included, also those of which appendTask does not know yet.
func TestLookIsWrittenWhole(t *testing.T) {
	var full rollout.Look
	n := 0
	fill(t, reflect.ValueOf(&full).Elem(), &n)
	odd := rollout.Task{
		ID: "quotes \" and \\", Address: "<&>", Boot: "línea\n", Serving: "\xff", Failure: `"tasks":null`, Error: "\u2028",
		Sample: 1e-9, Explore: 1. / 3, Evaluator: "lanes \"<", Requests: -1, StartedAt: time.Date(2026, 11, 28, 1, 2, 3, 45, time.FixedZone("", 3600)),
	}
	for name, look := range map[string]rollout.Look{
		"every field":  full,
		"nothing":      {},
		"no task":      {Seen: rollout.Observation{Tasks: []rollout.Task{}}},
		"odd texts":    {Leader: `"tasks":null`, Seen: rollout.Observation{Lost: `"tasks":null`, Tasks: []rollout.Task{odd, {}, odd}}, Errors: []string{`{"tasks":null}`}},
		"what is rare": {Seen: rollout.Observation{Tasks: []rollout.Task{{FailedRelease: "a"}, {FailureReason: "b"}, {Failure: "c"}, {Error: "d"}}}},
	} {
		want, err := json.Marshal(look)
		if err != nil {
			t.Fatal(err)
		}
		got, err := encode(look)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := read(t, want), read(t, got); !reflect.DeepEqual(a, b) {
			t.Errorf("%s:\nwant %s\ngot  %s", name, want, got)
		}
	}
}

// A task that tells a start that no calendar has keeps nobody from seeing the
// others.
func TestLookWithoutACalendar(t *testing.T) {
	tasks := []rollout.Task{{ID: "a", StartedAt: time.UnixMilli(1 << 62)}, {ID: "b", Serving: "one"}}
	body, err := encode(rollout.Look{Seen: rollout.Observation{Tasks: tasks}})
	if err != nil {
		t.Fatal(err)
	}
	var back rollout.Look
	if err := json.Unmarshal(body, &back); err != nil {
		t.Fatal(err)
	}
	tasks[0].StartedAt = time.Time{}
	if !reflect.DeepEqual(back.Seen.Tasks, tasks) {
		t.Errorf("%+v", back.Seen.Tasks)
	}
}

func read(t *testing.T, body []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return v
}

// fill leaves a value of its own in every field.
func fill(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch v.Kind() { //nolint:exhaustive // what a look is made of
	case reflect.String:
		v.SetString("text " + string(rune('a'+*n%26)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(1000 + *n))
	case reflect.Float64:
		v.SetFloat(float64(*n) + .125)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i), n)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(int64(1_700_000_000+*n), int64(*n)).UTC()))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("json") != "-" {
				fill(t, v.Field(i), n)
			}
		}
	default:
		t.Fatalf("a %v cannot be filled yet", v.Type())
	}
}
