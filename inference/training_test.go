package inference

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/inference/auction"
	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/release"
)

// scribe writes requests as no exchange should and some do.
type scribe struct{ *rand.Rand }

// oddValues are what may stand where something else belongs.
func oddValues() []string {
	return []string{
		"0", "1", "2", "-1", "0.5", "-0.5", "-0", "1.0", "300.7", "250", "3e2", "1e-50", "16777217", "1e39", "-1e39", "1e308", "1e400", "0.1", "0.35",
		"2147483647", "2147483648", "-2147483648", "-2147483649", "3000000000", "4294967297", "1.00000005960464477540", "0.300000011920928955078126",
		`"0"`, `"1"`, `"2.5"`, `" 3 "`, `"3e9"`, `"true"`, `"False"`, `"NaN"`, `"Infinity"`, `"-inf"`, `"1e999"`, `"0x1p4"`, `"1_000"`, `"much"`, `""`, `" "`,
		"true", "false", "null", "{}", "[]", "[1]", `["a","b"]`, `[{}]`, `"\ud800é"`, `"a"`, `"IAB1"`, `"DEU"`, `"banner"`, `"x\u0000y"`, `"USD"`, `"EUR"`, `"0000-00"`, `"Chromium"`, `"Google Chrome"`, `"Android"`, `"https://u@www.A.example:80/x"`, `"US"`, `"deu"`,
		`"Mozilla/5.0 (Linux; Android 14; wv) Chrome/129.0"`, `"Mozilla/5.0 (Windows NT 10.0) Edg/130.0"`, "3", "7",
	}
}

// oddShape is a request: an object, or the name of nothing in particular.
type oddShape map[string]oddShape

// oddRequest is what models may read of a request, and some of what they may not.
func oddRequest() oddShape {
	scalar := func(names string) oddShape {
		s := oddShape{}
		for _, name := range strings.Fields(names) {
			s[name] = nil
		}
		return s
	}
	with := func(s oddShape, name string, child oddShape) oddShape { s[name] = child; return s }
	imp := scalar("tagid instl secure rwdd bidfloor")
	imp["banner"] = with(scalar("w h pos"), "format", scalar("w h"))
	imp["video"], imp["native"], imp["audio"] = scalar("w h pos mimes"), scalar("request"), scalar("mimes")
	place := func(names string) oddShape { return with(scalar(names), "publisher", scalar("id name")) }
	r := with(scalar("at tmax cur"), "imp", imp)
	r["site"], r["app"] = place("id domain cat"), place("id bundle cat")
	r["device"] = with(scalar("ua devicetype make model os osv language carrier connectiontype lmt"), "geo", scalar("country region city"))
	r["user"] = scalar("id yob gender")
	for _, a := range feature.Attributes() {
		at := r
		steps := strings.Split(strings.ReplaceAll(a.Path, "[]", ""), ".")
		for _, step := range steps[:len(steps)-1] {
			if at[step] == nil {
				at[step] = oddShape{}
			}
			at = at[step]
		}
		name := steps[len(steps)-1]
		if a.Kind == feature.Object || a.Kind == feature.Objects {
			if at[name] == nil {
				at[name] = oddShape{}
			}
		} else {
			at[name] = nil
		}
		if a.InExt {
			if at["ext"] == nil {
				at["ext"] = oddShape{}
			}
			at["ext"][name] = at[name] // the same object, which may grow
		}
	}
	return r
}

func (o scribe) request(id int) string {
	body := o.object(oddRequest(), 0)
	return fmt.Sprintf(`{"id":"%d",%s`, id, strings.TrimPrefix(body, "{"))
}

func (o scribe) object(s oddShape, depth int) string {
	members := []string{}
	for name, child := range s {
		if o.IntN(3) == 0 {
			continue
		}
		for range 1 + o.IntN(20)/19 { // now and then twice
			spelled := name
			if o.IntN(40) == 0 {
				spelled = strings.ToUpper(name)
			}
			members = append(members, fmt.Sprintf("%q:%s", spelled, o.value(child, depth)))
		}
	}
	if len(members) == 0 {
		members = append(members, `"ext":{}`)
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (o scribe) value(of oddShape, depth int) string {
	values := oddValues()
	if of == nil || o.IntN(12) == 0 {
		return values[o.IntN(len(values))]
	}
	if o.IntN(3) > 0 {
		return o.object(of, depth+1)
	}
	list := []string{}
	for range o.IntN(4) {
		list = append(list, o.value(of, depth+1))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// everything is a contract that names every source but the clock's.
func everything() (c feature.Contract) {
	vocabulary := []string{}
	for _, v := range oddValues() {
		text, ok := feature.Text([]byte(v))
		if ok && text != "" {
			vocabulary = append(vocabulary, text)
		}
	}
	vocabulary = append(vocabulary, "site", "app", "ctv", "dooh", "a.example", "chrome", "chromium", "edge", "webview", "android", "windows", "USA", "250x250", "2x300")
	slices.Sort(vocabulary)
	vocabulary = slices.Compact(vocabulary)
	for _, name := range feature.Sources() {
		number := feature.Feature{Name: name, Kind: feature.Number, Source: []string{name}}
		text := feature.Feature{Name: name, Kind: feature.Index, Source: []string{name}, Vocabulary: vocabulary}
		if _, err := (feature.Contract{Features: []feature.Feature{number}}).Compile(); err == nil {
			c.Features = append(c.Features, number)
		} else {
			c.Features = append(c.Features, text)
		}
	}
	clock := []string{"hour", "minute", "dayofweek", "hour.local", "dayofweek.local"}
	c.Features = slices.DeleteFunc(c.Features, func(f feature.Feature) bool { return slices.Contains(clock, f.Name) })
	c.Version, c.Currency, c.Rates = feature.LatestVersion, "EUR", map[string]float64{"USD": 0.9, "DEU": 2}
	return c
}

// witness is a release that notes the rows that it would score.
type witness struct {
	features *feature.Extractor
	mu       sync.Mutex
	rows     map[string][]float32
}

func (w *witness) Plan() *feature.Plan { return w.features.Plan() }

func (w *witness) Partner(name string) uint32 { return w.features.Partner(name) }

func (w *witness) Score(_ *release.Scratch, r *feature.Request, _ []uint32, scores []float32) {
	row := make([]float32, w.features.Len())
	w.features.Extract(row, r, "a")
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rows[strings.Clone(r.ID)] = row
	clear(scores)
}

// servedRows asks a task about every line of a log, over a real connection, and
// returns the rows that it makes.
func servedRows(t *testing.T, c feature.Contract, log string, protocol auction.Protocol) map[string][]float32 {
	t.Helper()
	e, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{features: e, rows: map[string][]float32{}}
	askAbout(t, w, log, protocol)
	return w.rows
}

// askAbout asks a task that scores with s about every line of a log, over a
// real connection.
func askAbout(t *testing.T, s scorer, log string, protocol auction.Protocol) {
	t.Helper()
	shop := newToyShop(hash)
	task := newToyTask(t, shop)
	task.loader.open = func(digest string, _ []byte) (*arm, error) {
		return newArm(digest, s, func(string) float32 { return 0 }), nil
	}
	force(t, task, assignment{release: hash.digest(), buckets: 1})
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := front.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				task.serveData(t.Context(), newWire(conn, task.data.sizes))
			})
		}
	})
	load, err := auction.New(auction.Config{
		Targets: []string{front.Addr().String()}, Rate: 10_000, Connections: 4, Deadline: time.Minute, ConnectionAge: -1, Protocol: protocol,
		Replay: &auction.Replay{Input: strings.NewReader(log), Once: true, Strict: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	did, err := load.Run(t.Context())
	front.Close()
	all.Wait()
	if err != nil || did.Auctions.Failed+did.Auctions.Degraded > 0 {
		t.Fatalf("%v: %+v, %+v", err, did.Auctions, did.FailedBy)
	}
}

// trainedRows are what `sluice features` makes of a log, one row per line.
func trainedRows(t *testing.T, c feature.Contract, log string) [][]float32 {
	t.Helper()
	var out bytes.Buffer
	if _, err := feature.Rows(&out, strings.NewReader(log), c, feature.Reading{Strict: true}); err != nil {
		t.Fatal(err)
	}
	file := out.Bytes()
	size := 16 + 4*len(c.Features)
	var rows [][]float32
	for b := file[bytes.IndexByte(file, '\n')+1 : binary.LittleEndian.Uint64(file[len(file)-8:])]; len(b) > 0; b = b[size:] {
		row := make([]float32, len(c.Features))
		for i := range row {
			row[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[16+4*i:]))
		}
		rows = append(rows, row)
	}
	return rows
}

// A row that a model is trained on is the row that it scores, bit for bit,
// whatever stands in the log: from JSON by `sluice features`, and from JSON by
// `sluice auction`, the wire and a task.
func TestTrainingReadsWhatServingReads(t *testing.T) {
	const lines = 4000
	write := scribe{rand.New(rand.NewPCG(11, 7))}
	var requests []string
	var log strings.Builder
	for i := range lines {
		requests = append(requests, write.request(i))
		if !json.Valid([]byte(requests[i])) {
			t.Fatalf("no JSON: %s", requests[i])
		}
		fmt.Fprintf(&log, `{"ts":1795350772846,"request":%s,"partners":["a"]}`+"\n", requests[i])
	}
	c := everything()
	trained := trainedRows(t, c, log.String())
	for f, feature := range c.Features {
		values := map[float32]bool{}
		for _, row := range trained {
			values[row[f]] = true
		}
		if feature.Name != "partner" && len(values) < 2 { // missing counts every time: it is not equal to itself
			t.Errorf("%s is hardly ever there: %v", feature.Name, values)
		}
	}
	for _, protocol := range []auction.Protocol{auction.FramedBinary, auction.Compact} {
		served := servedRows(t, c, log.String(), protocol)
		if len(trained) != lines || len(served) != lines {
			t.Fatalf("%s: %d rows of training, %d of serving", protocol, len(trained), len(served))
		}
		differ := 0
		for i, row := range trained {
			for f, v := range row {
				if got := served[fmt.Sprint(i)][f]; math.Float32bits(got) != math.Float32bits(v) && (got == got || v == v) {
					if differ++; differ < 10 {
						t.Errorf("%s: %s is %v in training and %v in serving: %s", protocol, c.Features[f].Name, v, got, requests[i])
					}
				}
			}
		}
		if differ > 0 {
			t.Errorf("%s: %d of %d cells differ", protocol, differ, lines*len(c.Features))
		}
	}
}
