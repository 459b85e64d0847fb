package web_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/api"
)

// The page's types name the same fields as the server's, neither more nor
// fewer, and those that may be missing are marked so.
func TestTypesAgree(t *testing.T) {
	source, err := os.ReadFile("src/api.ts")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{
		api.Fleet{},
		api.Release{},
		api.Passport{},
		api.Interval{},
		api.Change{},
		api.Rollout{},
		api.Budget{},
		api.Verdict{},
		api.Spent{},
		api.Finding{},
		api.Driver{},
		api.Event{},
		api.Pause{},
		api.Request{},
		api.TaskCounts{},
		api.Task{},
		api.Stratum{},
		api.Next{},
		api.Loop{},
		api.Tasks{},
		api.Auctions{},
		api.Traffic{},
		api.Slots{},
		api.Columns{},
		api.Unwell{},
		api.Ask{},
		api.Me{},
		api.Freeze{},
		api.Audit{},
		api.AuditEntry{},
		api.Standing{},
		api.Summary{},
		api.Series{},
		api.SeriesPoint{},
		api.SeriesGate{},
		api.SeriesMoney{},
		api.SeriesEarnings{},
		api.SeriesPartner{},
	} {
		name := reflect.TypeOf(v).Name()
		want, got := goFields(reflect.TypeOf(v)), tsFields(string(source), name)
		if !slices.Equal(got, want) {
			t.Errorf("%s: src/api.ts has\n%q\npackage api has\n%q", name, got, want)
		}
	}
}

// goFields lists the JSON names of a struct, with "?" where they may be left
// out. Embedded structs are the business of their own name.
func goFields(of reflect.Type) (out []string) {
	for i := range of.NumField() {
		f := of.Field(i)
		if f.Anonymous {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if strings.Contains(options, "omitempty") {
			name += "?"
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func tsFields(source, name string) (out []string) {
	body := regexp.MustCompile(`(?s)export interface ` + name + `\b[^{]*\{(.*?)\n\}`).FindStringSubmatch(source)
	if body == nil {
		return nil
	}
	for _, m := range regexp.MustCompile(`(?m)^  (\w+\??):`).FindAllStringSubmatch(body[1], -1) {
		out = append(out, m[1])
	}
	slices.Sort(out)
	return out
}
