package release

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"github.com/sluicehq/sluice/inference/feature"
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
	m, err := l.readManifest(manifest)
	if err != nil {
		return nil, err
	}
	booster, files, err := l.lonely(artifact, m.Model)
	if err != nil || files == nil {
		return artifact, err
	}
	if booster != nil {
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

// lonely returns the model and the files of an artifact that has no manifest.
// There are no files where it has one or cannot be read, and no model where it
// has none of that name.
func (l Limits) lonely(artifact []byte, name string) (*model.Model, map[string][]byte, error) {
	if int64(len(artifact)) > l.ArchiveBytes {
		return nil, nil, nil
	}
	if !bytes.HasPrefix(artifact, []byte(gzipMagic)) {
		booster, err := l.bounds(len(artifact)).Read(bytes.NewReader(artifact), int64(len(artifact)))
		if err != nil {
			return nil, nil, tooLarge(err)
		}
		return booster, map[string][]byte{name: artifact}, nil
	}
	a, err := l.lookThrough(artifact)
	if err != nil || a.manifest != nil {
		return nil, nil, nil // to open it tells why
	}
	var booster *model.Model
	if a.holds(name) {
		if booster, err = a.booster(name); err != nil {
			return nil, nil, err
		}
	}
	files, err := a.files()
	return booster, files, err
}

// tooLarge keeps the one reason for which a file that is no archive would be
// taken for something else.
func tooLarge(err error) error {
	var refusal Refusal
	if errors.As(err, &refusal) && refusal.Reason == TooLarge {
		return refusal
	}
	return nil
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
