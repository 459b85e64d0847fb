package aws_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/amazon"
	"github.com/sluicehq/sluice/controller/aws"
	"github.com/sluicehq/sluice/controller/rollout"
)

// withDetails is an awsvpc task whose interface is told by these details.
func withDetails(id string, details ...string) object {
	task := awsvpc(id, "")
	list := []object{{"name": "subnetId", "value": "subnet-1"}}
	for i := 0; i < len(details); i += 2 {
		list = append(list, object{"name": details[i], "value": details[i+1]})
	}
	task["attachments"] = []object{{"type": "ElasticNetworkInterface", "status": "ATTACHED", "details": list}}
	return task
}

// Tasks are reached wherever they live: by IPv4 or IPv6, on Fargate, EC2 and
// managed instances, in every partition.
func TestWhereTasksLive(t *testing.T) {
	inContainer := withDetails("d")
	inContainer["containers"] = []object{{"name": "main", "networkInterfaces": []object{{"attachmentId": "a", "ipv6Address": "2001:db8::4"}}}}
	fargate, managed := withDetails("e", "privateIPv6Address", "2001:db8::5"), awsvpc("f", "10.0.0.6")
	fargate["launchType"] = "FARGATE"
	managed["launchType"], managed["capacityProviderName"], managed["containerInstanceArn"] = "MANAGED_INSTANCES", "mine", clusterARN+"/managed"
	hosted := bridge("g", clusterARN+"/managed", 9091)
	hosted["launchType"], hosted["capacityProviderName"] = "MANAGED_INSTANCES", "mine"
	managedHost := instance("managed", "m8g.large")
	managedHost["ec2InstanceId"] = "i-managed"
	for _, partition := range []string{"aws", "aws-cn", "aws-us-gov", "aws-eusc"} {
		c := &cluster{
			services: []object{service(7)}, instances: []object{managedHost},
			ec2: `<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-managed</instanceId><privateIpAddress>10.0.0.7</privateIpAddress></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`,
		}
		for _, task := range []object{
			withDetails("a", "privateIPv6Address", "2001:db8::1"), withDetails("b", "ipv6Address", "2001:db8::2", "privateIPv4Address", "10.0.0.2"),
			withDetails("c", "privateIPv6Address", "fe80::%none"), inContainer, fargate, managed, hosted,
		} {
			task = maps.Clone(task)
			task["taskArn"] = strings.Replace(task["taskArn"].(string), "arn:aws:", "arn:"+partition+":", 1)
			task["taskDefinitionArn"] = "arn:" + partition + ":ecs:r:1:task-definition/inference:3"
			c.tasks = append(c.tasks, task)
		}
		_, tasks := openTasks(t, c)
		want := []struct{ address, kind string }{
			{"[2001:db8::1]:9091", ""},
			{"10.0.0.2:9091", ""},
			{"", ""},
			{"[2001:db8::4]:9091", ""},
			{"[2001:db8::5]:9091", "fargate"},
			{"10.0.0.6:9091", "m8g.large"},
			{"10.0.0.7:9091", "m8g.large"},
		}
		for i, got := range list(t, tasks) {
			if got.ID != string(rune('a'+i)) || got.Address != want[i].address || (got.Error == "") != (want[i].address != "") ||
				got.Stratum.InstanceType != want[i].kind || got.Stratum.Revision != "inference:3" {
				t.Errorf("%s: %+v, want %+v", partition, got, want[i])
			}
		}
	}
}

// ec2Answer is what EC2 tells of instances, whose IPv6 addresses are told with
// their interfaces.
func ec2Answer(v4 map[string]string, v6 map[string]string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>1</requestId><reservationSet>`)
	for id, address := range v4 {
		fmt.Fprintf(&b, "<item><reservationId>r-1</reservationId><instancesSet><item><instanceId>%s</instanceId><instanceType>m7i.large</instanceType><privateIpAddress>%s</privateIpAddress></item></instancesSet></item>", id, address)
	}
	for id, address := range v6 {
		fmt.Fprintf(&b, "<item><instancesSet><item><instanceId>%s</instanceId><networkInterfaceSet><item><ipv6AddressesSet><item><ipv6Address>%s</ipv6Address></item></ipv6AddressesSet></item></networkInterfaceSet></item></instancesSet></item>", id, address)
	}
	b.WriteString("</reservationSet></DescribeInstancesResponse>")
	return b.String()
}

func onHost(name, ec2 string) object {
	return object{"containerInstanceArn": clusterARN + "/" + name, "ec2InstanceId": ec2}
}

// EC2 tells where hosts are that do not tell it themselves, once for each.
func TestHostsByEC2(t *testing.T) {
	c := &cluster{
		services:  []object{service(4)},
		instances: []object{onHost("one", "i-1"), onHost("two", "i-2"), onHost("gone", "i-3"), onHost("elsewhere", "mi-4")},
		tasks: []object{
			bridge("a", clusterARN+"/one", 32768), bridge("b", clusterARN+"/two", 32769),
			bridge("c", clusterARN+"/gone", 1), bridge("d", clusterARN+"/elsewhere", 1),
		},
		ec2: ec2Answer(map[string]string{"i-1": "10.0.0.1"}, map[string]string{"i-2": "2001:db8::2"}),
	}
	f, endpoint := serveFake(t, c.reply)
	var told []aws.Call
	o := options(endpoint)
	o.Called = func(call aws.Call) {
		if call.Service == "EC2" {
			told = append(told, call)
		}
	}
	client, err := aws.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	tasks := client.Tasks(aws.TasksOptions{Cluster: "main", Service: "filter", ControlPort: 9091})
	got := list(t, tasks)
	if got[0].Address != "10.0.0.1:32768" || got[1].Address != "[2001:db8::2]:32769" || got[0].Error+got[1].Error != "" {
		t.Errorf("%+v", got)
	}
	check(t, "a host that EC2 does not know", errorOf(got[2]), "container instance gone does not tell its own, nor does EC2: allow ec2:DescribeInstances, or set ECS_INSTANCE_ATTRIBUTES=")
	check(t, "a host that is none of EC2's", errorOf(got[3]), "container instance elsewhere does not tell its own: allow")
	form := f.last("DescribeInstances")
	for name, value := range map[string]string{"Version": "2016-11-15", "Filter.1.Name": "instance-id", "Filter.1.Value.1": "i-1", "Filter.1.Value.3": "i-3"} {
		if form[name] != value {
			t.Errorf("EC2 was asked with %s = %v, want %s", name, form[name], value)
		}
	}
	if _, all := form["Filter.1.Value.4"]; all || !strings.Contains(form["authorization"].(string), "/eu-central-1/ec2/aws4_request") {
		t.Errorf("EC2 was asked %v", form)
	}
	list(t, tasks)
	if form := f.last("DescribeInstances"); f.count("DescribeInstances") != 2 || form["Filter.1.Value.1"] != "i-3" || form["Filter.1.Value.2"] != nil {
		t.Errorf("EC2 was asked %d times, at last %v: want what it has not told", f.count("DescribeInstances"), form)
	}
	if len(told) != 2 || told[0].Operation != "DescribeInstances" || told[0].Result != aws.OK || told[0].Attempts != 1 {
		t.Errorf("calls were told as %+v", told)
	}
}

func errorOf(task rollout.Task) error { return fmt.Errorf("%s", task.Error) }

// Where EC2 may not be asked, the task says whom to allow what, and EC2 is left
// alone for a while.
func TestHostsThatEC2Denies(t *testing.T) {
	for name, tt := range map[string]struct {
		refuse apiError
		answer string
		says   string
	}{
		"denied": {
			apiError{"UnauthorizedOperation", "You are not authorized to perform this operation. User: arn:aws:sts::1:assumed-role/sluice/i is not authorized to perform: ec2:DescribeInstances because no identity-based policy allows the ec2:DescribeInstances action"},
			"",
			"does not tell its own, and asking EC2 fails: access to EC2 instance i-1 is denied: allow ec2:DescribeInstances for role sluice in a policy of role sluice (AWS says UnauthorizedOperation: You are not authorized",
		},
		"slow down":     {apiError{"RequestLimitExceeded", "Request limit exceeded."}, "", "asking EC2 fails: AWS asks to slow down"},
		"none of EC2's": {apiError{}, "{}", "the answer is none of AWS's"},
	} {
		t.Run(name, func(t *testing.T) {
			c := &cluster{services: []object{service(1)}, instances: []object{onHost("one", "i-1")}, tasks: []object{bridge("a", clusterARN+"/one", 32768)}, ec2: tt.answer}
			if tt.refuse.code != "" {
				c.refuse = map[string]apiError{"DescribeInstances": tt.refuse}
			}
			f, tasks := openTasks(t, c)
			for range 3 {
				check(t, "list", errorOf(list(t, tasks)[0]), tt.says)
			}
			if n := f.count("DescribeInstances"); n != 1 {
				t.Errorf("EC2 was asked %d times", n)
			}
		})
	}
}

// What is asked by hand is found beside ECS, in every partition and of every
// kind, as the modules of the SDK find it.
func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		region, set, want string
	}{
		{"eu-west-1", "", "https://ec2.eu-west-1.amazonaws.com/"},
		{"us-east-1", "AWS_USE_FIPS_ENDPOINT", "https://ec2-fips.us-east-1.amazonaws.com/"},
		{"us-west-2", "AWS_USE_DUALSTACK_ENDPOINT", "https://ec2.us-west-2.api.aws/"},
		{"cn-north-1", "", "https://ec2.cn-north-1.amazonaws.com.cn/"},
		{"cn-north-1", "AWS_USE_DUALSTACK_ENDPOINT", "https://ec2.cn-north-1.api.amazonwebservices.com.cn/"},
		{"us-gov-east-1", "", "https://ec2.us-gov-east-1.amazonaws.com/"},
		{"us-gov-west-1", "AWS_USE_FIPS_ENDPOINT", "https://ec2.us-gov-west-1.amazonaws.com/"},
		{"us-gov-east-1", "AWS_USE_FIPS_ENDPOINT AWS_USE_DUALSTACK_ENDPOINT", "https://ec2-fips.us-gov-east-1.api.aws/"},
		{"us-iso-east-1", "", "https://ec2.us-iso-east-1.c2s.ic.gov/"},
		{"us-isob-east-1", "AWS_USE_FIPS_ENDPOINT", "https://ec2-fips.us-isob-east-1.sc2s.sgov.gov/"},
		{"eu-west-1", "AWS_ENDPOINT_URL_EC2", "http://127.0.0.1:1/"},
		{"eu-west-1", "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2", "http://127.0.0.1:1/"},
		{"eu-west-1", "AWS_ENDPOINT_URL_AUTO_SCALING", "http://127.0.0.1:1/"},
		{"eu-west-1", "AWS_ENDPOINT_URL", "http://127.0.0.1:1/"},
	} {
		t.Run(tt.region+tt.set, func(t *testing.T) {
			t.Setenv("AWS_CONFIG_FILE", "/dev/null")
			for name := range strings.FieldsSeq(tt.set) {
				t.Setenv(name, "true")
			}
			if strings.Contains(tt.set, "ENDPOINT_URL") {
				t.Setenv(tt.set, "http://127.0.0.1:1")
			}
			client, err := aws.Open(t.Context(), aws.Options{Region: tt.region})
			if err != nil {
				t.Fatal(err)
			}
			for service, host := range map[string]string{amazon.EC2: "ec2", amazon.LoadBalancing: "elasticloadbalancing", amazon.AutoScaling: "autoscaling"} {
				want := strings.Replace(tt.want, "ec2", host, 1)
				if of, own := strings.CutPrefix(tt.set, "AWS_ENDPOINT_URL_"); own && of != strings.ReplaceAll(strings.ToUpper(service), " ", "_") {
					want = "https://" + host + ".eu-west-1.amazonaws.com/"
				}
				if got, err := aws.AddressOf(t.Context(), client, service); err != nil || got != want {
					t.Errorf("%s, %v; want %s", got, err, want)
				}
			}
		})
	}
}
