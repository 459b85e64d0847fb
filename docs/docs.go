// Package docs is the documentation, as far as the program tells it itself.
package docs

import _ "embed" // of the words

// Words is words.md: every word that Sluice says, and what it means.
//
//go:embed words.md
var Words string
