package api_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/identity"
)

// twoFleets are one in which partner-blind was taken back two hours ago, and one
// in which the same release is tried.
func twoFleets(now time.Time) apitest.Several {
	s := apitest.Several{Names: []string{"ads-eu", "ads-us"}, Of: map[string]*apitest.Fake{
		"ads-eu": apitest.Scene("rolled_back", now.Add(-2*time.Hour)), "ads-us": apitest.Scene("canary", now),
	}}
	for name, f := range s.Of {
		f.Saved.Fleet = name
	}
	return s
}

// Whoever tries an artifact again, on whatever fleet, or looks at its release, is
// told that it was taken back; who may not see that fleet is not.
func TestTakenBackElsewhere(t *testing.T) {
	now := time.Now()
	s := twoFleets(now)
	digest := s.Of["ads-us"].Saved.Active.Candidate
	source := s.Of["ads-eu"].Saved.Finished[0].Source
	h := apitest.Handler(s, api.Options{})
	check := func(what string, found []api.TakenBack) {
		t.Helper()
		if len(found) != 1 || found[0].Fleet != "ads-eu" || found[0].Rollout != "partner-blind" || !strings.Contains(found[0].Headline, "is filtered") || now.Sub(found[0].At) < time.Hour {
			t.Errorf("%s: %+v", what, found)
		}
	}
	var p api.Passport
	if err := json.Unmarshal(ask(h, "GET", "/v1/releases/"+digest, "").Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	check("the passport", p.TakenBack)
	var q api.Request
	body := `{"by":"ada","why":"w","source":"s3://` + source.Bucket + "/" + source.Key + `"}`
	if w := ask(h, "POST", "/v1/fleets/ads-us/try", body); json.Unmarshal(w.Body.Bytes(), &q) != nil || w.Code != 202 {
		t.Fatal(w.Code, w.Body)
	}
	check("a try", q.TakenBack)
	body = `{"by":"ada","why":"w","source":"s3://` + source.Bucket + `/another/model.tar.gz"}`
	if w := ask(h, "POST", "/v1/fleets/ads-us/try", body); w.Code != 202 || strings.Contains(w.Body.String(), "taken_back") {
		t.Errorf("of another artifact: %d %s", w.Code, w.Body)
	}
	s.Of["ads-eu"].Saved.Finished[0].Phase = rollout.Live
	if w := ask(apitest.Handler(s, api.Options{}), "GET", "/v1/releases/"+digest, ""); strings.Contains(w.Body.String(), "taken_back") {
		t.Errorf("of one that went live: %s", w.Body)
	}
	s.Of["ads-eu"].Saved.Finished[0].Phase = rollout.RolledBack
	house := newHouse(t, api.Options{})
	token := identity.NewToken()
	house.people(t, "una viewer:ads-us "+identity.HashToken(token))
	people, err := identity.OpenPeople(house.file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	house.door.People = people
	h = apitest.Handler(s, api.Options{SignIn: house.door})
	if w := ask(h, "GET", "/v1/releases/"+digest, "", "Authorization", "Bearer "+token); w.Code != 200 || strings.Contains(w.Body.String(), "ads-eu") {
		t.Errorf("who may not see the fleet is told %d %s", w.Code, w.Body)
	}
}

// The page says so where the release is tried, and on its own page.
func TestPageTakenBackElsewhere(t *testing.T) {
	ctx := browser(t)
	e := twoFleets(time.Now())
	s := site(t, e)
	do(ctx, t, chromedp.Navigate(s.URL+"/#ads-us"), contains(`@class="note"`, "Taken back in ads-eu 2 h 0 min ago:"),
		chromedp.Navigate(s.URL+"/#ads-us/releases/"+e.Of["ads-us"].Saved.Active.Candidate), contains(`self::h1`, "partner-blind"),
		chromedp.Click(`//p[@class="note"]/a[.="ads-eu"]`), contains(`self::h2`, "What happened"))
	where, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href`))
	if err != nil || where != controller.PageOf(s.URL, "ads-eu", "partner-blind") {
		t.Errorf("it leads to %s (%v)", where, err)
	}
}
