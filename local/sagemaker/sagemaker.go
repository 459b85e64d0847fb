// Package sagemaker serves the part of Amazon SageMaker that training jobs
// need: create, describe, list, stop, delete and tag them, and bring them to
// their end; the tuning jobs that train many of them; and what they print, as
// CloudWatch Logs tells it.
//
// It does not pull images, provision machines, register models, or send
// events. Tuning jobs choose hyperparameters by grid or at random, also where
// they are asked to do so by Bayesian optimization, which a warning in the log
// tells. What becomes of a job is said by its hyperparameters:
//
//	sluice_artifact    s3://bucket/key or a file of this machine that is copied
//	                   to the job's output; "none" completes the job without one.
//	                   With the output's CompressionType NONE, a prefix or folder
//	sluice_seconds     how long the job takes before that (default 0)
//	sluice_status      Completed (default), Failed or Stopped
//	sluice_metrics     JSON object of final metrics, name to number
//	sluice_job         JSON object with any of these (artifact, seconds, status,
//	                   metrics) in one, as the values that a tuning job tries
//	sagemaker_program  without sluice_artifact: a Python script of this machine
//	                   that is run as SageMaker's script mode does, with SM_*
//	                   variables and hyperparameters as arguments; what it leaves
//	                   in SM_MODEL_DIR becomes the output. It is relative to
//	                   sagemaker_submit_directory, a local folder or an archive of
//	                   one in S3
//
// A job with none of these completes at once without an artifact.
package sagemaker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/schemas"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/smithy-go"
	"go.etcd.io/bbolt"

	"github.com/sluicehq/sluice/local/awsjson"
)

// Objects is where jobs find their input and leave their output: S3.
type Objects interface {
	Put(ctx context.Context, bucket, key string, in io.Reader) error
	Get(ctx context.Context, bucket, key string) (io.ReadCloser, error)
	Keys(ctx context.Context, bucket, prefix string) ([]string, error)
}

// Config is what a Server needs. All fields are required.
type Config struct {
	Dir     string // jobs work below it
	DB      *bbolt.DB
	Objects Objects
	Region  string
	Account string
	Python  string // runs sagemaker_program
	Log     *slog.Logger
}

// maxWorking bounds the jobs that copy or compute at one time. Others wait.
const maxWorking = 4

// Server holds training jobs and works them off.
type Server struct {
	config Config
	codec  *awsjson.Codec
	slots  chan struct{} // of size maxWorking
	ready  chan struct{} // of size 1: a job has been created

	mu      sync.Mutex
	jobs    map[string]*job    // by name
	tunings map[string]*tuning // by name
}

// job is a training job. One in the server's map is never changed in place.
type job struct {
	sagemaker.DescribeTrainingJobOutput
	tags  []types.Tag
	begun bool               // somebody works on it
	stop  context.CancelFunc // set once somebody does
}

// Open loads what the DB holds. Jobs that were in progress start again.
func Open(c Config) (*Server, error) {
	s := &Server{
		config: c, codec: Codec(), slots: make(chan struct{}, maxWorking),
		ready: make(chan struct{}, 1), jobs: map[string]*job{}, tunings: map[string]*tuning{},
	}
	if err := os.MkdirAll(s.jobDir(""), 0o700); err != nil {
		return nil, fmt.Errorf("create the job folder: %w", err)
	}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("load SageMaker state: %w", err)
	}
	for _, t := range s.tunings {
		s.advance(t) // it may have been cut off between two of its jobs
	}
	return s, nil
}

func (s *Server) jobDir(name string) string { return filepath.Join(s.config.Dir, "jobs", name) }

// Handler answers SageMaker operations. It expects requests whose signature
// has been checked.
func (s *Server) Handler() *awsjson.Service {
	h := awsjson.NewService(schemas.SageMaker, s.codec, s.config.Log)
	h.Handle(s.createTrainingJob)
	h.Handle(s.describeTrainingJob)
	h.Handle(s.listTrainingJobs)
	h.Handle(s.stopTrainingJob)
	h.Handle(s.deleteTrainingJob)
	h.Handle(s.createTuningJob)
	h.Handle(s.describeTuningJob)
	h.Handle(s.listTuningJobs)
	h.Handle(s.listChildren)
	h.Handle(s.stopTuningJob)
	h.Handle(s.deleteTuningJob)
	h.Handle(s.addTags)
	h.Handle(s.deleteTags)
	h.Handle(s.listTags)
	return h
}

// Run works jobs off until ctx ends. Jobs that are then in progress start
// again when the server is next opened.
func (s *Server) Run(ctx context.Context) error {
	var working sync.WaitGroup
	defer working.Wait()
	for {
		for _, j := range s.take(ctx) {
			working.Go(func() { s.work(j.ctx, j.name) })
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return nil
		}
	}
}

type taken struct {
	name string
	ctx  context.Context //nolint:containedctx // handed to one goroutine at once
}

// take claims the jobs that nobody works on.
func (s *Server) take(ctx context.Context) []taken {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []taken
	for _, name := range slices.Sorted(maps.Keys(s.jobs)) {
		j := s.jobs[name]
		if j.begun || ended(j.TrainingJobStatus) {
			continue
		}
		n := *j
		n.begun = true
		var jobCtx context.Context
		jobCtx, n.stop = context.WithCancel(ctx)
		s.jobs[name] = &n
		found = append(found, taken{name, jobCtx})
	}
	return found
}

func ended(st types.TrainingJobStatus) bool {
	switch st {
	case types.TrainingJobStatusCompleted, types.TrainingJobStatusFailed, types.TrainingJobStatusStopped, types.TrainingJobStatusDeleting:
		return true
	case types.TrainingJobStatusInProgress, types.TrainingJobStatusStopping:
	}
	return false
}

// Names of what the DB holds.
const (
	jobsName    = "sagemaker.jobs"
	tuningsName = "sagemaker.tunings"
)

type envelope struct {
	Record json.RawMessage `json:"record"`
	Tags   []types.Tag     `json:"tags,omitempty"`
}

func (s *Server) load() error {
	err := s.loadEach(jobsName, func(name string, e envelope) error {
		j := &job{tags: e.Tags}
		s.jobs[name] = j
		return s.codec.Unmarshal(e.Record, &j.DescribeTrainingJobOutput)
	})
	if err != nil {
		return err
	}
	return s.loadEach(tuningsName, func(name string, e envelope) error {
		t := &tuning{tags: e.Tags}
		s.tunings[name] = t
		return s.codec.Unmarshal(e.Record, &t.DescribeHyperParameterTuningJobOutput)
	})
}

func (s *Server) loadEach(bucket string, load func(name string, e envelope) error) error {
	return s.config.DB.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(bucket))
		if err != nil {
			return err
		}
		return b.ForEach(func(name, raw []byte) error {
			var e envelope
			if err := json.Unmarshal(raw, &e); err != nil {
				return fmt.Errorf("decode %s of %s: %w", name, bucket, err)
			}
			return load(string(name), e)
		})
	})
}

// commit saves a job and only then shows it. mu is held.
func (s *Server) commit(j *job) error {
	if err := s.save(jobsName, *j.TrainingJobName, &j.DescribeTrainingJobOutput, j.tags); err != nil {
		return err
	}
	s.jobs[*j.TrainingJobName] = j
	return nil
}

func (s *Server) save(bucket, name string, v smithy.Serializable, tags []types.Tag) error {
	record, err := s.codec.Marshal(v)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(envelope{Record: record, Tags: tags})
	if err != nil {
		return fmt.Errorf("encode job %s: %w", name, err)
	}
	err = s.config.DB.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(bucket)).Put([]byte(name), raw) })
	if err != nil {
		return fmt.Errorf("save job %s: %w", name, err)
	}
	return nil
}

func (s *Server) remove(bucket, name string) error {
	err := s.config.DB.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(bucket)).Delete([]byte(name)) })
	if err != nil {
		return fmt.Errorf("delete job %s: %w", name, err)
	}
	return nil
}
