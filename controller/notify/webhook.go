package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller"
)

// webhook posts JSON, signed after Standard Webhooks 1.0.0 with every secret of
// a file, so that secrets can be exchanged.
type webhook struct {
	address address
	secrets string
	client  *http.Client
}

// message is the body of a webhook.
type message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"` // of what happened
	Data      data      `json:"data"`
}

type data struct {
	Fleet     string `json:"fleet"`
	Headline  string `json:"headline"`
	WayOut    string `json:"way_out,omitempty"`
	Sentence  string `json:"sentence"`
	Over      bool   `json:"over,omitempty"` // what a message of this type told of before is over
	Link      string `json:"link,omitempty"`
	Rollout   string `json:"rollout,omitempty"`
	Candidate string `json:"candidate,omitempty"` // digest
	From      string `json:"from,omitempty"`
	To        string `json:"to,omitempty"`
	Reason    string `json:"reason,omitempty"`
	By        string `json:"by,omitempty"`
	Revision  int64  `json:"revision,omitempty"` // of the fleet: of two messages about rollouts the later has the higher
}

// typeOf is how a kind is called in a webhook.
func typeOf(k controller.Kind) string {
	switch k {
	case controller.KindControllerSilent:
		return "controller.silent"
	case controller.KindFleetUnwell:
		return "fleet.unwell"
	case controller.KindHeld, controller.KindRollingBack, controller.KindRolledBack, controller.KindRefused, controller.KindLive:
		return "rollout." + string(k)
	}
	return "sluice." + string(k)
}

// Deliver implements controller.Way.
func (w webhook) Deliver(ctx context.Context, n controller.Notice) error {
	to, err := w.address.read()
	if err != nil {
		return err
	}
	secrets, err := readSecrets(w.secrets)
	if err != nil {
		return err
	}
	body, err := json.Marshal(message{Type: typeOf(n.Kind), Timestamp: n.At.UTC(), Data: data{
		Fleet: n.Fleet, Headline: n.Headline, WayOut: n.WayOut, Sentence: n.Sentence, Over: n.Over, Link: n.Link, Rollout: n.Rollout, Candidate: n.Candidate,
		From: string(n.From), To: string(n.To), Reason: string(n.Reason), By: n.By, Revision: n.Revision,
	}})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return post(ctx, w.client, to, body, signed(n.ID, body, secrets, time.Now()))
}

// signed are the headers of a message.
func signed(id string, body []byte, secrets [][]byte, now time.Time) http.Header {
	at := strconv.FormatInt(now.Unix(), 10)
	var signatures []string
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(id + "." + at + "."))
		mac.Write(body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	h := http.Header{}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", at)
	h.Set("webhook-signature", strings.Join(signatures, " "))
	return h
}

// Bounds on secrets, those of the specification.
const (
	maxSecrets     = 8
	minSecretBytes = 24
	maxSecretBytes = 64
)

// readSecrets reads a file with a secret on each line.
func readSecrets(file string) (secrets [][]byte, err error) {
	text, err := readFile(file)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(line, "whsec_"))
		if err != nil || !strings.HasPrefix(line, "whsec_") || len(secret) < minSecretBytes || len(secret) > maxSecretBytes {
			return nil, fmt.Errorf("%s: want a secret on each line, as echo whsec_$(openssl rand -base64 32) makes one", file)
		}
		secrets = append(secrets, secret)
	}
	if len(secrets) == 0 || len(secrets) > maxSecrets {
		return nil, fmt.Errorf("%s has %d secrets: want 1 to %d, one on each line", file, len(secrets), maxSecrets)
	}
	return secrets, nil
}
