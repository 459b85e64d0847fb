package release

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
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
	manifest, _ := parseManifest(a.manifest) // a broken one says nothing
	if a.reading = by; by.Trees == model.ByRules {
		a.reading.Trees = manifest.Trees
	}
	if manifest.Model != "" && a.holds(manifest.Model) {
		return a.boosterOf(&manifest)
	}
	_, m, err := a.only()
	return m, err
}

// only finds the model of an archive in which nobody names it: the file that
// SageMaker's container writes, or else the one file that can be read as a
// model, whatever else was packed beside it. Files whose names begin with a dot
// are no models to SageMaker's server, nor here.
func (a *archive) only() (name string, m *model.Model, err error) {
	if a.holds(DefaultModel) {
		m, err = a.booster(DefaultModel)
		return DefaultModel, m, err
	}
	models, refused := a.models(), map[string]Refusal{}
	_, err = a.walk(func(file string, _ *tar.Header, content io.Reader) error {
		if file == ManifestName || hidden(file) {
			return nil
		}
		read, err := models.read(content, a.sizes[file])
		var refusal Refusal
		switch {
		case errors.As(err, &refusal):
			refused[file] = refusal
			return nil
		case err != nil:
			return err
		case m != nil:
			return refuse(Format, "the archive holds two models, %.100q and %.100q; pack one, or name it in %s", name, file, ManifestName)
		}
		name, m = file, read
		return nil
	})
	if err == nil && m == nil {
		err = a.noModel(refused)
	}
	return name, m, err
}

// hidden tells the names that begin with a dot, as those of files that macOS
// packs beside others.
func hidden(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return len(part) > 1 && part[0] == '.' })
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
		DefaultModel, listed(a.sizes), ManifestName, why)
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
	return notes
}

// boosterOf reads the model of a manifest, as its contract says what is missing.
func (a *archive) boosterOf(m *Manifest) (*model.Model, error) {
	booster, err := a.booster(m.Model)
	if err != nil {
		return nil, err
	}
	return m.missing(booster)
}

// booster reads the model of that name. Where there is none, the folds of a
// k-fold training are named after it: xgboost-model-0, -1 and so on.
func (a *archive) booster(name string) (*model.Model, error) {
	if _, found := a.sizes[name]; found {
		read, err := a.boosters(name)
		return read[name], err
	}
	folds := a.folds(name)
	names := make([]string, len(folds))
	for i, fold := range folds {
		if fold != i {
			return nil, refuse(Format, "the archive holds %s-%d and no %s-%d; pack all folds of the training", name, fold, name, i)
		}
		names[i] = foldName(name, i)
	}
	read, err := a.boosters(names...)
	if err != nil {
		return nil, err
	}
	members := make([]*model.Model, len(names))
	for i, name := range names {
		members[i] = read[name]
	}
	return model.Ensemble(members)
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
			return err
		}
		if read[name] = m; len(read) == len(names) {
			return errEnough
		}
		return nil
	})
	return read, err
}

func (a *archive) models() *models { return a.limits.models(len(a.packed), a.reading) }

func (a *archive) holds(name string) bool {
	_, found := a.sizes[name]
	return found || len(a.folds(name)) > 0
}

// folds returns the numbers of the folds, ascending.
func (a *archive) folds(name string) []int {
	var folds []int
	for file := range a.sizes {
		number, after := strings.CutPrefix(file, name+"-")
		if n, err := strconv.Atoi(number); after && err == nil && n >= 0 && file == foldName(name, n) {
			folds = append(folds, n)
		}
	}
	slices.Sort(folds)
	return folds
}

func foldName(name string, fold int) string { return name + "-" + strconv.Itoa(fold) }

func listed(files map[string]int64) string {
	names := slices.Sorted(maps.Keys(files))
	if len(names) == 0 {
		return "nothing"
	}
	if len(names) > 5 {
		names = append(names[:5], "...")
	}
	return fmt.Sprintf("%.300q", names)
}
