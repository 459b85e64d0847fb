package awsjson_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/smithy-go"

	"github.com/sluicehq/sluice/local/awsjson"
	localecs "github.com/sluicehq/sluice/local/ecs"
	localsagemaker "github.com/sluicehq/sluice/local/sagemaker"
)

// moduleDir is where a module's source lies, with the snapshots that AWS
// ships in it.
func moduleDir(t *testing.T, module string) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Skipf("the module cache lacks %s: run go mod download (%v)", module, err)
	}
	return dir
}

// operation is the types of one call.
type operation struct{ in, out reflect.Type }

func operations(client any) map[string]operation {
	ops := map[string]operation{}
	for m := range reflect.TypeOf(client).Methods() {
		f := m.Type
		if f.NumIn() == 4 && f.NumOut() == 2 && strings.HasSuffix(f.In(2).String(), "Input") {
			ops[m.Name] = operation{f.In(2).Elem(), f.Out(0).Elem()}
		}
	}
	return ops
}

// Every request and response that AWS ships as an example survives being read
// and written again. The counts are those of this SDK version: a new version
// may have more, and what is missing then shows here.
func TestSnapshots(t *testing.T) {
	for _, tt := range []struct {
		module              string
		client              any
		codec               *awsjson.Codec
		requests, responses int
	}{
		{"github.com/aws/aws-sdk-go-v2/service/ecs", &ecs.Client{}, localecs.Codec(), 88, 88},
		{"github.com/aws/aws-sdk-go-v2/service/sagemaker", &sagemaker.Client{}, localsagemaker.Codec(), 409, 409},
	} {
		dir, ops := moduleDir(t, tt.module), operations(tt.client)
		requests := roundTrip(t, dir, "request", func(op string) reflect.Type { return ops[op].in }, tt.codec)
		responses := roundTrip(t, dir, "response", func(op string) reflect.Type { return ops[op].out }, tt.codec)
		if requests < tt.requests || responses < tt.responses {
			t.Errorf("%s: %d requests and %d responses survive, want %d and %d",
				tt.module, requests, responses, tt.requests, tt.responses)
		}
	}
}

func roundTrip(t *testing.T, dir, kind string, typeOf func(string) reflect.Type, codec *awsjson.Codec) (survivors int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, kind+"_snapshot", "*."+kind+".snap"))
	if err != nil || len(files) == 0 {
		t.Skipf("the module cache lacks the %s snapshots of %s", kind, dir)
	}
	for _, file := range files {
		op := strings.TrimSuffix(filepath.Base(file), "."+kind+".snap")
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, body, _ := bytes.Cut(raw, []byte("\n\n{"))
		body = append([]byte("{"), body...)
		v := reflect.New(typeOf(op)).Interface()
		if err := codec.Unmarshal(body, v); err != nil {
			t.Logf("%s %s: %v", op, kind, err)
			continue
		}
		again, err := codec.Marshal(v.(smithy.Serializable))
		if err != nil || !same(body, again) {
			t.Logf("%s %s differs: %v\n%s\n%s", op, kind, err, body, again)
			continue
		}
		survivors++
	}
	return survivors
}

func same(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// The snapshots show one member per union; the tables must name them all.
func TestUnionTablesAreComplete(t *testing.T) {
	for module, table := range map[string]string{
		"github.com/aws/aws-sdk-go-v2/service/ecs":       "../ecs/store.go",
		"github.com/aws/aws-sdk-go-v2/service/sagemaker": "../sagemaker/codec.go",
	} {
		source, err := os.ReadFile(filepath.Join(moduleDir(t, module), "types", "types.go"))
		if err != nil {
			t.Skipf("the module cache lacks the types of %s: %v", module, err)
		}
		ours, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func \(\*(\w+Member\w+)\) is\w+\(\)`).FindAllSubmatch(source, -1) {
			if name := string(m[1]); name != "UnknownUnionMember" && !bytes.Contains(ours, []byte("types."+name+"{}")) {
				t.Errorf("%s lacks %s", table, name)
			}
		}
	}
}

func TestRepliesHaveZeroNumbers(t *testing.T) {
	codec := localecs.Codec()
	out := &ecs.DescribeServicesOutput{}
	if err := codec.Unmarshal([]byte(`{"services":[{"serviceName":"s","deployments":[{"id":"d"}]}]}`), out); err != nil {
		t.Fatal(err)
	}
	raw, err := codec.MarshalReply(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"desiredCount":0`, `"runningCount":0`, `"failedTasks":0`} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("%s lacks %s", raw, want)
		}
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	codec := localecs.Codec()
	for body, want := range map[string]string{
		`{"cluster":7}`:             ".cluster: want a string",
		`{"maxResults":"many"}`:     ".maxResults: want an integer",
		`{"maxResults":1e30}`:       ".maxResults: want an integer",
		`{"brandNew":1}`:            ".brandNew: no such member",
		`{"cluster":"x"`:            "parse JSON",
		`[1]`:                       "want an object",
		`{"maxResults":5000000000}`: "want an integer of 32 bits",
	} {
		if err := codec.Unmarshal([]byte(body), &ecs.ListTasksInput{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(`{"family":"f","containerDefinitions":[{"name":"x","resourceRequirements":[{"sharingStrategy":{"nvidiaMps":{"memory":1}}}]}]}`))
	f.Add([]byte(`{"containerDefinitions":[{"environment":[null]}],"tags":null}`))
	f.Add([]byte(`{"family":{"a":[[[]]]}}`))
	codec := localecs.Codec()
	f.Fuzz(func(t *testing.T, raw []byte) {
		in := &ecs.RegisterTaskDefinitionInput{}
		if codec.Unmarshal(raw, in) != nil {
			return
		}
		first, err := codec.Marshal(in)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again := &ecs.RegisterTaskDefinitionInput{}
		if err := codec.Unmarshal(first, again); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
	})
}
