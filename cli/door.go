package cli

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/oidc"
	"github.com/sluicehq/sluice/content"
	"github.com/sluicehq/sluice/identity"
)

// doorFlags say who may see and steer the fleets of a controller.
type doorFlags struct {
	people, keys string
	open         bool
	session      time.Duration
	provider     oidc.Options
	secret, url  string
}

func (d *doorFlags) flags(f *pflag.FlagSet) {
	f.StringVar(&d.people, "people", "", "`file` of who may see and steer, a line each, as sluice token prints them; read again when it changes; without it whoever reaches --listen may do everything")
	f.BoolVar(&d.open, "without-sign-in", false, "listen beyond loopback though there are no --people: whoever reaches --listen can put any model in front of all auctions, under any name")
	f.StringVar(&d.keys, "session-key-file", "", "`file` of the keys that seal sessions of browsers, one per line, newest first, the same for all controllers; one by chance where it is left out, which ends with the process")
	f.DurationVar(&d.session, "session", time.Hour, "`time` for which a browser stays signed in")
	f.StringVar(&d.provider.Issuer, "oidc-issuer", "", "`address` of an OpenID Connect provider whose accounts sign in, just as it calls itself; --people says what they may")
	f.StringVar(&d.provider.Client, "oidc-client", "", "`id` of this controller there")
	f.StringVar(&d.secret, "oidc-secret-file", "", "`file` of the client's secret; without one the client is a public one")
	f.StringVar(&d.url, "url", "", "`address` at which people reach the dashboard, such as https://sluice.internal: for links in notices, and a provider of accounts sends people back to /signin/callback there")
	f.StringVar(&d.provider.NameClaim, "oidc-name", "email", "`claim` by which people are called, or its path, as in profile.login")
	f.StringVar(&d.provider.GroupsClaim, "oidc-groups", "groups", "`claim` that lists their groups, or its path, as in realm_access.roles")
	f.StringSliceVar(&d.provider.Scopes, "oidc-scopes", []string{"profile", "email"}, "`scopes` to ask for besides openid, with commas")
	f.StringVar(&d.provider.Audience, "oidc-audience", "", "`audience` of tokens with which machines ask, signed by the provider; none are taken where it is left out")
}

func (d *doorFlags) check(listen string) error {
	switch {
	case d.people != "" && d.open:
		return wrongUsage("--people and --without-sign-in contradict each other: keep one")
	case d.people == "" && (d.keys != "" || d.provider.Issuer != ""):
		return wrongUsage("--session-key-file and --oidc-issuer are for sign-in: name a file of --people too, which says who may do what")
	case d.provider.Issuer != "" && d.url == "":
		return wrongUsage("--oidc-issuer needs --url, where the provider sends people back to")
	case d.provider.Issuer == "" && (d.provider.Client != "" || d.secret != "" || d.provider.Audience != ""):
		return wrongUsage("--oidc-client, --oidc-secret-file and --oidc-audience need --oidc-issuer")
	case d.people == "" && !d.open && !identity.OnLoopback(listen):
		return wrongUsage("--listen %s is reached from other machines, and nobody would be asked who they are: name a file of --people (sluice token makes its lines), listen on 127.0.0.1, or say --without-sign-in, by which whoever reaches it can put any model in front of all auctions", listen)
	}
	return nil
}

// signIn returns how people sign in; nil where nobody is asked.
func (d *doorFlags) signIn(log *slog.Logger) (*api.SignIn, error) {
	if d.people == "" {
		return nil, nil //nolint:nilnil // nobody to know is no mistake
	}
	people, err := identity.OpenPeople(d.people, log)
	if err != nil {
		return nil, fmt.Errorf("read --people: %w", err)
	}
	keys, err := readKeys(d.keys)
	if err != nil {
		return nil, fmt.Errorf("read --session-key-file: %w", err)
	}
	seal, err := api.NewSeal(keys...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.keys, err)
	}
	in := &api.SignIn{People: people, Seal: seal, Session: d.session}
	if d.provider.Issuer != "" {
		if in.Provider, err = d.openProvider(); err != nil {
			return nil, err
		}
	}
	if err := in.Check(); err != nil {
		return nil, wrongUsage("--session: %w", err)
	}
	return in, nil
}

func (d *doorFlags) openProvider() (api.Provider, error) {
	o := d.provider
	if d.secret != "" {
		secret, err := readKeys(d.secret)
		if err != nil {
			return nil, fmt.Errorf("read --oidc-secret-file: %w", err)
		}
		o.Secret = string(secret[0])
	}
	o.Redirect = strings.TrimSuffix(d.url, "/") + "/signin/callback"
	p, err := oidc.New(o)
	if err != nil {
		return nil, usageError{fmt.Errorf("--oidc-issuer, --oidc-client, --oidc-audience: %w", err)}
	}
	return p, nil
}

// readKeys reads a key per line; none without a file.
func readKeys(file string) (keys [][]byte, err error) {
	if file == "" {
		return nil, nil
	}
	body, err := content.Read(file, 64<<10)
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(body) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			keys = append(keys, line)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s holds no key: write one on a line of its own, such as openssl rand -hex 32 prints", file)
	}
	return keys, nil
}

func tokenCommand() *cobra.Command {
	var role string
	var as output
	c := &cobra.Command{
		Use:   "token NAME",
		Short: "Make a token for a person or a machine, and the line that lets them in",
		Long: "The line goes into the file of sluice controller --people, the token to whom it is for: as\n" +
			"SLUICE_TOKEN, in a file for --token-file, or typed into the page. It is shown this once.",
		Example: "  sluice token ada@example.com --role admin\n" +
			"  sluice token ci --role viewer,operator:ads",
		Args: takes(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return wrongUsage("say whom it is for: sluice token NAME --role operator")
			}
			line, err := peopleLine(args[0], role, identity.NewToken())
			switch {
			case err != nil:
				return err
			case as.data():
				return as.print(c.OutOrStdout(), line)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "token  %s\nline   %s\n", line.Token, line.Line)
			return err
		},
	}
	c.Flags().StringVar(&role, "role", string(identity.Viewer), "`roles`, with commas: viewer, operator or admin, on every fleet, or on one as in operator:ads")
	as.formats(c)
	return c
}

// newcomer is a new token, and the line of a people file that goes with it.
type newcomer struct {
	Token string `json:"token"`
	Line  string `json:"line"`
}

func peopleLine(name, role, token string) (newcomer, error) {
	line := newcomer{Token: token, Line: name + " " + role + " " + identity.HashToken(token)}
	if err := identity.CheckLine(line.Line); err != nil {
		return newcomer{}, usageError{err}
	}
	return line, nil
}
