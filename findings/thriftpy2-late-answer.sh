#!/usr/bin/env bash
# After a time-out, thriftpy2 gives the late answer to the next question.
#
# One would expect: every Thrift reply carries the number of the request it
# belongs to, so a client that gave up on request 1 recognises the answer to
# it when that arrives in the place of answer 2, and refuses it.
# What happens: thriftpy2 compares neither the number nor the name. The next
# call on the connection returns the score of the bid that timed out, at once
# and without an error. From the same server, Go's library refuses it.
# Versions: thriftpy2 0.7.1; Go github.com/apache/thrift 0.25.0 beside it.
# Why it matters: a filter that is slow once decides about one bid by the score
# of another. Close the connection after any time-out.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOMODCACHE="$dir/mod" GOFLAGS=-modcacherw

python3 -m venv venv
venv/bin/pip install --quiet --no-compile thriftpy2==0.7.1 ply==3.11 six==1.17.0
cat >filter.thrift <<'THRIFT'
service Filter { double score(1: string bid) }
THRIFT

mkdir client
cat >client/main.go <<'GO'
// Command client asks about a slow bid, gives up, and asks about a fast one.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
)

type question struct{ bid string }

func (q question) Write(ctx context.Context, p thrift.TProtocol) error {
	return thrift.WrapTException(firstError(
		p.WriteStructBegin(ctx, "score_args"),
		p.WriteFieldBegin(ctx, "bid", thrift.STRING, 1),
		p.WriteString(ctx, q.bid),
		p.WriteFieldEnd(ctx),
		p.WriteFieldStop(ctx),
		p.WriteStructEnd(ctx)))
}

func (q question) Read(context.Context, thrift.TProtocol) error { return nil }

type answer struct{ score float64 }

func (a *answer) Write(context.Context, thrift.TProtocol) error { return nil }

func (a *answer) Read(ctx context.Context, p thrift.TProtocol) error {
	if _, err := p.ReadStructBegin(ctx); err != nil {
		return err
	}
	for {
		_, kind, _, err := p.ReadFieldBegin(ctx)
		if err != nil || kind == thrift.STOP {
			return err
		}
		if a.score, err = p.ReadDouble(ctx); err != nil {
			return err
		}
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func main() {
	ctx := context.Background()
	cfg := &thrift.TConfiguration{SocketTimeout: 300 * time.Millisecond}
	conn := thrift.NewTBufferedTransport(thrift.NewTSocketConf(os.Args[1], cfg), 4096)
	if err := conn.Open(); err != nil {
		panic(err)
	}
	p := thrift.NewTBinaryProtocolConf(conn, cfg)
	client := thrift.NewTStandardClient(p, p)
	for _, bid := range []string{"slow", "fast"} {
		var a answer
		_, err := client.Call(ctx, "score", question{bid}, &a)
		fmt.Printf("Go: %s -> score %v, error %v\n", bid, a.score, err)
		if err == nil {
			os.Exit(1)
		}
		time.Sleep(1500 * time.Millisecond) // the late answer arrives
	}
}
GO
(
  cd client
  go mod init client 2>log
  go get github.com/apache/thrift/lib/go/thrift@v0.25.0 2>log || { cat log; exit 1; }
  go build -o ../go-client .
)

timeout 60 venv/bin/python - <<'PY'
import logging
import socket
import subprocess
import threading
import time
from importlib.metadata import version

import thriftpy2
from thriftpy2.rpc import make_client
from thriftpy2.server import TSimpleServer
from thriftpy2.thrift import TProcessor
from thriftpy2.transport import TServerSocket

logging.disable()  # the server reports clients that hang up
idl = thriftpy2.load("filter.thrift", module_name="filter_thrift")


class Scores:
    def score(self, bid):
        if bid == "slow":
            time.sleep(1)
        return {"slow": 0.9, "fast": 0.1}[bid]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def serve():
    port = free_port()
    server = TSimpleServer(TProcessor(idl.Filter, Scores()), TServerSocket("127.0.0.1", port))
    threading.Thread(target=server.serve, daemon=True).start()
    for _ in range(100):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return port
        time.sleep(0.1)
    raise SystemExit("the server did not start")


print("thriftpy2", version("thriftpy2"))
client = make_client(idl.Filter, "127.0.0.1", serve(), timeout=300)
try:
    client.score("slow")
    raise SystemExit("the slow call did not time out: nothing was tested")
except TimeoutError as e:
    print("thriftpy2: slow ->", repr(e))
time.sleep(1.5)  # the late answer arrives
got = client.score("fast")
print("thriftpy2: fast -> score", got)
assert got == 0.9, "the late answer is no longer taken"
assert client.score("slow") == 0.1, "every answer after it should be one call behind"

print("control: Go's client and the same kind of server")
out = subprocess.run(["./go-client", f"127.0.0.1:{serve()}"], capture_output=True, text=True, timeout=30)
print(out.stdout, end="")
assert out.returncode == 0 and "out of order sequence" in out.stdout, out.stderr
PY
