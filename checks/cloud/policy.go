package cloud

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// Statement is one of a policy.
type Statement struct {
	Where      string // resource of the template and Sid
	Effect     string
	Actions    []string
	Resources  []string
	Conditions []Condition
}

// Condition is a key, an operator and the values that it takes.
type Condition struct {
	Operator, Key string
	Values        []string
}

// Role returns what a role of a stack may do.
func Role(stack map[string]Resource, name string) ([]Statement, error) {
	role, is := stack[name]
	if !is || role.Type != "AWS::IAM::Role" {
		return nil, fmt.Errorf("there is no role %s", name)
	}
	return statements(role)
}

// BucketPolicy returns what a stack's policy of a bucket says of a bucket of that
// name.
func BucketPolicy(stack map[string]Resource, policy, bucket string) ([]Statement, error) {
	of := text(stack[policy].Properties["Bucket"])
	all, err := statements(stack[policy])
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("there is no policy %s", policy)
	}
	for _, s := range all {
		for i, r := range s.Resources {
			s.Resources[i] = strings.Replace(r, of+".Arn", "arn:aws:s3:::"+bucket, 1)
		}
	}
	return all, err
}

// statements are those of a resource's policies, whether of a role, of a bucket
// or of who may take a role.
func statements(r Resource) (all []Statement, err error) {
	documents := []any{r.Properties["PolicyDocument"]}
	policies, _ := r.Properties["Policies"].([]any)
	for _, p := range policies {
		m, _ := p.(map[string]any)
		documents = append(documents, m["PolicyDocument"])
	}
	for _, d := range documents {
		m, _ := d.(map[string]any)
		list, _ := m["Statement"].([]any)
		for _, s := range list {
			one, _ := s.(map[string]any)
			made := Statement{
				Where: fmt.Sprintf("%s, %v", r.Name, one["Sid"]), Effect: fmt.Sprint(one["Effect"]),
				Actions: texts(one["Action"]), Resources: texts(one["Resource"]), Conditions: conditions(one["Condition"]),
			}
			if len(made.Actions) == 0 || len(made.Resources) == 0 {
				return nil, fmt.Errorf("%s has no actions or no resources", made.Where)
			}
			all = append(all, made)
		}
	}
	return all, nil
}

func conditions(v any) (all []Condition) {
	operators, _ := v.(map[string]any)
	for _, operator := range slices.Sorted(maps.Keys(operators)) {
		keys, _ := operators[operator].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			all = append(all, Condition{operator, key, texts(keys[key])})
		}
	}
	return all
}

// texts are one text or a list of them.
func texts(v any) (all []string) {
	switch v := v.(type) {
	case nil:
	case []any:
		for _, one := range v {
			all = append(all, fmt.Sprint(one))
		}
	default:
		all = append(all, fmt.Sprint(v))
	}
	return all
}

// Allows reports whether statements let somebody do something on a resource;
// known are the values of condition keys in that request. A key that it does
// not have fails its condition, as in AWS.
func Allows(statements []Statement, action, resource string, known map[string]string) bool {
	allowed := false
	for _, s := range statements {
		fits := slices.ContainsFunc(s.Actions, func(p string) bool { return match(strings.ToLower(p), strings.ToLower(action)) }) &&
			slices.ContainsFunc(s.Resources, func(p string) bool { return match(p, resource) }) &&
			!slices.ContainsFunc(s.Conditions, func(c Condition) bool { return !c.holds(known) })
		if fits && s.Effect == "Deny" {
			return false
		}
		allowed = allowed || fits
	}
	return allowed
}

// holds knows the operators that the templates use; by any other nothing is
// allowed.
func (c Condition) holds(known map[string]string) bool {
	v, is := known[c.Key]
	if c.Operator == "Null" {
		return slices.Equal(c.Values, []string{fmt.Sprint(!is)})
	}
	if !is {
		return false
	}
	switch c.Operator {
	case "ArnEquals", "ArnLike", "StringLike":
		return slices.ContainsFunc(c.Values, func(p string) bool { return match(p, v) })
	case "StringEquals", "Bool":
		return slices.Contains(c.Values, v)
	}
	return false
}

// match reports whether a name fits a pattern of IAM, whose stars take slashes,
// too.
func match(pattern, name string) bool {
	const slash = "\x00"
	ok, err := path.Match(strings.NewReplacer("/", slash, "[", `\[`, `\`, `\\`).Replace(pattern), strings.ReplaceAll(name, "/", slash))
	return ok && err == nil
}
