package simulation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
)

// traffic are the files that play a game. They are compiled a second time, in
// the tree of EarlierCommit beside its Decide, tally and judge; so they may use
// of those what was there. For what was not, a file of the same name in
// testdata/earlier takes the place of one.
func traffic() []string {
	return []string{"bounds.go", "chance.go", "dice.go", "game.go", "panel.go", "play.go", "race.go", "scenario.go", "told.go", "traffic.go", "world.go"}
}

// earlier builds a program that plays games by the judge of EarlierCommit, out
// of this repository's own history; nil where that does not reach so far back.
func earlier(t *testing.T) Earlier {
	t.Helper()
	if err := exec.CommandContext(t.Context(), "git", "cat-file", "-e", EarlierCommit+"^{commit}").Run(); err != nil {
		t.Logf("this checkout does not know commit %s, which is not played: git fetch --unshallow", EarlierCommit)
		return nil
	}
	dir := t.TempDir()
	shell := func(command string) {
		t.Helper()
		if said, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, said)
		}
	}
	shell("git -C ../.. archive --format=tar " + EarlierCommit + " go.mod go.sum controller inference idl | tar -x -C " + dir)
	shell("rm -r " + dir + "/controller/simulation && mkdir " + dir + "/controller/simulation " + dir + "/earlier")
	for _, name := range traffic() {
		shell("cp " + name + " " + dir + "/controller/simulation")
	}
	shell("cp testdata/earlier/*.go " + dir + "/controller/simulation && mv " + dir + "/controller/simulation/main.go " + dir + "/earlier")
	shell("cd " + dir + " && go build -trimpath -o played ./earlier")
	return func(games []Game) (results []Result, err error) {
		var said bytes.Buffer
		command := exec.CommandContext(t.Context(), filepath.Join(dir, "played"))
		command.Stderr = &said
		asked, err := json.Marshal(games)
		if err != nil {
			return nil, fmt.Errorf("write games: %w", err)
		}
		command.Stdin = bytes.NewReader(asked)
		answer, err := command.Output()
		if err != nil {
			return nil, fmt.Errorf("play games at %s: %w: %s", EarlierCommit, err, said.String())
		}
		if err := json.Unmarshal(answer, &results); err != nil {
			return nil, fmt.Errorf("read results: %w", err)
		}
		return results, nil
	}
}

// The earlier judge meets the same requests, and is the earlier one: it takes
// ten seconds of one task for a broken candidate.
func TestEarlier(t *testing.T) {
	if testing.Short() || detector {
		t.Skip("builds another tree")
	}
	playEarlier := earlier(t)
	if playEarlier == nil {
		t.Skip("no history")
	}
	var games []Game
	for _, s := range append(Worlds(), Scenarios()[:3]...) {
		games = append(games, Game{Scenario: s, Kind: Persistent, Seed: 5, Stream: true})
	}
	fails := Scenario{Name: "fails", Small: true, Fails: true, After: lookEvery * 30}
	games = append(games, Game{Scenario: fails, Kind: Persistent, Seed: 1})
	then, err := playEarlier(games)
	if err != nil {
		t.Fatal(err)
	}
	now, seen := Play(games), map[string]bool{}
	for i, g := range games {
		if !g.Stream {
			if then[i].Ending != RolledBack || then[i].Gate != judge.GateBreaker {
				t.Errorf("%s: %+v", g.Scenario.Name, then[i])
			}
			continue
		}
		if then[i].Sentence == "" || then[i].Sentence != now[i].Sentence {
			t.Errorf("%s: the stream is %s then and %s now", g.Scenario.Name, then[i].Sentence, now[i].Sentence)
		}
		seen[now[i].Sentence] = true
	}
	if len(seen) < 12 {
		t.Errorf("%d scenarios have %d streams", len(games)-1, len(seen))
	}
}
