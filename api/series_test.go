package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/history"
	"github.com/sluicehq/sluice/controller/judge"
)

// recorded is a fleet with the log of a rollout.
func recorded(c apitest.Course) (*apitest.Fake, judge.Verdict) {
	f := apitest.Scene("rolled_back", noon)
	chunks, last := apitest.Log("partner-blind", c, noon)
	f.Logs = map[string][][]byte{"partner-blind": chunks}
	return f, last
}

func gateOf(t *testing.T, s api.Series, gate judge.Gate) api.SeriesGate {
	t.Helper()
	for _, g := range s.Gates {
		if g.Gate == string(gate) {
			return g
		}
	}
	t.Fatalf("there is no gate %s", gate)
	return api.SeriesGate{}
}

// seriesOf asks until all of the log is judged, as the page does: a busy machine
// judges some of it at a time.
func seriesOf(t *testing.T, c api.Client) (api.Series, error) {
	t.Helper()
	for {
		if s, err := c.Series(t.Context(), "demo", "partner-blind"); err != nil || s.Whole {
			return s, err
		}
	}
}

// A series holds what the log does: every look, what its verdict was, and
// nothing where nothing was known.
func TestSeries(t *testing.T) {
	c := apitest.PartnerBlind
	c.Gap = 100
	f, last := recorded(c)
	s, err := seriesOf(t, apitest.Serve(t, f, api.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if s.Looks != 120 || len(s.Points) != 120 || !s.Whole || s.Differ != 0 || s.Trouble != "" || len(s.Programs) != 1 {
		t.Fatalf("%d looks, %d points, whole %v, %d differ, trouble %q", s.Looks, len(s.Points), s.Whole, s.Differ, s.Trouble)
	}
	end := s.Points[119]
	if end.Outcome != string(judge.Worse) || last.Outcome != judge.Worse || end.Sentence != last.Sentence || !end.At.Equal(noon) || !end.Served || s.Points[29].Served || !s.Points[30].Turn {
		t.Errorf("it ends with %+v; the judge said %+v", end, last)
	}
	if gap := s.Points[75].At.Sub(s.Points[74].At); gap != 101*c.Every {
		t.Errorf("the gap is %v", gap)
	}
	if s.Points[29].Share != nil || end.Share == nil || *end.Share < .45 || *end.Share > .55 || *end.Tasks != .5 || end.Requests == 0 {
		t.Errorf("in shadow the share is %v, at the end %+v", s.Points[29].Share, end)
	}
	if p := s.Points[20]; p.Headline == "" || p.Headline == p.Sentence || !strings.Contains(end.Headline, "dsp-07") {
		t.Errorf("the headlines are %q, then %q", p.Headline, end.Headline)
	}
	served := gateOf(t, s, judge.GateFilterRateServed)
	for _, column := range [][]*float64{served.Candidate, served.Stable, served.Estimate, served.Low, served.High, served.BandLow, served.Evidence, served.Proof, served.Requests} {
		if len(column) != 120 {
			t.Fatalf("a column has %d entries", len(column))
		}
	}
	if served.Candidate[10] != nil || served.Low[10] != nil || served.Low[119] == nil || *served.Low[119] >= *served.High[119] {
		t.Errorf("in shadow the arms are %v, at the end %v to %v", served.Candidate[10], served.Low[119], served.High[119])
	}
	partners := gateOf(t, s, judge.GatePartnersServed)
	if partners.Partner[119] != "dsp-07" || *partners.Evidence[119] < *partners.Threshold[119] || *partners.Estimate[119] < .05 {
		t.Errorf("named is %q, by %v of %v", partners.Partner[119], *partners.Evidence[119], *partners.Threshold[119])
	}
	if m := s.Money; m == nil || m.Currency != "USD" || len(m.Stable.Value) != 120 || m.Stable.Value[119] == nil || m.Candidate.Saved[119] == nil {
		t.Error("no money is told")
	} else if *m.Stable.Value[119] <= *m.Candidate.Value[119] || *m.Candidate.SavedHigh[119] <= *m.Candidate.SavedLow[119] {
		t.Errorf("value %v of %v, calls saved %v to %v", *m.Candidate.Value[119], *m.Stable.Value[119], *m.Candidate.SavedLow[119], *m.Candidate.SavedHigh[119])
	}
	if l := s.Latency; l == nil || len(l.Canary.P99) != 120 || l.Canary.P50[29] != nil || l.Stable.P99[29] == nil {
		t.Errorf("in shadow latency is %+v", l)
	} else if *l.Canary.P99[119] <= *l.Canary.P50[119] || *l.Control.P50[119] < 500e-6 || *l.Control.P99[119] > .1 {
		t.Errorf("at the end canaries took %v and %v", *l.Canary.P50[119], *l.Canary.P99[119])
	}
	var blind api.SeriesPartner
	for _, p := range s.Partners {
		if p.Name == "dsp-07" {
			blind = p
		}
	}
	if len(s.Partners) != 20 || s.More != 0 || len(s.Moments) != len(blind.Low) || s.Partners[0].Requests < s.Partners[19].Requests {
		t.Fatalf("%d partners, %d more, %d moments, %d entries", len(s.Partners), s.More, len(s.Moments), len(blind.Low))
	}
	if at := len(blind.Low) - 1; blind.Low[at] == nil || *blind.Low[at] < .02 || blind.BandHigh != .03 {
		t.Errorf("dsp-07: %+v", blind)
	}
}

// Prices that nobody told, and partners beyond those that are drawn, are left
// out and told as such.
func TestSeriesOfMany(t *testing.T) {
	f, _ := recorded(apitest.Course{Partners: 120, Shadow: 3, Canary: 60, Every: time.Second})
	s, err := seriesOf(t, apitest.Serve(t, f, api.Options{}))
	if err != nil || len(s.Partners) != 100 || s.More == 0 || s.Money != nil {
		t.Errorf("%d partners, %d more, money %v: %v", len(s.Partners), s.More, s.Money != nil, err)
	}
	body, err := json.Marshal(s)
	if err != nil || len(body) > 2<<20 {
		t.Errorf("%d bytes: %v", len(body), err)
	}
}

// A log that grows is told as far as it has come; one that is torn or has a hole,
// as far as it can be read.
func TestSeriesFollows(t *testing.T) {
	f, _ := recorded(apitest.PartnerBlind)
	all := f.Logs["partner-blind"]
	for _, c := range []struct {
		name    string
		chunks  [][]byte
		looks   int
		trouble string
	}{
		{"one chunk", all[:1], 50, ""},
		{"all", all, 120, ""},
		{"torn", [][]byte{all[0], all[1][:100], all[2]}, 50, "damaged"},
	} {
		f.Logs = map[string][][]byte{"partner-blind": c.chunks}
		s, err := seriesOf(t, apitest.Serve(t, f, api.Options{}))
		if err != nil || s.Looks != c.looks || !s.Whole || !strings.Contains(s.Trouble, c.trouble) || (c.trouble == "") != (s.Trouble == "") {
			t.Errorf("%s: %d looks, trouble %q: %v", c.name, s.Looks, s.Trouble, err)
		}
	}
	f.Logs = map[string][][]byte{"partner-blind": all}
	s, err := seriesOf(t, apitest.Serve(t, holed{f}, api.Options{}))
	if err != nil || s.Looks != 50 || !strings.Contains(s.Trouble, "chunk 1 of the log is missing") {
		t.Errorf("with a hole: %d looks, trouble %q: %v", s.Looks, s.Trouble, err)
	}
	w := httptest.NewRecorder()
	apitest.Handler(away{f}, api.Options{}).ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/v1/fleets/demo/rollouts/partner-blind/series", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("of a store that is away: %d %s", w.Code, w.Body)
	}
	for _, path := range [][2]string{{"demo", "nobody"}, {"nobody", "partner-blind"}} {
		if _, err := apitest.Serve(t, f, api.Options{}).Series(t.Context(), path[0], path[1]); !errors.Is(err, api.ErrNotFound) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

// A log of before latency was kept has none, which is not zero.
func TestSeriesWithoutLatency(t *testing.T) {
	f, _ := recorded(apitest.PartnerBlind)
	old, err := os.ReadFile("../controller/history/testdata/before_latency")
	if err != nil {
		t.Fatal(err)
	}
	f.Logs["partner-blind"] = [][]byte{old}
	s, err := seriesOf(t, apitest.Serve(t, f, api.Options{}))
	if err != nil || s.Looks != 10 || s.Trouble != "" || s.Differ != 0 || s.Latency != nil {
		t.Errorf("%d looks, %d differ, trouble %q, latency %+v: %v", s.Looks, s.Differ, s.Trouble, s.Latency, err)
	}
}

// What is asked again at once is answered as before; what is asked later has
// what has come since, without judging the rest again.
func TestSeriesIsKept(t *testing.T) {
	f, _ := recorded(apitest.PartnerBlind)
	c := counted{Fake: f}
	client := apitest.Serve(t, &c, api.Options{})
	for range 3 {
		if s, err := seriesOf(t, client); err != nil || s.Looks != 120 {
			t.Fatalf("%d looks: %v", s.Looks, err)
		}
	}
	if c.fetched < 3 || c.fetched > 5 { // the last chunk perhaps again, on a slow machine
		t.Errorf("fetched %d chunks, want 3", c.fetched)
	}
}

type counted struct {
	*apitest.Fake
	fetched int
}

func (c *counted) Chunk(ctx context.Context, fleet, id string, n int) ([]byte, error) {
	c.fetched++
	return c.Fake.Chunk(ctx, fleet, id, n)
}

type holed struct{ *apitest.Fake }

func (holed) Chunks(context.Context, string, string) ([]int, error) { return []int{0, 2}, nil }

type away struct{ *apitest.Fake }

func (away) Chunk(context.Context, string, string, int) ([]byte, error) {
	return nil, api.ErrUnavailable
}

// What the page draws is what a replay says.
func TestSeriesIsTheReplay(t *testing.T) {
	f, _ := recorded(apitest.PartnerBlind)
	var parts []history.Part
	for n, body := range f.Logs["partner-blind"] {
		parts = append(parts, history.Part{Chunk: n, Name: "chunk", Body: body})
	}
	replay := history.Run(parts, nil)
	s, err := seriesOf(t, apitest.Serve(t, f, api.Options{}))
	if err != nil || replay.Unread != nil || replay.Same != 120 {
		t.Fatal(err, replay.Unread, replay.Same)
	}
	for _, p := range s.Points {
		if p.Outcome == string(judge.Worse) {
			if first := replay.Then.First[judge.Worse]; p.Look != first.Look || p.Gate != string(first.Gate) || p.Sentence != first.Sentence {
				t.Errorf("worse first at look %d by %s, the replay says %d by %s", p.Look, p.Gate, first.Look, first.Gate)
			}
			break
		}
	}
}
