package cloud

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is a kind of resource, as the service authorization reference names
// those of an action.
type Kind string

// The kinds that Sluice has to do with.
const (
	Nothing    Kind = "*" // the action knows no resource: its statement must say "*"
	Bucket     Kind = "bucket"
	Object     Kind = "object"
	Service    Kind = "service"
	Task       Kind = "task"
	Machine    Kind = "container-instance"
	Job        Kind = "training-job"
	TuningJob  Kind = "hyper-parameter-tuning-job"
	AutoMLJob  Kind = "automl-job"
	Deployment Kind = "service-deployment"
	Revision   Kind = "service-revision"
	Provider   Kind = "capacity-provider"
	Unknown    Kind = "" // the tables below do not say
)

// Right is what an operation needs in a policy.
type Right struct {
	Action string
	Kind   Kind
}

// exception is an operation whose right has another name than it, or that needs
// another one besides.
type exception struct {
	service, operation string
	field              string // of the input, if it only matters where that is set
	rights             []Right
	why                string
}

// exceptions are those of IAM, and why each is one. All other operations need
// the right of their own name.
func exceptions() []exception {
	get, put, list := Right{"s3:GetObject", Object}, Right{"s3:PutObject", Object}, Right{"s3:ListBucket", Bucket}
	return []exception{
		{"s3", "GetObject", "", []Right{get, list}, "without s3:ListBucket S3 says denied of what does not exist, and Sluice tells the two apart"},
		{"s3", "GetObject", "VersionId", []Right{{"s3:GetObjectVersion", Object}}, "a version has a right of its own"},
		{"s3", "HeadObject", "", []Right{get, list}, "there is no s3:HeadObject; and as above"},
		{"s3", "HeadObject", "VersionId", []Right{{"s3:GetObjectVersion", Object}}, "a version has a right of its own"},
		{"s3", "GetObjectAttributes", "", []Right{get, {"s3:GetObjectAttributes", Object}}, "it wants both"},
		{"s3", "HeadBucket", "", []Right{list}, "there is no s3:HeadBucket"},
		{"s3", "ListObjects", "", []Right{list}, "the right is called by what is listed"},
		{"s3", "ListObjectsV2", "", []Right{list}, "the right is called by what is listed"},
		{"s3", "ListObjectVersions", "", []Right{{"s3:ListBucketVersions", Bucket}}, "the right is called by what is listed"},
		{"s3", "ListBuckets", "", []Right{{"s3:ListAllMyBuckets", Nothing}}, "the right is called by what is listed"},
		{"s3", "ListMultipartUploads", "", []Right{{"s3:ListBucketMultipartUploads", Bucket}}, "the right is called by what is listed"},
		{"s3", "ListParts", "", []Right{{"s3:ListMultipartUploadParts", Object}}, "the right is called by what is listed"},
		{"s3", "PutObject", "", []Right{put}, ""},
		{"s3", "PutObject", "IfMatch", []Right{get}, "who compares has to see"},
		{"s3", "PutObject", "Tagging", []Right{{"s3:PutObjectTagging", Object}}, "tags have a right of their own"},
		{"s3", "CopyObject", "", []Right{get, put}, "it reads there and writes here"},
		{"s3", "CreateMultipartUpload", "", []Right{put}, "parts are a way to put an object"},
		{"s3", "UploadPart", "", []Right{put}, "parts are a way to put an object"},
		{"s3", "UploadPartCopy", "", []Right{get, put}, "parts are a way to put an object"},
		{"s3", "CompleteMultipartUpload", "", []Right{put}, "parts are a way to put an object"},
		{"s3", "DeleteObject", "VersionId", []Right{{"s3:DeleteObjectVersion", Object}}, "a version has a right of its own"},
		{"s3", "DeleteObjects", "", []Right{{"s3:DeleteObject", Object}}, "there is no right for many"},
		{"s3", "GetBucketLifecycleConfiguration", "", []Right{{"s3:GetLifecycleConfiguration", Bucket}}, "the right lacks the word"},
		{"s3", "PutBucketLifecycleConfiguration", "", []Right{{"s3:PutLifecycleConfiguration", Bucket}}, "the right lacks the word"},
		{"s3", "GetObjectLockConfiguration", "", []Right{{"s3:GetBucketObjectLockConfiguration", Bucket}}, "the lock is the bucket's"},
		{"s3", "GetBucketEncryption", "", []Right{{"s3:GetEncryptionConfiguration", Bucket}}, "the right lacks the word"},
		{"sts", "GetCallerIdentity", "", nil, "everybody may ask who they are"},
	}
}

// kinds are the resources of actions whose names are those of operations.
func kinds() map[string]Kind {
	return map[string]Kind{
		"s3:GetBucketVersioning": Bucket, "s3:GetBucketLocation": Bucket, "s3:GetObjectTagging": Object,
		"s3:DeleteObject": Object, "s3:AbortMultipartUpload": Object,

		"ecs:ListTasks":                  Nothing, // a container instance, of which Fargate has none; ecs:cluster bounds it
		"ecs:DescribeTaskDefinition":     Nothing,
		"ecs:DescribeServices":           Service,
		"ecs:ListServiceDeployments":     Service,
		"ecs:DescribeServiceDeployments": Deployment, // and the service, as the two below
		"ecs:ContinueServiceDeployment":  Deployment,
		"ecs:DescribeServiceRevisions":   Revision,
		"ecs:DescribeTasks":              Task,
		"ecs:TagResource":                Task, // of all that has tags, the only one that Sluice tags
		"ecs:GetTaskProtection":          Task,
		"ecs:UpdateTaskProtection":       Task,
		"ecs:StopTask":                   Task,
		"ecs:DescribeContainerInstances": Machine,
		"ecs:DescribeCapacityProviders":  Provider,

		"elasticloadbalancing:DescribeTargetGroups":           Nothing,
		"elasticloadbalancing:DescribeTargetGroupAttributes":  Nothing,
		"elasticloadbalancing:DescribeLoadBalancerAttributes": Nothing,
		"elasticloadbalancing:DescribeListeners":              Nothing,
		"elasticloadbalancing:DescribeListenerAttributes":     Nothing,
		"autoscaling:DescribeAutoScalingGroups":               Nothing,

		"sagemaker:ListTrainingJobs":                Nothing,
		"sagemaker:DescribeTrainingJob":             Job,
		"sagemaker:DescribeHyperParameterTuningJob": TuningJob,
		"sagemaker:DescribeAutoMLJobV2":             AutoMLJob,
	}
}

// Planes are the commands that have a role, by its name in deploy/aws/fleet.yaml,
// and the function that each begins with.
func Planes() map[string]string {
	return map[string]string{
		"ControllerRole": `sluice/cli\.controllerFlags\)\.run$`,
		"TaskRole":       `sluice/cli\.taskIn$`,
	}
}

// Doctor is the pattern of what the command begins with that examines a fleet: a
// person's, with whatever rights they have. It may read, and change nothing that
// counts.
const Doctor = `sluice/cli\.doctorFlags\)\.run$`

// Harmless are the calls of the doctor that are no reads, and why they may be.
func Harmless() map[string]string {
	return map[string]string{
		"s3:PutObject":             "a key of its own, which nobody reads",
		"s3:DeleteObject":          "the same key",
		"ecs:UpdateTaskProtection": "of a task that does not exist",
	}
}

// AnyCommand is the pattern of what all commands begin with.
const AnyCommand = `sluice/cli\.`

// Rights are what a call needs, given the fields that its input has.
func Rights(c Call) (rights []Right) {
	excepted := false
	for _, e := range exceptions() {
		if e.service != c.Service || e.operation != c.Operation || e.field != "" && !slices.Contains(c.Fields, e.field) {
			continue
		}
		excepted = excepted || e.field == ""
		rights = append(rights, e.rights...)
	}
	if !excepted {
		action := strings.TrimSuffix(c.Service, "v2") + ":" + c.Operation // rights of Elastic Load Balancing know no version
		rights = append(rights, Right{action, kinds()[action]})
	}
	return rights
}

// KindOf is the kind of resource that an action is about, as the tables say.
func KindOf(action string) (Kind, bool) {
	for _, e := range exceptions() {
		for _, r := range e.rights {
			if r.Action == action {
				return r.Kind, true
			}
		}
	}
	k, known := kinds()[action]
	return k, known
}

// Needless are rights that the code can come to need, and the fleet of
// deploy/aws never does; with the reason, which a rule holds.
func Needless() map[string]string {
	const rolling = "its service is deployed by ROLLING and without hooks, of which ecs:DescribeServices tells all"
	return map[string]string{
		"ec2:DescribeInstances":          "its tasks have an interface of their own (awsvpc), so that nobody asks where their hosts are",
		"ecs:ListServiceDeployments":     rolling,
		"ecs:DescribeServiceDeployments": rolling,
		"ecs:DescribeServiceRevisions":   rolling,
		"ecs:ContinueServiceDeployment":  rolling,
	}
}

// where says which resource a statement of that kind is to have.
func (k Kind) where() string {
	if k == Unknown {
		return "on the resource that the service authorization reference names (say which in checks/cloud/rights.go)"
	}
	return fmt.Sprintf("on a resource of kind %q", k)
}

// Compare returns what is wrong with the rights of a role: what the calls need
// and it lacks, and what it has and no call needs.
func Compare(role string, calls []Call, statements []Statement) (wrong []string) {
	need := map[string]bool{}
	for _, c := range calls {
		for _, r := range Rights(c) {
			if Needless()[r.Action] != "" {
				continue
			}
			need[r.Action] = true
			if !slices.ContainsFunc(statements, func(s Statement) bool { return s.Effect == "Allow" && slices.Contains(s.Actions, r.Action) }) {
				wrong = append(wrong, fmt.Sprintf("%s calls %s:%s, for which %s lacks %s: add it to deploy/aws/fleet.yaml, %s, and to the table in docs/operating.md",
					c.At, c.Service, c.Operation, role, r.Action, r.Kind.where()))
			}
		}
	}
	for _, s := range statements {
		for _, a := range s.Actions {
			if !need[a] && s.Effect == "Allow" {
				wrong = append(wrong, fmt.Sprintf("%s (%s) may do %s, which nothing in its code needs: take it away in deploy/aws/fleet.yaml and in docs/operating.md", role, s.Where, a))
			}
		}
	}
	slices.Sort(wrong)
	return slices.Compact(wrong)
}
