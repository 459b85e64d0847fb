package feature

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The bounds of a log of auctions.
const (
	MaxLineBytes       = 2 << 20
	MaxAuctionPartners = 1024 // of one auction, and bidders

	readAheadBytes = 256 << 10
	maxNamed       = 10 // lines that could not be taken and are named
)

// Line is one auction of a log, as one line of JSON. A bare BidRequest is a
// line, too, that says nothing else.
type Line struct {
	TS       int64           `json:"ts"`      // milliseconds since 1970, UTC; 0: nobody knows
	Request  json.RawMessage `json:"request"` // an OpenRTB 2.6 BidRequest
	Partners []string        `json:"partners"`
	Bidders  []string        `json:"bidders"`          // those of Partners who bid; null where nobody knows
	Prices   []float64       `json:"prices,omitempty"` // of the bids of Bidders, per mille; NaN where one is none. No feature is made of them
	Currency string          `json:"cur,omitempty"`    // of Prices

	// Filter is a call of filter instead of a Request. It asks its advertiserId.
	Filter json.RawMessage `json:"filter,omitempty"`
}

// ParseLine reads a line that is not empty. Names in other cases, lists of one
// that stand alone and a request within a text are taken. Where the line names
// no partners, it asks the seats of its request. What the line holds may alias
// doc.
func ParseLine(doc []byte) (Line, error) {
	doc = trimmed(doc)
	if err := checkObject(doc); err != nil {
		return Line{}, err
	}
	l, wrapped, err := unwrap(doc)
	if err != nil {
		return l, err
	}
	switch {
	case l.Filter == nil:
		if err := l.checkRequest(wrapped); err != nil {
			return l, err
		}
	case l.Filter[0] != '{':
		return l, fmt.Errorf("its filter is %.20q, which is no JSON object", l.Filter)
	}
	switch {
	case l.Partners != nil:
	case l.Filter != nil:
		l.Partners = under(l.Filter, "advertiserId")
	default:
		l.Partners = seats(l.Request)
	}
	if n := len(l.Partners); n > MaxAuctionPartners {
		return l, fmt.Errorf("it asks %d partners, at most %d are read; split the auction", n, MaxAuctionPartners)
	}
	if n := len(l.Bidders); n > MaxAuctionPartners {
		return l, fmt.Errorf("it names %d bidders, at most %d are read; name each once", n, MaxAuctionPartners)
	}
	l.Partners = Distinct(l.Partners)
	return l, nil
}

func checkObject(doc []byte) error {
	if len(doc) == 0 || doc[0] != '{' {
		return fmt.Errorf("%.20q is no JSON object", doc)
	}
	if !json.Valid(doc) {
		var any json.RawMessage
		return fmt.Errorf("it is no valid JSON: %w", json.Unmarshal(doc, &any))
	}
	return nil
}

// unwrap takes a request out of what a log writes around it.
func unwrap(doc []byte) (l Line, wrapped bool, err error) {
	l.Request = doc
	var ts []byte
	bare := false // of a BidRequest's own attributes
	for name, value := range Members(doc) {
		switch strings.ToLower(name) {
		case "ts":
			ts = value
		case "request", "bidrequest":
			l.Request, wrapped = value, true
		case "partners":
			l.Partners = names(value)
		case "bidders":
			l.Bidders = names(value)
		case "prices":
			l.Prices = prices(value)
		case "cur":
			l.Currency, _ = Text(value)
		case "imp":
			bare = true
		case "filter":
			if string(value) != "null" {
				l.Filter = value
			}
		case "openrtb":
			return l, true, errOpenRTB3
		}
	}
	if l.TS, err = milliseconds(ts); err != nil {
		return l, wrapped, err
	}
	switch {
	case l.Filter == nil:
	case wrapped && string(l.Request) != "null":
		return l, wrapped, errors.New("it holds a request and a call of filter; log each on a line of its own")
	case bare && !wrapped:
		l.Filter = nil
	default:
		l.Request = nil
		return l, true, nil
	}
	if l.Request[0] == '"' {
		l.Request = trimmed([]byte(Unquote(l.Request)))
		if len(l.Request) == 0 {
			return l, wrapped, errors.New("its request is empty")
		}
		if err := checkObject(l.Request); err != nil {
			return l, wrapped, fmt.Errorf("its request: %w", err)
		}
	}
	return l, wrapped, nil
}

var errOpenRTB3 = errors.New("it is OpenRTB 3.0, of which nothing is read; log the request as OpenRTB 2.6")

func (l *Line) checkRequest(wrapped bool) error {
	if l.Request[0] != '{' {
		return fmt.Errorf("its request is %.20q, which is no JSON object", l.Request)
	}
	if n := len(l.Request); n > MaxRequestBytes {
		return fmt.Errorf("its request has %d bytes, at most %d are read", n, MaxRequestBytes)
	}
	known := map[string]bool{}
	for name := range Members(l.Request) {
		known[strings.ToLower(name)] = true
	}
	switch {
	case known["openrtb"], known["item"] && !known["imp"]:
		return errOpenRTB3
	case !wrapped && !known["id"] && !known["imp"]:
		return errors.New("it is no bid request: it has neither id nor imp")
	}
	return nil
}

// milliseconds reads a moment: a number since 1970, in whichever unit makes it
// a moment of our time, or a text of RFC 3339 that is one. It is 0 where there is
// none.
func milliseconds(ts []byte) (int64, error) {
	if len(ts) == 0 || string(ts) == "null" {
		return 0, nil
	}
	const from, to = 1e8, 1e11 // seconds: of 1973 and of 5138
	text, _ := Text(ts)
	if at, err := time.Parse(time.RFC3339, text); err == nil && (at.UnixMilli() == 0 || at.Unix() >= from && at.Unix() < to) {
		return at.UnixMilli(), nil
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	switch {
	case err != nil:
	case n == 0:
		return 0, nil
	case n >= from && n < to:
		return int64(n * 1e3), nil
	case n >= from*1e3 && n < to*1e3:
		return int64(n), nil
	case n >= from*1e6 && n < to*1e6:
		return int64(n / 1e3), nil
	case n >= from*1e9 && n < to*1e9:
		return int64(n / 1e6), nil
	}
	return 0, fmt.Errorf("its ts is %.40s; write milliseconds since 1970, or leave it out where nobody knows the time", ts)
}

// names reads a list of texts, or one alone; nil where it is neither.
func names(value []byte) []string {
	if t, ok := Text(value); ok {
		return []string{t}
	}
	if value[0] != '[' {
		return nil
	}
	all := []string{}
	for e := range Elements(value) {
		if t, ok := Text(e); ok {
			all = append(all, t)
		}
	}
	return all
}

// prices reads a list of numbers; what is none is NaN.
func prices(value []byte) []float64 {
	if value[0] != '[' {
		return nil
	}
	all := []float64{}
	for e := range Elements(value) {
		price, ok := Amount(e)
		if !ok {
			price = math.NaN()
		}
		all = append(all, price)
	}
	return all
}

// seats returns the seats that may bid: of the request, and of its deals.
func seats(request []byte) []string {
	all := under(request, "wseat")
	for imp := range objectsIn(member(request, "imp")) {
		for pmp := range objectsIn(member(imp, "pmp")) {
			for deal := range objectsIn(member(pmp, "deals")) {
				all = append(all, under(deal, "wseat")...)
			}
		}
	}
	return all
}

func under(object []byte, name string) []string {
	value := member(object, name)
	if value == nil {
		return nil
	}
	return names(value)
}

// Distinct returns the names of a list, each once, and no empty one.
func Distinct(all []string) []string {
	var few []string
	for _, name := range all {
		if name != "" && !slices.Contains(few, name) {
			few = append(few, name)
		}
	}
	return few
}

// Log reads the lines of a log of auctions. What begins as gzip does is
// unpacked, whatever it is called.
type Log struct {
	in     *bufio.Reader
	number int64
	ended  bool
}

// OpenLog begins to read.
func OpenLog(in io.Reader) (*Log, error) {
	raw := bufio.NewReaderSize(in, readAheadBytes)
	magic, err := raw.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return &Log{in: raw}, nil
	}
	z, err := gzip.NewReader(raw)
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	return &Log{in: bufio.NewReaderSize(z, readAheadBytes)}, nil
}

// Next returns the next line that is not empty, which is only valid until the
// next call, and its number, from 1 on. Where the line cannot be read as one,
// bad says why, and the next one can. The error ends the log: io.EOF where it
// was read whole.
func (l *Log) Next() (doc []byte, number int64, bad, err error) {
	for !l.ended {
		l.number++
		doc, tooLong, err := readLine(l.in)
		if l.ended = errors.Is(err, io.EOF); err != nil && !l.ended {
			return nil, l.number, nil, fmt.Errorf("line %d: %w", l.number, err)
		}
		switch doc = trimmed(doc); {
		case tooLong:
			return nil, l.number, fmt.Errorf("it has more than %d bytes; put each request on a line of its own", MaxLineBytes), nil
		case len(doc) > 0:
			return doc, l.number, nil, nil
		}
	}
	return nil, l.number, nil, io.EOF
}

// readLine returns the next line, which is only valid until the next call. Of
// one that is too long it keeps nothing. io.EOF comes with the last line.
func readLine(in *bufio.Reader) (doc []byte, tooLong bool, err error) {
	var long []byte
	for {
		part, err := in.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) && long == nil && !tooLong {
			return part, false, err
		}
		if tooLong = tooLong || len(long)+len(part) > MaxLineBytes; tooLong {
			long = nil
		} else {
			long = append(long, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return long, tooLong, err
		}
	}
}

// Seen counts the lines of a log.
type Seen struct {
	Lines   int64     `json:"lines"`   // that were not empty
	Taken   int64     `json:"taken"`   // of those
	Skipped int64     `json:"skipped"` // of those: they could not be taken
	Named   []BadLine `json:"named"`   // the first of the skipped ones
}

// BadLine is a line that could not be taken.
type BadLine struct {
	Line   int64  `json:"line"` // from 1 on
	Reason string `json:"reason"`
}

// Count notes what became of a line; bad is why it could not be taken.
func (s *Seen) Count(number int64, bad error) {
	s.Lines++
	if bad == nil {
		s.Taken++
		return
	}
	s.Skipped++
	if len(s.Named) < maxNamed {
		s.Named = append(s.Named, BadLine{number, bad.Error()})
	}
}

// None is an error where not one line was taken.
func (s *Seen) None() error {
	switch {
	case s.Taken > 0:
		return nil
	case s.Skipped > 0:
		return fmt.Errorf("not one of %d requests can be taken; line %d: %s", s.Lines, s.Named[0].Line, s.Named[0].Reason)
	}
	return errors.New("there are no requests: the input is empty")
}
