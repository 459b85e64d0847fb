package model

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// readJSON reads a model in JSON. Each tree is handed on as soon as it is read,
// so that only one is held in that shape.
func readJSON(c *cursor, trees *builder) (header, error) {
	plain := &plainJSON{cursor: c}
	in := jsontext.NewDecoder(plain, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) // as encoding/json
	j := jsonReader{cursor: c, plain: plain, in: in, trees: trees}
	var d snapshotDocument
	err := j.fields("", d.keys(), false)
	if err == nil {
		err = j.end()
	}
	var refusal Refusal
	switch {
	case err == nil:
		return d.whole().header("xgboost-json", string(j.unknown))
	case c.err != nil:
		return header{}, c.err
	case errors.As(err, &refusal):
		return header{}, refusal
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return header{}, torn(c.size)
	}
	return header{}, refuse(Format, "the model is broken JSON (%v); save it again", err)
}

// jsonReader reads a document by its keys.
type jsonReader struct {
	*cursor
	plain   io.Reader
	in      *jsontext.Decoder
	trees   *builder
	unknown unknownKey
}

// value reads the value of a key to where it goes.
func (j *jsonReader) value(key string, to any) error {
	switch to := to.(type) {
	case nil:
		return j.in.SkipValue()
	case keys:
		return j.fields(key, to, false)
	case anyKeys:
		return j.fields(key, keys(to), true)
	case treeList:
		return j.list()
	case *[]string:
		return j.names(to)
	}
	return j.scalar(to)
}

// scalar reads a value that is held whole.
func (j *jsonReader) scalar(to any) error {
	value, err := j.in.ReadValue()
	if err != nil {
		return err
	}
	if list, is := to.(json.Unmarshaler); is {
		return list.UnmarshalJSON(value)
	}
	return json.Unmarshal(value, to)
}

// fields reads an object; null leaves everything as it is. Keys are matched as
// encoding/json does, whatever the case of their letters.
func (j *jsonReader) fields(object string, known keys, others bool) error {
	if null, err := j.enter('{', "an object"); err != nil || null {
		return err
	}
	for j.in.PeekKind() == '"' {
		key, err := j.in.ReadToken()
		if err != nil {
			return err
		}
		name := key.String()
		to, ok := known.of(name)
		if !ok && !others {
			j.unknown.note(object, name)
		}
		if err := j.value(name, to); err != nil {
			return err
		}
	}
	_, err := j.in.ReadToken()
	return err
}

// enter reads the beginning of an object or a list, or null.
func (j *jsonReader) enter(begin jsontext.Kind, what string) (null bool, err error) {
	start, err := j.in.ReadToken()
	switch {
	case err != nil:
		return false, err
	case start.Kind() == 'n':
		return true, nil
	case start.Kind() != begin:
		return false, fmt.Errorf("%v stands where %s should", start, what)
	}
	return false, nil
}

// of returns where the value of a key goes.
func (k keys) of(key string) (to any, known bool) {
	if to, exact := k[key]; exact {
		return to, true
	}
	for one, to := range k {
		if strings.EqualFold(one, key) {
			return to, true
		}
	}
	return nil, false
}

// items calls item for every value of a list; null is the error of what is none.
func (j *jsonReader) items(item func() error, null error) error {
	switch isNull, err := j.enter('[', "a list"); {
	case err != nil:
		return err
	case isNull:
		return null
	}
	for k := j.in.PeekKind(); k != ']' && k != 0; k = j.in.PeekKind() {
		if err := item(); err != nil {
			return err
		}
	}
	_, err := j.in.ReadToken()
	return err
}

func (j *jsonReader) names(to *[]string) error {
	*to = nil
	return j.items(func() error {
		var name string
		if err := j.scalar(&name); err != nil {
			return err
		}
		*to = append(*to, name)
		j.spend(nameBytes)
		return j.err
	}, nil)
}

func (j *jsonReader) list() error {
	err := j.items(func() error {
		j.begin()
		var t tree
		if err := j.fields("trees", t.keys(), false); err != nil {
			return fmt.Errorf("tree %d: %w", len(j.trees.roots), err)
		}
		return j.trees.add(&t)
	}, errors.New("null stands where the trees should"))
	j.begin()
	return err
}

// end refuses what follows the model.
func (j *jsonReader) end() error {
	rest := bufio.NewReader(io.MultiReader(bytes.NewReader(j.in.UnreadBuffer()), j.plain))
	for {
		r, _, err := rest.ReadRune()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case strings.TrimSpace(string(r)) != "":
			return refuse(Format, "more bytes follow the model; save it again")
		}
	}
}

// plainJSON passes a file on with words of JSON for those that XGBoost has for
// what is no number: NaN in place of thresholds of categorical splits, and
// infinities.
type plainJSON struct {
	*cursor
	quoted, escaped bool
	word            string // to be passed on before anything else
}

// Read implements io.Reader.
func (p *plainJSON) Read(to []byte) (int, error) {
	if p.word == "" && p.left() > 0 {
		n := p.plain(p.some(len(to)))
		if n > 0 {
			n = copy(to, p.take(uint64(n)))
			return n, p.err
		}
		p.word, n = p.known()
		p.skip(uint64(n))
	}
	if p.err != nil {
		return 0, p.err
	}
	if p.word == "" {
		return 0, io.EOF
	}
	n := copy(to, p.word)
	p.word = p.word[n:]
	return n, nil
}

const (
	nan      = "NaN"
	infinity = "Infinity"
	infinite = "1e999" // beyond all numbers
)

// known returns what is passed on for the next bytes, and how many those are.
func (p *plainJSON) known() (string, int) {
	ahead := string(p.head(len(infinity)))
	switch {
	case strings.HasPrefix(ahead, nan):
		return "null", len(nan)
	case ahead == infinity:
		return infinite, len(infinity)
	}
	return ahead[:min(len(ahead), 1)], min(len(ahead), 1)
}

// plain returns how many of the next bytes may pass as they are.
func (p *plainJSON) plain(b []byte) int {
	for i, c := range b {
		switch {
		case p.escaped:
			p.escaped = false
		case p.quoted && c == '\\':
			p.escaped = true
		case c == '"':
			p.quoted = !p.quoted
		case (c == nan[0] || c == infinity[0]) && !p.quoted:
			return i
		}
	}
	return len(b)
}

// flags are written as true and false up to 1.5, then as 1 and 0.
type flags []bool

// UnmarshalJSON reads an array of either spelling.
func (f *flags) UnmarshalJSON(b []byte) error {
	return unlist(b, (*[]bool)(f), func(item []byte) (bool, error) {
		switch string(item) {
		case "true", "1":
			return true, nil
		case "false", "0":
			return false, nil
		}
		return false, strconv.ErrSyntax
	})
}

// numbers are float32, with null for those that are none.
type numbers []float32

// UnmarshalJSON reads an array.
func (n *numbers) UnmarshalJSON(b []byte) error {
	return unlist(b, (*[]float32)(n), func(item []byte) (float32, error) {
		if string(item) == "null" {
			return float32(math.NaN()), nil
		}
		v, err := strconv.ParseFloat(string(item), 32)
		if strings.TrimPrefix(string(item), "-") == infinite {
			err = nil
		}
		return float32(v), err
	})
}

// integers are int32, with 0 for null as in encoding/json, which takes several
// times as long.
type integers []int32

// UnmarshalJSON reads an array.
func (n *integers) UnmarshalJSON(b []byte) error {
	return unlist(b, (*[]int32)(n), func(item []byte) (int32, error) {
		if string(item) == "null" {
			return 0, nil
		}
		v, err := strconv.ParseInt(string(item), 10, 32)
		return int32(v), err
	})
}

// unlist reads an array, which is JSON already. Null is none.
func unlist[V any](b []byte, to *[]V, read func(item []byte) (V, error)) error {
	*to = nil
	b = bytes.TrimSpace(b)
	if string(b) == "null" {
		return nil
	}
	if len(b) < 2 || b[0] != '[' {
		return refuse(Format, "%.20q stands where a list should; save the model again", b)
	}
	inner := bytes.TrimSpace(b[1 : len(b)-1])
	if len(inner) == 0 {
		return nil
	}
	list := make([]V, 0, bytes.Count(inner, []byte(","))+1)
	for item := range bytes.SplitSeq(inner, []byte(",")) {
		item = bytes.TrimSpace(item)
		v, err := read(item)
		if err != nil {
			return refuse(Format, "a list holds %.20q; save the model again", item)
		}
		list = append(list, v)
	}
	*to = list
	return nil
}
