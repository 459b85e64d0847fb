"""An auction server's side of a filter, with Apache Thrift. Where it raises, the auction calls every partner."""

import os
import sys
from importlib.metadata import version

from sluice.adfilter import AdFilter
from sluice.adfilter.ttypes import BidRequest, Outcome
from sluice.openrtb import ttypes as openrtb
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TApplicationException
from thrift.transport.TSocket import TSocket
from thrift.transport.TSSLSocket import TSSLSocket
from thrift.transport.TTransport import TBufferedTransport, TTransportException

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
        except EOFError:
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
        socket = TSSLSocket(self.host, self.port, ca_certs=self.ca) if self.ca else TSocket(self.host, self.port)
        socket.setTimeout(TIMEOUT_MS)
        self.transport = TBufferedTransport(socket)
        self.transport.open()
        self.client = AdFilter.Client(TBinaryProtocol(self.transport))

    def close(self):
        if self.client is not None:
            self.transport.close()
            self.client = None


def published(partner):
    return BidRequest(
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
    task.ask(lambda c: c.report([Outcome(receipt=decision.receipt, bidders=["almera"])]))

    large = published("almera")
    large.userAgent = "x" * (300 << 10)
    fails(task, lambda c: c.filter(large), TApplicationException)  # over the limit of a message
    scores(task, "bidello", env["OTHER"])

    cut = Filter(env["CUTS"])
    scores(cut, "almera", env["SCORE"])
    scores(cut, "bidello", env["OTHER"])
    stalled = Filter(env["STALLS"])
    fails(stalled, lambda c: c.filter(published("almera")), TTransportException)
    scores(stalled, "bidello", env["OTHER"])
    scores(Filter(env["TLS"], env["CA"]), "almera", env["SCORE"])
    print(f"Python, thrift {version('thrift')}: as it should be")


main()
