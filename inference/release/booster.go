package release

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/inference/model"
)

// ReadModel reads the model of a file: one that a library saved, or an
// archive that holds one, with or without a manifest, as admission would take
// it. Every error is a Refusal.
func ReadModel(b []byte) (*model.Model, error) { return ReadModelBy(b, model.Reading{}) }

// ReadModelBy is ReadModel in another way.
func ReadModelBy(b []byte, by model.Reading) (*model.Model, error) {
	l := DefaultLimits()
	if !isArchive(b) {
		return l.models(len(b), by).read(bytes.NewReader(b), int64(len(b)))
	}
	a, err := l.lookThrough(b)
	if err != nil {
		return nil, err
	}
	a.strict = true
	manifest, _ := parseManifest(a.manifest) // a broken one says nothing
	if a.reading = by; by.Trees == model.ByRules {
		a.reading.Trees = manifest.Trees
	}
	if manifest.Model != "" && a.holds(manifest.Model) {
		return a.boosterOf(&manifest)
	}
	_, m, err := a.only(DefaultModel)
	return m, err
}

// only finds the model of an archive in which nobody names it: the file that is
// called as models are by default, or else the one file that can be read as a
// model, whatever notes were packed beside it.
func (a *archive) only(byDefault string) (name string, m *model.Model, err error) {
	a.strict, a.unnamed = true, true
	for _, name := range []string{byDefault, DefaultModel} {
		if a.holds(name) {
			m, err = a.booster(name)
			return name, m, err
		}
	}
	models, refused := a.models(), map[string]Refusal{}
	_, err = a.walk(func(file string, _ *tar.Header, content io.Reader) error {
		if m != nil || isNoModel(file) {
			return nil
		}
		read, err := models.read(content, a.sizes[file])
		var refusal Refusal
		if errors.As(err, &refusal) {
			refused[file] = refusal
			return nil
		}
		name, m = file, read
		return err
	})
	switch {
	case err != nil:
		return "", nil, err
	case m == nil:
		return "", nil, a.noModel(refused)
	}
	return name, m, a.unmistaken(name, []string{name}, m.MemoryBytes())
}

// noModel is the refusal of an archive in which no file is a model.
func (a *archive) noModel(refused map[string]Refusal) error {
	why := ""
	for i, name := range slices.Sorted(maps.Keys(refused)) {
		if len(refused) == 1 {
			return refuse(refused[name].Reason, "%.100q in the archive: %s", name, refused[name].Detail)
		}
		if i < 3 {
			why += fmt.Sprintf("; %.100q: %s", name, refused[name].Detail)
		}
	}
	if len(a.sizes) == 0 {
		return refuse(Format, "the archive holds no file; pack the model into it, as tar czf model.tar.gz %s does", DefaultModel)
	}
	return refuse(Format, "the archive holds no %s but %s, of which none is a model that is read here; pack the model under that name, or name it in %s%s",
		DefaultModel, listed(slices.Sorted(maps.Keys(a.sizes))), ManifestName, why)
}

// NotesOn are the notes on the model that ReadModel read of a file, for whoever
// has the file.
func NotesOn(b []byte, m *model.Model) []string {
	a, err := DefaultLimits().lookThrough(b)
	if err != nil { // a model alone
		return Notes(m, 0)
	}
	manifest, err := parseManifest(a.manifest)
	answers := 0
	if len(manifest.Golden) > 0 || a.sizes[PredictionsName] > 0 {
		answers = -1 // how many does not matter
	}
	notes := Notes(m, answers)
	if err == nil && !m.IsAlike(manifest.reading()) {
		notes = append(notes, "Admission writes into the manifest that it is read so. A task that serves this very archive, admitted earlier, reads it by older rules and answers otherwise.")
	}
	return append(notes, a.notesBeside(manifest.Model)...)
}

// notesBeside are the notes on what lies beside the model, which a manifest
// names or nobody.
func (a *archive) notesBeside(name string) []string {
	if len(a.pickles) > 0 && (name == "" || !a.holds(name)) {
		name, _, _ = a.only(DefaultModel) // it was read before
	}
	return a.besides(name)
}

// boosterOf reads the model of a manifest, as its contract says what is missing.
func (a *archive) boosterOf(m *Manifest) (*model.Model, error) {
	booster, err := a.booster(m.Model)
	if err != nil {
		return nil, err
	}
	return m.missing(booster)
}

// booster reads the model of that name, whole or as folds.
func (a *archive) booster(name string) (*model.Model, error) {
	parts, err := a.parts(name)
	if err != nil {
		return nil, err
	}
	read, err := a.boosters(parts...)
	if err != nil {
		return nil, err
	}
	members := make([]*model.Model, len(parts))
	for i, part := range parts {
		members[i] = read[part]
	}
	m, err := model.Ensemble(members)
	if err != nil || !a.strict {
		return m, err
	}
	if err := alike(parts, members); err != nil {
		return nil, err
	}
	return m, a.unmistaken(name, parts, m.MemoryBytes())
}

// boosters reads those files, which the archive holds.
func (a *archive) boosters(names ...string) (map[string]*model.Model, error) {
	models, read := a.models(), map[string]*model.Model{}
	_, err := a.walk(func(name string, _ *tar.Header, content io.Reader) error {
		if !slices.Contains(names, name) {
			return nil
		}
		m, err := models.read(content, a.sizes[name])
		if err != nil {
			return ofFile(name, len(names), err)
		}
		if read[name] = m; len(read) == len(names) {
			return errEnough
		}
		return nil
	})
	return read, err
}

func (a *archive) models() *models { return a.limits.models(len(a.packed), a.reading) }

// ofFile names the file of several that is refused.
func ofFile(name string, files int, err error) error {
	var refusal Refusal
	if files < 2 || !errors.As(err, &refusal) {
		return err
	}
	return refuse(refusal.Reason, "%.100q in the archive: %s", name, refusal.Detail)
}

// listed tells the first of some names.
func listed(names []string) string {
	const most = 5
	if len(names) == 0 {
		return "nothing"
	}
	var told []string
	for _, name := range names[:min(len(names), most)] {
		told = append(told, fmt.Sprintf("%.60q", name))
	}
	list := strings.Join(told, ", ")
	if len(names) > most {
		list += fmt.Sprintf(" and %d more", len(names)-most)
	}
	return list
}
