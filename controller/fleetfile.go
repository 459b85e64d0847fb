package controller

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/sluicehq/sluice/controller/admit"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// Fleet is what a fleet file declares: one ECS service of inference tasks, the
// training jobs whose models it serves, and how careful to be.
type Fleet struct {
	Name string   `yaml:"fleet"`
	Jobs []string `yaml:"jobs"` // training job names, as in path.Match
	ECS  ECS      `yaml:"ecs"`

	JobsEvery time.Duration `yaml:"jobs_every"` // pace of looking for training jobs, default 15s
	LookEvery time.Duration `yaml:"look_every"` // pace of the loop, default 5s

	Prices    rollout.Prices   `yaml:"prices"` // in which money bids are counted
	Admission admit.Policy     `yaml:"admission"`
	Notify    []Notify         `yaml:"notify"`  // who is told what happens
	Policies  rollout.Policies `yaml:",inline"` // "policy", "policies" for jobs that want another, "replace_poisoned"
}

// ReadFleets reads all fleet files of a place.
func ReadFleets(ctx context.Context, place FleetFiles) ([]Fleet, error) {
	files, err := place.List(ctx)
	if err != nil {
		return nil, err
	}
	var fleets []Fleet
	declared, steered := map[string]string{}, map[string]string{} // file, by fleet and by service
	for _, file := range files {
		f, err := readFleet(ctx, place, file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if other, ok := declared[f.Name]; ok {
			return nil, fmt.Errorf("%s: fleet %q is declared twice, here and in %s: give one of them another name", file, f.Name, other)
		}
		if other, ok := steered[f.ECS.place()]; ok {
			return nil, fmt.Errorf("%s: the ECS service %s is that of a fleet in %s already: two fleets would tell the same tasks to serve two releases; give each a service of its own", file, f.ECS.place(), other)
		}
		declared[f.Name], steered[f.ECS.place()] = file, file
		fleets = append(fleets, f)
	}
	return fleets, nil
}

func readFleet(ctx context.Context, place FleetFiles, file string) (Fleet, error) {
	body, err := place.Read(ctx, file, maxFleetFile)
	if err != nil {
		return Fleet{}, err
	}
	f, err := ParseFleet(body)
	if err == nil {
		err = f.locate(file)
	}
	if err != nil || f.Admission.Manifest == "" {
		return f, err
	}
	f.Admission.ManifestBody, err = readManifest(ctx, place, file, f.Admission.Manifest)
	return f, err
}

// locate finds the files with secrets that a fleet file names.
func (f Fleet) locate(file string) error {
	for i := range f.Notify {
		if err := f.Notify[i].locate(file); err != nil {
			return err
		}
	}
	return nil
}

// readManifest reads the manifest for models that come without one.
func readManifest(ctx context.Context, place FleetFiles, file, manifest string) (string, error) {
	name, err := beside(file, manifest)
	var body []byte
	if err == nil {
		body, err = place.Read(ctx, name, maxManifestFile)
	}
	if err == nil {
		err = release.CheckManifest(body)
	}
	if err != nil {
		return "", fmt.Errorf("admission.manifest: %w", err)
	}
	return string(body), nil
}

// fleetFile is a fleet as written: the special policies are read on top of the
// default one.
type fleetFile struct {
	Name      string         `yaml:"fleet"`
	Jobs      []string       `yaml:"jobs"`
	ECS       ECS            `yaml:"ecs"`
	JobsEvery time.Duration  `yaml:"jobs_every"`
	LookEvery time.Duration  `yaml:"look_every"`
	Prices    rollout.Prices `yaml:"prices"`
	Admission admit.Policy   `yaml:"admission"`
	Notify    []Notify       `yaml:"notify"`
	Policy    rollout.Policy `yaml:"policy"`
	Policies  []piece        `yaml:"policies"`
	Freezes   []freezeFile   `yaml:"freezes"`

	ReplacePoisoned bool `yaml:"replace_poisoned"`

	Deployments rollout.Yield `yaml:"deployments"`
	AnswerHooks bool          `yaml:"answer_hooks"`
}

// piece is a piece of YAML that is read later. It knows its place in the file.
type piece struct{ node ast.Node }

// UnmarshalYAML keeps the piece.
func (p *piece) UnmarshalYAML(node ast.Node) error {
	p.node = node
	return nil
}

// ParseFleet reads a fleet file. An unknown or mistyped setting is an error
// that shows its line.
func ParseFleet(body []byte) (Fleet, error) {
	f, err := parseFleet(body)
	if err != nil {
		return f, err
	}
	return f, f.check()
}

// parseFleet reads a fleet file without weighing what it says.
func parseFleet(body []byte) (Fleet, error) {
	file := fleetFile{
		ECS: ECS{ControlPort: 9091}, JobsEvery: 15 * time.Second, LookEvery: 5 * time.Second, Policy: rollout.Defaults(), Deployments: rollout.FreeCanaries,
	}
	if !utf8.Valid(body) {
		return Fleet{}, errors.New("the file is no text: want YAML in UTF-8")
	}
	if err := single(body); err != nil {
		return Fleet{}, err
	}
	if err := decode(body, func() error { return yaml.UnmarshalWithOptions(body, &file, yaml.Strict()) }); err != nil {
		return Fleet{}, err
	}
	f := Fleet{
		Name: file.Name, Jobs: file.Jobs, ECS: file.ECS, JobsEvery: file.JobsEvery, LookEvery: file.LookEvery, Admission: file.Admission,
		Prices:   file.Prices.Sane(),
		Notify:   file.Notify,
		Policies: rollout.Policies{Default: file.Policy, ReplacePoisoned: file.ReplacePoisoned, Deployments: file.Deployments, AnswerHooks: file.AnswerHooks},
	}
	freezes, err := readFreezes(file.Freezes)
	if err != nil {
		return Fleet{}, err
	}
	f.Policies.Freezes = freezes
	for i, p := range file.Policies {
		if p.node == nil {
			return Fleet{}, fmt.Errorf("policies[%d]: it is empty", i)
		}
		special := file.Policy
		special.Name, special.Jobs, special.Steps = "", nil, slices.Clone(special.Steps)
		if err := decode(body, func() error { return yaml.NodeToValue(p.node, &special, yaml.Strict()) }); err != nil {
			return Fleet{}, err
		}
		f.Policies.Special = append(f.Policies.Special, special)
	}
	return f, nil
}

// single refuses a file of several documents, of which the library reads the
// first. What is no YAML is told by whoever reads it.
func single(body []byte) (err error) {
	defer func() { _ = recover() }() // as decode's
	file, parsed := parser.ParseBytes(body, 0)
	if parsed != nil {
		return nil
	}
	full := func(d *ast.DocumentNode) bool { return d.Body != nil && d.Body.Type() != ast.CommentType }
	first := slices.IndexFunc(file.Docs, full)
	if first >= 0 && slices.ContainsFunc(file.Docs[first+1:], full) {
		return errors.New("the file holds more than one document (---): write a file per fleet, and name their folder with --fleets")
	}
	return nil
}

// decode shows the line of a fleet file that could not be read. Some files
// that are no fleet's make the library panic.
func decode(body []byte, read func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("this YAML cannot be read: write it plainer, without anchors, tags and the like")
		}
	}()
	if err = read(); err == nil {
		return nil
	}
	var mistyped *yaml.TypeError
	if bad := badDuration(body); bad != nil {
		err = bad // the library does not say where it is
	} else if errors.As(err, &mistyped) && mistyped.Token != nil {
		message := fmt.Sprintf("%q is not what is wanted here: %s", mistyped.Token.Value, wanted(mistyped.DstType.Kind()))
		err = &yaml.SyntaxError{Message: message, Token: mistyped.Token}
	}
	return errors.New(strings.TrimSpace(yaml.FormatError(err, false, true)))
}

// wanted describes what a setting may be.
func wanted(k reflect.Kind) string {
	switch k { //nolint:exhaustive // the kinds that a fleet file has
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.String:
		return "text"
	case reflect.Slice:
		return "a list"
	default:
		return "settings of its own"
	}
}

// badDuration finds the setting that is to be a duration and is none.
func badDuration(body []byte) error {
	file, err := parser.ParseBytes(body, 0)
	if err != nil {
		return err
	}
	search := durations{names: map[string]bool{}}
	search.learn(reflect.TypeFor[fleetFile]())
	for _, d := range file.Docs {
		ast.Walk(&search, d)
	}
	return search.bad
}

// durations looks for a bad duration in a fleet file.
type durations struct {
	names map[string]bool // of settings that are durations
	bad   error
}

func (d *durations) learn(t reflect.Type) {
	for _, f := range reflect.VisibleFields(t) {
		switch {
		case f.Type == reflect.TypeFor[time.Duration]():
			d.names[f.Tag.Get("yaml")] = true
		case f.Type.Kind() == reflect.Struct:
			d.learn(f.Type)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			d.learn(f.Type.Elem())
		}
	}
}

// Visit implements ast.Visitor.
func (d *durations) Visit(n ast.Node) ast.Visitor {
	if setting, ok := n.(*ast.MappingValueNode); ok && d.bad == nil && d.names[setting.Key.GetToken().Value] {
		value := setting.Value.GetToken()
		if _, err := time.ParseDuration(value.Value); err != nil {
			d.bad = &yaml.SyntaxError{Message: fmt.Sprintf("%q is no duration: want one such as 90s or 1h30m", value.Value), Token: value}
		}
	}
	return d
}

// fleetName is what may be a part of an S3 key and of a URL.
const fleetName = `^[a-z0-9][a-z0-9-]{0,62}$`

// check returns the first of what is wrong.
func (f Fleet) check() error {
	if all := f.wrongs(); len(all) > 0 {
		return all[0]
	}
	return nil
}

// wrongs is what no controller would start with; of each part the first.
func (f Fleet) wrongs() (all []error) {
	wrong := func(err error) {
		if err != nil {
			all = append(all, err)
		}
	}
	if !regexp.MustCompile(fleetName).MatchString(f.Name) {
		wrong(fmt.Errorf("fleet is %q: want a name of lower-case letters, digits and dashes", f.Name))
	}
	wrong(f.ECS.check())
	if len(f.Jobs) == 0 {
		wrong(errors.New(`jobs: want patterns of training job names, such as ["adfilter-*"]`))
	}
	for _, pattern := range f.Jobs {
		wrong(checkJobPattern(pattern))
	}
	if f.LookEvery < 100*time.Millisecond || f.JobsEvery < 100*time.Millisecond {
		wrong(errors.New("look_every and jobs_every: want 100ms or more"))
	}
	if d := f.Policies.Deployments; d != "" && d != rollout.FreeCanaries && d != rollout.KeepCanaries {
		wrong(fmt.Errorf("deployments is %q: want release, by which canaries go back to stable while the service is deployed, or pause, by which they stay until ECS replaces them", d))
	}
	wrong(f.Prices.Check())
	wrong(f.Admission.Validate()) // it says that it is about admission
	wrong(checkReceivers(f.Notify))
	if err := f.Policies.Default.Check(); err != nil {
		wrong(fmt.Errorf("policy: %w", err))
	}
	for i, p := range f.Policies.Special {
		if p.Name == "" || len(p.Jobs) == 0 {
			wrong(fmt.Errorf("policies[%d]: want a name and the jobs it is for", i))
		} else if err := p.Check(); err != nil {
			wrong(fmt.Errorf("policies[%d] (%s): %w", i, p.Name, err))
		}
	}
	return all
}
