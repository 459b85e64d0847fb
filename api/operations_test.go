package api

import (
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sluicehq/sluice/controller/rollout"
)

// operation is what the document says of a route besides its path and its
// method.
type operation struct {
	summary string
	about   string // further sentences
	query   []*huma.Param
	header  []*huma.Param
	body    string                 // of the request: one of asks
	answer  any                    // of a success
	code    int                    // of a success; 0 is 200
	told    map[string]*huma.Param // headers of a success
	news    map[string]any         // bodies of a stream, by type
	lines   bool                   // an answer on each line
	refused []int
}

// Of every route, of what only reads, and of what writes a wish down.
var (
	always = []int{http.StatusBadRequest, http.StatusMisdirectedRequest}
	signs  = []int{http.StatusUnauthorized, http.StatusForbidden}
	reads  = append(slices.Concat(always, signs), http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusGatewayTimeout)
	finds  = append(slices.Clone(reads), http.StatusNotFound)
	wishes = append(slices.Clone(finds), http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
)

// operations has one for every row of the table of routes, by method and path.
func operations() map[string]operation {
	all := map[string]operation{
		"GET /fleets": {
			summary: "Names of all fleets", about: "In the order to show them.",
			answer: []string{}, refused: reads,
		},
		"GET /fleets/{fleet}": {
			summary: "What a person wants to know of a fleet first",
			answer:  Fleet{}, refused: finds,
		},
		"GET /fleets/{fleet}/tasks": {
			summary: "Tasks of a fleet", about: "As the leader saw them last: canary, control, then those in trouble.",
			query: []*huma.Param{limitParam(tasksDefault, MostTasks)}, answer: Tasks{}, refused: finds,
		},
		"GET /fleets/{fleet}/rollouts": {
			summary: "Rollouts of a fleet", about: "Those that wait, the newest first, the active one, then those that are over, the newest first.",
			query: append(pageParams(),
				&huma.Param{Name: "phase", In: "query", Description: "Phases that they are in, joined by commas.", Schema: &huma.Schema{Type: huma.TypeString, Examples: []any{"rolled_back,refused"}}},
				&huma.Param{Name: "outcome", In: "query", Description: "Outcome of their last verdict.", Schema: &huma.Schema{Ref: "#/components/schemas/Outcome"}},
				byParam("Who asked for them, or for anything that happened to them."),
				&huma.Param{Name: "release", In: "query", Description: "Digest of the candidate, or how it begins.", Schema: &huma.Schema{Type: huma.TypeString, Pattern: "^[0-9a-f]{6,64}$"}},
				momentParam("since", "In their phase since then, or later."), momentParam("until", "In their phase since before that."),
			), told: linked(), answer: []Rollout{}, refused: finds,
		},
		"GET /fleets/{fleet}/rollouts/{id}": {
			summary: "One rollout with all its evidence",
			answer:  Rollout{}, refused: finds,
		},
		"GET /fleets/{fleet}/rollouts/{id}/looks": {
			summary: "Which chunks there are of the log of what the judge was shown",
			answer:  Looks{}, refused: finds,
		},
		"GET /fleets/{fleet}/rollouts/{id}/looks/{chunk}": {
			summary: "One chunk of the log of what the judge was shown", about: "The sluice replay command reads it.",
			answer: Chunk{}, refused: finds,
		},
		"GET /fleets/{fleet}/events": {
			summary: "What happens to a fleet, as it happens",
			about: "Server-sent events. Each thing that happened is of type event, whose id is its sequence number: a client that comes back with Last-Event-ID " +
				"goes on where it was, at any server. What it missed beyond memory is announced by one of type gap. One of type look is the fleet's summary, at the pace of the loop; " +
				"trouble says that the fleet cannot be read just now. A comment is sent after ten seconds without news. An event of a type that you do not know is of a newer server: pass over it. " +
				"What patch names is sent whole once, and then as a JSON Patch (RFC 6902) of what was sent before, of type look-patch or tasks-patch; whoever finds that one does not fit, as its first operation tests, connects again. " +
				"A view that was left out is followed by a whole one. With gzip in Accept-Encoding the stream is packed.",
			query: []*huma.Param{{Name: "after", In: "query", Description: "The same as Last-Event-ID, which goes before it. Without either all that is remembered comes first.", Schema: seqSchema()}, {
				Name: "patch", In: "query", Description: "What is sent as patches: look, tasks, or both, joined by a comma. Tasks, up to 1,000, are sent only where they are named here.",
				Schema: &huma.Schema{Type: huma.TypeString, Pattern: "^(look|tasks|look,tasks|tasks,look)$"},
			}},
			header: []*huma.Param{{Name: "Last-Event-ID", In: "header", Description: "Id of the last event that the client knows.", Schema: seqSchema()}},
			news: map[string]any{
				"event": Event{}, "gap": gap{}, "trouble": trouble{},
				streamLook: Fleet{}, streamLook + patched: []Patch{}, streamTasks: Tasks{}, streamTasks + patched: []Patch{},
			},
			refused: finds,
		},
		"GET /releases": {
			summary: "Passports of the releases", about: "Those of all fleets, the newest first.",
			query: append(pageParams(),
				&huma.Param{Name: "job", In: "query", Description: "Training job that made it.", Schema: &huma.Schema{Type: huma.TypeString, MinLength: ptr(1)}},
				byParam("Who tried it by hand."), momentParam("since", "Admitted then, or later."), momentParam("until", "Admitted before that."),
			), told: linked(), answer: []Passport{}, refused: reads,
		},
		"GET /releases/{digest}": {
			summary: "Passport of a release", about: "Where it came from, and what admission measured.",
			answer: Passport{}, refused: finds,
		},
		"GET /releases/{digest}/manifest": {
			summary: "Manifest of a release", about: "As it lies in its archive.",
			told:   map[string]*huma.Param{"Content-Disposition": {Description: "How the file is called.", Schema: &huma.Schema{Type: huma.TypeString}}},
			answer: map[string]any{}, refused: append(slices.Clone(finds), http.StatusConflict),
		},
		"GET /me": {
			summary: "Who asks, and how one signs in",
			answer:  Me{}, refused: reads,
		},
		"GET /overview": {
			summary: "All fleets at a glance", about: "As far as who asks may see them; one that cannot be read says so.",
			answer: []Summary{}, refused: reads,
		},
		"GET /fleets/{fleet}/rollouts/{id}/series": {
			summary: "The log of what the judge was shown, for drawing", about: "Judged anew, and thinned. Where it is not whole yet, ask again.",
			answer: Series{}, refused: finds,
		},
		"GET /freeze": {
			summary: "The stop of all fleets, if there is one",
			answer:  Stop{}, refused: reads,
		},
		"GET /freezes": {
			summary: "When fleets are frozen in the four weeks to come", about: "By the calendars of their fleet files, as far as who asks may see the fleets.",
			answer: Calendar{}, refused: reads,
		},
		"POST /freeze": {
			summary: "Stop all fleets", about: "Nothing starts or advances; danger is acted on all the same.",
			header: keyParam(), body: "AskStop", answer: Stop{}, code: http.StatusAccepted, refused: wishes,
		},
		"POST /unfreeze": {
			summary: "End the stop of all fleets",
			header:  keyParam(), body: "AskGo", answer: Stop{}, code: http.StatusAccepted, refused: wishes,
		},
		"GET /audit": {
			summary: "The audit trail", about: "The newest first, as far as who asks may see it.",
			query: []*huma.Param{
				limitParam(listDefault, MostListed),
				{Name: "after", In: "query", Description: "Where to go on: next of the page before.", Schema: &huma.Schema{Type: huma.TypeString, MinLength: ptr(1)}},
				{Name: "fleet", In: "query", Description: "Of that fleet alone.", Schema: &huma.Schema{Type: huma.TypeString, MinLength: ptr(1)}},
			},
			answer: Audit{}, refused: reads,
		},
		"GET /audit/export": {
			summary: "The whole audit trail, as lines of JSON", about: "An entry as GET /audit lists it on each line, the newest first. Where the trail cannot be read to its end, the connection breaks.",
			query:  []*huma.Param{{Name: "fleet", In: "query", Description: "Of that fleet alone.", Schema: &huma.Schema{Type: huma.TypeString, MinLength: ptr(1)}}},
			told:   map[string]*huma.Param{"Content-Disposition": {Description: "How the file is called.", Schema: &huma.Schema{Type: huma.TypeString}}},
			answer: AuditEntry{}, lines: true, refused: reads,
		},
		"GET /openapi.json": {
			summary: "This document", answer: map[string]any{}, refused: always,
		},
	}
	for verb, of := range map[rollout.Verb]operation{
		rollout.VerbPause:    {body: "AskFleet", summary: "Let nothing start or advance", about: "Danger is acted on all the same."},
		rollout.VerbResume:   {body: "AskRollout", summary: "Go on", about: "Ends a pause, or approves what a rollout is held for."},
		rollout.VerbAbort:    {body: "AskRollout", summary: "Take the candidate back", about: "Or take a rollout out of the queue."},
		rollout.VerbPromote:  {body: "AskRollout", summary: "Take the candidate to all tasks", about: "Whatever the judge says."},
		rollout.VerbRollback: {body: "AskBack", summary: "Go back to an earlier release", about: "At once, without steps or judge."},
		rollout.VerbTry:      {body: "AskTry", summary: "Try an artifact that you name yourself"},
	} {
		of.about += " Nothing has happened when it is answered: it is written down, and the events tell what becomes of it."
		of.header = keyParam()
		of.answer, of.code, of.refused = Request{}, http.StatusAccepted, wishes
		all["POST /fleets/{fleet}/"+string(verb)] = of
	}
	return all
}

func keyParam() []*huma.Param {
	return []*huma.Param{{
		Name: keyHeader, In: "header", Schema: &huma.Schema{Type: huma.TypeString, Pattern: namePattern},
		Description: "Names the wish, so that asking again after a lost reply has one effect and one answer, for a day.",
	}}
}

// piece is what of a type people send in one place.
type piece struct {
	whole            string
	fields, required []string
	as               map[string]string // fields of which a piece is sent, too
}

// asks are the parts of an Ask that go with a verb.
func asks() map[string]piece {
	ask := func(more ...string) piece {
		return piece{whole: "Ask", fields: append([]string{"id", "by", "why", "seen"}, more...), as: map[string]string{"seen": "AskSeen"}}
	}
	stop := piece{whole: "StopAsk", fields: []string{"id", "by", "why", "until"}, required: []string{"why"}}
	try := ask("source", "rollout", "intended_change", "break_glass")
	try.required, try.as["intended_change"] = []string{"source"}, "AskChange"
	return map[string]piece{
		"AskFleet": ask(), "AskRollout": ask("rollout", "break_glass"), "AskBack": ask("release"), "AskTry": try,
		"AskStop": stop, "AskGo": stop,
		"AskSeen":   {whole: "Seen", fields: []string{"revision", "rollout", "release"}},
		"AskChange": {whole: "Change", fields: []string{"filter_rate", "partners", "why"}, required: []string{"filter_rate"}},
	}
}

// parameters are what stands in braces in paths.
func parameters() map[string]*huma.Param {
	return map[string]*huma.Param{
		"fleet":  {Description: "Name of the fleet.", Schema: &huma.Schema{Type: huma.TypeString, MinLength: ptr(1)}},
		"id":     {Description: "Id of the rollout.", Schema: &huma.Schema{Type: huma.TypeString, Pattern: namePattern}},
		"chunk":  {Description: "Which one, from 0.", Schema: &huma.Schema{Type: huma.TypeInteger, Minimum: ptr(0.0)}},
		"digest": {Description: "Digest of the release.", Schema: &huma.Schema{Type: huma.TypeString, Pattern: "^[0-9a-f]{64}$"}},
	}
}

func limitParam(usual, most int) *huma.Param {
	return &huma.Param{
		Name: "limit", In: "query", Description: "How many at most.",
		Schema: &huma.Schema{Type: huma.TypeInteger, Minimum: ptr(1.0), Maximum: ptr(float64(most)), Default: usual},
	}
}

// pageParams are those of a list that goes on.
func pageParams() []*huma.Param {
	return []*huma.Param{limitParam(listDefault, MostListed), {
		Name: "cursor", In: "query", Schema: &huma.Schema{Type: huma.TypeString, MinLength: ptr(1), MaxLength: ptr(mostCursor)},
		Description: "Where to go on, as Link told; the other parameters stay as they are.",
	}}
}

// linked is the header that tells where a list goes on.
func linked() map[string]*huma.Param {
	return map[string]*huma.Param{"Link": {
		Schema: &huma.Schema{Type: huma.TypeString},
		Description: "The target of the next page, with rel=\"next\" (RFC 8288); absent on the last one. What comes while you walk changes nothing of it. " +
			"A page of a list with filters may hold less than the limit, or nothing, and go on all the same.",
	}}
}

func byParam(about string) *huma.Param {
	return &huma.Param{Name: "by", In: "query", Description: about, Schema: &huma.Schema{Type: huma.TypeString, MinLength: ptr(1)}}
}

func momentParam(name, about string) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: about, Schema: &huma.Schema{Type: huma.TypeString, Format: "date-time"}}
}

func seqSchema() *huma.Schema { return &huma.Schema{Type: huma.TypeInteger, Minimum: ptr(0.0)} }

const doubt = "Of a wish it is unknown whether it is stored, unless stored is false: ask again with the same Idempotency-Key."

// refusals say what a status means.
var refusals = map[int]string{
	http.StatusBadRequest:            "The request makes no sense; the detail says what is wanted.",
	http.StatusUnauthorized:          "It is not proven who asks; the detail says how to sign in.",
	http.StatusForbidden:             "Who asks may not, or a page of another site asks; the detail says which role it takes.",
	http.StatusNotFound:              "There is no such thing.",
	http.StatusConflict:              "It makes no sense as things stand; the detail says how they stand.",
	http.StatusRequestEntityTooLarge: "The body is too large.",
	http.StatusUnsupportedMediaType:  "The body is not said to be application/json.",
	http.StatusMisdirectedRequest:    "The server does not answer to that name.",
	http.StatusTooManyRequests:       "A bound is reached; Retry-After says when to ask again.",
	http.StatusInternalServerError:   "The server's own trouble; its log says more. " + doubt,
	http.StatusServiceUnavailable:    "The store cannot be asked now, or a bound is reached. " + doubt,
	http.StatusGatewayTimeout:        "The store did not answer in time. " + doubt,
}

// enums are texts that are one of a few: the string constants in a file whose
// type, or else the beginning of whose name, is that.
var enums = map[string]struct{ file, of string }{
	"Phase":     {"../controller/rollout/rollout.go", "Phase"},
	"Verb":      {"../controller/rollout/rollout.go", "Verb"},
	"Outcome":   {"../controller/judge/judge.go", "Outcome"},
	"Class":     {"../controller/judge/judge.go", "Class"},
	"Role":      {"../identity/person.go", "Role"},
	"Ill":       {"../controller/rollout/unwell.go", "Unwell"},
	"TaskState": {"shape.go", "task"},
	"Cohort":    {"shape.go", "cohort"},
	"Serves":    {"shape.go", "serves"},
}

// worded are the fields that hold them.
var worded = map[string]string{
	"Rollout.phase": "Phase", "Rollout.held_from": "Phase", "Event.from": "Phase", "Event.to": "Phase",
	"Next.phase": "Phase", "Next.otherwise": "Phase", "Request.verb": "Verb", "Standing.phase": "Phase", "Me.roles": "Role", "Unwell.reason": "Ill", "SeriesPoint.outcome": "Outcome", "SeriesPartner.outcome": "Outcome",
	"Verdict.outcome": "Outcome", "Finding.outcome": "Outcome", "Verdict.class": "Class",
	"Task.state": "TaskState", "Task.cohort": "Cohort", "Task.serves": "Serves",
}

// bounds are what is checked at the door of what people send.
var bounds = map[string]func(*huma.Schema){
	"Ask.id":      func(s *huma.Schema) { s.Pattern = "^$|" + namePattern },
	"Ask.by":      func(s *huma.Schema) { s.MaxLength = ptr(rollout.MaxBy) },
	"Ask.why":     func(s *huma.Schema) { s.MaxLength = ptr(rollout.MaxWhy) },
	"Ask.rollout": func(s *huma.Schema) { s.Pattern = "^$|" + namePattern },
	"Ask.source":  func(s *huma.Schema) { s.Pattern = "^s3://[^/]+/.+" },
	"Ask.release": func(s *huma.Schema) { s.Pattern = "^$|^[0-9a-f]{64}$" },
}

func ptr[T any](v T) *T { return &v }
