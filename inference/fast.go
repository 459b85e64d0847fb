package inference

import (
	"context"
	"encoding/binary"
	"math"
	"slices"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/inference/feature"
)

// The hot path: decide, filter and report between the connection's buffers and
// feature.Request, without the generated types and without allocation. The
// numbers are the ids of idl/*.thrift; tests hold all of it to what the
// generated code makes of the same bytes.

// method is what a call asks for.
type method uint8

const (
	noMethod method = iota
	decideMethod
	filterMethod
	reportMethod
)

// incoming is a call as the hot path read it. Its request and partners are in
// the session's decision and alias the bytes they were read from.
type incoming struct {
	method method
	seq    int32
	silent bool // wants no reply
}

// parse reads the call at the beginning of b into s and returns how many bytes
// it has. Unless the outcome is parsed, what it left in s means nothing.
func (s *session) parse(b []byte, d Dialect, limits wireLimits) (in incoming, n int, o outcome) {
	p := &s.parser
	*p = parser{b: b, compact: d.compact(), limit: limits.message, most: limits.elements}
	h := p.head(d.old())
	switch h.name {
	case "decide":
		in.method = decideMethod
	case "filter":
		in.method = filterMethod
	case "report":
		in.method = reportMethod
	default:
		p.fail(odd)
	}
	in.seq, in.silent = h.seq, h.kind == thrift.ONEWAY
	switch {
	case p.outcome != parsed:
		return in, 0, p.outcome
	case h.kind != thrift.CALL && h.kind != thrift.ONEWAY:
		return in, 0, odd
	case in.method == decideMethod:
		s.parseDecide(p)
	case in.method == reportMethod:
		s.reports.parse(p)
	default:
		s.parseFilter(p)
	}
	return in, p.at, p.outcome
}

func (s *session) parseDecide(p *parser) {
	d := &s.d
	d.request, d.tmax, d.partners = feature.Absent(), 0, s.names[:0]
	asked := false
	var at place
	for t, id := p.field(&at); t != thrift.STOP; t, id = p.field(&at) {
		switch {
		case id == 1 && t == thrift.STRUCT:
			asked = true
			d.parseRequest(p)
		case id == 2 && t == thrift.LIST:
			s.parsePartners(p)
		default:
			p.skip(t)
		}
	}
	if !asked {
		p.fail(odd)
	}
}

func (s *session) parsePartners(p *parser) {
	n := p.listOf(thrift.STRING)
	if n > MaxPartnersPerRequest {
		p.fail(odd)
		return
	}
	s.names = slices.Grow(s.names[:0], n)
	for range n {
		s.names = append(s.names, p.text())
	}
	s.d.partners = s.names
}

// parseRequest reads what openRTB converts.
func (d *decision) parseRequest(p *parser) {
	to := &d.request
	from := p.at
	var site, app channel
	var at place
	for t, id := p.field(&at); t != thrift.STOP; t, id = p.field(&at) {
		switch {
		case id == 1:
			p.textTo(t, &to.ID)
		case id == 2 && t == thrift.LIST:
			parseImps(p, to)
		case id == 3 && t == thrift.STRUCT:
			parseChannel(p, &site, channelIDs{siteShape, 3, 4, 11})
		case id == 4 && t == thrift.STRUCT:
			parseChannel(p, &app, channelIDs{appShape, 3, 6, 12})
		case id == 5 && t == thrift.STRUCT:
			parseDevice(p, to)
		case id == 6 && t == thrift.STRUCT:
			parseUser(p, to)
		case id == 8:
			p.numberTo(t, &to.At)
		case id == 9 && t == thrift.I32:
			d.tmax = p.i32()
		default:
			p.skipIn(requestShape, t, id)
		}
	}
	to.SiteID, to.SiteDomain, to.AppID, to.AppBundle = site.id, site.name, app.id, app.name
	to.SiteCat, to.PublisherID = orElse(site.cat, app.cat), orElse(site.publisher, app.publisher)
	if p.outcome == parsed {
		d.asked = asked{bytes: p.b[from:p.at], compact: p.compact}
	}
}

// channel is a site or an app; name is its domain or bundle.
type channel struct{ id, name, cat, publisher string }

// channelIDs are where a Site or an App has what both have.
type channelIDs struct {
	shape                shape
	name, cat, publisher int16
}

func parseChannel(p *parser, to *channel, in channelIDs) {
	var at place
	for t, id := p.field(&at); t != thrift.STOP; t, id = p.field(&at) {
		switch {
		case id == 1:
			p.textTo(t, &to.id)
		case id == in.name:
			p.textTo(t, &to.name)
		case id == in.cat && t == thrift.LIST:
			n := p.listOf(thrift.STRING)
			for i := range n {
				if c := p.text(); i == 0 {
					to.cat = c
				}
			}
		case id == in.publisher:
			parsePublisher(p, t, to)
		default:
			p.skipIn(in.shape, t, id)
		}
	}
}

func parsePublisher(p *parser, t thrift.TType, to *channel) {
	if t != thrift.STRUCT {
		p.skip(t)
		return
	}
	var at place
	for t, id := p.field(&at); t != thrift.STOP; t, id = p.field(&at) {
		if id == 1 {
			p.textTo(t, &to.publisher)
		} else {
			p.skipIn(publisherShape, t, id)
		}
	}
}

// parseImps reads the first impression and counts the others.
func parseImps(p *parser, to *feature.Request) {
	n := p.listOf(thrift.STRUCT)
	for i := range n {
		if i == 0 {
			parseImp(p, to)
		} else {
			p.passShape(thrift.STRUCT, impShape)
		}
	}
	to.ImpCount = float32(n)
}

// slotKind is what an impression offers, best first.
type slotKind uint8

const (
	banner slotKind = iota
	video
	native
	audio
	noSlot
)

func parseImp(p *parser, to *feature.Request) {
	best := noSlot
	var at place
	for t, id := p.field(&at); t != thrift.STOP; t, id = p.field(&at) {
		switch {
		case id == 2 && t == thrift.STRUCT:
			best = banner
			parseBanner(p, to)
		case id == 3 && t == thrift.STRUCT:
			if video < best {
				best = video
				parseVideo(p, to)
			} else {
				p.skipIn(impShape, t, id)
			}
		case id == 4 && t == thrift.STRUCT:
			best = min(best, audio)
			p.skipIn(impShape, t, id)
		case id == 5 && t == thrift.STRUCT:
			best = min(best, native)
			p.skipIn(impShape, t, id)
		case id == 8:
			p.indicatorTo(t, &to.ImpInstl)
		case id == 9:
			p.textTo(t, &to.ImpTagID)
		case id == 10 && t == thrift.DOUBLE:
			to.ImpBidfloor = float32(p.double())
		case id == 12:
			p.indicatorTo(t, &to.ImpSecure)
		case id == 13:
			p.indicatorTo(t, &to.ImpRwdd)
		default:
			p.skipIn(impShape, t, id)
		}
	}
	to.Format = [...]string{banner: "banner", video: "video", native: "native", audio: "audio", noSlot: ""}[best]
}

// parseBanner reads over what a video left, since a banner comes first.
func parseBanner(p *parser, to *feature.Request) {
	missing := float32(math.NaN())
	w, h, firstW, firstH := missing, missing, missing, missing
	to.Pos = missing
	sized := false
	var at place
	for t, id := p.field(&at); t != thrift.STOP; t, id = p.field(&at) {
		switch {
		case id == 1 && t == thrift.LIST:
			n := p.listOf(thrift.STRUCT)
			for i := range n {
				if i == 0 {
					parseSize(p, &firstW, &firstH)
				} else {
					p.passShape(thrift.STRUCT, formatShape)
				}
			}
		case id == 2 && t == thrift.I32:
			sized, w = true, float32(p.i32())
		case id == 3 && t == thrift.I32:
			sized, h = true, float32(p.i32())
		case id == 6:
			p.numberTo(t, &to.Pos)
		default:
			p.skipIn(bannerShape, t, id)
		}
	}
	if !sized {
		w, h = firstW, firstH
	}
	to.Width, to.Height = w, h
}

func parseSize(p *parser, w, h *float32) {
	var at place
	for t, id := p.field(&at); t != thrift.STOP; t, id = p.field(&at) {
		switch id {
		case 1:
			p.numberTo(t, w)
		case 2:
			p.numberTo(t, h)
		default:
			p.skipIn(formatShape, t, id)
		}
	}
}

func parseVideo(p *parser, to *feature.Request) {
	var at place
	for t, id := p.field(&at); t != thrift.STOP; t, id = p.field(&at) {
		switch id {
		case 6:
			p.numberTo(t, &to.Width)
		case 7:
			p.numberTo(t, &to.Height)
		case 13:
			p.numberTo(t, &to.Pos)
		default:
			p.skipIn(videoShape, t, id)
		}
	}
}

func parseDevice(p *parser, to *feature.Request) {
	var at place
	for t, id := p.field(&at); t != thrift.STOP; t, id = p.field(&at) {
		switch id {
		case 1:
			p.textTo(t, &to.DeviceUA)
		case 2:
			parseGeo(p, t, to)
		case 4:
			p.indicatorTo(t, &to.DeviceLmt)
		case 7:
			p.numberTo(t, &to.DeviceType)
		case 8:
			p.textTo(t, &to.DeviceMake)
		case 9:
			p.textTo(t, &to.DeviceModel)
		case 10:
			p.textTo(t, &to.DeviceOS)
		case 11:
			p.textTo(t, &to.DeviceOSV)
		case 18:
			p.textTo(t, &to.DeviceLanguage)
		case 19:
			p.textTo(t, &to.DeviceCarrier)
		case 21:
			p.numberTo(t, &to.ConnectionType)
		default:
			p.skipIn(deviceShape, t, id)
		}
	}
}

func parseGeo(p *parser, t thrift.TType, to *feature.Request) {
	if t != thrift.STRUCT {
		p.skip(t)
		return
	}
	var at place
	for t, id := p.field(&at); t != thrift.STOP; t, id = p.field(&at) {
		switch id {
		case 4:
			p.textTo(t, &to.GeoCountry)
		case 5:
			p.textTo(t, &to.GeoRegion)
		case 7:
			p.textTo(t, &to.GeoCity)
		default:
			p.skipIn(geoShape, t, id)
		}
	}
}

func parseUser(p *parser, to *feature.Request) {
	var at place
	for t, id := p.field(&at); t != thrift.STOP; t, id = p.field(&at) {
		switch id {
		case 1:
			p.textTo(t, &to.UserID)
		case 3:
			p.numberTo(t, &to.UserYob)
		case 4:
			p.textTo(t, &to.UserGender)
		default:
			p.skipIn(userShape, t, id)
		}
	}
}

func (s *session) parseFilter(p *parser) {
	s.d.request, s.d.asked, s.d.tmax, s.d.partners = feature.Absent(), asked{}, 0, s.one[:1]
	s.one[0] = ""
	asked := false
	var at place
	for t, id := p.field(&at); t != thrift.STOP; t, id = p.field(&at) {
		if id == 1 && t == thrift.STRUCT {
			asked = true
			s.parsePublished(p)
		} else {
			p.skip(t)
		}
	}
	if !asked {
		p.fail(odd)
	}
}

// parsePublished reads what published converts.
func (s *session) parsePublished(p *parser) {
	to := &s.d.request
	to.DayOfWeek, to.DeviceType, to.ImpBidfloor = 0, 0, 0 // as generated code has what is absent
	said := &to.Filter
	said.Asked = true
	var hour string
	var at place
	for t, id := p.field(&at); t != thrift.STOP; t, id = p.field(&at) {
		switch {
		case id == 1:
			p.textTo(t, &to.ID)
		case id == 2:
			said.Day = t == thrift.I32
			p.numberTo(t, &to.DayOfWeek)
		case id == 3:
			p.textTo(t, &hour)
		case id == 4:
			p.textTo(t, &to.GeoRegion)
		case id == 5:
			p.textTo(t, &to.GeoCity)
		case id == 6:
			p.textTo(t, &to.SiteDomain)
		case id == 7:
			p.textTo(t, &s.one[0])
		case id == 8 && t == thrift.I64:
			said.Price = true
			to.ImpBidfloor = float32(p.i64())
		case id == 10:
			p.textTo(t, &to.DeviceUA)
		case id == 11:
			said.Device = t == thrift.I32
			p.numberTo(t, &to.DeviceType)
		default:
			p.skip(t)
		}
	}
	to.Hour, said.Hour = feature.HourOf(hour), hour != ""
}

// answerFast answers a call that parse has read.
func (s *session) answerFast(ctx context.Context, w *wire, in incoming) error {
	now := w.read
	if s.last.After(now) { // one of a batch
		now = s.last
	}
	if in.method == reportMethod {
		s.takeReports(now) // whatever the client wrote, the contract is oneway
		return nil
	}
	if in.method == decideMethod {
		s.t.m.decide.Inc()
		s.d.request.SetTime(now) // which OpenRTB does not carry
		s.decide(ctx, true, now)
	} else {
		s.t.m.filter.Inc()
		s.decide(ctx, false, now) // this contract has no receipt, so nothing could be learnt
		s.countStrays()
	}
	if in.silent {
		return nil
	}
	w.begin()
	p := printer{out: w.out, compact: w.dialect.compact()}
	if in.method == decideMethod {
		s.printDecision(&p, in.seq)
	} else {
		s.printFilter(&p, in.seq)
	}
	w.out = p.out
	return w.end()
}

// printDecision writes the reply that decisionReply would be.
func (s *session) printDecision(p *printer, seq int32) {
	d := &s.d
	release, reason, receipt := "", string(d.degraded), []byte(nil)
	if reason == "" {
		release = d.serving.active.digest
		s.receiptOf(d, &s.reply.receipt)
		s.reply.bytes = s.t.receipts.append(s.reply.bytes[:0], &s.reply.receipt)
		receipt = s.reply.bytes
	}
	p.head(thrift.REPLY, "decide", seq)
	p.field(thrift.STRUCT, 0, 0)
	p.field(thrift.STRING, 0, 1)
	p.text(release)
	p.field(thrift.LIST, 1, 2)
	p.list(thrift.STRUCT, len(d.partners))
	if p.compact {
		p.compactPartners(d)
	} else {
		p.binaryPartners(d)
	}
	p.boolean(2, 3, d.explored)
	p.boolean(3, 4, reason != "")
	last := byte(4)
	if reason != "" {
		p.field(thrift.STRING, 4, 5)
		p.text(reason)
		last = 5
	}
	p.field(thrift.STRING, last, 6)
	p.size(len(receipt))
	p.out = append(p.out, receipt...)
	p.stop(2)
}

func (p *printer) compactPartners(d *decision) {
	scores, verdicts := d.told()
	for i, name := range d.partners {
		score, filtered := 1.0, i < len(verdicts) && verdicts[i]
		if i < len(scores) {
			score = float64(scores[i])
		}
		p.field(thrift.STRING, 0, 1)
		p.text(name)
		p.field(thrift.DOUBLE, 1, 2)
		p.double(score)
		p.boolean(2, 3, filtered)
		p.stop(1)
	}
}

// binaryPartners writes as compactPartners does. Most of a reply is made of
// PartnerDecisions, so that room for all of them is made at once, and what
// surrounds a name is written in words of eight bytes.
func (p *printer) binaryPartners(d *decision) {
	const (
		before, behind = 3 + 4, 3 + 8 + 3 + 1 + 1
		name           = uint64(thrift.STRING)<<16 | 1 // type and id of a field
		score          = uint64(thrift.DOUBLE)<<16 | 2
		filtered       = uint64(thrift.BOOL)<<16 | 3
	)
	length := (before + behind) * len(d.partners)
	for _, n := range d.partners {
		length += len(n)
	}
	start := len(p.out)
	p.out = slices.Grow(p.out, length)[:start+length]
	b := p.out[start:]
	scores, verdicts := d.told()
	for i, n := range d.partners {
		bits, last := math.Float64bits(1), filtered<<16
		if i < len(scores) {
			bits = math.Float64bits(float64(scores[i]))
		}
		if i < len(verdicts) && verdicts[i] {
			last |= 1 << 8
		}
		binary.BigEndian.PutUint64(b, name<<40|uint64(len(n))<<8) // the name begins in its last byte
		b = b[before:]
		copy(b, n)
		b = b[len(n):]
		binary.BigEndian.PutUint64(b, score<<40|bits>>24)
		binary.BigEndian.PutUint64(b[8:], bits<<40|last)
		b = b[behind:]
	}
}

// told is what the reply says of each partner, in their order. Without scores
// each of them is 1, and without verdicts nobody is filtered.
func (d *decision) told() (scores []float32, verdicts []bool) {
	switch {
	case d.degraded != "":
		return nil, nil
	case d.explored:
		return d.scores, nil
	}
	return d.scores, d.filtered
}

// printFilter writes the reply that filterReply would be.
func (s *session) printFilter(p *printer, seq int32) {
	d := &s.d
	p.head(thrift.REPLY, "filter", seq)
	p.field(thrift.STRUCT, 0, 0)
	p.field(thrift.DOUBLE, 0, 1)
	if d.degraded != "" {
		p.double(1)
		p.boolean(1, 4, true)
		p.stop(2)
		return
	}
	p.double(float64(d.scores[0]))
	p.field(thrift.STRING, 1, 2)
	p.text(d.serving.active.digest)
	p.boolean(2, 3, d.filtered[0])
	p.stop(2)
}
