package local_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/local"
)

var clientsFolder = flag.String("clients", "", "`folder` into which testdata/clients/install.sh has put all clients, each of which must be there")

// Other people's clients do an ordinary day's work each: they put, get, list
// and delete many objects, write in parts, copy, go back to versions, tag,
// set conditions and presign; those that know tables write and read them. The
// quick ones are tried always, where they are installed.
func TestClients(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		program      string // below the folder
		quick        bool
	}{
		{name: "boto3", script: "boto3_day.py", program: "quick/bin/python", quick: true},
		{name: "pyarrow", script: "pyarrow_day.py", program: "quick/bin/python", quick: true},
		{name: "awscli", script: "awscli_day.sh", program: "awscli/bin/aws"},
		{name: "s3cmd", script: "s3cmd_day.sh", program: "s3cmd/bin/s3cmd"},
		{name: "s3fs", script: "s3fs_day.py", program: "s3fs/bin/python"},
		{name: "pandas", script: "pandas_day.py", program: "s3fs/bin/python"},
		{name: "DuckDB", script: "duckdb_day.py", program: "duckdb/bin/python"},
		{name: "rclone", script: "rclone_day.sh", program: "bin/rclone"},
		{name: "minio-go", program: "bin/minio-day"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			folder := *clientsFolder
			if folder == "" {
				folder = filepath.Join("..", ".tools", "clients")
			}
			program := absolutePath(t, filepath.Join(folder, tt.program))
			_, err := os.Stat(program)
			switch {
			case *clientsFolder == "" && !tt.quick:
				t.Skip("make clients tries this one")
			case *clientsFolder == "" && err != nil:
				t.Skipf("%v; testdata/clients/install.sh .tools/clients quick", err)
			case err != nil:
				t.Fatal(err)
			}
			s := start(t, local.Config{NoSync: true})
			cmd := exec.CommandContext(t.Context(), program)
			switch {
			case strings.HasSuffix(tt.script, ".py"):
				cmd.Args = append(cmd.Args, absolutePath(t, filepath.Join("testdata", "clients", tt.script)))
			case tt.script != "":
				cmd = exec.CommandContext(t.Context(), "sh", absolutePath(t, filepath.Join("testdata", "clients", tt.script)))
			}
			cmd.Dir = t.TempDir()
			cmd.Env = []string{
				"HOME=" + cmd.Dir, "LANG=C.UTF-8", "PATH=" + filepath.Dir(program) + string(os.PathListSeparator) + os.Getenv("PATH"),
				"AWS_ENDPOINT_URL=" + s.URL(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=testtest",
				"AWS_DEFAULT_REGION=us-east-1", "AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true",
			}
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			cmd.WaitDelay = time.Second
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s", err, out.String())
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			t.Log(lines[len(lines)-1])
		})
	}
}

func absolutePath(t *testing.T, path string) string {
	t.Helper()
	p, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
