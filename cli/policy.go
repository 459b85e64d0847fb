package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

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

// policyFlag adds --policy.
func policyFlag(c *cobra.Command, to *string) {
	c.Flags().StringVar(to, "policy", "", "`file` with other settings of the judge (YAML, as under judge: in a fleet file); what it leaves out stays as it was")
}

// maxSettings bounds a file that people write.
const maxSettings = 1 << 20

// readSettings reads such a file; the error names it.
func readSettings(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, maxSettings+1))
	if err == nil && len(body) > maxSettings {
		err = fmt.Errorf("%s has more than %d bytes", file, maxSettings)
	}
	return body, err
}

// plainly reads YAML. Some files make the library panic.
func plainly(read func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("this YAML cannot be read: write it plainer, without anchors, tags and the like")
		}
	}()
	return read()
}

// readPolicy reads a file with settings of the judge; nil without a name.
func readPolicy(file string) (*otherPolicy, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // no other policy is asked for
	}
	body, err := readSettings(file)
	if err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
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
// under judge: as in a fleet file.
func decodePolicy(body []byte, over judge.Policy) (judge.Policy, error) {
	under := struct {
		Judge judge.Policy `yaml:"judge"`
	}{over}
	err := plainly(func() error {
		var top map[string]any
		if err := yaml.Unmarshal(body, &top); err != nil {
			return err
		}
		err := error(nil)
		if _, ok := top["judge"]; ok {
			err = yaml.UnmarshalWithOptions(body, &under, yaml.Strict())
		} else {
			err = yaml.UnmarshalWithOptions(body, &under.Judge, yaml.Strict())
		}
		if err != nil {
			return errors.New(yaml.FormatError(err, false, true))
		}
		return nil
	})
	if err != nil {
		return over, err
	}
	return under.Judge, nil
}

// readJudgePolicy reads a file with settings of the judge, alone or under
// judge: as in a fleet file. Without a name it is the default policy.
func readJudgePolicy(file string) (judge.Policy, error) {
	o, err := readPolicy(file)
	if o == nil || err != nil {
		return judge.Policy{}, err
	}
	return decodePolicy(o.body, judge.Policy{})
}
