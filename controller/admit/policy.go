package admit

import (
	"fmt"

	"github.com/sluicehq/sluice/inference/model"
	"github.com/sluicehq/sluice/inference/release"
)

// Policy bounds what a fleet tries. Its zero value is good: the bounds of the
// release format, and none on filter rates.
type Policy struct {
	MaxBytes       int64 `json:"max_bytes,omitempty" yaml:"max_bytes"`               // of the archive; 0 stands for 1 GiB
	MaxMemoryBytes int64 `json:"max_memory_bytes,omitempty" yaml:"max_memory_bytes"` // of the loaded release; 0 is no bound
	MinGolden      int   `json:"min_golden,omitempty" yaml:"min_golden"`             // golden vectors; at least release.MinGolden are asked for in any case

	// MinAuctions is how many golden vectors must carry their auction. Only
	// those prove that rows are made here as they were in training.
	MinAuctions int `json:"min_auctions,omitempty" yaml:"min_auctions"`

	// MinAnswers is how many golden vectors must hold an answer of the library
	// that trained the model. Only those prove that it is read as it was meant.
	MinAnswers int `json:"min_answers,omitempty" yaml:"min_answers"`

	// Manifest is the path of the manifest for models that come without one,
	// and ManifestBody what it holds. It is packed into the release.
	Manifest     string `json:"manifest,omitempty" yaml:"manifest"`
	ManifestBody string `json:"-" yaml:"-"`

	// Bounds on the overall filter rate that the training job predicts, in
	// [0, 1]; 0 is no bound.
	MinFilterRate float64 `json:"min_filter_rate,omitempty" yaml:"min_filter_rate"`
	MaxFilterRate float64 `json:"max_filter_rate,omitempty" yaml:"max_filter_rate"`
}

// Validate names the first setting that makes no sense.
func (p Policy) Validate() error {
	for _, setting := range []struct {
		name  string
		value float64
		most  float64
	}{
		{"max_bytes", float64(p.MaxBytes), float64(release.DefaultLimits().ArchiveBytes)},
		{"max_memory_bytes", float64(p.MaxMemoryBytes), 1 << 50},
		{"min_golden", float64(p.MinGolden), release.MaxGolden},
		{"min_auctions", float64(p.MinAuctions), release.MaxGolden},
		{"min_answers", float64(p.MinAnswers), release.MaxGolden},
		{"min_filter_rate", p.MinFilterRate, 1},
		{"max_filter_rate", p.MaxFilterRate, 1},
	} {
		if !(setting.value >= 0 && setting.value <= setting.most) { // true for NaN
			return fmt.Errorf("check admission policy: %s is %v, not between 0 and %v", setting.name, setting.value, setting.most)
		}
	}
	if p.MaxFilterRate > 0 && p.MinFilterRate > p.MaxFilterRate {
		return fmt.Errorf("check admission policy: min_filter_rate %v is above max_filter_rate %v", p.MinFilterRate, p.MaxFilterRate)
	}
	return nil
}

// Limit returns the most bytes of an artifact that are worth fetching.
func (p Policy) Limit() int64 { return p.limits().ArchiveBytes }

func (p Policy) limits() release.Limits {
	l := release.AdmissionLimits()
	l.MemoryBytes = p.MaxMemoryBytes
	if p.MaxBytes > 0 {
		l.ArchiveBytes = min(l.ArchiveBytes, p.MaxBytes)
	}
	return l
}

// confirmed refuses a release that too few answers of its library confirm.
func (p Policy) confirmed(r *release.Release, answers int) error {
	const way = "put a few rows with its library's answers beside the model, as " + release.PredictionsName + ", or let the training script write golden vectors"
	switch {
	case answers < p.MinAnswers:
		return refuse(release.BadGolden, "%d of its golden vectors hold an answer of its library, min_answers is %d; %s", answers, p.MinAnswers, way)
	case answers == 0 && !r.Model.IsProven():
		return refuse(release.BadGolden, "%s; %s", r.Model.Unproven(), way)
	}
	return nil
}

// within checks an opened release against the bounds; the error is a Refusal.
func (p Policy) within(r *release.Release) error {
	predicted := r.Manifest.Predicted.FilterRate.Estimate
	switch {
	case p.MaxMemoryBytes > 0 && r.MemoryBytes() > p.MaxMemoryBytes:
		return refuse(release.TooLarge, "loaded it takes %d bytes, max_memory_bytes is %d; train a smaller model or raise the setting", r.MemoryBytes(), p.MaxMemoryBytes)
	case len(r.Manifest.Golden) < p.MinGolden:
		return refuse(release.BadGolden, "it carries %d golden vectors, min_golden is %d; let the training script write more", len(r.Manifest.Golden), p.MinGolden)
	case r.Auctions() < p.MinAuctions:
		return refuse(release.BadGolden, "%d of its golden vectors carry their auction, min_auctions is %d; let the training script write more", r.Auctions(), p.MinAuctions)
	case p.MinFilterRate+p.MaxFilterRate > 0 && !r.Predicts:
		return refuse(FilterRate, "it predicts no filter rate, min_filter_rate is %v and max_filter_rate %v; let the training script predict it, or remove the settings", p.MinFilterRate, p.MaxFilterRate)
	case predicted < p.MinFilterRate:
		return refuse(FilterRate, "it predicts a filter rate of %v, min_filter_rate is %v; choose other thresholds or lower the setting", predicted, p.MinFilterRate)
	case p.MaxFilterRate > 0 && predicted > p.MaxFilterRate:
		return refuse(FilterRate, "it predicts a filter rate of %v, max_filter_rate is %v; choose other thresholds or raise the setting", predicted, p.MaxFilterRate)
	}
	return nil
}

func refuse(reason model.Reason, format string, args ...any) error {
	return release.Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
