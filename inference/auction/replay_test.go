package auction

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/idl/gen/openrtb"
	"github.com/sluicehq/sluice/inference/auction/world"
	"github.com/sluicehq/sluice/inference/feature"
)

// replaying is small with lines instead of a world.
func replaying(in io.Reader, edit func(*Replay)) Config {
	c := small()
	c.World, c.Partners, c.Replay = nil, 0, &Replay{Input: in}
	if edit != nil {
		edit(c.Replay)
	}
	return c
}

func reader(names ...string) *lineReader {
	c, _ := replaying(strings.NewReader(""), func(r *Replay) { r.PartnerNames = names }).withDefaults()
	return newLineReader(c)
}

// What real files hold, and what is made of it.
func TestReadsLine(t *testing.T) {
	for name, tt := range map[string]struct {
		line     string
		partners []string
		bidders  []string
		id       string
	}{
		"wrapped":              {`{"ts":1795350772,"request":{"id":"r"},"partners":["a","b"],"bidders":["b"]}`, []string{"a", "b"}, []string{"b"}, "r"},
		"nobody bids":          {`{"request":{"id":"r"},"partners":["a"],"bidders":[]}`, []string{"a"}, []string{}, "r"},
		"nobody knows":         {`{"request":{"id":"r"},"partners":["a"],"bidders":null}`, []string{"a"}, nil, "r"},
		"request in a text":    {`{"request":"{\"id\":\"r\\u00e9\"}\r\n","partners":["a"]}`, []string{"a"}, nil, "ré"},
		"other names":          {`{"BidRequest":{"ID":7},"Partners":"a"}`, []string{"a"}, nil, "7"},
		"seats":                {`{"id":"r","wseat":["a","b","a",""]}`, []string{"a", "b"}, nil, "r"},
		"seats of deals":       {`{"id":"r","wseat":"a","imp":[{"pmp":{"deals":[{"wseat":["b"]},{"wseat":["c","a"]}]}},{"pmp":[]}]}`, []string{"a", "b", "c"}, nil, "r"},
		"no id":                {`{"imp":[{}],"wseat":["a"]}`, []string{"a"}, nil, "42"},
		"byte order mark":      {"\ufeff {\"id\":\"r\",\"wseat\":[\"a\"]}\r", []string{"a"}, nil, "r"},
		"numbers for names":    {`{"id":12.50,"wseat":[1,2]}`, []string{"1", "2"}, nil, "12.50"},
		"an object for a list": {`{"id":"r","imp":{"id":1},"wseat":["a"],"ext":{"x":["}\"",{"y":"\\"}]}}`, []string{"a"}, nil, "r"},
	} {
		l, err := reader().read([]byte(tt.line), 42)
		if err != nil || !slices.Equal(l.partners, tt.partners) || !slices.Equal(l.bidders, tt.bidders) || (l.bidders == nil) != (tt.bidders == nil) || l.id != tt.id {
			t.Errorf("%s: got %+v, %v", name, l, err)
		}
	}
	l, err := reader("x", "y", "x").read([]byte(`{"request":{"id":"r"},"partners":["a","y"],"bidders":["y","a"]}`), 1)
	if err != nil || !slices.Equal(l.partners, []string{"x", "y"}) || !slices.Equal(l.bidders, []string{"y", "a"}) {
		t.Errorf("with names of our own: got %+v, %v", l, err)
	}
}

func TestRefusesLine(t *testing.T) {
	for line, want := range map[string]string{
		`hello`:                   `"hello" is no JSON object`,
		`[{"id":"r"}]`:            `is no JSON object`,
		`{"id":"r"`:               `unexpected end of JSON`,
		`{"id":"r"} {"id":"s"}`:   `after top-level value`,
		`{"request":7}`:           `its request is "7"`,
		`{"request":null}`:        `its request is "null"`,
		`{"request":""}`:          `its request is empty`,
		`{"request":"{"}`:         `its request: it is no valid JSON`,
		`{"some":"thing"}`:        `neither id nor imp`,
		`{"id":"r"}`:              `--partner-names`,
		`{"id":"r","wseat":[""]}`: `--partner-names`,
		"\xff\xfe{\x00":           `is no JSON object`,
		`{"wseat":["a"],"imp":[` + strings.Repeat("{},", 256) + `{}]}`: `257 impressions, at most 256`,
		`{"id":"` + strings.Repeat("x", 1<<20) + `"}`:                  `at most 1048576 are read`,
	} {
		if l, err := reader().read([]byte(line), 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %+v, %v, want %q", line, l, err, want)
		}
	}
}

// What OpenRTB 2.6 moved out of ext, and attributes that no model reads.
func TestSendsWhatTheLineSays(t *testing.T) {
	doc := `{"id":"r","regs":{"ext":{"gdpr":1,"us_privacy":"1YNN"}},"user":{"consent":"new","ext":{"consent":"old"}},"tmax":9,"bcat":["IAB25","IAB26"],
		"device":{"geo":{"lat":"52.5","lon":13.4},"w":1080.0,"js":"1","dnt":false},"imp":[{"native":{"request":"{}","api":3},"exp":1e99,"pmp":{"private_auction":true}}]}`
	got, _ := newSloppy().bidRequest([]byte(doc))
	if !got.Regs.GetGdpr() || got.Regs.GetUsPrivacy() != "1YNN" || got.User.GetConsent() != "new" || len(got.Bcat) != 2 ||
		got.Device.Geo.GetLat() != 52.5 || got.Device.GetW() != 1080 || !got.Device.GetJs() || got.Device.Dnt == nil || got.Device.GetDnt() ||
		got.Imp[0].Native_.GetRequest() != "{}" || got.Imp[0].Native_.API[0] != 3 || got.Imp[0].Exp != nil || !got.Imp[0].Pmp.GetPrivateAuction() {
		t.Errorf("got %+v", got)
	}
}

// sent is what a task receives of a line.
func sent(t *testing.T, l *line, d dialect, pass uint64) adfilter.AdFilterDecideArgs {
	t.Helper()
	b := memory(l.appendTo(nil, d, pass))
	var args adfilter.AdFilterDecideArgs
	if err := args.Read(t.Context(), generated(d, b)); err != nil {
		t.Fatal(err)
	}
	if b.Len() != 0 {
		t.Fatalf("%d bytes are left", b.Len())
	}
	return args
}

// Every pass asks the same under another id, within the time that we wait.
func TestPasses(t *testing.T) {
	for _, p := range []Protocol{FramedBinary, FramedCompact} {
		c := replaying(strings.NewReader(""), nil)
		c.Protocol = p
		c, _ = c.withDefaults()
		l, err := newLineReader(c).read([]byte(`{"id":"r","tmax":5,"imp":[{"tagid":"top"}],"wseat":["a","b"]}`), 1)
		if err != nil {
			t.Fatal(err)
		}
		for pass, want := range map[uint64]string{0: "r", 1: "r~1", 12: "r~12"} {
			args := sent(t, l, p.dialect(), pass)
			if r := args.Request; r.GetID() != want || r.GetTmax() != 1000 || r.Imp[0].GetTagid() != "top" || !slices.Equal(args.Partners, []string{"a", "b"}) {
				t.Errorf("%s, pass %d: %+v", p, pass, args)
			}
		}
	}
}

// To a model, a line that goes over the wire and the same line in a log are
// one, whatever is in it.
func FuzzLine(f *testing.F) {
	f.Add([]byte(`{"id":"r","at":"2","imp":{"banner":[{"w":"300","format":{"h":5}}],"instl":"true","bidfloor":0.35},"site":[{"cat":"IAB1"}],"device":{"lmt":0.5,"geo":{"city":7}}}`))
	f.Add([]byte(`{"imp":[null,{"native":{}},{"video":{"pos":1e9,"w":3e9}}],"app":{"publisher":{"id":"p"},"bundle":"b"},"user":{"yob":"1980","Yob":-1.5},"ext":[[{"a":"\\\""}]]}`))
	f.Add([]byte(`{"ID" : "\ud800é" , "x":[ ] , "imp" : [ ] }`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		l, err := reader("a").read(doc, 1)
		want, wantErr := feature.ParseJSON(doc)
		for _, name := range []string{"request", "ts", "filter", "openrtb", "item"} { // of wrappers, and of OpenRTB 3.0
			if bytes.Contains(bytes.ToLower(doc), []byte(name)) {
				return // the two read different things
			}
		}
		if err == nil && l == nil || err != nil && strings.Contains(err.Error(), "neither id nor imp") {
			return
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v, but %v", doc, err, wantErr)
		}
		if err != nil {
			return
		}
		request := sent(t, l, plain, 0).Request
		got := readBack(t, request)
		if request.Imp != nil {
			got.ImpCount = float32(len(request.Imp)) // an empty list is lost on the way back
		}
		if want.ID == "" {
			want.ID = "1"
		}
		if !sameRequest(got, want) {
			t.Fatalf("%q:\n got %+v\nwant %+v", doc, got, want)
		}
	})
}

// kept reads an input whole.
func kept(t *testing.T, in io.Reader, edit func(*Replay)) (*replay, error) {
	t.Helper()
	c, err := replaying(in, edit).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	r := newReplay(c)
	return r, r.keep(t.Context())
}

func ids(r *replay) []string {
	var all []string
	for _, l := range r.kept {
		all = append(all, l.id)
	}
	return all
}

func zipped(texts ...string) io.Reader {
	var b bytes.Buffer
	for _, text := range texts { // a member each, as logs are concatenated
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, text)
		_ = z.Close()
	}
	return &b
}

func bare(id string) string { return `{"id":"` + id + `","wseat":["a"]}` }

// A file as it comes: lines that cannot be taken are named and cost nobody
// else anything.
func TestReadsFile(t *testing.T) {
	long := bare(strings.Repeat("x", feature.MaxLineBytes))
	text := "\ufeff" + bare("1") + "\r\n\n" + bare("3") + "\nnothing\n" + long + "\r\n" + `{"id":"6"}` + "\n \n" + bare("8")
	for name, in := range map[string]io.Reader{"plain": strings.NewReader(text), "gzip": zipped(text[:100], text[100:])} {
		r, err := kept(t, in, nil)
		s := r.summary()
		if err != nil || fmt.Sprint(ids(r)) != "[1 3 8]" || s.Lines != 6 || s.Taken != 3 || s.Skipped != 3 || len(s.Named) != 3 {
			t.Fatalf("%s: %v, %v, %+v", name, ids(r), err, s)
		}
		for i, want := range []struct {
			line   int64
			reason string
		}{{4, `"nothing" is no JSON`}, {5, "more than 2097152 bytes"}, {6, "--partner-names"}} {
			if b := s.Named[i]; b.Line != want.line || !strings.Contains(b.Reason, want.reason) {
				t.Errorf("%s: got %+v, want %+v", name, b, want)
			}
		}
	}
}

func TestReadsFileRefuses(t *testing.T) {
	strict := func(r *Replay) { r.Strict = true }
	cut, _ := io.ReadAll(zipped(strings.Repeat(bare("1")+"\n", 1000)))
	for name, tt := range map[string]struct {
		in   io.Reader
		edit func(*Replay)
		want string
	}{
		"strict":           {strings.NewReader(bare("1") + "\nx\n"), strict, `requests, line 2: "x" is no JSON`},
		"empty":            {strings.NewReader("\n\n"), nil, "the input is empty"},
		"nothing in it":    {strings.NewReader("x\ny\n"), nil, `not one of 2 requests can be taken; line 1: "x"`},
		"cut short":        {bytes.NewReader(cut[:len(cut)-9]), nil, "unexpected EOF"},
		"not quite gzip":   {strings.NewReader("\x1f\x8bnonsense"), nil, "unpack"},
		"broken elsewhere": {io.MultiReader(strings.NewReader(bare("1")+"\n"), brokenInput{}), nil, "line 2: no such luck"},
	} {
		if _, err := kept(t, tt.in, tt.edit); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

type brokenInput struct{}

func (brokenInput) Read([]byte) (int, error) { return 0, fmt.Errorf("no such luck") }

// However many bad lines there are, few are named.
func TestNamesFew(t *testing.T) {
	r, err := kept(t, strings.NewReader(strings.Repeat("x\n", 1000)+bare("1")), nil)
	if s := r.summary(); err != nil || s.Skipped != 1000 || len(s.Named) != 10 {
		t.Errorf("%v, %+v", err, s)
	}
}

// The log of a world, held over and over, asks what the world would ask, and
// knows the truth.
func TestReplaysWorld(t *testing.T) {
	w := world.New(1)
	var log bytes.Buffer
	if err := w.WriteLog(&log, 0, 10); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		seen := map[string]int{}
		f := &fleet{decide: forwardAll, hear: func(r *openrtb.AuctionRequest, partners []string) {
			id, _, _ := strings.Cut(r.GetID(), "~")
			if seen[r.GetID()]++; seen[r.GetID()] > 1 {
				t.Errorf("id %s was asked twice", r.GetID())
			}
			for n := range uint64(10) {
				a := w.Auction(n, world.Moment(n))
				if a.Request.ID == id {
					seen[id+" asked"]++
					if !slices.Equal(partners, a.Partners) || !sameRequest(readBack(t, r), clockless(a.Request, r.GetID())) {
						t.Errorf("asked %+v of %v, want %+v of %v", r, partners, a.Request, a.Partners)
					}
				}
			}
		}}
		c := replaying(bytes.NewReader(log.Bytes()), nil)
		c.Connections = 1
		s := run(t, inBubble(t, c, f))
		var bids int64
		for n := range uint64(10) {
			bids += 10 * int64(len(w.Auction(n, world.Moment(n)).Bidders))
		}
		bids -= int64(len(w.Auction(9, world.Moment(9)).Bidders)) // 99 auctions
		if s.Auctions.Answered != 99 || s.Worth.Bids != bids || len(seen) != 99+10 || s.Requests.Taken != 10 {
			t.Errorf("answered %d with %d bids, want 99 with %d; %d ids, %+v", s.Auctions.Answered, s.Worth.Bids, bids, len(seen), s.Requests)
		}
	})
}

func clockless(r feature.Request, id string) feature.Request {
	r.ID, r.Hour, r.Minute, r.DayOfWeek = id, nan(), nan(), nan()
	return r
}

// Once means once, and where nobody knows who bids, nobody is told.
func TestReplaysOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{decide: func(n uint64, partners []string) (*adfilter.Decision, error) {
			d, _ := forwardAll(n, partners)
			d.Explored = true
			return d, nil
		}}
		c := replaying(strings.NewReader(bare("1")+"\n"+bare("2")+"\n"+`{"request":{"id":"3"},"partners":["a"],"bidders":[]}`), func(r *Replay) { r.Once = true })
		c.Duration = 0
		l := inBubble(t, c, f)
		s := run(t, l)
		if !l.replay.room.TryAcquire(maxAheadBytes) {
			t.Error("lines that were held still take room")
		}
		if s.Auctions.Answered != 3 || s.Reports.Outcomes != 1 || len(f.reported()) != 1 {
			t.Errorf("answered %d, reports %+v: want 3, and one outcome that is known", s.Auctions.Answered, s.Reports)
		}
	})
}

// An input that stops for a while delays auctions, but is not the fleet's
// latency; one that stops for ever does not hold up the end.
func TestStarves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		go func() {
			for i := range 20 {
				if i == 10 {
					time.Sleep(500 * time.Millisecond)
				}
				_, _ = io.WriteString(out, bare(fmt.Sprint(i))+"\n")
			}
			<-t.Context().Done()
			_ = out.Close()
		}()
		start := time.Now()
		c := replaying(in, func(r *Replay) { r.Once = true })
		c.Duration = 2 * time.Second
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s, err := inBubble(t, c, &fleet{decide: forwardAll}).Run(ctx)
		if err != nil || s.Auctions.Answered != 20 || s.Latency.Max > 1 || s.Late.Max > 1 {
			t.Errorf("answered %d, latency %+v, late %+v, err %v", s.Auctions.Answered, s.Latency, s.Late, err)
		}
		if took := time.Since(start); took != 2*time.Second || s.Requests.Starved < 1.6 || s.Requests.Starved > 1.9 {
			t.Errorf("took %v, starved %v s", took, s.Requests.Starved)
		}
		_ = in.Close()
	})
}

// A strict replay that meets a bad line while auctions run ends with its name,
// and sums up what was before.
func TestStrictEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := replaying(strings.NewReader(bare("1")+"\n"+bare("2")+"\nx\n"+bare("4")), func(r *Replay) { r.Once, r.Strict = true, true })
		s, err := inBubble(t, c, &fleet{decide: forwardAll}).Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "line 3") || s.Auctions.Answered != 2 {
			t.Errorf("err %v, auctions %+v", err, s.Auctions)
		}
	})
}

// The attributes that moved are where the generated types have them.
func TestMovedAttributesExist(t *testing.T) {
	s := newSloppy()
	for of, names := range s.moved {
		for _, name := range names {
			if _, known := s.attributes[of][name]; !known {
				t.Errorf("%v has no %s", of, name)
			}
		}
	}
	if n := len(s.attributes[reflect.TypeFor[openrtb.Imp]()]); n != 15 {
		t.Errorf("an impression has %d attributes", n)
	}
}

func BenchmarkLine(b *testing.B) {
	var log bytes.Buffer
	if err := world.New(1).WriteLog(&log, 0, 1); err != nil {
		b.Fatal(err)
	}
	r := reader()
	b.SetBytes(int64(log.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.read(log.Bytes(), 1); err != nil {
			b.Fatal(err)
		}
	}
}
