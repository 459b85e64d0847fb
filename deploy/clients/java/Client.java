import com.aik.filterapi.AdFilter;
import com.aik.filterapi.BidRequest;
import com.aik.filterapi.BidResponse;
import com.aik.filterapi.Decision;
import com.aik.filterapi.Outcome;
import com.sluicehq.openrtb.AuctionRequest;
import com.sluicehq.openrtb.Banner;
import com.sluicehq.openrtb.Device;
import com.sluicehq.openrtb.Geo;
import com.sluicehq.openrtb.Imp;
import com.sluicehq.openrtb.Site;
import java.io.FileInputStream;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.List;
import java.util.Map;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.apache.thrift.TApplicationException;
import org.apache.thrift.TException;
import org.apache.thrift.protocol.TBinaryProtocol;
import org.apache.thrift.transport.TSocket;
import org.apache.thrift.transport.TTransportException;

/** An auction server's side of a filter. Where it throws, the auction calls every partner. */
public final class Client {
  private static final int TIMEOUT_MS = 2000; // in earnest, what is left of tmax

  private interface Call<T> {
    T on(AdFilter.Client client) throws TException;
  }

  /** One connection. After any error it is closed: a late answer must not be taken for the next call's. */
  private static final class Filter {
    private final String host;
    private final int port;
    private final String ca;
    private TSocket socket;
    private AdFilter.Client client;

    Filter(String address, String ca) {
      int colon = address.lastIndexOf(':');
      this.host = address.substring(0, colon);
      this.port = Integer.parseInt(address.substring(colon + 1));
      this.ca = ca;
    }

    /** Calls once, and once more where the task had closed the connection meanwhile. */
    <T> T ask(Call<T> call) throws Exception {
      try {
        return once(call);
      } catch (TTransportException e) {
        if (e.getType() != TTransportException.END_OF_FILE && !(e.getCause() instanceof SocketException)) {
          throw e;
        }
        return once(call);
      }
    }

    private <T> T once(Call<T> call) throws Exception {
      if (client == null) {
        open();
      }
      try {
        return call.on(client);
      } catch (TException e) {
        socket.close();
        client = null;
        throw e;
      }
    }

    private void open() throws Exception {
      Socket plain = new Socket();
      plain.connect(new InetSocketAddress(host, port), TIMEOUT_MS);
      plain.setTcpNoDelay(true);
      plain.setSoTimeout(TIMEOUT_MS); // of the handshake
      socket = new TSocket(ca == null ? plain : secure(plain));
      socket.setTimeout(TIMEOUT_MS);
      client = new AdFilter.Client(new TBinaryProtocol(socket));
    }

    private Socket secure(Socket plain) throws Exception {
      KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
      trusted.load(null);
      try (InputStream in = new FileInputStream(ca)) {
        trusted.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
      }
      TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      trust.init(trusted);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(null, trust.getTrustManagers(), null);
      SSLSocket secure = (SSLSocket) context.getSocketFactory().createSocket(plain, host, port, true);
      SSLParameters parameters = secure.getSSLParameters();
      parameters.setEndpointIdentificationAlgorithm("HTTPS"); // or any certificate of this CA would do
      secure.setSSLParameters(parameters);
      secure.startHandshake();
      return secure;
    }
  }

  private static BidRequest published(String partner) {
    return new BidRequest("bid-1", 3, "13", "CA", "Zürich", "example.com", partner, 1, -1, "Mozilla/5.0", 2);
  }

  private static AuctionRequest auction() {
    return new AuctionRequest()
        .setId("auction-1")
        .setTmax(5000)
        .setImp(List.of(new Imp().setId("1").setBidfloor(0.5).setBanner(new Banner().setW(300).setH(250))))
        .setSite(new Site().setDomain("example.com").setCat(List.of("IAB7")))
        .setDevice(
            new Device().setUa("Mozilla/5.0").setDevicetype(2).setLmt(false).setGeo(new Geo().setCountry("DEU")));
  }

  private static void check(boolean holds, String what) {
    if (!holds) {
      throw new IllegalStateException(what);
    }
  }

  private static void scores(Filter at, String partner, String want) throws Exception {
    BidResponse answer = at.ask(c -> c.filter(published(partner)));
    check(answer.getLikelihoodToBid() == Double.parseDouble(want) && !answer.isDegraded(), answer + ", want " + want);
    check(answer.getRelease().equals(System.getenv("RELEASE")), "a release: " + answer);
  }

  private static void fails(Filter at, BidRequest request, Class<? extends TException> kind) throws Exception {
    try {
      at.ask(c -> c.filter(request));
    } catch (TException e) {
      check(kind.isInstance(e), "want " + kind + ", not " + e);
      return;
    }
    check(false, "want " + kind);
  }

  public static void main(String[] args) throws Exception {
    Map<String, String> env = System.getenv();
    Filter task = new Filter(env.get("ADDRESS"), null);
    scores(task, "almera", env.get("SCORE"));
    List<String> partners = List.of("almera", "nobody knows", "bidello");
    Decision decision = task.ask(c -> c.decide(auction(), partners));
    for (int i = 0; i < partners.size(); i++) {
      check(decision.getPartners().get(i).getPartner().equals(partners.get(i)), "partners: " + decision);
    }
    check(decision.getPartners().get(0).getScore() == Double.parseDouble(env.get("DECIDED")), "decide: " + decision);
    task.ask(
        c -> {
          c.report(List.of(new Outcome(decision.bufferForReceipt(), List.of("almera"))));
          return null;
        });

    // Over the limit of a message.
    fails(task, published("almera").setUserAgent("x".repeat(300 << 10)), TApplicationException.class);
    scores(task, "bidello", env.get("OTHER"));

    Filter cut = new Filter(env.get("CUTS"), null);
    scores(cut, "almera", env.get("SCORE"));
    scores(cut, "bidello", env.get("OTHER"));
    Filter stalled = new Filter(env.get("STALLS"), null);
    fails(stalled, published("almera"), TTransportException.class);
    scores(stalled, "bidello", env.get("OTHER"));
    scores(new Filter(env.get("TLS"), env.get("CA")), "almera", env.get("SCORE"));
    System.out.println("Java, libthrift " + args[0] + ": as it should be");
  }
}
