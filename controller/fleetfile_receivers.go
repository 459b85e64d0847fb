package controller

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// Notify is a receiver of notices, as a fleet file declares it: a name and one
// way to it.
type Notify struct {
	Name    string   `yaml:"name"`
	Events  []Kind   `yaml:"events"` // empty: all
	Webhook *Webhook `yaml:"webhook"`
	Slack   *Slack   `yaml:"slack"`
	Email   *Email   `yaml:"email"`
}

// Webhook is posted to, and signed after Standard Webhooks.
type Webhook struct {
	URL        string `yaml:"url"`
	URLFile    string `yaml:"url_file"` // instead of url, where it holds a secret
	SecretFile string `yaml:"secret_file"`
}

// Slack is an incoming webhook of Slack, or of what takes the same.
type Slack struct {
	URLFile string `yaml:"url_file"`
}

// Email is sent by SMTP.
type Email struct {
	Server       string   `yaml:"server"` // host:port
	From         string   `yaml:"from"`
	To           []string `yaml:"to"`
	User         string   `yaml:"user"` // empty: the server asks for none
	PasswordFile string   `yaml:"password_file"`
}

// Bounds on who is told.
const (
	maxReceivers  = 16
	maxRecipients = 32
)

func checkReceivers(all []Notify) error {
	if len(all) > maxReceivers {
		return fmt.Errorf("notify: %d receivers, want %d at most", len(all), maxReceivers)
	}
	names := map[string]bool{}
	for i, n := range all {
		switch {
		case !regexp.MustCompile(fleetName).MatchString(n.Name):
			return fmt.Errorf("notify[%d]: name is %q: want one of lower-case letters, digits and dashes", i, n.Name)
		case names[n.Name]:
			return fmt.Errorf("notify: %s stands twice: what it has been told is kept by its name", n.Name)
		}
		names[n.Name] = true
		if err := n.check(); err != nil {
			return fmt.Errorf("notify, %s: %w", n.Name, err)
		}
	}
	return nil
}

func (n Notify) check() error {
	for _, k := range n.Events {
		if !slices.Contains(Kinds(), k) {
			return fmt.Errorf("there is no event %q: want some of %v", k, Kinds())
		}
	}
	w, s, m := n.Webhook, n.Slack, n.Email
	ways := 0
	for _, is := range []bool{w != nil, s != nil, m != nil} {
		if is {
			ways++
		}
	}
	switch {
	case ways != 1:
		return errors.New("want one of webhook, slack and email")
	case w != nil && (w.URL == "") == (w.URLFile == ""):
		return errors.New("webhook: want url, or url_file where the address holds a secret")
	case w != nil && w.SecretFile == "":
		return errors.New("webhook: want secret_file, with a secret on each line, as echo whsec_$(openssl rand -base64 32) makes one")
	case s != nil && s.URLFile == "":
		return errors.New("slack: want url_file, with the address of the incoming webhook, which is a secret")
	case m != nil && (m.Server == "" || m.From == "" || len(m.To) == 0):
		return errors.New("email: want server, from and to")
	case m != nil && len(m.To) > maxRecipients:
		return fmt.Errorf("email: %d addresses in to, want %d at most: write to a list", len(m.To), maxRecipients)
	case m != nil && (m.User == "") != (m.PasswordFile == ""):
		return errors.New("email: user and password_file belong together")
	}
	return nil
}

// locate makes names of files those that lie beside the fleet file.
func (n *Notify) locate(file string) (err error) {
	for _, secret := range n.files() {
		if *secret == "" {
			continue
		}
		if *secret, err = secretBeside(file, *secret); err != nil {
			return fmt.Errorf("notify, %s: %w", n.Name, err)
		}
	}
	return nil
}

func (n *Notify) files() (all []*string) {
	if n.Webhook != nil {
		all = append(all, &n.Webhook.URLFile, &n.Webhook.SecretFile)
	}
	if n.Slack != nil {
		all = append(all, &n.Slack.URLFile)
	}
	if n.Email != nil {
		all = append(all, &n.Email.PasswordFile)
	}
	return all
}
