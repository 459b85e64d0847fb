"""An auction server's side of a filter, with thriftpy2. Where it raises, the auction calls every partner."""

import os
import ssl
import sys
from importlib.metadata import version
from socket import timeout

import thriftpy2
from thriftpy2.protocol import TBinaryProtocolFactory
from thriftpy2.rpc import make_client
from thriftpy2.thrift import TApplicationException
from thriftpy2.transport import TBufferedTransportFactory, TTransportException

IDL = os.path.join(os.path.dirname(__file__), "..", "..", "..", "idl")
openrtb = thriftpy2.load(os.path.join(IDL, "openrtb.thrift"), module_name="openrtb_thrift")
adfilter = thriftpy2.load(os.path.join(IDL, "adfilter.thrift"), module_name="adfilter_thrift", include_dirs=[IDL])
TIMEOUT_MS = 2000  # in earnest, what is left of tmax


class Filter:
    """One connection. After any error it is closed: a late answer must not be taken for the next call's."""

    def __init__(self, address, ca=None):
        self.host, port = address.rsplit(":", 1)
        self.port, self.ca, self.client = int(port), ca, None

    def ask(self, call):
        """Calls once, and once more where the task had closed the connection meanwhile."""
        try:
            return self.once(call)
        except TTransportException as e:
            if e.type != TTransportException.END_OF_FILE:
                raise
            return self.once(call)
        except (BrokenPipeError, ConnectionResetError):
            return self.once(call)

    def once(self, call):
        if self.client is None:
            self.open()
        try:
            return call(self.client)
        except BaseException:
            self.close()
            raise

    def open(self):
        # A CA alone would take any certificate of it, whatever its host.
        context = ssl.create_default_context(cafile=self.ca) if self.ca else None
        self.client = make_client(
            adfilter.AdFilter, self.host, self.port, timeout=TIMEOUT_MS, ssl_context=context,
            proto_factory=TBinaryProtocolFactory(), trans_factory=TBufferedTransportFactory())

    def close(self):
        if self.client is not None:
            self.client.close()
            self.client = None


def published(partner):
    return adfilter.BidRequest(
        bidId="bid-1", dayOfWeek=3, hour="13", regionId="CA", cityId="Zürich", domainId="example.com", advertiserId=partner,
        biddingPrice=1, payingPrice=-1, userAgent="Mozilla/5.0", deviceTypeId=2)


def auction():
    return openrtb.AuctionRequest(
        id="auction-1", tmax=5000, imp=[openrtb.Imp(id="1", bidfloor=0.5, banner=openrtb.Banner(w=300, h=250))],
        site=openrtb.Site(domain="example.com", cat=["IAB7"]),
        device=openrtb.Device(ua="Mozilla/5.0", devicetype=2, lmt=False, geo=openrtb.Geo(country="DEU")))


def check(holds, what):
    if not holds:
        sys.exit(f"client.py: {what}")


def scores(at, partner, want):
    answer = at.ask(lambda c: c.filter(published(partner)))
    check(answer.likelihoodToBid == float(want) and not answer.degraded, f"filter answers {answer}, want {want}")
    check(answer.release == os.environ["RELEASE"], f"release {answer.release}")


def fails(at, call, kind):
    try:
        at.ask(call)
    except kind:
        return
    check(False, f"no {kind.__name__}")


def main():
    env = os.environ
    task = Filter(env["ADDRESS"])
    scores(task, "almera", env["SCORE"])
    partners = ["almera", "nobody knows", "bidello"]
    decision = task.ask(lambda c: c.decide(auction(), partners))
    check([p.partner for p in decision.partners] == partners, f"partners {decision.partners}")
    check(decision.partners[0].score == float(env["DECIDED"]), f"decide answers {decision}, want {env['DECIDED']}")
    task.ask(lambda c: c.report([adfilter.Outcome(receipt=decision.receipt, bidders=["almera"])]))

    large = published("almera")
    large.userAgent = "x" * (300 << 10)
    fails(task, lambda c: c.filter(large), TApplicationException)  # over the limit of a message
    scores(task, "bidello", env["OTHER"])

    cut = Filter(env["CUTS"])
    scores(cut, "almera", env["SCORE"])
    scores(cut, "bidello", env["OTHER"])
    stalled = Filter(env["STALLS"])
    fails(stalled, lambda c: c.filter(published("almera")), timeout)
    scores(stalled, "bidello", env["OTHER"])
    scores(Filter(env["TLS"], env["CA"]), "almera", env["SCORE"])
    print(f"Python, thriftpy2 {version('thriftpy2')}: as it should be")


main()
