import com.aik.filterapi.AdFilter;
import com.aik.filterapi.BidRequest;
import com.aik.filterapi.BidResponse;
import com.aik.filterapi.Decision;
import com.aik.filterapi.Outcome;
import com.aik.filterapi.PartnerDecision;
import com.sluicehq.openrtb.Banner;
import com.sluicehq.openrtb.Device;
import com.sluicehq.openrtb.Geo;
import com.sluicehq.openrtb.Imp;
import com.sluicehq.openrtb.Site;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.thrift.TApplicationException;
import org.apache.thrift.TException;
import org.apache.thrift.protocol.TBinaryProtocol;
import org.apache.thrift.protocol.TCompactProtocol;
import org.apache.thrift.protocol.TMessage;
import org.apache.thrift.protocol.TMessageType;
import org.apache.thrift.protocol.TProtocol;
import org.apache.thrift.protocol.TStruct;
import org.apache.thrift.transport.TSocket;
import org.apache.thrift.transport.TTransport;
import org.apache.thrift.transport.layered.TFramedTransport;

/**
 * Calls a task as an Apache Thrift client does in its default settings: Client HOST:PORT RELEASE. RELEASE is the digest
 * that the task serves. Ends with an exception at the first answer that is not as the contract says.
 */
public final class Client {
  private interface Speak {
    TProtocol over(TTransport transport) throws TException;
  }

  private static final Map<String, Speak> DIALECTS =
      new TreeMap<>(
          Map.of(
              "binary", TBinaryProtocol::new,
              "compact", TCompactProtocol::new,
              "framed binary", t -> new TBinaryProtocol(new TFramedTransport(t)),
              "framed compact", t -> new TCompactProtocol(new TFramedTransport(t))));

  public static void main(String[] args) throws Exception {
    int colon = args[0].lastIndexOf(':');
    for (Map.Entry<String, Speak> dialect : DIALECTS.entrySet()) {
      try (TSocket socket = new TSocket(args[0].substring(0, colon), Integer.parseInt(args[0].substring(colon + 1)))) {
        socket.setTimeout(10_000);
        socket.open();
        TProtocol protocol = dialect.getValue().over(socket);
        call(new AdFilter.Client(protocol), args[1]);
        refused(protocol);
      }
      System.out.println("Java, " + dialect.getKey() + ": as it should be");
    }
  }

  /** One long-lived connection with many calls. */
  private static void call(AdFilter.Client client, String release) throws TException, InterruptedException {
    for (int number = 0; number < 200; number++) {
      BidResponse answer = client.filter(published(number));
      check(answer.getLikelihoodToBid() >= 0 && answer.getLikelihoodToBid() <= 1, "a likelihood: " + answer);
      check(release.equals(answer.getRelease()), "a release: " + answer + ", want " + release);
      check(!answer.isDegraded(), "a request was not scored: " + answer);
      if (number % 50 == 0) {
        Thread.sleep(200); // an auction server is not always busy
      }
    }
    BidResponse open = client.filter(null); // fails open, and the connection goes on
    check(open.getLikelihoodToBid() == 1 && open.isDegraded(), "no request: " + open);
    List<String> partners = List.of("almera", "nobody knows", "bidello");
    Decision decision = client.decide(auction(), partners);
    check(release.equals(decision.getRelease()) && !decision.isDegraded(), "a decision: " + decision);
    check(decision.getPartnersSize() == partners.size(), "partners: " + decision);
    for (int i = 0; i < partners.size(); i++) {
      PartnerDecision p = decision.getPartners().get(i);
      check(p.getPartner().equals(partners.get(i)) && p.getScore() >= 0 && p.getScore() <= 1, "a partner: " + p);
    }
    client.report(List.of(new Outcome(decision.bufferForReceipt(), List.of("almera"))));
    check(release.equals(client.filter(published(1)).getRelease()), "a release after a report");
  }

  /** What the task does not know is an exception for the caller, who then calls everybody. */
  private static void refused(TProtocol protocol) throws TException {
    protocol.writeMessageBegin(new TMessage("nonsense", TMessageType.CALL, 4711));
    protocol.writeStructBegin(new TStruct("args"));
    protocol.writeFieldStop();
    protocol.writeStructEnd();
    protocol.writeMessageEnd();
    protocol.getTransport().flush();
    TMessage message = protocol.readMessageBegin();
    check(message.type == TMessageType.EXCEPTION && message.seqid == 4711, "an unknown method: " + message);
    int type = TApplicationException.readFrom(protocol).getType();
    protocol.readMessageEnd();
    check(type == TApplicationException.UNKNOWN_METHOD, "an unknown method: type " + type);
  }

  /** A request as existing auction clients send it, with oddities among them. */
  private static BidRequest published(int number) {
    String hour = new String[] {"13", "", "noon", "-1"}[number % 4];
    return new BidRequest(
        "bid-" + number, number % 7, hour, "CA", "Zürich", "example.com", "almera", 1200, -1, "Mozilla/5.0", 2);
  }

  private static com.sluicehq.openrtb.AuctionRequest auction() {
    Imp imp = new Imp().setId("1").setBidfloor(0.5).setBanner(new Banner().setW(300).setH(250));
    return new com.sluicehq.openrtb.AuctionRequest()
        .setId("auction-1")
        .setTmax(100)
        .setCur(List.of("USD"))
        .setImp(List.of(imp))
        .setSite(new Site().setDomain("example.com").setCat(List.of("IAB7")))
        .setDevice(new Device().setUa("Mozilla/5.0").setLmt(false).setGeo(new Geo().setCountry("DEU")));
  }

  private static void check(boolean holds, String what) {
    if (!holds) {
      throw new IllegalStateException(what);
    }
  }
}
