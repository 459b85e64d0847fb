package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/sluicehq/sluice/controller"
)

// slack posts to an incoming webhook, whose address is its secret.
type slack struct {
	address address
	client  *http.Client
}

// Deliver implements controller.Way.
func (s slack) Deliver(ctx context.Context, n controller.Notice) error {
	to, err := s.address.read()
	if err != nil {
		return err
	}
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
	text := "*" + escape(title(n)) + "*\n" + escape(n.Headline)
	if n.WayOut != "" {
		text += "\n" + escape(n.WayOut)
	}
	if n.By != "" {
		text += "\nasked by " + escape(n.By)
	}
	if n.Link != "" {
		text += "\n<" + escape(n.Link) + "|Open the page>"
	}
	body, err := json.Marshal(struct {
		Text string `json:"text"`
	}{text})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return post(ctx, s.client, to, body, http.Header{})
}
