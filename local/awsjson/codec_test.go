package awsjson_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path"
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

// spoken is a service as far as it is served here.
type spoken struct {
	module string
	codec  *awsjson.Codec
	served map[string]operation
}

func allSpoken(t *testing.T) (all []spoken) {
	t.Helper()
	for _, s := range []struct {
		module  string
		client  any
		codec   *awsjson.Codec
		service *awsjson.Service
	}{
		{"github.com/aws/aws-sdk-go-v2/service/ecs", &ecs.Client{}, localecs.Codec(), (&localecs.Server{}).Handler()},
		{"github.com/aws/aws-sdk-go-v2/service/sagemaker", &sagemaker.Client{}, localsagemaker.Codec(), (&localsagemaker.Server{}).Handler()},
	} {
		served, known := map[string]operation{}, operations(s.client)
		for _, name := range s.service.Operations() {
			if served[name] = known[name]; served[name].in == nil {
				t.Fatalf("the SDK has no %s", name)
			}
		}
		all = append(all, spoken{s.module, s.codec, served})
	}
	return all
}

// Every request and response that AWS ships as an example of what is served
// survives being read and written again.
func TestSnapshots(t *testing.T) {
	for _, s := range allSpoken(t) {
		for name, of := range s.served {
			roundTrip(t, s, name, "request", of.in)
			roundTrip(t, s, name, "response", of.out)
		}
	}
}

func roundTrip(t *testing.T, s spoken, name, kind string, of reflect.Type) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(moduleDir(t, s.module), kind+"_snapshot", name+"."+kind+".snap"))
	if err != nil {
		t.Skipf("the module cache lacks a snapshot of %s: %v", s.module, err)
	}
	_, body, _ := bytes.Cut(raw, []byte("\n\n{"))
	body = append([]byte("{"), body...)
	v := reflect.New(of).Interface()
	if err := s.codec.Unmarshal(body, v); err != nil {
		t.Errorf("%s %s: %v", name, kind, err)
		return
	}
	again, err := s.codec.Marshal(v.(smithy.Serializable))
	if err != nil || !same(body, again) {
		t.Errorf("%s %s differs: %v\n%s\n%s", name, kind, err, body, again)
	}
}

func same(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// The snapshots show one member per union; the tables must name them all, of
// the unions in what is served.
func TestUnionTablesAreComplete(t *testing.T) {
	member := regexp.MustCompile(`(?m)^func \(\*((\w+)Member\w+)\) is\w+\(\)`)
	for _, s := range allSpoken(t) {
		table := filepath.Join("..", path.Base(s.module), "codec.go")
		ours, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		source, err := os.ReadFile(filepath.Join(moduleDir(t, s.module), "types", "types.go"))
		if err != nil {
			t.Skipf("the module cache lacks the types of %s: %v", s.module, err)
		}
		within := map[reflect.Type]bool{}
		for _, of := range s.served {
			reach(of.in, within)
			reach(of.out, within)
		}
		for union := range within {
			if union.Kind() != reflect.Interface {
				continue
			}
			known := 0
			for _, m := range member.FindAllSubmatch(source, -1) {
				if string(m[2]) != union.Name() {
					continue
				}
				if known++; !bytes.Contains(ours, []byte("types."+string(m[1])+"{}")) {
					t.Errorf("%s lacks %s", table, m[1])
				}
			}
			if known == 0 && !bytes.Contains(ours, []byte(union.String())) {
				t.Errorf("%s lacks %s", table, union)
			}
		}
	}
}

// reach adds all types that a value of type of may hold.
func reach(of reflect.Type, within map[reflect.Type]bool) {
	if within[of] {
		return
	}
	within[of] = true
	switch of.Kind() { //nolint:exhaustive // no other kind leads to further types
	case reflect.Pointer, reflect.Slice, reflect.Map:
		reach(of.Elem(), within)
	case reflect.Struct:
		for f := range of.Fields() {
			if f.IsExported() {
				reach(f.Type, within)
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
