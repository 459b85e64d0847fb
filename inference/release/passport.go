package release

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/model"
)

// Passport says where a release came from and what admission measured.
type Passport struct {
	Digest   string   `json:"digest"` // SHA-256 of the archive, lower-case hex
	Bytes    int64    `json:"bytes"`
	Source   Source   `json:"source"`
	Manifest Manifest `json:"-"`

	// What admission measured.
	Format      string    `json:"format"`            // as model.Format gives it
	Version     string    `json:"version,omitempty"` // of the library that wrote the model, where it tells
	Objective   string    `json:"objective"`
	Trees       int       `json:"trees"`             // that answer
	Trained     int       `json:"trained,omitempty"` // in the file
	Features    int       `json:"features"`
	MemoryBytes int64     `json:"memory_bytes"`      // of the loaded model, the evaluator's tables included
	Evaluator   string    `json:"evaluator"`         // that its trees allow, as model.Evaluator names it: walk, flat, masks, memo or lanes
	Golden      int       `json:"golden"`            // vectors that it reproduced
	Answers     *int      `json:"answers,omitempty"` // of them, that hold an answer of its library; nil where earlier versions did not ask
	Notes       []string  `json:"notes,omitempty"`   // what whoever sees it should know, a sentence each
	Predicted   Predicted `json:"predicted"`
	Intended    *Change   `json:"intended_change,omitempty"`
	AdmittedAt  time.Time `json:"admitted_at"`
}

// Source is where an artifact was found.
type Source struct {
	Job       string             `json:"job,omitempty"`     // training job name; empty for one tried by hand
	JobARN    string             `json:"job_arn,omitempty"` //
	Image     string             `json:"image,omitempty"`   // training image
	Bucket    string             `json:"bucket"`
	Key       string             `json:"key"`
	VersionID string             `json:"version_id,omitempty"` // empty where the bucket is not versioned
	ETag      string             `json:"etag"`
	Metrics   map[string]float64 `json:"metrics,omitempty"` // FinalMetricDataList
	By        string             `json:"by,omitempty"`      // who asked, for one tried by hand
}

// Notes are what whoever sees a release should know of its model, a sentence
// each. answers is how many answers of its library confirm it, or -1 where that
// is not the question.
func Notes(m *model.Model, answers int) (notes []string) {
	if answers == 0 {
		notes = append(notes, "Nothing outside has confirmed its scores: there are no answers but Sluice's own. A few of its library's beside the model, as "+PredictionsName+", would.")
	}
	switch best := m.Best(); {
	case best == 0:
	case m.Trees() < m.Trained():
		notes = append(notes, fmt.Sprintf("%d of %d trees answer, up to the best iteration that the file names. If training went on after it, the new trees are not used: \"trees\": \"all\" in the manifest uses them.", m.Trees(), m.Trained()))
	default:
		notes = append(notes, fmt.Sprintf("All %d trees answer. The file names the first %d as the best, perhaps of an earlier training, and scikit-learn's wrappers stop there: so does \"trees\": \"best\" in the manifest.", m.Trees(), best))
	}
	if n := m.NumFeature(); n > feature.MaxFeatures {
		notes = append(notes, fmt.Sprintf("It reads %d columns, and a contract has at most %d features, so that no task serves it.", n, feature.MaxFeatures))
	}
	if n := m.Rough(); n > 0 {
		notes = append(notes, fmt.Sprintf("%d of its splits compare numbers beyond 16,777,216, which rows hold rounded to float32: where training had them in full, such as times in milliseconds, scores differ. Train on numbers made smaller, or on float32.", n))
	}
	if v, told := m.Missing(); told {
		notes = append(notes, fmt.Sprintf("It takes %v for missing, as training did.", v))
	}
	if !m.IsProven() {
		notes = append(notes, "It is newer than what is known here: "+m.Unproven()+".")
	}
	return notes
}
