package release

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/model"
)

// CheckManifest says what is wrong with a manifest, as far as can be said
// without a model. The error is a Refusal.
func CheckManifest(manifest []byte) error {
	m, err := parseManifest(manifest)
	if err != nil {
		return err
	}
	if _, err := m.Contract.Compile(); err != nil {
		return refuse(BadContract, "%v", err)
	}
	return nil
}

// Complete packs a manifest beside a model that came without one: a model
// file alone, or an archive. The digest of the result then holds for both. What
// has a manifest is returned as it is, and so is what cannot be read: to open
// it tells why. The same artifact and manifest give the same bytes.
//
// Such a manifest was written before the model, so that its golden vectors
// cannot hold answers. They are filled in here, rows from their auctions and
// answers from the model: what every task then proves is that it makes the same
// rows and answers, not that training gave them.
func (l Limits) Complete(artifact, manifest []byte) ([]byte, error) {
	m, err := parseManifest(manifest)
	if err != nil {
		return nil, err
	}
	files, readable := l.lonely(artifact, m.Model)
	if !readable {
		return artifact, nil
	}
	if holds(files, m.Model) {
		booster, err := booster(files, m.Model)
		if err != nil {
			return nil, err
		}
		if err := m.answer(booster); err != nil {
			return nil, err
		}
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

// lonely returns the files of an artifact that has no manifest.
func (l Limits) lonely(artifact []byte, name string) (map[string][]byte, bool) {
	if int64(len(artifact)) > l.ArchiveBytes {
		return nil, false
	}
	if !bytes.HasPrefix(artifact, []byte(gzipMagic)) {
		_, err := model.Parse(artifact)
		return map[string][]byte{name: artifact}, err == nil
	}
	files, err := l.unpack(artifact)
	if err != nil {
		return nil, false
	}
	_, has := files[ManifestName]
	return files, !has
}

// answer fills in the golden vectors.
func (m *Manifest) answer(booster *model.Model) error {
	features, err := m.Contract.Compile()
	if err != nil {
		return refuse(BadContract, "%v", err)
	}
	row := make([]float32, features.Len())
	for i := range m.Golden {
		g := &m.Golden[i]
		if len(g.Auction) > 0 {
			auction, err := feature.ParseJSON(g.Auction)
			if err != nil {
				return refuse(BadGolden, "the auction of golden vector %d of the fleet's manifest cannot be read: %v", i, err)
			}
			auction.SetTime(time.UnixMilli(g.TS))
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
