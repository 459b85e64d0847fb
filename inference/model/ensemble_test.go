package model

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The mean of scores, added in float32 in the order of the folds.
func TestEnsemble(t *testing.T) {
	folds := []string{"v3.2.0-ties.ubj", "v1.7.6-ties.json", "v2.1.4-base.ubj"}
	members := make([]*Model, len(folds))
	for i, file := range folds {
		members[i] = parse(t, "testdata/"+file)
	}
	m, err := Ensemble(members)
	if err != nil {
		t.Fatal(err)
	}
	if m.Trees() != members[0].Trees()+members[1].Trees()+members[2].Trees() || m.NumFeature() != 6 || len(m.Members()) != 3 || m.Evaluator() != Masks {
		t.Errorf("%d trees, %d features, %d members, %s", m.Trees(), m.NumFeature(), len(m.Members()), m.Evaluator())
	}
	for _, a := range readAnswers(t, "testdata/v3.2.0-ties.rows") {
		score := (members[0].Score(a.row) + members[1].Score(a.row) + members[2].Score(a.row)) / 3
		margin := (members[0].Margin(a.row) + members[1].Margin(a.row) + members[2].Margin(a.row)) / 3
		if m.Score(a.row) != score || m.Margin(a.row) != margin {
			t.Fatalf("%v: %v and %v, the means are %v and %v", a.row, m.Score(a.row), m.Margin(a.row), score, margin)
		}
	}
	if s := m.Score(nil); s == s {
		t.Errorf("no features score %v", s)
	}
}

func TestEnsembleVotes(t *testing.T) {
	hinge := parse(t, "testdata/v3.2.0-hinge.ubj")
	row := readAnswers(t, "testdata/v3.2.0-hinge.rows")[0].row
	yes := hinge.WithBaseMargin(1000)
	no := hinge.WithBaseMargin(-1000)
	for _, tt := range []struct {
		members []*Model
		want    float32
	}{{[]*Model{yes, no, yes}, 1}, {[]*Model{no, yes}, 0}, {[]*Model{no, no, yes}, 0}} {
		m, err := Ensemble(tt.members)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Score(row); got != tt.want {
			t.Errorf("%d models vote %v, want %v", len(tt.members), got, tt.want)
		}
	}
}

// Folds of one estimator agree on what is missing, and the ensemble says it.
func TestEnsembleOfWhatIsMissing(t *testing.T) {
	far, zero := parse(t, "testdata/v3.2.0-farmissing.pkl"), parse(t, "testdata/v3.2.0-zeromissing.pkl")
	m, err := Ensemble([]*Model{far, far})
	if err != nil {
		t.Fatal(err)
	}
	if v, told := m.Missing(); v != -999 || !told {
		t.Errorf("it takes %v for missing: %v", v, told)
	}
	if v, told := m.WithMissing(7).Missing(); v != 7 || !told {
		t.Errorf("told to, it takes %v for missing: %v", v, told)
	}
	plain := *zero
	plain.missing = missing{}
	for other, want := range map[*Model]string{zero: "model 1 takes 0 for missing, model 0 -999", &plain: "model 1 takes no number for missing, model 0 -999"} {
		if _, err := Ensemble([]*Model{far, other}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestRefusesEnsembles(t *testing.T) {
	one, other := parse(t, "testdata/v3.2.0-ties.ubj"), parse(t, "testdata/v3.2.0-hinge.ubj")
	if m, err := Ensemble(slices.Repeat([]*Model{one}, MaxMembers)); err != nil || m.Trees() != MaxMembers*one.Trees() {
		t.Errorf("%d models: %v", MaxMembers, err)
	}
	for _, members := range [][]*Model{nil, {one, other}, make([]*Model, MaxMembers+1)} {
		if _, err := Ensemble(members); err == nil {
			t.Errorf("took %d models", len(members))
		}
	}
}

// A scorer gives the same, for models that are no plain sum too.
func TestScorerOfAnyModel(t *testing.T) {
	folds, err := Ensemble([]*Model{parse(t, "testdata/v3.2.0-ties.ubj"), parse(t, "testdata/v1.7.6-ties.json")})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for _, m := range []*Model{folds, parse(t, "testdata/vlightgbm4.6.0-cats.txt"), parse(t, "testdata/v3.2.0-partition.ubj"), parse(t, "testdata/v3.2.0-poisson.json")} {
		s := m.Prepare(Auctions{Dependence: []Dependence{OnRequest, OnPartner, OnBoth, OnRequest, OnRequest, OnPartner}})
		rows, out := make([]float32, 3*6), make([]float32, 3)
		for i := range rows {
			rows[i] = float32(rng.IntN(20))
		}
		for i := range 3 {
			for _, f := range []int{0, 3, 4} {
				rows[6*i+f] = rows[f]
			}
		}
		var scratch Scratch
		b := Batch{Keys: []uint32{Stranger, Stranger, Stranger}, Rows: rows, Out: out}
		s.Begin(&scratch, rows[:6])
		s.Scores(&scratch, b)
		for i, got := range out {
			if want := m.Score(rows[6*i : 6*i+6]); math.Float32bits(got) != math.Float32bits(want) {
				t.Errorf("%s: %v, alone %v", m.Format(), got, want)
			}
		}
		if n := testing.AllocsPerRun(20, func() { s.Begin(&scratch, rows[:6]); s.Scores(&scratch, b) }); n != 0 {
			t.Errorf("%s: %v allocations", m.Format(), n)
		}
	}
}

func parse(t *testing.T, file string) *Model {
	t.Helper()
	m, err := Parse(read(t, file))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return m
}
