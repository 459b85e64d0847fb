package history

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// made is a log of so many looks, the judge's own, in chunks of ten.
func made(t testing.TB, seed uint64, looks int) []Part {
	t.Helper()
	return recorded(t, newTraffic(3, seed), new(judge.State).Judge, 10, make([]float64, looks)...)
}

func of(parts []Part) func(int) (Part, error) {
	return func(n int) (Part, error) { return parts[n], nil }
}

// A trace holds the verdicts of then at the looks that it keeps, and every
// partner.
func TestTrace(t *testing.T) {
	parts := made(t, 1, 25)
	var trace Trace
	if err := trace.Read(len(parts), of(parts)); err != nil {
		t.Fatal(err)
	}
	if trace.Looks != 25 || trace.Differ != 0 || len(trace.Points) != 25 || len(trace.Moments) != 25 || len(trace.Names) != 3 || len(trace.Programs) != 1 {
		t.Fatalf("%d looks, %d differ, %d points, %d moments, names %q", trace.Looks, trace.Differ, len(trace.Points), len(trace.Moments), trace.Names)
	}
	var judged judge.State
	traffic := newTraffic(3, 1)
	for i, p := range trace.Points {
		s := traffic.look()
		s.Streams[judge.Overall].Served.D = 0
		v := judged.Judge(s, judge.Policy{Margin: .02})
		if p.Look != i+1 || !p.At.Equal(s.At) || p.Verdict.Outcome != v.Outcome || p.Verdict.Sentence != v.Sentence || p.Answered != s.Answered || p.Tasks != [2]int{8, 8} {
			t.Fatalf("point %d: %+v, judged %+v", i, p, v)
		}
		for g, f := range p.Verdict.Findings {
			if w := v.Findings[g]; f.Gate != w.Gate || f.Low != w.Low || f.High != w.High || f.Evidence != w.Evidence || f.Proof != w.Proof {
				t.Errorf("point %d: %+v, judged %+v", i, f, w)
			}
		}
		for k, f := range judged.Partners(s, judge.Policy{Margin: .02}) {
			if got := trace.Moments[i].Partners[k]; got.Low != float32(f.Low) || got.Requests != f.Requests || got.Outcome != f.Outcome {
				t.Errorf("point %d, partner %d: %+v, judged %+v", i, k, got, f)
			}
		}
	}
}

// A trace that follows a log comes to what one that reads it at once does,
// wherever it was when it read, and however often it was stopped.
func TestTraceGoesOn(t *testing.T) {
	parts := made(t, 2, 35)
	var once, twice, stopped Trace
	if err := once.Read(4, of(parts)); err != nil {
		t.Fatal(err)
	}
	short := made(t, 2, 15) // the same log, when it had no more
	for _, log := range [][]Part{short[:1], short, short, parts} {
		if err := twice.Read(len(log), of(log)); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(once, twice) {
		t.Errorf("%d looks to %d, then %d to %d", once.Looks, once.number, twice.Looks, twice.number)
	}
	enough := errors.New("enough")
	for range parts {
		fetched := 0
		err := stopped.Read(len(parts), func(n int) (Part, error) {
			if fetched++; fetched == 3 {
				return Part{}, enough
			}
			return parts[n], nil
		})
		if err != nil && !errors.Is(err, enough) {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(once, stopped) {
		t.Errorf("%d looks, stopped on the way %d", once.Looks, stopped.Looks)
	}
}

// A log that was written before looks had latencies is read and judged as
// then, and goes on in this program's chunks; what it lacks is not zero.
func TestTraceOfBeforeLatency(t *testing.T) {
	body, err := os.ReadFile("testdata/before_latency")
	if err != nil {
		t.Fatal(err)
	}
	old := Part{Name: "before_latency", Body: body}
	var trace Trace
	if err := trace.Read(1, of([]Part{old})); err != nil || trace.Looks != 10 || trace.Differ != 0 || trace.Timed {
		t.Fatalf("%d looks, %d differ, timed %v: %v", trace.Looks, trace.Differ, trace.Timed, err)
	}
	if r := Run([]Part{old}, nil); r.Same != 10 || r.Unread != nil || len(r.Strange) > 0 {
		t.Errorf("replayed, %d of %d looks are as then: %v %q", r.Same, r.Looks, r.Unread, r.Strange)
	}
	was, err := read(body)
	if err != nil {
		t.Fatal(err)
	}
	for i, look := range made(t, 1, 10) {
		now, err := read(look.Body)
		if err != nil || !reflect.DeepEqual(now, was) {
			t.Errorf("chunk %d is read otherwise than what is written today: %v", i, err)
		}
	}
	took := Latency{Canary: Percentiles{P50: 411 * time.Microsecond, P99: 12 * time.Millisecond}}
	last := was[9]
	last.Number, last.Latency = 11, took
	w, err := New(Header{Program: "v2", Rollout: trace.rollout, Chunk: 1, Policy: judge.Policy{Margin: .02}})
	if err != nil || w.Append(last) != nil {
		t.Fatal(err)
	}
	if err := trace.Read(2, of([]Part{old, {Chunk: 1, Body: written(t, w)}})); err != nil || !trace.Timed || len(trace.Points) != 11 {
		t.Fatalf("%d points, timed %v: %v", len(trace.Points), trace.Timed, err)
	}
	if trace.Points[9].Latency != (Latency{}) || trace.Points[10].Latency != took {
		t.Errorf("its last points took %+v and %+v", trace.Points[9].Latency, trace.Points[10].Latency)
	}
}

// Looks that were noted by a leader that was deposed are gone from the log, and
// from the trace.
func TestTraceForgets(t *testing.T) {
	before, after := made(t, 3, 25), made(t, 4, 25)
	shorter := made(t, 4, 22)
	for name, log := range map[string][]Part{"others": after, "fewer": shorter, "fewer chunks": shorter[:1]} {
		var trace, fresh Trace
		for _, parts := range [][]Part{before, log} {
			if err := trace.Read(len(parts), of(parts)); err != nil {
				t.Fatal(err)
			}
		}
		if err := fresh.Read(len(log), of(log)); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(trace, fresh) {
			t.Errorf("%s: %d looks, want %d", name, trace.Looks, fresh.Looks)
		}
	}
}

// However long a log is, a trace is short: it is spread over all of it, has its
// end, and its turns where they are not too many.
func TestTraceIsShort(t *testing.T) {
	s := newTraffic(40, 1).look()
	for name, turned := range map[string]func(i int) bool{
		"one turn":   func(i int) bool { return i == 12_345 },
		"many turns": func(i int) bool { return i == 12_345 || i > 19_000 && i%2 == 0 },
	} {
		var trace Trace
		for i := range 20_000 {
			v := judge.Verdict{Outcome: judge.Unsure}
			if turned(i) {
				v.Outcome = judge.Invalid
			}
			trace.tell(Look{Number: i + 1, Statistics: s}, v)
			if trace.Looks%max(1, trace.sparse) == 0 {
				trace.hear(Look{Statistics: s}, make([]judge.Finding, 40))
			}
			trace.Looks++
			if len(trace.Points) > maxPoints || len(trace.Moments) > maxMoments || trace.Points[len(trace.Points)-1].Look != i+1 {
				t.Fatalf("%s, after look %d: %d points to look %d, %d moments", name, i+1, len(trace.Points), trace.Points[len(trace.Points)-1].Look, len(trace.Moments))
			}
		}
		turns, widest, last := 0, 0, 0
		for _, p := range trace.Points {
			if p.Verdict.Outcome == judge.Invalid {
				turns++
			}
			widest, last = max(widest, p.Place-last), p.Place
		}
		if turns == 0 || widest > 20_000*4/maxPoints || len(trace.Points) < maxPoints/4 || len(trace.Moments) < maxMoments/4 {
			t.Errorf("%s: %d turns, the widest gap is %d, %d points, %d moments", name, turns, widest, len(trace.Points), len(trace.Moments))
		}
	}
}

// What cannot be read is told, and what came before it stays.
func TestTraceUnread(t *testing.T) {
	parts := made(t, 1, 25)
	torn := append([]Part{}, parts...)
	torn[1].Body = torn[1].Body[:len(torn[1].Body)/2]
	other := append([]Part{}, parts...)
	other[1] = parts[2]
	gone := errors.New("gone")
	for name, c := range map[string]struct {
		fetch func(int) (Part, error)
		want  string
	}{
		"torn": {of(torn), "damaged"}, "another chunk": {of(other), "should hold chunk 1"},
		"away": {func(n int) (Part, error) {
			if n == 1 {
				return Part{}, gone
			}
			return parts[n], nil
		}, "gone"},
	} {
		var trace Trace
		err := trace.Read(len(parts), c.fetch)
		if err == nil || !strings.Contains(err.Error(), c.want) || trace.Looks != 10 {
			t.Errorf("%s: %d looks, %v", name, trace.Looks, err)
		}
		if err := trace.Read(len(parts), of(parts)); err != nil || trace.Looks != 25 {
			t.Errorf("%s, mended: %d looks, %v", name, trace.Looks, err)
		}
	}
}

// A program that did not know what had been counted began anew, and so does the
// trace; looks that are missing end it.
func TestTraceBeginsAnew(t *testing.T) {
	first, again := made(t, 1, 10), made(t, 2, 10)
	c, err := Open("again", again[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	for from, want := range map[int]string{1: "", 3: "it follows look 10"} {
		h := c.Header
		h.Chunk = 1
		w, err := New(h)
		if err != nil {
			t.Fatal(err)
		}
		for look := range c.Looks() {
			if look.Number < from {
				continue
			}
			if err := w.Append(look); err != nil {
				t.Fatal(err)
			}
		}
		var trace Trace
		err = trace.Read(2, of([]Part{first[0], {Chunk: 1, Body: written(t, w)}}))
		switch {
		case want == "" && (err != nil || trace.Looks != 20 || trace.Differ != 0 || trace.Points[10].Look != 1):
			t.Errorf("%d looks, %d differ: %v", trace.Looks, trace.Differ, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || trace.Looks != 10):
			t.Errorf("%d looks: %v", trace.Looks, err)
		}
	}
}
