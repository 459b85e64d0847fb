package auction

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/sluicehq/sluice/idl/gen/openrtb"
	"github.com/sluicehq/sluice/inference/feature"
)

// The conversion is read back by feature.ParseJSON, which knows OpenRTB on its
// own: the generated types carry its names.
func TestBidRequestRoundTrip(t *testing.T) {
	for name, r := range requests() {
		if got := readBack(t, BidRequest(r, time.Second)); !sameRequest(got, r) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, r)
		}
	}
}

// Each field alone arrives, and alone.
func TestBidRequestByField(t *testing.T) {
	kind := reflect.TypeFor[feature.Request]()
	for i := range kind.NumField() {
		name := kind.Field(i).Name
		r := feature.Absent()
		switch name {
		case "Hour", "DayOfWeek":
			continue // OpenRTB has no place for them
		case "Width", "Height", "Pos":
			r.Format = "video"
		}
		if f := reflect.ValueOf(&r).Elem().Field(i); f.Kind() == reflect.String {
			f.SetString("banner")
		} else {
			f.SetFloat(1)
		}
		r.ImpCount = 1
		if got := readBack(t, BidRequest(r, time.Second)); !sameRequest(got, r) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, r)
		}
	}
}

func TestBidRequestBounds(t *testing.T) {
	r := feature.Absent()
	r.ImpCount, r.At, r.ImpBidfloor = 1e9, float32(math.Inf(1)), float32(math.Inf(-1))
	b := BidRequest(r, 250*time.Millisecond)
	if len(b.Imp) != feature.MaxImps || b.At != nil || b.Imp[0].Bidfloor != nil || b.GetTmax() != 250 {
		t.Errorf("%d impressions, at %v, floor %v, tmax %d", len(b.Imp), b.At, b.Imp[0].Bidfloor, b.GetTmax())
	}
	r.ImpCount = 0
	if b := BidRequest(r, 0); b.Imp == nil || len(b.Imp) != 0 {
		t.Errorf("impressions %v, want an empty list", b.Imp)
	}
}

func requests() map[string]feature.Request {
	whole := feature.Absent()
	v := reflect.ValueOf(&whole).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.String {
			f.SetString(v.Type().Field(i).Name)
		} else {
			f.SetFloat(float64(i))
		}
	}
	whole.ImpInstl, whole.ImpSecure, whole.ImpRwdd, whole.DeviceLmt = 1, 0, 1, 0
	whole.Hour, whole.DayOfWeek = nan(), nan()
	whole.ImpCount, whole.ImpBidfloor = 3, 0.35
	all := map[string]feature.Request{}
	for _, format := range []string{"banner", "video", "native", "audio"} {
		r := whole
		r.Format = format
		if format == "native" || format == "audio" {
			r.Width, r.Height, r.Pos = nan(), nan(), nan()
		}
		all[format] = r
	}
	app := all["banner"]
	app.SiteID, app.SiteDomain = "", ""
	all["app"] = app
	absent := feature.Absent()
	absent.ImpCount = 1
	all["absent"] = absent
	return all
}

func nan() float32 { return float32(math.NaN()) }

func readBack(t *testing.T, b *openrtb.BidRequest) feature.Request {
	t.Helper()
	doc, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	doc = bytes.ReplaceAll(doc, []byte(`"native_"`), []byte(`"native"`)) // a reserved word of Thrift
	r, err := feature.ParseJSON(doc)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sameRequest(a, b feature.Request) bool {
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range va.NumField() {
		fa, fb := va.Field(i), vb.Field(i)
		if fa.Kind() == reflect.String {
			if fa.String() != fb.String() {
				return false
			}
			continue
		}
		x, y := fa.Float(), fb.Float()
		if x != y && !(math.IsNaN(x) && math.IsNaN(y)) {
			return false
		}
	}
	return true
}
