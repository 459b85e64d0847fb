package controller

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// What is read of a look is what package encoding/json reads, whoever wrote it:
// with every field of a task, with none, with names that are not known yet, and
// where it is damaged.
func TestLookIsReadWhole(t *testing.T) {
	var full rollout.Look
	n := 0
	fill(t, reflect.ValueOf(&full).Elem(), &n)
	odd := rollout.Task{ID: "quotes \" and \\", Address: "<&>", Boot: `"tasks":[`, Sample: 1e-9, Explore: 1. / 3, Requests: -1}
	texts := map[string]string{
		"another order":       `{"seen":{"desired":3,"tasks":[{"id":"a"}]}}`,
		"space":               `{"seen": {"tasks": [ {"id" : "a", "requests" : 3 } ] }}`,
		"a name of tomorrow":  `{"seen":{"tasks":[{"id":"a","colour":"red","requests":3}]}}`,
		"other cases":         `{"seen":{"tasks":[{"ID":"a","Requests":3}]}}`,
		"null":                `{"seen":{"tasks":[{"id":null,"requests":3}]}}`,
		"null tasks":          `{"seen":{"tasks":null}}`,
		"null in the list":    `{"seen":{"tasks":[null,{"id":"a"}]}}`,
		"a name twice":        `{"seen":{"tasks":[{"id":"a","id":"b"}]}}`,
		"no UTF-8":            "{\"seen\":{\"tasks\":[{\"id\":\"\xff\"}]}}",
		"another kind":        `{"seen":{"tasks":[{"id":7}]}}`,
		"a number with a dot": `{"seen":{"tasks":[{"requests":7.5}]}}`,
		"too large":           `{"seen":{"tasks":[{"requests":12345678901234567890}]}}`,
		"no moment":           `{"seen":{"tasks":[{"started_at":"yesterday"}]}}`,
		"cut":                 `{"seen":{"tasks":[{"id":"a"`,
		"no comma":            `{"seen":{"tasks":[{"id":"a"}{"id":"b"}]}}`,
		"broken behind":       `{"seen":{"tasks":[{"id":"a"}],"desired":"x"}}`,
		"only the loss":       `{"seen":{"lost":"gone"}}`,
		"a list that is lost": `{"seen":{"lost":"\"tasks\":[","desired":2},"errors":["a"]}`,
		"seen before":         `{"leader":"\"seen\":{","seen":{"tasks":[{"id":"a"}]}}`,
		"nothing":             ``,
	}
	for name, look := range map[string]rollout.Look{
		"every field": full, "no look": {}, "no task": {Seen: rollout.Observation{Tasks: []rollout.Task{}}},
		"odd texts": {Leader: `"seen":{"tasks":[`, Seen: rollout.Observation{Lost: `"tasks":[{}]`, Tasks: []rollout.Task{odd, {}, odd}}, Errors: []string{`{"tasks":null}`}},
	} {
		body, err := encode(look)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(body)
	}
	for name, text := range texts {
		var want rollout.Look
		wrong := json.Unmarshal([]byte(text), &want)
		got, err := decodeLook([]byte(text))
		if (err == nil) != (wrong == nil) || err == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %s\ngot  %+v, %v\nwant %+v, %v", name, text, got, err, want, wrong)
		}
	}
}

// All that a controller of this version writes of tasks is read in the fast way.
func TestTasksAreReadHere(t *testing.T) {
	var full rollout.Task
	n := 0
	fill(t, reflect.ValueOf(&full).Elem(), &n)
	kind := reflect.TypeFor[rollout.Task]()
	for i := range kind.NumField() {
		name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
		if into := taskField(&full, `"`+name+`"`); name != "-" && into != reflect.ValueOf(&full).Elem().Field(i).Addr().Interface() {
			t.Errorf("%s is not read", name)
		}
	}
}

// BenchmarkSeen reads a look at 1,000 tasks, in both ways.
func BenchmarkSeen(b *testing.B) {
	look := rollout.Look{At: time.Now(), Seen: rollout.Observation{Verdict: &judge.Verdict{}}}
	for i := range 1000 {
		look.Seen.Tasks = append(look.Seen.Tasks, rollout.Task{
			ID: fmt.Sprintf("%032x", i), Address: fmt.Sprintf("10.0.%d.%d:9091", i/250, i%250), Boot: fmt.Sprintf("%016x", i), Serving: strings.Repeat("a", 64), Tag: strings.Repeat("a", 64),
			Reachable: true, Ready: true, MemoryBytes: 38 << 20, Connections: 50, StartedAt: time.Now(), Requests: 1_284_113 + int64(i), Scored: 9_201_113, Filtered: 1_681_044,
			Stratum: rollout.Stratum{Zone: "eu-central-1a", CapacityProvider: "FARGATE", InstanceType: "fargate", Revision: "inference:12", Deployment: "ecs-svc/4"},
		})
	}
	body, err := encode(look)
	if err != nil {
		b.Fatal(err)
	}
	for name, read := range map[string]func() error{
		"here":          func() error { _, err := decodeLook(body); return err },
		"encoding/json": func() error { var l rollout.Look; return json.Unmarshal(body, &l) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
