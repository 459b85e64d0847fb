// Package release is the format in which a model travels from a training job
// to the tasks: an archive with a booster and a manifest, named by its
// SHA-256. Here it is opened, checked and proven; nothing is fetched, and
// nothing inside an archive is ever executed.
package release

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/model"
)

// Release is an archive that has been opened. It never changes, so that any
// number of goroutines may share it. It is worth nothing before Prove.
type Release struct {
	Digest   string
	Manifest Manifest
	Model    *model.Model
	Features *feature.Extractor
	Scorer   *Scorer

	// Predicts says that the manifest tells a filter rate, which may be zero.
	Predicts bool

	// Beside are notes on what lies beside the model in the archive.
	Beside []string

	manifestBytes int64
	rules         model.Rules // by which it is taken
	cause         string      // why golden margins do not come out, as far as admission found out
	lacks         string      // what the manifest must say for tasks, as JSON (see Restate)
}

// Open reads an archive within DefaultLimits.
func Open(archive []byte) (*Release, error) { return DefaultLimits().Open(archive) }

// Open reads an archive: it unpacks it, reads manifest and booster, and checks
// that both speak of the same features. Every error is a Refusal. The release
// does not alias the archive.
func (l Limits) Open(archive []byte) (*Release, error) {
	a, err := l.lookThrough(archive)
	if err != nil {
		return nil, err
	}
	if a.manifest == nil {
		return nil, a.missingManifest()
	}
	if need := manifestMemory * int64(len(a.manifest)); l.MemoryBytes > 0 && need > l.MemoryBytes {
		return nil, refuse(TooLarge, "its manifest alone takes about %d bytes once it is loaded, max_memory_bytes is %d; keep only frequent values in vocabularies and tables, or raise the setting", need, l.MemoryBytes)
	}
	manifest, err := l.readManifest(a.manifest)
	if err != nil {
		return nil, err
	}
	if !a.holds(manifest.Model) {
		return nil, refuse(BadManifest, "manifest.json says that the model is in %.100q, and the archive holds %s; pack it, or name the right file", manifest.Model, listed(slices.Sorted(maps.Keys(a.sizes))))
	}
	r := &Release{Digest: Digest(archive), Manifest: manifest, manifestBytes: int64(len(a.manifest))}
	r.Predicts = manifest.Predicted.FilterRate != (Interval{}) || tellsRate(a.manifest)
	a.strict, a.reading = l.Admission, l.reading(manifest)
	r.rules = a.reading.Rules
	if r.Model, err = a.boosterOf(&manifest); err != nil {
		return nil, err
	}
	if r.Features, err = manifest.Contract.Compile(); err != nil {
		return nil, refuse(BadContract, "%v", err)
	}
	if err := r.agree(); err != nil {
		return nil, err
	}
	if !r.settleBase() && l.Admission && !r.settleTrees(a) {
		r.cause = r.why(a)
	}
	r.lacks, r.Beside = r.unsaid(a.reading), a.besides(manifest.Model)
	r.Scorer = prepare(r.Features, r.Model)
	return r, nil
}

// missingManifest is the refusal of an archive without a manifest. Where the
// model is a pickle that cannot be read, that is worth saying first: old
// containers write one.
func (a *archive) missingManifest() error {
	var refusal Refusal
	if _, _, err := a.only(DefaultModel); errors.As(err, &refusal) && refusal.Reason == Pickle {
		return refusal
	}
	return refuse(BadManifest, "the archive holds no %s; train with the script that writes one beside %s, or name one for such models in the fleet's file, as admission.manifest", ManifestName, DefaultModel)
}

// agree checks that manifest and booster speak of the same features.
func (r *Release) agree() error {
	contract, names := r.Manifest.Contract.Features, r.Model.FeatureNames()
	if n := r.Model.NumFeature(); n > feature.MaxFeatures {
		return refuse(BadContract, "the booster reads %d columns, and a contract has at most %d features: train on the bucket that a text falls into as one number (kind \"hash\") instead of a column for each, or on fewer features", n, feature.MaxFeatures)
	}
	if len(contract) != r.Model.NumFeature() || r.Features.Len() != len(contract) {
		return refuse(BadContract, "the contract has %d features and the booster reads %d; write the contract that it was trained by", len(contract), r.Model.NumFeature())
	}
	for i, name := range names {
		if name != contract[i].Name && name != spaceless(contract[i].Name) {
			return refuse(BadContract, "feature %d is %.60q to the booster and %.60q in the contract; write the contract in the order of training", i, name, contract[i].Name)
		}
	}
	for i, g := range r.Manifest.Golden {
		if len(g.Features) != len(contract) {
			return refuse(BadGolden, "golden vector %d has %d features, the contract has %d; let the training script write them", i, len(g.Features), len(contract))
		}
	}
	return r.Manifest.checkThresholds(r.Model)
}

// settleBase takes the base margin of the trainer's C library, which may be
// one float beside ours (see model.WithBaseMargin): the one with which all
// golden margins come out, if there is one.
func (r *Release) settleBase() bool {
	ours, base := r.Model, r.Model.BaseMargin()
	for _, towards := range []float32{base, float32(math.Inf(1)), float32(math.Inf(-1))} {
		r.Model = ours.WithBaseMargin(math.Nextafter32(base, towards))
		if r.proveMargins() == nil {
			return true
		}
	}
	r.Model = ours
	return false
}

// Prove scores every golden vector and compares margins bit for bit and scores
// within two units in the last place. Where a vector has its auction, the row is
// made from it first, as in serving. The error is a Refusal that names the
// vector.
func (r *Release) Prove() error {
	if err := r.proveRows(); err != nil {
		return err
	}
	if err := r.proveMargins(); err != nil {
		return err
	}
	if err := r.proveScorer(); err != nil {
		return err
	}
	for i, g := range r.Manifest.Golden {
		if got := r.Model.Score(g.row()); ulps(got, g.Score) > 2 { // see model.Score
			return refuse(BadGolden, "golden vector %d scores %v, in training it scored %v; the booster is not the one that the manifest was written for", i, got, g.Score)
		}
	}
	return nil
}

// proveRows makes each row anew from its auction.
func (r *Release) proveRows() error {
	for i := range r.Manifest.Golden {
		g := &r.Manifest.Golden[i]
		if len(g.Auction) == 0 {
			continue
		}
		err := r.proveRow(i, g.request)
		switch {
		case err == nil || r.proveRow(i, g.requestLoosely) != nil:
		case r.rules == model.FirstRules: // it was proven so when it was admitted
			continue
		default:
			err = refuse(BadGolden, "golden vector %d was made of its auction by an earlier `sluice features`, which read numbers and times that no task can be asked; train again with the one of this version", i)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// proveRow makes one row of its auction, as read reads that.
func (r *Release) proveRow(i int, read func(*feature.Extractor) (feature.Request, error)) error {
	g, row := &r.Manifest.Golden[i], make([]float32, r.Features.Len())
	auction, err := read(r.Features)
	if err != nil {
		return refuse(BadGolden, "the auction of golden vector %d cannot be read (%v); let the training script write it", i, err)
	}
	r.Features.Extract(row, &auction, g.Partner)
	for f, want := range g.row() {
		if !same(row[f], want) {
			return refuse(BadGolden, "golden vector %d: feature %.60q of its auction is %s here and was %s in training; the features are in another order, or made otherwise, than the contract says",
				i, r.Manifest.Contract.Features[f].Name, number(row[f]), number(want))
		}
	}
	return nil
}

func (r *Release) proveMargins() error {
	wrong, first := 0, 0
	for i, g := range r.Manifest.Golden {
		if math.Float32bits(r.Model.Margin(g.row())) != math.Float32bits(g.Margin) {
			if wrong++; wrong == 1 {
				first = i
			}
		}
	}
	if wrong == 0 {
		return nil
	}
	g := r.Manifest.Golden[first]
	return refuse(BadGolden, "golden vector %d gives the margin %v, in training it gave %v; %d of %d differ; %s",
		first, r.Model.Margin(g.row()), g.Margin, wrong, len(r.Manifest.Golden), r.causes())
}

// causes are what a person should look at where a margin does not come out.
func (r *Release) causes() string {
	if r.cause != "" {
		return "likely cause, by what was tried: " + r.cause
	}
	return "the features are in another order than the contract says, or the booster is not the one that the manifest was written for"
}

// usualPartners is how many an auction asks about, more or less: what is proven
// and warmed up is the way of scoring so many at once, and one alone.
const usualPartners = 20

// proveScorer holds what will serve to what was proven: margins of rows as they
// stand and, where a vector has its auction, of the partner as it is kept.
func (r *Release) proveScorer() error {
	var scratch Scratch
	for i, g := range r.Manifest.Golden {
		row, keys := g.row(), []uint32{model.Stranger}
		if len(g.Auction) > 0 {
			keys = append(keys, r.Features.Partner(g.Partner))
		}
		for _, key := range keys {
			for _, n := range []int{1, usualPartners} {
				for _, got := range r.Scorer.margins(&scratch, row, whole(row, slices.Repeat([]uint32{key}, n)...)) {
					if math.Float32bits(got) != math.Float32bits(g.Margin) {
						return refuse(BadGolden, "golden vector %d gives the margin %v by the evaluator %q, in training it gave %v; please report this, and meanwhile train with another max_leaves",
							i, got, r.Scorer.Way(), g.Margin)
					}
				}
			}
		}
	}
	return nil
}

// Auctions returns how many golden vectors prove the whole way from a request.
func (r *Release) Auctions() int {
	n := 0
	for _, g := range r.Manifest.Golden {
		if len(g.Auction) > 0 {
			n++
		}
	}
	return n
}

// Threshold returns the score below which a request is not forwarded to
// partner.
func (r *Release) Threshold(partner string) float32 {
	if v, ok := r.Manifest.Thresholds[partner]; ok {
		return v
	}
	return r.Manifest.DefaultThreshold
}

// Warm scores the golden vectors until the tables that they reach are in the
// processor's caches, which takes a few milliseconds.
func (r *Release) Warm() {
	const rounds = 16
	var usual []uint32
	for key := range min(usualPartners, r.Features.Partners()) {
		usual = append(usual, uint32(key))
	}
	var scratch Scratch
	for _, g := range r.Manifest.Golden {
		row := g.row()
		alone, all := whole(row, r.Features.Partner(g.Partner)), whole(row, usual...)
		for range rounds {
			r.Scorer.margins(&scratch, row, alone)
			r.Scorer.margins(&scratch, row, all)
		}
	}
}

const manifestMemory = 6 // bytes for each of a manifest's

// MemoryBytes returns about what the release occupies while it is loaded, the
// tables of its evaluator included. The tables of the contract are held twice,
// as written and compiled.
func (r *Release) MemoryBytes() int64 {
	return r.Model.MemoryBytes() + r.Scorer.model.MemoryBytes() + manifestMemory*r.manifestBytes
}

// same tells whether two features are the same number, or both missing.
func same(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

func number(v float32) string {
	if v != v {
		return "missing"
	}
	return fmt.Sprint(v)
}

// ulps returns how many floats lie between a and b; NaN is far from anything.
func ulps(a, b float32) int64 {
	if a != a || b != b {
		return math.MaxInt64
	}
	d := int64(int32(math.Float32bits(a))) - int64(int32(math.Float32bits(b)))
	return max(d, -d)
}
