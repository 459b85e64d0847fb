package api

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// Seal closes what a browser keeps for the server, so that nobody reads or
// changes it: AES-256-GCM under the first of several keys, opened under any, so
// that keys rotate. The name of what is sealed is authenticated too: one cookie
// does not pass for another.
type Seal struct{ keys []cipher.AEAD }

// minKeyBytes is how long a key must be: it is hashed to the cipher's length.
const minKeyBytes = 16

// NewSeal returns a seal of those keys, newest first; of one by chance, which
// ends with the process, where there is none.
func NewSeal(keys ...[]byte) (*Seal, error) {
	if len(keys) == 0 {
		keys = [][]byte{[]byte(rand.Text() + rand.Text())}
	}
	s := &Seal{}
	for _, k := range keys {
		if len(k) < minKeyBytes {
			return nil, fmt.Errorf("a key of the session has %d bytes: want %d or more, by chance", len(k), minKeyBytes)
		}
		sum := sha256.Sum256(k)
		block, err := aes.NewCipher(sum[:])
		if err != nil {
			return nil, fmt.Errorf("use a key of the session: %w", err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("use a key of the session: %w", err)
		}
		s.keys = append(s.keys, aead)
	}
	return s, nil
}

// Close seals a value under a name.
func (s *Seal) Close(name string, value any) (string, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", name, err)
	}
	return base64.RawURLEncoding.EncodeToString(s.keys[0].Seal(nil, nil, body, []byte(name))), nil
}

var errSeal = errors.New("the seal is broken")

// Open reads what was sealed under that name.
func (s *Seal) Open(name, sealed string, into any) error {
	b, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return errSeal
	}
	for _, k := range s.keys {
		if body, err := k.Open(nil, nil, b, []byte(name)); err == nil {
			return json.Unmarshal(body, into)
		}
	}
	return errSeal
}
