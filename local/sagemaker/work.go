package sagemaker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
)

// outcome is how a job ended.
type outcome struct {
	status  types.TrainingJobStatus
	reason  string // of a failure
	metrics map[string]float32
}

// work brings one job to its end. When the server stops first, the job stays
// in progress.
func (s *Server) work(ctx context.Context, name string) {
	s.mu.Lock()
	j := *s.jobs[name]
	s.mu.Unlock()
	var o outcome
	var err error
	if j.TrainingJobStatus != types.TrainingJobStatusStopping { // asked to stop before a restart
		o, err = s.play(ctx, &j)
	}
	if err != nil {
		o = outcome{status: types.TrainingJobStatusFailed, reason: "AlgorithmError: " + err.Error()}
	}
	s.finish(ctx, name, o)
}

func (s *Server) play(ctx context.Context, j *job) (_ outcome, err error) {
	w, err := wishesOf(j.HyperParameters)
	if err != nil {
		return outcome{}, err
	}
	if err := waitUntil(ctx, j.CreationTime.Add(w.wait)); err != nil {
		return outcome{}, err
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return outcome{}, ctx.Err()
	}
	log, err := s.openLog(*j.TrainingJobName)
	if err != nil {
		return outcome{}, err
	}
	defer func() { err = errors.Join(err, log.file.Close()) }()
	o := outcome{status: w.status, metrics: w.metrics}
	switch {
	case w.status == types.TrainingJobStatusFailed:
		o.reason = "AlgorithmError: sluice_status asked for a failure"
	case w.artifact != "" && w.artifact != "none":
		log.line("copying %s to %s", w.artifact, *j.ModelArtifacts.S3ModelArtifacts)
		err = s.copyArtifact(ctx, w.artifact, *j.ModelArtifacts.S3ModelArtifacts)
	case w.artifact == "" && w.program != "":
		o.metrics, err = s.train(ctx, j, w.program, log)
	}
	if w.program == "" {
		for _, name := range slices.Sorted(maps.Keys(w.metrics)) {
			log.line("%s=%v", name, w.metrics[name])
		}
	}
	if err != nil {
		log.line("%v", err)
	}
	return o, err
}

func waitUntil(ctx context.Context, t time.Time) error {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// finish records the outcome. A job that was asked to stop is Stopped.
func (s *Server) finish(ctx context.Context, name string, o outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.jobs[name]
	if j.TrainingJobStatus == types.TrainingJobStatusStopping {
		o = outcome{status: types.TrainingJobStatusStopped}
	} else if ctx.Err() != nil {
		return // the server stops: the job is taken up again
	}
	now := time.Now()
	message := map[types.TrainingJobStatus]string{
		types.TrainingJobStatusCompleted: "Training job completed",
		types.TrainingJobStatusFailed:    "Training job failed",
		types.TrainingJobStatusStopped:   "Training job stopped",
	}[o.status]
	n := j.at(now, o.status, types.SecondaryStatus(o.status), message)
	n.TrainingEndTime = aws.Time(now)
	seconds := int32(now.Sub(*j.TrainingStartTime).Seconds())
	n.TrainingTimeInSeconds, n.BillableTimeInSeconds = aws.Int32(seconds), aws.Int32(seconds)
	if o.reason != "" {
		n.FailureReason = aws.String(o.reason[:min(len(o.reason), 1024)])
	}
	for _, metric := range slices.Sorted(maps.Keys(o.metrics)) {
		n.FinalMetricDataList = append(n.FinalMetricDataList, types.MetricData{
			MetricName: aws.String(metric), Value: aws.Float32(o.metrics[metric]), Timestamp: aws.Time(now),
		})
	}
	j.stop()
	n.stop = nil
	if err := s.commit(n); err != nil {
		s.config.Log.ErrorContext(ctx, "job not saved; it starts again with the server", "job", name, "err", err)
	}
	if t := s.tunings[tuningOf(n)]; t != nil {
		s.advance(t)
	}
}

// copyArtifact copies from, an S3 URI or a path of this machine, to the S3 URI
// to. If to ends in a slash, everything below from is copied below it.
func (s *Server) copyArtifact(ctx context.Context, from, to string) error {
	bucket, key, err := splitURI(to)
	if err != nil {
		return err
	}
	many := strings.HasSuffix(to, "/")
	switch {
	case strings.HasPrefix(from, "s3://") && many:
		err = s.copyPrefix(ctx, from, bucket, key)
	case strings.HasPrefix(from, "s3://"):
		err = s.copyObject(ctx, from, bucket, key)
	case many:
		err = s.putFolder(ctx, from, bucket, key)
	default:
		err = s.putFile(ctx, from, bucket, key)
	}
	if err != nil {
		return fmt.Errorf("copy %s to %s: %w", from, to, err)
	}
	return nil
}

func (s *Server) copyObject(ctx context.Context, from, bucket, key string) error {
	fromBucket, fromKey, err := splitURI(from)
	if err != nil {
		return err
	}
	in, err := s.config.Objects.Get(ctx, fromBucket, fromKey)
	if err != nil {
		return err
	}
	return errors.Join(s.config.Objects.Put(ctx, bucket, key, in), in.Close())
}

func (s *Server) copyPrefix(ctx context.Context, from, bucket, prefix string) error {
	fromBucket, fromPrefix, err := splitURI(from)
	if err != nil {
		return err
	}
	keys, err := s.config.Objects.Keys(ctx, fromBucket, fromPrefix)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := s.copyObject(ctx, "s3://"+fromBucket+"/"+key, bucket, prefix+strings.TrimPrefix(key, fromPrefix)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) putFile(ctx context.Context, file, bucket, key string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	return errors.Join(s.config.Objects.Put(ctx, bucket, key, in), in.Close())
}

func (s *Server) putFolder(ctx context.Context, dir, bucket, prefix string) error {
	return filepath.WalkDir(dir, func(file string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		return s.putFile(ctx, file, bucket, path.Join(prefix, filepath.ToSlash(rel)))
	})
}

// fetch writes everything below an S3 URI into dir.
func (s *Server) fetch(ctx context.Context, uri, dir string) error {
	bucket, prefix, err := splitURI(uri)
	if err != nil {
		return err
	}
	keys, err := s.config.Objects.Keys(ctx, bucket, prefix)
	if err != nil {
		return err
	}
	for _, key := range keys {
		rel := strings.TrimPrefix(strings.TrimPrefix(key, prefix), "/")
		if rel == "" {
			rel = path.Base(key)
		}
		if !filepath.IsLocal(filepath.FromSlash(rel)) {
			return fmt.Errorf("fetch %s: the key %q leads out of the folder", uri, key)
		}
		if err := s.fetchOne(ctx, bucket, key, filepath.Join(dir, filepath.FromSlash(rel))); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) fetchOne(ctx context.Context, bucket, key, file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	in, err := s.config.Objects.Get(ctx, bucket, key)
	if err != nil {
		return err
	}
	out, err := os.Create(file)
	if err != nil {
		return errors.Join(err, in.Close())
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close(), in.Close())
}
