#!/usr/bin/env bash
# Thrift for Node refuses a whole message for a uuid that it was only to skip.
#
# One would expect: Thrift's uuid is 16 bytes, whatever they are, and a reader passes
# over a field that is newer than its IDL without a look at it.
# What happens: Node's skip() reads the uuid into text, and the npm package uuid that
# does it takes only those with the version and variant bits of RFC 9562. For other
# ids of 128 bits, such as a trace id or an MD5 hash, "Stringified UUID is invalid"
# is thrown, and nothing of the message can be read. One in eight of them passes.
# Versions: npm thrift 0.24.0 with uuid 14.0.3, binary and compact protocol; the bytes
# are written by PyPI thrift 0.25.0, which reads and skips all of them.
# Why it matters: a Go or Python service adds a trace id to its answer, tests it with a
# uuid of version 4, and stops the clients in Node, of which none asked for it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm install --silent --no-audit --no-fund thrift@0.24.0 uuid@14.0.3 >/dev/null
python3 -m venv venv
venv/bin/pip install --quiet --no-compile thrift==0.25.0
cat >write.py <<'PY'
"""Writes answers whose field 2 is new, and reads them as one who knows only field 1."""
import hashlib
import json
import uuid
from importlib.metadata import version

from thrift.protocol.TBase import TBase
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.Thrift import TType
from thrift.transport.TTransport import TMemoryBuffer
from thrift.TRecursive import fix_spec


class Answer(TBase):
    thrift_spec = (None, (1, TType.I32, "price", None, None))
    price = None


fix_spec([Answer])


def sent(protocol, id):
    buffer = TMemoryBuffer()
    out = protocol(buffer)
    out.writeStructBegin("")
    out.writeFieldBegin("", TType.UUID, 2)
    out.writeUuid(id)
    out.writeFieldEnd()
    out.writeFieldBegin("", TType.I32, 1)
    out.writeI32(42)
    out.writeFieldEnd()
    out.writeFieldStop()
    out.writeStructEnd()
    answer = Answer()
    answer.read(protocol(TMemoryBuffer(buffer.getvalue())))
    assert answer.price == 42
    return buffer.getvalue().hex()


hashes = [uuid.UUID(hashlib.md5(b"request %d" % i).hexdigest()) for i in range(1000)]
four = [uuid.UUID(int=h.int, version=4) for h in hashes]
protocols = {"TBinaryProtocol": TBinaryProtocol, "TCompactProtocol": TCompactProtocol}
print(json.dumps({
    "version": version("thrift"),
    "sent": {name: {"hashes": [sent(p, h) for h in hashes], "four": [sent(p, h) for h in four]} for name, p in protocols.items()},
}))
PY
venv/bin/python write.py >sent.json
cat >finding.mjs <<'JS'
import assert from 'node:assert'
import fs from 'node:fs'
import thrift from 'thrift'

const { version, sent } = JSON.parse(fs.readFileSync('sent.json'))
console.log('npm thrift', JSON.parse(fs.readFileSync('node_modules/thrift/package.json')).version, 'PyPI thrift', version)

// price reads as generated code does: what it does not know, it skips.
function price(input) {
  let price
  input.readStructBegin()
  for (;;) {
    const { ftype, fid } = input.readFieldBegin()
    if (ftype === thrift.Thrift.Type.STOP) return price
    if (fid === 1 && ftype === thrift.Thrift.Type.I32) price = input.readI32()
    else input.skip(ftype)
    input.readFieldEnd()
  }
}

for (const [protocol, kinds] of Object.entries(sent)) {
  for (const [kind, messages] of Object.entries(kinds)) {
    const seen = {}
    for (const message of messages) {
      thrift.TBufferedTransport.receiver(transport => {
        let outcome
        try {
          outcome = `price ${price(new thrift[protocol](transport))}`
        } catch (e) {
          outcome = `${e.name}: ${e.message}`
        }
        seen[outcome] = (seen[outcome] ?? 0) + 1
      }, 0)(Buffer.from(message, 'hex'))
    }
    console.log(protocol, kind === 'four' ? 'control, made version 4:' : 'MD5 hashes:', seen)
    if (kind === 'four') assert.deepEqual(seen, { 'price 42': 1000 })
    else assert(seen['TypeError: Stringified UUID is invalid'] > 800, 'they are skipped now')
  }
}
JS
timeout 60 node finding.mjs
