// An auction server's side of a filter. Where it throws, the auction calls every partner.

#include <cstdlib>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

#include <thrift/TApplicationException.h>
#include <thrift/config.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TSSLSocket.h>
#include <thrift/transport/TSocket.h>

#include "AdFilter.h"

using apache::thrift::TApplicationException;
using apache::thrift::TException;
using apache::thrift::protocol::TBinaryProtocol;
using apache::thrift::transport::TBufferedTransport;
using apache::thrift::transport::TSocket;
using apache::thrift::transport::TSSLSocketFactory;
using apache::thrift::transport::TTransportException;
using namespace sluice;

constexpr int timeout_ms = 2000; // in earnest, what is left of tmax

// One connection. After any error it is closed: a late answer must not be taken for the next call's.
class Filter {
public:
  explicit Filter(const std::string& address, const std::string& ca = "")
    : host_(address.substr(0, address.rfind(':'))), port_(std::stoi(address.substr(address.rfind(':') + 1))), ca_(ca) {}

  // ask calls once, and once more where the task had closed the connection meanwhile. The library calls that an end of
  // file, an unknown error where it had to write first, or says that the socket is not open.
  template <typename Call>
  void ask(Call call) {
    try {
      once(call);
    } catch (const TTransportException& e) {
      if (e.getType() == TTransportException::TIMED_OUT) {
        throw;
      }
      once(call);
    }
  }

private:
  template <typename Call>
  void once(Call call) {
    if (!client_) {
      open();
    }
    try {
      call(*client_);
    } catch (const TException&) {
      transport_->close();
      client_.reset();
      throw;
    }
  }

  void open() {
    std::shared_ptr<TSocket> socket;
    if (ca_.empty()) {
      socket = std::make_shared<TSocket>(host_, port_);
    } else {
      secure_ = std::make_shared<TSSLSocketFactory>();
      secure_->loadTrustedCertificates(ca_.c_str());
      secure_->authenticate(true);
      socket = secure_->createSocket(host_, port_);
    }
    socket->setConnTimeout(timeout_ms);
    socket->setRecvTimeout(timeout_ms);
    socket->setSendTimeout(timeout_ms);
    transport_ = std::make_shared<TBufferedTransport>(socket);
    transport_->open();
    client_.reset(new adfilter::AdFilterClient(std::make_shared<TBinaryProtocol>(transport_)));
  }

  std::string host_;
  int port_;
  std::string ca_;
  std::shared_ptr<TSSLSocketFactory> secure_;
  std::shared_ptr<TBufferedTransport> transport_;
  std::unique_ptr<adfilter::AdFilterClient> client_;
};

std::string given(const char* name) {
  const char* value = std::getenv(name);
  if (!value) {
    throw std::runtime_error(std::string(name) + " is not set");
  }
  return value;
}

void check(bool holds, const std::string& what) {
  if (!holds) {
    throw std::runtime_error(what);
  }
}

adfilter::BidRequest published(const std::string& partner) {
  adfilter::BidRequest r;
  r.bidId = "bid-1";
  r.dayOfWeek = 3;
  r.hour = "13";
  r.regionId = "CA";
  r.cityId = "Zürich";
  r.domainId = "example.com";
  r.advertiserId = partner;
  r.biddingPrice = 1;
  r.payingPrice = -1;
  r.userAgent = "Mozilla/5.0";
  r.deviceTypeId = 2;
  return r;
}

openrtb::AuctionRequest auction() {
  openrtb::Banner banner;
  banner.__set_w(300);
  banner.__set_h(250);
  openrtb::Imp imp;
  imp.__set_id("1");
  imp.__set_bidfloor(0.5);
  imp.__set_banner(banner);
  openrtb::Site site;
  site.__set_domain("example.com");
  site.__set_cat({"IAB7"});
  openrtb::Geo geo;
  geo.__set_country("DEU");
  openrtb::Device device;
  device.__set_ua("Mozilla/5.0");
  device.__set_devicetype(2);
  device.__set_lmt(false);
  device.__set_geo(geo);
  openrtb::AuctionRequest r;
  r.__set_id("auction-1");
  r.__set_tmax(5000);
  r.__set_imp({imp});
  r.__set_site(site);
  r.__set_device(device);
  return r;
}

void scores(Filter& at, const std::string& partner, const std::string& want) {
  adfilter::BidResponse answer;
  at.ask([&](adfilter::AdFilterClient& c) { c.filter(answer, published(partner)); });
  check(answer.likelihoodToBid == std::stod(want) && !answer.degraded, "filter answers " + std::to_string(answer.likelihoodToBid) + ", want " + want);
  check(answer.release == given("RELEASE"), "release " + answer.release);
}

template <typename Error>
void fails(Filter& at, const adfilter::BidRequest& request) {
  try {
    adfilter::BidResponse answer;
    at.ask([&](adfilter::AdFilterClient& c) { c.filter(answer, request); });
  } catch (const Error&) {
    return;
  }
  check(false, "no error");
}

int main() try {
  Filter task(given("ADDRESS"));
  scores(task, "almera", given("SCORE"));
  const std::vector<std::string> partners{"almera", "nobody knows", "bidello"};
  adfilter::Decision decision;
  task.ask([&](adfilter::AdFilterClient& c) { c.decide(decision, auction(), partners); });
  check(decision.partners.size() == partners.size(), "partners are missing");
  for (size_t i = 0; i < partners.size(); i++) {
    check(decision.partners[i].partner == partners[i], "partner " + decision.partners[i].partner);
  }
  check(decision.partners[0].score == std::stod(given("DECIDED")), "decide answers " + std::to_string(decision.partners[0].score));
  adfilter::Outcome outcome;
  outcome.receipt = decision.receipt;
  outcome.bidders = {"almera"};
  task.ask([&](adfilter::AdFilterClient& c) { c.report({outcome}); });

  adfilter::BidRequest large = published("almera");
  large.userAgent = std::string(300 << 10, 'x');
  fails<TApplicationException>(task, large); // over the limit of a message
  scores(task, "bidello", given("OTHER"));

  Filter cut(given("CUTS"));
  scores(cut, "almera", given("SCORE"));
  scores(cut, "bidello", given("OTHER"));
  Filter stalled(given("STALLS"));
  fails<TTransportException>(stalled, published("almera"));
  scores(stalled, "bidello", given("OTHER"));
  Filter secure(given("TLS"), given("CA"));
  scores(secure, "almera", given("SCORE"));
  std::cout << "C++, libthrift " << PACKAGE_VERSION << ": as it should be\n";
} catch (const std::exception& e) {
  std::cerr << "client.cpp: " << e.what() << "\n";
  return 1;
}
