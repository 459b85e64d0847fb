/*
 * OpenRTB 2.6 as Thrift: the objects and attributes of the IAB Tech Lab's specification that say what an
 * auction is about, under their own names, so that nobody has to learn ours.
 * Field numbers are never reused. Every attribute is optional, as exchanges leave out whatever they like;
 * an absent attribute is "unknown", never zero.
 */
namespace * sluice.openrtb
namespace go openrtb
namespace java com.sluicehq.openrtb
namespace c_glib SluiceOpenrtb
namespace st SluiceOpenrtb
namespace lua sluice_openrtb

struct Publisher {
  1: optional string id
  2: optional string name
  3: optional list<string> cat
  4: optional string domain
}

struct Content {
  1: optional string id
  2: optional string series
  3: optional string genre
  4: optional list<string> cat
  5: optional i32 context
  6: optional string contentrating
  7: optional bool livestream
  8: optional i32 len              // seconds
  9: optional string language
}

struct Site {
  1: optional string id
  2: optional string name
  3: optional string domain
  4: optional list<string> cat
  5: optional list<string> sectioncat
  6: optional list<string> pagecat
  7: optional string page
  8: optional string ref
  9: optional bool mobile
  10: optional bool privacypolicy
  11: optional Publisher publisher
  12: optional string keywords
  13: optional i32 cattax
  14: optional Content content
}

struct App {
  1: optional string id
  2: optional string name
  3: optional string bundle
  4: optional string domain
  5: optional string storeurl
  6: optional list<string> cat
  7: optional list<string> sectioncat
  8: optional list<string> pagecat
  9: optional string ver
  10: optional bool privacypolicy
  11: optional bool paid
  12: optional Publisher publisher
  13: optional string keywords
  14: optional i32 cattax
  15: optional Content content
}

struct Dooh {
  1: optional string id
  2: optional string name
  3: optional list<string> venuetype
  4: optional i32 venuetypetax
  5: optional Publisher publisher
  6: optional string domain
  7: optional string keywords
}

struct Geo {
  1: optional double lat
  2: optional double lon
  3: optional i32 type
  4: optional string country  // ISO-3166-1 alpha-3
  5: optional string region   // ISO-3166-2
  6: optional string metro
  7: optional string city     // UN/LOCODE
  8: optional string zip
  9: optional i32 utcoffset   // minutes from UTC
}

struct BrandVersion {
  1: optional string brand
  2: optional list<string> version
}

/* What a browser says of itself by client hints. */
struct UserAgent {
  1: optional list<BrandVersion> browsers
  2: optional BrandVersion platform
  3: optional bool mobile
  4: optional string architecture
  5: optional string bitness
  6: optional string model
  7: optional i32 source
}

struct Device {
  1: optional string ua
  2: optional Geo geo
  3: optional bool dnt
  4: optional bool lmt
  5: optional string ip
  6: optional string ipv6
  7: optional i32 devicetype
  8: optional string make
  9: optional string model
  10: optional string os
  11: optional string osv
  12: optional string hwv
  13: optional i32 h
  14: optional i32 w
  15: optional i32 ppi
  16: optional double pxratio
  17: optional bool js
  18: optional string language
  19: optional string carrier
  20: optional string mccmnc
  21: optional i32 connectiontype
  22: optional string ifa
  23: optional UserAgent sua
}

struct Uid {
  1: optional string id
  2: optional i32 atype
}

struct Eid {
  1: optional string source
  2: optional list<Uid> uids
}

struct Segment {
  1: optional string id
  2: optional string name
  3: optional string value
}

struct Data {
  1: optional string id
  2: optional string name
  3: optional list<Segment> segment
}

struct User {
  1: optional string id
  2: optional string buyeruid
  3: optional i32 yob
  4: optional string gender
  5: optional string keywords
  6: optional string consent
  7: optional Geo geo
  8: optional list<Eid> eids
  9: optional list<Data> data
}

struct Format {
  1: optional i32 w
  2: optional i32 h
  3: optional i32 wratio
  4: optional i32 hratio
  5: optional i32 wmin
}

struct Banner {
  1: optional list<Format> format
  2: optional i32 w
  3: optional i32 h
  4: optional list<i32> btype
  5: optional list<i32> battr
  6: optional i32 pos
  7: optional list<string> mimes
  8: optional bool topframe
  9: optional list<i32> expdir
  10: optional list<i32> api
}

struct Video {
  1: optional list<string> mimes
  2: optional i32 minduration
  3: optional i32 maxduration
  4: optional i32 startdelay
  5: optional list<i32> protocols
  6: optional i32 w
  7: optional i32 h
  8: optional i32 linearity
  9: optional i32 plcmt
  10: optional bool skip
  11: optional list<i32> playbackmethod
  12: optional list<i32> api
  13: optional i32 pos
  14: optional i32 placement       // deprecated by plcmt, and sent on
}

struct Audio {
  1: optional list<string> mimes
  2: optional i32 minduration
  3: optional i32 maxduration
  4: optional list<i32> protocols
  5: optional i32 startdelay
}

struct Native {
  1: optional string request
  2: optional string ver
  3: optional list<i32> api
}

struct Deal {
  1: optional string id
  2: optional double bidfloor
  3: optional string bidfloorcur
  4: optional i32 at
  5: optional list<string> wseat
}

struct Pmp {
  1: optional bool private_auction
  2: optional list<Deal> deals
}

struct Imp {
  1: optional string id
  2: optional Banner banner
  3: optional Video video
  4: optional Audio audio
  5: optional Native native_       // OpenRTB's "native", a reserved word of Thrift
  6: optional Pmp pmp
  7: optional string displaymanager
  8: optional bool instl
  9: optional string tagid
  10: optional double bidfloor     // CPM, in bidfloorcur
  11: optional string bidfloorcur  // ISO-4217
  12: optional bool secure
  13: optional bool rwdd
  14: optional i32 exp
  15: optional string gpid         // the global placement id, OpenRTB's imp.ext.gpid
}

struct SupplyChainNode {
  1: optional string asi
  2: optional string sid
  3: optional string rid
  4: optional string name
  5: optional string domain
  6: optional bool hp
}

struct SupplyChain {
  1: optional bool complete
  2: optional list<SupplyChainNode> nodes
  3: optional string ver
}

struct Source {
  1: optional bool fd
  2: optional string tid
  3: optional string pchain
  4: optional SupplyChain schain
}

struct Regs {
  1: optional bool coppa
  2: optional bool gdpr
  3: optional string us_privacy
  4: optional string gpp
  5: optional list<i32> gpp_sid
}

/* OpenRTB's BidRequest. It has another name here since the published contract has a BidRequest of its own, and some
 * languages make one of two structs with the same name. */
struct AuctionRequest {
  1: optional string id
  2: optional list<Imp> imp
  3: optional Site site
  4: optional App app
  5: optional Device device
  6: optional User user
  7: optional bool test
  8: optional i32 at
  9: optional i32 tmax             // milliseconds that the exchange allows for bids
  10: optional list<string> wseat
  11: optional list<string> bseat
  12: optional bool allimps
  13: optional list<string> cur
  14: optional list<string> bcat
  15: optional list<string> badv
  16: optional list<string> bapp
  17: optional Source source
  18: optional Regs regs
  19: optional Dooh dooh
}
