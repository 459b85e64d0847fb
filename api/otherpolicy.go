package api

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/sluicehq/sluice/controller/history"
	"github.com/sluicehq/sluice/controller/judge"
)

// otherPolicy is a file with settings of the judge, to be tried on what was
// recorded under others.
type otherPolicy struct {
	file string
	body []byte
	kept []string // settings in it that cannot be tried
}

// maxPolicy bounds a file with a policy.
const maxPolicy = 1 << 20

// readPolicy reads a file with settings of the judge; nil without a name.
func readPolicy(file string) (*otherPolicy, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // no other policy is asked for
	}
	body, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	if len(body) > maxPolicy {
		return nil, fmt.Errorf("the policy %s has more than %d bytes", file, maxPolicy)
	}
	p, err := decodePolicy(body, judge.Policy{})
	if err == nil {
		err = p.Check()
	}
	if err != nil {
		return nil, fmt.Errorf("read the policy %s: %w", file, err)
	}
	return &otherPolicy{file: file, body: body}, nil
}

// policy is nil where there is no other one.
func (o *otherPolicy) policy() history.Policy {
	if o == nil {
		return nil
	}
	return func(recorded judge.Policy) judge.Policy {
		p, err := decodePolicy(o.body, recorded)
		if err != nil {
			return recorded // it was read once without an error
		}
		p, kept := history.Fixed(recorded, p)
		for _, name := range kept {
			if !slices.Contains(o.kept, name) {
				o.kept = append(o.kept, name)
			}
		}
		return p
	}
}

// decodePolicy lays the settings of a file over a policy. They stand alone, or
// under judge: as in a fleet file. Some files make the library panic.
func decodePolicy(body []byte, over judge.Policy) (p judge.Policy, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("this YAML cannot be read: write it plainer, without anchors, tags and the like")
		}
	}()
	var top map[string]any
	if err := yaml.Unmarshal(body, &top); err != nil {
		return over, err
	}
	under := struct {
		Judge judge.Policy `yaml:"judge"`
	}{over}
	if _, ok := top["judge"]; ok {
		err = yaml.UnmarshalWithOptions(body, &under, yaml.Strict())
	} else {
		err = yaml.UnmarshalWithOptions(body, &under.Judge, yaml.Strict())
	}
	if err != nil {
		return over, errors.New(yaml.FormatError(err, false, true))
	}
	return under.Judge, nil
}

// ReadJudgePolicy reads a file with settings of the judge, alone or under
// judge: as in a fleet file. Without a name it is the default policy.
func ReadJudgePolicy(file string) (judge.Policy, error) {
	o, err := readPolicy(file)
	if o == nil || err != nil {
		return judge.Policy{}, err
	}
	return decodePolicy(o.body, judge.Policy{})
}
