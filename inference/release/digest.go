package release

import "strings"

// IsDigest reports whether text is the digest of a release: SHA-256 in
// lowercase hex.
func IsDigest(text string) bool {
	return len(text) == 64 && strings.Trim(text, "0123456789abcdef") == ""
}
