package feature

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What tells who somebody is, is gone; every other byte stays as it was.
func TestDiscreet(t *testing.T) {
	for request, want := range map[string]string{
		`{"id":"1","device":{"ifa":"6F9619FF-8B86-D011-B42D-00C04FC964FF","ip" : "203.0.113.9","ipv6":"2a00::9","ua":"x"}}`: `{"id":"1","device":{"ifa":"` + somebody + `","ip" : "192.0.2.1","ipv6":"2001:db8::1","ua":"x"}}`,
		`{"device":{"ifa":"00000000-0000-0000-0000-000000000000","ip":""}}`:                                                 `{"device":{"ifa":"00000000-0000-0000-0000-000000000000","ip":""}}`,
		`{"device":{"geo":{"lat":52.520008,"lon":-13.404954,"zip":"10115","country":"DEU"}}}`:                               `{"device":{"geo":{"lat":52.52,"lon":-13.4,"zip":"10115","country":"DEU"}}}`,
		`{"user":{"id":"u7","buyeruid":"b7","eids":[{"source":"a.com","uids":[{"id":"e1","atype":1},{"id":"e2"}]}]}}`:       `{"user":{"id":"` + somebody + `","buyeruid":"` + somebody + `","eids":[{"source":"a.com","uids":[{"id":"` + somebody + `","atype":1},{"id":"` + somebody + `"}]}]}}`,
		`{"Device":{"IFA":"abc"},"imp":[{"id":"device.ifa"}],"site":{"id":"s","ip":"1.2.3.4"}}`:                             `{"Device":{"IFA":"` + somebody + `"},"imp":[{"id":"device.ifa"}],"site":{"id":"s","ip":"1.2.3.4"}}`,
		`{"device":{"ifa":null,"geo":{"lat":"52.520008"}},"device":{"ip":"1.2.3.4"}}`:                                       `{"device":{"ifa":null,"geo":{"lat":"52.52"}},"device":{"ip":"192.0.2.1"}}`,
		`{"user":{"id":12345,"ext":{"uid":7}},"device":{"geo":{"lat":1.23456,"zip":94105}}}`:                                `{"user":{"id":"` + somebody + `","ext":{"uid":"` + somebody + `"}},"device":{"geo":{"lat":1.23,"zip":94105}}}`,
	} {
		got, err := Discreet([]byte(request), false)
		if err != nil || string(got) != want {
			t.Errorf("%s\nbecame %s, %v\nwant   %s", request, got, err, want)
		}
	}
	if got, err := Discreet([]byte(`{"device":`), false); err == nil {
		t.Errorf("half a request became %s", got)
	}
}

// A log of auctions is written without it, unless somebody says otherwise.
func TestAuctionsAreDiscreet(t *testing.T) {
	const line = `{"ts":1700000000000,"request":{"id":"1","imp":[{"id":"1"}],"device":{"ifa":"6F9619FF-8B86-D011-B42D-00C04FC964FF","ip":"203.0.113.9"}},"partners":["p"]}` + "\n"
	for _, people := range []bool{false, true} {
		var out bytes.Buffer
		if _, err := Auctions(&out, strings.NewReader(line), Listing{People: people}); err != nil {
			t.Fatal(err)
		}
		if told := strings.Contains(out.String(), "6F9619FF") || strings.Contains(out.String(), "203.0.113.9"); told != people {
			t.Errorf("with people %v: %s", people, &out)
		}
	}
}

// person is what OpenRTB 2.0 to 2.6 and what stands in its ext, as exchanges send
// it, tell of who or where somebody is, by where it stands.
const person = `device.ip device.ipv6 device.ifa device.didsha1 device.didmd5 device.dpidsha1 device.dpidmd5 device.macsha1 device.macmd5
	device.geo.lat device.geo.lon device.geo.zip user.geo.lat user.geo.lon user.geo.zip
	user.id user.buyeruid user.customdata user.consent user.eids.#.uids.#.id regs.gpp
	user.ext.eids.#.uids.#.id user.ext.consent user.ext.prebid.buyeruids.appnexus user.ext.buyeruid user.ext.sessionid user.ext.hem user.ext.email
	device.ext.ifv device.ext.idfv device.ext.gaid device.ext.didmd5 device.ext.ip device.ext.geo.lat device.geo.ext.zip device.geo.ext.lon device.ext.user_id
	user.eids.#.ext.email user.eids.#.uids.#.ext.uid ext.device.ifa ext.prebid.data.eids.#.uids.#.id ext.user.ext.eids.#.uids.#.id
	imp.#.ext.context.user_id regs.ext.gpp site.ext.data.phone app.ext.device_id`

// ofMany is what of the same objects stays, as it is of many.
const ofMany = `device.ua device.devicetype device.make device.model device.os device.osv device.hwv device.h device.w device.ppi device.pxratio device.js
	device.language device.langb device.carrier device.mccmnc device.connectiontype device.dnt device.lmt device.geofetch device.flashver
	device.sua.browsers device.sua.platform device.sua.mobile device.sua.architecture device.sua.bitness device.sua.model device.sua.source device.ext.atts
	device.geo.type device.geo.country device.geo.region device.geo.metro device.geo.city device.geo.utcoffset device.geo.accuracy device.geo.lastfix device.geo.ipservice
	user.geo.type user.geo.country user.geo.region user.geo.metro user.geo.city user.geo.utcoffset
	user.yob user.gender user.keywords user.kwarray user.data.#.id user.data.#.name user.data.#.segment.#.id user.data.#.segment.#.name user.data.#.segment.#.value
	user.eids.#.source user.eids.#.uids.#.atype user.eids.#.inserter user.eids.#.matcher user.eids.#.mm user.ext.sessionduration
	regs.coppa regs.gdpr regs.us_privacy regs.gpp_sid regs.ext.gdpr regs.ext.us_privacy id imp.#.id site.id app.id imp.#.ext.gpid source.tid`

// at puts a value at a place in a request.
func at(place, value string) string {
	names := strings.Split(place, ".")
	slices.Reverse(names)
	for _, name := range names {
		if name == "#" {
			value = "[" + value + "]"
		} else {
			value = `{"` + name + `":` + value + `}`
		}
	}
	return value
}

// Nothing by which a person can be told from others is left of a request,
// wherever it stands, as a text or as a number; all else is, to the byte.
func TestEveryPlaceThatTellsWhoSomebodyIs(t *testing.T) {
	of := func(place, value string) string {
		t.Helper()
		got, err := Discreet([]byte(at(place, value)), false)
		if err != nil || !json.Valid(got) {
			t.Errorf("%s of %s became %s, %v", place, value, got, err)
		}
		return string(got)
	}
	for _, place := range strings.Fields(person) {
		for _, value := range []string{`"52.520008-x7"`, `52.520008`} {
			if leaf := place[strings.LastIndexByte(place, '.')+1:]; value[0] == '"' && (leaf == "lat" || leaf == "lon") {
				value = `"52.520008"`
			}
			if got := of(place, value); strings.Contains(got, "520008") {
				t.Errorf("%s stays: %s", place, got)
			}
		}
		for _, nothing := range []string{`""`, `null`, `"00000000-0000-0000-0000-000000000000"`} {
			if got := of(place, nothing); got != at(place, nothing) && !strings.HasSuffix(place, "zip") && !strings.Contains(place, "ip") {
				t.Errorf("%s of %s became %s", place, nothing, got)
			}
		}
	}
	for _, place := range strings.Fields(ofMany) {
		if got := of(place, `"52.520008-x7"`); got != at(place, `"52.520008-x7"`) {
			t.Errorf("%s became %s", place, got)
		}
	}
}

// Every attribute of the wire's people, devices and places is one of both.
func TestEveryAttributeIsWeighed(t *testing.T) {
	idl, err := os.ReadFile("../../idl/openrtb.thrift")
	if err != nil {
		t.Fatal(err)
	}
	weighed := map[string]bool{}
	for _, place := range strings.Fields(person + " " + ofMany) {
		weighed[strings.ReplaceAll(place, ".#", "")] = true
	}
	structs := map[string]string{"Device": "device.", "User": "user.", "Geo": "device.geo.", "Eid": "user.eids.", "Uid": "user.eids.uids.", "Regs": "regs.", "Segment": "user.data.segment.", "UserAgent": "device.sua."}
	within := regexp.MustCompile(`(?s)struct (\w+) \{(.*?)\n\}`)
	found := 0
	for _, s := range within.FindAllStringSubmatch(string(idl), -1) {
		under, is := structs[s[1]]
		if !is {
			continue
		}
		for _, f := range regexp.MustCompile(`(?m)^  \d+: optional (\S+) (\w+)`).FindAllStringSubmatch(s[2], -1) {
			found++
			place := under + strings.ToLower(f[2])
			inside := f[1] == "Geo" || f[1] == "UserAgent" || strings.HasPrefix(f[1], "list<Eid") || strings.HasPrefix(f[1], "list<Uid") || strings.HasPrefix(f[1], "list<Data") || strings.HasPrefix(f[1], "list<Segment")
			if !weighed[place] && !inside {
				t.Errorf("nobody says whether %s tells who somebody is", place)
			}
		}
	}
	if found < 50 {
		t.Errorf("the wire has %d such attributes", found)
	}
}

// A postal code names an area, unless a model may be made of it.
func TestZipIsAnArea(t *testing.T) {
	for zip, want := range map[string]string{"94105": "94105", "94105-1234": "94105", "SW1A 1AA": "SW1A", "1012 AB": "1012", "1012AB": "1012A", "100-0001": "100", "018989": "01898", "": "", "-1": "-1"} {
		request := `{"device":{"geo":{"zip":"` + zip + `"}}}`
		if got, err := Discreet([]byte(request), false); err != nil || string(got) != `{"device":{"geo":{"zip":"`+want+`"}}}` {
			t.Errorf("%q became %s, %v", zip, got, err)
		}
		if got, err := Discreet([]byte(request), true); err != nil || string(got) != request {
			t.Errorf("where a model is made of it %q became %s, %v", zip, got, err)
		}
	}
}

// What is counted of a log is what is written: a vocabulary holds nobody's id.
func TestVocabulariesAreDiscreet(t *testing.T) {
	const line = `{"ts":1700000000000,"request":{"id":"1","imp":[{"id":"1"}],"device":{"geo":{"zip":"94105-1234"}},"user":{"id":"u-4711"}},"partners":["p"]}` + "\n"
	for _, values := range [][]string{{"user.id"}, {"user.id", "device.geo.zip"}} {
		var out bytes.Buffer
		listed, err := Auctions(&out, strings.NewReader(line), Listing{Values: values})
		if err != nil {
			t.Fatal(err)
		}
		if listed.Values["user.id"]["u-4711"] != 0 || listed.Values["user.id"][somebody] != 1 || strings.Contains(out.String(), "u-4711") {
			t.Errorf("counted %v, written %s", listed.Values, &out)
		}
		if exact := len(values) == 2; strings.Contains(out.String(), "94105-1234") != exact || exact != (listed.Values["device.geo.zip"]["94105-1234"] == 1) {
			t.Errorf("for %v counted %v, written %s", values, listed.Values, &out)
		}
	}
}
