package release

import "time"

// Passport says where a release came from and what admission measured.
type Passport struct {
	Digest   string   `json:"digest"` // SHA-256 of the archive, lower-case hex
	Bytes    int64    `json:"bytes"`
	Source   Source   `json:"source"`
	Manifest Manifest `json:"-"`

	// What admission measured.
	Format      string    `json:"format"` // as model.Format gives it
	Objective   string    `json:"objective"`
	Trees       int       `json:"trees"`
	Features    int       `json:"features"`
	MemoryBytes int64     `json:"memory_bytes"` // of the loaded model, the evaluator's tables included
	Evaluator   string    `json:"evaluator"`    // that its trees allow, as model.Evaluator names it: walk, flat, masks, memo or lanes
	Golden      int       `json:"golden"`       // vectors that it reproduced
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
