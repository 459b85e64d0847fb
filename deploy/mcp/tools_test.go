package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
)

// assistant connects one to the tools, which ask about the fleet.
func assistant(t *testing.T, f *apitest.Fake, steer bool) *mcp.ClientSession {
	t.Helper()
	t.Setenv("SLUICE_API", apitest.Serve(t, f, api.Options{}).Base)
	t.Setenv("SLUICE_TOKEN", "")
	t.Setenv("SLUICE_TOKEN_FILE", "")
	t.Setenv("USER", "ada")
	here, there := mcp.NewInMemoryTransports()
	if _, err := newServer(steer).Connect(t.Context(), there, nil); err != nil {
		t.Fatal(err)
	}
	s, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), here, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// call returns what a tool says, and whether it worked.
func call(t *testing.T, s *mcp.ClientSession, tool string, arguments map[string]any) (said string, ok bool) {
	t.Helper()
	r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		return err.Error(), false
	}
	for _, c := range r.Content {
		said += c.(*mcp.TextContent).Text
	}
	return said, !r.IsError
}

// Whoever asks why something was taken back learns what happened, what to do and
// the proof, in the words that people read.
func TestReads(t *testing.T) {
	f := apitest.Scene("rolled_back", time.Now())
	s := assistant(t, f, false)
	const id = "partner-blind"
	for _, c := range []struct {
		tool      string
		arguments map[string]any
		want      string
	}{
		{"status", nil, "serves "},
		{"status", map[string]any{"fleet": "demo"}, "serves "},
		{"rollouts", map[string]any{"limit": 2}, id},
		{"rollout", map[string]any{"rollout": id}, "candidate_worse"},
		{"audit", nil, ""},
		{"rollouts", map[string]any{"limit": -5}, id},
		{"manifest", nil, `"of":`},
		{"explain", map[string]any{"word": "candidate_worse"}, "candidate_worse"},
		{"explain", nil, "partners_paired"},
	} {
		if said, ok := call(t, s, c.tool, c.arguments); !ok || !strings.Contains(said, c.want) {
			t.Errorf("%s %v says %q (%v), want %q in it", c.tool, c.arguments, said, ok, c.want)
		}
	}
}

// What cannot be answered is an error with the way out, and what an assistant
// calls something is never taken for a flag, which might name another server.
func TestRefusals(t *testing.T) {
	s := assistant(t, apitest.Scene("rolled_back", time.Now()), true)
	for _, c := range []struct {
		tool      string
		arguments map[string]any
		want      string
	}{
		{"status", map[string]any{"fleet": "nosuch"}, `there is no fleet "nosuch"`},
		{"status", map[string]any{"flet": "demo"}, "flet"},
		{"rollout", nil, "rollout"},
		{"rollout", map[string]any{"rollout": "nosuch"}, "nosuch"},
		{"rollout", map[string]any{"rollout": "--api=http://127.0.0.1:1"}, "knows no rollout"},
		{"explain", map[string]any{"word": "--help"}, "nothing is called"},
		{"rollback", map[string]any{"why": ""}, "say why"},
		{"pause", map[string]any{"why": " "}, "say why"},
		{"rollback", nil, "why"},
		{"try", map[string]any{"why": "w", "source": "models/x"}, "want s3://bucket/key"},
	} {
		if said, ok := call(t, s, c.tool, c.arguments); ok || !strings.Contains(said, c.want) {
			t.Errorf("%s %v says %q (%v), want it refused with %q", c.tool, c.arguments, said, ok, c.want)
		}
	}
}

// Nothing that steers is there unless it was asked for, and then it is told as
// such, and says in whose name.
func TestSteersOnlyWhenTold(t *testing.T) {
	f := apitest.Scene("idle", time.Now())
	steering := map[bool][]string{}
	for _, steer := range []bool{false, true} {
		s := assistant(t, f, steer)
		for tool, err := range s.Tools(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			if !tool.Annotations.ReadOnlyHint {
				steering[steer] = append(steering[steer], tool.Name)
			}
		}
		said, ok := call(t, s, "pause", map[string]any{"why": "the exchange is down"})
		if ok != steer {
			t.Errorf("asked to pause, with -steer=%v, it says %q (%v)", steer, said, ok)
		}
	}
	slices.Sort(steering[true])
	if got := strings.Join(steering[true], " "); len(steering[false]) > 0 || got != "abort pause promote resume rollback try" {
		t.Errorf("what steers is %v, and %s when told so", steering[false], got)
	}
	if len(f.Asked) != 1 || f.Asked[0].By != "an assistant of ada" || f.Asked[0].Why != "the exchange is down" {
		t.Errorf("asked was %+v", f.Asked)
	}
}

// A manifest comes without what is for programs.
func TestManifestWithoutGolden(t *testing.T) {
	if got := withoutGolden([]byte(`{"format":1,"golden":[{}],"trained_on":{"rows":5}}`)); got != `{"format":1,"trained_on":{"rows":5}}` {
		t.Errorf("it is %s", got)
	}
	if got := withoutGolden([]byte("no JSON")); got != "no JSON" {
		t.Errorf("it is %q", got)
	}
}

// An answer is no longer than an assistant reads, and says that it was cut.
func TestCut(t *testing.T) {
	long := strings.Repeat("é", mostBytes)
	if got := cut(long); len(got) > mostBytes+100 || !strings.HasSuffix(got, "ask for less") || strings.ContainsRune(got, '\uFFFD') {
		t.Errorf("it is %d bytes, and ends with %q", len(got), got[len(got)-60:])
	}
	if got := cut("short"); got != "short" {
		t.Errorf("it is %q", got)
	}
}
