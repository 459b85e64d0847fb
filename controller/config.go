package controller

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/sluicehq/sluice/controller/admit"
	"github.com/sluicehq/sluice/controller/rollout"
)

// Fleet is what a fleet file declares: one ECS service of inference tasks, the
// training jobs whose models it serves, and how careful to be.
type Fleet struct {
	Name string   `yaml:"fleet"`
	Jobs []string `yaml:"jobs"` // training job names, as in path.Match
	ECS  ECS      `yaml:"ecs"`

	JobsEvery time.Duration `yaml:"jobs_every"` // pace of looking for training jobs, default 15s
	LookEvery time.Duration `yaml:"look_every"` // pace of the loop, default 5s

	Admission admit.Policy     `yaml:"admission"`
	Policies  rollout.Policies `yaml:",inline"` // "policy", and "policies" for jobs that want another
}

// ECS names a fleet's service.
type ECS struct {
	Cluster     string `yaml:"cluster"`
	Service     string `yaml:"service"`
	ControlPort int    `yaml:"control_port"` // container port, default 9091
}

// maxFleetFile bounds a fleet file.
const maxFleetFile = 1 << 20

// ReadFleets reads every *.yaml file of a folder, or the one file named.
func ReadFleets(path string) ([]Fleet, error) {
	files := []string{path}
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("read the fleet file: %w; name a file or folder with --fleets", err)
	} else if info.IsDir() {
		files, _ = filepath.Glob(filepath.Join(path, "*.yaml")) // the pattern is fine
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no *.yaml file: write one per fleet, or name another folder with --fleets", path)
	}
	var fleets []Fleet
	for _, file := range files {
		f, err := readFleet(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if slices.ContainsFunc(fleets, func(o Fleet) bool { return o.Name == f.Name }) {
			return nil, fmt.Errorf("%s: fleet %q is declared twice", file, f.Name)
		}
		fleets = append(fleets, f)
	}
	return fleets, nil
}

func readFleet(file string) (Fleet, error) {
	info, err := os.Stat(file)
	if err != nil {
		return Fleet{}, err
	}
	if info.Size() > maxFleetFile {
		return Fleet{}, fmt.Errorf("the file has %d bytes, want %d at most", info.Size(), maxFleetFile)
	}
	body, err := os.ReadFile(file)
	if err != nil {
		return Fleet{}, err
	}
	return ParseFleet(body)
}

// fleetFile is a fleet as written: the special policies are read on top of the
// default one.
type fleetFile struct {
	Name      string         `yaml:"fleet"`
	Jobs      []string       `yaml:"jobs"`
	ECS       ECS            `yaml:"ecs"`
	JobsEvery time.Duration  `yaml:"jobs_every"`
	LookEvery time.Duration  `yaml:"look_every"`
	Admission admit.Policy   `yaml:"admission"`
	Policy    rollout.Policy `yaml:"policy"`
	Policies  []raw          `yaml:"policies"`
}

// raw is a piece of YAML that is read later.
type raw []byte

// UnmarshalYAML keeps the piece as it is written.
func (r *raw) UnmarshalYAML(b []byte) error {
	*r = slices.Clone(b)
	return nil
}

// ParseFleet reads a fleet file. An unknown or mistyped setting is an error
// that shows its line.
func ParseFleet(body []byte) (Fleet, error) {
	file := fleetFile{
		ECS: ECS{ControlPort: 9091}, JobsEvery: 15 * time.Second, LookEvery: 5 * time.Second, Policy: rollout.Defaults(),
	}
	if err := parse(body, &file); err != nil {
		return Fleet{}, err
	}
	f := Fleet{
		Name: file.Name, Jobs: file.Jobs, ECS: file.ECS, JobsEvery: file.JobsEvery, LookEvery: file.LookEvery, Admission: file.Admission,
		Policies: rollout.Policies{Default: file.Policy},
	}
	for _, r := range file.Policies {
		special := file.Policy
		special.Name, special.Jobs, special.Steps = "", nil, slices.Clone(special.Steps)
		if err := parse(r, &special); err != nil {
			return Fleet{}, err
		}
		f.Policies.Special = append(f.Policies.Special, special)
	}
	return f, f.check()
}

func parse(body []byte, into any) error {
	if err := yaml.UnmarshalWithOptions(body, into, yaml.Strict()); err != nil {
		return errors.New(yaml.FormatError(err, false, true))
	}
	return nil
}

// fleetName is what may be a part of an S3 key and of a URL.
const fleetName = `^[a-z0-9][a-z0-9-]{0,62}$`

func (f Fleet) check() error {
	if !regexp.MustCompile(fleetName).MatchString(f.Name) {
		return fmt.Errorf("fleet is %q: want a name of lower-case letters, digits and dashes", f.Name)
	}
	if f.ECS.Cluster == "" || f.ECS.Service == "" {
		return errors.New("ecs: want the cluster and the service of the inference tasks")
	}
	if f.ECS.ControlPort < 1 || f.ECS.ControlPort > 65535 {
		return fmt.Errorf("ecs.control_port is %d: want a port", f.ECS.ControlPort)
	}
	if len(f.Jobs) == 0 {
		return errors.New(`jobs: want patterns of training job names, such as ["adfilter-*"]`)
	}
	if f.LookEvery < 100*time.Millisecond || f.JobsEvery < 100*time.Millisecond {
		return errors.New("look_every and jobs_every: want 100ms or more")
	}
	if err := f.Admission.Validate(); err != nil {
		return fmt.Errorf("admission: %w", err)
	}
	if err := f.Policies.Default.Check(); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	for i, p := range f.Policies.Special {
		if p.Name == "" || len(p.Jobs) == 0 {
			return fmt.Errorf("policies[%d]: want a name and the jobs it is for", i)
		}
		if err := p.Check(); err != nil {
			return fmt.Errorf("policies[%d] (%s): %w", i, p.Name, err)
		}
	}
	return nil
}
