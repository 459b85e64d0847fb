// Package notify brings notices to those who want them: webhooks signed after
// the Standard Webhooks specification, Slack, and e-mail.
//
// It makes one attempt and says what came of it. What is told, in which order,
// and when it is tried again is the controller's business. Secrets are read
// from their files for every attempt, and stand in no error.
package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/sluicehq/sluice/content"
	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/rollout"
)

// Open returns the receivers that a fleet file names, or says which of them has
// a file that is missing or wrong.
func Open(settings []controller.Notify) ([]controller.Receiver, error) {
	client := newClient()
	var receivers []controller.Receiver
	for _, n := range settings {
		way, err := open(n, client)
		if err != nil {
			return nil, fmt.Errorf("notify, %s: %w", n.Name, err)
		}
		receivers = append(receivers, controller.Receiver{Name: n.Name, Kinds: n.Events, Way: way, Settings: func() (string, error) { return settingsOf(n) }})
	}
	return receivers, nil
}

func open(n controller.Notify, client *http.Client) (controller.Way, error) {
	switch {
	case n.Webhook != nil:
		w := webhook{address: address{n.Webhook.URL, n.Webhook.URLFile}, secrets: n.Webhook.SecretFile, client: client}
		_, err := readSecrets(w.secrets)
		return w, errors.Join(err, w.address.check())
	case n.Slack != nil:
		s := slack{address{"", n.Slack.URLFile}, client}
		return s, s.address.check()
	case n.Email != nil:
		m := mail{*n.Email}
		_, err := m.password()
		return m, errors.Join(err, m.check())
	}
	return nil, errors.New("want one of webhook, slack and email")
}

// settingsOf is the same for the same settings, with what their files say.
func settingsOf(n controller.Notify) (string, error) {
	var files []string
	switch {
	case n.Webhook != nil:
		files = []string{n.Webhook.URLFile, n.Webhook.SecretFile}
	case n.Slack != nil:
		files = []string{n.Slack.URLFile}
	case n.Email != nil:
		files = []string{n.Email.PasswordFile}
	}
	said := make([]string, len(files))
	for i, name := range files {
		if name == "" {
			continue
		}
		text, err := readFile(name)
		if err != nil {
			return "", err
		}
		said[i] = text
	}
	body, err := json.Marshal([]any{n, said})
	if err != nil {
		return "", fmt.Errorf("encode the settings of %s: %w", n.Name, err)
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]), nil
}

// maxSecretFile bounds a file with a secret.
const maxSecretFile = 16 << 10

// readFile returns what a file of secrets says.
func readFile(name string) (string, error) {
	body, err := content.Read(name, maxSecretFile)
	return strings.TrimSpace(string(body)), err
}

// address is where to post to: as it is, or in a file, as some hold a secret.
type address struct{ url, file string }

func (a address) check() error {
	_, err := a.read()
	return err
}

func (a address) read() (*url.URL, error) {
	text := a.url
	if a.file != "" {
		read, err := readFile(a.file)
		if err != nil {
			return nil, err
		}
		text = read
	}
	u, err := url.Parse(text)
	switch {
	case err == nil && u.Host != "" && u.Scheme == "https":
		return u, nil
	case err == nil && u.Host != "" && u.Scheme == "http" && onThisMachine(u.Hostname()):
		return u, nil
	case a.file != "":
		return nil, fmt.Errorf("%s: want an address that begins with https://", a.file)
	}
	return nil, fmt.Errorf("the url is %q: want one that begins with https://", text)
}

// onThisMachine reports whether nobody can listen on the way to a host.
func onThisMachine(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// title says in a few words what a notice is about.
func title(n controller.Notice) string {
	what := map[controller.Kind]string{
		controller.KindHeld: "waits for a person", controller.KindRollingBack: "is taken back", controller.KindRolledBack: "is back on stable",
		controller.KindRefused: "refused", controller.KindLive: "live",
		controller.KindControllerSilent: "controller silent", controller.KindFleetUnwell: "unwell",
	}[n.Kind]
	switch {
	case what == "":
		what = string(n.Kind)
	case n.Over:
		what += " no more"
	}
	if n.Rollout == "" {
		return n.Fleet + ": " + what
	}
	return n.Fleet + ": " + n.Rollout + " " + what
}

// lines is a notice as text: what happened, who asked, where to look.
func lines(n controller.Notice) string {
	all := []string{n.Headline}
	if n.WayOut != "" {
		all = append(all, n.WayOut)
	}
	if n.Sentence != n.Headline {
		all = append(all, "", n.Sentence)
	}
	all = append(all, "")
	for _, f := range [][2]string{
		{"fleet", n.Fleet}, {"rollout", n.Rollout}, {"candidate", rollout.Short(n.Candidate)}, {"reason", string(n.Reason)}, {"asked by", n.By}, {"page", n.Link},
	} {
		if f[1] != "" {
			all = append(all, f[0]+": "+f[1])
		}
	}
	return strings.Join(append(all, "at: "+n.At.UTC().Format("2006-01-02 15:04:05 MST"), ""), "\n")
}
