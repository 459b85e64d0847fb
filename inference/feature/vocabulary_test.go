package feature

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rich says nearly everything that models can be told.
const rich = `{"id":"7","at":1,"test":0,"allimps":1,"wseat":["a","b"],"cur":["EUR"],"bcat":["IAB25"],"badv":[],"imp":[
 {"id":"1","tagid":"top","bidfloor":2,"bidfloorcur":"EUR","displaymanager":"sdk","exp":30,"instl":0,
  "banner":{"w":300,"h":250,"api":[3,5],"format":[{"w":300,"h":600},{"w":728,"h":90}]},
  "pmp":{"private_auction":0,"deals":[{"id":"d1","bidfloor":3.5},{"id":"d2"}]}},
 {"id":"2","bidfloor":5,"instl":1,"ext":{"gpid":"/home/top"},"pmp":{"private_auction":1,"deals":[{"id":"d3"}]},
  "video":{"mimes":["video/mp4"],"minduration":5,"maxduration":30,"startdelay":-1,"protocols":[2,7,3],"w":1920,"h":1080,"linearity":1,"plcmt":2,"placement":5,"skip":1,"playbackmethod":[6,1],"api":[]}}],
 "site":{"page":"https://user@WWW.News.example:8443/a?b","ref":"https://r.example","mobile":1,"sectioncat":["IAB1"],"pagecat":["IAB2"],
  "content":{"genre":"drama","series":"s","language":"de","contentrating":"TV-14","cat":["IAB3"],"livestream":0,"len":1800,"context":1}},
 "device":{"ua":"Mozilla/5.0 (Linux; Android 14; SM-S901B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
  "devicetype":4,"dnt":0,"js":1,"hwv":"5S","mccmnc":"262-01","h":2400,"w":1080,"ppi":425,"pxratio":2.75,"ifa":"00000000-0000-0000-0000-000000000000","ip":"192.0.2.1",
  "ext":{"sua":{"browsers":[{"brand":"Not A;Brand"},{"brand":"Chromium"},{"brand":"Samsung Internet"}],"platform":{"brand":"Android"},"mobile":1}},
  "geo":{"country":"de","metro":"803","utcoffset":120,"lat":52.5,"lon":13.25,"type":2}},
 "user":{"buyeruid":"b","geo":{"country":"AUT","region":"BE","city":"Berlin","zip":"10115"},"eids":[{"source":"x.example"},{"source":"y.example"}],"data":[{"segment":[{},{}]},{"segment":[{}]}],"ext":{"consent":"CP"}},
 "source":{"fd":1,"ext":{"schain":{"complete":1,"nodes":[{},{},{}]}}},"regs":{"coppa":0,"ext":{"gdpr":1,"us_privacy":"1YNN","gpp":"DBA","gpp_sid":[7,8]}}}`

// What each source beyond Request says of that request, as a reader would say
// it who never saw the code.
func TestVocabulary(t *testing.T) {
	want := map[string]string{
		"channel": "site", "minute": "59", "hour.local": "1", "dayofweek.local": "0",
		"imp.any.banner": "1", "imp.any.video": "1", "imp.any.audio": "0", "imp.any.native": "0", "imp.any.instl": "1", "imp.any.secure": "", "imp.any.rwdd": "",
		"imp.formats": "2", "imp.banner.api": "2", "imp.private_auction": "1", "imp.deals": "3", "imp.deal.id": "d1", "imp.deal.bidfloor": "3.5",
		"imp.displaymanager": "sdk", "imp.exp": "30", "imp.size": "300x250", "imp.w.max": "1920", "imp.h.max": "1080", "imp.gpid": "/home/top",
		"imp.floor": "2", "imp.floor.max": "4.5", "imp.floor.min": "2",
		"video.minduration": "5", "video.maxduration": "30", "video.startdelay": "-1", "video.linearity": "1", "video.plcmt": "2", "video.placement": "5", "video.skip": "1",
		"video.mimes": "1", "video.protocols": "3", "video.protocols.max": "7", "video.api": "0", "video.playbackmethod": "6",
		"audio.minduration": "", "audio.maxduration": "", "audio.startdelay": "",
		"site.page": "https://user@WWW.News.example:8443/a?b", "site.ref": "https://r.example", "site.mobile": "1", "site.sectioncat": "IAB1", "site.pagecat": "IAB2",
		"page.domain": "news.example", "app.ver": "", "app.paid": "", "dooh.id": "", "dooh.venuetype": "",
		"content.genre": "drama", "content.series": "s", "content.language": "de", "content.contentrating": "TV-14", "content.cat": "IAB3", "content.livestream": "0", "content.len": "1800", "content.context": "1",
		"device.dnt": "0", "device.js": "1", "device.hwv": "5S", "device.mccmnc": "262-01", "device.h": "2400", "device.w": "1080", "device.ppi": "425", "device.pxratio": "2.75",
		"device.ifa.known": "0", "device.ip.known": "1", "device.ipv6.known": "0", "device.geo.lat": "52.5", "device.geo.lon": "13.25", "device.geo.type": "2", "device.geo.utcoffset": "120", "device.geo.metro": "803", "device.geo.zip": "",
		"geo.country": "DEU", "geo.region": "BE", "geo.city": "Berlin", "geo.metro": "803", "geo.zip": "10115",
		"sua.browser": "samsung", "sua.os": "android", "sua.mobile": "1", "ua.browser": "samsung", "ua.os": "android",
		"user.buyeruid.known": "1", "user.eids": "2", "user.eids.source": "x.example", "user.data": "2", "user.data.segments": "3", "user.consent.known": "1",
		"regs.coppa": "0", "regs.gdpr": "1", "regs.us_privacy": "1YNN", "regs.gpp.known": "1", "regs.gpp_sid": "7",
		"source.fd": "1", "source.schain.complete": "1", "source.schain.nodes": "3",
		"test": "0", "allimps": "1", "cur": "EUR", "wseat": "2", "bcat": "1", "badv": "0", "bapp": "",
	}
	nothing := map[string]string{"imp.any.banner": "0", "imp.any.video": "0", "imp.any.audio": "0", "imp.any.native": "0", "device.ifa.known": "0", "device.ip.known": "0", "device.ipv6.known": "0", "user.buyeruid.known": "0", "user.consent.known": "0", "regs.gpp.known": "0"}
	got, empty := spoken(t, rich), spoken(t, "{}")
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
		if empty[name] != nothing[name] && name != "minute" {
			t.Errorf("%s is %q of a request that says nothing, want %q", name, empty[name], nothing[name])
		}
	}
	for _, s := range slices.Concat(asked(), worked(&Contract{})) {
		if _, ok := want[s.name]; !ok {
			t.Errorf("nothing is said of %s", s.name)
		}
	}
}

// spoken is what all sources say of a request at 23:59 on a Saturday; "" is
// missing.
func spoken(t *testing.T, body string) map[string]string {
	t.Helper()
	c := Contract{Version: LatestVersion, Currency: "EUR", Rates: map[string]float64{"USD": 0.9, "XTS": 1e30}}
	p, all := &Plan{}, map[string]string{}
	var bound []source
	for _, s := range sources(&c) {
		bound = append(bound, s.within(p))
	}
	r, err := ParseJSON([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetTime(time.Date(2026, 11, 21, 23, 59, 59, 0, time.UTC))
	r.More = &More{}
	p.ReadJSON(r.More, []byte(body))
	for _, s := range bound {
		switch {
		case s.text != nil:
			all[s.name] = strings.Clone(s.text(&r))
		case s.number != nil:
			if v := s.number(&r); v == v {
				all[s.name] = strconv.FormatFloat(float64(v), 'g', -1, 32)
			}
		}
	}
	return all
}

// Money, places and times at their edges.
func TestVocabularyEdges(t *testing.T) {
	for body, want := range map[string]map[string]string{
		`{"imp":[{"bidfloor":1,"bidfloorcur":"GBP"},{"bidfloor":2}]}`: {"imp.floor": "", "imp.floor.max": "", "imp.floor.min": "", "imp.bidfloor": "1"},
		`{"imp":[{"bidfloor":1},{"bidfloor":2,"bidfloorcur":"GBP"}]}`: {"imp.floor": "0.9", "imp.floor.max": ""},
		`{"imp":[{"bidfloor":1e10,"bidfloorcur":"XTS"}]}`:             {"imp.floor": "", "imp.floor.max": "", "imp.floor.min": "", "imp.bidfloor": "1e+10"},
		`{"imp":[{},{"bidfloor":2}]}`:                                 {"imp.floor": "", "imp.floor.max": "1.8", "imp.floor.min": "1.8"},
		`{"imp":[{"bidfloor":0}]}`:                                    {"imp.floor": "0"},
		`{"imp":[{"bidfloorcur":"EUR","bidfloor":1},{"bidfloorcur":"EUR","bidfloor":-1},{"bidfloorcur":"EUR","bidfloor":3}]}`: {"imp.floor": "1", "imp.floor.max": "3", "imp.floor.min": "-1"},
		`{"device":{"devicetype":3},"app":{}}`:                                                   {"channel": "ctv"},
		`{"device":{"devicetype":7},"site":{}}`:                                                  {"channel": "ctv"},
		`{"dooh":{},"device":{"devicetype":3}}`:                                                  {"channel": "dooh"},
		`{"app":{},"site":{}}`:                                                                   {"channel": "app"},
		`{"device":{"geo":{"country":"Us"}}}`:                                                    {"geo.country": "USA", "device.geo.country": "Us"},
		`{"device":{"geo":{"country":"ZZ"}}}`:                                                    {"geo.country": "ZZ"},
		`{"device":{"geo":{"country":"gbr"}}}`:                                                   {"geo.country": "GBR"},
		`{"device":{"geo":{"country":"AD"}}}`:                                                    {"geo.country": "AND"},
		`{"device":{"geo":{"country":"ZW"}}}`:                                                    {"geo.country": "ZWE"},
		`{"device":{"geo":{"country":"Germany"}}}`:                                               {"geo.country": "Germany"},
		`{"device":{"geo":{"country":"zzz"}}}`:                                                   {"geo.country": "zzz"},
		`{"user":{"geo":{"utcoffset":-1440}}}`:                                                   {"hour.local": "23", "dayofweek.local": "5"},
		`{"device":{"geo":{"utcoffset":1}}}`:                                                     {"hour.local": "0", "dayofweek.local": "0"},
		`{"user":{"geo":{"utcoffset":1440}}}`:                                                    {"hour.local": "23", "dayofweek.local": "0"},
		`{"device":{"geo":{"utcoffset":1441}}}`:                                                  {"hour.local": "", "dayofweek.local": ""},
		`{"site":{"domain":"www.A.Example"}}`:                                                    {"page.domain": "a.example"},
		`{"site":{"domain":"AZaz.Example"}}`:                                                     {"page.domain": "azaz.example"},
		`{"site":{"page":"/here","domain":"d.example"}}`:                                         {"page.domain": "d.example"},
		`{"site":{"page":"https://:80/here","domain":"e.example"}}`:                              {"page.domain": "e.example"},
		`{"site":{"page":"//b.example"}}`:                                                        {"page.domain": "b.example"},
		`{"site":{"page":"c.example/x@y:z"}}`:                                                    {"page.domain": "c.example"},
		`{"site":{"page":"c.example/r?to=https://d.example/"}}`:                                  {"page.domain": "c.example"},
		`{"site":{"page":"c.example?to=//d.example"}}`:                                           {"page.domain": "c.example"},
		`{"site":{"page":"//c.example/https://d.example"}}`:                                      {"page.domain": "c.example"},
		`{"site":{"page":"c.example:8443/x"}}`:                                                   {"page.domain": "c.example"},
		`{"site":{"page":"https://me:pass@C.Example.:8443/x"}}`:                                  {"page.domain": "c.example"},
		`{"site":{"page":"https://[2001:DB8::1]:8443/x"}}`:                                       {"page.domain": "2001:db8::1"},
		`{"site":{"page":"http://me@[::1]/","domain":"d.example"}}`:                              {"page.domain": "::1"},
		`{"site":{"page":"about:blank","domain":"d.example."}}`:                                  {"page.domain": "d.example"},
		`{"site":{"page":"about:blank"}}`:                                                        {"page.domain": ""},
		`{"site":{"page":"https://` + strings.Repeat("x", 253) + `"}}`:                           {"page.domain": strings.Repeat("x", 253)},
		`{"site":{"page":"https://` + strings.Repeat("x", 254) + `"}}`:                           {"page.domain": ""},
		`{"imp":[{"banner":{"w":0,"h":65535}}]}`:                                                 {"imp.size": "0x65535"},
		`{"imp":[{"banner":{"w":65535,"h":0}}]}`:                                                 {"imp.size": "65535x0"},
		`{"imp":[{"banner":{"w":65536,"h":5}}]}`:                                                 {"imp.size": ""},
		`{"imp":[{"banner":{"w":-1,"h":5}}]}`:                                                    {"imp.size": ""},
		`{"device":{"ifa":"AEBE52E7-03EE-455A-B3C4-E57283966239"},"imp":[{"tagid":"t"}]}`:        {"device.ifa.known": "1", "imp.gpid": "t"},
		`{"device":{"sua":{"browsers":[{"brand":"Chromium"},{"brand":"Other"}]},"ua":"curl/8"}}`: {"sua.browser": "chromium", "ua.browser": "", "ua.os": ""},
		`{"device":{"ua":"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/120 Mobile Safari/604.1"}}`: {"ua.browser": "chrome", "ua.os": "ios"},
		`{"regs":{"gdpr":0,"ext":{"gdpr":1}},"user":{"eids":[],"ext":{"eids":[{}]}}}`:                                                                       {"regs.gdpr": "0", "user.eids": "0"},
		`{"regs":{"gdpr":null,"ext":{"gdpr":1,"gdpr":0}},"bcat":"IAB1","badv":{},"user":{"eids":{}}}`:                                                       {"regs.gdpr": "0", "bcat": "1", "badv": "", "user.eids": "1"},
	} {
		got := spoken(t, body)
		for name, value := range want {
			if got[name] != value {
				t.Errorf("%s: %s is %q, want %q", body, name, got[name], value)
			}
		}
	}
}

// Tables of many parts and hashes, beside the slowest way to say what they are.
func FuzzCrosses(f *testing.F) {
	for seed := range uint64(20) { // with the partner at any place, or without it
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 0))
		names := []string{"partner", "device.geo.country", "site.domain", "hour", "device.devicetype", "user.gender", "geo.zip"}
		rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		names = names[:3+rng.IntN(5)]
		texts := []string{"", "a", "b", "7", "1"}
		key := func() string {
			parts := make([]string, len(names))
			for i, name := range names {
				if parts[i] = texts[rng.IntN(len(texts))]; name == "hour" || name == "device.devicetype" {
					parts[i] = []string{"", "1", "7"}[rng.IntN(3)]
				}
			}
			return strings.Join(parts, "|")
		}
		table := Feature{Name: "t", Kind: Table, Source: names, Table: map[string]float32{}}
		for i := range 1 + rng.IntN(300) {
			table.Table[key()] = float32(i)
		}
		hash := Feature{Name: "h", Kind: Hash, Source: names, Buckets: 2 + rng.IntN(1000)}
		if slices.Contains(names, "partner") {
			hash.Vocabulary = []string{"a", "b"}
		}
		c := Contract{Features: []Feature{table, hash, {Name: "p", Kind: Index, Source: []string{"partner"}, Vocabulary: []string{"1", "c"}}}}
		e, err := c.Compile()
		if err != nil {
			t.Fatal(err)
		}
		body := `{"device":{"geo":{"country":"%s","zip":"%s"},"devicetype":"%s"},"site":{"domain":"%s"},"user":{"gender":"%s"}}`
		rows := map[string][]float32{}
		for range 40 {
			value := strings.Split(strings.Repeat(key()+"|", 7), "|")
			r, err := e.ParseJSON(fmt.Appendf(nil, body, value[0], value[1], value[2], value[3], value[4]))
			if err != nil {
				t.Fatal(err)
			}
			if rng.IntN(2) == 0 {
				r.Hour = 7
			}
			partner := append(texts, "c", "d")[rng.IntN(7)]
			said := make([]string, len(names))
			for i, name := range names {
				for _, s := range e.readers {
					switch {
					case s.name != name || name == "partner":
					case s.text != nil:
						said[i] = s.text(&r)
					case s.number(&r) == s.number(&r):
						said[i] = strconv.FormatFloat(float64(s.number(&r)), 'g', -1, 32)
					}
				}
				if name == "partner" {
					said[i] = partner
				}
			}
			row := make([]float32, 3)
			e.Extract(row, &r, partner)
			want, known := table.Table[strings.Join(said, "|")]
			if !known {
				want = nan()
			}
			if !same(row[0], want) {
				t.Fatalf("%v of %q is %v, want %v", names, said, row[0], want)
			}
			if i := slices.Index(names, "partner"); i >= 0 && said[i] != "" && said[i] != "a" && said[i] != "b" {
				said[i] = "any other"
			}
			if row[1] < 0 || int(row[1]) >= hash.Buckets || row[1] != float32(int(row[1])) {
				t.Fatalf("bucket %v of %d", row[1], hash.Buckets)
			}
			tuple := strings.Join(said, "|")
			if before, ok := rows[tuple]; ok && before[1] != row[1] {
				t.Fatalf("%q falls into %v and %v", tuple, before[1], row[1])
			}
			rows[tuple] = row
		}
	})
}

// What is hashed is FNV-1a of each part and a byte behind it. Models are trained
// on it, so that it stays so for ever.
func TestHashIsKnown(t *testing.T) {
	of := func(b ...byte) uint64 {
		h := fnv.New64a()
		_, _ = h.Write(append(b, hashEnd))
		return h.Sum64()
	}
	for _, tt := range []struct {
		name      string
		got, want uint64
	}{
		{"a text", hashText(hashBasis, "acme"), of('a', 'c', 'm', 'e')},
		{"none", hashText(hashBasis, ""), of()},
		{"7.25", hashNumber(hashBasis, 7.25), of(0, 0, 0xe8, 0x40)},
		{"0", hashNumber(hashBasis, 0), of(0, 0, 0, 0)},
		{"-0", hashNumber(hashBasis, float32(math.Copysign(0, -1))), of(0, 0, 0, 0)},
		{"missing", hashNumber(hashBasis, nan()), of()},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %#x, want %#x", tt.name, tt.got, tt.want)
		}
	}
}

// Buckets are those that models were trained on: the hash of all parts, mixed,
// and the partner's own beside what the request says. Part of it is read by the
// vocabulary alone.
func TestBucketsAreKnown(t *testing.T) {
	hash := func(name string, sources ...string) Feature {
		return Feature{Name: name, Kind: Hash, Source: sources, Buckets: 100_000}
	}
	of := []Feature{hash("number", "imp.bidfloor"), hash("partner", "partner"), hash("both", "site.domain", "partner"), hash("texts", "site.domain", "user.gender"), hash("place", "site.domain", "geo.zip")}
	of[1].Vocabulary, of[2].Vocabulary = []string{"acme"}, []string{"acme"}
	e, err := Contract{Features: of}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.ParseJSON([]byte(`{"site":{"domain":"a.example"},"user":{"gender":"F"},"device":{"geo":{"zip":"10115"}},"imp":[{"bidfloor":7.25}]}`))
	if err != nil {
		t.Fatal(err)
	}
	row := make([]float32, len(of))
	if e.Extract(row, &r, "acme"); !sameRow(row, []float32{56733, 75975, 94544, 19020, 66068}) {
		t.Errorf("got %v", row)
	}
}

// Hashes spread, and know their parts apart.
func TestHashSpreads(t *testing.T) {
	e, err := Contract{Features: []Feature{
		{Name: "h", Kind: Hash, Source: []string{"site.domain", "user.gender"}, Buckets: 1 << 20},
		{Name: "p", Kind: Hash, Source: []string{"site.domain", "partner"}, Buckets: 1 << 20, Vocabulary: []string{"a", "b"}},
	}}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	seen := [2]map[float32]bool{{}, {}}
	for i := range 100 {
		r, row := Absent(), make([]float32, 2)
		for _, r.UserGender = range []string{"", "1"} {
			r.SiteDomain = strings.TrimSuffix(strconv.Itoa(i)+"1", r.UserGender) // "51" and "", "5" and "1"
			for _, partner := range []string{"", "a", "b", "c"} {
				e.Extract(row, &r, partner)
				seen[0][row[0]], seen[1][row[1]] = true, true
			}
		}
	}
	if len(seen[0]) < 195 || len(seen[1]) < 750 {
		t.Errorf("%d and %d buckets of 200 and 800", len(seen[0]), len(seen[1]))
	}
}
