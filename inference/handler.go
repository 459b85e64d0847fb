package inference

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/idl/gen/openrtb"
	"github.com/sluicehq/sluice/inference/feature"
)

// The generated types of the data port stop in this file. The calls are taken
// apart here, and not by the generated processor, because that one starts a
// goroutine and a ticker per request and sends error texts to clients.

// message is anything that Thrift generates for arguments and results.
type message interface {
	Read(ctx context.Context, in thrift.TProtocol) error
	Write(ctx context.Context, out thrift.TProtocol) error
}

// replies is what an answer is built in, used again for the next one.
type replies struct {
	decision adfilter.Decision
	partners []adfilter.PartnerDecision
	pointers []*adfilter.PartnerDecision
	receipt  receipt
	bytes    []byte
}

func (r *replies) forget() {
	r.decision = adfilter.Decision{}
	if cap(r.partners) > MaxPartnersPerRequest {
		r.partners, r.pointers = nil, nil
	}
	clear(r.partners)
}

// serveData answers the connection behind w until it ends.
func (t *Task) serveData(ctx context.Context, w *wire) {
	dialect, err := w.recognise()
	t.m.connections.WithLabelValues(string(dialect)).Inc()
	if err != nil {
		if w.lastCall.Load() == 0 && isTimeout(err) {
			t.m.closed.WithLabelValues(w.why(err)).Inc()
		}
		t.m.hit(w.limitOf(err))
		return
	}
	s := &session{t: t, w: w, id: mix(t.lastConnection.Add(1), t.salt)}
	defer s.leave()
	now := time.Now()
	end := t.endOfConnection(now, s.id)
	for err == nil {
		if err = w.next(); err == nil {
			now, err = s.call(ctx, w)
		}
		if err == nil && (w.lastReply() || w.isOld(now, end)) {
			s.ended, err = true, io.EOF
		}
	}
	s.ended = s.ended || w.lastCall.Load() != 0
	if errors.Is(err, errTooLong) && !s.refused {
		s.refuseFrame(ctx)
	}
	why := w.why(err)
	t.m.health.ended(w, why)
	t.m.closed.WithLabelValues(why).Inc()
	t.m.hit(w.limitOf(err))
}

// leave ends the connection. Somebody who was told why, or has answers under
// way, gets to read them.
func (s *session) leave() {
	s.w.finish()
	switch {
	case s.refused:
		s.w.linger(s.w.limits.read)
	case s.ended:
		s.w.linger(min(farewell, s.w.limits.read))
	}
}

// refuseFrame tells a client whose frame is longer than the limit so, by the
// name of its call, where the frame begins with one.
func (s *session) refuseFrame(ctx context.Context) {
	h, ok := s.w.frameHead()
	if !ok {
		return
	}
	_, out := s.w.protocols()
	c := call{name: h.name, seq: h.seq, silent: h.kind == thrift.ONEWAY, out: out, s: s}
	c.unreadable(ctx, errTooLong)
}

// endOfConnection is when a connection is old, zero for never. Connections that
// came at once, as after a deployment, must not all go at once.
func (t *Task) endOfConnection(now time.Time, id uint64) time.Time {
	if t.o.ConnectionAge == 0 {
		return time.Time{}
	}
	jitter := float64(id>>11) / (1 << 53) // in [0, 1)
	return now.Add(time.Duration(float64(t.o.ConnectionAge) * (0.75 + jitter/2)))
}

// isOld reports whether the connection is to end for its age: between requests,
// and where there is never such a moment, in the middle of a pipe.
func (w *wire) isOld(now, end time.Time) bool {
	return !end.IsZero() && now.After(end) && w.buffered() == 0 && (now.After(end.Add(pipeTime)) || !w.pending())
}

// why says in one word what ended a connection.
func (w *wire) why(err error) string {
	var protocol thrift.TProtocolException
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "torn"
	case errors.Is(err, io.EOF):
		return "done"
	case isTimeout(err) && !w.inMessage:
		return "idle"
	case isTimeout(err):
		return "late"
	case w.limitOf(err) != "":
		return "limit"
	case errors.Is(err, errLeftOver), errors.Is(err, errCutShort), errors.As(err, &protocol):
		return "malformed"
	}
	return "lost"
}

// limitOf is the limit that a connection hit, by the name of its flag; "" for
// none.
func (w *wire) limitOf(err error) string {
	var protocol thrift.TProtocolException
	switch {
	case isTimeout(err) && w.broken != nil:
		return "write_timeout"
	case isTimeout(err) && w.inMessage:
		return "read_timeout"
	case isTimeout(err):
		return "idle_timeout"
	case errors.Is(err, errTooMany):
		return "max_elements"
	case errors.Is(err, errTooLong), errors.As(err, &protocol) && protocol.TypeId() == thrift.SIZE_LIMIT:
		return "max_message"
	}
	return ""
}

// errMalformed ends a connection whose next message could not be found.
var errMalformed = thrift.NewTProtocolExceptionWithType(thrift.INVALID_DATA, errors.New("malformed call"))

// fastTries is how often the hot path looks at a message without a frame, while
// more of it comes. A client that sends byte by byte must not have all of it
// parsed again for each.
const fastTries = 6

// call reads one message and answers it. It returns when it was done.
func (s *session) call(ctx context.Context, w *wire) (time.Time, error) {
	for range s.t.fastTries {
		b := w.message()
		in, n, o := s.parse(b, w.dialect, w.limits)
		whole := w.dialect.framed() || len(b) == w.left // or as much as a message may have
		switch {
		case o == parsed && (n == len(b) || !w.dialect.framed()):
			err := s.answerFast(ctx, w, in)
			w.took(n)
			s.last = time.Now()
			s.afterReply(ctx, s.last)
			return s.last, err
		case o != unfinished || whole || w.more() != nil: // which will fail again, but what came may be wrong
			return s.callGenerated(ctx, w)
		}
	}
	return s.callGenerated(ctx, w)
}

// callGenerated is call for what is not on the hot path.
func (s *session) callGenerated(ctx context.Context, w *wire) (time.Time, error) {
	s.forget()
	if s.in == nil {
		s.in, s.out = w.protocols()
	}
	err := s.dispatch(ctx, s.in, s.out)
	s.last = time.Now()
	s.afterReply(ctx, s.last)
	return s.last, err
}

func (s *session) dispatch(ctx context.Context, in, out thrift.TProtocol) error {
	name, kind, seq, err := in.ReadMessageBegin(ctx)
	if err != nil {
		return err
	}
	if kind != thrift.CALL && kind != thrift.ONEWAY {
		return errMalformed
	}
	c := call{name: name, seq: seq, silent: kind == thrift.ONEWAY, in: in, out: out, s: s}
	switch name {
	case "decide":
		return s.handleDecide(ctx, &c)
	case "filter":
		return s.handleFilter(ctx, &c)
	case "report":
		return s.handleReport(ctx, &c)
	}
	return s.handleUnknown(ctx, &c)
}

// call is a message whose arguments are still to be read.
type call struct {
	name    string
	seq     int32
	silent  bool // wants no reply
	in, out thrift.TProtocol
	s       *session
}

// args reads the arguments. A client that sent nonsense is told so, in words
// of ours, and the connection ends.
func (c *call) args(ctx context.Context, into message) error {
	if err := into.Read(ctx, c.in); err != nil {
		c.unreadable(ctx, err)
		return err
	}
	return c.in.ReadMessageEnd(ctx)
}

// unreadable tells the client what is wrong with its call, unless the
// connection itself broke.
func (c *call) unreadable(ctx context.Context, err error) {
	text, o := "malformed arguments", c.s.t.o
	switch limit := c.s.w.limitOf(err); {
	case limit == "max_message":
		text = fmt.Sprintf("the message is longer than this task's limit of %d bytes (max-message)", o.MaxMessageBytes)
	case limit == "max_elements":
		text = fmt.Sprintf("the message has more elements than this task's limit of %d (max-elements)", o.MaxElements)
	case limit != "", errors.As(err, new(thrift.TTransportException)), errors.Is(err, io.ErrUnexpectedEOF):
		return
	}
	c.s.refused = true
	_ = c.refuse(ctx, thrift.PROTOCOL_ERROR, text) // the connection ends either way
}

func (c *call) answer(ctx context.Context, kind thrift.TMessageType, result interface {
	Write(ctx context.Context, out thrift.TProtocol) error
},
) error {
	if c.silent {
		return nil
	}
	if err := c.out.WriteMessageBegin(ctx, c.name, kind, c.seq); err != nil {
		return err
	}
	if err := result.Write(ctx, c.out); err != nil {
		return err
	}
	if err := c.out.WriteMessageEnd(ctx); err != nil {
		return err
	}
	return c.out.Flush(ctx)
}

func (c *call) refuse(ctx context.Context, kind int32, text string) error {
	return c.answer(ctx, thrift.EXCEPTION, thrift.NewTApplicationException(kind, text))
}

func (s *session) handleUnknown(ctx context.Context, c *call) error {
	s.t.m.requests.WithLabelValues("unknown").Inc()
	s.t.m.health.failed.Add(1)
	c.name = c.name[:min(len(c.name), 64)]
	if err := c.in.Skip(ctx, thrift.STRUCT); err != nil {
		c.unreadable(ctx, err)
		return err
	}
	return c.refuse(ctx, thrift.UNKNOWN_METHOD, "unknown method")
}

func (s *session) handleDecide(ctx context.Context, c *call) error {
	var args adfilter.AdFilterDecideArgs
	if err := c.args(ctx, &args); err != nil {
		return err
	}
	s.t.m.decide.Inc()
	s.d.partners = args.Partners
	if args.Request == nil {
		s.refuseRequest()
	} else {
		now := time.Now()
		openRTB(args.Request, &s.d.request)
		s.d.asked = asked{generated: args.Request}
		s.d.request.SetTime(now) // which OpenRTB does not carry
		s.d.tmax = args.Request.GetTmax()
		s.decide(ctx, true, now)
	}
	return c.answer(ctx, thrift.REPLY, &adfilter.AdFilterDecideResult{Success: s.decisionReply()})
}

func (s *session) handleFilter(ctx context.Context, c *call) error {
	var args adfilter.BidRequestFilterFilterArgs
	if err := c.args(ctx, &args); err != nil {
		return err
	}
	s.t.m.filter.Inc()
	if args.Request == nil {
		s.refuseRequest()
	} else {
		published(args.Request, fieldsOf(c.in), &s.d.request)
		s.d.asked = asked{}
		s.d.partners = append(s.one[:0], args.Request.AdvertiserId)
		s.decide(ctx, false, time.Now()) // this contract has no receipt, so nothing could be learnt
		s.countStrays()
	}
	return c.answer(ctx, thrift.REPLY, &adfilter.BidRequestFilterFilterResult{Success: s.filterReply()})
}

func (s *session) handleReport(ctx context.Context, c *call) error {
	var args adfilter.AdFilterReportArgs
	c.silent = true // whatever the client wrote, the contract is oneway
	if err := c.args(ctx, &args); err != nil {
		return err
	}
	s.t.m.report.Inc()
	now := time.Now()
	for _, o := range args.Outcomes {
		s.outcome(outcomeOf(o), now)
	}
	return nil
}

// outcomeOf converts what is reported of one auction.
func outcomeOf(from *adfilter.Outcome) reported {
	o := reported{receipt: from.Receipt, bidders: from.Bidders}
	for _, p := range from.Prices {
		o.prices = append(o.prices, priceOf(p))
	}
	if from.Win != nil {
		o.winner, o.cleared = from.Win.Partner, priceOf(from.Win.Cleared)
	}
	return o
}

func priceOf(from *adfilter.Price) price {
	if from == nil {
		return price{}
	}
	return price{amount: from.GetPrice(), currency: from.GetCur(), said: from.IsSetPrice()}
}

// refuseRequest forwards a call that holds no request.
func (s *session) refuseRequest() {
	s.d.reset(time.Now())
	s.d.degraded = BadRequest
	s.count()
}

// decisionReply says what s.d came to. A degraded one forwards every partner.
func (s *session) decisionReply() *adfilter.Decision {
	d, r := &s.d, &s.reply
	r.partners, r.pointers = r.partners[:0], r.pointers[:0]
	for i, p := range d.partners {
		one := adfilter.PartnerDecision{Partner: p, Score: 1}
		if d.degraded == "" {
			one.Score, one.Filtered = float64(d.scores[i]), d.filtered[i] && !d.explored
		}
		r.partners = append(r.partners, one)
	}
	for i := range r.partners {
		r.pointers = append(r.pointers, &r.partners[i])
	}
	r.decision = adfilter.Decision{Partners: r.pointers, Explored: d.explored, Degraded: d.degraded != "", Receipt: []byte{}}
	if d.degraded != "" {
		reason := string(d.degraded)
		r.decision.Reason = &reason
		return &r.decision
	}
	r.decision.Release = d.serving.active.digest
	s.receiptOf(d, &r.receipt)
	r.bytes = s.t.receipts.append(r.bytes[:0], &r.receipt)
	r.decision.Receipt = r.bytes
	return &r.decision
}

func (s *session) filterReply() *adfilter.BidResponse {
	d := &s.d
	if d.degraded != "" {
		yes := true
		return &adfilter.BidResponse{LikelihoodToBid: 1, Degraded: &yes}
	}
	return &adfilter.BidResponse{
		LikelihoodToBid: float64(d.scores[0]), Release: &d.serving.active.digest, Filtered: &d.filtered[0],
	}
}

// published converts a request of the published contract, of which those fields
// were said.
func published(from *adfilter.BidRequest, said fieldSet, to *feature.Request) {
	*to = feature.Absent()
	to.ID = from.BidId
	to.DayOfWeek = float32(from.DayOfWeek)
	to.Hour = feature.HourOf(from.Hour)
	to.GeoRegion, to.GeoCity, to.SiteDomain = from.RegionId, from.CityId, from.DomainId
	to.ImpBidfloor = float32(from.BiddingPrice)
	to.DeviceUA, to.DeviceType = from.UserAgent, float32(from.DeviceTypeId)
	to.Filter = feature.FilterCall{Asked: true, Day: said.has(2), Hour: from.Hour != "", Price: said.has(8), Device: said.has(11)}
}

// fieldSet are numbers of fields below 64.
type fieldSet uint64

func (s fieldSet) has(id int) bool { return s&(1<<id) != 0 }

// fieldsOf returns the fields of the request that was read last: the generated type
// has 0 for a number that is not there.
func fieldsOf(in thrift.TProtocol) fieldSet {
	if c, ok := in.(*counted); ok {
		return c.said
	}
	return 0
}

// openRTB converts what a model can read of an OpenRTB request, by the same
// rules as feature.ParseJSON.
func openRTB(from *openrtb.AuctionRequest, to *feature.Request) {
	*to = feature.Absent()
	to.ID, to.At = from.GetID(), number(from.At)
	if from.Imp != nil {
		to.ImpCount = float32(len(from.Imp))
	}
	if len(from.Imp) > 0 && from.Imp[0] != nil {
		impression(from.Imp[0], to)
	}
	if s := from.Site; s != nil {
		to.SiteID, to.SiteDomain, to.SiteCat = s.GetID(), s.GetDomain(), first(s.Cat)
		if s.Publisher != nil {
			to.PublisherID = s.Publisher.GetID()
		}
	}
	if a := from.App; a != nil {
		to.AppID, to.AppBundle = a.GetID(), a.GetBundle()
		to.SiteCat = orElse(to.SiteCat, first(a.Cat))
		if a.Publisher != nil {
			to.PublisherID = orElse(to.PublisherID, a.Publisher.GetID())
		}
	}
	if d := from.Device; d != nil {
		device(d, to)
	}
	if u := from.User; u != nil {
		to.UserID, to.UserYob, to.UserGender = u.GetID(), number(u.Yob), u.GetGender()
	}
}

func impression(from *openrtb.Imp, to *feature.Request) {
	to.ImpTagID = from.GetTagid()
	to.ImpInstl, to.ImpSecure, to.ImpRwdd = indicator(from.Instl), indicator(from.Secure), indicator(from.Rwdd)
	if from.Bidfloor != nil {
		to.ImpBidfloor = float32(*from.Bidfloor)
	}
	switch {
	case from.Banner != nil:
		b := from.Banner
		to.Format, to.Pos = "banner", number(b.Pos)
		w, h := b.W, b.H
		if w == nil && h == nil && len(b.Format) > 0 && b.Format[0] != nil {
			w, h = b.Format[0].W, b.Format[0].H
		}
		to.Width, to.Height = number(w), number(h)
	case from.Video != nil:
		v := from.Video
		to.Format, to.Pos, to.Width, to.Height = "video", number(v.Pos), number(v.W), number(v.H)
	case from.Native_ != nil:
		to.Format = "native"
	case from.Audio != nil:
		to.Format = "audio"
	}
}

func device(from *openrtb.Device, to *feature.Request) {
	to.DeviceUA, to.DeviceMake, to.DeviceModel = from.GetUa(), from.GetMake(), from.GetModel()
	to.DeviceOS, to.DeviceOSV = from.GetOs(), from.GetOsv()
	to.DeviceLanguage, to.DeviceCarrier = from.GetLanguage(), from.GetCarrier()
	to.DeviceType, to.ConnectionType, to.DeviceLmt = number(from.Devicetype), number(from.Connectiontype), indicator(from.Lmt)
	if g := from.Geo; g != nil {
		to.GeoCountry, to.GeoRegion, to.GeoCity = g.GetCountry(), g.GetRegion(), g.GetCity()
	}
}

// number is missing (NaN) where the exchange left it out.
func number(v *int32) float32 {
	if v == nil {
		return float32(math.NaN())
	}
	return float32(*v)
}

func indicator(v *bool) float32 {
	switch {
	case v == nil:
		return float32(math.NaN())
	case *v:
		return 1
	}
	return 0
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func orElse(v, other string) string {
	if v == "" {
		return other
	}
	return v
}
