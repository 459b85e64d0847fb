package release

import (
	"bytes"
	"fmt"
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
	files, err := DefaultLimits().unpack(b)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{named(files[ManifestName]), DefaultModel, lightgbmModel} {
		if name != "" && holds(files, name) {
			return booster(files, name)
		}
	}
	return nil, refuse(Format, "the archive holds no %s but %s; pack the model under that name, or name it in %s",
		DefaultModel, listed(files), ManifestName)
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
func booster(files map[string][]byte, name string) (*model.Model, error) {
	if b, found := files[name]; found {
		return model.Parse(b)
	}
	folds := foldsOf(files, name)
	members := make([]*model.Model, 0, len(folds))
	for i, fold := range folds {
		if fold != i {
			return nil, refuse(Format, "the archive holds %s-%d and no %s-%d; pack all folds of the training", name, fold, name, i)
		}
		m, err := model.Parse(files[foldName(name, i)])
		if err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return model.Ensemble(members)
}

func holds(files map[string][]byte, name string) bool {
	_, found := files[name]
	return found || len(foldsOf(files, name)) > 0
}

// foldsOf returns the numbers of the folds, ascending.
func foldsOf(files map[string][]byte, name string) []int {
	var folds []int
	for file := range files {
		number, after := strings.CutPrefix(file, name+"-")
		if n, err := strconv.Atoi(number); after && err == nil && n >= 0 && file == foldName(name, n) {
			folds = append(folds, n)
		}
	}
	slices.Sort(folds)
	return folds
}

func foldName(name string, fold int) string { return name + "-" + strconv.Itoa(fold) }

func listed(files map[string][]byte) string {
	names := slices.Sorted(maps.Keys(files))
	if len(names) == 0 {
		return "nothing"
	}
	if len(names) > 5 {
		names = append(names[:5], "...")
	}
	return fmt.Sprintf("%.300q", names)
}
