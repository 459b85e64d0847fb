package api_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/api/browsertest"
)

// allPages are the addresses of every page of an estate, and what shows that it
// is there.
func allPages() []struct{ name, address, there string } {
	blind, better := apitest.Digest("blind"), apitest.Digest("better")
	return []struct{ name, address, there string }{
		{"fleets", "#/", `.fleets .need`},
		{"fleet", "#ads-us", `.gates .bar`},
		{"rollout", "#ads-eu/rollouts/partner-blind", `.plot canvas`},
		{"running", "#ads-us/rollouts/partner-blind?gate=filter_rate_served", `.plot canvas`},
		{"history", "#ads-eu/history", `.rows tbody tr`},
		{"releases", "#ads-eu/releases", `.rows tbody tr`},
		{"release", "#ads-eu/releases/" + blind, `.facts a`},
		{"compare", "#ads-eu/compare/" + blind + "/" + better, `.beside .differs`},
		{"freezes", "#ads-eu/freezes", `.calendar .strip`},
		{"audit", "#ads-eu/audit?of=*", `.audit tbody tr`},
	}
}

// TestShotsOfPages takes pictures of every page in both themes, and on a phone,
// for people to look at; it checks nothing.
func TestShotsOfPages(t *testing.T) {
	if *shots == "" {
		t.Skip("say -shots FOLDER for pictures")
	}
	e := estate(time.Now())
	s := site(t, e)
	for _, size := range []struct {
		what          string
		width, height int64
		dark          string
	}{{"light", 1280, 860, "light"}, {"dark", 1280, 860, "dark"}, {"phone", 390, 844, "light"}} {
		t.Run(size.what, func(t *testing.T) {
			ctx := browsertest.Open(t, 10*time.Minute)
			do(ctx, t, chromedp.EmulateViewport(size.width, size.height))
			themed(ctx, t, size.dark)
			for _, p := range allPages() {
				for _, f := range e.Of { // the controller has not gone away meanwhile
					f.Mu.Lock()
					f.Seen.At = time.Now()
					f.Mu.Unlock()
				}
				do(ctx, t, chromedp.Navigate("about:blank"), chromedp.Navigate(s.URL+"/"+p.address), chromedp.WaitVisible(chromedp.CSS(p.there)))
				png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				keep(t, fmt.Sprintf("%s_%s.png", p.name, size.what), png)
				if p.name+size.what == "fleetlight" || p.name+size.what == "rolloutdark" { // for the README
					do(ctx, t, chromedp.EmulateViewport(1280, 1000))
					png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
					if err != nil {
						t.Fatal(err)
					}
					keep(t, "front_"+size.what+".png", png)
					do(ctx, t, chromedp.EmulateViewport(size.width, size.height))
				}
			}
		})
	}
}

func keep(t *testing.T, name string, png []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(*shots, name), png, 0o644); err != nil {
		t.Fatal(err)
	}
}
