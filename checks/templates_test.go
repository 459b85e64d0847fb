package checks

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/checks/cloud"
	"github.com/sluicehq/sluice/inference"
)

// templates are those of deploy/aws, by name.
func templates(t *testing.T) map[string]string {
	t.Helper()
	atRoot()
	files, err := filepath.Glob("deploy/aws/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no templates in deploy/aws", err)
	}
	all := map[string]string{}
	for _, f := range files {
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = string(body)
	}
	return all
}

// worlds are parameters that a template is looked at with, so that every
// condition holds once and once does not.
func worlds() map[string]cloud.World {
	plain := cloud.World{
		"Fleet": "ads", "Bucket": "sluice", "TrainingBucket": "training", "Image": "registry/sluice:1", "Vpc": "vpc-1", "Subnets": []any{"subnet-a", "subnet-b"},
		"People": "arn:aws:secretsmanager:us-east-1:000000000000:secret:people", "AuctionNetwork": "10.0.0.0/8", "PeopleNetwork": "10.0.0.0/8",
	}
	all := maps.Clone(plain)
	maps.Copy(all, cloud.World{
		"Launch": "FARGATE", "Notices": "arn:aws:secretsmanager:us-east-1:000000000000:secret:notices", "HostName": "sluice.example.com", "Auctions": 1,
		"CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/1", "AlarmTopicArn": "arn:aws:sns:us-east-1:000000000000:alarms",
	})
	return map[string]cloud.World{"on machines": plain, "on Fargate, with all": all}
}

// knowledge is what our own code and the SDKs say.
func knowledge(t *testing.T) cloud.Knowledge {
	t.Helper()
	atRoot()
	o := inference.DefaultOptions()
	operations := map[string][]string{}
	for _, service := range []string{"ecs", "s3", "sagemaker"} {
		names, err := cloud.Operations(".", service)
		if err != nil {
			t.Fatal(err)
		}
		operations[service] = names
	}
	return cloud.Knowledge{
		Drain: cloud.Drain{Delay: o.DrainDelay, Timeout: o.DrainTimeout, Idle: o.IdleTimeout},
		Actions: func(action string) bool {
			service, operation, _ := strings.Cut(action, ":")
			if _, known := cloud.KindOf(action); known {
				return true
			}
			return slices.Contains(operations[service], operation) && slices.ContainsFunc(cloud.Rights(cloud.Call{Service: service, Operation: operation}), func(r cloud.Right) bool { return r.Action == action })
		},
	}
}

// look returns what is wrong with the text of a template, in all worlds.
func look(text string, known cloud.Knowledge) (wrong []string) {
	template, err := cloud.Parse([]byte(text))
	if err != nil {
		return []string{err.Error()}
	}
	for _, world := range worlds() {
		stack, err := template.Resolve(world)
		if err != nil {
			return []string{err.Error()}
		}
		wrong = append(wrong, cloud.Check(stack, known)...)
	}
	slices.Sort(wrong)
	return slices.Compact(wrong)
}

// TestTemplates looks for what checkers of templates do not find.
func TestTemplates(t *testing.T) {
	known := knowledge(t)
	for name, text := range templates(t) {
		for _, fault := range look(text, known) {
			t.Errorf("%s: %s", name, fault)
		}
		if len(text) > 51_200 {
			t.Errorf("%s has %d bytes: CloudFormation takes 51,200 without a bucket", name, len(text))
		}
		template, err := cloud.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for what, part := range map[string]map[string]any{"parameter": template.Parameters, "output": template.Outputs} {
			for key, v := range part {
				m, _ := v.(map[string]any)
				if m["Description"] == nil {
					t.Errorf("%s: %s %s has no Description", name, what, key)
				}
				if what == "parameter" && m["Type"] == "String" && m["AllowedPattern"] == nil && m["AllowedValues"] == nil {
					t.Errorf("%s: parameter %s takes whatever somebody types", name, key)
				}
				if m["AllowedPattern"] != nil && m["ConstraintDescription"] == nil {
					t.Errorf("%s: parameter %s does not say in words what it takes", name, key)
				}
			}
		}
	}
}

// TestPlantedFaults plants faults that checkers of templates pass over, each in
// a copy of a template, and sees each found, and nothing else.
func TestPlantedFaults(t *testing.T) {
	all, known := templates(t), knowledge(t)
	for _, f := range []struct{ file, old, planted, says string }{
		{"fleet.yaml", `HealthCheckPort: "9092"`, `HealthCheckPort: "90920"`, `AuctionTargets: HealthCheckPort "90920" is no port`},
		{"fleet.yaml", `HealthCheckPort: "9092"`, `HealthCheckPort: healthy`, `AuctionTargets: HealthCheckPort "healthy" is no port`},
		{"fleet.yaml", `HealthCheckPort: "9092"`, `HealthCheckPort: "9093"`, `AuctionTargets: HealthCheckPort 9093 is mapped by no container`},
		{"fleet.yaml", `HealthCheckPath: /readyz`, `HealthCheckPath: /healthz`, `AuctionTargets: its health check asks HTTP /healthz, and only HTTP /readyz knows whether a model serves` + "\n" + `DashboardTargets: its health check`},
		{"fleet.yaml", `Value: "900"}`, `Value: "30"}`, `AuctionPort: tcp.idle_timeout.seconds is 30: want 60 to 6000`},
		{"fleet.yaml", `Value: "900"}`, `Value: "6001"}`, `AuctionPort: tcp.idle_timeout.seconds is 6001: want 60 to 6000`},
		{"fleet.yaml", `      ListenerAttributes: [{Key: tcp.idle_timeout.seconds, Value: "900"}]`, "", `AuctionPort: tcp.idle_timeout.seconds is 350, and a task ends idle connections after 10m0s`},
		{"fleet.yaml", `{ContainerPort: 9090, Protocol: tcp}`, `{ContainerPort: 9089, Protocol: tcp}`, `Service: its load balancer sends to port 9090 of container "sluice", which does not map it` +
			"\n" + `TaskDefinition: container sluice listens on :9090 (--listen)`},
		{"fleet.yaml", `            - {ContainerPort: 9091, Protocol: tcp} # controllers`, "", `TaskDefinition: container sluice listens on :9091 (--control-listen) and does not map`},
		{"fleet.yaml", `{ContainerName: sluice, ContainerPort: 8080,`, `{ContainerName: dashboard, ContainerPort: 8080,`, `ControllerService: its load balancer sends to port 8080 of container "dashboard"`},
		{"fleet.yaml", `Secrets: [{Name: CONTROL_TOKEN,`, `Secrets: [{Name: TOKEN,`, `TaskDefinition: container sluice reads the variable CONTROL_TOKEN, and none of its Secrets is called so`},
		{"fleet.yaml", `            - {Name: PEOPLE, ValueFrom: !Ref People}`, "", `ControllerDefinition: container sluice reads the variable PEOPLE`},
		{"fleet.yaml", `        - {Key: load_balancing.cross_zone.enabled, Value: "true"}`, "", `Balancer: connections of one zone`},
		{"fleet.yaml", `{Key: deregistration_delay.timeout_seconds, Value: "30"}`, `{Key: deregistration_delay.timeout_seconds, Value: "10"}`, `AuctionTargets: deregistration_delay.timeout_seconds is 10, and a task takes 25s`},
		{"fleet.yaml", `{Key: deregistration_delay.timeout_seconds, Value: "30"}`, `{Key: deregistration_delay.timeout_seconds, Value: "300"}`, `AuctionTargets: deregistration_delay.timeout_seconds is 300`},
		{"fleet.yaml", `{Key: target_health_state.unhealthy.connection_termination.enabled, Value: "false"}`, `{Key: target_health_state.unhealthy.connection_termination.enabled, Value: "true"}`, `AuctionTargets: the balancer cuts connections`},
		{
			"fleet.yaml", `NetworkMode: awsvpc`, `NetworkMode: bridge`, `AuctionDefinition: NetworkMode is bridge` + "\n" +
				`ControllerDefinition: NetworkMode is bridge` + "\n" + `TaskDefinition: NetworkMode is bridge: controllers would need ec2:DescribeInstances`,
		},
		{"fleet.yaml", `        MaximumPercent: 150`, "        MaximumPercent: 150\n        Strategy: BLUE_GREEN", `Service: it is deployed otherwise than by ROLLING`},
		{"fleet.yaml", `StopTimeout: 40`, `StopTimeout: 20`, `TaskDefinition: StopTimeout is 20 seconds, and a task takes 25s`},
		{"fleet.yaml", `TaskRoleArn: !GetAtt TaskRole.Arn`, `TaskRoleArn: !GetAtt ExecutionRole.Arn`, `TaskDefinition: the task has the role of the agent`},
		{"fleet.yaml", `      NewInstancesProtectedFromScaleIn: true`, ``, `Machines: ManagedTerminationProtection wants NewInstancesProtectedFromScaleIn`},
		{"fleet.yaml", `ManagedScaling: {Status: ENABLED`, `ManagedScaling: {Status: DISABLED`, `Machines: ManagedTerminationProtection wants ManagedScaling`},
		{"fleet.yaml", "!If\n        - OnMachines\n        - [{Type: spread, Field: \"attribute:ecs.availability-zone\"}, {Type: binpack, Field: cpu}]\n        - !Ref \"AWS::NoValue\"", `[{Type: binpack, Field: cpu}]`, `Service: Fargate takes no PlacementStrategies`},
		{
			"fleet.yaml", `Resource: "*" # its resource is a machine, of which Fargate has none`, `Resource: !Sub "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:cluster/sluice-${Fleet}"`,
			`ControllerRole: ControllerRole, TasksAreListed: ecs:ListTasks is about a resource of kind "*", which arn:aws:ecs:us-east-1:000000000000:cluster/sluice-ads is not`,
		},
		{
			"fleet.yaml", "Action: \"s3:ListBucket\"\n                Resource: !Sub \"arn:${AWS::Partition}:s3:::${Bucket}\"", "Action: \"s3:ListBucket\"\n                Resource: !Sub \"arn:${AWS::Partition}:s3:::${Bucket}/*\"",
			`TaskRole: TaskRole, WhatIsThere: s3:ListBucket is about a resource of kind "bucket", which arn:aws:s3:::sluice/* is not`,
		},
		{"training.yaml", "Action: \"s3:ListBucket\"\n                Resource: !GetAtt Store.Arn", "Action: \"s3:ListBucket\"\n                Resource: !Sub \"${Store.Arn}/*\"", `TrainingRole: TrainingRole, WhatIsThere: s3:ListBucket is about a resource of kind "bucket"`},
		{"fleet.yaml", `Resource: !Sub "arn:${AWS::Partition}:s3:::${TrainingBucket}/*"`, `Resource: !Sub "arn:${AWS::Partition}:s3:::${TrainingBucket}"`, `ControllerRole: ControllerRole, Artifacts: s3:GetObject is about a resource of kind "object"` + "\n" +
			`ControllerRole: ControllerRole, Artifacts: s3:GetObjectVersion is about a resource of kind "object"`},
		{"fleet.yaml", `:task/sluice-${Fleet}/*"`, `:service/sluice-${Fleet}/*"`, strings.Join([]string{
			`ControllerRole: ControllerRole, Tasks: ecs:DescribeTasks is about a resource of kind "task"`, `ControllerRole: ControllerRole, Tasks: ecs:GetTaskProtection`,
			`ControllerRole: ControllerRole, Tasks: ecs:StopTask`, `ControllerRole: ControllerRole, Tasks: ecs:TagResource`, `ControllerRole: ControllerRole, Tasks: ecs:UpdateTaskProtection`,
		}, "\n")},
		{"fleet.yaml", `Principal: {Service: ecs-tasks.amazonaws.com}`, `Principal: {Service: ecs-task.amazonaws.com}`, `ControllerRole: there is no service ecs-task.amazonaws.com` + "\n" +
			`ExecutionRole: there is no service ecs-task` + "\n" + `TaskRole: there is no service ecs-task`},
		{"fleet.yaml", `"ecs:GetTaskProtection"`, `"ecs:ReadTaskProtection"`, `ControllerRole: ControllerRole, Tasks: IAM has no action ecs:ReadTaskProtection`},
		{"fleet.yaml", `["s3:GetObject", "s3:GetObjectVersion"]`, `["s3:GetObject", "s3:HeadObject"]`, `ControllerRole: ControllerRole, Artifacts: IAM has no action s3:HeadObject`},
		{"fleet.yaml", `"ecr:BatchGetImage"`, `"ecr:BatchGetImages"`, `ExecutionRole: ExecutionRole, Images: IAM has no action ecr:BatchGetImages`},
		{
			"fleet.yaml", "              - Sid: Machines\n                Effect: Allow\n                Action: \"ecs:DescribeContainerInstances\"\n", "              - Sid: Machines\n                Effect: Allow\n                Condition: {ArnEquals: {\"ecs:cluster\": \"*\"}}\n                Action: \"ecs:TagResource\"\n",
			`ControllerRole: ControllerRole, Machines: ecs:TagResource is about a resource of kind "task"` + "\n" + `ControllerRole: ControllerRole, Machines: ecs:TagResource knows no condition ecs:cluster`,
		},
		{"bucket.yaml", "Prefix: lease.json\n            NoncurrentVersionExpiration: {NoncurrentDays: 1}", "Prefix: lease.json\n            NoncurrentVersionExpiration: {NoncurrentDays: 0}", `Store: rule lease: NoncurrentDays is 0: want 1 or more`},
		{"bucket.yaml", "VersioningConfiguration: {Status: Enabled}", "VersioningConfiguration: {Status: Suspended}", `Store: it keeps no versions`},
		{"bucket.yaml", "        RestrictPublicBuckets: true\n", "", `Store: RestrictPublicBuckets is not set`},
		{"training.yaml", `{"aws:SecureTransport": "false"}`, `{"aws:SecureTransport": "true"}`, `Store: no policy turns away who comes without TLS`},
		{"fleet.yaml", `!Ref AuctionLog`, `!Ref AuctionLogs`, `there is no AuctionLogs`},
		{"fleet.yaml", `TaskRoleArn: !GetAtt TaskRole.Arn`, `TaskRoleArn: *role`, `CloudFormation takes no aliases`},
	} {
		text := all[f.file]
		if !strings.Contains(text, f.old) {
			t.Errorf("%s has no %q to plant a fault in", f.file, f.old)
			continue
		}
		found := look(strings.ReplaceAll(text, f.old, f.planted), known)
		if f.file == "fleet.yaml" && strings.Contains(f.old, "deregistration_delay.timeout") {
			found = look(strings.Replace(text, f.old, f.planted, 1), known) // the other is of controllers
		}
		want := strings.Split(f.says, "\n")
		ok := len(found) == len(want)
		for i := range want {
			ok = ok && strings.Contains(found[i], want[i])
		}
		if !ok {
			t.Errorf("%s with %q: found\n%s\nwant\n%s", f.file, f.planted, strings.Join(found, "\n"), f.says)
		}
	}
}

// TestKeysExpire holds the bucket's rules against what is written there. Earlier
// versions of what is written again and again go; nothing goes that must stay.
func TestKeysExpire(t *testing.T) {
	atRoot()
	template, err := cloud.Read("deploy/aws/bucket.yaml")
	if err != nil {
		t.Fatal(err)
	}
	stack, err := template.Resolve(worlds()["on machines"])
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range cloud.Keys("ads") {
		if got := cloud.ExpiryOf(stack["Store"], k.Example); got != k.Expiry {
			t.Errorf("%s: earlier versions go after %d days and it after %d: want %d and %d: %s", k.Example, got.Earlier, got.Current, k.Expiry.Earlier, k.Expiry.Current, k.Why)
		}
	}
}

// cfnLint is pinned in the Makefile, and installed by .ci/run.
const cfnLint = ".tools/cfn-lint/bin/cfn-lint"

// TestCfnLint lets AWS's own checker see the templates.
func TestCfnLint(t *testing.T) {
	files := slices.Sorted(maps.Keys(templates(t)))
	if _, err := os.Stat(cfnLint); err != nil {
		t.Skip("NOT CHECKED: there is no cfn-lint: make deploy-check installs it")
	}
	args := []string{"--regions", "us-east-1", "--"}
	for _, name := range files {
		args = append(args, "deploy/aws/"+name)
	}
	if said, err := exec.CommandContext(t.Context(), cfnLint, args...).CombinedOutput(); err != nil {
		t.Errorf("cfn-lint: %v\n%s", err, said)
	}
	planted := filepath.Join(t.TempDir(), "fleet.yaml")
	text := strings.Replace(templates(t)["fleet.yaml"], "NetworkMode: awsvpc", "NetworkMode: awsvcp", 1)
	if err := os.WriteFile(planted, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := exec.CommandContext(t.Context(), cfnLint, planted).CombinedOutput()
	if err == nil || !strings.Contains(string(said), "awsvcp") {
		t.Errorf("cfn-lint passes over a network mode that does not exist: %v\n%s", err, said)
	}
}
