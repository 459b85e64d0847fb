// Package api serves what the controller remembers over HTTP, and takes what
// people ask of it. It decides nothing and carries nothing out: a request is
// written into the fleet's state, and the loop acts on it. Everything it shows
// is read from where the controller saved it, so any number of servers may
// answer, on any machine, whether a controller is alive or not.
//
// Who asks is proven by Options.SignIn, and each route says what role it wants.
package api

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/inference/release"
)

// What the implementers of Fleets report besides success. Their text reaches
// the person who asked, so wrap them in a sentence.
var (
	// ErrNotFound means that there is no such thing.
	ErrNotFound = rollout.ErrNotFound
	// ErrConflict means that the request makes no sense as things stand.
	ErrConflict = rollout.ErrConflict
	// ErrBadRequest means that the request makes no sense at all.
	ErrBadRequest = rollout.ErrBadRequest
	// ErrTooMany means that a bound is reached for now.
	ErrTooMany = rollout.ErrTooMany
	// ErrUnavailable means that the store cannot be asked now.
	ErrUnavailable = rollout.ErrUnavailable
	// ErrDamaged means that what is stored cannot be used until a person mends it.
	ErrDamaged = rollout.ErrDamaged
	// ErrNotStored means that a wish is surely not stored, whatever went wrong.
	ErrNotStored = rollout.ErrNotStored
)

// Fleets is all that the handlers need of the controller.
type Fleets interface {
	Documents
	Archive
}

// Documents are what the controller remembers and what it saw last.
type Documents interface {
	// Fleets returns the names of all fleets, in the order to show them.
	Fleets(ctx context.Context) []string

	// State returns the fleet's document. A fleet that no controller has taken
	// up yet has an empty one.
	State(ctx context.Context, fleet string) (rollout.State, error)

	// NewLook returns what the leader saw last, and a mark of it; where that is the
	// known one, nothing else. ErrNotFound before the first look.
	NewLook(ctx context.Context, fleet, known string) (look rollout.Look, mark string, err error)

	// Stop returns the stop of all fleets; nil where there is none.
	Stop(ctx context.Context) (*rollout.Stop, error)

	// SetStop puts a stop of all fleets in place, or with nil ends the one there
	// is, once e is in the audit trail, and returns what is in place by it. Asked
	// again, by the wish that e names, it changes nothing and returns the same.
	SetStop(ctx context.Context, stop *rollout.Stop, e rollout.Entry) (*rollout.Stop, error)

	// Request writes a wish into the fleet's state by compare-and-swap, if
	// rollout.Accept accepts it there, and returns it as stored, with what it is
	// about named. One that is remembered there, by its ID, changes nothing and
	// is answered as it was first. An error that may leave it stored is not
	// ErrNotStored.
	Request(ctx context.Context, fleet string, r rollout.Request) (rollout.Request, error)
}

// Archive is what is kept for ever.
type Archive interface {
	// Finished returns up to limit finished rollouts, newest first.
	Finished(ctx context.Context, fleet string, limit int) ([]rollout.Rollout, error)

	// Rollout returns one finished rollout, or ErrNotFound.
	Rollout(ctx context.Context, fleet, id string) (rollout.Rollout, error)

	// Chunks returns which chunks there are of the log of a rollout's looks, in
	// order; none where there is no such log.
	Chunks(ctx context.Context, fleet, id string) ([]int, error)

	// Chunk returns one of them, as package history wrote it, or ErrNotFound.
	Chunk(ctx context.Context, fleet, id string, chunk int) ([]byte, error)

	// Archived returns the ids of up to limit rollouts that have left the state,
	// newest first, from that one on or, where it is empty, from the newest.
	// ErrNotFound where there is no such one.
	Archived(ctx context.Context, fleet, from string, limit int) ([]string, error)

	// Ended returns those of these rollouts that have left the state and can be
	// read.
	Ended(ctx context.Context, fleet string, ids []string) ([]rollout.Rollout, error)

	// Digests returns those of up to limit releases, newest first, from that one
	// on or, where it is empty, from the newest. ErrNotFound where there is no
	// such one.
	Digests(ctx context.Context, from string, limit int) ([]string, error)

	// Admitted returns the passports of those of these releases that can be read.
	Admitted(ctx context.Context, digests []string) ([]release.Passport, error)

	// Audit returns up to limit entries of the audit trail that come after a key
	// (empty: the newest), newest first, of the fleets that wanted says yes to (""
	// for what is about all of them); and the key to go on from, empty at the end.
	Audit(ctx context.Context, after string, limit int, wanted func(fleet string) bool) (entries []rollout.Entry, next string, err error)

	// Release returns the passport of the release with that digest, or
	// ErrNotFound.
	Release(ctx context.Context, digest string) (release.Passport, error)

	// Manifest returns the manifest of that release, byte for byte, or
	// ErrNotFound; ErrConflict where its archive is too large to be read.
	Manifest(ctx context.Context, digest string) ([]byte, error)
}

// Options are what a server may be told. Zero values take the defaults.
type Options struct {
	// Every is how often a stream of events looks for news; default one second.
	Every time.Duration

	// Streams is how many streams of events may be open; default 1,024, some 40 KiB each. No client,
	// by its address, gets more than a quarter of them.
	Streams int

	// Hosts are the names under which the server may be reached, besides
	// localhost and plain addresses; "*" allows every name. A web page that
	// points its own name at this server (DNS rebinding) is refused with it.
	Hosts []string

	// Proxies are where reverse proxies stand: whom they name in X-Forwarded-For
	// is the client, of whom there is a bound for each. Nobody else is believed.
	Proxies []netip.Prefix

	// Policy returns the policy that governs a rollout, so that deadlines can
	// be shown. Nil: deadlines are shown only where the state holds them.
	Policy func(fleet, rollout string) (rollout.Policy, bool)

	// Calendar returns when a fleet is frozen between two moments by its calendar,
	// in order; false where that is not known. Nil: it is known of none.
	Calendar func(fleet string, from, until time.Time) ([]rollout.Frozen, bool)

	// Artifact returns why an artifact that a person wants tried cannot be read;
	// nil when it can be, and when nobody can be asked: then it is awaited. Nil:
	// every artifact is awaited.
	Artifact func(ctx context.Context, source release.Source) error

	// SignIn proves who asks. Nil: whoever reaches the server may do everything,
	// under any name.
	SignIn *SignIn

	// Middleware wraps every route under /v1, outermost first.
	Middleware []func(http.Handler) http.Handler

	// Ops are what orchestrators and Prometheus ask. Nil: nobody does.
	Ops *Ops
}

// route is one row of the table of routes. The table is all there is under
// /v1; what a row takes and answers stands in operations_test.go, from which
// the description of the interface is made.
type route struct {
	method, path string
	serve        http.HandlerFunc
	needs        identity.Role // on the fleet that it is about; empty: it is for everybody
}

func (s *server) routes() []route {
	rows := []route{
		{http.MethodGet, "/me", s.reads(s.me), ""},
		{http.MethodGet, "/fleets", s.reads(s.fleets), identity.Viewer},
		{http.MethodGet, "/overview", s.reads(s.overview), identity.Viewer},
		{http.MethodGet, "/fleets/{fleet}", s.reads(s.fleet), identity.Viewer},
		{http.MethodGet, "/fleets/{fleet}/tasks", s.reads(s.tasks), identity.Viewer},
		{http.MethodGet, "/fleets/{fleet}/rollouts", s.reads(s.rollouts), identity.Viewer},
		{http.MethodGet, "/fleets/{fleet}/rollouts/{id}", s.reads(s.rollout), identity.Viewer},
		{http.MethodGet, "/fleets/{fleet}/rollouts/{id}/looks", s.reads(s.looks), identity.Viewer},
		{http.MethodGet, "/fleets/{fleet}/rollouts/{id}/looks/{chunk}", s.reads(s.chunk), identity.Viewer},
		{http.MethodGet, "/fleets/{fleet}/rollouts/{id}/series", s.reads(s.series), identity.Viewer},
		{http.MethodGet, "/fleets/{fleet}/events", s.events, identity.Viewer},
		{http.MethodGet, "/freeze", s.reads(s.freeze), identity.Viewer},
		{http.MethodGet, "/freezes", s.reads(s.freezes), identity.Viewer},
		{http.MethodPost, "/freeze", s.handle(s.setFreeze), identity.Operator},
		{http.MethodPost, "/unfreeze", s.handle(s.endFreeze), identity.Operator},
		{http.MethodGet, "/audit", s.reads(s.audit), identity.Viewer},
		{http.MethodGet, "/audit/export", s.reads(s.exportAudit), identity.Viewer},
		{http.MethodGet, "/releases", s.reads(s.releases), identity.Viewer},
		{http.MethodGet, "/releases/{digest}", s.reads(s.release), identity.Viewer},
		{http.MethodGet, "/releases/{digest}/manifest", s.reads(s.manifest), identity.Viewer},
		{http.MethodGet, "/openapi.json", s.describe, ""},
	}
	for _, verb := range []rollout.Verb{
		rollout.VerbPause, rollout.VerbResume, rollout.VerbAbort,
		rollout.VerbPromote, rollout.VerbRollback, rollout.VerbTry,
	} {
		rows = append(rows, route{http.MethodPost, "/fleets/{fleet}/" + string(verb), s.handle(s.ask(verb)), needed(verb)})
	}
	return rows
}

// needed is the role that a wish takes. To let a candidate serve everywhere
// without proof is the one that no later look makes good.
func needed(verb rollout.Verb) identity.Role {
	if verb == rollout.VerbPromote {
		return identity.Admin
	}
	return identity.Operator
}

// New returns every route of the service, and the dashboard at /; there are no
// others. The handler reads from f only while somebody asks.
func New(f Fleets, dashboard fs.FS, log *slog.Logger, o Options) http.Handler {
	if o.Every <= 0 {
		o.Every = time.Second
	}
	if o.Streams <= 0 {
		o.Streams = 1024
	}
	s := &server{
		source: f, log: log, options: o,
		streams: newSeats(o.Streams),
		readers: newSeats(maxReaders),
		views:   newViews(f, o),
		traces:  newTraces(f),
		opening: make(chan struct{}, 1),

		past: newKept[row](rowsKept), admitted: newKept[Passport](passportsKept),
	}
	s.tides = newTides(s.views, o.Every)
	var err error
	if s.document, err = newAsset("openapi.json.gz", document); err != nil {
		panic(err) // it is built in
	}
	r := chi.NewRouter()
	r.Use(headers, knownHost(o.Hosts))
	r.MethodNotAllowed(notAllowed(r))
	r.Route("/v1", func(r chi.Router) {
		r.Use(sameOrigin)
		r.Use(o.Middleware...)
		for _, row := range s.routes() {
			serve := s.only(row.needs, row.serve)
			r.Method(row.method, row.path, serve)
			if row.method == http.MethodGet {
				r.Method(http.MethodHead, row.path, serve) // the server leaves the body out
			}
		}
		r.NotFound(s.handle(func(*http.Request) (any, error) { return nil, sentence(ErrNotFound, noRoute) }))
	})
	if o.SignIn != nil {
		r.With(sameOrigin).Group(s.mount)
	}
	page, err := files(dashboard)
	if err != nil {
		panic(err) // they are built in
	}
	get := func(path string, h http.HandlerFunc) {
		r.Get(path, h)
		r.Head(path, h)
	}
	if o.Ops != nil {
		o.Ops.routes(get)
	}
	get("/*", page)
	return r
}

type server struct {
	source  Fleets
	log     *slog.Logger
	options Options
	streams *seats
	readers *seats
	views   *views
	tides   *tides
	traces  *traces
	opening chan struct{} // holds the one archive that is in memory for its manifest

	document asset

	past     *kept[row] // by fleet/id
	admitted *kept[Passport]
}
