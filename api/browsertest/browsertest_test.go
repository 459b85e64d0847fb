package browsertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/chromedp"
)

// A step whose element is drawn anew meanwhile is repeated; any other error ends it.
func TestDoMeetsAnElementDrawnAnew(t *testing.T) {
	ctx := Open(t, time.Minute)
	Do(ctx, t, chromedp.Navigate("data:text/html,<p>here</p>"))
	tries := 0
	Do(ctx, t, func(context.Context, *chromedp.Target) (chromedp.Void, error) {
		if tries++; tries < 3 {
			return chromedp.Void{}, &cdproto.Error{Code: -32000, Message: "Could not find node with given id"}
		}
		return chromedp.Void{}, nil
	}, Contains(`self::p`, "here"))
	if tries != 3 {
		t.Errorf("it was tried %d times", tries)
	}
	for _, message := range []string{
		"Could not find node with given id", "No node with given id found", "Node is detached from document", "Node does not have a layout object",
		"Could not find object with given id", "Could not compute box model.", "Could not compute content quads.",
	} {
		if !drawnAnew(&cdproto.Error{Code: -32000, Message: message}) {
			t.Errorf("%q is not taken for an element drawn anew", message)
		}
	}
	for _, err := range []error{nil, errors.New("another"), &cdproto.Error{Code: -32000, Message: "DOM Error while querying"}} {
		if drawnAnew(err) {
			t.Errorf("%v is taken for an element drawn anew", err)
		}
	}
}
