//! An auction server's side of a filter. Where it returns an error, the auction calls every partner.

use std::env::var;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use thrift::protocol::{TBinaryInputProtocol, TBinaryOutputProtocol, TInputProtocol, TOutputProtocol};
use thrift::transport::{TBufferedReadTransport, TBufferedWriteTransport, TIoChannel, TTcpChannel, TTlsClientChannel};
use thrift::{Error, TransportErrorKind};

// As the generated code names them.
mod sluice {
    #[allow(dead_code, clippy::all)]
    pub mod openrtb {
        pub mod openrtb;
    }
    #[allow(dead_code, clippy::all)]
    pub mod adfilter {
        pub mod adfilter;
    }
}
use sluice::adfilter::adfilter::{
    AdFilterSyncClient, BidRequest, Outcome, TAdFilterSyncClient, TBidRequestFilterSyncClient,
};
use sluice::openrtb::openrtb;

const TIMEOUT: Duration = Duration::from_millis(2000); // in earnest, what is left of tmax

type Client = AdFilterSyncClient<Box<dyn TInputProtocol>, Box<dyn TOutputProtocol>>;

/// One connection. After any error it is closed: what still comes on it belongs to a call that has been given up.
struct Filter {
    address: String,
    ca: Option<String>,
    client: Option<Client>,
}

impl Filter {
    fn new(address: String, ca: Option<String>) -> Filter {
        Filter { address, ca, client: None }
    }

    /// Calls once, and once more where the task had closed the connection meanwhile.
    fn ask<T>(&mut self, call: impl Fn(&mut Client) -> thrift::Result<T>) -> thrift::Result<T> {
        match self.once(&call) {
            Err(Error::Transport(e)) if e.kind == TransportErrorKind::EndOfFile || e.kind == TransportErrorKind::NotOpen => {
                self.once(&call)
            }
            done => done,
        }
    }

    fn once<T>(&mut self, call: impl Fn(&mut Client) -> thrift::Result<T>) -> thrift::Result<T> {
        let mut client = match self.client.take() {
            Some(open) => open,
            None => self.open()?,
        };
        let done = call(&mut client)?; // on an error the client goes, and its connection with it
        self.client = Some(client);
        Ok(done)
    }

    fn open(&self) -> thrift::Result<Client> {
        let to = self.address.to_socket_addrs()?.find(|a| a.is_ipv4()).expect("an address");
        let stream = TcpStream::connect_timeout(&to, TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        match &self.ca {
            None => speak(TTcpChannel::with_stream(stream)),
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from_pem_file(ca).expect("a CA")).expect("a CA");
                let provider = Arc::new(rustls::crypto::ring::default_provider());
                let config = ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()
                    .expect("versions")
                    .with_root_certificates(roots)
                    .with_no_client_auth();
                let host = self.address.rsplit_once(':').expect("host:port").0.to_owned();
                let name = ServerName::try_from(host).expect("a host");
                speak(TTlsClientChannel::with_stream(stream, name, Arc::new(config))?)
            }
        }
    }
}

fn speak<C: TIoChannel + std::io::Read + std::io::Write + 'static>(channel: C) -> thrift::Result<Client> {
    let (read, write) = channel.split()?;
    Ok(AdFilterSyncClient::new(
        Box::new(TBinaryInputProtocol::new(TBufferedReadTransport::new(read), true)),
        Box::new(TBinaryOutputProtocol::new(TBufferedWriteTransport::new(write), true)),
    ))
}

fn published(partner: &str) -> BidRequest {
    BidRequest {
        bid_id: Some("bid-1".into()),
        day_of_week: Some(3),
        hour: Some("13".into()),
        region_id: Some("CA".into()),
        city_id: Some("Zürich".into()),
        domain_id: Some("example.com".into()),
        advertiser_id: Some(partner.into()),
        bidding_price: Some(1),
        paying_price: Some(-1),
        user_agent: Some("Mozilla/5.0".into()),
        device_type_id: Some(2),
    }
}

fn auction() -> openrtb::AuctionRequest {
    openrtb::AuctionRequest {
        id: Some("auction-1".into()),
        tmax: Some(5000),
        imp: Some(vec![openrtb::Imp {
            id: Some("1".into()),
            bidfloor: Some(0.5.into()),
            banner: Some(openrtb::Banner { w: Some(300), h: Some(250), ..Default::default() }),
            ..Default::default()
        }]),
        site: Some(openrtb::Site {
            domain: Some("example.com".into()),
            cat: Some(vec!["IAB7".into()]),
            ..Default::default()
        }),
        device: Some(openrtb::Device {
            ua: Some("Mozilla/5.0".into()),
            devicetype: Some(2),
            lmt: Some(false),
            geo: Some(openrtb::Geo { country: Some("DEU".into()), ..Default::default() }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn given(name: &str) -> String {
    var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

fn scores(at: &mut Filter, partner: &str, want: &str) {
    let answer = at.ask(|c| c.filter(published(partner))).expect("an answer");
    let want: f64 = given(want).parse().expect("a number");
    assert_eq!((answer.likelihood_to_bid, answer.degraded), (Some(want.into()), None), "{answer:?}");
    assert_eq!(answer.release, Some(given("RELEASE")));
}

fn main() {
    let mut task = Filter::new(given("ADDRESS"), None);
    scores(&mut task, "almera", "SCORE");
    let partners = vec!["almera".to_owned(), "nobody knows".to_owned(), "bidello".to_owned()];
    let decision = task.ask(|c| c.decide(auction(), partners.clone())).expect("a decision");
    let of = decision.partners.expect("partners");
    assert_eq!(of.iter().map(|p| p.partner.clone().expect("a name")).collect::<Vec<_>>(), partners);
    let want: f64 = given("DECIDED").parse().expect("a number");
    assert_eq!(of[0].score, Some(want.into()));
    let outcome = Outcome { receipt: decision.receipt, bidders: Some(vec!["almera".into()]), prices: None, win: None };
    task.ask(|c| c.report(vec![outcome.clone()])).expect("a report");

    let large = BidRequest { user_agent: Some("x".repeat(300 << 10)), ..published("almera") };
    let over = task.ask(|c| c.filter(large.clone())); // the limit of a message
    assert!(matches!(over, Err(Error::Application(_))), "{over:?}");
    scores(&mut task, "bidello", "OTHER");

    let mut cut = Filter::new(given("CUTS"), None);
    scores(&mut cut, "almera", "SCORE");
    scores(&mut cut, "bidello", "OTHER");
    let mut stalled = Filter::new(given("STALLS"), None);
    let late = stalled.ask(|c| c.filter(published("almera")));
    assert!(matches!(late, Err(Error::Transport(_))), "{late:?}");
    scores(&mut stalled, "bidello", "OTHER");
    scores(&mut Filter::new(given("TLS"), Some(given("CA"))), "almera", "SCORE");
    println!("Rust, thrift 0.25.0: as it should be");
}
