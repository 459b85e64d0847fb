package inference

import "github.com/apache/thrift/lib/go/thrift"

// shape is a struct of openrtb.thrift. The hot path passes over most of a
// request, and must do so as generated code would read it: that one takes the
// elements of a list it knows to be what they should be, whatever they are.
type shape uint8

const (
	unknownShape shape = iota
	requestShape
	impShape
	bannerShape
	formatShape
	videoShape
	audioShape
	nativeShape
	pmpShape
	dealShape
	siteShape
	appShape
	publisherShape
	deviceShape
	geoShape
	userShape
	sourceShape
	regsShape
	contentShape
	doohShape
	agentShape
	brandShape
	eidShape
	uidShape
	dataShape
	segmentShape
	chainShape
	chainNodeShape
)

// field says what field id of a struct holds: a list of elem, else a struct of
// that shape, else, with neither, something simple or unknown.
func (s shape) field(id int16) (elem thrift.TType, child shape) {
	switch s { //nolint:exhaustive // deeper has the others
	case requestShape:
		return requestField(id)
	case impShape:
		return thrift.STOP, pick(id, 2, bannerShape, videoShape, audioShape, nativeShape, pmpShape)
	case bannerShape:
		switch id {
		case 1:
			return thrift.STRUCT, formatShape
		case 4, 5, 9, 10:
			return thrift.I32, unknownShape
		case 7:
			return thrift.STRING, unknownShape
		}
	case videoShape:
		switch id {
		case 1:
			return thrift.STRING, unknownShape
		case 5, 11, 12:
			return thrift.I32, unknownShape
		}
	case audioShape:
		switch id {
		case 1:
			return thrift.STRING, unknownShape
		case 4:
			return thrift.I32, unknownShape
		}
	case nativeShape:
		return only(id == 3, thrift.I32), unknownShape
	case pmpShape:
		if id == 2 {
			return thrift.STRUCT, dealShape
		}
	case dealShape:
		return only(id == 5, thrift.STRING), unknownShape
	case siteShape:
		return only(id >= 4 && id <= 6, thrift.STRING), either(pick(id, 11, publisherShape), pick(id, 14, contentShape))
	case appShape:
		return only(id >= 6 && id <= 8, thrift.STRING), either(pick(id, 12, publisherShape), pick(id, 15, contentShape))
	case publisherShape:
		return only(id == 3, thrift.STRING), unknownShape
	case deviceShape:
		return thrift.STOP, either(pick(id, 2, geoShape), pick(id, 23, agentShape))
	case sourceShape:
		return thrift.STOP, pick(id, 4, chainShape)
	case regsShape:
		return only(id == 5, thrift.I32), unknownShape
	default:
		return s.deeper(id)
	}
	return thrift.STOP, unknownShape
}

// deeper is field of the structs within those that most requests have.
func (s shape) deeper(id int16) (elem thrift.TType, child shape) {
	structs := func(at int16, of shape) (thrift.TType, shape) {
		if id == at {
			return thrift.STRUCT, of
		}
		return thrift.STOP, unknownShape
	}
	switch s { //nolint:exhaustive // field has the others
	case userShape:
		switch id {
		case 7:
			return thrift.STOP, geoShape
		case 8:
			return thrift.STRUCT, eidShape
		}
		return structs(9, dataShape)
	case eidShape:
		return structs(2, uidShape)
	case dataShape:
		return structs(3, segmentShape)
	case chainShape:
		return structs(2, chainNodeShape)
	case agentShape:
		if id == 2 {
			return thrift.STOP, brandShape
		}
		return structs(1, brandShape)
	case brandShape:
		return only(id == 2, thrift.STRING), unknownShape
	case contentShape:
		return only(id == 4, thrift.STRING), unknownShape
	case doohShape:
		return only(id == 3, thrift.STRING), pick(id, 5, publisherShape)
	}
	return thrift.STOP, unknownShape
}

func either(a, b shape) shape {
	if a != unknownShape {
		return a
	}
	return b
}

func requestField(id int16) (thrift.TType, shape) {
	switch id {
	case 2:
		return thrift.STRUCT, impShape
	case 10, 11, 13, 14, 15, 16:
		return thrift.STRING, unknownShape
	case 17, 18:
		return thrift.STOP, pick(id, 17, sourceShape, regsShape)
	case 19:
		return thrift.STOP, doohShape
	}
	return thrift.STOP, pick(id, 3, siteShape, appShape, deviceShape, userShape)
}

// pick returns the shape of those in fields from first on.
func pick(id, first int16, shapes ...shape) shape {
	if i := int(id) - int(first); i >= 0 && i < len(shapes) {
		return shapes[i]
	}
	return unknownShape
}

func only(yes bool, t thrift.TType) thrift.TType {
	if yes {
		return t
	}
	return thrift.STOP
}

// skipIn passes over field id, of type t, of a struct.
func (p *parser) skipIn(in shape, t thrift.TType, id int16) {
	elem, child := in.field(id)
	switch {
	case t == thrift.LIST && elem != thrift.STOP:
		for n := p.listOf(elem); n > 0 && p.outcome == parsed; n-- {
			p.passShape(elem, child)
		}
	case t == thrift.STRUCT && elem == thrift.STOP && child != unknownShape:
		p.passShape(t, child)
	default:
		p.skip(t)
	}
}

// passShape passes over a value of type t that, if a struct, has that shape.
func (p *parser) passShape(t thrift.TType, in shape) {
	if t != thrift.STRUCT {
		p.pass(t, 1)
		return
	}
	var at place
	for t, id := p.field(&at); t != thrift.STOP; t, id = p.field(&at) {
		p.skipIn(in, t, id)
	}
}
