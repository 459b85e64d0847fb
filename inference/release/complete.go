package release

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/sluicehq/sluice/inference/model"
)

// CheckManifest says what is wrong with a manifest, as far as can be said
// without a model. The error is a Refusal.
func CheckManifest(manifest []byte) error {
	m, err := strictly(manifest)
	if err != nil {
		return err
	}
	if _, err := m.Contract.Compile(); err != nil {
		return refuse(BadContract, "%v", err)
	}
	return nil
}

// CountGolden returns the number of golden vectors in a manifest, of which one
// for models that come without any has no answers.
func CountGolden(manifest []byte) int {
	m, _ := parseManifest(manifest)
	return len(m.Golden)
}

// Complete packs a manifest beside a model that came without one: a model
// file alone, or an archive. The digest of the result then holds for both. What
// has a manifest is returned as it is, and so is what cannot be read: to open
// it tells why. The same artifact and manifest give the same bytes.
//
// Such a manifest was written before the model, so that its golden vectors
// cannot hold answers. They are filled in here, rows from their auctions and
// answers from the model: what every task then proves is that it makes the same
// rows and answers, not that training gave them. What predictions.csv beside the
// model holds comes behind them, and does prove that.
func (l Limits) Complete(artifact, manifest []byte) ([]byte, error) {
	m, err := l.readManifest(manifest)
	if err != nil {
		return nil, err
	}
	found, err := l.lonely(artifact, m.Model, model.Reading{Trees: m.Trees})
	if err != nil || found.booster == nil {
		return artifact, err
	}
	m.Model = found.name
	files := map[string][]byte{m.Model: artifact}
	if found.in != nil {
		if files, err = found.in.files(); err != nil {
			return artifact, err
		}
	}
	booster, err := m.missing(found.booster)
	if err != nil {
		return artifact, err
	}
	if err := m.fill(booster, files[PredictionsName], func(by model.Reading) (*model.Model, error) {
		other, err := l.lonely(artifact, m.Model, by)
		if err != nil || other.booster == nil {
			return nil, err
		}
		return m.missing(other.booster)
	}); err != nil {
		return nil, err
	}
	if files[ManifestName], err = json.Marshal(m); err != nil {
		return nil, refuse(BadGolden, "a golden vector of the fleet's manifest has no finite answer (%v); choose other auctions", err)
	}
	packed, err := Pack(files)
	if err != nil {
		return nil, refuse(Format, "%v", err)
	}
	return packed, nil
}

// lonely is a model without a manifest. There is no booster where an artifact
// has a manifest, or cannot be read.
type lonely struct {
	name    string
	booster *model.Model
	in      *archive // nil where the artifact is the model itself
}

// lonely finds the model of an artifact that has no manifest: under a name, or
// else the only one.
func (l Limits) lonely(artifact []byte, name string, taken model.Reading) (found lonely, err error) {
	found.name = name
	if int64(len(artifact)) > l.ArchiveBytes {
		return found, nil
	}
	if !isArchive(artifact) {
		found.booster, err = l.models(len(artifact), taken).read(bytes.NewReader(artifact), int64(len(artifact)))
		return found, known(err)
	}
	a, err := l.lookThrough(artifact)
	if err != nil || a.manifest != nil {
		return found, nil // to open it tells why
	}
	found.in, a.reading = a, taken
	found.name, found.booster, err = a.only(name)
	return found, err
}

// known keeps the reasons of a file that is a model, but not one to be taken.
// What is no model is no archive either, and to open it tells so.
func known(err error) error {
	var refusal Refusal
	if errors.As(err, &refusal) && refusal.Reason != Format && refusal.Reason != Torn {
		return refusal
	}
	return nil
}

// fill makes the manifest one of the model. read reads the same in other ways.
func (m *Manifest) fill(booster *model.Model, predictions []byte, read Read) error {
	fleets := len(m.Golden)
	booster, err := m.confirm(booster, predictions, read)
	if err != nil {
		return err
	}
	if m.Reading = 0; !booster.IsAlike(m.reading()) {
		m.Reading = model.NewestRules
	}
	return m.answer(booster, m.Golden[:fleets])
}

// answer fills in golden vectors.
func (m *Manifest) answer(booster *model.Model, golden []Golden) error {
	features, err := m.Contract.Compile()
	if err != nil {
		return refuse(BadContract, "%v", err)
	}
	row := make([]float32, features.Len())
	for i := range golden {
		g := &golden[i]
		if len(g.Auction) > 0 {
			auction, err := g.request(features)
			if err != nil {
				return refuse(BadGolden, "the auction of golden vector %d of the fleet's manifest cannot be read: %v", i, err)
			}
			features.Extract(row, &auction, g.Partner)
			g.Features = pointers(row)
		}
		if len(g.Features) == 0 {
			return refuse(BadGolden, "golden vector %d of the fleet's manifest has neither an auction nor features, so nobody can answer it; give it an auction", i)
		}
		if len(g.Features) == booster.NumFeature() {
			g.Margin, g.Score = booster.Margin(g.row()), booster.Score(g.row())
		}
	}
	return nil
}

// confirm adds the answers of the library, which must be the model's.
func (m *Manifest) confirm(booster *model.Model, predictions []byte, read Read) (*model.Model, error) {
	if predictions == nil {
		return booster, nil
	}
	list, err := Predictions(PredictionsName, predictions, m.names(), booster.NumFeature())
	if err != nil {
		return nil, err
	}
	if len(list)+len(m.Golden) > MaxGolden {
		return nil, refuse(TooLarge, "%s has %d rows and the manifest %d golden vectors, at most %d are read; keep some of them", PredictionsName, len(list), len(m.Golden), MaxGolden)
	}
	booster = m.choose(list, booster, read)
	if err := Differ(list, booster, m.names(), read); err != nil {
		return nil, err
	}
	for _, p := range list {
		m.Golden = append(m.Golden, p.Vector(booster))
	}
	return booster, nil
}

// choose takes the trees that answer as the library did, where nothing else says
// which do.
func (m *Manifest) choose(list []Prediction, booster *model.Model, read Read) *model.Model {
	if m.Trees != model.ByRules || allAgree(list, booster) {
		return booster
	}
	for _, choice := range []model.Choice{model.All, model.Best} {
		if other, err := read(model.Reading{Trees: choice}); err == nil && other != nil && allAgree(list, other) {
			m.Trees = choice
			return other
		}
	}
	return booster
}

// pointers returns the features with nil for missing.
func pointers(row []float32) []*float32 {
	list := make([]*float32, len(row))
	for i, v := range row {
		if v == v {
			list[i] = &v
		}
	}
	return list
}
