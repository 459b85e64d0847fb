package notify_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller"
)

// post office is a mail server that answers what a test says.
type postOffice struct {
	offers  []string          // extensions
	answers map[string]string // by the beginning of what was said; ok where none fits
	said    chan string       // commands
	letters chan string
}

func (p *postOffice) open(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.said, p.letters = make(chan string, 64), make(chan string, 4)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.serve(c)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return l.Addr().String()
}

func (p *postOffice) serve(c net.Conn) {
	defer c.Close()
	says := func(line string) { _, _ = io.WriteString(c, line+"\r\n") }
	says("220 hello")
	lines := bufio.NewReader(c)
	letter, reading := "", false
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		switch {
		case reading && line == ".":
			reading = false
			p.letters <- letter
			says(p.answer("END", "250 taken"))
			continue
		case reading:
			letter += line + "\n"
			continue
		}
		p.said <- line
		switch {
		case strings.HasPrefix(line, "EHLO"):
			says("250-hello")
			for _, e := range p.offers {
				says("250-" + e)
			}
			says("250 HELP")
		case line == "DATA":
			answer := p.answer(line, "354 go on")
			reading = strings.HasPrefix(answer, "354")
			says(answer)
		case line == "QUIT":
			says("221 bye")
			return
		default:
			says(p.answer(line, "250 ok"))
		}
	}
}

func (p *postOffice) answer(line, usual string) string {
	for begin, answer := range p.answers {
		if strings.HasPrefix(line, begin) {
			return answer
		}
	}
	return usual
}

func letters(t *testing.T, server string, to ...string) controller.Way {
	return way(t, controller.Notify{Email: &controller.Email{Server: server, From: "sluice@example.com", To: to}})
}

// TestMail sends a letter that a mail program reads as it was meant, whatever
// the names in it, to those whom the server knows.
func TestMail(t *testing.T) {
	p := &postOffice{answers: map[string]string{"RCPT TO:<gone@": "550 no such user"}}
	server := p.open(t)
	n := held()
	n.Rollout = "größer\r\nBcc: everybody@example.com"
	if err := letters(t, server, "gone@example.com", "ads@example.com").Deliver(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	m, err := netmail.ReadMessage(strings.NewReader(<-p.letters))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != "[sluice] ads: größer  Bcc: everybody@example.com waits for a person" || m.Header.Get("Bcc") != "" {
		t.Errorf("the subject is %q (%v), Bcc %q", subject, err, m.Header.Get("Bcc"))
	}
	if id := m.Header.Get("Message-ID"); id != "<ads.41.tk5a3c@example.com>" {
		t.Errorf("its ID is %s", id)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{n.Headline, n.Sentence, "reason: inconclusive", "page: https://sluice.internal/#ads", "at: 2026-11-29 12:00:00 UTC"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
}

// TestMailThatIsNotTaken tells what is tried again from what is not.
func TestMailThatIsNotTaken(t *testing.T) {
	for name, tt := range map[string]struct {
		answers map[string]string
		final   bool
	}{
		"nobody is known":   {map[string]string{"RCPT": "550 no such user"}, false},
		"not now":           {map[string]string{"END": "451 try later"}, false},
		"never this letter": {map[string]string{"END": "554 spam"}, true},
		"not from you":      {map[string]string{"MAIL": "530 sign in first"}, false},
	} {
		p := &postOffice{answers: tt.answers}
		err := letters(t, p.open(t), "ads@example.com").Deliver(t.Context(), held())
		if err == nil || errors.Is(err, controller.ErrUndeliverable) != tt.final {
			t.Errorf("%s: it means %v", name, err)
		}
	}
}

// TestMailIsEncrypted begins TLS where the server offers it, and sends nothing
// to one that cannot prove its name.
func TestMailIsEncrypted(t *testing.T) {
	p := &postOffice{offers: []string{"STARTTLS"}, answers: map[string]string{"STARTTLS": "454 not now"}}
	if err := letters(t, p.open(t), "ads@example.com").Deliver(t.Context(), held()); err == nil || !strings.Contains(err.Error(), "454") {
		t.Errorf("it means %v", err)
	}
	close(p.said)
	for line := range p.said {
		if strings.HasPrefix(line, "MAIL") {
			t.Error("it went on in the clear")
		}
	}
}

// TestMailServersThatHang do not outlast the time that they are given.
func TestMailServersThatHang(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := letters(t, l.Addr().String(), "ads@example.com").Deliver(ctx, held()); err == nil {
		t.Error("nobody answered, and it was told")
	}
}
