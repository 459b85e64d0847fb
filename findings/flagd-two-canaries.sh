#!/usr/bin/env bash
# The same flagd flag and user: the newest packages for Node and Python draw different canaries.
#
# One would expect: flagd's "fractional" puts a user into the same part in every
# language: for that its specification lays down the hash.
# What happens: Python's newest core hashes the key as CBOR, which is one byte and more
# in front of the text; Node's newest hashes the text. Both cut the hash in the same
# way, so that each has its 10 % in the canary, but they are other users: nine in ten of
# Python's are not in Node's. The one before in Python agrees with Node for everybody.
# Versions: npm @openfeature/flagd-core 4.0.1, PyPI openfeature-flagd-core 2.0.0, each
# the newest on 2026-11-29, and 1.0.0. The provider packages evaluate in process by them.
# Why it matters: a user sees the new version in one service and the old in the next,
# and the arms of an experiment are mixed; after an update of one package the canary
# has new users overnight. Pin the cores together, and compare them with made-up keys.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm install --silent --no-audit --no-fund @openfeature/flagd-core@4.0.1 @openfeature/core@1.12.0 >/dev/null
cat >flags.json <<'JSON'
{"flags": {"model": {
  "state": "ENABLED",
  "variants": {"stable": "stable", "canary": "canary"},
  "defaultVariant": "stable",
  "targeting": {"fractional": [{"var": "targetingKey"}, ["canary", 10], ["stable", 90]]}
}}}
JSON
cat >draw.mjs <<'JS'
import fs from 'node:fs'
import { FlagdCore } from '@openfeature/flagd-core'

const core = new FlagdCore()
core.setConfigurations(fs.readFileSync('flags.json', 'utf8'))
for (let i = 0; i < 10_000; i++) {
  const { value, reason } = core.resolveStringEvaluation('model', 'none', { targetingKey: `user${i}` }, console)
  console.log(`${reason} ${value}`)
}
JS
cat >draw.py <<'PY'
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

core = FlagdCore()
core.set_flags(open("flags.json").read())
for i in range(10_000):
    result = core.resolve_string_value("model", "none", EvaluationContext(targeting_key=f"user{i}"))
    print(result.reason, result.value)
PY
timeout 100 node draw.mjs >node.txt
for version in 1.0.0 2.0.0; do
  python3 -m venv "venv$version"
  "venv$version/bin/pip" install --quiet --no-compile "openfeature-flagd-core==$version" openfeature-sdk==0.10.0
  timeout 100 "venv$version/bin/python" draw.py >"python$version.txt"
done
timeout 30 python3 - <<'PY'
def canary(path):
    """The users in the canary; every answer must be drawn, none a default."""
    lines = open(path).read().splitlines()
    assert len(lines) == 10_000 and {line.split()[0] for line in lines} == {"TARGETING_MATCH"}, lines[:3]
    return {i for i, line in enumerate(lines) if line.endswith(" canary")}


node = canary("node.txt")
print(f"Node 4.0.1: {len(node)} of 10,000 users in the canary")
shared = {}
for version in ("1.0.0", "2.0.0"):
    python = canary(f"python{version}.txt")
    shared[version] = len(node & python)
    print(f"Python {version}: {len(python)}, of which Node's has {shared[version]}")
    assert 900 < len(python) < 1100
assert shared["1.0.0"] == len(node), "the control: they do not agree"
assert shared["2.0.0"] < 200, "they agree now"
PY
