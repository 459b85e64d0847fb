package feature

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// The bounds of a request in JSON.
const (
	MaxRequestBytes = 1 << 20
	MaxImps         = 256
)

// ParseJSON reads an OpenRTB 2.5 or 2.6 BidRequest. Exchanges are sloppy, so
// numbers and flags may be texts, flags may be true and false, identifiers may
// be numbers, an object may stand in a list and a list's only element alone.
// What is null, left out or makes no sense where it stands is absent: one bad
// attribute costs nobody the auction. Numbers are what Thrift would carry of
// them: whole where OpenRTB's are, and 0 or 1 where they are flags. The hour
// and the day of the week, which OpenRTB does not carry, are absent. The result
// does not alias b.
//
// Refused are: what is no JSON object, more than MaxRequestBytes, and more
// than MaxImps impressions.
func ParseJSON(b []byte) (Request, error) { return parse(b, served) }

// ParseLoosely is ParseJSON as it once was: numbers and flags are whatever the
// JSON says, which no task can be asked. Golden vectors of that time are proven
// by it.
func ParseLoosely(b []byte) (Request, error) { return parse(b, loosely) }

func parse(b []byte, how reading) (Request, error) {
	b = trimmed(b)
	if len(b) > MaxRequestBytes {
		return Request{}, fmt.Errorf("parse bid request: %d bytes, at most %d are read; send one request at a time", len(b), MaxRequestBytes)
	}
	if len(b) > 0 && b[0] != '{' {
		return Request{}, fmt.Errorf("parse bid request: %.40q is no JSON object; write each request as {…}", b)
	}
	var in bidRequest
	if err := json.Unmarshal(b, &in); err != nil {
		return Request{}, fmt.Errorf("parse bid request: %w", err)
	}
	if len(in.Imp) > MaxImps {
		return Request{}, fmt.Errorf("parse bid request: it holds %d impressions, at most %d are read; split it", len(in.Imp), MaxImps)
	}
	return in.request(how), nil
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
		ID     text           `json:"id,omitempty"`
		At     integer        `json:"at,omitzero"`
		Imp    objects[imp]   `json:"imp,omitzero"`
		Site   object[site]   `json:"site,omitzero"`
		App    object[app]    `json:"app,omitzero"`
		Device object[device] `json:"device,omitzero"`
		User   object[user]   `json:"user,omitzero"`
	}
	imp struct {
		ID       text             `json:"id,omitempty"`
		Banner   object[banner]   `json:"banner,omitzero"`
		Video    object[size]     `json:"video,omitzero"`
		Native   object[struct{}] `json:"native,omitzero"`
		Audio    object[struct{}] `json:"audio,omitzero"`
		TagID    text             `json:"tagid,omitempty"`
		Instl    flag             `json:"instl,omitzero"`
		Secure   flag             `json:"secure,omitzero"`
		Rwdd     flag             `json:"rwdd,omitzero"`
		Bidfloor amount           `json:"bidfloor,omitzero"`
	}
	size struct {
		W   integer `json:"w,omitzero"`
		H   integer `json:"h,omitzero"`
		Pos integer `json:"pos,omitzero"`
	}
	banner struct {
		size
		Format objects[size] `json:"format,omitempty"`
	}
	site struct {
		ID        text              `json:"id,omitempty"`
		Domain    text              `json:"domain,omitempty"`
		Cat       textList          `json:"cat,omitempty"`
		Publisher object[publisher] `json:"publisher,omitzero"`
	}
	app struct {
		ID        text              `json:"id,omitempty"`
		Bundle    text              `json:"bundle,omitempty"`
		Cat       textList          `json:"cat,omitempty"`
		Publisher object[publisher] `json:"publisher,omitzero"`
	}
	publisher struct {
		ID text `json:"id,omitempty"`
	}
	device struct {
		UA             text        `json:"ua,omitempty"`
		Geo            object[geo] `json:"geo,omitzero"`
		Lmt            flag        `json:"lmt,omitzero"`
		DeviceType     integer     `json:"devicetype,omitzero"`
		Make           text        `json:"make,omitempty"`
		Model          text        `json:"model,omitempty"`
		OS             text        `json:"os,omitempty"`
		OSV            text        `json:"osv,omitempty"`
		Language       text        `json:"language,omitempty"`
		Carrier        text        `json:"carrier,omitempty"`
		ConnectionType integer     `json:"connectiontype,omitzero"`
	}
	geo struct {
		Country text `json:"country,omitempty"`
		Region  text `json:"region,omitempty"`
		City    text `json:"city,omitempty"`
	}
	user struct {
		ID     text    `json:"id,omitempty"`
		Yob    integer `json:"yob,omitzero"`
		Gender text    `json:"gender,omitempty"`
	}
)

// request flattens the objects.
func (in *bidRequest) request(how reading) Request {
	r := Absent()
	r.ID, r.At = string(in.ID), in.At.by(how)
	if in.Imp != nil {
		r.ImpCount = float32(len(in.Imp))
	}
	if len(in.Imp) > 0 {
		in.Imp[0].fill(&r, how)
	}
	s, a, d, u := in.Site.orZero(), in.App.orZero(), in.Device.orZero(), in.User.orZero()
	r.SiteID, r.SiteDomain = string(s.ID), string(s.Domain)
	r.AppID, r.AppBundle = string(a.ID), string(a.Bundle)
	r.SiteCat = either(first(s.Cat), first(a.Cat))
	r.PublisherID = either(s.Publisher.orZero().ID, a.Publisher.orZero().ID)
	d.fill(&r, how)
	r.UserID, r.UserYob, r.UserGender = string(u.ID), u.Yob.by(how), string(u.Gender)
	return r
}

func (i *imp) fill(r *Request, how reading) {
	r.ImpTagID = string(i.TagID)
	r.ImpInstl, r.ImpSecure, r.ImpRwdd = i.Instl.by(how), i.Secure.by(how), i.Rwdd.by(how)
	r.ImpBidfloor = i.Bidfloor.by(how)
	var area size
	switch {
	case i.Banner.value != nil:
		r.Format, area = "banner", i.Banner.value.size
		if f := i.Banner.value.Format; len(f) > 0 && absent(area.W.by(how)) && absent(area.H.by(how)) {
			area.W, area.H = f[0].W, f[0].H
		}
	case i.Video.value != nil:
		r.Format, area = "video", *i.Video.value
	case i.Native.value != nil:
		r.Format = "native"
	case i.Audio.value != nil:
		r.Format = "audio"
	}
	r.Width, r.Height, r.Pos = area.W.by(how), area.H.by(how), area.Pos.by(how)
}

func (d *device) fill(r *Request, how reading) {
	g := d.Geo.orZero()
	r.DeviceUA, r.DeviceMake, r.DeviceModel = string(d.UA), string(d.Make), string(d.Model)
	r.DeviceOS, r.DeviceOSV = string(d.OS), string(d.OSV)
	r.DeviceLanguage, r.DeviceCarrier = string(d.Language), string(d.Carrier)
	r.DeviceType, r.ConnectionType, r.DeviceLmt = d.DeviceType.by(how), d.ConnectionType.by(how), d.Lmt.by(how)
	r.GeoCountry, r.GeoRegion, r.GeoCity = string(g.Country), string(g.Region), string(g.City)
}

// document is the inverse of bidRequest.request. Category and publisher go to
// the app where the request knows an app and no site.
func document(r *Request) bidRequest {
	out := bidRequest{ID: text(r.ID), At: integer{some(r.At)}, Imp: imps(r)}
	a := app{ID: text(r.AppID), Bundle: text(r.AppBundle)}
	s := site{ID: text(r.SiteID), Domain: text(r.SiteDomain)}
	var cat textList
	if r.SiteCat != "" {
		cat = textList{text(r.SiteCat)}
	}
	owner := unlessZero(publisher{ID: text(r.PublisherID)})
	isApp := (a.ID != "" || a.Bundle != "") && s.ID == "" && s.Domain == ""
	if isApp {
		a.Cat, a.Publisher = cat, owner
	} else {
		s.Cat, s.Publisher = cat, owner
	}
	if a.ID != "" || a.Bundle != "" {
		out.App.value = &a
	}
	if s.ID != "" || s.Domain != "" || s.Cat != nil || s.Publisher.value != nil {
		out.Site.value = &s
	}
	out.Device = unlessZero(device{
		UA: text(r.DeviceUA), Geo: unlessZero(geo{Country: text(r.GeoCountry), Region: text(r.GeoRegion), City: text(r.GeoCity)}),
		Lmt: flag{some(r.DeviceLmt)}, DeviceType: integer{some(r.DeviceType)}, Make: text(r.DeviceMake), Model: text(r.DeviceModel),
		OS: text(r.DeviceOS), OSV: text(r.DeviceOSV), Language: text(r.DeviceLanguage), Carrier: text(r.DeviceCarrier),
		ConnectionType: integer{some(r.ConnectionType)},
	})
	out.User = unlessZero(user{ID: text(r.UserID), Yob: integer{some(r.UserYob)}, Gender: text(r.UserGender)})
	return out
}

// imps returns as many impressions as the request counts; the first one says
// what is known, and the others only that they are there.
func imps(r *Request) []imp {
	one := imp{
		TagID: text(r.ImpTagID), Instl: flag{some(r.ImpInstl)}, Secure: flag{some(r.ImpSecure)}, Rwdd: flag{some(r.ImpRwdd)},
		Bidfloor: amount{some(r.ImpBidfloor)},
	}
	area := size{W: integer{some(r.Width)}, H: integer{some(r.Height)}, Pos: integer{some(r.Pos)}}
	switch r.Format {
	case "banner":
		one.Banner.value = &banner{size: area}
	case "video":
		one.Video.value = &area
	case "native":
		one.Native.value = &struct{}{}
	case "audio":
		one.Audio.value = &struct{}{}
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
