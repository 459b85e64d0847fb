package auction

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/sluicehq/sluice/idl/gen/openrtb"
	"github.com/sluicehq/sluice/inference/feature"
)

// The conversion is read back by feature.ParseJSON, which knows OpenRTB on its
// own: the generated types carry its names.
func TestOracleRoundTrip(t *testing.T) {
	for name, r := range requests() {
		if got := readBack(t, oracle(r, time.Second)); !sameRequest(got, r) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, r)
		}
	}
}

// Each field alone arrives, and alone.
func TestOracleByField(t *testing.T) {
	kind := reflect.TypeFor[feature.Request]()
	for i := range kind.NumField() {
		name := kind.Field(i).Name
		r := feature.Absent()
		switch name {
		case "Hour", "Minute", "DayOfWeek", "Filter", "More":
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
		if got := readBack(t, oracle(r, time.Second)); !sameRequest(got, r) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, r)
		}
	}
}

func TestOracleBounds(t *testing.T) {
	r := feature.Absent()
	r.ImpCount, r.At, r.ImpBidfloor = 1e9, float32(math.Inf(1)), float32(math.Inf(-1))
	b := oracle(r, 250*time.Millisecond)
	if len(b.Imp) != feature.MaxImps || b.At != nil || b.Imp[0].Bidfloor != nil || b.GetTmax() != 250 {
		t.Errorf("%d impressions, at %v, floor %v, tmax %d", len(b.Imp), b.At, b.Imp[0].Bidfloor, b.GetTmax())
	}
	r.ImpCount = 0
	if b := oracle(r, 0); b.Imp == nil || len(b.Imp) != 0 {
		t.Errorf("impressions %v, want an empty list", b.Imp)
	}
}

func requests() map[string]feature.Request {
	whole := feature.Absent()
	v := reflect.ValueOf(&whole).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() { //nolint:exhaustive // there are no others
		case reflect.String:
			f.SetString(v.Type().Field(i).Name)
		case reflect.Float32:
			f.SetFloat(float64(i))
		}
	}
	whole.ImpInstl, whole.ImpSecure, whole.ImpRwdd, whole.DeviceLmt = 1, 0, 1, 0
	whole.Hour, whole.Minute, whole.DayOfWeek = nan(), nan(), nan()
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

func readBack(t *testing.T, b *openrtb.AuctionRequest) feature.Request {
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
		switch fa.Kind() { //nolint:exhaustive // there are no others
		case reflect.String:
			if fa.String() != fb.String() {
				return false
			}
			continue
		case reflect.Pointer, reflect.Struct: // More and Filter, which no auction fills
			continue
		}
		x, y := fa.Float(), fb.Float()
		if x != y && !(math.IsNaN(x) && math.IsNaN(y)) {
			return false
		}
	}
	return true
}

// oracle is r as exchanges write it: OpenRTB 2.6, with what r does not know
// left out. tmax is how long bids may take. The hour and the day of the week
// have no place in OpenRTB: whoever reads the request knows when it came.
func oracle(r feature.Request, tmax time.Duration) *openrtb.AuctionRequest {
	ms := int32(tmax.Milliseconds())
	b := &openrtb.AuctionRequest{
		ID:     text(r.ID),
		Imp:    oracleImps(r),
		Device: oracleDevice(r),
		User:   oracleUser(r),
		At:     whole(r.At),
		Tmax:   &ms,
	}
	cat, owner := list(r.SiteCat), oraclePublisher(r)
	site := openrtb.Site{ID: text(r.SiteID), Domain: text(r.SiteDomain)}
	app := openrtb.App{ID: text(r.AppID), Bundle: text(r.AppBundle)}
	knowsSite, knowsApp := site.ID != nil || site.Domain != nil, app.ID != nil || app.Bundle != nil
	if knowsApp && !knowsSite {
		app.Cat, app.Publisher = cat, owner
	} else {
		site.Cat, site.Publisher = cat, owner
	}
	if knowsApp {
		b.App = &app
	}
	if knowsSite || site.Cat != nil || site.Publisher != nil {
		b.Site = &site
	}
	return b
}

// imps returns as many impressions as r counts. The first says what is known,
// the others only that they are there.
func oracleImps(r feature.Request) []*openrtb.Imp {
	n := 1
	if !isAbsent(r.ImpCount) {
		n = int(min(max(r.ImpCount, 0), feature.MaxImps))
	}
	if n == 0 {
		return []*openrtb.Imp{}
	}
	all := make([]*openrtb.Imp, n)
	for i := range all {
		all[i] = &openrtb.Imp{ID: text(strconv.Itoa(i + 1))}
	}
	first := all[0]
	first.Tagid = text(r.ImpTagID)
	first.Instl = indicator(r.ImpInstl)
	first.Secure = indicator(r.ImpSecure)
	first.Rwdd = indicator(r.ImpRwdd)
	first.Bidfloor = amount(r.ImpBidfloor)
	switch r.Format {
	case "banner":
		first.Banner = &openrtb.Banner{W: whole(r.Width), H: whole(r.Height), Pos: whole(r.Pos)}
	case "video":
		first.Video = &openrtb.Video{W: whole(r.Width), H: whole(r.Height), Pos: whole(r.Pos)}
	case "native":
		first.Native_ = &openrtb.Native{}
	case "audio":
		first.Audio = &openrtb.Audio{}
	}
	return all
}

func oraclePublisher(r feature.Request) *openrtb.Publisher {
	if r.PublisherID == "" {
		return nil
	}
	return &openrtb.Publisher{ID: text(r.PublisherID)}
}

func oracleDevice(r feature.Request) *openrtb.Device {
	return &openrtb.Device{
		Ua:             text(r.DeviceUA),
		Devicetype:     whole(r.DeviceType),
		Make:           text(r.DeviceMake),
		Model:          text(r.DeviceModel),
		Os:             text(r.DeviceOS),
		Osv:            text(r.DeviceOSV),
		Language:       text(r.DeviceLanguage),
		Carrier:        text(r.DeviceCarrier),
		Connectiontype: whole(r.ConnectionType),
		Lmt:            indicator(r.DeviceLmt),
		Geo: &openrtb.Geo{
			Country: text(r.GeoCountry),
			Region:  text(r.GeoRegion),
			City:    text(r.GeoCity),
		},
	}
}

func oracleUser(r feature.Request) *openrtb.User {
	return &openrtb.User{ID: text(r.UserID), Yob: whole(r.UserYob), Gender: text(r.UserGender)}
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func list(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func whole(f float32) *int32 {
	if isAbsent(f) {
		return nil
	}
	n := int32(f)
	return &n
}

func amount(f float32) *float64 {
	if isAbsent(f) {
		return nil
	}
	d := float64(f)
	return &d
}

func indicator(f float32) *bool {
	if isAbsent(f) {
		return nil
	}
	b := f != 0
	return &b
}
