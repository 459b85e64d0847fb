package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller"
)

// mail sends by SMTP: encrypted, but for a server on this machine.
type mail struct{ controller.Email }

// smtps is the port on which TLS comes first; elsewhere STARTTLS does.
const smtps = "465"

func (m mail) check() error {
	if _, _, err := net.SplitHostPort(m.Server); err != nil {
		return fmt.Errorf("email: server is %q: want one such as smtp.example.com:587", m.Server)
	}
	for _, address := range append([]string{m.From}, m.To...) {
		if a, err := netmail.ParseAddress(address); err != nil || a.Address != address {
			return fmt.Errorf("email: %q is no address: want one such as ads@example.com", address)
		}
	}
	return nil
}

func (m mail) password() (string, error) {
	if m.PasswordFile == "" {
		return "", nil
	}
	return readFile(m.PasswordFile)
}

// Deliver implements controller.Way. Addresses that the server does not take
// are left out, unless it takes none.
func (m mail) Deliver(ctx context.Context, n controller.Notice) error {
	if err := m.deliver(ctx, n); err != nil {
		return fmt.Errorf("mail by %s: %w", m.Server, err)
	}
	return nil
}

func (m mail) deliver(ctx context.Context, n controller.Notice) error {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", m.Server)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // whatever is waited for ends with it
	c, err := m.introduce(conn)
	if err != nil {
		return err
	}
	if err := c.Mail(m.From); err != nil {
		return err
	}
	var refused error
	taken := 0
	for _, to := range m.To {
		if err := c.Rcpt(to); err != nil {
			refused = err
			continue
		}
		taken++
	}
	if taken == 0 {
		return refused
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(m.letter(n, time.Now())); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		if answer := (*textproto.Error)(nil); errors.As(err, &answer) && answer.Code >= 500 {
			return fmt.Errorf("%w: %w", controller.ErrUndeliverable, err)
		}
		return err
	}
	_ = c.Quit() // it has the letter
	return nil
}

// introduce encrypts the connection and says who sends.
func (m mail) introduce(conn net.Conn) (*smtp.Client, error) {
	host, port, err := net.SplitHostPort(m.Server)
	if err != nil {
		return nil, err
	}
	encrypted := port == smtps
	if encrypted {
		conn = tls.Client(conn, &tls.Config{ServerName: host})
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return nil, err
	}
	offered, _ := c.Extension("STARTTLS")
	switch {
	case encrypted:
	case offered:
		if err := c.StartTLS(&tls.Config{ServerName: host}); err != nil {
			return nil, err
		}
	case !onThisMachine(host):
		return nil, errors.New("the server offers no STARTTLS, and letters are not sent in the clear")
	}
	if m.User == "" {
		return c, nil
	}
	password, err := m.password()
	if err != nil {
		return nil, err
	}
	return c, c.Auth(smtp.PlainAuth("", m.User, password, host))
}

// letter is the message. Repetitions have the same Message-ID.
func (m mail) letter(n controller.Notice, now time.Time) []byte {
	var b bytes.Buffer
	_, domain, _ := strings.Cut(m.From, "@")
	for _, f := range [][2]string{
		{"From", m.From},
		{"To", strings.Join(m.To, ", ")},
		{"Subject", mime.QEncoding.Encode("utf-8", oneLine("[sluice] "+title(n)))},
		{"Date", now.Format(time.RFC1123Z)},
		{"Message-ID", "<" + n.ID + "@" + domain + ">"},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
	} {
		b.WriteString(f[0] + ": " + f[1] + "\r\n")
	}
	b.WriteString("\r\n")
	q := quotedprintable.NewWriter(&b)
	_, _ = q.Write([]byte(lines(n))) // a buffer takes everything
	_ = q.Close()
	return b.Bytes()
}

// oneLine keeps a name from beginning a header of its own.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
