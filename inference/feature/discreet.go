package feature

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Discreet returns an OpenRTB request without what tells who somebody is or
// where just then: identifiers and addresses become others that are everybody's,
// places are a kilometre or so apart. Every source says of it what it said, but
// for latitude and longitude, which are rounded. What stands in an ext that
// OpenRTB does not describe stays.
func Discreet(request []byte) ([]byte, error) {
	in := jsontext.NewDecoder(bytes.NewReader(request), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	out, copied := make([]byte, 0, len(request)), 0
	for {
		before := int(in.InputOffset())
		token, err := in.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return append(out, request[copied:]...), nil
		case err != nil:
			return nil, fmt.Errorf("leave out who somebody is: %w", err)
		}
		kind := token.Kind()
		if kind != '"' && kind != '0' || isName(in) {
			continue
		}
		text, after := token.String(), int(in.InputOffset())
		instead, ok := discreetly(place(in.StackPointer()), text)
		if !ok {
			continue
		}
		if kind == '"' {
			instead = strconv.Quote(instead)
		}
		start := before + bytes.IndexAny(request[before:after], `"-0123456789`)
		out = append(append(out, request[copied:start]...), instead...)
		copied = after
	}
}

// isName reports whether the token read last is the name of a member.
func isName(in *jsontext.Decoder) bool {
	kind, n := in.StackIndex(in.StackDepth())
	return kind == '{' && n%2 == 1
}

// place is where a token stands, in lower case and without indexes.
func place(at jsontext.Pointer) string {
	var b strings.Builder
	for name := range at.Tokens() {
		if _, err := strconv.Atoi(name); err != nil {
			b.WriteByte('.')
			b.WriteString(strings.ToLower(name))
		}
	}
	return b.String()
}

// What stands for everybody's: an identifier that is one, and addresses that are
// kept for examples (RFC 5737, RFC 3849).
const (
	somebody = "00000000-0000-4000-8000-000000000001"
	anywhere = "192.0.2.1"
	anySix   = "2001:db8::1"
	nearby   = 100 // parts of a degree
)

// discreetly returns what stands in the place of a value; false where it stays.
func discreetly(place, value string) (instead string, ok bool) {
	switch place {
	case ".device.ip":
		return anywhere, value != ""
	case ".device.ipv6":
		return anySix, value != ""
	case ".device.ifa", ".device.didsha1", ".device.didmd5", ".device.dpidsha1", ".device.dpidmd5", ".device.macsha1", ".device.macmd5",
		".user.id", ".user.buyeruid", ".user.eids.uids.id", ".user.ext.eids.uids.id", ".user.customdata":
		return somebody, identifies(value) // zeros tell that it is refused
	case ".device.geo.lat", ".device.geo.lon", ".user.geo.lat", ".user.geo.lon":
		degrees, err := strconv.ParseFloat(value, 64)
		return strconv.FormatFloat(math.Round(degrees*nearby)/nearby, 'f', -1, 64), err == nil
	}
	return "", false
}
