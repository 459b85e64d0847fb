package feature

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxValues bounds the values that are counted of all sources together.
const MaxValues = 1 << 18

// Listing says what Auctions counts beside the lines.
type Listing struct {
	Values []string // sources whose values are counted
	Filter Dialect  // of the calls of filter
	People bool     // write who somebody is, and where, as it stands in the log
	Zips   bool     // write postal codes so, of which a model is made
}

// Listed is what became of a log.
type Listed struct {
	Seen
	Timeless int64 `json:"timeless"` // of those taken: without ts
	Calls    int64 `json:"calls"`    // of those taken: calls of filter

	// By source, in how many lines each value stands: as a vocabulary spells it,
	// and of the partner, in how many lines it was asked. What no vocabulary can
	// hold is left out.
	Values map[string]map[string]int64 `json:"values,omitempty"`
}

// Auctions reads a log of auctions as Rows does, and writes those that it
// takes, each as one Line in one form: ts in milliseconds, the request as an
// object, every partner once. Prices are left out, and so is who somebody is.
func Auctions(dst io.Writer, src io.Reader, o Listing) (Listed, error) {
	l := lister{to: bufio.NewWriterSize(dst, 1<<16), listed: Listed{Seen: Seen{Named: []BadLine{}}, Values: map[string]map[string]int64{}}}
	if err := l.open(o); err != nil {
		return l.listed, err
	}
	lines, err := OpenLog(src)
	if err != nil {
		return l.listed, fmt.Errorf("read the log: %w", err)
	}
	for {
		doc, number, bad, err := lines.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return l.listed, fmt.Errorf("read the log, %w", err)
		}
		if bad == nil {
			bad = l.line(doc)
		}
		if errors.Is(bad, errTooManyValues) {
			return l.listed, fmt.Errorf("read line %d of the log: %w", number, bad)
		}
		l.listed.Count(number, bad)
	}
	if err := l.listed.None(); err != nil {
		return l.listed, fmt.Errorf("read the log: %w", err)
	}
	if err := l.to.Flush(); err != nil {
		return l.listed, fmt.Errorf("write auctions: %w", err)
	}
	return l.listed, nil
}

var errTooManyValues = errors.New("one more than")

// lister writes the auctions of one log. Its writer keeps the first error.
type lister struct {
	to        *bufio.Writer
	extractor *Extractor
	people    bool
	exactZip  bool // a model is made of it
	values    int  // counted
	listed    Listed
}

// open finds the sources.
func (l *lister) open(o Listing) error {
	rules := Contract{Version: LatestVersion, Filter: o.Filter}
	if err := rules.checkRules(); err != nil {
		return err
	}
	b := builder{known: sources(&rules), plan: &Plan{}, rules: &rules}
	for _, name := range o.Values {
		if _, err := b.reader(name); err != nil {
			return fmt.Errorf("count values: %w", err)
		}
		l.listed.Values[name] = map[string]int64{}
		l.exactZip = l.exactZip || strings.HasSuffix(name, "geo.zip")
	}
	l.extractor, l.people, l.exactZip = b.extractor(), o.People, l.exactZip || o.Zips
	return nil
}

// line writes a line and counts what it says, or neither.
func (l *lister) line(doc []byte) error {
	line, err := ParseLine(doc)
	if err != nil {
		return err
	}
	line.Request, line.Filter = valid(line.Request), valid(line.Filter)
	if !l.people && line.Request != nil { // what is counted is what is written
		if line.Request, err = Discreet(line.Request, l.exactZip); err != nil {
			return err
		}
	}
	partners, err := line.Asked()
	if err != nil {
		return err
	}
	r, err := line.Parse(l.extractor)
	if err != nil {
		return err
	}
	for i := range l.extractor.readers {
		if err := l.count(&l.extractor.readers[i], &r, partners); err != nil {
			return err
		}
	}
	switch {
	case line.Filter != nil:
		l.listed.Calls++
	case line.TS == 0:
		l.listed.Timeless++
	}
	return l.write(line)
}

// count counts the values of one source in a line.
func (l *lister) count(from *reader, r *Request, partners []string) error {
	switch {
	case from.name == partnerSource:
		for _, p := range partners {
			if err := l.add(from.name, p); err != nil {
				return err
			}
		}
		return nil
	case from.text != nil:
		return l.add(from.name, from.text(r))
	}
	if v := from.number(r); finite(v) {
		return l.add(from.name, strconv.FormatFloat(float64(v+0), 'f', -1, 32)) // -0 is 0
	}
	return nil
}

func (l *lister) add(source, value string) error {
	seen := l.listed.Values[source]
	switch _, known := seen[value]; {
	case value == "", len(value) > MaxKeyBytes:
		return nil
	case !known && l.values == MaxValues:
		return fmt.Errorf("its value is %w %d with source %s; leave it out, or hash it", errTooManyValues, MaxValues, source)
	case !known:
		l.values++
	}
	seen[value]++
	return nil
}

func (l *lister) write(line Line) error {
	line.Prices, line.Currency = nil, ""
	to := json.NewEncoder(l.to) // which keeps a line for itself until it is whole
	to.SetEscapeHTML(false)
	return to.Encode(line)
}

// valid returns JSON whose texts are what Go reads of them, whatever bytes they hold.
func valid(doc []byte) []byte {
	if utf8.Valid(doc) {
		return doc
	}
	return []byte(string([]rune(string(doc))))
}
