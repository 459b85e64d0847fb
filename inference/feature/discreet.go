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
// where just then: what [personal] and [personalInExt] list becomes what is
// everybody's, places are a kilometre or so apart, and postal codes those of an
// area. Sources that ask whether an identifier is known are told what they were.
// exactZip keeps postal codes, of which a model may be made.
func Discreet(request []byte, exactZip bool) ([]byte, error) {
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
		k := kindOf(place(in.StackPointer()))
		if k == zipCode && exactZip {
			continue
		}
		instead, ok := k.discreetly(text)
		if !ok {
			continue
		}
		if kind == '"' || k != coordinate {
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

// personalKind is how a value tells who or where somebody is.
type personalKind int

const (
	impersonal personalKind = iota
	identifier              // of a person or a device, or a text that is as good as one
	addressFour
	addressSix
	coordinate
	zipCode
)

// personal lists the attributes of OpenRTB 2.0 to 2.6 that tell who somebody is,
// or where. Consent strings are among them: they tell the tenth of a second in
// which somebody gave it.
func personal(place string) personalKind {
	switch place {
	case ".device.ip":
		return addressFour
	case ".device.ipv6":
		return addressSix
	case ".device.ifa", ".device.didsha1", ".device.didmd5", ".device.dpidsha1", ".device.dpidmd5", ".device.macsha1", ".device.macmd5",
		".user.id", ".user.buyeruid", ".user.customdata", ".user.consent", ".user.eids.uids.id", ".regs.gpp":
		return identifier
	case ".device.geo.lat", ".device.geo.lon", ".user.geo.lat", ".user.geo.lon":
		return coordinate
	case ".device.geo.zip", ".user.geo.zip":
		return zipCode
	}
	return impersonal
}

// personalInExt lists members, by their own name, that do so wherever they stand
// within an ext, which is everybody's to fill: those that exchanges send.
func personalInExt(name string) personalKind {
	switch name {
	case "ip", "ipv4":
		return addressFour
	case "ipv6", "ip6":
		return addressSix
	case "lat", "lon", "lng", "latitude", "longitude":
		return coordinate
	case "zip", "postalcode", "postal_code":
		return zipCode
	case "ifa", "ifv", "idfa", "idfv", "gaid", "aaid", "adid", "oaid", "advertisingid", "advertising_id", "deviceid", "device_id", "imei",
		"imsi", "msisdn", "didsha1", "didmd5", "dpid", "dpidsha1", "dpidmd5", "mac", "macsha1", "macmd5", "uid", "uid2", "userid", "user_id",
		"buyeruid", "customdata", "customerid", "email", "emailsha1", "emailsha256", "emailmd5", "hem", "phone", "ppid", "ppuid", "fpid",
		"cookieid", "cookie_id", "sessionid", "session_id", "consent", "gpp":
		return identifier
	}
	return impersonal
}

// kindOf is what stands at a place.
func kindOf(place string) personalKind {
	if k := personal(place); k != impersonal {
		return k
	}
	_, within, in := strings.Cut(place, ".ext.")
	if !in {
		return impersonal
	}
	if strings.HasSuffix(place, ".uids.id") || strings.Contains("."+within, ".buyeruids.") { // by the name of a buyer
		return identifier
	}
	return personalInExt(within[strings.LastIndexByte(within, '.')+1:])
}

// mostZip is how much of a postal code names an area, where nothing parts it.
const mostZip = 5

// discreetly returns what stands in the place of a value; false where it stays.
func (k personalKind) discreetly(value string) (instead string, ok bool) {
	switch k {
	case addressFour:
		return anywhere, value != ""
	case addressSix:
		return anySix, value != ""
	case identifier:
		return somebody, identifies(value) // zeros tell that it is refused
	case coordinate:
		degrees, err := strconv.ParseFloat(value, 64)
		return strconv.FormatFloat(math.Round(degrees*nearby)/nearby, 'f', -1, 64), err == nil
	case zipCode:
		if at := strings.IndexAny(value, "- "); at > 0 {
			instead = value[:at]
		} else {
			instead = value
		}
		instead = instead[:min(len(instead), mostZip)]
		return instead, instead != value
	case impersonal:
	}
	return "", false
}
