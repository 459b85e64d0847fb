#!/usr/bin/env bash
# Apache's Thrift for Node reads every bool in a list or map as false, with the compact protocol.
#
# One would expect: what a library writes it can read, and what another language
# writes as well.
# What happens: the bytes are right, but the reader of the compact protocol asks
# the byte that it has read for a property that a number does not have, and takes
# that for false. So list<bool>, set<bool> and map<..., bool> arrive with the right
# length and false throughout, from Python and from Node itself, without an
# error. A bool that is a field by itself is right, as it travels in the header,
# and with the binary protocol all are.
# Versions: npm thrift 0.24.0; PyPI thrift 0.25.0 reads what Node writes.
# Why it matters: an answer per partner is just such a list. The client filters all
# or none of them, and nothing says why; a test with one bool field does not show it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm install --silent --no-audit --no-fund thrift@0.24.0 >/dev/null
python3 -m venv venv
venv/bin/pip install --quiet --no-compile thrift==0.25.0

# Both programs write and read, as generated code does, struct Answer {
# 1: list<bool> keep, 2: map<string, bool> partners, 3: bool live }, as hexadecimal.
cat >answer.py <<'PY'
import sys

from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.Thrift import TType
from thrift.transport.TTransport import TMemoryBuffer

Protocol = {"compact": TCompactProtocol, "binary": TBinaryProtocol}[sys.argv[2]]


def write():
    transport = TMemoryBuffer()
    p = Protocol(transport)
    p.writeStructBegin("Answer")
    p.writeFieldBegin("keep", TType.LIST, 1)
    p.writeListBegin(TType.BOOL, 3)
    for keep in (True, False, True):
        p.writeBool(keep)
    p.writeListEnd()
    p.writeFieldEnd()
    p.writeFieldBegin("partners", TType.MAP, 2)
    p.writeMapBegin(TType.STRING, TType.BOOL, 1)
    p.writeString("solvane")
    p.writeBool(True)
    p.writeMapEnd()
    p.writeFieldEnd()
    p.writeFieldBegin("live", TType.BOOL, 3)
    p.writeBool(True)
    p.writeFieldEnd()
    p.writeFieldStop()
    p.writeStructEnd()
    return transport.getvalue().hex()


def read(content):
    p = Protocol(TMemoryBuffer(bytes.fromhex(content)))
    p.readStructBegin()
    p.readFieldBegin()
    keep = [p.readBool() for _ in range(p.readListBegin()[1])]
    p.readListEnd()
    p.readFieldEnd()
    p.readFieldBegin()
    partners = {p.readString(): p.readBool() for _ in range(p.readMapBegin()[2])}
    p.readMapEnd()
    p.readFieldEnd()
    p.readFieldBegin()
    return str([*keep, *partners.values(), p.readBool()]).lower().replace(" ", "")


print(write() if sys.argv[1] == "write" else read(sys.argv[3]))
PY
cat >answer.mjs <<'JS'
import thrift from 'thrift'

const { Type } = thrift.Thrift
const [what, name, content] = process.argv.slice(2)
const Protocol = { compact: thrift.TCompactProtocol, binary: thrift.TBinaryProtocol }[name]

function write() {
  const parts = []
  const transport = new thrift.TBufferedTransport(null, part => parts.push(part))
  const p = new Protocol(transport)
  p.writeStructBegin('Answer')
  p.writeFieldBegin('keep', Type.LIST, 1)
  p.writeListBegin(Type.BOOL, 3)
  for (const keep of [true, false, true]) p.writeBool(keep)
  p.writeListEnd()
  p.writeFieldEnd()
  p.writeFieldBegin('partners', Type.MAP, 2)
  p.writeMapBegin(Type.STRING, Type.BOOL, 1)
  p.writeString('solvane')
  p.writeBool(true)
  p.writeMapEnd()
  p.writeFieldEnd()
  p.writeFieldBegin('live', Type.BOOL, 3)
  p.writeBool(true)
  p.writeFieldEnd()
  p.writeFieldStop()
  p.writeStructEnd()
  transport.flush()
  return Buffer.concat(parts).toString('hex')
}

function read(p) {
  const seen = []
  p.readStructBegin()
  p.readFieldBegin()
  for (let left = p.readListBegin().size; left > 0; left--) seen.push(p.readBool())
  p.readListEnd()
  p.readFieldEnd()
  p.readFieldBegin()
  for (let left = p.readMapBegin().size; left > 0; left--) {
    p.readString()
    seen.push(p.readBool())
  }
  p.readMapEnd()
  p.readFieldEnd()
  p.readFieldBegin()
  return [...seen, p.readBool()]
}

if (what === 'write') console.log(write())
else thrift.TBufferedTransport.receiver(t => console.log(JSON.stringify(read(new Protocol(t)))), 0)(Buffer.from(content, 'hex'))
JS

node -p '"npm thrift " + require("thrift/package.json").version'
venv/bin/pip list 2>/dev/null | sed -n 's/^thrift  */PyPI thrift /p'
run() {
  local program=answer.mjs interpreter=node
  [ "$1" = Node ] || { program=answer.py interpreter=venv/bin/python; }
  timeout 30 "$interpreter" "$program" "${@:2}"
}

echo "written: list [true,false,true], map {solvane: true}, field true"
right='[true,false,true,true,true]'
for protocol in compact binary; do
  [ "$(run Node write $protocol)" = "$(run Python write $protocol)" ] || { echo "they write different bytes" >&2; exit 1; }
  for pair in "Python Node" "Node Node" "Node Python"; do
    read -r writer reader <<<"$pair"
    got=$(run "$reader" read $protocol "$(run "$writer" write $protocol)")
    expected=$right
    [ "$protocol $reader" != "compact Node" ] || expected='[false,false,false,false,true]'
    echo "$protocol, $writer -> $reader: $got$([ "$got" = "$right" ] && echo ', right')"
    [ "$got" = "$expected" ] || { echo "it is otherwise now: want $expected" >&2; exit 1; }
  done
done
