package doctor_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/doctor"
)

// sound are the facts of a fleet that lacks nothing.
func sound() doctor.Facts {
	skew, on, yes, idle := time.Second, "Enabled", "true", "601"
	return doctor.Facts{
		Asked: doctor.Asked{
			Fleet: "ads", Bucket: "sluice", Region: "eu-west-1", Jobs: []string{"adfilter-*"}, LookEvery: 5 * time.Second,
			ControlPort: 9091, ReadsPerSecond: 10, Drain: 25 * time.Second, DrainDelay: 5 * time.Second, Idle: 10 * time.Minute, HealthPort: 9092,
		},
		Trials: []doctor.Trial{{Right: "s3:ListBucket", Needed: true, Outcome: doctor.Granted}},
		Skew:   &skew,
		Bucket: doctor.Bucket{
			Versioning: &on, Lock: &doctor.Lock{}, Probe: &doctor.Probe{Key: "probe", Refused: true},
			Rules: &[]doctor.Rule{{Name: "lease", Prefix: "lease.json", Earlier: true}, {Name: "fleets", Prefix: "fleets/ads/look", Earlier: true}},
		},
		Service:    &doctor.Service{Controller: "ECS", Scheduling: "REPLICA", Desired: 4, Running: 4, LeastHealthy: 100, Ports: []int{9090}, Groups: []string{"ads"}},
		Definition: &doctor.Definition{Name: "inference:1", Containers: []doctor.Container{{Name: "files"}, {Name: "sluice", Ports: []int{9090, 9091}, HealthCheck: true}}},
		Targets: []doctor.Targets{{
			Name: "ads", Protocol: "TCP", Health: doctor.Health{Protocol: "HTTP", Port: "9092", Path: "/readyz"}, Balancers: 1,
			Attributes: &map[string]string{"deregistration_delay.timeout_seconds": "50"}, CrossZone: &yes, Listeners: &[]doctor.Listener{{Port: 9090, Idle: &idle}},
		}},
		Scaling: []doctor.Scaling{{Provider: "machines", Termination: "ENABLED", Group: &doctor.Group{Name: "machines", New: true, Machines: 2}}},
		Jobs:    &doctor.Jobs{Completed: []string{"adfilter-1"}, All: true},
		Tasks:   []doctor.Task{{ID: "a", Address: "10.0.0.1:9091"}, {ID: "b", Address: "10.0.0.2:9091"}},
	}
}

// found are severity and subject of all findings but those that are always told.
func found(f doctor.Facts) (all []string) {
	for _, one := range doctor.Examine(f) {
		if one.Severity != doctor.Well && (one.Severity != doctor.Untried || !slices.Contains([]string{"writes", "artifacts"}, one.About)) {
			all = append(all, string(one.Severity)+" "+one.About)
		}
	}
	return all
}

func TestExamine(t *testing.T) {
	if got := found(sound()); len(got) > 0 {
		t.Fatalf("a sound fleet has %q: %+v", got, doctor.Examine(sound()))
	}
	trial := func(outcome doctor.Outcome, needed bool) func(*doctor.Facts) {
		return func(f *doctor.Facts) {
			f.Trials = append(f.Trials, doctor.Trial{Right: "s3:GetThis", Needed: needed, Outcome: outcome, Says: "no"}, doctor.Trial{Right: "s3:GetThat", Needed: needed, Outcome: outcome, Says: "no"})
		}
	}
	rule := func(r doctor.Rule) func(*doctor.Facts) {
		return func(f *doctor.Facts) { *f.Bucket.Rules = append(*f.Bucket.Rules, r) }
	}
	second := func(change func(*doctor.Container)) func(*doctor.Facts) {
		return func(f *doctor.Facts) { change(&f.Definition.Containers[1]) }
	}
	for name, tt := range map[string]struct {
		change func(*doctor.Facts)
		want   string // all of them
		says   string // of the first
	}{
		"a right of the controller's":    {trial(doctor.Denied, true), "wrong right, wrong right", "s3:GetThis is missing"},
		"a right of the doctor's":        {trial(doctor.Denied, false), "untried right", "What s3:GetThis, s3:GetThat would tell was not looked at"},
		"an endpoint without a call":     {trial(doctor.Unoffered, true), "untried call, untried call", "no call for s3:GetThis"},
		"one fault, met twice":           {trial(doctor.Failed, true), "wrong call", "No."},
		"what was not asked after it":    {trial(doctor.Unasked, true), "untried call", "s3:GetThis, s3:GetThat was not tried, as no."},
		"a clock that nobody told":       {func(f *doctor.Facts) { f.Skew = nil }, "untried clock", "not known"},
		"a clock that is a little wrong": {func(f *doctor.Facts) { *f.Skew = -31 * time.Second }, "doubtful clock", "31s apart"},
		"a clock that is wrong":          {func(f *doctor.Facts) { *f.Skew = -4 * time.Minute }, "wrong clock", "4m0s apart"},
		"another region":                 {func(f *doctor.Facts) { f.Asked.ServiceRegion = "us-east-1" }, "wrong region", "us-east-1"},
		"versions that end":              {func(f *doctor.Facts) { *f.Bucket.Versioning = "Suspended" }, "wrong versioning", "no earlier versions"},
		"rules for some versions":        {func(f *doctor.Facts) { (*f.Bucket.Rules)[0].Partly = true }, "wrong lifecycle", "of lease.json stay"},
		"a rule for all that is current": {rule(doctor.Rule{Prefix: "", Current: true}), "wrong expiry", "releases/sha256/, audit/"},
		"a rule for part of a folder":    {rule(doctor.Rule{Prefix: "releases/sha256/00", Current: true}), "wrong expiry", "releases/sha256/."},
		"a rule for what may go":         {rule(doctor.Rule{Prefix: "fleets/ads/judge/", Current: true}), "", ""},
		"another fleet's history":        {rule(doctor.Rule{Prefix: "fleets/bids/rollouts/", Current: true}), "", ""},
		"no versions, no rules":          {func(f *doctor.Facts) { *f.Bucket.Versioning = ""; f.Bucket.Rules = &[]doctor.Rule{} }, "wrong versioning", ""},
		"a probe that stays":             {func(f *doctor.Facts) { f.Bucket.Probe.Left = "denied" }, "untried probe", "could not be deleted"},
		"a machine for each task":        {func(f *doctor.Facts) { f.Service.Scheduling = "DAEMON" }, "doubtful scheduling", ""},
		"no tasks":                       {func(f *doctor.Facts) { f.Service.Desired, f.Service.Running, f.Tasks = 0, 0, nil }, "wrong tasks, untried reach", "0 tasks"},
		"ECS's own patience, just short": {func(f *doctor.Facts) { f.Asked.Drain = 30 * time.Second }, "wrong stop_timeout", "30s after"},
		"a drain of one's own":           {second(func(c *doctor.Container) { c.Options = map[string]string{"drain-timeout": "26s"} }), "wrong stop_timeout", "up to 31s"},
		"a drain of one's own, in time":  {second(func(c *doctor.Container) { c.Options = map[string]string{"drain-timeout": "2s", "drain-delay": "27s"} }), "", ""},
		"a drain that cannot be read":    {second(func(c *doctor.Container) { c.Options = map[string]string{"drain-timeout": "soon"} }), "", ""},
		"a container without the port":   {func(f *doctor.Facts) { f.Asked.Container = "files" }, "wrong control_port", "files does not map"},
		"tasks whose port is not mapped": {func(f *doctor.Facts) {
			f.Asked.ControlPort = 1
			f.Tasks[0].Trouble, f.Tasks[0].Closed = "refused", true
		}, "wrong control_port", "port 1"},
		"closed ports":               {func(f *doctor.Facts) { f.Tasks[1].Trouble, f.Tasks[1].Closed = "timeout", true }, "wrong reach", "1 of 2 tasks is not reached from here: b"},
		"tasks that nobody can find": {func(f *doctor.Facts) { f.Tasks[0] = doctor.Task{ID: "a", Trouble: "no address"} }, "wrong address", "1 of 2 tasks are: a"},
		"a quota that is just enough": {func(f *doctor.Facts) {
			f.Service.Desired, f.Service.Running, f.Asked.LookEvery = 1000, 1000, 2100*time.Millisecond
		}, "", ""},
		"a quota that is too small": {func(f *doctor.Facts) {
			f.Service.Desired, f.Service.Running, f.Asked.LookEvery = 1001, 1001, 2200*time.Millisecond
		}, "doubtful quota", "takes 23 calls"},
		"a colour that nobody looked at": {func(f *doctor.Facts) {
			f.Targets = append(f.Targets, doctor.Targets{Name: "green", Protocol: "TLS", Health: doctor.Health{Protocol: "TCP", Port: "traffic-port"}, Balancers: 1})
		}, "wrong balancer_health", "whether a model serves"},
		"a health port of one's own":   {second(func(c *doctor.Container) { c.Options = map[string]string{"http-listen": "0.0.0.0:80"} }), "wrong balancer_health", ""},
		"ports of the machine":         {func(f *doctor.Facts) { f.Definition.Hosted, f.Targets[0].Health.Port = true, "32768" }, "", ""},
		"the task's patience, exactly": {func(f *doctor.Facts) { *(*f.Targets[0].Listeners)[0].Idle = "600" }, "wrong idle", "after 600s"},
		"a time-out that is not known": {func(f *doctor.Facts) { (*f.Targets[0].Listeners)[0].Idle = nil }, "", ""},
		"the drain, a second short":    {func(f *doctor.Facts) { (*f.Targets[0].Attributes)["deregistration_delay.timeout_seconds"] = "24" }, "doubtful deregistration", "after 24s"},
		"four times the drain":         {func(f *doctor.Facts) { (*f.Targets[0].Attributes)["deregistration_delay.timeout_seconds"] = "100" }, "", ""},
		"a second more":                {func(f *doctor.Facts) { (*f.Targets[0].Attributes)["deregistration_delay.timeout_seconds"] = "101" }, "doubtful deregistration", "1m41s"},
		"zones that the group joins": {func(f *doctor.Facts) {
			*f.Targets[0].CrossZone, (*f.Targets[0].Attributes)["load_balancing.cross_zone.enabled"] = "false", "true"
		}, "", ""},
		"zones that the balancer keeps": {func(f *doctor.Facts) { *f.Targets[0].CrossZone = "false" }, "doubtful cross_zone", "zone alone"},
		"a header that nobody reads": {func(f *doctor.Facts) {
			f.Definition.Containers[1].Options = map[string]string{"proxy-protocol": "false"}
			(*f.Targets[0].Attributes)["proxy_protocol_v2.enabled"] = "true"
		}, "wrong proxy_protocol", "do not expect"},
		"a header that nobody sends":        {second(func(c *doctor.Container) { c.Options = map[string]string{"proxy-protocol": ""} }), "wrong proxy_protocol", "wait for"},
		"a balancer of the old kind":        {func(f *doctor.Facts) { f.Service.Classic, f.Targets = true, nil }, "untried balancer", "Classic"},
		"machines of nobody's":              {func(f *doctor.Facts) { f.Service.Launch, f.Scaling = "EC2", nil }, "untried scaling", "no capacity provider"},
		"a group that nobody may see":       {func(f *doctor.Facts) { f.Scaling[0].Group = nil }, "", ""},
		"machines that may go":              {func(f *doctor.Facts) { f.Scaling[0].Group.Unprotected = []string{"i-1"} }, "doubtful scaling", "1 of 2 machines are"},
		"jobs of other names":               {func(f *doctor.Facts) { f.Asked.Jobs = []string{"adfilter-?", "bids-*"} }, "doubtful jobs", `"bids-*"`},
		"jobs of other names among so many": {func(f *doctor.Facts) { f.Asked.Jobs, f.Jobs.All = []string{"bids-*"}, false }, "untried jobs", `"bids-*"`},
	} {
		f := sound()
		tt.change(&f)
		if got := strings.Join(found(f), ", "); got != tt.want {
			t.Errorf("%s: found %q, want %q\n%+v", name, got, tt.want, doctor.Examine(f))
		}
		if first := doctor.Examine(f)[0]; !strings.Contains(first.Says, tt.says) && tt.want != "" {
			t.Errorf("%s: says %q, want %q", name, first.Says, tt.says)
		}
	}
}

// What is not known is no good news: without facts nothing is well, and nothing
// is wrong.
func TestNothingKnown(t *testing.T) {
	for _, f := range doctor.Examine(doctor.Facts{}) {
		if f.Severity != doctor.Untried {
			t.Errorf("without facts: %+v", f)
		}
	}
}

// The worst is told first, and everything that is not well has a way out, or says
// it in AWS's words.
func TestOrder(t *testing.T) {
	f := sound()
	*f.Bucket.Versioning, f.Service.Rebalancing, f.Skew = "", true, nil
	ranks := map[doctor.Severity]int{doctor.Wrong: 0, doctor.Doubtful: 1, doctor.Untried: 2, doctor.Well: 3}
	all := doctor.Examine(f)
	if !slices.IsSortedFunc(all, func(a, b doctor.Finding) int { return ranks[a.Severity] - ranks[b.Severity] }) {
		t.Errorf("not in order: %+v", all)
	}
	for _, one := range all {
		if (one.Severity == doctor.Wrong || one.Severity == doctor.Doubtful) && one.Do == "" {
			t.Errorf("no way out: %+v", one)
		}
	}
}
