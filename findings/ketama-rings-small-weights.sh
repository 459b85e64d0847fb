#!/usr/bin/env bash
# On a ketama hash ring a canary with a weight of 1 in 100 gets nothing at all.
#
# One would expect: of a weighted consistent hash ring that a node of weight 1 beside
# one of 99 gets about a user in a hundred; less than asked perhaps, but not none.
# What happens: a node is put on the ring 40 * nodes * weight / total times, cut to
# a whole number. For the canary that is 40 * 2 * 1 / 100 = 0.8, which is 0 times.
# get() never names it, and the ring still lists it as a node. A weight of 2 brings
# one place of the 1.6 that are due, and 1 in 1000 is nothing for up to 24 nodes.
# Versions: npm hashring 3.2.0; PyPI uhashring 2.5 with hash_fn="ketama". The
# default ring of the latter multiplies and does not divide, and is right.
# Why it matters: who sends a canary a fixed part of the users has a rollout without
# traffic, which looks healthy. Ask the ring with made-up keys before relying on it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm install --silent --no-audit --no-fund hashring@3.2.0 >/dev/null
cat >finding.cjs <<'JS'
const assert = require('node:assert')
const HashRing = require('hashring')

console.log('npm hashring', require('hashring/package.json').version)

// share returns how many of a hundred users the canary gets.
function share(weight) {
  const ring = new HashRing({ stable: { weight: 100 - weight }, canary: { weight } })
  let users = 0
  for (let i = 0; i < 50_000; i++) users += ring.get(`user${i}`) === 'canary'
  console.log(`weight ${weight} of 100: ${users / 500} % of the users`)
  assert(ring.servers.some(server => server.string === 'canary'))
  return users / 500
}

assert.equal(share(1), 0, 'the canary gets users now')
assert(share(2) > 0.5)
assert(Math.abs(share(50) - 50) < 10)
JS
timeout 60 node finding.cjs

python3 -m venv venv
venv/bin/pip install --quiet --no-compile uhashring==2.5
timeout 100 venv/bin/python - <<'PY'
from importlib.metadata import version

from uhashring import HashRing

print("PyPI uhashring", version("uhashring"))


def share(weight, total=100, nodes=1, **kind):
    """How many of a hundred users the canary gets beside nodes that share the rest."""
    stable = {f"stable{i}": (total - weight) // nodes for i in range(nodes)}
    ring = HashRing(nodes={**stable, "canary": weight}, **kind)
    assert "canary" in ring.get_nodes()
    users = sum(ring.get_node(f"user{i}") == "canary" for i in range(20_000))
    print(f"weight {weight} of {total}, {nodes + 1} nodes: {users / 200} % of the users")
    return users / 200


assert share(1, hash_fn="ketama") == 0, "the canary gets users now"
assert share(1, total=1000, nodes=9, hash_fn="ketama") == 0, "the canary gets users now"
assert share(2, hash_fn="ketama") > 0.5
assert abs(share(50, hash_fn="ketama") - 50) < 10
print("control, the default ring:")
assert 0.5 < share(1) < 2
PY
