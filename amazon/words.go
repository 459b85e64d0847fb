package amazon

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/aws/smithy-go"
)

// maxWords bounds what is told of AWS's own words, in bytes.
const maxWords = 800

// words are AWS's own: its code, and its message.
func words(api smithy.APIError) string {
	return strings.TrimSuffix(api.ErrorCode()+": "+clean(api.ErrorMessage()), ": ")
}

// clean makes one line of what AWS said, without what must not be shown: some
// services repeat the request that they could not verify, with its token.
func clean(text string) string {
	for _, repeated := range []string{"The Canonical String for this request", "The String-to-Sign"} {
		text, _, _ = strings.Cut(text, repeated)
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	secret := regexp.MustCompile(`(?i)((?:authorization|credential|signature|security-?token|session-?token|secret-?access-?key|awsaccesskeyid)["']?\s*[=:]\s*)("[^"]*"|(?:(?:AWS4-[A-Z0-9-]+|AWS|Bearer)\s+)?[^\s&,;"'<>)]+)`)
	text = secret.ReplaceAllString(text, "${1}...")
	userinfo := regexp.MustCompile(`(https?://)[^/\s@"]+@`)
	text = userinfo.ReplaceAllString(text, "${1}")
	if len(text) > maxWords {
		text = strings.ToValidUTF8(text[:maxWords], "") + "..."
	}
	return text
}

// denial is what AWS named when it denied something. What it did not name is
// empty.
type denial struct {
	principal, action, resource string
	policy                      string // kind of the policy that denies, or lacks, it
	explicit                    bool   // a Deny stands there
}

// readDenial reads a denial's message.
func readDenial(message string) (d denial) {
	whole := regexp.MustCompile(`User: (\S+) is not authorized to perform: (\S+)(?: on resource: "?([^\s"]+)"?)?`)
	if m := whole.FindStringSubmatch(message); m != nil {
		d.principal, d.action, d.resource = m[1], m[2], m[3]
	} else if m := regexp.MustCompile(`(?i)not authorized to perform:? ([a-z0-9-]+:[A-Za-z*]+)`).FindStringSubmatch(message); m != nil {
		d.action = m[1]
	}
	if m := regexp.MustCompile(`(with an explicit deny in|because no) (?:an? |the )?([A-Za-z -]*?(?:policy|permissions boundary))\b`).FindStringSubmatch(message); m != nil {
		d.explicit, d.policy = strings.HasPrefix(m[1], "with"), strings.ToLower(m[2])
	}
	return d
}

// wayOut says what would lift the denial, by what AWS named and nothing else.
func (d denial) wayOut() string {
	where, who := d.place()
	switch {
	case d.policy == "":
		return fmt.Sprintf("allow %s %s; AWS does not say which policy lacks or denies it", d.action, d.on())
	case d.explicit:
		return fmt.Sprintf("a Deny in %s forbids %s: take it away, or except this%s", where, d.action, who)
	default:
		return fmt.Sprintf("allow %s %s in %s%s", d.action, d.on(), where, who)
	}
}

// on is what the action is about.
func (d denial) on() string {
	switch {
	case d.resource == "" || d.resource == "*":
		return "for " + d.whom()
	case strings.Contains(d.resource, ":kms:"):
		return "on the key"
	case strings.Contains(d.resource, ":s3:") && !strings.Contains(d.resource, "/"):
		return "on the bucket"
	}
	return "there"
}

// place is where the policy is found, and who can change one that is not the
// account's own affair.
func (d denial) place() (where, who string) {
	const organization = ", which whoever runs the AWS organization can"
	switch d.policy {
	case "identity-based policy":
		return "a policy of " + d.whom(), ""
	case "service control policy":
		return "a service control policy", organization
	case "resource control policy":
		return "a resource control policy", organization
	case "vpc endpoint policy":
		return "the policy of the VPC endpoint that the call goes through", ""
	case "permissions boundary":
		return "the permissions boundary of " + d.whom(), ""
	case "session policy":
		return "the session policy that " + d.whom() + " was assumed with", ""
	case "resource-based policy":
		switch {
		case strings.Contains(d.resource, ":kms:"):
			return "the key's own policy", ""
		case strings.Contains(d.resource, ":s3:"):
			return "the bucket's own policy", ""
		case strings.HasPrefix(d.action, "sts:"):
			return "the role's trust policy", ""
		}
		return "the resource's own policy", ""
	}
	return "the " + d.policy, ""
}

// whom is the principal by the name that people gave it.
func (d denial) whom() string {
	kind, name, _ := strings.Cut(d.principal[strings.LastIndexByte(d.principal, ':')+1:], "/")
	switch kind {
	case "assumed-role":
		role, _, _ := strings.Cut(name, "/")
		return "role " + role
	case "role", "user":
		return kind + " " + name[strings.LastIndexByte(name, '/')+1:]
	}
	return "the role"
}
