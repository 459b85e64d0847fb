// Package browsertest opens the dashboard in a browser without a window.
package browsertest

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/chromedp"
)

// Open starts a browser of its own, or skips the test where there is none. A
// page whose script throws or complains fails the test.
func Open(t testing.TB, patience time.Duration) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser is not for -short")
	}
	if t, one := t.(*testing.T); one {
		t.Parallel() // what a page does takes time, mostly of nobody's processor
	}
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("no chromium here: the dashboard is not tried in a browser")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	ctx, end := chromedp.NewContext(ctx)
	complaints := make(chan string, 1)
	messages := chromedp.Console(ctx)
	go func() {
		defer close(complaints)
		var all []string
		for m, err := range messages {
			if err != nil {
				break
			}
			if m.Source != "network" && (m.IsException() || m.Type == chromedp.ConsoleError) {
				all = append(all, m.String())
			}
		}
		complaints <- strings.Join(all, "\n")
	}()
	t.Cleanup(func() {
		end()
		stop()
		cancel()
		if all := <-complaints; all != "" {
			t.Errorf("the page complains:\n%s", all)
		}
	})
	return ctx
}

// Text is what the page shows there, blanks that do not break being blanks.
func Text(ctx context.Context, t testing.TB, where chromedp.CSS) string {
	t.Helper()
	got, err := chromedp.Run(ctx, chromedp.Text(where))
	for drawnAnew(err) && ctx.Err() == nil {
		got, err = chromedp.Run(ctx, chromedp.Text(where))
	}
	if err != nil {
		t.Fatalf("read %s: %v", where, err)
	}
	return strings.ReplaceAll(got, "\u00a0", " ")
}

// Do carries out the steps, in order, and says what the page was like where one failed.
func Do(ctx context.Context, t testing.TB, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	for i, step := range steps {
		patient, cancel := context.WithTimeout(ctx, time.Minute)
		err := chromedp.Do(patient, step)
		for drawnAnew(err) && patient.Err() == nil {
			err = chromedp.Do(patient, step)
		}
		cancel()
		if err != nil {
			page, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.activeElement.outerHTML + "\n" + document.body.innerHTML`))
			t.Fatalf("step %d: %v; the focus, and the page:\n%s", i+1, err, page)
		}
	}
}

// drawnAnew says that a step found its element and then did not, since the page
// drew another one in its place: the browser words that in as many ways as it
// has questions about elements. Nothing has been done to either: such steps are
// safe to repeat.
func drawnAnew(err error) bool {
	var told *cdproto.Error
	if !errors.As(err, &told) || told.Code != -32000 {
		return false
	}
	said := strings.ToLower(told.Message)
	return slices.ContainsFunc([]string{"node", "object with given id", "box model", "content quads"}, func(lost string) bool {
		return strings.Contains(said, lost)
	})
}

// Contains waits until an element, of those for which where is true in XPath,
// has the words in it.
func Contains(where, words string) chromedp.Action[chromedp.Void] {
	return chromedp.WaitVisible(`//*[` + where + `][contains(normalize-space(.), "` + words + `")]`)
}
