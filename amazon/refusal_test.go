package amazon_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sluicehq/sluice/amazon"
)

const (
	secretToken = "FwoGZXIvYXdzEBYaDFkSecretSecret"
	role        = "arn:aws:sts::123456789012:assumed-role/sluice/i-0abc"
	object      = `on resource: "arn:aws:s3:::models/a/model.tar.gz"`
	key         = "on resource: arn:aws:kms:eu-west-1:123456789012:key/1234abcd"
)

// reply is what a service answered.
type reply struct {
	status int
	header string // X-Amz-Bucket-Region
	body   string
}

func xml(status int, code, message, more string) reply {
	return reply{status: status, body: `<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error><Code>" + code + "</Code><Message>" + message + "</Message>" + more +
		"<RequestId>656c76696e6727732072657175657374</RequestId><HostId>Uuag1LuByRx9e6j5Onimru9pO4ZVKnJ2Qz7/C1NPcfTWAtRPfTaOFg==</HostId></Error>"}
}

func inRegion(region string, r reply) reply {
	r.header = region
	return r
}

func json(status int, kind, member, message string) reply {
	return reply{status: status, body: `{"__type":"` + kind + `","` + member + `":"` + message + `"}`}
}

func query(status int, code, message string) reply {
	return reply{status: status, body: `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>` + code +
		"</Code><Message>" + message + "</Message></Error><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ErrorResponse>"}
}

func user(action, on, why string) string {
	return "User: " + role + " is not authorized to perform: " + action + " " + on + " " + why
}

// calls are made of a service that answers with an error.
func calls(cfg aws.Config) map[string]func(context.Context) error {
	bucket, name := aws.String("models"), aws.String("a/model.tar.gz")
	store := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	other := cfg.Copy()
	other.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), "arn:aws:iam::210987654321:role/models"))
	elsewhere := s3.NewFromConfig(other, func(o *s3.Options) { o.UsePathStyle = true })
	return map[string]func(context.Context) error{
		"get": func(ctx context.Context) error {
			_, err := store.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: name})
			return err
		},
		"head": func(ctx context.Context) error {
			_, err := store.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: name})
			return err
		},
		"put": func(ctx context.Context) error {
			_, err := store.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: name, Body: strings.NewReader("x")})
			return err
		},
		"list": func(ctx context.Context) error {
			_, err := store.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket})
			return err
		},
		"assume and get": func(ctx context.Context) error {
			_, err := elsewhere.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: name})
			return err
		},
		"tasks": func(ctx context.Context) error {
			_, err := ecs.NewFromConfig(cfg).ListTasks(ctx, &ecs.ListTasksInput{Cluster: aws.String("main")})
			return err
		},
		"jobs": func(ctx context.Context) error {
			_, err := sagemaker.NewFromConfig(cfg).ListTrainingJobs(ctx, &sagemaker.ListTrainingJobsInput{})
			return err
		},
	}
}

// TestRefusals lets services refuse in the forms that they have: whom, what, on
// what and why AWS named stands in the sentence, the way out follows from that,
// and nothing secret is repeated.
func TestRefusals(t *testing.T) {
	ours := amazon.Place{Bucket: "models", Key: "a/model.tar.gz"}
	given := amazon.Place{Bucket: "models", Key: "a/model.tar.gz", Given: true}
	service := amazon.Place{Cluster: "main", Service: "filter"}
	const canonical = `The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\nThe Canonical String for this request should have been\n'POST\n/\n\nhost:ecs\nx-amz-security-token:` + secretToken + `\n\nhost;x-amz-security-token'`
	for name, tt := range map[string]struct {
		call  string
		at    amazon.Place
		reply reply
		says  string // the whole sentence of ours
		aws   string // and what AWS is told to have said
	}{
		"no policy allows": {
			"get", ours, xml(403, "AccessDenied", user("s3:GetObject", object, "because no identity-based policy allows the s3:GetObject action"), ""),
			"access to s3://models/a/model.tar.gz is denied: allow s3:GetObject there in a policy of role sluice",
			"AccessDenied: " + user("s3:GetObject", object, "because no identity-based policy allows the s3:GetObject action"),
		},
		"a Deny of our own": {
			"put", ours, xml(403, "AccessDenied", user("s3:PutObject", object, "with an explicit deny in an identity-based policy"), ""),
			"access to s3://models/a/model.tar.gz is denied: a Deny in a policy of role sluice forbids s3:PutObject: take it away, or except this",
			"AccessDenied: " + user("s3:PutObject", object, "with an explicit deny in an identity-based policy"),
		},
		"service control policy": {
			"get", ours, xml(403, "AccessDenied", user("s3:GetObject", object, "with an explicit deny in a service control policy"), ""),
			"access to s3://models/a/model.tar.gz is denied: a Deny in a service control policy forbids s3:GetObject: take it away, or except this, which whoever runs the AWS organization can",
			"AccessDenied: " + user("s3:GetObject", object, "with an explicit deny in a service control policy"),
		},
		"service control policy with its ARN": {
			"tasks", service, json(400, "AccessDeniedException", "Message", user("ecs:ListTasks", "on resource: *", "with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-1/service_control_policy/p-1")),
			`access to ECS service "filter" of cluster "main" is denied: a Deny in a service control policy forbids ecs:ListTasks: take it away, or except this, which whoever runs the AWS organization can`,
			"p-1",
		},
		"resource control policy": {
			"get", ours, xml(403, "AccessDenied", user("s3:GetObject", object, "because no resource control policy allows the s3:GetObject action"), ""),
			"access to s3://models/a/model.tar.gz is denied: allow s3:GetObject there in a resource control policy, which whoever runs the AWS organization can",
			"because no resource control policy allows",
		},
		"VPC endpoint policy": {
			"get", ours, xml(403, "AccessDenied", user("s3:GetObject", object, "because no VPC endpoint policy allows the s3:GetObject action"), ""),
			"access to s3://models/a/model.tar.gz is denied: allow s3:GetObject there in the policy of the VPC endpoint that the call goes through",
			"because no VPC endpoint policy allows the s3:GetObject action",
		},
		"bucket's policy": {
			"get", given, xml(403, "AccessDenied", user("s3:GetObject", object, "with an explicit deny in a resource-based policy"), ""),
			"access to s3://models/a/model.tar.gz is denied: a Deny in the bucket's own policy forbids s3:GetObject: take it away, or except this",
			"with an explicit deny in a resource-based policy",
		},
		"permissions boundary": {
			"list",
			amazon.Place{Bucket: "models"},
			xml(403, "AccessDenied", user("s3:ListBucket", `on resource: "arn:aws:s3:::models"`, "because no permissions boundary allows the s3:ListBucket action"), ""),
			"access to s3://models/ is denied: allow s3:ListBucket on the bucket in the permissions boundary of role sluice",
			"because no permissions boundary allows",
		},
		"session policy": {
			"jobs",
			amazon.Place{},
			json(400, "AccessDeniedException", "Message", user("sagemaker:ListTrainingJobs", "on resource: *", "because no session policy allows the sagemaker:ListTrainingJobs action")),
			"access to the training jobs is denied: allow sagemaker:ListTrainingJobs for role sluice in the session policy that role sluice was assumed with",
			"because no session policy allows",
		},
		"KMS behind GetObject": {
			"get", given, xml(403, "AccessDenied", user("kms:Decrypt", key, "because no identity-based policy allows the kms:Decrypt action"), ""),
			"access to the key of s3://models/a/model.tar.gz is denied: allow kms:Decrypt on the key in a policy of role sluice",
			"AccessDenied: " + user("kms:Decrypt", key, "because no identity-based policy allows the kms:Decrypt action"),
		},
		"KMS's own policy": {
			"put", ours, xml(403, "AccessDenied", user("kms:GenerateDataKey", key, "because no resource-based policy allows the kms:GenerateDataKey action"), ""),
			"access to the key of s3://models/a/model.tar.gz is denied: allow kms:GenerateDataKey on the key in the key's own policy",
			"kms:GenerateDataKey",
		},
		"KMS, disabled": {
			"get", ours, xml(400, "KMS.DisabledException", "arn:aws:kms:eu-west-1:123456789012:key/1234abcd is disabled.", ""),
			"the key that s3://models/a/model.tar.gz is encrypted with cannot be used: enable it, or write with another one",
			"KMS.DisabledException: arn:aws:kms:eu-west-1:123456789012:key/1234abcd is disabled.",
		},
		"a 403 that is a missing s3:ListBucket": {
			"get", given, xml(403, "AccessDenied", user("s3:ListBucket", `on resource: "arn:aws:s3:::models"`, "because no identity-based policy allows the s3:ListBucket action"), ""),
			"access to s3://models/a/model.tar.gz is denied: allow s3:ListBucket on the bucket in a policy of role sluice",
			"s3:ListBucket",
		},
		"another account, which names nothing": {
			"get", given, xml(403, "AccessDenied", "Access Denied", ""),
			"access to s3://models/a/model.tar.gz is denied, and AWS does not say why: see that the role may s3:GetObject there, and s3:ListBucket on the bucket, without which S3 denies what does not exist, and that no policy of the bucket, its key, the VPC endpoint or the organization denies it",
			"AccessDenied: Access Denied",
		},
		"HEAD, which has no words": {
			"head", given,
			reply{status: 403},
			"access to s3://models/a/model.tar.gz is denied, and AWS does not say why: see that the role may s3:GetObject there, and s3:ListBucket on the bucket, without which S3 denies what does not exist, and that no policy of the bucket, its key, the VPC endpoint or the organization denies it",
			"Forbidden",
		},
		"an action, and no policy": {
			"tasks", service, json(400, "AccessDeniedException", "Message", "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: ecs:ListTasks on resource: *"),
			`access to ECS service "filter" of cluster "main" is denied: allow ecs:ListTasks for user ada; AWS does not say which policy lacks or denies it`,
			"user/ada is not authorized to perform: ecs:ListTasks on resource: *",
		},
		"nothing named by ECS": {
			"tasks", service, json(400, "com.amazonaws.ecs#AccessDeniedException", "message", "no"),
			`access to ECS service "filter" of cluster "main" is denied, and AWS does not say why: see that the role may ecs:ListTasks`,
			"AccessDeniedException: no",
		},
		"STS, in place of S3": {
			"assume and get", ours, query(403, "AccessDenied", "User: "+role+" is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::210987654321:role/models"),
			"the AWS credentials cannot be had from STS (AssumeRole): allow sts:AssumeRole there; AWS does not say which policy lacks or denies it",
			"sts:AssumeRole on resource: arn:aws:iam::210987654321:role/models",
		},
		"STS, a trust policy": {
			"assume and get", ours, query(403, "AccessDenied", "User: "+role+" is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::210987654321:role/models because no resource-based policy allows the sts:AssumeRole action"),
			"the AWS credentials cannot be had from STS (AssumeRole): allow sts:AssumeRole there in the role's trust policy",
			"because no resource-based policy allows the sts:AssumeRole action",
		},
		"STS, without words": {
			"assume and get", ours, query(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"),
			"the AWS credentials cannot be had from STS (AssumeRole): allow sts:AssumeRoleWithWebIdentity for the role; AWS does not say which policy lacks or denies it",
			"Not authorized to perform sts:AssumeRoleWithWebIdentity",
		},
		"STS, expired": {
			"assume and get", ours, query(400, "ExpiredTokenException", "Token expired: current date/time 1 must be before the expiration date/time 0"),
			"the AWS credentials cannot be had from STS (AssumeRole), as what they are asked for with has expired: sign in again (aws sso login), or have the token renewed",
			"ExpiredTokenException: Token expired: current date/time 1",
		},
		"expired": {
			"get", ours, xml(400, "ExpiredToken", "The provided token has expired.", "<Token-0>"+secretToken+"</Token-0>"),
			"the AWS credentials have expired: sign in again (aws sso login), or let the task have a role",
			"ExpiredToken: The provided token has expired.",
		},
		"unknown key": {
			"get", ours, xml(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", "<AWSAccessKeyId>AKIASECRET</AWSAccessKeyId>"),
			"AWS does not know these credentials: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
			"InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records.",
		},
		"unknown token of ECS": {
			"tasks", service, json(400, "UnrecognizedClientException", "message", "The security token included in the request is invalid."),
			"AWS does not know these credentials: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
			"UnrecognizedClientException: The security token included in the request is invalid.",
		},
		"wrong secret": {
			"get", ours, xml(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
				"<StringToSign>AWS4-HMAC-SHA256 "+secretToken+"</StringToSign><SignatureProvided>"+secretToken+"</SignatureProvided>"),
			"AWS does not know these credentials: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
			"SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided. Check your key and signing method.",
		},
		"wrong secret, with the request repeated": {
			"tasks", service, json(403, "InvalidSignatureException", "message", canonical),
			"AWS does not know these credentials: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
			"InvalidSignatureException: The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
		},
		"clock": {
			"put", ours, xml(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", "<RequestTime>20261129T120000Z</RequestTime>"),
			"the clock of this machine is not AWS's: set it (NTP)",
			"RequestTimeTooSkewed: The difference between the request time and the current time is too large.",
		},
		"clock, as ECS tells": {
			"tasks", service, json(403, "InvalidSignatureException", "message", "Signature expired: 20261129T120000Z is now earlier than 20261129T121500Z (20261129T122000Z - 5 min.)"),
			"the clock of this machine is not AWS's: set it (NTP)",
			"Signature expired: 20261129T120000Z is now earlier than 20261129T121500Z",
		},
		"another region, told in the header": {
			"get", ours, inRegion("eu-west-1", xml(301, "PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.", "<Endpoint>models.s3.eu-west-1.amazonaws.com</Endpoint>")),
			`bucket "models" is in region eu-west-1: set --region eu-west-1`,
			"PermanentRedirect: The bucket you are attempting to access must be addressed using the specified endpoint.",
		},
		"another region, told in words": {
			"put", ours, xml(400, "AuthorizationHeaderMalformed", "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'", "<Region>eu-west-1</Region>"),
			`bucket "models" is in region eu-west-1: set --region eu-west-1`,
			"expecting 'eu-west-1'",
		},
		"another region, not told": {
			"get", given, xml(301, "PermanentRedirect", "Elsewhere.", ""),
			`bucket "models" is in another region: let training jobs write to one in the controller's (--region)`,
			"PermanentRedirect: Elsewhere.",
		},
		"no bucket": {
			"get", ours, xml(404, "NoSuchBucket", "The specified bucket does not exist", "<BucketName>models</BucketName>"),
			`bucket "models" does not exist: create it or set --bucket`,
			"NoSuchBucket: The specified bucket does not exist",
		},
		"slow down": {
			"get", ours, xml(503, "SlowDown", "Please reduce your request rate.", ""),
			"AWS asks to slow down: it is tried again by itself; if this stays, poll less often or ask AWS for a higher limit",
			"SlowDown: Please reduce your request rate.",
		},
		"throttled": {
			"jobs",
			amazon.Place{},
			json(400, "ThrottlingException", "message", "Rate exceeded"),
			"AWS asks to slow down: it is tried again by itself; if this stays, poll less often or ask AWS for a higher limit",
			"ThrottlingException: Rate exceeded",
		},
		"no cluster": {
			"tasks", service, json(400, "ClusterNotFoundException", "message", "Cluster not found."),
			`ECS cluster "main" does not exist: create it or set cluster in the fleet file`,
			"ClusterNotFoundException: Cluster not found.",
		},
		"unheard of, with secrets and a tail": {
			"tasks", service, json(400, "OddException", "message", "see https://b.s3.amazonaws.com/k?X-Amz-Credential=AKIA%2F1&X-Amz-Signature=abc123&X-Amz-Security-Token="+secretToken+" and Authorization: AWS4-HMAC-SHA256 Credential="+secretToken+", Signature=abc123 "+strings.Repeat("x", 5000)),
			"",
			"OddException: see https://b.s3.amazonaws.com/k?X-Amz-Credential=...&X-Amz-Signature=...&X-Amz-Security-Token=... and Authorization: ...",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := amazon.Explain("do it", tt.at, refused(t, tt.call, tt.reply))
			want := "do it: " + tt.says + " (AWS says "
			if tt.says == "" {
				want = "do it: " + tt.aws
			}
			if got := err.Error(); !strings.HasPrefix(got, want) || !strings.Contains(got, tt.aws) {
				t.Errorf("got  %s\nwant %s...%s", got, want, tt.aws)
			}
			if got := err.Error(); len(got) > 2000 || strings.Contains(got, "Secret"+"Secret") || strings.Contains(got, "abc123") || strings.Contains(got, "AKIASECRET") || strings.Contains(got, "Canonical") || strings.ContainsAny(got, "\n\r") {
				t.Errorf("this must not be shown: %s", got)
			}
			if amazon.Unknown(err) != (strings.Contains(tt.says, "credentials") || strings.Contains(tt.says, "clock")) {
				t.Errorf("%v: about who asks: %v", err, amazon.Unknown(err))
			}
		})
	}
}

// refused is the SDK's error where every call is answered so.
func refused(t *testing.T, call string, r reply) error {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		if r.header != "" {
			w.Header().Set("X-Amz-Bucket-Region", r.header)
		}
		w.WriteHeader(r.status)
		_, _ = io.WriteString(w, r.body)
	}))
	t.Cleanup(server.Close)
	cfg := aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIASECRET", "s", secretToken),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
	err := calls(cfg)[call](t.Context())
	if err == nil {
		t.Fatal("it succeeded")
	}
	return err
}

// What never became a call is told as that, and not as credentials that are
// missing.
func TestNoCredentials(t *testing.T) {
	for why, says := range map[string]string{
		"the SSO session has expired or is invalid":                                   "do it: the AWS credentials cannot be had: the SSO session has expired or is invalid: check AWS_PROFILE, or the role of the task",
		"static credentials are empty":                                                "do it: there are no AWS credentials: set AWS_PROFILE or",
		"no EC2 IMDS role found, operation error ec2imds: GetMetadata, access denied": "do it: there are no AWS credentials: set AWS_PROFILE or",
	} {
		cfg := aws.Config{Region: "us-east-1", Credentials: aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, errors.New(why)
		}))}
		err := amazon.Explain("do it", amazon.Place{Bucket: "b"}, calls(cfg)["get"](t.Context()))
		if !strings.HasPrefix(err.Error(), says) || !amazon.Unknown(err) {
			t.Errorf("got  %v\nwant %s", err, says)
		}
	}
}
