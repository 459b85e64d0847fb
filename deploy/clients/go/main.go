// Command client is an auction server's side of a filter. Where it returns an
// error, the auction calls every partner.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"client/gen/adfilter"
	"client/gen/openrtb"
)

const timeout = 2 * time.Second // in earnest, what is left of tmax

// filter is one connection. After any error it is closed: what still comes on
// it belongs to a call that has been given up.
type filter struct {
	address   string
	secure    *tls.Config // nil for none
	transport thrift.TTransport
	client    *adfilter.AdFilterClient
}

// ask calls once, and once more where the task had closed the connection
// meanwhile.
func (f *filter) ask(call func(ctx context.Context, c *adfilter.AdFilterClient) error) error {
	err := f.once(call)
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		err = f.once(call)
	}
	return err
}

func (f *filter) once(call func(ctx context.Context, c *adfilter.AdFilterClient) error) error {
	if f.client == nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	err := call(ctx, f.client)
	if err != nil {
		f.transport.Close()
		f.client = nil
	}
	return err
}

func (f *filter) open() error {
	conf := &thrift.TConfiguration{ConnectTimeout: timeout, SocketTimeout: timeout, TLSConfig: f.secure}
	var socket thrift.TTransport = thrift.NewTSocketConf(f.address, conf)
	if f.secure != nil {
		socket = thrift.NewTSSLSocketConf(f.address, conf)
	}
	f.transport = thrift.NewTBufferedTransport(socket, 4096)
	if err := f.transport.Open(); err != nil {
		return err
	}
	f.client = adfilter.NewAdFilterClientFactory(f.transport, thrift.NewTBinaryProtocolFactoryConf(conf))
	return nil
}

func published(partner string) *adfilter.BidRequest {
	return &adfilter.BidRequest{
		BidId: "bid-1", DayOfWeek: 3, Hour: "13", RegionId: "CA", CityId: "Zürich", DomainId: "example.com", AdvertiserId: partner,
		BiddingPrice: 1, PayingPrice: -1, UserAgent: "Mozilla/5.0", DeviceTypeId: 2,
	}
}

func auction() *openrtb.AuctionRequest {
	return &openrtb.AuctionRequest{
		ID: new("auction-1"), Tmax: new(int32(5000)),
		Imp:  []*openrtb.Imp{{ID: new("1"), Bidfloor: new(0.5), Banner: &openrtb.Banner{W: new(int32(300)), H: new(int32(250))}}},
		Site: &openrtb.Site{Domain: new("example.com"), Cat: []string{"IAB7"}},
		Device: &openrtb.Device{
			Ua: new("Mozilla/5.0"), Devicetype: new(int32(2)), Lmt: new(false), Geo: &openrtb.Geo{Country: new("DEU")},
		},
	}
}

func check(holds bool, format string, a ...any) {
	if !holds {
		log.Fatalf(format, a...)
	}
}

func number(name string) float64 {
	v, err := strconv.ParseFloat(os.Getenv(name), 64)
	check(err == nil, "%s: %v", name, err)
	return v
}

func (f *filter) scores(partner, want string) {
	var answer *adfilter.BidResponse
	err := f.ask(func(ctx context.Context, c *adfilter.AdFilterClient) (err error) {
		answer, err = c.Filter(ctx, published(partner))
		return err
	})
	check(err == nil, "filter: %v", err)
	check(answer.LikelihoodToBid == number(want) && !answer.GetDegraded(), "filter answers %v, want %v", answer, number(want))
	check(answer.GetRelease() == os.Getenv("RELEASE"), "release %s", answer.GetRelease())
}

func (f *filter) fails(request *adfilter.BidRequest) error {
	err := f.ask(func(ctx context.Context, c *adfilter.AdFilterClient) error {
		_, err := c.Filter(ctx, request)
		return err
	})
	check(err != nil, "no error")
	return err
}

func main() {
	task := &filter{address: os.Getenv("ADDRESS")}
	task.scores("almera", "SCORE")
	partners := []string{"almera", "nobody knows", "bidello"}
	var decision *adfilter.Decision
	err := task.ask(func(ctx context.Context, c *adfilter.AdFilterClient) (err error) {
		decision, err = c.Decide(ctx, auction(), partners)
		return err
	})
	check(err == nil, "decide: %v", err)
	names := []string{}
	for _, p := range decision.Partners {
		names = append(names, p.Partner)
	}
	check(slices.Equal(names, partners), "partners %v", names)
	check(decision.Partners[0].Score == number("DECIDED"), "decide answers %v, want %v", decision, number("DECIDED"))
	err = task.ask(func(ctx context.Context, c *adfilter.AdFilterClient) error {
		return c.Report(ctx, []*adfilter.Outcome{{Receipt: decision.Receipt, Bidders: []string{"almera"}}})
	})
	check(err == nil, "report: %v", err)

	large := published("almera")
	large.UserAgent = strings.Repeat("x", 300<<10) // over the limit of a message
	over := task.fails(large)
	check(errors.As(over, new(thrift.TApplicationException)), "a large request: %v", over)
	task.scores("bidello", "OTHER")

	cut := &filter{address: os.Getenv("CUTS")}
	cut.scores("almera", "SCORE")
	cut.scores("bidello", "OTHER")
	stalled := &filter{address: os.Getenv("STALLS")}
	late := stalled.fails(published("almera"))
	check(errors.Is(late, os.ErrDeadlineExceeded) || errors.Is(late, context.DeadlineExceeded), "no answer: %v", late)
	stalled.scores("bidello", "OTHER")

	pem, err := os.ReadFile(os.Getenv("CA"))
	check(err == nil, "read the CA: %v", err)
	roots := x509.NewCertPool()
	check(roots.AppendCertsFromPEM(pem), "no CA in %s", os.Getenv("CA"))
	host, _, err := net.SplitHostPort(os.Getenv("TLS"))
	check(err == nil, "%v", err)
	secure := &filter{address: os.Getenv("TLS"), secure: &tls.Config{RootCAs: roots, ServerName: host}}
	secure.scores("almera", "SCORE")
	build, _ := debug.ReadBuildInfo()
	for _, d := range build.Deps {
		if d.Path == "github.com/apache/thrift" {
			fmt.Printf("Go, thrift %s: as it should be\n", d.Version)
		}
	}
}
