package feature

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// The bounds of a request in JSON.
const (
	MaxRequestBytes = 1 << 20
	MaxImps         = 256
)

// ParseJSON reads an OpenRTB 2.6 BidRequest. Exchanges are sloppy, so numbers
// may be texts, flags may be true and false, and identifiers may be numbers;
// what is null or left out is absent. The hour and the day of the week, which
// OpenRTB does not carry, are absent. The result does not alias b.
func ParseJSON(b []byte) (Request, error) {
	if len(b) > MaxRequestBytes {
		return Request{}, fmt.Errorf("parse bid request: %d bytes, at most %d are read; send one request at a time", len(b), MaxRequestBytes)
	}
	var in bidRequest
	if err := json.Unmarshal(b, &in); err != nil {
		return Request{}, fmt.Errorf("parse bid request: %w", err)
	}
	if len(in.Imp) > MaxImps {
		return Request{}, fmt.Errorf("parse bid request: it holds %d impressions, at most %d are read; split it", len(in.Imp), MaxImps)
	}
	return in.request(), nil
}

// MarshalOpenRTB writes the request as an OpenRTB 2.6 BidRequest in JSON, the
// inverse of ParseJSON. The hour and the day of the week are lost, since
// OpenRTB has no place for them.
func MarshalOpenRTB(r Request) []byte {
	out, err := json.Marshal(document(&r))
	if err != nil {
		panic("feature: a request of texts and finite numbers did not marshal: " + err.Error())
	}
	return out
}

// The objects of OpenRTB as far as a model can read them.
type (
	bidRequest struct {
		ID     text    `json:"id,omitempty"`
		At     number  `json:"at,omitzero"`
		Imp    []imp   `json:"imp,omitzero"`
		Site   *site   `json:"site,omitempty"`
		App    *app    `json:"app,omitempty"`
		Device *device `json:"device,omitempty"`
		User   *user   `json:"user,omitempty"`
	}
	imp struct {
		ID       text      `json:"id,omitempty"`
		Banner   *banner   `json:"banner,omitempty"`
		Video    *size     `json:"video,omitempty"`
		Native   *struct{} `json:"native,omitempty"`
		Audio    *struct{} `json:"audio,omitempty"`
		TagID    text      `json:"tagid,omitempty"`
		Instl    number    `json:"instl,omitzero"`
		Secure   number    `json:"secure,omitzero"`
		Rwdd     number    `json:"rwdd,omitzero"`
		Bidfloor number    `json:"bidfloor,omitzero"`
	}
	size struct {
		W   number `json:"w,omitzero"`
		H   number `json:"h,omitzero"`
		Pos number `json:"pos,omitzero"`
	}
	banner struct {
		size
		Format []size `json:"format,omitempty"`
	}
	site struct {
		ID        text       `json:"id,omitempty"`
		Domain    text       `json:"domain,omitempty"`
		Cat       []text     `json:"cat,omitempty"`
		Publisher *publisher `json:"publisher,omitempty"`
	}
	app struct {
		ID        text       `json:"id,omitempty"`
		Bundle    text       `json:"bundle,omitempty"`
		Cat       []text     `json:"cat,omitempty"`
		Publisher *publisher `json:"publisher,omitempty"`
	}
	publisher struct {
		ID text `json:"id,omitempty"`
	}
	device struct {
		UA             text   `json:"ua,omitempty"`
		Geo            *geo   `json:"geo,omitempty"`
		Lmt            number `json:"lmt,omitzero"`
		DeviceType     number `json:"devicetype,omitzero"`
		Make           text   `json:"make,omitempty"`
		Model          text   `json:"model,omitempty"`
		OS             text   `json:"os,omitempty"`
		OSV            text   `json:"osv,omitempty"`
		Language       text   `json:"language,omitempty"`
		Carrier        text   `json:"carrier,omitempty"`
		ConnectionType number `json:"connectiontype,omitzero"`
	}
	geo struct {
		Country text `json:"country,omitempty"`
		Region  text `json:"region,omitempty"`
		City    text `json:"city,omitempty"`
	}
	user struct {
		ID     text   `json:"id,omitempty"`
		Yob    number `json:"yob,omitzero"`
		Gender text   `json:"gender,omitempty"`
	}
)

// request flattens the objects.
func (in *bidRequest) request() Request {
	r := Absent()
	r.ID, r.At = string(in.ID), in.At.float()
	if in.Imp != nil {
		r.ImpCount = float32(len(in.Imp))
	}
	if len(in.Imp) > 0 {
		in.Imp[0].fill(&r)
	}
	s, a, d, u := orZero(in.Site), orZero(in.App), orZero(in.Device), orZero(in.User)
	r.SiteID, r.SiteDomain = string(s.ID), string(s.Domain)
	r.AppID, r.AppBundle = string(a.ID), string(a.Bundle)
	r.SiteCat = either(first(s.Cat), first(a.Cat))
	r.PublisherID = either(orZero(s.Publisher).ID, orZero(a.Publisher).ID)
	d.fill(&r)
	r.UserID, r.UserYob, r.UserGender = string(u.ID), u.Yob.float(), string(u.Gender)
	return r
}

func (i *imp) fill(r *Request) {
	r.ImpTagID = string(i.TagID)
	r.ImpInstl, r.ImpSecure, r.ImpRwdd = i.Instl.float(), i.Secure.float(), i.Rwdd.float()
	r.ImpBidfloor = i.Bidfloor.float()
	var area size
	switch {
	case i.Banner != nil:
		r.Format, area = "banner", i.Banner.size
		if f := i.Banner.Format; len(f) > 0 && !area.W.known && !area.H.known {
			area.W, area.H = f[0].W, f[0].H
		}
	case i.Video != nil:
		r.Format, area = "video", *i.Video
	case i.Native != nil:
		r.Format = "native"
	case i.Audio != nil:
		r.Format = "audio"
	}
	r.Width, r.Height, r.Pos = area.W.float(), area.H.float(), area.Pos.float()
}

func (d *device) fill(r *Request) {
	g := orZero(d.Geo)
	r.DeviceUA, r.DeviceMake, r.DeviceModel = string(d.UA), string(d.Make), string(d.Model)
	r.DeviceOS, r.DeviceOSV = string(d.OS), string(d.OSV)
	r.DeviceLanguage, r.DeviceCarrier = string(d.Language), string(d.Carrier)
	r.DeviceType, r.ConnectionType, r.DeviceLmt = d.DeviceType.float(), d.ConnectionType.float(), d.Lmt.float()
	r.GeoCountry, r.GeoRegion, r.GeoCity = string(g.Country), string(g.Region), string(g.City)
}

// document is the inverse of bidRequest.request. Category and publisher go to
// the app where the request knows an app and no site.
func document(r *Request) bidRequest {
	out := bidRequest{ID: text(r.ID), At: some(r.At), Imp: imps(r)}
	a := app{ID: text(r.AppID), Bundle: text(r.AppBundle)}
	s := site{ID: text(r.SiteID), Domain: text(r.SiteDomain)}
	var cat []text
	if r.SiteCat != "" {
		cat = []text{text(r.SiteCat)}
	}
	owner := orNil(publisher{ID: text(r.PublisherID)})
	isApp := (a.ID != "" || a.Bundle != "") && s.ID == "" && s.Domain == ""
	if isApp {
		a.Cat, a.Publisher = cat, owner
	} else {
		s.Cat, s.Publisher = cat, owner
	}
	if a.ID != "" || a.Bundle != "" {
		out.App = &a
	}
	if s.ID != "" || s.Domain != "" || s.Cat != nil || s.Publisher != nil {
		out.Site = &s
	}
	out.Device = orNil(device{
		UA: text(r.DeviceUA), Geo: orNil(geo{Country: text(r.GeoCountry), Region: text(r.GeoRegion), City: text(r.GeoCity)}),
		Lmt: some(r.DeviceLmt), DeviceType: some(r.DeviceType), Make: text(r.DeviceMake), Model: text(r.DeviceModel),
		OS: text(r.DeviceOS), OSV: text(r.DeviceOSV), Language: text(r.DeviceLanguage), Carrier: text(r.DeviceCarrier),
		ConnectionType: some(r.ConnectionType),
	})
	out.User = orNil(user{ID: text(r.UserID), Yob: some(r.UserYob), Gender: text(r.UserGender)})
	return out
}

// imps returns as many impressions as the request counts; the first one says
// what is known, and the others only that they are there.
func imps(r *Request) []imp {
	one := imp{
		TagID: text(r.ImpTagID), Instl: some(r.ImpInstl), Secure: some(r.ImpSecure), Rwdd: some(r.ImpRwdd),
		Bidfloor: some(r.ImpBidfloor),
	}
	area := size{W: some(r.Width), H: some(r.Height), Pos: some(r.Pos)}
	switch r.Format {
	case "banner":
		one.Banner = &banner{size: area}
	case "video":
		one.Video = &area
	case "native":
		one.Native = &struct{}{}
	case "audio":
		one.Audio = &struct{}{}
	}
	count := 0
	if r.ImpCount > 0 { // false for NaN
		count = int(min(r.ImpCount, MaxImps))
	}
	if one == (imp{}) && r.ImpCount != r.ImpCount { // NaN: nobody said how many
		return nil
	}
	if one != (imp{}) {
		count = max(count, 1)
	}
	all := make([]imp, count)
	for i := range all {
		if i == 0 {
			all[0] = one
		}
		all[i].ID = text(strconv.Itoa(i + 1))
	}
	return all
}

// text is a JSON string, or a number that stands for one.
type text string

// UnmarshalJSON reads a string, a number as it is spelled, or null.
func (t *text) UnmarshalJSON(b []byte) error {
	switch {
	case bytes.Equal(b, []byte("null")):
		return nil
	case b[0] == '"':
		return json.Unmarshal(b, (*string)(t))
	case b[0] == '-' || b[0] >= '0' && b[0] <= '9':
		*t = text(b)
		return nil
	}
	return fmt.Errorf("read %.40s where a text belongs", b)
}

// number is a JSON number, a text that holds one, or a flag.
type number struct {
	value float32
	known bool
}

// UnmarshalJSON reads a number, "1.5", true, false, "" or null.
func (n *number) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "null", `""`:
		return nil
	case "true":
		*n = some(1)
		return nil
	case "false":
		*n = some(0)
		return nil
	}
	v, err := strconv.ParseFloat(string(bytes.Trim(b, `"`)), 32)
	if err != nil || !finite(float32(v)) {
		return fmt.Errorf("read %.40s where a number belongs", b)
	}
	*n = some(float32(v))
	return nil
}

// MarshalJSON writes the shortest decimals that give the same float32.
func (n number) MarshalJSON() ([]byte, error) {
	if !finite(n.value) {
		return nil, errors.New("an infinite number has no JSON")
	}
	return json.Marshal(n.value)
}

func (n number) float() float32 {
	if !n.known {
		return nan()
	}
	return n.value
}

// some is absent for NaN and for the infinities, which JSON cannot say.
func some(v float32) number {
	if !finite(v) {
		return number{}
	}
	return number{value: v, known: true}
}

func first(list []text) text {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func either(a, b text) string {
	if a != "" {
		return string(a)
	}
	return string(b)
}

func orZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func orNil[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
