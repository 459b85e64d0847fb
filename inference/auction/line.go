package auction

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/idl/gen/openrtb"
	"github.com/sluicehq/sluice/inference/feature"
)

// lineReader turns lines of JSON into auctions that are ready to be sent.
type lineReader struct {
	sloppy   *sloppy
	dialect  dialect
	call     Call
	tmax     time.Duration
	names    []string          // ask these, whatever the line says; none: those of the line
	partners int               // at most so many
	known    map[string]string // names of partners, each kept once
}

// maxKnown bounds the names that are kept once; further ones are kept per line.
const maxKnown = 1 << 16

func newLineReader(c Config) *lineReader {
	r := &lineReader{
		sloppy: newSloppy(), dialect: c.Protocol.dialect(), call: c.Call, tmax: c.Deadline,
		partners: c.Partners, known: map[string]string{},
	}
	r.names = r.first(feature.Distinct(c.Replay.PartnerNames))
	return r
}

// read returns the auction of a line.
func (r *lineReader) read(doc []byte, number int64) (*line, error) {
	l, err := feature.ParseLine(doc)
	if err != nil {
		return nil, err
	}
	switch {
	case l.Filter != nil && r.call == Decide:
		return nil, errors.New("it is a call of filter; --dialect filter sends those")
	case l.Filter != nil:
		return r.encodeCall(&l, r.whom(&l), number)
	case r.call != Decide:
		return nil, errors.New("it is an auction, no call of filter; --dialect decide sends those")
	}
	request, err := r.sloppy.bidRequest(l.Request)
	switch {
	case err != nil:
		return nil, err
	case len(request.Imp) > feature.MaxImps:
		return nil, fmt.Errorf("it holds %d impressions, at most %d are read; split it", len(request.Imp), feature.MaxImps)
	}
	return r.encode(request, r.whom(&l), number)
}

// whom says which partners the line asks about, and who of them bids: those of
// the configuration, else those of the line.
func (r *lineReader) whom(l *feature.Line) truth {
	t := truth{partners: r.names, bidders: l.Bidders, prices: l.Prices, currency: r.once(l.Currency)}
	for i, name := range t.bidders {
		t.bidders[i] = r.once(name)
	}
	if len(r.names) == 0 {
		t.partners = r.first(l.Partners)
	}
	return t
}

// first returns the first names of a list, as many as may be asked.
func (r *lineReader) first(all []string) []string {
	few := make([]string, min(len(all), r.partners))
	for i := range few {
		few[i] = r.once(all[i])
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
