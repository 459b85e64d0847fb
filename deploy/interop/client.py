"""Calls a task as an Apache Thrift client does in its default settings.

client.py HOST:PORT RELEASE, with the code that thrift generates in PYTHONPATH. RELEASE is the digest that the task
serves. Ends with a sentence and status 1 at the first answer that is not as the contract says.
"""

import sys

from thrift.protocol import TBinaryProtocol, TCompactProtocol
from thrift.Thrift import TApplicationException, TMessageType, TType
from thrift.transport import TSocket, TTransport

from sluice.adfilter import AdFilter
from sluice.adfilter.ttypes import BidRequest, Outcome
from sluice.openrtb import ttypes as openrtb

DIALECTS = {
    "buffered binary": (TTransport.TBufferedTransport, TBinaryProtocol.TBinaryProtocol),
    "buffered accelerated binary": (TTransport.TBufferedTransport, TBinaryProtocol.TBinaryProtocolAccelerated),
    "framed binary": (TTransport.TFramedTransport, TBinaryProtocol.TBinaryProtocol),
    "buffered compact": (TTransport.TBufferedTransport, TCompactProtocol.TCompactProtocol),
    "framed compact": (TTransport.TFramedTransport, TCompactProtocol.TCompactProtocol),
}


def check(holds, what):
    if not holds:
        raise SystemExit(f"client.py: {what}")


def published(number):
    """A request as existing auction clients send it, with oddities among them."""
    return BidRequest(
        bidId=f"bid-{number}", dayOfWeek=number % 7, hour=["13", "", "noon", "-1"][number % 4], regionId="CA", cityId="Zürich",
        domainId="example.com", advertiserId="almera", biddingPrice=1200, payingPrice=-1, userAgent="Mozilla/5.0", deviceTypeId=2)


def auction():
    return openrtb.AuctionRequest(
        id="auction-1", tmax=100, cur=["USD"], imp=[openrtb.Imp(id="1", bidfloor=0.5, banner=openrtb.Banner(w=300, h=250))],
        site=openrtb.Site(domain="example.com", cat=["IAB7"]),
        device=openrtb.Device(ua="Mozilla/5.0", lmt=False, geo=openrtb.Geo(country="DEU")))


def call(client, release):
    for number in range(20):
        answer = client.filter(published(number))
        check(0 <= answer.likelihoodToBid <= 1, f"a likelihood of {answer.likelihoodToBid}")
        check(answer.release == release, f"release {answer.release}, want {release}")
        check(not answer.degraded, "a request was not scored")
    answer = client.filter(None)  # fails open, and the connection goes on
    check(answer.likelihoodToBid == 1 and answer.degraded, f"no request is answered {answer}")
    partners = ["almera", "nobody knows", "bidello"]
    decision = client.decide(auction(), partners)
    check(decision.release == release and not decision.degraded, f"decided {decision}")
    check([p.partner for p in decision.partners] == partners, f"partners {decision.partners}")
    check(all(0 <= p.score <= 1 for p in decision.partners), f"scores {decision.partners}")
    client.report([Outcome(receipt=decision.receipt, bidders=["almera"])])
    check(client.filter(published(1)).release == release, "after a report, no answer")


def refused(client, protocol):
    """What the task does not know is an exception for the caller, who then calls everybody."""
    client.send_filter = lambda request: nonsense(protocol, client)
    try:
        client.filter(None)
    except TApplicationException as e:
        check(e.type == TApplicationException.UNKNOWN_METHOD, f"an unknown method is answered {e}")
        return
    check(False, "an unknown method is answered")


def damaged(client, protocol):
    """Arguments that cannot be read are an exception too, and nothing is told of the task's insides."""
    protocol.writeMessageBegin("filter", TMessageType.CALL, 7)
    protocol.writeFieldBegin("request", TType.STRUCT, 1)
    protocol.writeFieldBegin("bidId", TType.STRING, 1)
    protocol.writeI32(-5)  # the length of the string
    protocol.trans.flush()
    try:
        client.recv_filter()
    except TApplicationException as e:
        check(e.type == TApplicationException.PROTOCOL_ERROR and e.message == "malformed arguments", f"damage is answered {e}")
        return
    check(False, "damage is answered")


def nonsense(protocol, client):
    protocol.writeMessageBegin("nonsense", 1, client._seqid)
    protocol.writeStructBegin("args")
    protocol.writeFieldStop()
    protocol.writeStructEnd()
    protocol.writeMessageEnd()
    protocol.trans.flush()


def main():
    (host, port), release = sys.argv[1].rsplit(":", 1), sys.argv[2]
    for name, (wrap, speak) in DIALECTS.items():
        socket = TSocket.TSocket(host, int(port))
        socket.setTimeout(10_000)
        protocol = speak(wrap(socket))
        client = AdFilter.Client(protocol)
        socket.open()
        call(client, release)
        refused(client, protocol)
        if "binary" in name:
            damaged(AdFilter.Client(protocol), protocol)
        socket.close()
        print(f"Python, {name}: as it should be")


main()
