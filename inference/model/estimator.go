package model

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// What people pickle is seldom a Booster: it is an estimator of scikit-learn's
// manner around one, or a dict with one and notes. An estimator has rules of
// its own, which are followed here: which number is missing, and which trees
// answer.

// Classes that hold a model.
const (
	xgboostBooster  = "xgboost.core.Booster"
	lightgbmBooster = "lightgbm.basic.Booster"
)

// isEstimator tells the classes around a Booster.
func isEstimator(class string) bool {
	switch class {
	case "xgboost.sklearn.XGBModel", "xgboost.sklearn.XGBClassifier", "xgboost.sklearn.XGBRegressor", "xgboost.sklearn.XGBRanker",
		"xgboost.sklearn.XGBRFClassifier", "xgboost.sklearn.XGBRFRegressor",
		"lightgbm.sklearn.LGBMModel", "lightgbm.sklearn.LGBMClassifier", "lightgbm.sklearn.LGBMRegressor", "lightgbm.sklearn.LGBMRanker":
		return true
	}
	return false
}

// isNote tells the classes that stand in estimators and change no score.
func isNote(class string) bool {
	switch class {
	case "sklearn.preprocessing._label.LabelEncoder", "sklearn.preprocessing.label.LabelEncoder", "xgboost.compat.XGBoostLabelEncoder",
		"lightgbm.sklearn._ObjectiveFunctionWrapper", arrayWrapper:
		return true
	}
	return strings.HasPrefix(class, "xgboost.callback.")
}

// notTaken says why an object of that class is not taken, or nothing.
func notTaken(class string) string {
	if class == xgboostBooster || class == lightgbmBooster || isEstimator(class) || isNote(class) {
		return ""
	}
	name := class[strings.LastIndexByte(class, '.')+1:]
	switch module := strings.TrimSuffix(class, name); {
	case strings.HasSuffix(module, ".pipeline."):
		return fmt.Sprintf("the model is a pickled %.80s, whose first steps change rows before its model reads them", name)
	case strings.HasPrefix(module, "sklearn.calibration."):
		return fmt.Sprintf("the model is a pickled %.80s, which changes scores behind its model", name)
	case strings.HasPrefix(module, "sklearn.model_selection."):
		return fmt.Sprintf("the model is a pickled %.80s, which is a search for a model", name)
	case strings.HasPrefix(module, "sklearn.preprocessing."), strings.HasPrefix(module, "sklearn.compose."), strings.HasPrefix(module, "sklearn.impute."),
		strings.HasPrefix(module, "sklearn.feature_"), strings.HasPrefix(module, "category_encoders."), strings.HasPrefix(module, "sklearn.decomposition."):
		return fmt.Sprintf("the pickle holds a %.80s, which would change rows before a model reads them", name)
	case strings.HasPrefix(module, "pandas."), strings.HasPrefix(module, "scipy."):
		return fmt.Sprintf("the pickle holds data of %s beside or instead of a model", strings.SplitN(class, ".", 2)[0])
	case manyModels(class):
		return fmt.Sprintf("the model is a pickled %.80s, which asks several models", name)
	case strings.HasPrefix(module, "sklearn."), strings.HasPrefix(module, "catboost."), strings.HasPrefix(module, "torch."), strings.HasPrefix(module, "keras."), strings.HasPrefix(module, "tensorflow."):
		return fmt.Sprintf("the model is a pickled %.80s of %.40s, neither XGBoost's nor LightGBM's", name, strings.SplitN(class, ".", 2)[0])
	}
	return fmt.Sprintf("the pickle calls for %.80q, which is no model that is known here", class)
}

// manyModels tells the classes of scikit-learn whose scores are made of others'.
func manyModels(class string) bool {
	switch class[strings.LastIndexByte(class, '.')+1:] {
	case "VotingClassifier", "VotingRegressor", "StackingClassifier", "StackingRegressor", "BaggingClassifier", "BaggingRegressor",
		"OneVsRestClassifier", "OneVsOneClassifier", "MultiOutputClassifier", "MultiOutputRegressor", "ClassifierChain", "CVBooster":
		return true
	}
	return false
}

// instead says what to do about an object of a class that is not taken.
func instead(class string) string {
	switch {
	case strings.Contains(class, ".pipeline."):
		return "Put what the first steps do into the contract, train on rows of `sluice features`, and save the last step alone: joblib.dump(pipeline[-1], \"model.joblib\")"
	case strings.HasPrefix(class, "sklearn.calibration."):
		return "Save the model inside, joblib.dump(calibrated.calibrated_classifiers_[0].estimator, \"model.joblib\"), and choose thresholds by its own scores"
	case strings.HasPrefix(class, "sklearn.model_selection."):
		return "Save what it found: joblib.dump(search.best_estimator_, \"model.joblib\")"
	case manyModels(class):
		return "Train one model of XGBoost or LightGBM, and save it alone"
	case strings.HasPrefix(class, "sklearn.ensemble."), strings.HasPrefix(class, "catboost."), strings.HasPrefix(class, "sklearn.tree."), strings.HasPrefix(class, "sklearn.linear_model."):
		return "Train with XGBoost or LightGBM"
	}
	return saveItself
}

// estimator is a model as a pickle holds it, not yet read.
type estimator struct {
	state     *pickled // of the Booster
	wrapper   *pickled // of the estimator around it, or nil
	lightgbm  bool
	missing   float32 // what counts as missing besides NaN, or NaN
	bestTrees string  // of the wrapper
}

// estimatorOf finds the one model in a value.
func estimatorOf(v pickled) (*estimator, error) {
	class := string(v.bytes)
	switch {
	case v.kind == pickledDict:
		return inDict(*v.list)
	case v.isOf(xgboostBooster), v.isOf(lightgbmBooster):
		return &estimator{state: &v, lightgbm: class == lightgbmBooster, missing: float32(math.NaN())}, nil
	case v.kind != pickledObject || !isEstimator(class):
		return nil, refuse(Pickle, "the model is a Python pickle that ends without a Booster, an estimator around one, or a dict with one; nothing in it was run. %s", saveItself)
	}
	inside := v.field("_Booster")
	if inside.kind == pickledBytes { // as XGBoost before 0.80 has it
		inside = pickled{kind: pickledObject, bytes: []byte(xgboostBooster), list: &[]pickled{{kind: pickledText, bytes: []byte("handle")}, inside}}
	}
	if !inside.isOf(xgboostBooster) && !inside.isOf(lightgbmBooster) {
		return nil, refuse(Pickle, "the model is a pickled %.80s that was never fitted; fit it before it is saved", class[strings.LastIndexByte(class, '.')+1:])
	}
	e := &estimator{state: &inside, wrapper: &v, lightgbm: inside.isOf(lightgbmBooster)}
	best, missing := v.field("best_ntree_limit"), v.field("missing")
	e.bestTrees, e.missing = best.number(), missing.float32()
	return e, nil
}

// inDict finds the one model among the values of a dict. What else it holds
// must be plain: an encoder beside a model means that rows are encoded first.
func inDict(items []pickled) (*estimator, error) {
	var found *estimator
	var under []byte
	for ; len(items) >= 2; items = items[2:] {
		key, value := items[0].bytes, items[1]
		if value.kind != pickledObject {
			continue
		}
		if isNote(string(value.bytes)) {
			return nil, refuse(Pickle, "the pickle is a dict that holds a %.80s under %.40q beside a model, so that rows may be changed before; nothing in it was run. Put what it does into the contract, and save the model alone", value.bytes, key)
		}
		if found != nil {
			return nil, refuse(Pickle, "the pickle is a dict that holds two models, under %.40q and %.40q; save the one that is meant alone", under, key)
		}
		e, err := estimatorOf(value)
		if err != nil {
			return nil, err
		}
		found, under = e, key
	}
	if found == nil {
		return nil, refuse(Pickle, "the pickle is a dict without a model that is known here; nothing in it was run. %s", saveItself)
	}
	return found, nil
}

// float32 returns a number as XGBoost takes it, or NaN where it is none.
func (v *pickled) float32() float32 {
	if v.kind == pickledInt {
		return float32(v.n)
	}
	if v.kind == pickledFloat {
		return float32(math.Float64frombits(uint64(v.n)))
	}
	return float32(math.NaN())
}

// model reads the bytes that the Booster held.
func (e *estimator) model(trees *builder, bounds Bounds) (header, error) {
	if e.lightgbm {
		return e.readLightGBM(trees, bounds)
	}
	handle := e.state.field("handle")
	if handle.kind != pickledBytes {
		return header{}, refuse(Pickle, "the model is a pickled Booster that was never trained; nothing in it was run. Train it before it is saved")
	}
	raw, err := snapshot(handle.bytes)
	if err != nil {
		return header{}, err
	}
	if IsPickle(raw) {
		return header{}, refuse(Pickle, "the model is a Python pickle of another pickle; nothing in it was run. %s", saveItself)
	}
	read, err := recognise(raw)
	if err != nil {
		return header{}, err
	}
	h, err := read(newCursor(bytes.NewReader(raw), int64(len(raw)), bounds), trees)
	h.format, h.pickled, h.missing = "xgboost-pickle", true, e.missing
	if len(h.names) == 0 {
		h.names = e.names()
	}
	e.stopped(&h)
	return h, err
}

// names returns the names of features that the Booster has beside its bytes.
func (e *estimator) names() (names []string) {
	if list := e.state.field("feature_names"); list.kind == pickledList {
		for _, name := range *list.list {
			names = append(names, string(name.bytes))
		}
	}
	return names
}

// stopped says where training stopped early. A Booster has it beside its bytes
// before 2.0; a wrapper goes by its own word before 1.4, and by its Booster's
// best iteration since.
func (e *estimator) stopped(h *header) {
	iteration, count := e.state.field("best_iteration"), e.state.field("best_ntree_limit")
	beside := early{BestIteration: iteration.number(), BestTrees: count.number()}
	if beside != (early{}) || h.before(2, 0) { // since then it is the model that knows
		h.early = beside
	}
	if h.wrapped = e.wrapper != nil; h.wrapped && h.before(1, 4) {
		h.early = early{BestTrees: e.bestTrees}
	}
}

// readLightGBM reads the text that a Booster of LightGBM held. It answers with
// the trees up to the best iteration, in a wrapper and out of it.
func (e *estimator) readLightGBM(trees *builder, bounds Bounds) (header, error) {
	text := e.state.field("_handle") // from 4.0 on
	if text.kind != pickledText {
		text = e.state.field("handle")
	}
	if !isLightGBM(text.bytes) {
		return header{}, refuse(Pickle, "the model is a pickled Booster of LightGBM that holds no text of a model; nothing in it was run. %s", saveItself)
	}
	best := e.state.field("best_iteration")
	m, err := readLightGBM(newCursor(bytes.NewReader(text.bytes), int64(len(text.bytes)), bounds), trees, best.n)
	if err != nil {
		return header{}, err
	}
	m.format = "lightgbm-pickle"
	return header{whole: m}, nil
}

// snapshot returns the model in a snapshot of XGBoost's memory: a binary model
// whose length is told, before a configuration. Newer snapshots are documents
// (see readJSON), and need nothing.
func snapshot(b []byte) ([]byte, error) {
	rest, is := bytes.CutPrefix(b, []byte("CONFIG-offset:"))
	if !is {
		return b, nil
	}
	if len(rest) < 8 || binary.LittleEndian.Uint64(rest) > uint64(len(rest)-8) {
		return nil, torn(int64(len(b)))
	}
	return rest[8:][:binary.LittleEndian.Uint64(rest)], nil
}
