package release

import (
	"bytes"
	"fmt"

	"github.com/sluicehq/sluice/inference/model"
)

// Admission reads models by the newest rules, tasks by those that the manifest
// names, and where it names none by the first. So what a release scores never
// changes, and its digest stands for it. Most models come to the same by all
// rules; only where one does not is something added to its manifest. The first
// rules also let golden rows be as an earlier reading of their auctions made
// them: they prove what training did, and change nothing that is scored.

// reading returns how the models beside a manifest are taken.
func (l Limits) reading(m Manifest) model.Reading {
	if l.Admission {
		return model.Reading{Rules: model.NewestRules, Trees: m.Trees}
	}
	return m.reading()
}

// reading returns how tasks take the model.
func (m *Manifest) reading() model.Reading {
	return model.Reading{Rules: max(m.Reading, model.FirstRules), Trees: m.Trees}
}

func (m *Manifest) checkReading() error {
	if m.Reading < 0 || m.Reading > model.NewestRules {
		return refuse(BadManifest, "manifest.json wants its model read by rules %d, this version knows 1 to %d; a newer Sluice admitted it: upgrade this one, or let it admit the model as training left it", m.Reading, model.NewestRules)
	}
	switch m.Trees {
	case model.ByRules, model.All, model.Best:
		return nil
	}
	return refuse(BadManifest, "manifest.json says that the trees %.20q answer; write \"all\", \"best\", or nothing", m.Trees)
}

// settleTrees takes the trees by which all golden margins come out, where the
// file names fewer than it holds and the manifest leaves open which answer.
func (r *Release) settleTrees(a *archive) bool {
	if r.Manifest.Trees != model.ByRules || r.Model.Best() == 0 {
		return false
	}
	ours, reading := r.Model, a.reading
	a.reading.Trees = model.All
	if ours.Trees() == ours.Trained() {
		a.reading.Trees = model.Best
	}
	var err error
	if r.Model, err = a.boosterOf(&r.Manifest); err == nil && r.settleBase() {
		return true
	}
	r.Model, a.reading = ours, reading
	return false
}

// why returns what explains golden margins that do not come out, or nothing.
func (r *Release) why(a *archive) string {
	reading := a.reading
	defer func() { a.reading = reading }()
	return likely(r.Manifest.asked(), r.Model, r.Manifest.names(), func(by model.Reading) (*model.Model, error) {
		a.reading = by
		return a.boosterOf(&r.Manifest)
	})
}

// unsaid returns what must be added to the manifest so that tasks take the
// model as it was taken here, or nothing. It leaves the digest as it is where it
// can.
func (r *Release) unsaid(taken model.Reading) string {
	said := r.Manifest.reading()
	trees := fmt.Sprintf(`"trees":%q,`, taken.Trees)
	if said.Trees == taken.Trees {
		trees = ""
	}
	switch {
	case r.Model.IsAlike(said):
		return ""
	case r.Model.IsAlike(model.Reading{Rules: said.Rules, Trees: taken.Trees}):
		return trees
	}
	return fmt.Sprintf(`"reading":%d,`, taken.Rules) + trees
}

// Restate returns the archive that a release was opened from by admission as
// tasks must have it: as it is, unless its manifest leaves open what they would
// take in another way. The same archive gives the same bytes.
func (l Limits) Restate(r *Release, archive []byte) ([]byte, error) {
	if r.lacks == "" {
		return archive, nil
	}
	if r.Manifest.Reading != 0 {
		return nil, refuse(BadManifest, "manifest.json wants its model read by rules %d, by which it would answer otherwise than by those of today; remove \"reading\", which admission writes", r.Manifest.Reading)
	}
	a, err := l.lookThrough(archive)
	if err != nil {
		return nil, err
	}
	files, err := a.files()
	if err != nil {
		return nil, err
	}
	manifest := bytes.TrimLeft(files[ManifestName], " \t\r\n") // an object, and not an empty one
	files[ManifestName] = append([]byte("{"+r.lacks), manifest[1:]...)
	packed, err := Pack(files)
	if err != nil {
		return nil, refuse(Format, "%v", err)
	}
	return packed, nil
}
