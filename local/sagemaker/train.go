package sagemaker

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sluicehq/sluice/local/child"
)

// train runs a script as SageMaker's script mode does and uploads what it
// leaves. It answers with the last value of every metric in the output.
func (s *Server) train(ctx context.Context, j *job, program string, log *joblog) (map[string]float32, error) {
	name := *j.TrainingJobName
	dir := s.jobDir(name)
	model := filepath.Join(dir, "model")
	if err := os.RemoveAll(dir); err != nil { // the rest of a run that the server's end cut off
		return nil, err
	}
	for _, sub := range []string{model, filepath.Join(dir, "output", "data"), filepath.Join(dir, "input", "data")} {
		if err := os.MkdirAll(sub, 0o700); err != nil {
			return nil, err
		}
	}
	env := []string{
		"SM_MODEL_DIR=" + model, "SM_OUTPUT_DATA_DIR=" + filepath.Join(dir, "output", "data"), "SM_NUM_GPUS=0",
		"SM_NUM_CPUS=" + strconv.Itoa(runtime.NumCPU()), "SM_CURRENT_HOST=algo-1", `SM_HOSTS=["algo-1"]`,
		"TRAINING_JOB_NAME=" + name,
	}
	for _, c := range j.InputDataConfig {
		at := filepath.Join(dir, "input", "data", filepath.Base(aws.ToString(c.ChannelName)))
		if c.DataSource != nil && c.DataSource.S3DataSource != nil {
			if err := s.fetch(ctx, aws.ToString(c.DataSource.S3DataSource.S3Uri), at); err != nil {
				return nil, fmt.Errorf("fetch channel %s: %w", aws.ToString(c.ChannelName), err)
			}
		}
		env = append(env, "SM_CHANNEL_"+strings.ToUpper(strings.ReplaceAll(aws.ToString(c.ChannelName), "-", "_"))+"="+at)
	}
	for k, v := range j.Environment {
		env = append(env, k+"="+v)
	}
	metrics, err := s.runScript(ctx, j, program, dir, env, log)
	if err != nil {
		return nil, err
	}
	return metrics, s.upload(ctx, model, *j.ModelArtifacts.S3ModelArtifacts)
}

func (s *Server) runScript(ctx context.Context, j *job, program, dir string, env []string, log *joblog) (map[string]float32, error) {
	program, err := s.script(ctx, j, program, filepath.Join(dir, "code"))
	if err != nil {
		return nil, err
	}
	args := []string{program}
	params := map[string]string{}
	for _, k := range slices.Sorted(maps.Keys(j.HyperParameters)) {
		if v := here(unquote(j.HyperParameters[k]), dir); !strings.HasPrefix(k, "sagemaker_") && !strings.HasPrefix(k, "sluice_") && k != objectiveParameter {
			args = append(args, "--"+k, v)
			params[k] = v
		}
	}
	hps, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	out := &output{log: log, metrics: map[string]float32{}}
	if err := out.watch(j); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, s.config.Python, args...)
	cmd.Env = append(os.Environ(), append(env, "SM_HPS="+string(hps), "PYTHONUNBUFFERED=1")...)
	cmd.Dir, cmd.SysProcAttr = dir, child.Attributes()
	if err = out.run(cmd); err != nil {
		return nil, fmt.Errorf("%s: %w; its last words, more in %s: %s", program, err, log.file.Name(), out.last())
	}
	return out.metrics, nil
}

// here is the value of a hyperparameter on this machine: a path below /opt/ml,
// where containers of SageMaker have all of a job, lies in the job's own folder.
func here(v, dir string) string {
	if inside, ok := strings.CutPrefix(v, "/opt/ml/"); ok {
		return filepath.Join(dir, inside)
	}
	return v
}

// script is where the script of a job lies: in the folder that it was submitted
// with, or the archive of one in S3, which is unpacked into a folder of the job.
func (s *Server) script(ctx context.Context, j *job, program, unpacked string) (string, error) {
	base := unquote(j.HyperParameters["sagemaker_submit_directory"])
	switch {
	case strings.HasPrefix(base, "s3://"):
		bucket, key, err := splitURI(base)
		if err != nil {
			return "", err
		}
		in, err := s.config.Objects.Get(ctx, bucket, key)
		if err != nil {
			return "", fmt.Errorf("fetch %s: %w", base, err)
		}
		if err := errors.Join(unpack(in, unpacked), in.Close()); err != nil {
			return "", fmt.Errorf("unpack %s: %w", base, err)
		}
		return filepath.Join(unpacked, program), nil
	case base != "" && !filepath.IsAbs(program):
		program = filepath.Join(strings.TrimPrefix(base, "file://"), program)
	}
	return filepath.Abs(program)
}

// maxCodeBytes bounds what is unpacked of an archive of code.
const maxCodeBytes = 256 << 20

// unpack writes the plain files of a gzipped tar into a folder.
func unpack(in io.Reader, dir string) error {
	zr, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	left := int64(maxCodeBytes)
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || h.Typeflag != tar.TypeReg {
			if err != nil {
				return err
			}
			continue
		}
		if left -= h.Size; left < 0 {
			return fmt.Errorf("it is larger than %d bytes", maxCodeBytes)
		}
		name := filepath.Clean(filepath.FromSlash(h.Name))
		if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		file, err := root.Create(name)
		if err != nil {
			return err
		}
		if _, err = io.Copy(file, tr); errors.Join(err, file.Close()) != nil {
			return err
		}
	}
}

// output reads a script's words, line by line.
type output struct {
	log     *joblog
	tail    []string // the last few lines
	rules   map[string]*regexp.Regexp
	metrics map[string]float32
}

func (o *output) watch(j *job) error {
	o.rules = map[string]*regexp.Regexp{}
	if j.AlgorithmSpecification == nil {
		return nil
	}
	for _, d := range j.AlgorithmSpecification.MetricDefinitions {
		rule, err := regexp.Compile(aws.ToString(d.Regex))
		if err != nil {
			return fmt.Errorf("metric %s: %w", aws.ToString(d.Name), err)
		}
		o.rules[aws.ToString(d.Name)] = rule
	}
	return nil
}

// run starts the script on a thread that stays until it has ended.
func (o *output) run(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			o.line(lines.Text())
		}
		_, _ = io.Copy(io.Discard, r) // a line was too long: let the script go on
	}()
	err := cmd.Run()
	_ = w.Close() // never fails
	<-read
	return err
}

func (o *output) line(text string) {
	o.log.line("%s", text)
	o.tail = append(o.tail, text)
	if len(o.tail) > 5 {
		o.tail = o.tail[1:]
	}
	for name, rule := range o.rules {
		if m := rule.FindStringSubmatch(text); len(m) > 1 {
			if v, err := strconv.ParseFloat(m[1], 32); err == nil {
				o.metrics[name] = float32(v)
			}
		}
	}
}

func (o *output) last() string {
	words := strings.Join(o.tail, " | ")
	if strings.Contains(words, "No module named") {
		words += " (install it for that Python, or name another with --python)"
	}
	return words
}

// upload sends the model folder, as a tar file unless to is a prefix.
func (s *Server) upload(ctx context.Context, model, to string) error {
	bucket, key, err := splitURI(to)
	if err != nil {
		return err
	}
	if strings.HasSuffix(to, "/") {
		return s.putFolder(ctx, model, bucket, key)
	}
	r, w := io.Pipe()
	packed := make(chan struct{})
	go func() {
		defer close(packed)
		w.CloseWithError(pack(w, model))
	}()
	err = s.config.Objects.Put(ctx, bucket, key, r)
	_ = r.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // ends pack, if it has not
	<-packed
	if err != nil {
		return fmt.Errorf("upload the model to %s: %w", to, err)
	}
	return nil
}

func pack(w io.Writer, dir string) error {
	zw := gzip.NewWriter(w)
	tw := tar.NewWriter(zw)
	if err := tw.AddFS(os.DirFS(dir)); err != nil {
		return err
	}
	return errors.Join(tw.Close(), zw.Close())
}
