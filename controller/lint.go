package controller

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/sorting"
)

// Remark is what whoever wrote a fleet file should know of it.
type Remark struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`    // from 1 on; 0 where nothing of it is written
	Column  int    `json:"column,omitempty"`  // the same
	Setting string `json:"setting,omitempty"` // where it is about one
	Warning bool   `json:"warning"`           // it is legal, and unwise; else no controller would start with it
	Says    string `json:"says"`
	Excerpt string `json:"excerpt,omitempty"` // of the file
}

// LintFleets reads fleet files as ReadFleets does, every one of them, and says
// what is wrong and what is unwise. The error is of the place itself.
func LintFleets(ctx context.Context, place FleetFiles) (remarks []Remark, files int, err error) {
	named, err := place.List(ctx)
	if err != nil {
		return nil, 0, err
	}
	var read []Fleet
	for _, file := range named {
		f, err := readFleet(ctx, place, file)
		body, _ := place.Read(ctx, file, maxFleetFile) // one that cannot be read has no lines
		lines := linesOf(body)
		if err != nil {
			all := everythingWrong(ctx, place, file, body)
			if len(all) == 0 { // the file itself cannot be read
				all = []Remark{lines.wrong(file, err)}
			}
			remarks = append(remarks, all...)
			continue
		}
		for _, w := range f.unwise() {
			remarks = append(remarks, Remark{File: file, Line: lines.of(w.setting), Setting: w.setting, Warning: true, Says: w.says})
		}
		for i, other := range read {
			if pattern, both := shared(other.Jobs, f.Jobs); both {
				remarks = append(remarks, Remark{File: file, Line: lines.of("jobs"), Setting: "jobs", Warning: true, Says: fmt.Sprintf(
					"%q is also among the jobs of fleet %s in %s: a model of such a job is tried on both", pattern, other.Name, named[i])})
			}
		}
		read = append(read, f)
	}
	if len(read) == len(named) {
		if _, err := ReadFleets(ctx, place); err != nil { // what only shows in all of them together
			file, says, _ := strings.Cut(err.Error(), ": ")
			setting := "fleet"
			if !strings.HasPrefix(says, setting) {
				setting = "ecs"
			}
			body, _ := place.Read(ctx, file, maxFleetFile)
			remarks = append(remarks, Remark{File: file, Line: linesOf(body).of(setting), Setting: setting, Says: says})
		}
	}
	sorting.StableBy(remarks, func(a, b *Remark) int {
		if a.File != b.File {
			return strings.Compare(a.File, b.File)
		}
		return a.Line - b.Line
	})
	return remarks, len(named), nil
}

// shared is a pattern that two fleets have.
func shared(one, other []string) (string, bool) {
	for _, pattern := range other {
		if slices.ContainsFunc(one, func(p string) bool { return p == pattern || p == "*" }) || pattern == "*" {
			return pattern, true
		}
	}
	return "", false
}

// lines knows where in a file its settings are.
type lines struct{ file *ast.File }

func linesOf(body []byte) (l lines) {
	defer func() { _ = recover() }() // as decode's
	l.file, _ = parser.ParseBytes(body, 0)
	return l
}

// of is the line of a setting, or of what it would stand in.
func (l lines) of(setting string) (line int) {
	for ; setting != ""; setting = parent(setting) {
		if line = l.at(setting); line > 0 {
			return line
		}
	}
	return 0
}

// parent of policy.steps[0].percent is policy.steps[0], and of that policy.steps.
func parent(setting string) string { return setting[:max(0, strings.LastIndexAny(setting, ".["))] }

func (l lines) at(setting string) (line int) {
	defer func() { _ = recover() }() // as decode's
	if l.file == nil {
		return 0
	}
	found, err := yaml.PathString("$." + setting)
	if err != nil {
		return 0
	}
	node, err := found.FilterFile(l.file)
	if err != nil {
		return 0
	}
	return node.GetToken().Position.Line
}

// wrong says where a file is wrong: as its reader tells, or where the setting
// is that the error names.
func (l lines) wrong(file string, err error) Remark {
	says, excerpt, _ := strings.Cut(err.Error(), "\n")
	r := Remark{File: file, Says: says, Excerpt: excerpt}
	if m := regexp.MustCompile(`^\[(\d+):(\d+)\] `).FindStringSubmatch(says); m != nil {
		r.Line, _ = strconv.Atoi(m[1]) // digits
		r.Column, _ = strconv.Atoi(m[2])
		r.Says = strings.TrimPrefix(says, m[0])
		return r
	}
	r.Setting = settingIn(says)
	r.Line = l.of(r.Setting)
	return r
}

// settingIn is the setting that an error is about, as "policy: judge.margin is
// 7: want 0 to 1".
func settingIn(says string) string {
	says = strings.Replace(says, "check admission policy", "admission", 1)
	m := regexp.MustCompile(`^(policy|policies\[\d+\]|admission)?(?: \([^)]*\))?(?:: |\.)?(?:([a-z_]+(?:[.\[][a-z_0-9\]]+)*)(?::| is | has | and ))?`).FindStringSubmatch(says)
	return strings.Trim(m[1]+"."+m[2], ".")
}

// warning is about a setting that is legal and unwise.
type warning struct{ setting, says string }

// unwise are the settings that do harm, or nothing, though they are legal.
func (f Fleet) unwise() (list []warning) {
	warn := func(when bool, setting, says string, args ...any) {
		if when {
			list = append(list, warning{setting, fmt.Sprintf(says, args...)})
		}
	}
	for i, pattern := range f.Jobs {
		warn(pattern == "*", fmt.Sprintf("jobs[%d]", i), "every training job of the account is taken for a model of this fleet: name them by a pattern of their own")
	}
	warn(f.ECS.ControlPort == 9090 || f.ECS.ControlPort == 9092, "ecs.control_port", "%d is the port of auctions or of health checks, unless tasks are told otherwise: the control port is 9091", f.ECS.ControlPort)
	warn(f.LookEvery > 30*time.Second, "look_every", "harm is found %v later than it could be, and people wait as long: 5s is usual", f.LookEvery)
	warn(f.JobsEvery < 5*time.Second, "jobs_every", "SageMaker slows down whoever lists its jobs so often: 15s is usual")
	warn(f.Policies.Deployments == rollout.KeepCanaries, "deployments", "while the service is deployed, canaries answer with a model that nobody holds against others: release lets them go first")
	warn(f.Admission.MaxMemoryBytes > 0 && f.Admission.MaxMemoryBytes < 1<<20, "admission.max_memory_bytes", "hardly any model takes so little: it is in bytes")
	warn(f.Admission.MinAuctions == 0 && f.Admission.MinGolden > 0, "admission.min_golden", "golden vectors without auctions do not prove that features are made as in training: ask for some with min_auctions")
	warn(f.Prices.Cap > 1000, "prices.cap", "few bids are worth that much per mille, and one of them decides what thousands say: choose a cap that hardly any bid is above")
	usual := unwisePolicy("", f.Policies.Default)
	for _, w := range usual {
		list = append(list, warning{"policy." + w.setting, w.says})
	}
	for i, p := range f.Policies.Special {
		place := fmt.Sprintf("policies[%d].", i)
		for _, w := range unwisePolicy(place, p) {
			if !slices.Contains(usual, warning{strings.TrimPrefix(w.setting, place), w.says}) { // which it has from there
				list = append(list, w)
			}
		}
		warn(p.Explore != f.Policies.Default.Explore, place+"explore", "exploration is the fleet's: say it under policy")
		warn(!f.reaches(p, i), place+"jobs", "no job of this fleet is like that, or an earlier policy has it: this policy never governs")
	}
	return list
}

// reaches reports whether a policy may ever govern: whether it may match a job
// of the fleet, or a try of a person, that no policy before it takes.
func (f Fleet) reaches(p rollout.Policy, at int) bool {
	return slices.ContainsFunc(p.Jobs, func(pattern string) bool {
		for _, before := range f.Policies.Special[:at] {
			if slices.Contains(before.Jobs, pattern) || slices.Contains(before.Jobs, "*") {
				return false
			}
		}
		if strings.ContainsAny(pattern, "{},") { // which stand for nothing, and in no name
			return false
		}
		return mayOverlap(pattern, "try-") || slices.ContainsFunc(f.Jobs, func(jobs string) bool { return mayOverlap(pattern, jobs) })
	})
}

// mayOverlap reports whether two patterns may match the same name, as far as
// what stands before their first wildcard tells.
func mayOverlap(one, other string) bool {
	fixed := func(pattern string) (string, bool) {
		if i := strings.IndexAny(pattern, `*?[\`); i >= 0 {
			return pattern[:i], true
		}
		return pattern, false
	}
	a, aMore := fixed(one)
	b, bMore := fixed(other)
	switch {
	case !aMore && bMore:
		ok, _ := path.Match(other, one) // patterns are checked by check
		return ok
	case aMore && !bMore:
		ok, _ := path.Match(one, other)
		return ok || strings.HasSuffix(other, "-") && strings.HasPrefix(other, a) // the beginning of many names
	case !aMore:
		return one == other
	}
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}

// unwisePolicy is about one policy. Settings stand behind the place.
func unwisePolicy(place string, p rollout.Policy) (list []warning) {
	warn := func(when bool, setting, says string, args ...any) {
		if when {
			list = append(list, warning{place + setting, fmt.Sprintf(says, args...)})
		}
	}
	j := p.Judge.Sane()
	warn(p.Shadow.Skip, "shadow.skip", "without shadow scoring harm is only found on live auctions")
	warn(!p.Shadow.Skip && p.Shadow.Soak < 2*time.Minute, "shadow.soak", "canaries have no past to be held against, so that proofs take longer: 2m gives them one")
	warn(!p.Shadow.Skip && p.Shadow.Sample > 0.5, "shadow.sample", "scoring %v of all requests twice takes as many processors", p.Shadow.Sample)
	warn(p.Explore == 0 && j.MissedBids != judge.Off, "explore", "nobody knows which filtered partners would have bid, and missed bids cannot be judged: 0.02 is usual")
	warn(p.Explore > 0.1, "explore", "%v of all auctions are filtered for nobody", p.Explore)
	warn(p.HoldFor < time.Hour, "hold_for", "a held rollout goes back before a person is likely to come")
	warn(p.ArtifactWait < time.Minute, "artifact_wait", "a large upload takes longer")
	warn(p.PromoteWait < 5*time.Minute, "promote_wait", "tasks that fetch a large model take longer, and then it goes back")
	warn(p.Preempt, "preempt", "where jobs complete more often than a rollout takes, none goes live until max_coalesced (%d) have given way", p.MaxCoalesced)
	warn(p.Losses.Off, "losses.off", "a model that makes tasks hang is not found out by their loss")
	warn(p.SwapGuard.Off, "swap_guard.off", "a model that slows auctions down while tasks make it ready is not found out")
	for _, w := range append(unwiseSteps(p), unwiseJudge(j)...) {
		warn(true, w.setting, "%s", w.says)
	}
	return list
}

func unwiseSteps(p rollout.Policy) (list []warning) {
	for i, s := range p.Steps {
		warn := func(when bool, setting, says string, args ...any) {
			if when {
				list = append(list, warning{fmt.Sprintf("steps[%d]%s", i, setting), fmt.Sprintf(says, args...)})
			}
		}
		last := i == len(p.Steps)-1
		warn(i == 0 && s.Percent > 25, ".percent", "the first auctions that it ever answers are %v %% of all: begin with a smaller step", s.Percent)
		warn(s.Soak == 0, ".soak", "without a soak a step lasts no longer than its proof, and slow harm is not seen")
		warn(s.Soak >= p.PhaseWait, ".soak", "the rollout is held after phase_wait (%v), before this soak is over", p.PhaseWait)
		warn(last && len(p.Steps) > 1 && p.Steps[0].Percent > s.Percent && s.Percent > 0, ".percent", "the last step has fewer tasks than the first")
		warn(last && s.Margin > p.Judge.Sane().Margin, ".margin", "all tasks serve a model that is only proven to be within %v, where judge.margin is %v", s.Margin, p.Judge.Sane().Margin)
	}
	return list
}

func unwiseJudge(j judge.Policy) (list []warning) {
	warn := func(when bool, setting, says string, args ...any) {
		if when {
			list = append(list, warning{"judge." + setting, fmt.Sprintf(says, args...)})
		}
	}
	const wide = "a model may filter %v more or less of the requests without a word: margins are shares, and 0.02 is two points"
	warn(j.Margin > 0.1, "margin", wide, j.Margin)
	warn(j.PartnerMargin > 0.15, "partner_margin", wide, j.PartnerMargin)
	warn(j.TailMargin > 0.25, "tail_margin", wide, j.TailMargin)
	warn(j.PartnerMargin < j.Margin, "partner_margin", "a partner may differ by less than all of them together (margin %v), and has less traffic to prove it by", j.Margin)
	warn(j.Margin < 0.002, "margin", "so small a difference takes millions of requests to prove: sluice plan tells how long")
	warn(j.ErrorRatio > 3, "error_ratio", "a model may fail %v times as often as stable", j.ErrorRatio)
	warn(j.ErrorFloor > 0.01, "error_floor", "a model may fail on %v of all requests", j.ErrorFloor)
	warn(j.Latency == judge.Off, "latency", "a slow model goes live")
	warn(j.MissedBids == judge.Off, "missed_bids", "a model that filters those who bid goes live")
	warn(j.Drift == judge.DriftOff, "drift", "scores that are not those of training go unnoticed")
	warn(j.Breaker.Crashes < 0, "breaker.crashes", "a model that crashes tasks is not taken back for it")
	warn(j.Breaker.ErrorShare > 0.5, "breaker.error_share", "gross harm is only told once %v of all requests fail", j.Breaker.ErrorShare)
	return list
}
