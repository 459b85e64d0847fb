<?php
// An auction server's side of a filter. Where it throws, the auction calls every partner.

use sluice\adfilter\AdFilterClient;
use sluice\adfilter\BidRequest;
use sluice\adfilter\Outcome;
use sluice\openrtb\AuctionRequest;
use sluice\openrtb\Banner;
use sluice\openrtb\Device;
use sluice\openrtb\Geo;
use sluice\openrtb\Imp;
use sluice\openrtb\Site;
use Thrift\Exception\TApplicationException;
use Thrift\Exception\TException;
use Thrift\Exception\TTransportException;
use Thrift\Protocol\TBinaryProtocol;
use Thrift\Transport\TBufferedTransport;
use Thrift\Transport\TSocket;

spl_autoload_register(function ($class) {
    $path = str_replace('\\', '/', $class) . '.php';
    foreach ([getenv('GENERATED') . '/' . $path, getenv('THRIFT_LIB') . '/' . preg_replace('#^Thrift/#', '', $path)] as $file) {
        if (is_file($file)) {
            require $file;
            return;
        }
    }
});

const TIMEOUT_MS = 2000; // in earnest, what is left of tmax

// One connection. After any error it is closed: a late answer must not be taken for the next call's.
final class Filter
{
    private $transport;
    private $client;

    public function __construct(private string $address, private ?string $ca = null)
    {
    }

    // Calls once, and once more where the task had closed the connection meanwhile. The library tells that from the
    // time being over by its message alone.
    public function ask(callable $call)
    {
        try {
            return $this->once($call);
        } catch (TTransportException $e) {
            if (str_contains($e->getMessage(), 'timed out')) {
                throw $e;
            }
            return $this->once($call);
        }
    }

    private function once(callable $call)
    {
        if (!$this->client) {
            $this->open();
        }
        try {
            return $call($this->client);
        } catch (Throwable $e) {
            $this->transport->close();
            $this->client = null;
            throw $e;
        }
    }

    private function open(): void
    {
        [$host, $port] = explode(':', $this->address);
        $socket = new TSocket($host, (int) $port);
        $socket->setSendTimeout(TIMEOUT_MS);
        $socket->setRecvTimeout(TIMEOUT_MS);
        if ($this->ca) {
            $socket->setHandle($this->secure());
        } else {
            $socket->open();
        }
        $this->transport = new TBufferedTransport($socket);
        $this->client = new AdFilterClient(new TBinaryProtocol($this->transport));
    }

    private function secure()
    {
        $context = stream_context_create(['ssl' => ['cafile' => $this->ca]]);
        $handle = stream_socket_client('tls://' . $this->address, $code, $why, TIMEOUT_MS / 1000, STREAM_CLIENT_CONNECT, $context);
        if (!$handle) {
            throw new TTransportException("cannot connect to $this->address: $why", TTransportException::NOT_OPEN);
        }
        return $handle;
    }
}

function published(string $partner): BidRequest
{
    return new BidRequest([
        'bidId' => 'bid-1', 'dayOfWeek' => 3, 'hour' => '13', 'regionId' => 'CA', 'cityId' => 'Zürich',
        'domainId' => 'example.com', 'advertiserId' => $partner, 'biddingPrice' => 1, 'payingPrice' => -1,
        'userAgent' => 'Mozilla/5.0', 'deviceTypeId' => 2,
    ]);
}

function auction(): AuctionRequest
{
    return new AuctionRequest([
        'id' => 'auction-1', 'tmax' => 5000,
        'imp' => [new Imp(['id' => '1', 'bidfloor' => 0.5, 'banner' => new Banner(['w' => 300, 'h' => 250])])],
        'site' => new Site(['domain' => 'example.com', 'cat' => ['IAB7']]),
        'device' => new Device(['ua' => 'Mozilla/5.0', 'devicetype' => 2, 'lmt' => false, 'geo' => new Geo(['country' => 'DEU'])]),
    ]);
}

function check(bool $holds, string $what): void
{
    if (!$holds) {
        fwrite(STDERR, "client.php: $what\n");
        exit(1);
    }
}

function scores(Filter $at, string $partner, string $want): void
{
    $answer = $at->ask(fn ($c) => $c->filter(published($partner)));
    check($answer->likelihoodToBid === (float) $want && !$answer->degraded, 'filter answers ' . json_encode($answer) . ", want $want");
    check($answer->release === getenv('RELEASE'), "release $answer->release");
}

function fails(Filter $at, BidRequest $request, string $kind): void
{
    try {
        $at->ask(fn ($c) => $c->filter($request));
    } catch (TException $e) {
        check($e instanceof $kind, "want $kind, not $e");
        return;
    }
    check(false, "no $kind");
}

$task = new Filter(getenv('ADDRESS'));
scores($task, 'almera', getenv('SCORE'));
$partners = ['almera', 'nobody knows', 'bidello'];
$decision = $task->ask(fn ($c) => $c->decide(auction(), $partners));
check(array_map(fn ($p) => $p->partner, $decision->partners) === $partners, 'partners ' . json_encode($decision->partners));
check($decision->partners[0]->score === (float) getenv('DECIDED'), 'decide answers ' . json_encode($decision->partners[0]));
$task->ask(fn ($c) => $c->report([new Outcome(['receipt' => $decision->receipt, 'bidders' => ['almera']])]));

$large = published('almera');
$large->userAgent = str_repeat('x', 300 << 10);
fails($task, $large, TApplicationException::class); // over the limit of a message
scores($task, 'bidello', getenv('OTHER'));

$cut = new Filter(getenv('CUTS'));
scores($cut, 'almera', getenv('SCORE'));
scores($cut, 'bidello', getenv('OTHER'));
$stalled = new Filter(getenv('STALLS'));
fails($stalled, published('almera'), TTransportException::class);
scores($stalled, 'bidello', getenv('OTHER'));
scores(new Filter(getenv('TLS'), getenv('CA')), 'almera', getenv('SCORE'));
echo 'PHP ', PHP_VERSION, ', thrift ', getenv('THRIFT_VERSION'), ": as it should be\n";
