#!/usr/bin/env bash
# thriftpy2 loses every field behind a uuid that it does not know, without an error.
#
# One would expect: a reader skips the fields that are newer than its IDL, as that is
# how Thrift's structs grow, or it raises an error at a type that it does not know.
# What happens: thriftpy2 does not have the type uuid of newer Thrifts, and its
# skip() passes over a type that it does not know without reading a byte. So the 16
# bytes of the uuid are read as fields, until one of them looks like the end of the
# struct. The fields behind it stay None, and more than ten bytes stay in the stream.
# Versions: PyPI thriftpy2 0.7.1, both of its binary protocols; the bytes are written
# by PyPI thrift 0.25.0. thriftpy2's compact protocol raises a KeyError.
# Why it matters: the sender adds an id of the auction, which is a change that breaks
# nobody, and the bidder in Python bids without a floor price. Send uuids as binary.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile thriftpy2==0.7.1 thrift==0.25.0
cat >old.thrift <<'THRIFT'
struct Request { 1: optional string id, 3: optional double floor, 4: optional i32 ms }
THRIFT
timeout 60 venv/bin/python - <<'PY'
from importlib.metadata import version
from uuid import UUID

import thriftpy2
from thrift.protocol import TBase, TBinaryProtocol, TCompactProtocol
from thrift.Thrift import TType
from thrift.transport.TTransport import TMemoryBuffer
from thrift.TRecursive import fix_spec
from thriftpy2.protocol import TCyBinaryProtocol
from thriftpy2.protocol import compact as their_compact
from thriftpy2.protocol.binary import TBinaryProtocol as TheirBinaryProtocol
from thriftpy2.transport import TCyMemoryBuffer
from thriftpy2.transport import TMemoryBuffer as TheirMemoryBuffer

print("thriftpy2", version("thriftpy2"), "thrift", version("thrift"))


class Request(TBase.TBase):
    """The reader's struct in Apache's library: it does not know field 2 either."""

    thrift_spec = (
        None,
        (1, TType.STRING, "id", "UTF8", None),
        None,
        (3, TType.DOUBLE, "floor", None, None),
        (4, TType.I32, "ms", None, None),
    )
    id = floor = ms = None


fix_spec([Request])


def sent(protocol, kind, value):
    """A request with a new field 2 of that kind, written by Apache's library."""
    buffer = TMemoryBuffer()
    out = protocol(buffer)
    out.writeStructBegin("")
    for number, type_, write, v in (
        (1, TType.STRING, out.writeString, "r1"),
        (2, kind, {TType.UUID: out.writeUuid, TType.I64: out.writeI64}[kind], value),
        (3, TType.DOUBLE, out.writeDouble, 2.5),
        (4, TType.I32, out.writeI32, 100),
    ):
        out.writeFieldBegin("", type_, number)
        write(v)
        out.writeFieldEnd()
    out.writeFieldStop()
    out.writeStructEnd()
    return buffer.getvalue()


old = thriftpy2.load("old.thrift", module_name="old_thrift")


def read(protocol, buffer, content):
    """What thriftpy2 makes of it, and how many bytes it leaves."""
    buffer = buffer(content)
    request = old.Request()
    protocol(buffer).read_struct(request)
    return (request.id, request.floor, request.ms), len(buffer.read(len(content)))


both = (("pure", TheirBinaryProtocol, TheirMemoryBuffer), ("Cython", TCyBinaryProtocol, TCyMemoryBuffer))
examples = {  # of RFC 9562, one of each version
    1: "c232ab00-9414-11ec-b3c8-9f6bdeced846",
    4: "919108f7-52d1-4320-9bac-f847db4148a8",
    5: "2ed6657d-e927-568b-95e1-2665a8aea6a2",
    6: "1ec9414c-232a-6b00-b3c8-9f6bdeced846",
    7: "017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
}
for number, text in examples.items():
    content = sent(TBinaryProtocol.TBinaryProtocol, TType.UUID, UUID(text))
    theirs = Request()
    theirs.read(TBinaryProtocol.TBinaryProtocol(TMemoryBuffer(content)))
    print(f"uuid of version {number}: Apache's Python reads {theirs.id, theirs.floor, theirs.ms}")
    assert (theirs.id, theirs.floor, theirs.ms) == ("r1", 2.5, 100)
    for name, protocol, buffer in both:
        fields, rest = read(protocol, buffer, content)
        print(f"  thriftpy2, {name}: {fields}, {rest} of {len(content)} bytes left")
        assert fields == ("r1", None, None) and rest > 10, "the fields are no longer lost"

print("control, a new i64:")
for name, protocol, buffer in both:
    fields, rest = read(protocol, buffer, sent(TBinaryProtocol.TBinaryProtocol, TType.I64, 7))
    print(f"  thriftpy2, {name}: {fields}, {rest} bytes left")
    assert fields == ("r1", 2.5, 100) and rest == 0

content = sent(TCompactProtocol.TCompactProtocol, TType.UUID, UUID(examples[4]))
try:
    read(their_compact.TCompactProtocol, TheirMemoryBuffer, content)
    raise SystemExit("the compact protocol reads it now")
except KeyError as e:
    print("compact protocol: KeyError", e)
PY
