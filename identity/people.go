package identity

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Tokens of people are made here and are 256 bits of chance, so that one round
// of SHA-256 keeps them: there is nothing to guess that a slow hash would make
// dearer. Their shape tells them from passwords, which are not taken.
const (
	tokenPrefix = "sluice_"
	tokenBytes  = 32
	hashPrefix  = "sha256:"
)

const (
	groupPrefix  = "group:"
	userPrefix   = "user:"
	maxPeople    = 10_000
	maxNameBytes = 128
)

// NewToken returns a token that nobody has.
func NewToken() string {
	b := make([]byte, tokenBytes)
	_, _ = rand.Read(b) // it never fails
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b)
}

// IsToken reports whether text has the shape of one.
func IsToken(text string) bool {
	rest, ok := strings.CutPrefix(text, tokenPrefix)
	b, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	return ok && err == nil && len(b) == tokenBytes
}

// HashToken is what a people file says of a token.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hashPrefix + hex.EncodeToString(sum[:])
}

// people is what a people file says.
type people struct {
	tokens        map[string]Person // by hash
	groups, users map[string]Grants // of a provider
}

// People are those who may see and steer fleets, as a file names them that is
// read again when it changes. Many goroutines may use it.
type People struct {
	log *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	trouble error
	file    source[people]
}

// OpenPeople reads the file, or says what is wrong with it. Without a name
// nobody is known.
func OpenPeople(file string, log *slog.Logger) (*People, error) {
	p := &People{log: log, looked: time.Now(), file: source[people]{names: named(file), parse: parsePeople}}
	return p, p.file.open()
}

// now is what the file says now, or said when it was good last.
func (p *People) now() people {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.looked) < lookAgain {
		return p.file.value
	}
	p.looked = time.Now()
	taken, err := p.file.look(p.looked)
	was := p.trouble
	p.trouble = err
	switch ctx := context.Background(); {
	case err != nil && (was == nil || was.Error() != err.Error()):
		p.log.WarnContext(ctx, "the people file is not in order, what was read before serves on", "err", err)
	case err == nil && (taken || was != nil):
		p.log.InfoContext(ctx, "people read again", "tokens", len(p.file.value.tokens))
	}
	return p.file.value
}

// ByToken returns whose token that is.
func (p *People) ByToken(token string) (Person, bool) {
	if !IsToken(token) {
		return Person{}, false
	}
	return p.ByHash(HashToken(token))
}

// ByHash returns whose token has that hash. How long it takes tells at most
// about hashes, from which no token follows.
func (p *People) ByHash(hash string) (Person, bool) {
	one, ok := p.now().tokens[hash]
	return one, ok
}

// Granted is what somebody may do whom a provider has proven to be that user, of
// those groups.
func (p *People) Granted(user string, groups []string) Grants {
	now, g := p.now(), Grants{}
	g.add(now.users[user])
	for _, group := range groups {
		g.add(now.groups[group])
	}
	return g
}

// Named returns those of the groups that the file names.
func (p *People) Named(groups []string) []string {
	now := p.now()
	return slices.DeleteFunc(slices.Clone(groups), func(g string) bool { return now.groups[g] == nil })
}

// parsePeople reads a line per token, group or user: who, what they may do, and
// of a token its hash.
func parsePeople(names []string, contents [][]byte) (people, error) {
	all := people{tokens: map[string]Person{}, groups: map[string]Grants{}, users: map[string]Grants{}}
	n := 0
	for line := range bytes.Lines(contents[0]) {
		n++
		if at := bytes.IndexByte(line, '#'); at >= 0 {
			line = line[:at]
		}
		fields := strings.Fields(string(line))
		if len(fields) == 0 {
			continue
		}
		if err := all.take(fields); err != nil {
			return people{}, fmt.Errorf("%s, line %d: %w", names[0], n, err)
		}
	}
	switch known := len(all.tokens) + len(all.groups) + len(all.users); {
	case known == 0:
		return people{}, fmt.Errorf("%s names nobody: sluice token NAME --role admin makes a line for it", names[0])
	case known > maxPeople:
		return people{}, fmt.Errorf("%s has %d lines: want %d at most", names[0], known, maxPeople)
	}
	return all, nil
}

// CheckLine returns what is wrong with a line for a token.
func CheckLine(line string) error {
	all := people{tokens: map[string]Person{}, groups: map[string]Grants{}, users: map[string]Grants{}}
	fields := strings.Fields(line)
	if len(fields) != 3 || strings.Contains(line, "#") {
		return fmt.Errorf("%.100q is no name: want one word without #", line)
	}
	return all.take(fields)
}

func (p *people) take(fields []string) error {
	who := fields[0]
	group, isGroup := strings.CutPrefix(who, groupPrefix)
	user, isUser := strings.CutPrefix(who, userPrefix)
	if len(who) > maxNameBytes {
		return fmt.Errorf("a name has %d bytes: want %d at most", len(who), maxNameBytes)
	}
	if want := 3; len(fields) != want && !(isGroup || isUser) || len(fields) != want-1 && (isGroup || isUser) {
		return fmt.Errorf("it has %d words: want NAME ROLES sha256:HASH for a token, or group:NAME ROLES, or user:NAME ROLES", len(fields))
	}
	grants, err := ParseGrants(fields[1])
	switch {
	case err != nil:
		return err
	case isGroup && p.groups[group] != nil, isUser && p.users[user] != nil:
		return fmt.Errorf("%s stands twice: keep one", who)
	case isGroup:
		p.groups[group] = grants
		return nil
	case isUser:
		p.users[user] = grants
		return nil
	}
	hash := fields[2]
	digits, ok := strings.CutPrefix(hash, hashPrefix)
	if sum, err := hex.DecodeString(digits); !ok || err != nil || len(sum) != sha256.Size || strings.ToLower(digits) != digits {
		return fmt.Errorf("the token of %s is not hashed: want sha256: and 64 characters of lower-case hex, as sluice token prints it", who)
	}
	if other, twice := p.tokens[hash]; twice {
		return fmt.Errorf("%s has the token of %s: give everybody a token of their own", who, other.Name)
	}
	p.tokens[hash] = Person{Name: who, How: "token", Grants: grants}
	return nil
}
