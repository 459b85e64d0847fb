package inference

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/idl/gen/openrtb"
	"github.com/sluicehq/sluice/inference/feature"
)

var update = flag.Bool("update", false, "write the tables of docs that are made by tests")

// numbersOf finds a path of OpenRTB in the generated types and returns the
// numbers of its fields, and its type; nil where there is no such path.
func numbersOf(path string) (numbers []int16, is reflect.Type) {
	is = reflect.TypeFor[openrtb.AuctionRequest]()
	for _, step := range strings.Split(regexp.MustCompile(`\[\d*\]`).ReplaceAllString(path, ""), ".") {
		for is.Kind() == reflect.Pointer || is.Kind() == reflect.Slice {
			is = is.Elem()
		}
		if is.Kind() != reflect.Struct {
			return nil, nil
		}
		field := -1
		for i := range is.NumField() {
			name, _, _ := strings.Cut(is.Field(i).Tag.Get("json"), ",")
			if strings.TrimSuffix(name, "_") == step {
				field = i
			}
		}
		if field < 0 {
			return nil, nil
		}
		numbers, is = append(numbers, fieldNumber(is.Field(field))), is.Field(field).Type
	}
	return numbers, is
}

// Every attribute is where the IDL has it, and of its type.
func TestAttributesAreThoseOfTheIDL(t *testing.T) {
	kinds := map[feature.AttributeKind]string{
		feature.Object: "*struct", feature.Objects: "[]*struct", feature.Words: "[]string", feature.Wholes: "[]int32",
		feature.Word: "*string", feature.WholeNumber: "*int32", feature.Double: "*float64", feature.Bool: "*bool",
	}
	seen := map[string]bool{}
	for _, a := range feature.Attributes() {
		numbers, is := numbersOf(a.Path)
		if !reflect.DeepEqual(numbers, a.Fields) {
			t.Errorf("%s is field %v, and %v in the IDL", a.Path, a.Fields, numbers)
			continue
		}
		kind := ""
		for ; is.Kind() == reflect.Pointer || is.Kind() == reflect.Slice; is = is.Elem() {
			if kind += "*"; is.Kind() == reflect.Slice {
				kind = strings.TrimSuffix(kind, "*") + "[]"
			}
		}
		if kind += is.Kind().String(); kind != kinds[a.Kind] || seen[a.Path] {
			t.Errorf("%s is %s, and %s in the IDL", a.Path, kinds[a.Kind], kind)
		}
		seen[a.Path] = true
		if at := strings.LastIndexByte(a.Path, '.'); at > 0 && !seen[a.Path[:at]] {
			t.Errorf("%s comes before the object it is in", a.Path)
		}
	}
}

// docs/features.md has every source, as the code has it.
func TestVocabularyIsDocumented(t *testing.T) {
	const file, begin, end = "../docs/features.md", "<!-- the table below is written by go test ./inference -run Vocabulary -update -->\n", "<!-- the end of the table -->\n"
	was, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(was), begin)
	_, tail, ends := strings.Cut(rest, end)
	if !found || !ends {
		t.Fatalf("%s has no place for the table", file)
	}
	if is := head + begin + vocabularyTable(t) + end + tail; is != string(was) {
		if !*update {
			t.Fatalf("%s is out of date: go test ./inference -run Vocabulary -update", file)
		}
		if err := os.WriteFile(file, []byte(is), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func vocabularyTable(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("\n| source | is | in OpenRTB | fields | unit, values | absent |\n|---|---|---|---|---|---|\n")
	path := regexp.MustCompile(`[a-z_0-9]+(\[\d*\])?(\.[a-z_0-9]+(\[\d*\])?)*`)
	for _, d := range feature.Vocabulary() {
		is := "number"
		if d.Text {
			is = "text"
		}
		var fields []string
		for _, p := range path.FindAllString(d.Path, -1) {
			if numbers, _ := numbersOf(p); numbers != nil {
				fields = append(fields, strings.ReplaceAll(strings.Trim(fmt.Sprint(numbers), "[]"), " ", "."))
			}
		}
		if clock := d.Path == "the clock"; clock != (fields == nil) && d.Name != "partner" || d.Unit == "" || d.Absent == "" {
			t.Errorf("%+v says too little: fields %v", d, fields)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", d.Name, is, d.Path, strings.Join(fields, ", "), d.Unit, d.Absent)
	}
	return b.String() + "\n"
}
