package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/api/browsertest"
)

const axePath = "../web/node_modules/axe-core/axe.min.js"

// axe is the script that looks for what keeps people out. It is no part of the
// page: npm brings it.
func axe(t *testing.T) string {
	t.Helper()
	script, err := os.ReadFile(axePath)
	if os.IsNotExist(err) {
		t.Skip("THE PAGE IS NOT LOOKED AT FOR ACCESSIBILITY: axe-core is not here; `npm ci` in web/ brings it")
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}

// Nothing on any page keeps people out who do not see it, or see it otherwise, as
// far as axe can tell: in both themes, and on a phone.
func TestAccessible(t *testing.T) {
	script := axe(t)
	s := site(t, estate(time.Now()))
	for _, size := range []struct {
		what          string
		width, height int64
		theme         string
	}{{"light", 1280, 860, "light"}, {"dark", 1280, 860, "dark"}, {"phone", 390, 844, "light"}} {
		t.Run(size.what, func(t *testing.T) {
			ctx := browsertest.Open(t, 10*time.Minute)
			themed(ctx, t, size.theme)
			do(ctx, t, chromedp.EmulateViewport(size.width, size.height))
			for _, p := range allPages() {
				do(ctx, t, chromedp.Navigate("about:blank"), chromedp.Navigate(s.URL+"/"+p.address), chromedp.WaitVisible(chromedp.CSS(p.there)))
				inspect(ctx, t, p.name, script)
			}
			do(ctx, t, chromedp.Navigate("about:blank"), chromedp.Navigate(s.URL+"/#ads-us"), chromedp.WaitVisible(chromedp.CSS(`.back button`)),
				chromedp.Click(chromedp.CSS(`.back button`)), chromedp.WaitVisible(confirm))
			inspect(ctx, t, "dialog", script)
		})
	}
}

func themed(ctx context.Context, t *testing.T, theme string) {
	t.Helper()
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// inspect fails for what axe calls serious or critical.
func inspect(ctx context.Context, t *testing.T, page, script string) {
	t.Helper()
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](script+"\n;void 0")); err != nil {
		t.Fatal(err)
	}
	found, err := chromedp.Run(ctx, chromedp.Evaluate[string](`axe.run(document, { resultTypes: ["violations"] }).then((r) => JSON.stringify({ passes: r.passes.length,
		violations: r.violations.map((v) => ({ id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.map((n) => n.html.slice(0, 200) + " " + n.any.map((a) => a.message).join("; ")) })) }))`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	var report struct {
		Passes     int
		Violations []struct {
			ID, Impact, Help string
			Nodes            []string
		}
	}
	if err := json.Unmarshal([]byte(found), &report); err != nil {
		t.Fatal(err)
	}
	if report.Passes < 10 {
		t.Errorf("%s: axe found %d rules to be kept, so it hardly looked", page, report.Passes)
	}
	for _, v := range report.Violations {
		say := fmt.Sprintf("%s: %s (%s): %s\n\t%s", page, v.ID, v.Impact, v.Help, strings.Join(v.Nodes[:min(5, len(v.Nodes))], "\n\t"))
		if v.Impact == "serious" || v.Impact == "critical" {
			t.Error(say)
		} else {
			t.Log(say)
		}
	}
}

// So are moments of a fleet's life at which more is on its page.
func TestScenesAreAccessible(t *testing.T) {
	script := axe(t)
	ctx := browsertest.Open(t, 10*time.Minute)
	for _, scene := range []string{"fresh", "held", "promoting", "paused"} {
		s := site(t, apitest.Scene(scene, time.Now()))
		do(ctx, t, chromedp.Navigate(s.URL), chromedp.WaitVisible(chromedp.CSS(`.log`)))
		inspect(ctx, t, scene, script)
	}
}
