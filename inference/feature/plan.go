package feature

import (
	"slices"
	"strings"
)

// Plan is what one contract reads of a request beyond Request. It never
// changes after Compile.
type Plan struct {
	root    Node
	numbers []float32 // what each number is before anything is read
	texts   int
}

// Node is an attribute of a Plan, and what is read within it.
type Node struct {
	Field int16 // its number in its struct of openrtb.thrift
	Kind  AttributeKind
	Nodes []Node

	name  string
	inExt bool
	sinks []sink
}

// Child returns the node of a field; nil where nothing is read of it.
func (n *Node) Child(field int16) *Node {
	for i := range n.Nodes {
		if n.Nodes[i].Field == field {
			return &n.Nodes[i]
		}
	}
	return nil
}

// Root is the request itself.
func (p *Plan) Root() *Node { return &p.root }

// sink is one thing that is made of an attribute.
type sink struct {
	op operation
	at int // in the numbers or texts of a More
}

// operation says what becomes of the values of an attribute, of which a list
// around it may give many.
type operation uint8

const (
	firstOf    operation = iota // the first value: a number or a text
	mostOf                      // the largest number
	leastOf                     // the smallest
	anyOf                       // 1 where one flag is true, 0 where all that are there are false
	countOf                     // of values or objects; missing where there is not even an empty list
	isThere                     // 1 for an object, or a text that is not empty, else 0
	isOne                       // isThere, but for an identifier of zeros, as devices send where tracking is refused
	brandOf                     // the browser that most tells about itself
	floorOf                     // of one impression
	currencyOf                  // of that
	floorsOf                    // of all impressions, by currency
)

// texts reports whether an operation makes a text of an attribute of that kind.
func (o operation) texts(kind AttributeKind) bool {
	return o == brandOf || o == firstOf && (kind == Word || kind == Words)
}

// add makes room for what an attribute says, once for all features that read
// it.
func (p *Plan) add(path string, op operation) int {
	n := &p.root
	all := Attributes()
	for end := range len(path) + 1 {
		if end < len(path) && path[end] != '.' {
			continue
		}
		i := slices.IndexFunc(all, func(a Attribute) bool { return a.Path == path[:end] })
		n = n.grow(&all[i])
	}
	for _, s := range n.sinks {
		if s.op == op {
			return s.at
		}
	}
	s := sink{op: op}
	switch op { //nolint:exhaustive // the others begin as missing
	case isThere, isOne:
		s.at = len(p.numbers)
		p.numbers = append(p.numbers, 0)
	case floorOf, currencyOf, floorsOf:
	default:
		if op.texts(n.Kind) {
			s.at = p.texts
			p.texts++
			break
		}
		s.at = len(p.numbers)
		p.numbers = append(p.numbers, nan())
	}
	n.sinks = append(n.sinks, s)
	return s.at
}

func (n *Node) grow(a *Attribute) *Node {
	field := a.Fields[len(a.Fields)-1]
	if child := n.Child(field); child != nil {
		return child
	}
	n.Nodes = append(n.Nodes, Node{Field: field, Kind: a.Kind, name: a.Name(), inExt: a.InExt})
	return &n.Nodes[len(n.Nodes)-1]
}

// More is what one request says beyond Request, by one Plan. It is used again
// for the next request. Texts may alias what they were read from.
type More struct {
	numbers []float32
	texts   []string

	floor    float32 // of the impression being read
	currency string
	imps     int
	floors   [maxCurrencies]floors
	known    int  // of floors
	many     bool // more currencies than that

	host [maxHost]byte // the page's, in lower case
	size [16]byte      // of the first impression, as a text
}

// floors are the floors of a request's impressions in one currency.
type floors struct {
	currency string
	first    float32 // of the first impression; else NaN
	low      float32
	high     float32
}

const (
	maxCurrencies = 4   // of the floors of one request; with more of them, none is known
	maxHost       = 253 // bytes of a name in the DNS
)

// Begin forgets the request before.
func (m *More) Begin(p *Plan) {
	m.numbers = append(m.numbers[:0], p.numbers...)
	m.texts = slices.Grow(m.texts[:0], p.texts)[:p.texts]
	clear(m.texts)
	m.imps, m.known, m.many = 0, 0, false
	m.floor, m.currency = nan(), ""
}

// Forget lets go of what the texts may alias.
func (m *More) Forget() {
	clear(m.texts)
	m.currency, m.floors = "", [maxCurrencies]floors{}
}

// List notes that a list is there, even if nothing is in it.
func (m *More) List(n *Node) {
	for _, s := range n.sinks {
		if s.op == countOf && absent(m.numbers[s.at]) {
			m.numbers[s.at] = 0
		}
	}
}

// Enter begins an object, alone or of a list; Leave ends it.
func (m *More) Enter(n *Node) {
	for _, s := range n.sinks {
		switch s.op { //nolint:exhaustive // the others read values
		case isThere:
			m.numbers[s.at] = 1
		case countOf:
			m.count(s.at)
		case floorsOf:
			m.floor, m.currency = nan(), ""
		}
	}
}

// Leave ends what Enter began.
func (m *More) Leave(n *Node) {
	for _, s := range n.sinks {
		if s.op == floorsOf {
			m.price()
		}
	}
}

// Text takes the value of a text, or of a list of them.
func (m *More) Text(n *Node, v string) {
	for _, s := range n.sinks {
		switch s.op { //nolint:exhaustive // the others are of numbers or objects
		case firstOf:
			if m.texts[s.at] == "" {
				m.texts[s.at] = v
			}
		case isThere:
			if v != "" {
				m.numbers[s.at] = 1
			}
		case isOne:
			if identifies(v) {
				m.numbers[s.at] = 1
			}
		case countOf:
			m.count(s.at)
		case currencyOf:
			m.currency = v
		case brandOf:
			m.texts[s.at] = clearer(m.texts[s.at], brand(v))
		}
	}
}

// Number takes the value of a number or flag, or of a list of them. What is
// not finite says nothing.
func (m *More) Number(n *Node, v float32) {
	if !finite(v) {
		return
	}
	for _, s := range n.sinks {
		if s.op == floorOf {
			m.floor = v
			continue
		}
		to := &m.numbers[s.at]
		switch s.op { //nolint:exhaustive // the others are of texts or objects
		case firstOf:
			if absent(*to) {
				*to = v
			}
		case mostOf, anyOf:
			if absent(*to) || v > *to {
				*to = v
			}
		case leastOf:
			if absent(*to) || v < *to {
				*to = v
			}
		case countOf:
			m.count(s.at)
		}
	}
}

func (m *More) count(at int) {
	if absent(m.numbers[at]) {
		m.numbers[at] = 0
	}
	m.numbers[at]++
}

// price adds the floor of an impression to those of its currency.
func (m *More) price() {
	m.imps++
	if absent(m.floor) {
		return
	}
	if m.currency == "" {
		m.currency = openRTBCurrency
	}
	at := 0
	for at < m.known && m.floors[at].currency != m.currency {
		at++
	}
	if at == maxCurrencies {
		m.many = true
		return
	}
	if at == m.known {
		m.known++
		m.floors[at] = floors{currency: m.currency, first: nan(), low: m.floor, high: m.floor}
	}
	f := &m.floors[at]
	f.low, f.high = min(f.low, m.floor), max(f.high, m.floor)
	if m.imps == 1 {
		f.first = m.floor
	}
}

// openRTBCurrency is that of a floor which names none.
const openRTBCurrency = "USD"

// identifies is false for what is no identifier: nothing, or zeros.
func identifies(v string) bool {
	for i := range len(v) {
		if v[i] != '0' && v[i] != '-' {
			return true
		}
	}
	return false
}

// ReadJSON reads what the plan asks for in a request that is valid JSON.
func (p *Plan) ReadJSON(m *More, request []byte) {
	m.Begin(p)
	m.objectJSON(&p.root, request)
}

// objectJSON reads an object. Of an attribute that is given twice, the last one
// counts, whole.
func (m *More) objectJSON(n *Node, doc []byte) {
	last := make([][]byte, len(n.Nodes))
	var ext []byte
	for name, value := range Members(doc) {
		if name == "ext" {
			ext = value
		}
		if i := n.named(name); i >= 0 {
			last[i] = value
		}
	}
	for i := range n.Nodes {
		child := &n.Nodes[i]
		if last[i] != nil && m.valueJSON(child, last[i]) || !child.inExt || len(ext) == 0 || ext[0] != '{' {
			continue
		}
		if value := memberExactly(ext, child.name); value != nil {
			m.valueJSON(child, value)
		}
	}
}

// named finds a name as encoding/json does, whatever the case of its letters.
func (n *Node) named(name string) int {
	return slices.IndexFunc(n.Nodes, func(c Node) bool { return strings.EqualFold(c.name, name) })
}

// valueJSON reads a value, and is false where it is of another kind.
func (m *More) valueJSON(n *Node, value []byte) bool {
	switch n.Kind {
	case Object:
		for v := range objectsIn(value) {
			m.Enter(n)
			m.objectJSON(n, v)
			m.Leave(n)
			return true
		}
		return false
	case Objects:
		if value[0] != '{' && value[0] != '[' {
			return false
		}
		m.List(n)
		for v := range objectsIn(value) {
			m.Enter(n)
			m.objectJSON(n, v)
			m.Leave(n)
		}
		return true
	case Words, Wholes:
		return m.listJSON(n, value)
	case Word, WholeNumber, Double, Bool:
	}
	return m.scalarJSON(n, value)
}

func (m *More) listJSON(n *Node, value []byte) bool {
	if value[0] != '[' {
		return m.scalarJSON(n, value)
	}
	m.List(n)
	for e := range Elements(value) {
		m.scalarJSON(n, e)
	}
	return true
}

func (m *More) scalarJSON(n *Node, value []byte) bool {
	switch n.Kind { //nolint:exhaustive // the others are no scalars
	case Word, Words:
		v, ok := Text(value)
		if ok {
			m.Text(n, v)
		}
		return ok
	case WholeNumber, Wholes:
		v, ok := Whole(value)
		if ok {
			m.Number(n, float32(v))
		}
		return ok
	case Double:
		v, ok := Amount(value)
		if ok {
			m.Number(n, float32(v))
		}
		return ok
	}
	v, ok := Flag(value)
	if ok {
		m.Flag(n, v)
	}
	return ok
}

// Flag takes the value of a flag.
func (m *More) Flag(n *Node, v bool) {
	if v {
		m.Number(n, 1)
	} else {
		m.Number(n, 0)
	}
}
