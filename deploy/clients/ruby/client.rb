# An auction server's side of a filter. Where it raises, the auction calls every partner.

require 'openssl'
require 'thrift'
require 'timeout'
require 'ad_filter'

TIMEOUT = 2.0 # seconds; in earnest, what is left of tmax

# One connection. After any error it is closed: a late answer must not be taken for the next call's.
class Filter
  def initialize(address, ca = nil)
    @host, port = address.split(':')
    @port, @ca = Integer(port), ca
  end

  # Calls once, and once more where the task had closed the connection meanwhile: everything that the library raises of
  # a transport but that the time is over.
  def ask(&call)
    once(&call)
  rescue Thrift::TransportException => e
    raise if e.type == Thrift::TransportException::TIMED_OUT
    once(&call)
  end

  def close
    @transport&.close
    @client = nil
  end

  private

  def once
    open unless @client
    yield @client
  rescue StandardError
    close
    raise
  end

  def open
    @transport = Thrift::BufferedTransport.new(socket)
    Timeout.timeout(TIMEOUT) { @transport.open } # the library's own is not for the handshake
    @client = Sluice::Adfilter::AdFilter::Client.new(Thrift::BinaryProtocol.new(@transport))
  end

  def socket
    return Thrift::Socket.new(@host, @port, TIMEOUT) unless @ca
    context = OpenSSL::SSL::SSLContext.new
    context.set_params(ca_file: @ca, verify_mode: OpenSSL::SSL::VERIFY_PEER)
    Thrift::SSLSocket.new(@host, @port, TIMEOUT, context)
  end
end

def published(partner)
  Sluice::Adfilter::BidRequest.new(
    bidId: 'bid-1', dayOfWeek: 3, hour: '13', regionId: 'CA', cityId: 'Zürich', domainId: 'example.com', advertiserId: partner,
    biddingPrice: 1, payingPrice: -1, userAgent: 'Mozilla/5.0', deviceTypeId: 2)
end

def auction
  o = Sluice::Openrtb
  o::AuctionRequest.new(
    id: 'auction-1', tmax: 5000, imp: [o::Imp.new(id: '1', bidfloor: 0.5, banner: o::Banner.new(w: 300, h: 250))],
    site: o::Site.new(domain: 'example.com', cat: ['IAB7']),
    device: o::Device.new(ua: 'Mozilla/5.0', devicetype: 2, lmt: false, geo: o::Geo.new(country: 'DEU')))
end

def check(holds, what)
  abort "client.rb: #{what}" unless holds
end

def scores(at, partner, want)
  answer = at.ask { |c| c.filter(published(partner)) }
  check(answer.likelihoodToBid == Float(want) && !answer.degraded, "filter answers #{answer.inspect}, want #{want}")
  check(answer.release == ENV['RELEASE'], "release #{answer.release}")
end

def fails(at, request, kind)
  at.ask { |c| c.filter(request) }
rescue kind
  nil
else
  check(false, "no #{kind}")
end

task = Filter.new(ENV['ADDRESS'])
scores(task, 'almera', ENV['SCORE'])
partners = ['almera', 'nobody knows', 'bidello']
decision = task.ask { |c| c.decide(auction, partners) }
check(decision.partners.map(&:partner) == partners, "partners #{decision.inspect}")
check(decision.partners[0].score == Float(ENV['DECIDED']), "decide answers #{decision.inspect}, want #{ENV['DECIDED']}")
task.ask { |c| c.report([Sluice::Adfilter::Outcome.new(receipt: decision.receipt, bidders: ['almera'])]) }

large = published('almera')
large.userAgent = 'x' * (300 << 10)
fails(task, large, Thrift::ApplicationException) # over the limit of a message
scores(task, 'bidello', ENV['OTHER'])

cut = Filter.new(ENV['CUTS'])
scores(cut, 'almera', ENV['SCORE'])
scores(cut, 'bidello', ENV['OTHER'])
stalled = Filter.new(ENV['STALLS'])
fails(stalled, published('almera'), Thrift::TransportException)
scores(stalled, 'bidello', ENV['OTHER'])
scores(Filter.new(ENV['TLS'], ENV['CA']), 'almera', ENV['SCORE'])
puts "Ruby, thrift #{Gem.loaded_specs['thrift'].version}: as it should be"
