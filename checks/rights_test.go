package checks

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/checks/cloud"
)

// roles are those of deploy/aws, by name.
func roles(t *testing.T) map[string][]cloud.Statement {
	t.Helper()
	atRoot()
	template, err := cloud.Read("deploy/aws/fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	stack, err := template.Resolve(worlds()["on machines"])
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]cloud.Statement{}
	for role := range cloud.Planes() {
		if all[role], err = cloud.Role(stack, role); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestRights compares what controllers and tasks can call of AWS with the
// policies of their roles: an operation without a right fails, and so does a
// right without an operation. e2e compares what they really call.
func TestRights(t *testing.T) {
	all := roles(t)
	code, err := cloud.Scan(".")
	if err != nil {
		t.Fatal(err)
	}
	for role, begin := range cloud.Planes() {
		calls, err := code.Reach(begin)
		if err != nil {
			t.Fatal(err)
		}
		if len(calls) == 0 {
			t.Errorf("%s: nothing in its code calls AWS, which cannot be", role)
		}
		for _, wrong := range cloud.Compare(role, calls, all[role]) {
			t.Error(wrong)
		}
		unnamed, err := code.Unnamed(begin)
		if err != nil {
			t.Fatal(err)
		}
		for _, place := range unnamed {
			t.Errorf("%s signs a request by hand, and no smithy.OperationError says with constants which operation that is", place)
		}
	}
	lost, err := code.Lost(cloud.AnyCommand)
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range lost {
		t.Errorf("%s calls AWS, and no command comes to it: whose right is it? Teach checks/cloud how it is called", place)
	}
}

// TestRightsAreTold checks that docs/operating.md names the rights of both
// roles, and no others.
func TestRightsAreTold(t *testing.T) {
	all := roles(t)
	text, err := os.ReadFile("docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	for role, row := range map[string]string{"ControllerRole": "`sluice controller`", "TaskRole": "`sluice task`"} {
		_, line, _ := strings.Cut(string(text), "| "+row+" |")
		line, _, _ = strings.Cut(line, "\n")
		told := regexp.MustCompile("`((?:s3|ecs|ec2|sagemaker|sts):[A-Za-z0-9]+)`").FindAllStringSubmatch(line, -1)
		var has, says []string
		for _, s := range all[role] {
			has = append(has, s.Actions...)
		}
		for _, m := range told {
			says = append(says, m[1])
		}
		if role == "ControllerRole" { // of those of other fleets than the template's, too
			has = slices.AppendSeq(has, maps.Keys(cloud.Needless()))
		}
		slices.Sort(has)
		slices.Sort(says)
		if has, says = slices.Compact(has), slices.Compact(says); !slices.Equal(has, says) {
			t.Errorf("docs/operating.md says that %s needs\n%v\nand its role has\n%v", row, says, has)
		}
	}
}

// TestDoctorIsHarmless checks that who examines a fleet changes nothing of it,
// and that docs/operating.md names the rights for it that a controller's role
// does not have.
func TestDoctorIsHarmless(t *testing.T) {
	atRoot()
	code, err := cloud.Scan(".")
	if err != nil {
		t.Fatal(err)
	}
	calls, err := code.Reach(cloud.Doctor)
	if err != nil {
		t.Fatal(err)
	}
	var more []string
	controller := roles(t)["ControllerRole"]
	for _, c := range calls {
		call := c.Service + ":" + c.Operation
		if !regexp.MustCompile(`^\w+:(Get|Head|List|Describe)`).MatchString(call) && cloud.Harmless()[call] == "" {
			t.Errorf("%s: a doctor calls %s, which may change something", c.At, call)
		}
		for _, r := range cloud.Rights(c) {
			if cloud.Needless()[r.Action] != "" {
				continue // a controller's all the same, of other fleets
			}
			has := func(s cloud.Statement) bool { return slices.Contains(s.Actions, r.Action) }
			if !slices.ContainsFunc(controller, has) {
				more = append(more, r.Action)
			}
			if r.Kind == cloud.Unknown {
				t.Errorf("nobody said which kind of resource %s is about: see checks/cloud/rights.go", r.Action)
			}
		}
	}
	text, err := os.ReadFile("docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(text), "| `sluice doctor` |")
	line, _, _ = strings.Cut(line, "\n")
	var told []string
	for _, m := range regexp.MustCompile("`([a-z0-9]+:[A-Za-z0-9]+)`").FindAllStringSubmatch(line, -1) {
		told = append(told, m[1])
	}
	slices.Sort(more)
	slices.Sort(told)
	if more = slices.Compact(more); !slices.Equal(more, told) {
		t.Errorf("docs/operating.md says that sluice doctor needs beside a controller's rights\n%v\nand it needs\n%v", told, more)
	}
}

// TestRightsAreMissed sees both faults found, of every right there is.
func TestRightsAreMissed(t *testing.T) {
	calls := []cloud.Call{
		{Service: "s3", Operation: "GetObject", Fields: []string{"Bucket", "VersionId"}, At: "here.go:1"},
		{Service: "s3", Operation: "HeadBucket", At: "here.go:2"},
		{Service: "ecs", Operation: "DescribeCapacityProviders", At: "here.go:3"},
	}
	may := func(actions ...string) []cloud.Statement {
		return []cloud.Statement{{Where: "role", Effect: "Allow", Actions: actions, Resources: []string{"*"}}}
	}
	full := []string{"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "ecs:DescribeCapacityProviders"}
	if wrong := cloud.Compare("role", calls, may(full...)); len(wrong) > 0 {
		t.Errorf("%v", wrong)
	}
	for i, lost := range full {
		wrong := cloud.Compare("role", calls, may(slices.Concat(full[:i], full[i+1:])...))
		if len(wrong) == 0 || !strings.Contains(wrong[0], "lacks "+lost+": add it to deploy/aws/fleet.yaml") {
			t.Errorf("without %s: %v", lost, wrong)
		}
	}
	wrong := cloud.Compare("role", calls, may(append(full, "ecs:RunTask")...))
	if len(wrong) != 1 || !strings.Contains(wrong[0], "may do ecs:RunTask, which nothing in its code needs") {
		t.Errorf("with a right too much: %v", wrong)
	}
	if wrong := cloud.Compare("role", calls[1:], may(full...)); len(wrong) != 2 {
		t.Errorf("without the call of an object's version: %v", wrong)
	}
}

// TestAllows holds the reading of policies to what AWS does.
func TestAllows(t *testing.T) {
	cluster := cloud.Condition{Operator: "ArnEquals", Key: "ecs:cluster", Values: []string{"arn:aws:ecs:us-east-1:0:cluster/ads"}}
	policy := []cloud.Statement{
		{Effect: "Allow", Actions: []string{"s3:GetObject", "s3:PutObject"}, Resources: []string{"arn:aws:s3:::sluice/audit/*"}},
		{Effect: "Deny", Actions: []string{"s3:Put*"}, Resources: []string{"arn:aws:s3:::sluice/audit/old/*"}},
		{Effect: "Allow", Actions: []string{"ecs:ListTasks"}, Resources: []string{"*"}, Conditions: []cloud.Condition{cluster}},
		{Effect: "Deny", Actions: []string{"s3:PutObject"}, Resources: []string{"arn:aws:s3:::sluice/audit/*"}, Conditions: []cloud.Condition{{Operator: "Null", Key: "s3:if-none-match", Values: []string{"true"}}}},
	}
	for _, tt := range []struct {
		action, resource string
		known            map[string]string
		want             bool
	}{
		{"s3:GetObject", "arn:aws:s3:::sluice/audit/a/b", nil, true},
		{"s3:getobject", "arn:aws:s3:::sluice/audit/a", nil, true},
		{"s3:GetObjectVersion", "arn:aws:s3:::sluice/audit/a", nil, false},
		{"s3:GetObject", "arn:aws:s3:::sluice/audits", nil, false},
		{"s3:PutObject", "arn:aws:s3:::sluice/audit/a", map[string]string{"s3:if-none-match": "*"}, true},
		{"s3:PutObject", "arn:aws:s3:::sluice/audit/a", nil, false},
		{"s3:PutObject", "arn:aws:s3:::sluice/audit/old/b", map[string]string{"s3:if-none-match": "*"}, false},
		{"ecs:ListTasks", "*", map[string]string{"ecs:cluster": "arn:aws:ecs:us-east-1:0:cluster/ads"}, true},
		{"ecs:ListTasks", "*", map[string]string{"ecs:cluster": "arn:aws:ecs:us-east-1:0:cluster/ads2"}, false},
		{"ecs:ListTasks", "*", nil, false},
	} {
		if got := cloud.Allows(policy, tt.action, tt.resource, tt.known); got != tt.want {
			t.Errorf("%s on %s with %v: allowed %v", tt.action, tt.resource, tt.known, got)
		}
	}
}
