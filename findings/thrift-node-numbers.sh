#!/usr/bin/env bash
# Apache's Thrift for Node turns numbers that do not fit into other numbers, and long i64 into Infinity.
#
# One would expect: a typed protocol refuses what its type cannot hold, and an
# i64 that arrives unharmed can be compared.
# What happens: writing 2^31 as i32 sends -2147483648, 933.7 sends 933, and a
# forgotten value sends 0, without an error. An i64 above 2^53, such as a time
# in nanoseconds, arrives with all its bytes, but compares, adds and prints as
# Infinity: "later than any deadline" is true for every time.
# Versions: npm thrift 0.24.0 (node-int64 0.4.0); PyPI thrift 0.25.0 refuses.
# Why it matters: a floor price or a deadline crosses from Go to Node and back,
# and nobody is told. Read such fields by their bytes, as BigInt.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm install --silent --no-audit --no-fund thrift@0.24.0 node-int64@0.4.0 >/dev/null
python3 -m venv venv
venv/bin/pip install --quiet --no-compile thrift==0.25.0
cat >finding.mjs <<'JS'
import assert from 'node:assert'
import fs from 'node:fs'
import thrift from 'thrift'

for (const name of ['thrift', 'node-int64']) {
  console.log(name, JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`)).version)
}

// pass writes a value with the binary protocol and returns what is read.
function pass(write, read, value) {
  const parts = []
  const out = new thrift.TBufferedTransport(null, part => parts.push(part))
  new thrift.TBinaryProtocol(out)[write](value)
  out.flush()
  let got
  thrift.TBufferedTransport.receiver(t => { got = new thrift.TBinaryProtocol(t)[read]() }, 0)(Buffer.concat(parts))
  return got
}

for (const [value, expected] of [[2 ** 31, -(2 ** 31)], [933.7, 933], [undefined, 0], [2 ** 31 - 1, 2 ** 31 - 1]]) {
  const got = pass('writeI32', 'readI32', value)
  console.log('i32', value, '->', got)
  assert.equal(got, expected)
}

const control = pass('writeI64', 'readI64', 2 ** 53 - 1)
console.log('control, i64 2^53-1 ->', control + 0, control < 2 ** 53)
assert(control + 0 === 2 ** 53 - 1 && control < 2 ** 53)

const sent = 1795885383828934001n // a time in nanoseconds
const got = pass('writeI64', 'readI64', new thrift.Int64(sent.toString(16).padStart(16, '0')))
console.log('i64', sent, '->', `${got}`, '; later than the year 9999:', got > 253402300800e9)
console.log('its bytes:', BigInt('0x' + got.toOctetString()))
assert.equal(BigInt('0x' + got.toOctetString()), sent)
assert(got + 0 === Infinity && got > 253402300800e9, 'long i64 compare as numbers now')
JS
timeout 30 node finding.mjs
echo "control, Python:"
timeout 30 venv/bin/python - <<'PY'
from importlib.metadata import version

from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TTransport import TMemoryBuffer

print("thrift", version("thrift"))
for value in (2**31, 933.7, None):
    try:
        TBinaryProtocol(TMemoryBuffer()).writeI32(value)
        raise SystemExit(f"i32 {value} is written now")
    except Exception as e:
        print("i32", value, "->", type(e).__name__, e)
PY
