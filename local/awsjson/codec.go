package awsjson

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
	"unicode"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
)

// maxDepth bounds nesting, so that a hostile body cannot exhaust the stack.
const maxDepth = 64

// Codec turns one service's SDK types into AWS JSON and back.
type Codec struct {
	proto  *awsjson.Protocol
	op     *smithy.OperationSchema
	lower  bool
	unions map[reflect.Type]map[string]reflect.Type
	docs   map[reflect.Type]func(any) any
}

// Union is one row of a service's union table.
type Union struct {
	iface   reflect.Type
	members map[string]reflect.Type
}

// UnionOf lists the members of the union interface U: pointers to the SDK's
// UMemberX structs. Reflection cannot find them, since nothing leads from an
// interface to the types that implement it.
func UnionOf[U any](members ...U) Union {
	u := Union{iface: reflect.TypeFor[U](), members: map[string]reflect.Type{}}
	for _, m := range members {
		t := reflect.TypeOf(m).Elem()
		wire := strings.TrimPrefix(t.Name(), u.iface.Name()+"Member")
		u.members[strings.ToLower(wire)] = t
	}
	return u
}

// Document is how a free-form JSON member of type D is made.
type Document struct {
	iface reflect.Type
	make  func(any) any
}

// DocumentOf makes members of type D with the SDK's own constructor.
func DocumentOf[D any](make func(any) D) Document {
	return Document{iface: reflect.TypeFor[D](), make: func(v any) any { return make(v) }}
}

// NewCodec needs the service's schema, whether its members start with a small
// letter on the wire (ECS) or a capital one (SageMaker), and the types that
// reflection cannot find.
func NewCodec(schema *smithy.ServiceSchema, lower bool, unions []Union, docs ...Document) *Codec {
	c := &Codec{
		proto:  awsjson.New11(schema),
		op:     anyOperation(),
		lower:  lower,
		unions: map[reflect.Type]map[string]reflect.Type{},
		docs:   map[reflect.Type]func(any) any{},
	}
	for _, u := range unions {
		c.unions[u.iface] = u.members
	}
	for _, d := range docs {
		c.docs[d.iface] = d.make
	}
	return c
}

// anyOperation is an operation with a body: the serializer only asks for that.
func anyOperation() *smithy.OperationSchema {
	shape := func(name string, t smithy.ShapeType) *smithy.Schema {
		return smithy.NewSchema(smithy.ShapeID{Namespace: "sluice.local", Name: name}, t, 0)
	}
	body := shape("Body", smithy.ShapeTypeStructure)
	return smithy.NewOperationSchema(shape("Any", smithy.ShapeTypeOperation), body, body)
}

// Marshal writes an SDK type as the SDK would send it: absent members and
// zero numbers are left out.
func (c *Codec) Marshal(v smithy.Serializable) ([]byte, error) {
	r, ok := smithyhttp.NewStackRequest().(*smithyhttp.Request)
	if !ok {
		return nil, fmt.Errorf("encode %T: the SDK's request has changed its type", v)
	}
	if err := c.proto.SerializeRequest(context.Background(), c.op, v, r); err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return io.ReadAll(r.GetStream())
}

// MarshalReply writes an SDK output as AWS answers it: required numbers and
// flags that are zero are there, as boto3 programs expect them to be.
func (c *Codec) MarshalReply(v smithy.Serializable) ([]byte, error) {
	raw, err := c.Marshal(v)
	if err != nil {
		return nil, err
	}
	tree, err := parse(raw)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	c.addZeros(tree, reflect.ValueOf(v))
	return json.Marshal(tree)
}

// addZeros walks a value beside its JSON and fills in the zero numbers and
// flags that the serializer skipped.
func (c *Codec) addZeros(tree any, v reflect.Value) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	switch v.Kind() { //nolint:exhaustive // only containers hold members
	case reflect.Struct:
		if members, ok := tree.(map[string]any); ok {
			c.addZeroMembers(members, v)
		}
	case reflect.Slice:
		items, _ := tree.([]any)
		for i := range min(len(items), v.Len()) {
			c.addZeros(items[i], v.Index(i))
		}
	case reflect.Map:
		members, _ := tree.(map[string]any)
		for _, k := range v.MapKeys() {
			c.addZeros(members[k.String()], v.MapIndex(k))
		}
	default:
	}
}

func (c *Codec) addZeroMembers(members map[string]any, v reflect.Value) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		name := c.wireName(field.Name)
		switch field.Type.Kind() { //nolint:exhaustive // the others are pointers when optional
		case reflect.Bool, reflect.Int32, reflect.Int64, reflect.Float32, reflect.Float64:
			if _, there := members[name]; !there {
				members[name] = v.Field(i).Interface()
			}
		default:
			if child, there := members[name]; there {
				c.addZeros(child, v.Field(i))
			}
		}
	}
}

func (c *Codec) wireName(goName string) string {
	if !c.lower {
		return goName
	}
	letters := []rune(goName)
	letters[0] = unicode.ToLower(letters[0])
	return string(letters)
}

func parse(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return nil, err
	}
	return tree, nil
}

// Unmarshal fills the SDK struct that v points to. A member that the SDK's
// version does not know is an error that names it: ignoring what a caller
// asked for would be worse.
func (c *Codec) Unmarshal(raw []byte, v any) error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	tree, err := parse(raw)
	if err != nil {
		return fmt.Errorf("parse JSON: %w", err)
	}
	return c.set(reflect.ValueOf(v).Elem(), tree, "", 0)
}

func (c *Codec) set(v reflect.Value, j any, path string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%s: nested deeper than %d", path, maxDepth)
	}
	if j == nil {
		return nil
	}
	switch v.Kind() { //nolint:exhaustive // scalars are set by setScalar
	case reflect.Pointer:
		target := reflect.New(v.Type().Elem())
		v.Set(target)
		return c.set(target.Elem(), j, path, depth+1)
	case reflect.Slice:
		return c.setSlice(v, j, path, depth)
	case reflect.Map:
		return c.setMap(v, j, path, depth)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return setTime(v, j, path)
		}
		return c.setStruct(v, j, path, depth)
	case reflect.Interface:
		return c.setInterface(v, j, path, depth)
	default:
		return setScalar(v, j, path)
	}
}

func setScalar(v reflect.Value, j any, path string) error {
	switch v.Kind() { //nolint:exhaustive // no other scalar occurs in SDK types
	case reflect.String:
		s, ok := j.(string)
		if !ok {
			return fmt.Errorf("%s: want a string, have %T", path, j)
		}
		v.SetString(s)
	case reflect.Bool:
		b, ok := j.(bool)
		if !ok {
			return fmt.Errorf("%s: want true or false, have %T", path, j)
		}
		v.SetBool(b)
	case reflect.Int32, reflect.Int64:
		number, _ := j.(json.Number)
		n, err := number.Int64()
		if err != nil || v.OverflowInt(n) {
			return fmt.Errorf("%s: want an integer of %d bits, have %v", path, v.Type().Bits(), j)
		}
		v.SetInt(n)
	case reflect.Float32, reflect.Float64:
		number, _ := j.(json.Number)
		f, err := number.Float64()
		if err != nil {
			return fmt.Errorf("%s: want a number, have %v", path, j)
		}
		v.SetFloat(f)
	default:
		return fmt.Errorf("%s: cannot fill a %s", path, v.Type())
	}
	return nil
}

func setTime(v reflect.Value, j any, path string) error {
	number, _ := j.(json.Number)
	seconds, err := number.Float64()
	if err != nil {
		return fmt.Errorf("%s: want seconds since 1970, have %v", path, j)
	}
	v.Set(reflect.ValueOf(time.UnixMilli(int64(seconds*1000 + 0.5)).UTC()))
	return nil
}

func (c *Codec) setSlice(v reflect.Value, j any, path string, depth int) error {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		text, _ := j.(string)
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fmt.Errorf("%s: want base64: %w", path, err)
		}
		v.SetBytes(b)
		return nil
	}
	items, ok := j.([]any)
	if !ok {
		return fmt.Errorf("%s: want a list, have %T", path, j)
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		if err := c.set(v.Index(i), item, fmt.Sprintf("%s[%d]", path, i), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (c *Codec) setMap(v reflect.Value, j any, path string, depth int) error {
	members, ok := j.(map[string]any)
	if !ok {
		return fmt.Errorf("%s: want an object, have %T", path, j)
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(members)))
	for name, member := range members {
		value := reflect.New(v.Type().Elem()).Elem()
		if err := c.set(value, member, path+"."+name, depth+1); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), value)
	}
	return nil
}

func (c *Codec) setStruct(v reflect.Value, j any, path string, depth int) error {
	members, ok := j.(map[string]any)
	if !ok {
		return fmt.Errorf("%s: want an object, have %T", path, j)
	}
	for name, member := range members {
		field := v.FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, name) })
		if !field.IsValid() || !field.CanSet() {
			return fmt.Errorf("%s.%s: no such member in this version of the SDK", path, name)
		}
		if err := c.set(field, member, path+"."+name, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (c *Codec) setInterface(v reflect.Value, j any, path string, depth int) error {
	if makeDocument, ok := c.docs[v.Type()]; ok {
		v.Set(reflect.ValueOf(makeDocument(plain(j))))
		return nil
	}
	known, ok := c.unions[v.Type()]
	if !ok {
		return fmt.Errorf("%s: the union %s is not in the table", path, v.Type())
	}
	members, ok := j.(map[string]any)
	if !ok || len(members) != 1 {
		return fmt.Errorf("%s: want an object with exactly one member", path)
	}
	for name, member := range members {
		t, ok := known[strings.ToLower(name)]
		if !ok {
			return fmt.Errorf("%s.%s: no such member of %s", path, name, v.Type().Name())
		}
		value := reflect.New(t)
		if err := c.set(value.Elem().FieldByName("Value"), member, path+"."+name, depth+1); err != nil {
			return err
		}
		v.Set(value)
	}
	return nil
}

// plain replaces json.Number, which document serializers do not know.
func plain(j any) any {
	switch t := j.(type) {
	case json.Number:
		if n, err := t.Int64(); err == nil {
			return n
		}
		f, err := t.Float64()
		if err != nil {
			return t.String()
		}
		return f
	case []any:
		for i := range t {
			t[i] = plain(t[i])
		}
	case map[string]any:
		for k := range t {
			t[k] = plain(t[k])
		}
	}
	return j
}
