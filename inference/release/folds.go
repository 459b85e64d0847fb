package release

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/inference/model"
)

// SageMaker's server loads every file of the model directory and answers with
// the mean of them. Here the files that answer are those of one name, and where
// another could have been meant, too, nobody guesses.

// parts returns the files that make up the model of a name: the one of that
// name, or where there is none the folds of a k-fold training, which are named
// after it: xgboost-model-0, -1 and so on.
func (a *archive) parts(name string) ([]string, error) {
	folds := a.folds(name)
	names := make([]string, len(folds))
	for i, fold := range folds {
		names[i] = foldName(name, fold)
	}
	gap := 0
	for gap < len(folds) && folds[gap] == gap {
		gap++
	}
	_, whole := a.sizes[name]
	switch {
	case whole && a.strict && len(folds) > 0:
		return nil, a.several(slices.Concat([]string{name}, names))
	case whole:
		return []string{name}, nil
	case gap < len(folds):
		return nil, refuse(Format, "the archive holds %s and no %s; pack all folds of the training", names[gap], foldName(name, gap))
	}
	return names, nil
}

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

// likeFold tells whether a file is named as a fold is, or nearly so:
// xgboost-model-01, xgboost-model-1.json.
func likeFold(name, file string) bool {
	number, after := strings.CutPrefix(file, name+"-")
	return after && number != "" && number[0] >= '0' && number[0] <= '9'
}

// alike refuses folds that call their features otherwise: rows have one order.
func alike(folds []string, members []*model.Model) error {
	for i, m := range members {
		if names := members[0].FeatureNames(); !slices.Equal(m.FeatureNames(), names) {
			return refuse(Format, "%.100q calls its features %s and %.100q %s; pack the folds of one training", folds[i], listed(m.FeatureNames()), folds[0], listed(names))
		}
	}
	return nil
}

// unmistaken refuses an archive in which another model stands beside those
// files, of which one has the name that was asked for: of all files where nobody
// named the model, else of those that are named as folds of it are.
func (a *archive) unmistaken(name string, parts []string, used int64) error {
	others, err := a.others(used, func(file string) bool {
		return !slices.Contains(parts, file) && (a.unnamed || likeFold(name, file))
	})
	if err != nil || len(others) == 0 {
		return err
	}
	return a.several(slices.Sorted(slices.Values(slices.Concat(parts, others))))
}

// others returns the files that may be meant and are models, whether they would
// be taken or not. used is what the trees of the model take.
func (a *archive) others(used int64, mayBeMeant func(file string) bool) (found []string, err error) {
	if !slices.ContainsFunc(slices.Collect(maps.Keys(a.sizes)), mayBeMeant) {
		return nil, nil
	}
	models := a.models()
	models.uses(used)
	_, err = a.walk(func(file string, _ *tar.Header, content io.Reader) error {
		if !mayBeMeant(file) || isNoModel(file) {
			return nil
		}
		is, err := models.looksLike(content, a.sizes[file])
		if is {
			found = append(found, file)
		}
		return err
	})
	return found, err
}

// looksLike tells whether a file is a model, or may be one, though it would not
// be taken. A pickle of something else is as common beside a model as notes are.
func (m *models) looksLike(content io.Reader, size int64) (bool, error) {
	plain, size, err := m.plain(bufio.NewReader(content), size)
	if err != nil || size == 0 {
		return false, nil //nolint:nilerr // what cannot be unpacked is no model
	}
	_, err = m.take(plain, size)
	var refusal Refusal
	if errors.As(err, &refusal) {
		return refusal.Reason != Format && refusal.Reason != Pickle, nil
	}
	return err == nil, err
}

// besides is the note on the pickles beside a model, of which nothing is used.
func (a *archive) besides(name string) []string {
	parts, _ := a.parts(name) // the model of that name was read
	beside := slices.DeleteFunc(slices.Clone(a.pickles), func(file string) bool { return slices.Contains(parts, file) })
	if len(beside) == 0 {
		return nil
	}
	slices.Sort(beside)
	return []string{fmt.Sprintf("Beside the model lie pickles of which nothing is used: %s. What changes rows before the model or scores behind it, as a scaler or a calibrator does, has no effect here.", listed(beside))}
}

// isNoModel tells the files that are something else by their name: ours, and
// those whose names begin with a dot, which are no models to SageMaker's server.
func isNoModel(file string) bool {
	return file == ManifestName || file == PredictionsName || hidden(file)
}

// hidden tells the names that begin with a dot, as those of files that macOS
// packs beside others.
func hidden(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return len(part) > 1 && part[0] == '.' })
}

// several is the refusal of an archive of which nobody knows which model answers.
func (a *archive) several(files []string) error {
	way := fmt.Sprintf("pack the one that is meant, or all folds of one training as %s, %s and so on, which answer with their mean", foldName(DefaultModel, 0), foldName(DefaultModel, 1))
	if _, both := a.sizes[DefaultModel]; a.unnamed && !(both && len(a.folds(DefaultModel)) > 0) { // whose name is that of the folds, too
		way += ", or name it in " + ManifestName
	}
	return refuse(Format, "the archive holds several files that look like a model, %s, and which of them is meant cannot be told: SageMaker's server would answer with the mean of all that lie in no folder; %s", listed(files), way)
}
