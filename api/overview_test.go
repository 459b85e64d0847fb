package api_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/rollout"
)

// mixed are fleets of which some cannot be read.
type mixed struct{ *apitest.Fake }

func (mixed) Fleets(context.Context) []string { return []string{"demo", "torn", "gone"} }

func (m mixed) State(ctx context.Context, fleet string) (rollout.State, error) {
	switch fleet {
	case "torn":
		return rollout.State{}, fmt.Errorf("state.json %w: it is torn", api.ErrDamaged)
	case "gone":
		return rollout.State{}, errors.New("the secret address of the store")
	}
	return m.Fake.State(ctx, fleet)
}

// All fleets are told, in their order; one that cannot be read keeps nobody from
// the others, and why is told as far as it is for everybody.
func TestOverview(t *testing.T) {
	list, err := apitest.Serve(t, mixed{apitest.Scene("canary", noon)}, api.Options{}).Overview(t.Context())
	if err != nil || len(list) != 3 {
		t.Fatal(len(list), err)
	}
	demo, torn, gone := list[0], list[1], list[2]
	if demo.Fleet != "demo" || demo.Trouble != "" || demo.Active == nil || demo.Active.Phase != "canary" || demo.Queue != 1 || demo.Tasks.Total != 8 || demo.Loop == nil || demo.Stable == nil {
		t.Errorf("%+v", demo)
	}
	if a := demo.Active; a != nil && (len(a.History) > 0 || a.Verdict == nil || a.Verdict.Sentence == "" || len(a.Verdict.Findings) > 0) {
		t.Errorf("its rollout is not as in lists: %+v", a)
	}
	if torn.Trouble == "" || torn.Stable != nil || gone.Trouble != "its documents cannot be read just now; the server's log says more" {
		t.Errorf("torn: %q, gone: %q", torn.Trouble, gone.Trouble)
	}
	ill, err := apitest.Serve(t, apitest.Scene("unwell", noon), api.Options{}).Overview(t.Context())
	if err != nil || len(ill[0].Unwell) == 0 || len(demo.Unwell) > 0 {
		t.Errorf("unwell: %+v, and %+v: %v", ill, demo.Unwell, err)
	}
	f, err := apitest.Serve(t, apitest.Scene("canary", noon), api.Options{}).Fleet(t.Context(), "demo")
	if err != nil || len(f.Active.History) == 0 || len(f.Active.Verdict.Findings) == 0 {
		t.Errorf("a fleet by itself has its evidence: %v", err)
	}
}

// A manifest is downloaded byte for byte, under a name.
func TestManifestDownload(t *testing.T) {
	h := apitest.Handler(apitest.Scene("idle", noon), api.Options{})
	digest := apitest.Digest("better")
	w := ask(h, "GET", "/v1/releases/"+digest+"/manifest", "")
	if w.Code != 200 || w.Body.String() != "{ \"of\": \""+digest+"\" }\n" || w.Header().Get("Content-Type") != "application/json" ||
		w.Header().Get("Content-Disposition") != "attachment; filename=manifest-"+digest[:12]+".json" {
		t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
	}
	large := apitest.Handler(tooLarge{apitest.Scene("idle", noon)}, api.Options{})
	for _, c := range []struct {
		code int
		got  int
	}{
		{404, ask(h, "GET", "/v1/releases/"+apitest.Digest("never")+"/manifest", "").Code},
		{400, ask(h, "GET", "/v1/releases/abc/manifest", "").Code},
		{409, ask(large, "GET", "/v1/releases/"+digest+"/manifest", "").Code},
	} {
		if c.got != c.code {
			t.Errorf("%d, want %d", c.got, c.code)
		}
	}
}

type tooLarge struct{ *apitest.Fake }

func (tooLarge) Manifest(context.Context, string) ([]byte, error) {
	return nil, fmt.Errorf("%w: too large", api.ErrConflict)
}
