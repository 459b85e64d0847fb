package cloud_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/checks/cloud"
)

// TestResolve reads a template as CloudFormation does.
func TestResolve(t *testing.T) {
	const text = `
Parameters:
  Size: {Type: Number, Default: 3}
  Name: {Type: String}
Conditions:
  Large: !And [!Equals [!Ref Size, "3"], !Not [!Equals [!Ref Name, ""]]]
  Small: !Not [{Condition: Large}]
Resources:
  One:
    Type: A::B::C
    Properties:
      Text: !Sub "${Name}-${Size}-${Other}-${Other.Arn}-${AWS::Region}"
      Own: !Sub ["${A}b", {A: !If [Large, x, y]}]
      List: [!Ref Size, !Ref "AWS::NoValue", !GetAtt Other.Arn, !Select [1, !GetAZs ""]]
      Left: !If [Small, 1, !Ref "AWS::NoValue"]
      Joined: !Join ["-", [a, !Ref Size]]
      Folded: >-
        one &&
        two
      Lines: |
        one
        two
      Quoted: "080"
  Other: {Type: A::B::C}
  Never: {Type: A::B::C, Condition: Small}
`
	template, err := cloud.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	stack, err := template.Resolve(cloud.World{"Name": "ads"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"Text": "ads-3-Other-Other.Arn-us-east-1", "Own": "xb", "List": []any{uint64(3), "Other.Arn", "us-east-1b"},
		"Joined": "a-3", "Folded": "one && two", "Lines": "one\ntwo\n", "Quoted": "080",
	}
	if got := stack["One"].Properties; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %#v\nwant %#v", got, want)
	}
	if len(stack) != 2 {
		t.Errorf("%d resources: want One and Other", len(stack))
	}
	if _, err := template.Resolve(nil); err == nil || !strings.Contains(err.Error(), "parameter Name has no value") {
		t.Errorf("without the name: %v", err)
	}
	for planted, says := range map[string]string{
		"!Ref Size": "there is no Sizes", "!GetAtt Other.Arn": "there is no Others", `!GetAZs ""`: "no such function",
	} {
		broken := map[string]string{"!Ref Size": "!Ref Sizes", "!GetAtt Other.Arn": "!GetAtt Others.Arn", `!GetAZs ""`: `!ImportValue ""`}[planted]
		template, err := cloud.Parse([]byte(strings.ReplaceAll(text, planted, broken)))
		if err == nil {
			_, err = template.Resolve(cloud.World{"Name": "ads"})
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("with %s: %v", broken, err)
		}
	}
	for _, bad := range []string{"Resources: {A: &x {Type: T}, B: *x}", "Resources: {A: 1, A: 2}", "Parameters: {}", "a: [", ""} {
		if _, err := cloud.Parse([]byte(bad)); err == nil {
			t.Errorf("%q is a template", bad)
		}
	}
}
