package feature

import (
	"slices"
	"strings"

	"github.com/sluicehq/sluice/sorting"
)

// source is one place in an auction from which a feature can be read: a text
// or a number, never both. The partner is a text that no request carries.
type source struct {
	name   string
	text   func(*Request) string
	number func(*Request) float32

	// Of those that read More: what they need of it, and what they make of where
	// that is kept.
	needs    []need
	textOf   func(r *Request, m *More, at []int) string
	numberOf func(r *Request, m *More, at []int) float32

	told told
}

// told is what people are told of a source.
type told struct{ path, unit, absent string }

// within returns the source as a plan has it.
func (s source) within(p *Plan) source {
	var at []int
	for _, n := range s.needs {
		at = append(at, p.add(n.path, n.op))
	}
	if of := s.textOf; of != nil {
		s.text = func(r *Request) string {
			if r.More == nil {
				return ""
			}
			return of(r, r.More, at)
		}
	}
	if of := s.numberOf; of != nil {
		s.number = func(r *Request) float32 {
			if r.More == nil {
				return nan()
			}
			return of(r, r.More, at)
		}
	}
	return s
}

// partnerSource is the name of the one source that is not in the request.
const partnerSource = "partner"

// Sources returns the names that a contract may use as sources, in
// alphabetical order.
func Sources() []string {
	var names []string
	for _, s := range sources(&Contract{}) {
		names = append(names, s.name)
	}
	slices.Sort(names)
	return names
}

func sources(c *Contract) []source {
	return slices.Concat(texts(), numbers(c), asked(), worked(c))
}

func texts() []source {
	return []source{
		{name: partnerSource},
		{name: "imp.format", text: func(r *Request) string { return r.Format }},
		{name: "imp.tagid", text: func(r *Request) string { return r.ImpTagID }},
		{name: "site.id", text: func(r *Request) string { return r.SiteID }},
		{name: "site.domain", text: func(r *Request) string { return r.SiteDomain }},
		{name: "site.cat", text: func(r *Request) string { return r.SiteCat }},
		{name: "app.id", text: func(r *Request) string { return r.AppID }},
		{name: "app.bundle", text: func(r *Request) string { return r.AppBundle }},
		{name: "publisher.id", text: func(r *Request) string { return r.PublisherID }},
		{name: "device.ua", text: func(r *Request) string { return r.DeviceUA }},
		{name: "device.make", text: func(r *Request) string { return r.DeviceMake }},
		{name: "device.model", text: func(r *Request) string { return r.DeviceModel }},
		{name: "device.os", text: func(r *Request) string { return r.DeviceOS }},
		{name: "device.osv", text: func(r *Request) string { return r.DeviceOSV }},
		{name: "device.language", text: func(r *Request) string { return r.DeviceLanguage }},
		{name: "device.carrier", text: func(r *Request) string { return r.DeviceCarrier }},
		{name: "device.geo.country", text: func(r *Request) string { return r.GeoCountry }},
		{name: "device.geo.region", text: func(r *Request) string { return r.GeoRegion }},
		{name: "device.geo.city", text: func(r *Request) string { return r.GeoCity }},
		{name: "user.id", text: func(r *Request) string { return r.UserID }},
		{name: "user.gender", text: func(r *Request) string { return r.UserGender }},
	}
}

func numbers(c *Contract) []source {
	return []source{
		{name: "hour", number: c.hour},
		{name: "dayofweek", number: c.day},
		{name: "at", number: func(r *Request) float32 { return r.At }},
		{name: "imp.count", number: func(r *Request) float32 { return r.ImpCount }},
		{name: "imp.instl", number: func(r *Request) float32 { return r.ImpInstl }},
		{name: "imp.secure", number: func(r *Request) float32 { return r.ImpSecure }},
		{name: "imp.rwdd", number: func(r *Request) float32 { return r.ImpRwdd }},
		{name: "imp.bidfloor", number: c.floor},
		{name: "imp.w", number: func(r *Request) float32 { return r.Width }},
		{name: "imp.h", number: func(r *Request) float32 { return r.Height }},
		{name: "imp.pos", number: func(r *Request) float32 { return r.Pos }},
		{name: "device.devicetype", number: c.device},
		{name: "device.connectiontype", number: func(r *Request) float32 { return r.ConnectionType }},
		{name: "device.lmt", number: func(r *Request) float32 { return r.DeviceLmt }},
		{name: "user.yob", number: func(r *Request) float32 { return r.UserYob }},
	}
}

// Description is what people are told of a source: a row of docs/features.md.
type Description struct {
	Name   string
	Text   bool   // else a number
	Path   string // OpenRTB's
	Unit   string
	Absent string // what it means that nothing is said
}

// Vocabulary describes all sources, in alphabetical order.
func Vocabulary() []Description {
	var all []Description
	for _, s := range sources(&Contract{}) {
		if s.told == (told{}) {
			s.told = oldest(s.name)
		}
		text := s.text != nil || s.textOf != nil || s.name == partnerSource
		all = append(all, Description{s.name, text, s.told.path, s.told.unit, s.told.absent})
	}
	sorting.By(all, func(a, b *Description) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// oldest describes the sources that Request holds. Of most, the name is the
// path.
func oldest(name string) told {
	known, ok := map[string]told{
		"partner":               {"the second argument of decide", "name", "a key of its own"},
		"imp.format":            {"imp[0].banner, imp[0].video, imp[0].native, imp[0].audio", "the first of banner, video, native, audio", missing},
		"imp.tagid":             {"imp[0].tagid", "text", missing},
		"site.id":               {"site.id", "text", missing},
		"site.domain":           {"site.domain", "text", missing},
		"site.cat":              {"site.cat, else app.cat", "text, the first", missing},
		"app.id":                {"app.id", "text", missing},
		"app.bundle":            {"app.bundle", "text", missing},
		"publisher.id":          {"site.publisher.id, else app.publisher.id", "text", missing},
		"hour":                  {"the clock", "0 to 23, UTC", missing},
		"dayofweek":             {"the clock", "0: Sunday, UTC", missing},
		"at":                    {"at", "OpenRTB's list", missing},
		"imp.count":             {"imp[]", "count", missing},
		"imp.instl":             {"imp[0].instl", "1: yes, 0: no", missing},
		"imp.secure":            {"imp[0].secure", "1: yes, 0: no", missing},
		"imp.rwdd":              {"imp[0].rwdd", "1: yes, 0: no", missing},
		"imp.bidfloor":          {"imp[0].bidfloor", "CPM, in its own currency", missing},
		"imp.w":                 {"imp[0].banner.w, imp[0].banner.format[0].w, imp[0].video.w", "pixels", missing},
		"imp.h":                 {"imp[0].banner.h, imp[0].banner.format[0].h, imp[0].video.h", "pixels", missing},
		"imp.pos":               {"imp[0].banner.pos, imp[0].video.pos", "OpenRTB's list", missing},
		"device.devicetype":     {"device.devicetype", "OpenRTB's list", missing},
		"device.connectiontype": {"device.connectiontype", "OpenRTB's list", missing},
		"device.lmt":            {"device.lmt", "1: yes, 0: no", missing},
		"user.yob":              {"user.yob", "year", missing},
	}[name]
	if !ok {
		known = told{name, "text", missing}
	}
	return known
}
