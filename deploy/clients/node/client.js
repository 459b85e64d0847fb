// An auction server's side of a filter. Where it rejects, the auction calls every partner.
'use strict';

const fs = require('fs');
const thrift = require('thrift');
const AdFilter = require('./gen/AdFilter');
const { BidRequest, Outcome } = require('./gen/adfilter_types');
const openrtb = require('./gen/openrtb_types');

const TIMEOUT_MS = 2000; // in earnest, what is left of tmax

// One connection. After any error it is closed: whatever still comes on it belongs to a call that has been given up.
class Filter {
  constructor(address, ca) {
    const colon = address.lastIndexOf(':');
    this.host = address.slice(0, colon);
    this.port = Number(address.slice(colon + 1));
    this.ca = ca;
    this.connection = null;
  }

  // ask calls once, and once more where the task had closed the connection meanwhile.
  async ask(call) {
    try {
      return await this.once(call);
    } catch (e) {
      if (!e.ended) throw e;
      return this.once(call);
    }
  }

  // The library leaves calls without an answer waiting for ever, when the time is over and when the connection ends.
  async once(call) {
    if (!this.connection) this.open();
    const lost = this.lost;
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('no answer in time')), TIMEOUT_MS);
    });
    try {
      return await Promise.race([call(this.client), lost, late]);
    } catch (e) {
      this.close();
      throw e;
    } finally {
      clearTimeout(timer);
    }
  }

  // With max_attempts the library would connect again by itself, and leave the call waiting.
  open() {
    const options = { transport: thrift.TBufferedTransport, protocol: thrift.TBinaryProtocol };
    this.connection = this.ca
      ? thrift.createSSLConnection(this.host, this.port, { ...options, ca: fs.readFileSync(this.ca), servername: this.host })
      : thrift.createConnection(this.host, this.port, options);
    const connection = this.connection;
    this.lost = new Promise((_, reject) => {
      const end = (error) => {
        if (this.connection === connection) this.connection = null;
        reject(Object.assign(error || new Error('end of file'), { ended: true }));
      };
      connection.on('close', () => end());
      connection.on('error', end);
    });
    this.lost.catch(() => {}); // nobody may be waiting
    this.client = thrift.createClient(AdFilter, connection);
  }

  close() {
    const connection = this.connection;
    this.connection = null;
    if (connection) connection.end();
  }
}

const published = (partner, more) => new BidRequest({
  bidId: 'bid-1', dayOfWeek: 3, hour: '13', regionId: 'CA', cityId: 'Zürich', domainId: 'example.com', advertiserId: partner,
  biddingPrice: 1, payingPrice: -1, userAgent: 'Mozilla/5.0', deviceTypeId: 2, ...more,
});

const auction = () => new openrtb.AuctionRequest({
  id: 'auction-1', tmax: 5000, imp: [new openrtb.Imp({ id: '1', bidfloor: 0.5, banner: new openrtb.Banner({ w: 300, h: 250 }) })],
  site: new openrtb.Site({ domain: 'example.com', cat: ['IAB7'] }),
  device: new openrtb.Device({ ua: 'Mozilla/5.0', devicetype: 2, lmt: false, geo: new openrtb.Geo({ country: 'DEU' }) }),
});

function check(holds, what) {
  if (!holds) throw new Error(what);
}

async function scores(at, partner, want) {
  const answer = await at.ask((c) => c.filter(published(partner)));
  check(answer.likelihoodToBid === Number(want) && !answer.degraded, `filter answers ${JSON.stringify(answer)}, want ${want}`);
  check(answer.release === process.env.RELEASE, `release ${answer.release}`);
}

async function fails(at, request, like) {
  const error = await at.ask((c) => c.filter(request)).then(() => null, (e) => e);
  check(error && like(error), `not the error that it should be: ${error}`);
}

async function main() {
  const env = process.env;
  const task = new Filter(env.ADDRESS);
  await scores(task, 'almera', env.SCORE);
  const partners = ['almera', 'nobody knows', 'bidello'];
  const decision = await task.ask((c) => c.decide(auction(), partners));
  check(decision.partners.map((p) => p.partner).join() === partners.join(), `partners ${JSON.stringify(decision)}`);
  check(decision.partners[0].score === Number(env.DECIDED), `decide answers ${JSON.stringify(decision)}, want ${env.DECIDED}`);
  task.client.report([new Outcome({ receipt: decision.receipt, bidders: ['almera'] })]); // nothing comes back

  const large = published('almera', { userAgent: 'x'.repeat(300 << 10) }); // over the limit of a message
  await fails(task, large, (e) => e instanceof thrift.Thrift.TApplicationException);
  await scores(task, 'bidello', env.OTHER);

  const cut = new Filter(env.CUTS);
  await scores(cut, 'almera', env.SCORE);
  await scores(cut, 'bidello', env.OTHER);
  const stalled = new Filter(env.STALLS);
  await fails(stalled, published('almera'), (e) => e.message === 'no answer in time');
  await scores(stalled, 'bidello', env.OTHER);
  const secure = new Filter(env.TLS, env.CA);
  await scores(secure, 'almera', env.SCORE);
  [task, cut, stalled, secure].forEach((f) => f.close());
  console.log(`Node ${process.version}, thrift ${require('thrift/package.json').version}: as it should be`);
}

main().catch((e) => { console.error(e); process.exit(1); });
