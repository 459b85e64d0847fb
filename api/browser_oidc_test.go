package api_test

import (
	"bufio"
	"log/slog"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/api/oidc"
	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/web"
)

// Somebody signs in with an account of a real provider, and is who asks.
func TestDashboardProvider(t *testing.T) {
	ctx := browser(t)
	s := httptest.NewUnstartedServer(nil)
	t.Cleanup(s.Close)
	home := "http://" + s.Listener.Addr().String()
	issuer := provider(t, home+"/signin/callback")
	there, err := oidc.New(oidc.Options{
		Issuer: issuer, Client: "sluice", Secret: "secret", Redirect: home + "/signin/callback",
		Scopes: []string{"profile", "email"}, NameClaim: "email", GroupsClaim: "groups",
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "people")
	h := &house{Fake: apitest.Scene("canary", time.Now()), file: file}
	h.people(t, "user:test-user@zitadel.ch operator:demo")
	people, err := identity.OpenPeople(file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	seal, err := api.NewSeal()
	if err != nil {
		t.Fatal(err)
	}
	in := &api.SignIn{People: people, Seal: seal, Session: time.Hour, Provider: there}
	s.Config.Handler = api.New(h.Fake, web.Files(), slog.New(slog.DiscardHandler), api.Options{Every: 50 * time.Millisecond, SignIn: in})
	s.Start()

	as := func(user string) []chromedp.Action[chromedp.Void] {
		return []chromedp.Action[chromedp.Void]{
			chromedp.WaitVisible(chromedp.CSS(`#provider`)),
			chromedp.Click(chromedp.CSS(`#provider`)),
			chromedp.WaitVisible(chromedp.CSS(`#username`)),
			chromedp.SendKeys(chromedp.CSS(`#username`), user),
			chromedp.SendKeys(chromedp.CSS(`#password`), "verysecure"),
			chromedp.Click(chromedp.CSS(`button[type=submit]`)),
		}
	}
	do(ctx, t, chromedp.Navigate(s.URL))
	do(ctx, t, as("test-user@127.0.0.1")...)
	do(ctx, t,
		chromedp.WaitVisible(chromedp.CSS(`.trial .sentence`)),
		chromedp.Click(chromedp.CSS(`header [data-do=pause]`)),
		chromedp.WaitVisible(chromedp.CSS(`dialog #by[readonly]`)),
		chromedp.SendKeys(chromedp.CSS(`#why`), "to see who asks"),
		chromedp.Click(chromedp.CSS(`#confirm`)),
		chromedp.WaitNotPresent(chromedp.CSS(`dialog`)),
	)
	h.Mu.Lock()
	if len(h.Asked) != 1 || h.Asked[0].By != "test-user@zitadel.ch" {
		t.Errorf("asked %+v", h.Asked)
	}
	h.Mu.Unlock()
	do(ctx, t, chromedp.Click(chromedp.CSS(`[data-sign=out]`)))
	do(ctx, t, as("test-user2")...)
	do(ctx, t, chromedp.WaitVisible(chromedp.CSS(`pre`)))
	if got := text(ctx, t, `pre`); !strings.Contains(got, "test-user2@zitadel.ch has no role here") {
		t.Errorf("who has no role is told %q", got)
	}
}

// provider starts zitadel's example provider, which is a module of its own, and
// returns its issuer.
func provider(t *testing.T, redirect string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "provider")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = "oidc/provider"
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("SIGN-IN WITH A PROVIDER IS NOT TRIED: api/oidc/provider cannot be built here, which takes its modules: %v\n%s", err, out)
	}
	c := exec.CommandContext(t.Context(), program, "127.0.0.1:0", "sluice", "secret", redirect)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait() // it was killed
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the provider says nothing: %v", err)
	}
	return strings.TrimSpace(line)
}
