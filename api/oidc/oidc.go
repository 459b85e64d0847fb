// Package oidc proves who people are by the accounts of an OpenID Connect
// provider, and who machines are by tokens that it signs. It keeps nothing but
// the provider's keys: sessions are package api's.
package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/sluicehq/sluice/api"
)

// Options say which provider, and how it calls things.
type Options struct {
	Issuer         string // byte for byte as the provider says it
	Client, Secret string // as which this program is registered there
	Redirect       string // where browsers come back to
	Audience       string // of machines' tokens; empty: none are taken
	Scopes         []string
	NameClaim      string // path of what people are called by
	GroupsClaim    string // path of their groups
}

// Provider is one that is asked when somebody signs in, and not before: a
// controller starts and rolls out whether or not it answers.
type Provider struct {
	o    Options
	http *http.Client

	mu     sync.Mutex
	found  *oidc.Provider
	failed error
	at     time.Time // of the last try
}

const (
	callTime = 5 * time.Second
	again    = 2 * time.Second // between two tries of a provider that does not answer
	maxItems = 500             // groups of one person
	maxText  = 256             // bytes of a name
)

// New returns a provider of which nothing is known yet.
func New(o Options) (*Provider, error) {
	issuer, err := url.Parse(o.Issuer)
	switch {
	case err != nil || issuer.Host == "" || issuer.Scheme != "https" && issuer.Scheme != "http":
		return nil, fmt.Errorf("the issuer is %q: want an address such as https://accounts.example.com", o.Issuer)
	case o.Client == "":
		return nil, errors.New("the client has no id: register this controller at the provider")
	case o.Audience == o.Client:
		return nil, errors.New("the audience of machines' tokens is the client's id, so that what proves a person's sign-in would pass for one: name another")
	}
	return &Provider{o: o, http: &http.Client{Timeout: callTime}}, nil
}

// Name is the provider's host.
func (p *Provider) Name() string {
	u, err := url.Parse(p.o.Issuer)
	if err != nil {
		return p.o.Issuer // New has read it
	}
	return u.Hostname()
}

// discover returns what the provider says of itself.
func (p *Provider) discover(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.found != nil:
		return p.found, nil
	case p.failed != nil && time.Since(p.at) < again:
		return nil, p.failed
	}
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.http), p.o.Issuer)
	p.found, p.failed, p.at = found, err, time.Now()
	if err != nil {
		p.found, p.failed = nil, fmt.Errorf("ask %s who it is: %w", p.o.Issuer, err)
		return nil, p.failed
	}
	return p.found, nil
}

func (p *Provider) client(found *oidc.Provider) oauth2.Config {
	return oauth2.Config{
		ClientID: p.o.Client, ClientSecret: p.o.Secret, RedirectURL: p.o.Redirect,
		Endpoint: found.Endpoint(), Scopes: append([]string{oidc.ScopeOpenID}, p.o.Scopes...),
	}
}

// Start returns the address that a browser signs in at.
func (p *Provider) Start(ctx context.Context, trip api.Trip) (string, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	c := p.client(found)
	return c.AuthCodeURL(trip.State, oidc.Nonce(trip.Nonce), oauth2.S256ChallengeOption(trip.Verifier)), nil
}

// Finish returns whom the code proves. What the ID token does not tell, the
// provider is asked for.
func (p *Provider) Finish(ctx context.Context, trip api.Trip, code string) (api.Proven, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return api.Proven{}, err
	}
	ctx = oidc.ClientContext(ctx, p.http)
	c := p.client(found)
	tokens, err := c.Exchange(ctx, code, oauth2.VerifierOption(trip.Verifier))
	if err != nil {
		return api.Proven{}, fmt.Errorf("exchange the code: %w", err)
	}
	raw, ok := tokens.Extra("id_token").(string)
	if !ok {
		return api.Proven{}, errors.New("it gave no ID token")
	}
	id, err := found.Verifier(&oidc.Config{ClientID: p.o.Client}).Verify(ctx, raw)
	switch {
	case err != nil:
		return api.Proven{}, fmt.Errorf("check the ID token: %w", err)
	case id.Nonce != trip.Nonce:
		return api.Proven{}, errors.New("the ID token answers another sign-in (nonce)")
	}
	var said claims
	if err := id.Claims(&said); err != nil {
		return api.Proven{}, fmt.Errorf("read the ID token: %w", err)
	}
	if said.text(p.o.NameClaim) == "" || said.find(p.o.GroupsClaim) == nil {
		if err := said.ask(ctx, found, tokens, id.Subject); err != nil {
			return api.Proven{}, err
		}
	}
	return p.proven(said)
}

// proven names a person by what the provider says of them.
func (p *Provider) proven(said claims) (api.Proven, error) {
	name := said.text(p.o.NameClaim)
	verified, told := said["email_verified"].(bool)
	switch {
	case name == "":
		return api.Proven{}, fmt.Errorf("it says no %s of you: see the setting of the claim that names people", p.o.NameClaim)
	case len(name) > maxText:
		return api.Proven{}, fmt.Errorf("%s has %d bytes: want %d at most", p.o.NameClaim, len(name), maxText)
	case p.o.NameClaim == "email" && told && !verified:
		return api.Proven{}, fmt.Errorf("the address %s is not verified there", name)
	}
	return api.Proven{Name: name, Groups: said.texts(p.o.GroupsClaim)}, nil
}

// Bearer returns whom a machine's token proves. One that no person stands behind
// is called by its subject.
func (p *Provider) Bearer(ctx context.Context, token string) (api.Proven, error) {
	if p.o.Audience == "" {
		return api.Proven{}, errors.New("tokens of the provider are not taken here, as no audience is named for them")
	}
	found, err := p.discover(ctx)
	if err != nil {
		return api.Proven{}, err
	}
	verified, err := found.Verifier(&oidc.Config{ClientID: p.o.Audience}).Verify(oidc.ClientContext(ctx, p.http), token)
	if err != nil {
		return api.Proven{}, err
	}
	var said claims
	if err := verified.Claims(&said); err != nil {
		return api.Proven{}, fmt.Errorf("read the token: %w", err)
	}
	who := api.Proven{Name: "sub:" + verified.Subject, Groups: said.texts(p.o.GroupsClaim)}
	if said.text(p.o.NameClaim) != "" {
		if who, err = p.proven(said); err != nil {
			return who, err
		}
	}
	who.How, who.Until = "bearer", verified.Expiry
	return who, nil
}

// claims are what a provider says of somebody.
type claims map[string]any

// ask adds what the provider tells only when it is asked.
func (c claims) ask(ctx context.Context, found *oidc.Provider, tokens *oauth2.Token, subject string) error {
	if found.UserInfoEndpoint() == "" {
		return nil
	}
	info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	switch {
	case err != nil:
		return fmt.Errorf("ask who you are: %w", err)
	case info.Subject != subject:
		return errors.New("asked who you are, it tells of somebody else")
	}
	var more claims
	if err := info.Claims(&more); err != nil {
		return fmt.Errorf("read who you are: %w", err)
	}
	for name, value := range more {
		if _, told := c[name]; !told { // what is signed stands
			c[name] = value
		}
	}
	return nil
}

// find returns what stands at a path such as realm_access.roles; a claim whose
// own name has dots goes before.
func (c claims) find(path string) any {
	if whole, ok := c[path]; ok {
		return whole
	}
	var here any = map[string]any(c)
	for name := range strings.SplitSeq(path, ".") {
		in, ok := here.(map[string]any)
		if !ok {
			return nil
		}
		here = in[name]
	}
	return here
}

func (c claims) text(path string) string {
	text, _ := c.find(path).(string)
	return text
}

// texts is a list of texts, or one.
func (c claims) texts(path string) (all []string) {
	switch found := c.find(path).(type) {
	case string:
		return []string{found}
	case []any:
		for _, one := range found[:min(maxItems, len(found))] {
			if text, ok := one.(string); ok {
				all = append(all, text)
			}
		}
	}
	return all
}
