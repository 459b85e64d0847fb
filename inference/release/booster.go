package release

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/inference/model"
)

// ReadModel reads the model of a file: one that a library saved, or an
// archive that holds one, with or without a manifest. Every error is a Refusal.
func ReadModel(b []byte) (*model.Model, error) {
	if !bytes.HasPrefix(b, []byte(gzipMagic)) {
		return model.Parse(b)
	}
	a, err := DefaultLimits().lookThrough(b)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{named(a.manifest), DefaultModel, lightgbmModel} {
		if name != "" && a.holds(name) {
			return a.booster(name)
		}
	}
	return nil, refuse(Format, "the archive holds no %s but %s; pack the model under that name, or name it in %s",
		DefaultModel, listed(a.sizes), ManifestName)
}

// named returns the model that a manifest names, or nothing.
func named(manifest []byte) string {
	m, err := parseManifest(manifest)
	if err != nil {
		return ""
	}
	return m.Model
}

// booster reads the model of that name. Where there is none, the folds of a
// k-fold training are named after it: xgboost-model-0, -1 and so on.
func (a *archive) booster(name string) (*model.Model, error) {
	if _, found := a.sizes[name]; found {
		models, err := a.models(name)
		if err != nil {
			return nil, err
		}
		return models[name], nil
	}
	folds := a.folds(name)
	names := make([]string, len(folds))
	for i, fold := range folds {
		if fold != i {
			return nil, refuse(Format, "the archive holds %s-%d and no %s-%d; pack all folds of the training", name, fold, name, i)
		}
		names[i] = foldName(name, i)
	}
	models, err := a.models(names...)
	if err != nil {
		return nil, err
	}
	members := make([]*model.Model, len(names))
	for i, name := range names {
		members[i] = models[name]
	}
	return model.Ensemble(members)
}

// models reads those files, which the archive holds.
func (a *archive) models(names ...string) (map[string]*model.Model, error) {
	bounds := a.limits.bounds(len(a.packed))
	models := map[string]*model.Model{}
	_, err := a.walk(func(name string, _ *tar.Header, content io.Reader) error {
		if !slices.Contains(names, name) {
			return nil
		}
		m, err := bounds.Read(content, a.sizes[name])
		if err != nil {
			return err
		}
		if models[name] = m; bounds.Trees > 0 { // which is for all together
			bounds.Trees = max(1, bounds.Trees-m.MemoryBytes())
		}
		if len(models) == len(names) {
			return errEnough
		}
		return nil
	})
	return models, err
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
