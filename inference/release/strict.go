package release

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/model"
)

// What a manifest says is shown to people, and its names are keys by which
// partners are told apart. encoding/json takes the last of two keys, whatever
// the case of their letters, and puts one and the same sign in the place of all
// that is no text. Here such manifests are refused.

// strictly reads a manifest that nobody vouches for yet.
func strictly(manifest []byte) (Manifest, error) {
	if !json.Valid(manifest) || checkFormat(manifest) != nil {
		return parseManifest(manifest) // which says why
	}
	if !utf8.Valid(manifest) {
		return Manifest{}, refuse(BadManifest, "manifest.json is no UTF-8; write it with the training script of this version")
	}
	k := keys{text: string(manifest)}
	if err := k.value(manifestShape()); err != nil {
		return Manifest{}, err
	}
	m, err := parseManifest(manifest)
	if err != nil {
		return m, err
	}
	return m, m.checkWords()
}

// shape is what a value in a manifest may be. Of one without a shape, and of
// one whose shape is empty, only keys that stand twice are refused.
type shape struct {
	fields map[string]*shape // of an object with these keys
	each   *shape            // of every value of a list, or of an object whose keys are names
	most   int               // values
}

// manifestShape is Manifest; a test holds it to that.
func manifestShape() *shape {
	object := func(fields map[string]*shape) *shape { return &shape{fields: fields} }
	many := func(each *shape, most int) *shape { return &shape{each: each, most: most} }
	interval := object(map[string]*shape{"estimate": nil, "low": nil, "high": nil})
	return object(map[string]*shape{
		"format": nil, "model": nil, "default_threshold": nil, "trained_on": nil, "reading": nil, "trees": nil,
		"contract": object(map[string]*shape{"version": nil, "filter": nil, "currency": nil, "rates": many(nil, feature.MaxRates), "features": many(object(map[string]*shape{
			"name": nil, "kind": nil, "source": nil, "default": nil, "buckets": nil,
			"vocabulary": many(nil, feature.MaxEntries), "table": many(nil, feature.MaxEntries),
		}), feature.MaxFeatures), "missing": nil}),
		"thresholds": many(nil, MaxPartners),
		"golden": many(object(map[string]*shape{
			"features": many(nil, feature.MaxFeatures), "margin": nil, "score": nil, "auction": nil, "partner": nil, "ts": nil,
		}), MaxGolden),
		"reference_scores": many(nil, ScoreBins),
		"predicted":        object(map[string]*shape{"filter_rate": interval, "partners": many(interval, MaxPartners)}),
		"intended_change":  object(map[string]*shape{"filter_rate": nil, "partners": many(nil, MaxPartners), "why": nil}),
	})
}

// keys walks through a text that is valid JSON, so that nothing of its form
// needs to be checked, and looks at the keys.
type keys struct {
	text string
	at   int
	path []string
}

// space passes over what means nothing.
func (k *keys) space() {
	for k.at < len(k.text) && strings.IndexByte(" \t\r\n", k.text[k.at]) >= 0 {
		k.at++
	}
}

func (k *keys) value(s *shape) error {
	k.space()
	switch k.text[k.at] {
	case '{':
		return k.object(s)
	case '[':
		return k.list(s)
	case '"':
		k.quoted()
	default:
		for k.at < len(k.text) && strings.IndexByte(",]} \t\r\n", k.text[k.at]) < 0 {
			k.at++
		}
	}
	return nil
}

// quoted takes a string, with its quotes.
func (k *keys) quoted() string {
	from := k.at
	for k.at++; k.text[k.at] != '"'; k.at++ {
		if k.text[k.at] == '\\' {
			k.at++
		}
	}
	k.at++
	return k.text[from:k.at]
}

// more passes over a comma, or the end of an object or list, and tells which.
func (k *keys) more(end byte) bool {
	k.space()
	if k.text[k.at] == ',' {
		k.at++
		k.space()
		return true
	}
	ended := k.text[k.at] == end
	if ended {
		k.at++
	}
	return !ended
}

func (k *keys) list(s *shape) error {
	k.at++
	for n := 1; k.more(']'); n++ {
		var each *shape
		if s != nil {
			each = s.each
		}
		if s != nil && s.most > 0 && n > s.most {
			return refuse(TooLarge, "%s in manifest.json holds more than %d values; train with fewer", k.where(), s.most)
		}
		k.path = append(k.path, strconv.Itoa(n-1))
		if err := k.value(each); err != nil {
			return err
		}
		k.path = k.path[:len(k.path)-1]
	}
	return nil
}

func (k *keys) object(s *shape) error {
	k.at++
	seen := map[string]struct{}{}
	for k.more('}') {
		key := k.key()
		if _, twice := seen[key]; twice {
			return refuse(BadManifest, "manifest.json has the key %.80q twice in %s; keep one", key, k.where())
		}
		seen[key] = struct{}{}
		inner, err := k.known(s, key, len(seen))
		if err != nil {
			return err
		}
		k.space()
		k.at++ // the colon
		k.path = append(k.path, key)
		if err := k.value(inner); err != nil {
			return err
		}
		k.path = k.path[:len(k.path)-1]
	}
	return nil
}

// key takes a key as it reads without its escapes.
func (k *keys) key() string {
	quoted := k.quoted()
	plain := quoted[1 : len(quoted)-1]
	if strings.IndexByte(plain, '\\') >= 0 {
		_ = json.Unmarshal([]byte(quoted), &plain) // it is valid
	}
	return plain
}

// known returns the shape of what stands under a key, the nth of its object.
func (k *keys) known(s *shape, key string, n int) (*shape, error) {
	switch {
	case s == nil:
		return nil, nil //nolint:nilnil // anything may stand there
	case s.most > 0 && n > s.most:
		return nil, refuse(TooLarge, "%s in manifest.json holds more than %d keys; train with fewer", k.where(), s.most)
	case s.fields == nil:
		return s.each, nil
	}
	inner, found := s.fields[key]
	if found {
		return inner, nil
	}
	for _, name := range slices.Sorted(maps.Keys(s.fields)) {
		if strings.EqualFold(name, key) {
			return nil, refuse(BadManifest, "manifest.json has the key %.80q in %s, where %q is meant; write it so", key, k.where(), name)
		}
	}
	return nil, refuse(BadManifest, "manifest.json has the key %.80q in %s, which is not known; write it with the training script of this version", key, k.where())
}

// where says where in the manifest this is.
func (k *keys) where() string {
	if len(k.path) == 0 {
		return "the outermost object"
	}
	return strconv.Quote(strings.Join(k.path, "."))
}

// The longest words of a manifest, in bytes. Partners of longer names are
// counted together.
const (
	maxWordBytes = 128
	maxTextBytes = 1000
)

// checkWords refuses names and texts that would garble what people see, or look
// like others that they are not.
func (m *Manifest) checkWords() error {
	for _, said := range []struct{ what, text string }{{"trained_on", m.TrainedOn}, {"intended_change.why", m.why()}} {
		if len(said.text) > maxTextBytes || strings.ContainsFunc(said.text, func(r rune) bool { return !strconv.IsGraphic(r) }) {
			return refuse(BadManifest, "%s in manifest.json is %.60q: want one line of up to %d bytes, without control or invisible characters", said.what, said.text, maxTextBytes)
		}
	}
	for _, f := range m.Contract.Features {
		if err := name(BadContract, "feature", f.Name); err != nil {
			return err
		}
	}
	if err := name(BadManifest, "model", m.Model); err != nil {
		return err
	}
	for _, partner := range m.partners() {
		if err := name(BadManifest, "partner", partner); err != nil {
			return err
		}
	}
	return nil
}

func (m *Manifest) why() string {
	if m.IntendedChange == nil {
		return ""
	}
	return m.IntendedChange.Why
}

// partners returns all names of partners in the manifest, sorted. What other
// sources hold is looked up and shown to nobody.
func (m *Manifest) partners() []string {
	var list []string
	list = slices.AppendSeq(list, maps.Keys(m.Thresholds))
	list = slices.AppendSeq(list, maps.Keys(m.Predicted.Partners))
	if m.IntendedChange != nil {
		list = slices.AppendSeq(list, maps.Keys(m.IntendedChange.Partners))
	}
	for _, g := range m.Golden {
		list = append(list, g.Partner)
	}
	for _, f := range m.Contract.Features {
		at := slices.Index(f.Source, "partner")
		if at < 0 {
			continue
		}
		list = append(list, f.Vocabulary...)
		for key := range f.Table {
			if parts := strings.SplitN(key, "|", len(f.Source)); at < len(parts) {
				list = append(list, parts[at])
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// name refuses a name that does not look like what it is.
func name(reason model.Reason, what, text string) error {
	if len(text) > maxWordBytes {
		return refuse(reason, "the %s %.60q in manifest.json has a name of %d bytes: want up to %d", what, text, len(text), maxWordBytes)
	}
	if strings.ContainsFunc(text, unseen) {
		return refuse(reason, "the %s %.60q in manifest.json has control or invisible characters in its name; write it without", what, text)
	}
	return nil
}

// unseen tells characters that leave no mark of their own, or stand for what is
// no text.
func unseen(r rune) bool {
	switch {
	case !strconv.IsPrint(r), r == utf8.RuneError:
		return true
	case r == 0x034f, r == 0x115f, r == 0x1160, r == 0x17b4, r == 0x17b5, r == 0x2800, r == 0x3164, r == 0xffa0: // fillers and joiners
		return true
	}
	return r >= 0x180b && r <= 0x180f || r >= 0xfe00 && r <= 0xfe0f || r >= 0xe0100 && r <= 0xe01ef // variation selectors
}
