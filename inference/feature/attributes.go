package feature

import "strings"

// What models read of a request beyond Request. None of it is read unless a
// contract asks for it: a Plan holds the attributes that one contract needs,
// and is walked once per request, over JSON for training and over Thrift for
// serving. What is made of an attribute stands here alone.

// Attribute says where OpenRTB and openrtb.thrift have something.
type Attribute struct {
	Path   string  // OpenRTB's; [] behind a list of objects
	Fields []int16 // the numbers of openrtb.thrift, from BidRequest on
	Kind   AttributeKind
	InExt  bool // where OpenRTB 2.5 had it: in the ext of the object that has it now
}

// AttributeKind is what an attribute holds.
type AttributeKind uint8

// The kinds of attributes.
const (
	Object AttributeKind = iota
	Objects
	Words // a list of texts
	Wholes
	Word
	WholeNumber
	Double
	Bool
)

// Attributes returns all that can be asked for, parents before children.
func Attributes() []Attribute {
	imp := func(path string, kind AttributeKind, fields ...int16) Attribute {
		return Attribute{Path: "imp[]." + path, Fields: append([]int16{2}, fields...), Kind: kind}
	}
	all := []Attribute{
		{Path: "imp[]", Fields: []int16{2}, Kind: Objects},
		imp("banner", Object, 2), imp("banner.w", WholeNumber, 2, 2), imp("banner.h", WholeNumber, 2, 3), imp("banner.api", Wholes, 2, 10),
		imp("banner.format[]", Objects, 2, 1), imp("banner.format[].w", WholeNumber, 2, 1, 1), imp("banner.format[].h", WholeNumber, 2, 1, 2),
		imp("video", Object, 3), imp("video.mimes", Words, 3, 1), imp("video.minduration", WholeNumber, 3, 2), imp("video.maxduration", WholeNumber, 3, 3),
		imp("video.startdelay", WholeNumber, 3, 4), imp("video.protocols", Wholes, 3, 5), imp("video.w", WholeNumber, 3, 6), imp("video.h", WholeNumber, 3, 7),
		imp("video.linearity", WholeNumber, 3, 8), imp("video.plcmt", WholeNumber, 3, 9), imp("video.skip", Bool, 3, 10), imp("video.playbackmethod", Wholes, 3, 11),
		imp("video.api", Wholes, 3, 12), imp("video.placement", WholeNumber, 3, 14),
		imp("audio", Object, 4), imp("audio.minduration", WholeNumber, 4, 2), imp("audio.maxduration", WholeNumber, 4, 3), imp("audio.startdelay", WholeNumber, 4, 5),
		imp("native", Object, 5),
		imp("pmp", Object, 6), imp("pmp.private_auction", Bool, 6, 1), imp("pmp.deals[]", Objects, 6, 2), imp("pmp.deals[].id", Word, 6, 2, 1), imp("pmp.deals[].bidfloor", Double, 6, 2, 2),
		imp("displaymanager", Word, 7), imp("instl", Bool, 8), imp("tagid", Word, 9), imp("bidfloor", Double, 10), imp("bidfloorcur", Word, 11),
		imp("secure", Bool, 12), imp("rwdd", Bool, 13), imp("exp", WholeNumber, 14),
		{Path: "imp[].gpid", Fields: []int16{2, 15}, Kind: Word, InExt: true},

		{Path: "site", Fields: []int16{3}},
		{Path: "site.sectioncat", Fields: []int16{3, 5}, Kind: Words},
		{Path: "site.pagecat", Fields: []int16{3, 6}, Kind: Words},
		{Path: "site.page", Fields: []int16{3, 7}, Kind: Word},
		{Path: "site.ref", Fields: []int16{3, 8}, Kind: Word},
		{Path: "site.mobile", Fields: []int16{3, 9}, Kind: Bool},
		{Path: "app", Fields: []int16{4}},
		{Path: "app.ver", Fields: []int16{4, 9}, Kind: Word},
		{Path: "app.paid", Fields: []int16{4, 11}, Kind: Bool},
		{Path: "dooh", Fields: []int16{19}},
		{Path: "dooh.id", Fields: []int16{19, 1}, Kind: Word},
		{Path: "dooh.venuetype", Fields: []int16{19, 3}, Kind: Words},

		{Path: "device", Fields: []int16{5}},
		{Path: "device.dnt", Fields: []int16{5, 3}, Kind: Bool},
		{Path: "device.ip", Fields: []int16{5, 5}, Kind: Word},
		{Path: "device.ipv6", Fields: []int16{5, 6}, Kind: Word},
		{Path: "device.hwv", Fields: []int16{5, 12}, Kind: Word},
		{Path: "device.h", Fields: []int16{5, 13}, Kind: WholeNumber},
		{Path: "device.w", Fields: []int16{5, 14}, Kind: WholeNumber},
		{Path: "device.ppi", Fields: []int16{5, 15}, Kind: WholeNumber},
		{Path: "device.pxratio", Fields: []int16{5, 16}, Kind: Double},
		{Path: "device.js", Fields: []int16{5, 17}, Kind: Bool},
		{Path: "device.mccmnc", Fields: []int16{5, 20}, Kind: Word},
		{Path: "device.ifa", Fields: []int16{5, 22}, Kind: Word},
		{Path: "device.sua", Fields: []int16{5, 23}, InExt: true},
		{Path: "device.sua.browsers[]", Fields: []int16{5, 23, 1}, Kind: Objects},
		{Path: "device.sua.browsers[].brand", Fields: []int16{5, 23, 1, 1}, Kind: Word},
		{Path: "device.sua.platform", Fields: []int16{5, 23, 2}},
		{Path: "device.sua.platform.brand", Fields: []int16{5, 23, 2, 1}, Kind: Word},
		{Path: "device.sua.mobile", Fields: []int16{5, 23, 3}, Kind: Bool},

		{Path: "user", Fields: []int16{6}},
		{Path: "user.buyeruid", Fields: []int16{6, 2}, Kind: Word},
		{Path: "user.consent", Fields: []int16{6, 6}, Kind: Word, InExt: true},
		{Path: "user.eids[]", Fields: []int16{6, 8}, Kind: Objects, InExt: true},
		{Path: "user.eids[].source", Fields: []int16{6, 8, 1}, Kind: Word},
		{Path: "user.data[]", Fields: []int16{6, 9}, Kind: Objects},
		{Path: "user.data[].segment[]", Fields: []int16{6, 9, 3}, Kind: Objects},

		{Path: "test", Fields: []int16{7}, Kind: Bool},
		{Path: "wseat", Fields: []int16{10}, Kind: Words},
		{Path: "allimps", Fields: []int16{12}, Kind: Bool},
		{Path: "cur", Fields: []int16{13}, Kind: Words},
		{Path: "bcat", Fields: []int16{14}, Kind: Words},
		{Path: "badv", Fields: []int16{15}, Kind: Words},
		{Path: "bapp", Fields: []int16{16}, Kind: Words},
		{Path: "source", Fields: []int16{17}},
		{Path: "source.fd", Fields: []int16{17, 1}, Kind: Bool},
		{Path: "source.schain", Fields: []int16{17, 4}, InExt: true},
		{Path: "source.schain.complete", Fields: []int16{17, 4, 1}, Kind: Bool},
		{Path: "source.schain.nodes[]", Fields: []int16{17, 4, 2}, Kind: Objects},
		{Path: "regs", Fields: []int16{18}},
		{Path: "regs.coppa", Fields: []int16{18, 1}, Kind: Bool},
		{Path: "regs.gdpr", Fields: []int16{18, 2}, Kind: Bool, InExt: true},
		{Path: "regs.us_privacy", Fields: []int16{18, 3}, Kind: Word, InExt: true},
		{Path: "regs.gpp", Fields: []int16{18, 4}, Kind: Word, InExt: true},
		{Path: "regs.gpp_sid", Fields: []int16{18, 5}, Kind: Wholes, InExt: true},
	}
	all = append(all, geoAttributes("device.geo", 5, 2)...)
	all = append(all, geoAttributes("user.geo", 6, 7)...)
	all = append(all, contentAttributes("site.content", 3, 14)...)
	return append(all, contentAttributes("app.content", 4, 15)...)
}

func geoAttributes(path string, fields ...int16) []Attribute {
	return within(Attribute{Path: path, Fields: fields},
		Attribute{Path: "lat", Fields: []int16{1}, Kind: Double}, Attribute{Path: "lon", Fields: []int16{2}, Kind: Double}, Attribute{Path: "type", Fields: []int16{3}, Kind: WholeNumber},
		Attribute{Path: "country", Fields: []int16{4}, Kind: Word}, Attribute{Path: "region", Fields: []int16{5}, Kind: Word}, Attribute{Path: "metro", Fields: []int16{6}, Kind: Word},
		Attribute{Path: "city", Fields: []int16{7}, Kind: Word}, Attribute{Path: "zip", Fields: []int16{8}, Kind: Word}, Attribute{Path: "utcoffset", Fields: []int16{9}, Kind: WholeNumber})
}

func contentAttributes(path string, fields ...int16) []Attribute {
	return within(Attribute{Path: path, Fields: fields},
		Attribute{Path: "id", Fields: []int16{1}, Kind: Word}, Attribute{Path: "series", Fields: []int16{2}, Kind: Word}, Attribute{Path: "genre", Fields: []int16{3}, Kind: Word},
		Attribute{Path: "cat", Fields: []int16{4}, Kind: Words}, Attribute{Path: "context", Fields: []int16{5}, Kind: WholeNumber}, Attribute{Path: "contentrating", Fields: []int16{6}, Kind: Word},
		Attribute{Path: "livestream", Fields: []int16{7}, Kind: Bool}, Attribute{Path: "len", Fields: []int16{8}, Kind: WholeNumber}, Attribute{Path: "language", Fields: []int16{9}, Kind: Word})
}

// within returns an object and its attributes.
func within(object Attribute, attributes ...Attribute) []Attribute {
	all := []Attribute{object}
	for _, a := range attributes {
		a.Path = object.Path + "." + a.Path
		a.Fields = append(append([]int16{}, object.Fields...), a.Fields...)
		all = append(all, a)
	}
	return all
}

// Name is the attribute's own, without those of the objects around it.
func (a *Attribute) Name() string {
	return strings.TrimSuffix(a.Path[strings.LastIndexByte(a.Path, '.')+1:], "[]")
}
