package local_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/smithy-go"

	"github.com/sluicehq/sluice/local"
)

// The test binary is also the program of every task, and a server to kill.
func TestMain(m *testing.M) {
	switch os.Getenv("SLUICE_TEST_ROLE") {
	case "task":
		taskMain()
	case "server":
		if err := local.Run(context.Background(), local.Config{Dir: os.Args[1], Listen: "127.0.0.1:0", Log: slog.New(slog.NewTextHandler(os.Stdout, nil))}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	default:
		os.Exit(m.Run())
	}
}

// taskMain says where it is and waits for SIGTERM.
func taskMain() {
	fmt.Println("address", os.Getenv("SLUICE_TASK_ADDRESS"), "port", os.Getenv("PORT_9090"))
	if url := os.Getenv("ECS_CONTAINER_METADATA_URI_V4"); url != "" {
		resp, err := http.Get(url + "/task")
		if err == nil {
			body, _ := io.ReadAll(resp.Body)
			fmt.Println("metadata", resp.StatusCode, string(body))
			resp.Body.Close()
		}
	}
	if os.Getenv("EXIT_AT_ONCE") != "" {
		os.Exit(3)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
}

type clients struct {
	s3        *s3.Client
	ecs       *ecs.Client
	sagemaker *sagemaker.Client
}

func start(t *testing.T, c local.Config) *local.Server {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	c.Listen = "127.0.0.1:0"
	c.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	s, err := local.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func connect(t *testing.T, url, secret string) clients {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("us-east-1"), config.WithBaseEndpoint(url),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("test", secret, "")))
	if err != nil {
		t.Fatal(err)
	}
	return clients{
		s3:        s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
		ecs:       ecs.NewFromConfig(cfg),
		sagemaker: sagemaker.NewFromConfig(cfg),
	}
}

// eventually asks until the answer is yes. The limit is for broken code only.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("never came true: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

func statusOf(err error) int {
	var resp interface{ HTTPStatusCode() int }
	if errors.As(err, &resp) {
		return resp.HTTPStatusCode()
	}
	return 0
}

func TestWrongSecretIsForbiddenEverywhere(t *testing.T) {
	s := start(t, local.Config{})
	c := connect(t, s.URL(), "wrong")
	_, errS3 := c.s3.ListBuckets(t.Context(), &s3.ListBucketsInput{})
	_, errECS := c.ecs.ListClusters(t.Context(), &ecs.ListClustersInput{})
	_, errSM := c.sagemaker.ListTrainingJobs(t.Context(), &sagemaker.ListTrainingJobsInput{})
	for name, err := range map[string]error{"s3": errS3, "ecs": errECS, "sagemaker": errSM} {
		if statusOf(err) != http.StatusForbidden || !strings.Contains(err.Error(), "--secret-key") {
			t.Errorf("%s: want a 403 that names the flag, have %v", name, err)
		}
	}
}

func TestUnknownOperationNamesTheKnown(t *testing.T) {
	c := connect(t, start(t, local.Config{}).URL(), "testtest")
	_, err := c.ecs.DeleteAccountSetting(t.Context(), &ecs.DeleteAccountSettingInput{Name: "x"})
	if codeOf(err) != "UnknownOperationException" || !strings.Contains(err.Error(), "CreateService") {
		t.Errorf("have %v", err)
	}
}

func TestDirAndPortProblemsNameTheWayOut(t *testing.T) {
	dir := t.TempDir()
	s := start(t, local.Config{Dir: dir})
	_, err := local.Start(t.Context(), local.Config{Dir: dir, Listen: "127.0.0.1:0"})
	if err == nil || !strings.Contains(err.Error(), "--dir") {
		t.Errorf("locked folder: %v", err)
	}
	_, err = local.Start(t.Context(), local.Config{Dir: t.TempDir(), Listen: strings.TrimPrefix(s.URL(), "http://")})
	if err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("used port: %v", err)
	}
	_, err = local.Start(t.Context(), local.Config{Dir: t.TempDir(), Listen: "0.0.0.0:0"})
	if err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("open address: %v", err)
	}
	_, err = local.Start(t.Context(), local.Config{Dir: "/proc/nowhere"})
	if err == nil || !strings.Contains(err.Error(), "--dir") {
		t.Errorf("unwritable folder: %v", err)
	}
}
