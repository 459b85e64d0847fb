package feature

import (
	"bytes"
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
	} {
		got, err := Discreet([]byte(request))
		if err != nil || string(got) != want {
			t.Errorf("%s\nbecame %s, %v\nwant   %s", request, got, err, want)
		}
	}
	if got, err := Discreet([]byte(`{"device":`)); err == nil {
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
