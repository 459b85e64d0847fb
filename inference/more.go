package inference

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/openrtb"
	"github.com/sluicehq/sluice/inference/feature"
)

// What a contract reads of a request beyond feature.Request. The hot path only
// notes where the request is; what a release asks for is read on a second walk
// over those bytes, so that nobody pays for what no contract names.

// asked is where the request is that is being answered.
type asked struct {
	bytes     []byte // on the hot path
	compact   bool
	generated *openrtb.AuctionRequest // else; nil too for a call of filter
}

// planner is a scorer that reads more.
type planner interface{ Plan() *feature.Plan }

// ranger is a scorer that knows which numbers of a call of filter are out of
// range.
type ranger interface {
	Strays(r *feature.Request) feature.Stray
}

// countStrays counts what a call of filter said that the release which answered
// it could not make sense of.
func (s *session) countStrays() {
	d := &s.d
	if d.serving == nil || d.degraded != "" {
		return
	}
	r, ok := d.serving.active.scorer.(ranger)
	if !ok {
		return
	}
	for strays := r.Strays(&d.request); strays != 0; strays &= strays - 1 {
		s.t.m.strays[strays&-strays].Inc()
	}
}

// planOf returns what a scorer reads more; nil for nothing.
func planOf(s scorer) *feature.Plan {
	if p, ok := s.(planner); ok {
		return p.Plan()
	}
	return nil
}

// fill makes the request say what a plan asks for.
func (s *session) fill(p *feature.Plan) {
	d := &s.d
	switch {
	case p == nil || d.planned == p:
		return
	case d.asked.bytes != nil:
		s.more.Begin(p)
		read := parser{b: d.asked.bytes, compact: d.asked.compact, limit: len(d.asked.bytes), most: len(d.asked.bytes)}
		read.moreOf(&s.more, p.Root())
	case d.asked.generated != nil:
		s.more.Begin(p)
		moreOf(&s.more, p.Root(), reflect.ValueOf(d.asked.generated).Elem())
	default:
		return
	}
	d.planned, d.request.More = p, &s.more
}

// moreOf reads a struct. The message was read once, and is as it should be.
func (p *parser) moreOf(m *feature.More, n *feature.Node) {
	var at place
	for t, id := p.field(&at); t != thrift.STOP; t, id = p.field(&at) {
		if child := n.Child(id); child != nil {
			p.moreIn(m, child, t)
		} else {
			p.skip(t)
		}
	}
}

// moreIn reads a field of type t, and passes over one that should have another
// type.
func (p *parser) moreIn(m *feature.More, n *feature.Node, t thrift.TType) {
	switch {
	case n.Kind == feature.Object && t == thrift.STRUCT:
		m.Enter(n)
		p.moreOf(m, n)
		m.Leave(n)
	case n.Kind == feature.Objects && t == thrift.LIST:
		m.List(n)
		for range p.listOf(thrift.STRUCT) {
			m.Enter(n)
			p.moreOf(m, n)
			m.Leave(n)
		}
	case n.Kind == feature.Words && t == thrift.LIST:
		m.List(n)
		for range p.listOf(thrift.STRING) {
			m.Text(n, p.text())
		}
	case n.Kind == feature.Wholes && t == thrift.LIST:
		m.List(n)
		for range p.listOf(thrift.I32) {
			m.Number(n, float32(p.i32()))
		}
	case n.Kind == feature.Word && t == thrift.STRING:
		m.Text(n, p.text())
	case n.Kind == feature.WholeNumber && t == thrift.I32:
		m.Number(n, float32(p.i32()))
	case n.Kind == feature.Double && t == thrift.DOUBLE:
		m.Number(n, float32(p.double()))
	case n.Kind == feature.Bool && t == thrift.BOOL:
		m.Flag(n, p.boolean())
	default:
		p.skip(t)
	}
}

// moreOf reads a generated struct.
func moreOf(m *feature.More, n *feature.Node, from reflect.Value) {
	for i := range from.NumField() {
		child := n.Child(fieldNumber(from.Type().Field(i)))
		if child == nil || from.Field(i).IsZero() {
			continue
		}
		moreIn(m, child, from.Field(i))
	}
}

func moreIn(m *feature.More, n *feature.Node, v reflect.Value) {
	if v.Kind() == reflect.Slice {
		m.List(n)
		for i := range v.Len() {
			moreIn(m, n, v.Index(i))
		}
		return
	}
	switch v := reflect.Indirect(v); v.Kind() { //nolint:exhaustive // the generated types have no others
	case reflect.Struct:
		m.Enter(n)
		moreOf(m, n, v)
		m.Leave(n)
	case reflect.String:
		m.Text(n, v.String())
	case reflect.Bool:
		m.Flag(n, v.Bool())
	case reflect.Int32:
		m.Number(n, float32(v.Int()))
	case reflect.Float64:
		m.Number(n, float32(v.Float()))
	}
}

// fieldNumber is the field's in the IDL.
func fieldNumber(f reflect.StructField) int16 {
	_, rest, _ := strings.Cut(f.Tag.Get("thrift"), ",")
	text, _, _ := strings.Cut(rest, ",")
	id, _ := strconv.ParseInt(text, 10, 16)
	return int16(id)
}
