// Package cloud reads the templates of deploy/aws, and what the code calls of
// AWS, so that tests can hold one against the other. It asks nobody: what only
// AWS knows, such as whether a name is free, it does not check.
package cloud

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Template is a template of CloudFormation as it is written: maps, lists and
// plain values, with functions in their long form.
type Template struct {
	Parameters map[string]any
	Conditions map[string]any
	Resources  map[string]any
	Outputs    map[string]any
}

// Read reads a template.
func Read(file string) (Template, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Template{}, fmt.Errorf("read a template: %w", err)
	}
	t, err := Parse(text)
	if err != nil {
		return t, fmt.Errorf("read %s: %w", file, err)
	}
	return t, nil
}

// Parse reads the text of a template.
func Parse(text []byte) (t Template, err error) {
	f, err := parser.ParseBytes(text, 0)
	if err != nil {
		return t, err
	}
	if len(f.Docs) != 1 || f.Docs[0].Body == nil {
		return t, errors.New("it is not one document")
	}
	all, err := plain(f.Docs[0].Body)
	if err != nil {
		return t, err
	}
	top, _ := all.(map[string]any)
	part := func(name string) map[string]any {
		m, _ := top[name].(map[string]any)
		return m
	}
	t = Template{part("Parameters"), part("Conditions"), part("Resources"), part("Outputs")}
	if len(t.Resources) == 0 {
		return t, errors.New("it has no resources")
	}
	return t, nil
}

// plain makes a node of YAML what it stands for.
func plain(n ast.Node) (any, error) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return mapping(n.Values)
	case *ast.MappingValueNode:
		return mapping([]*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		list := []any{}
		for _, one := range n.Values {
			v, err := plain(one)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case *ast.TagNode:
		return function(n)
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return nil, fmt.Errorf("line %d: CloudFormation takes no aliases", n.GetToken().Position.Line)
	case *ast.NullNode:
		return nil, nil //nolint:nilnil // as it says
	case *ast.LiteralNode: // over several lines
		return n.Value.Value, nil
	case ast.ScalarNode:
		return n.GetValue(), nil
	}
	return nil, fmt.Errorf("line %d: what is a %v here?", n.GetToken().Position.Line, n.Type())
}

func mapping(values []*ast.MappingValueNode) (any, error) {
	m := map[string]any{}
	for _, v := range values {
		key := v.Key.GetToken().Value
		if _, twice := m[key]; twice {
			return nil, fmt.Errorf("line %d: %s stands twice", v.Key.GetToken().Position.Line, key)
		}
		made, err := plain(v.Value)
		if err != nil {
			return nil, err
		}
		m[key] = made
	}
	return m, nil
}

// function makes the long form of a function's short one.
func function(n *ast.TagNode) (any, error) {
	arg, err := plain(n.Value)
	if err != nil {
		return nil, err
	}
	name := strings.TrimPrefix(n.Start.Value, "!")
	switch name {
	case "Ref", "Condition":
		return map[string]any{name: arg}, nil
	case "GetAtt":
		if text, is := arg.(string); is {
			resource, attribute, _ := strings.Cut(text, ".")
			arg = []any{resource, attribute}
		}
	}
	return map[string]any{"Fn::" + name: arg}, nil
}

// World is in which a template is resolved: values of parameters and of what
// AWS itself fills in.
type World map[string]any

// resolver is a template with values for its parameters.
type resolver struct {
	t     Template
	world World
}

// Resolve returns the resources that a stack with these parameters would
// have: their types, and their properties without functions. References to
// resources are their names, attributes NAME.ATTRIBUTE; parameters without a
// value or default are errors.
func (t Template) Resolve(given World) (map[string]Resource, error) {
	world := World{
		"AWS::Region": "us-east-1", "AWS::AccountId": "000000000000", "AWS::Partition": "aws",
		"AWS::URLSuffix": "amazonaws.com", "AWS::StackName": "sluice",
	}
	for name, p := range t.Parameters {
		if v, is := p.(map[string]any)["Default"]; is {
			world[name] = v
		}
	}
	maps.Copy(world, given)
	r := resolver{t, world}
	all := map[string]Resource{}
	for name, v := range t.Resources {
		m, _ := v.(map[string]any)
		if c, is := m["Condition"].(string); is {
			holds, err := r.condition(c)
			if err != nil {
				return nil, err
			}
			if !holds {
				continue
			}
		}
		made, err := r.value(m["Properties"])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		kind, _ := m["Type"].(string)
		properties, _ := made.(map[string]any)
		all[name] = Resource{Name: name, Type: kind, Properties: properties}
	}
	return all, nil
}

// Resource is a resource of a stack.
type Resource struct {
	Name, Type string
	Properties map[string]any
}

// none stands for a property that is left out.
type none struct{}

func (r resolver) value(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if name, arg, is := call(v); is {
			made, err := r.call(name, arg)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			return made, nil
		}
		m := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			made, err := r.value(v[key])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			if made != (none{}) {
				m[key] = made
			}
		}
		return m, nil
	case []any:
		list := []any{}
		for _, one := range v {
			made, err := r.value(one)
			if err != nil {
				return nil, err
			}
			if made != (none{}) {
				list = append(list, made)
			}
		}
		return list, nil
	}
	return v, nil
}

// call reports whether a map is a function, and of what.
func call(m map[string]any) (name string, arg any, is bool) {
	if len(m) != 1 {
		return "", nil, false
	}
	for name, arg = range m {
	}
	return name, arg, name == "Ref" || strings.HasPrefix(name, "Fn::")
}

func (r resolver) call(name string, arg any) (any, error) {
	switch name {
	case "Ref":
		return r.ref(fmt.Sprint(arg))
	case "Fn::If":
		list, _ := arg.([]any)
		if len(list) != 3 {
			return nil, errors.New("want a condition and two values")
		}
		holds, err := r.condition(fmt.Sprint(list[0]))
		if err != nil {
			return nil, err
		}
		if holds {
			return r.value(list[1])
		}
		return r.value(list[2])
	case "Fn::Sub":
		return r.sub(arg)
	}
	made, err := r.value(arg)
	if err != nil {
		return nil, err
	}
	list, _ := made.([]any)
	switch name {
	case "Fn::GetAtt":
		if len(list) != 2 {
			return nil, errors.New("want a resource and an attribute")
		}
		return fmt.Sprintf("%v.%v", list[0], list[1]), r.known(fmt.Sprint(list[0]))
	case "Fn::Base64":
		return made, nil
	case "Fn::Join":
		return join(list)
	case "Fn::Select":
		return pick(list)
	case "Fn::GetAZs":
		return []any{"us-east-1a", "us-east-1b"}, nil
	case "Fn::Cidr":
		return []any{"block-0", "block-1", "block-2", "block-3"}, nil
	}
	return nil, errors.New("the checks know no such function: teach them")
}

func (r resolver) ref(name string) (any, error) {
	if name == "AWS::NoValue" {
		return none{}, nil
	}
	if v, is := r.world[name]; is {
		return v, nil
	}
	if _, is := r.t.Parameters[name]; is {
		return nil, fmt.Errorf("parameter %s has no value", name)
	}
	return name, r.known(name)
}

func (r resolver) known(name string) error {
	if _, is := r.t.Resources[name]; !is {
		return fmt.Errorf("there is no %s", name)
	}
	return nil
}

func (r resolver) sub(arg any) (any, error) {
	text, own := "", map[string]any{}
	switch arg := arg.(type) {
	case string:
		text = arg
	case []any:
		if len(arg) != 2 {
			return nil, errors.New("want a text and its values")
		}
		text, _ = arg[0].(string)
		made, err := r.value(arg[1])
		if err != nil {
			return nil, err
		}
		own, _ = made.(map[string]any)
	}
	var b strings.Builder
	for {
		before, rest, more := strings.Cut(text, "${")
		b.WriteString(before)
		if !more {
			return b.String(), nil
		}
		name, after, _ := strings.Cut(rest, "}")
		text = after
		v, is := own[name]
		if !is {
			resource, attribute, has := strings.Cut(name, ".")
			var err error
			if v, err = r.ref(resource); err != nil {
				return nil, err
			}
			if has {
				v = fmt.Sprint(v) + "." + attribute
			}
		}
		fmt.Fprint(&b, v)
	}
}

func (r resolver) condition(name string) (bool, error) {
	c, is := r.t.Conditions[name]
	if !is {
		return false, fmt.Errorf("there is no condition %s", name)
	}
	return r.holds(c)
}

func (r resolver) holds(c any) (bool, error) {
	m, _ := c.(map[string]any)
	if name, is := m["Condition"].(string); is {
		return r.condition(name)
	}
	name, arg, _ := call(m)
	list, _ := arg.([]any)
	switch {
	case name == "Fn::Equals" && len(list) == 2:
		made, err := r.value(list)
		if err != nil {
			return false, err
		}
		two, _ := made.([]any)
		return fmt.Sprint(two[0]) == fmt.Sprint(two[1]), nil
	case name == "Fn::Not" && len(list) == 1:
		holds, err := r.holds(list[0])
		return !holds, err
	case name == "Fn::And" || name == "Fn::Or":
		for _, one := range list {
			holds, err := r.holds(one)
			if err != nil || holds == (name == "Fn::Or") {
				return holds, err
			}
		}
		return name == "Fn::And", nil
	}
	return false, fmt.Errorf("the checks know no condition %v: teach them", c)
}

func join(list []any) (any, error) {
	if len(list) != 2 {
		return nil, errors.New("want what is between and a list")
	}
	parts, is := list[1].([]any)
	if !is {
		return list[1], nil
	}
	text := make([]string, len(parts))
	for i, p := range parts {
		text[i] = fmt.Sprint(p)
	}
	return strings.Join(text, fmt.Sprint(list[0])), nil
}

func pick(list []any) (any, error) {
	if len(list) != 2 {
		return nil, errors.New("want a number and a list")
	}
	i, err := strconv.Atoi(fmt.Sprint(list[0]))
	from, _ := list[1].([]any)
	if err != nil || i < 0 || i >= len(from) {
		return nil, fmt.Errorf("there is no item %v of %d", list[0], len(from))
	}
	return from[i], nil
}
