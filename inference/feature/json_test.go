package feature

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func sameRequest(a, b Request) bool {
	for _, s := range bound() {
		if s.text != nil && s.text(&a) != s.text(&b) || s.number != nil && !same(s.number(&a), s.number(&b)) {
			return false
		}
	}
	return a.ID == b.ID
}

const whole = `{"id":"7","at":2,"tmax":120,"imp":[{"id":"1","tagid":"top","instl":0,"secure":1,"rwdd":0,"bidfloor":0.35,
 "banner":{"w":300,"h":250,"pos":1,"format":[{"w":9,"h":9}]}},{"id":"2","video":{}}],
 "site":{"id":"s1","domain":"a.example","cat":["IAB2","IAB3"],"publisher":{"id":"p1","name":"P"}},
 "device":{"ua":"M","devicetype":4,"make":"Acme","model":"X","os":"Android","osv":"14","language":"de","carrier":"T","connectiontype":2,"lmt":1,
 "geo":{"country":"DEU","region":"BE","city":"Berlin"}},"user":{"id":"u","yob":1990,"gender":"F"},"ext":{"x":[1]}}`

func wholeRequest() Request {
	return Request{
		ID: "7", At: 2, Hour: nan(), Minute: nan(), DayOfWeek: nan(),
		Format: "banner", ImpTagID: "top", ImpInstl: 0, ImpSecure: 1, ImpRwdd: 0, ImpBidfloor: .35, ImpCount: 2, Width: 300, Height: 250, Pos: 1,
		SiteID: "s1", SiteDomain: "a.example", SiteCat: "IAB2", PublisherID: "p1",
		DeviceUA: "M", DeviceType: 4, DeviceMake: "Acme", DeviceModel: "X", DeviceOS: "Android", DeviceOSV: "14", DeviceLanguage: "de",
		DeviceCarrier: "T", ConnectionType: 2, DeviceLmt: 1, GeoCountry: "DEU", GeoRegion: "BE", GeoCity: "Berlin",
		UserID: "u", UserYob: 1990, UserGender: "F",
	}
}

func TestParseJSON(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     func(*Request)
	}{
		{"nothing", `{}`, func(*Request) {}},
		{"no impression", `{"imp":[]}`, func(r *Request) { r.ImpCount = 0 }},
		{"numbers as texts and flags", `{"at":"1","imp":[{"instl":true,"secure":false,"bidfloor":"0.5"}]}`, func(r *Request) {
			r.At, r.ImpInstl, r.ImpSecure, r.ImpBidfloor, r.ImpCount = 1, 1, 0, .5, 1
		}},
		{"texts as numbers", `{"id":12,"site":{"publisher":{"id":3e2}}}`, func(r *Request) { r.ID, r.PublisherID = "12", "3e2" }},
		{"nulls", `{"id":null,"imp":null,"site":null,"device":{"devicetype":null,"ua":null,"geo":null}}`, func(*Request) {}},
		{"size of the banner's format", `{"imp":[{"banner":{"pos":3,"format":[{"w":728,"h":90}]}}]}`, func(r *Request) {
			r.ImpCount, r.Format, r.Width, r.Height, r.Pos = 1, "banner", 728, 90, 3
		}},
		{"video", `{"imp":[{"video":{"w":640,"h":360,"mimes":["video/mp4"]}}]}`, func(r *Request) {
			r.ImpCount, r.Format, r.Width, r.Height = 1, "video", 640, 360
		}},
		{"banner before video", `{"imp":[{"video":{"w":640},"banner":{"w":300}}]}`, func(r *Request) { r.ImpCount, r.Format, r.Width = 1, "banner", 300 }},
		{"native", `{"imp":[{"native":{"request":"{}"}}]}`, func(r *Request) { r.ImpCount, r.Format = 1, "native" }},
		{"app", `{"app":{"id":"a","bundle":"b.c","cat":["IAB9"],"publisher":{"id":"p"}}}`, func(r *Request) {
			r.AppID, r.AppBundle, r.SiteCat, r.PublisherID = "a", "b.c", "IAB9", "p"
		}},
		{"byte order mark and carriage return", "\ufeff{\"id\":\"7\"}\r\n", func(r *Request) { r.ID = "7" }},
		{"flags and numbers as texts", `{"at":" 2 ","imp":[{"instl":"true","secure":"False","rwdd":"1","bidfloor":""}]}`, func(r *Request) {
			r.At, r.ImpInstl, r.ImpSecure, r.ImpRwdd, r.ImpCount = 2, 1, 0, 1, 1
		}},
		{"an object where a list belongs", `{"imp":{"tagid":"top","banner":{"format":{"w":300,"h":50}}}}`, func(r *Request) {
			r.ImpCount, r.ImpTagID, r.Format, r.Width, r.Height = 1, "top", "banner", 300, 50
		}},
		{"a text where a list belongs", `{"site":{"cat":"IAB1"}}`, func(r *Request) { r.SiteCat = "IAB1" }},
		{"lists where objects belong", `{"site":[{"id":"s"},{"id":"t"}],"user":[],"imp":[{"banner":[{"w":1}],"video":[]}]}`, func(r *Request) {
			r.SiteID, r.ImpCount, r.Format, r.Width = "s", 1, "banner", 1
		}},
		{"scalars where objects belong", `{"site":"","app":false,"device":0,"user":"x","imp":[{"banner":"","video":{}}]}`, func(r *Request) {
			r.ImpCount, r.Format = 1, "video"
		}},
		{"objects where scalars belong", `{"id":{"x":1},"at":{},"user":{"id":[1],"yob":[1980]},"site":{"cat":[{},[],null,"IAB1"]}}`, func(r *Request) { r.SiteCat = "IAB1" }},
		{"no numbers", `{"at":"much","imp":[{"bidfloor":1e99,"instl":"NaN","secure":"0,5","rwdd":null,"banner":{"w":"300px","h":"-Inf"}}]}`, func(r *Request) {
			r.ImpCount, r.Format = 1, "banner"
		}},
		{"numbers that the wire cannot carry", `{"at":2147483648,"device":{"lmt":2,"devicetype":4.9},"user":{"yob":-1980.5},"imp":[{"instl":-1,"rwdd":1e-50,"bidfloor":1.000000059604644776,"banner":{"w":3e9,"h":2147483647}}]}`, func(r *Request) {
			r.DeviceLmt, r.DeviceType, r.UserYob, r.ImpInstl, r.ImpRwdd, r.ImpBidfloor = 1, 4, -1980, 1, 0, 1
			r.ImpCount, r.Format, r.Height = 1, "banner", 2147483647
		}},
		{"a size that is none, before one that is", `{"imp":[{"banner":{"w":3e9,"format":[{"w":300,"h":50}]}}]}`, func(r *Request) {
			r.ImpCount, r.Format, r.Width, r.Height = 1, "banner", 300, 50
		}},
		{"no impressions among those", `{"imp":[null,7,{"tagid":"top"},"x",{}]}`, func(r *Request) { r.ImpCount, r.ImpTagID = 2, "top" }},
		{"impressions that are none", `{"imp":"many"}`, func(*Request) {}},
		{"given twice", `{"id":"1","site":{"id":"s","domain":"d"},"site":{"id":"t"},"at":1,"at":"x","id":"2"}`, func(r *Request) { r.ID, r.SiteID = "2", "t" }},
		{"names of another case", `{"ID":"7","Imp":[{"BidFloor":1}]}`, func(r *Request) { r.ID, r.ImpBidfloor, r.ImpCount = "7", 1, 1 }},
		{"site and app", `{"site":{"id":"s"},"app":{"id":"a","cat":["IAB9"]}}`, func(r *Request) { r.SiteID, r.AppID, r.SiteCat = "s", "a", "IAB9" }},
		{"a huge extension", `{"ext":` + strings.Repeat(`{"a":[`, 4000) + `1` + strings.Repeat(`]}`, 4000) + `,"id":"7"}`, func(r *Request) { r.ID = "7" }},
		{"whole", whole, func(r *Request) { *r = wholeRequest() }},
	} {
		want := Absent()
		tt.want(&want)
		got, err := ParseJSON([]byte(tt.in))
		if err != nil || !sameRequest(got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", tt.name, got, err, want)
		}
		if tt.name == "banner before video" {
			continue
		}
		back, err := ParseJSON(MarshalOpenRTB(want))
		if err != nil || !sameRequest(back, want) {
			t.Errorf("%s: comes back as %+v, %v from %s", tt.name, back, err, MarshalOpenRTB(want))
		}
	}
}

// What was admitted by rows of an earlier reading is proven by it for ever.
func TestParseLoosely(t *testing.T) {
	r, err := ParseLoosely([]byte(`{"at":2147483648,"device":{"lmt":2,"devicetype":" 4.9 "},"imp":[{"instl":true,"bidfloor":1.000000059604644776,"banner":{"w":3e9,"format":{"w":300}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := Absent()
	want.At, want.DeviceLmt, want.DeviceType, want.ImpInstl, want.ImpBidfloor = 2147483648, 2, 4.9, 1, math.Nextafter32(1, 2)
	want.ImpCount, want.Format, want.Width = 1, "banner", 3e9
	if !sameRequest(r, want) {
		t.Errorf("got %+v, want %+v", r, want)
	}
}

// OpenRTB allows a site or an app, never both.
func TestMarshalOpenRTBNamesOnePlace(t *testing.T) {
	r := Absent()
	r.AppBundle, r.SiteCat, r.PublisherID = "b.c", "IAB9", "p"
	if got := string(MarshalOpenRTB(r)); got != `{"app":{"bundle":"b.c","cat":["IAB9"],"publisher":{"id":"p"}}}` {
		t.Error(got)
	}
	r.AppBundle, r.SiteDomain = "", "a.example"
	if got := string(MarshalOpenRTB(r)); got != `{"site":{"domain":"a.example","cat":["IAB9"],"publisher":{"id":"p"}}}` {
		t.Error(got)
	}
}

func TestParseJSONRefuses(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{``, "unexpected end"},
		{`{`, "unexpected end"},
		{`{"at":}`, "invalid character"},
		{`{} {}`, "after top-level value"},
		{`null`, `"null" is no JSON object`},
		{`[{"id":"7"}]`, "is no JSON object"},
		{"\x1f\x8b\x08", "is no JSON object"},
		{`{"imp":[` + strings.Repeat("{},", MaxImps) + `{}]}`, "257 impressions, at most 256"},
		{`{"x":"` + strings.Repeat("x", MaxRequestBytes) + `"}`, "at most 1048576"},
	} {
		if _, err := ParseJSON([]byte(tt.in)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.40s: got %v, want %q", tt.in, err, tt.want)
		}
	}
}

// No attribute makes a request unreadable, and what has been read once is read
// again as the same from what we write.
func FuzzParseJSON(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(`{"imp":{"banner":[{"format":{"w":"1"}}],"instl":"true"},"site":[],"user":{"yob":{}},"device":"x"}`))
	f.Add([]byte(`{"imp":[{"bidfloor":"-0"},{}],"app":{"bundle":"x"},"site":{"cat":[""]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		once, err := ParseJSON(b)
		if err != nil {
			if text := bytes.TrimSpace(b); json.Valid(b) && text[0] == '{' && !strings.Contains(err.Error(), "impressions") {
				t.Fatalf("%v: but it is a JSON object", err)
			}
			return
		}
		twice, err := ParseJSON(MarshalOpenRTB(once))
		if err != nil || !sameRequest(once, twice) {
			t.Fatalf("%+v\ncame back as %+v, %v\nfrom %s", once, twice, err, MarshalOpenRTB(once))
		}
	})
}
