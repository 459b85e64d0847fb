package aws

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/sluicehq/sluice/amazon"
	"github.com/sluicehq/sluice/controller/doctor"
	"github.com/sluicehq/sluice/controller/rollout"
)

// Examine asks AWS what a fleet needs to know before anybody relies on it.
// Nothing of the fleet's changes: beside reads it writes one key that nobody
// looks at, and asks for the protection of a task that does not exist. What
// could not be asked stands in the trials. The tasks are those that run, for
// whoever asks them in turn.
func (c *Client) Examine(ctx context.Context, asked doctor.Asked, o TasksOptions) (f doctor.Facts, running []rollout.Task) {
	asked.Region = c.account.Config.Region
	if q := quotaOf(c.quotas, "ListTasks"); q != nil {
		asked.ReadsPerSecond = q.rate * q.share
	}
	e := &exam{Client: c, at: place{Cluster: o.Cluster, Service: o.Service}, o: o, stopped: map[string]string{}, facts: doctor.Facts{Asked: asked}}
	e.bucket(ctx)
	e.service(ctx)
	running = e.tasks(ctx)
	e.jobs(ctx)
	return e.facts, running
}

// exam is one under way.
type exam struct {
	*Client
	at      place
	o       TasksOptions
	facts   doctor.Facts
	stopped map[string]string // why a service is not asked any more; by "" why none is
}

// trial is a call to try.
type trial struct {
	right  string
	needed bool   // by controllers
	doing  string // for an error
	at     place
	absent string // the code by which AWS says that there is none, which is an answer
}

// try makes one call, and reports whether it was answered. After one that failed
// its service is not asked any more: the rest would fail alike.
func (e *exam) try(ctx context.Context, t trial, call func(ctx context.Context) (middleware.Metadata, error)) bool {
	service, _, _ := strings.Cut(t.right, ":")
	done := doctor.Trial{Right: t.right, Needed: t.needed, Outcome: doctor.Granted}
	for _, of := range []string{"", service} {
		if why := e.stopped[of]; why != "" {
			done.Outcome, done.Says = doctor.Unasked, why
			e.facts.Trials = append(e.facts.Trials, done)
			return false
		}
	}
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	told, err := call(ctx)
	if err == nil {
		e.clock(told)
	}
	if err != nil && (t.absent == "" || code(err) != t.absent) {
		done.Outcome, done.Says = outcomeOf(err), explain(t.doing, t.at, err).Error()
		if amazon.Unknown(err) {
			e.stopped[""] = "AWS does not let us in"
		} else if done.Outcome == doctor.Failed {
			e.stopped[service] = "a call before it failed (" + t.right + ")"
		}
	}
	e.facts.Trials = append(e.facts.Trials, done)
	return done.Outcome == doctor.Granted
}

func outcomeOf(err error) doctor.Outcome {
	var api smithy.APIError
	switch code := code(err); {
	case amazon.Unknown(err):
		return doctor.Failed
	case errors.As(err, &api) && amazon.Denied(api):
		return doctor.Denied
	case code == "NotImplemented" || code == "UnknownOperationException" || code == "MethodNotAllowed":
		return doctor.Unoffered
	}
	return doctor.Failed
}

// clock notes by how much AWS's clock is ahead, as the first answer tells.
func (e *exam) clock(told middleware.Metadata) {
	server, has := awsmiddleware.GetServerTime(told)
	at, known := awsmiddleware.GetResponseAt(told)
	if e.facts.Skew == nil && has && known {
		skew := server.Sub(at)
		e.facts.Skew = &skew
	}
}

func (e *exam) bucket(ctx context.Context) {
	name := e.facts.Asked.Bucket
	at := place{Bucket: name}
	known := &e.facts.Bucket
	e.try(ctx, trial{right: "s3:ListBucket", needed: true, doing: "look at the bucket", at: at}, func(ctx context.Context) (m middleware.Metadata, err error) {
		out, err := e.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &name, MaxKeys: aws.Int32(1)})
		if err == nil {
			m = out.ResultMetadata
		}
		return m, err
	})
	e.try(ctx, trial{right: "s3:GetBucketVersioning", doing: "read the bucket's versioning", at: at}, func(ctx context.Context) (m middleware.Metadata, err error) {
		status, err := e.versioningOf(ctx, name)
		if err == nil {
			known.Versioning = &status
		}
		return m, err
	})
	if e.try(ctx, trial{right: "s3:GetLifecycleConfiguration", doing: "read the bucket's lifecycle", at: at, absent: "NoSuchLifecycleConfiguration"}, func(ctx context.Context) (m middleware.Metadata, err error) {
		rules, err := e.lifecycleOf(ctx, name)
		if err == nil {
			known.Rules = &rules
		}
		return m, err
	}) && known.Rules == nil {
		known.Rules = &[]doctor.Rule{}
	}
	if e.try(ctx, trial{right: "s3:GetBucketObjectLockConfiguration", doing: "read the bucket's object lock", at: at, absent: "ObjectLockConfigurationNotFoundError"}, func(ctx context.Context) (m middleware.Metadata, err error) {
		known.Lock, err = e.lockOf(ctx, name)
		return m, err
	}) && known.Lock == nil {
		known.Lock = &doctor.Lock{}
	}
	e.probe(ctx, name)
}

// probe creates a key twice, where controllers may write, and deletes it.
func (e *exam) probe(ctx context.Context, bucket string) {
	p := &doctor.Probe{Key: "fleets/" + e.facts.Asked.Fleet + "/doctor/" + rand.Text()}
	var versions []string // that were written; empty in a bucket that keeps none
	create := func(ctx context.Context) error {
		out, err := e.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &p.Key, Body: bytes.NewReader(nil), IfNoneMatch: aws.String("*")})
		if err == nil {
			versions = append(versions, aws.ToString(out.VersionId))
		}
		return err
	}
	t := trial{right: "s3:PutObject", needed: true, doing: "write " + p.Key, at: place{Bucket: bucket, Key: p.Key}}
	if !e.try(ctx, t, func(ctx context.Context) (m middleware.Metadata, err error) { return m, create(ctx) }) {
		return
	}
	t.absent = codePrecondition
	answered := e.try(ctx, t, func(ctx context.Context) (m middleware.Metadata, err error) {
		err = create(ctx)
		p.Refused = code(err) == codePrecondition
		return m, err
	})
	if answered {
		e.facts.Bucket.Probe = p
	}
	for _, version := range slices.Compact(versions) {
		p.Left = cmp.Or(p.Left, e.remove(ctx, bucket, p.Key, version))
	}
}

// remove deletes a version of the probe, and says why where it cannot.
func (e *exam) remove(ctx context.Context, bucket, key, version string) string {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	in := &s3.DeleteObjectInput{Bucket: &bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	if err := e.deleteObject(ctx, in); err != nil {
		return explain("delete it", place{Bucket: bucket, Key: key}, err).Error()
	}
	return ""
}
