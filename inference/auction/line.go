package auction

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/idl/gen/openrtb"
	"github.com/sluicehq/sluice/inference/feature"
)

const byteOrderMark = "\ufeff"

// lineReader turns lines of JSON into auctions that are ready to be sent.
type lineReader struct {
	sloppy   *sloppy
	dialect  dialect
	tmax     time.Duration
	names    []string          // ask these, whatever the line says; none: those of the line
	partners int               // at most so many
	known    map[string]string // names of partners, each kept once
}

// maxKnown bounds the names that are kept once; further ones are kept per line.
const maxKnown = 1 << 16

func newLineReader(c Config) *lineReader {
	r := &lineReader{
		sloppy: newSloppy(), dialect: c.Protocol.dialect(), tmax: c.Deadline,
		partners: c.Partners, known: map[string]string{},
	}
	r.names = r.distinct(c.Replay.PartnerNames)
	return r
}

// parts are what a line says. A bare BidRequest says only what is asked.
type parts struct {
	request  []byte
	partners []string
	bidders  []string // nil where nobody knows
	prices   []float64
	currency string
}

// read returns the auction of a line. It is nil for an empty line.
func (r *lineReader) read(doc []byte, number int64) (*line, error) {
	doc = trim(doc)
	if len(doc) == 0 {
		return nil, nil
	}
	if err := check(doc); err != nil {
		return nil, err
	}
	p, err := split(doc)
	if err != nil {
		return nil, err
	}
	request := r.sloppy.bidRequest(p.request)
	switch {
	case request.ID == nil && request.Imp == nil:
		return nil, errors.New("it is no bid request: it has neither id nor imp")
	case len(request.Imp) > feature.MaxImps:
		return nil, fmt.Errorf("it holds %d impressions, at most %d are read; split it", len(request.Imp), feature.MaxImps)
	}
	return r.encode(request, r.whom(p, request), number)
}

func trim(doc []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(doc), []byte(byteOrderMark)))
}

func check(doc []byte) error {
	if doc[0] != '{' {
		return fmt.Errorf("%.20q is no JSON object", doc)
	}
	if !json.Valid(doc) {
		var any json.RawMessage
		return fmt.Errorf("it is no valid JSON: %w", json.Unmarshal(doc, &any))
	}
	return nil
}

// split takes a wrapper off, as `sluice world` writes it.
func split(doc []byte) (parts, error) {
	p := parts{request: doc}
	for name, value := range members(doc) {
		switch strings.ToLower(name) {
		case "request", "bidrequest":
			p.request = value
		case "partners":
			p.partners = names(value)
		case "bidders":
			p.bidders = names(value)
		case "prices":
			p.prices = prices(value)
		case "cur":
			p.currency, _ = feature.Text(value)
		}
	}
	if p.request[0] == '"' { // a request within a text
		p.request = trim([]byte(feature.Unquote(p.request)))
		if len(p.request) == 0 {
			return p, errors.New("its request is empty")
		}
		if err := check(p.request); err != nil {
			return p, fmt.Errorf("its request: %w", err)
		}
	}
	if p.request[0] != '{' {
		return p, fmt.Errorf("its request is %.20q, which is no JSON object", p.request)
	}
	if n := len(p.request); n > feature.MaxRequestBytes {
		return p, fmt.Errorf("its request has %d bytes, at most %d are read", n, feature.MaxRequestBytes)
	}
	return p, nil
}

// names reads a list of texts, or one alone; nil where it is neither.
func names(value []byte) []string {
	if t, ok := feature.Text(value); ok {
		return []string{t}
	}
	if value[0] != '[' {
		return nil
	}
	all := []string{}
	for e := range elements(value) {
		if t, ok := feature.Text(e); ok && len(all) < maxListed {
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
	for e := range elements(value) {
		price, err := strconv.ParseFloat(string(bytes.Trim(bytes.TrimSpace(e), `"`)), 64)
		if err != nil || math.IsInf(price, 0) {
			price = math.NaN()
		}
		if len(all) < maxListed {
			all = append(all, price)
		}
	}
	return all
}

// whom says which partners the line asks about, and who of them bids: those of
// the configuration, or of the wrapper, or the seats that may bid.
func (r *lineReader) whom(p parts, request *openrtb.AuctionRequest) truth {
	t := truth{partners: r.names, bidders: p.bidders, prices: p.prices, currency: r.once(p.currency)}
	for i, name := range t.bidders {
		t.bidders[i] = r.once(name)
	}
	if len(r.names) > 0 {
		return t
	}
	all := p.partners
	if all == nil {
		all = slices.Clone(request.Wseat)
		for _, i := range request.Imp {
			if i.Pmp == nil {
				continue
			}
			for _, d := range i.Pmp.Deals {
				all = append(all, d.Wseat...)
			}
		}
	}
	t.partners = r.distinct(all)
	return t
}

// distinct returns the first names of a list, each once.
func (r *lineReader) distinct(all []string) []string {
	var few []string
	for _, name := range all {
		if name != "" && len(few) < r.partners && !slices.Contains(few, name) {
			few = append(few, r.once(name))
		}
	}
	return few
}

// once returns the one copy of a name.
func (r *lineReader) once(name string) string {
	if one, known := r.known[name]; known {
		return one
	}
	if len(r.known) < maxKnown {
		name = strings.Clone(name)
		r.known[name] = name
	}
	return name
}

// encode writes all but the beginning of the arguments, which differs from
// pass to pass. A line without an id is given its number.
func (r *lineReader) encode(request *openrtb.AuctionRequest, t truth, number int64) (*line, error) {
	if len(t.partners) == 0 {
		return nil, errors.New("it names no partners; name some with --partner-names")
	}
	l := &line{id: strconv.FormatInt(number, 10), truth: t}
	if request.GetID() != "" {
		l.id = strings.Clone(request.GetID())
	}
	ms, empty := int32(r.tmax.Milliseconds()), ""
	request.Tmax, request.ID = &ms, &empty // what this client waits, not what the exchange did
	b := thrift.NewTMemoryBuffer()
	var p thrift.TProtocol = thrift.NewTBinaryProtocolConf(b, nil)
	if r.dialect == packed {
		p = thrift.NewTCompactProtocolConf(b, nil)
	}
	args := adfilter.AdFilterDecideArgs{Request: request, Partners: t.partners}
	ctx := context.Background()
	if err := errors.Join(args.Write(ctx, p), p.Flush(ctx)); err != nil {
		return nil, fmt.Errorf("encode it: %w", err)
	}
	beginning := (&line{}).appendTo(nil, r.dialect, 0)
	l.rest = bytes.Clone(b.Bytes()[len(beginning):])
	return l, nil
}
