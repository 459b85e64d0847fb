#!/usr/bin/env bash
# hdr-histogram-js reports a 99th percentile of 0 once one bucket has counted 2^32.
#
# One would expect: a histogram that has counted too much says so, or stays at
# its maximum; totals and percentiles come from the same counts.
# What happens: counts are kept in 32 bits by default and begin again at 0. The
# total goes on in another variable. So 4,294,967,296 requests of 20 ms vanish:
# totalCount is right, no bucket adds up to it, and every percentile is 0. With
# bitBucketSize 16, 65,536 requests are enough.
# Versions: npm hdr-histogram-js 3.0.1.
# Why it matters: histograms that are merged for a fleet's whole life get there
# at a million requests a second in little more than an hour, and an alert on
# "p99 above 100 ms" then never fires. bitBucketSize 64 holds.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm install --silent --no-audit --no-fund hdr-histogram-js@3.0.1 >/dev/null
cat >finding.mjs <<'JS'
import assert from 'node:assert'
import fs from 'node:fs'
import * as hdr from 'hdr-histogram-js'

const version = JSON.parse(fs.readFileSync('node_modules/hdr-histogram-js/package.json')).version
console.log('hdr-histogram-js', version)

// filled counts requests of 20 ms in many parts, as merging does.
function filled(requests, settings) {
  const h = hdr.build({ highestTrackableValue: 60_000, ...settings })
  const part = hdr.build({ highestTrackableValue: 60_000, ...settings })
  part.recordValueWithCount(20, requests / 256)
  for (let i = 0; i < 256; i++) h.add(part)
  const seen = { total: h.totalCount, p50: h.getValueAtPercentile(50), p99: h.getValueAtPercentile(99) }
  console.log(`${JSON.stringify(settings)}, ${requests} requests:`, seen)
  return seen
}

const gone = { p50: 0, p99: 0 }, right = { p50: 20, p99: 20 }
assert.deepEqual(filled(2 ** 32, {}), { total: 2 ** 32, ...gone }, 'counts no longer begin again')
assert.deepEqual(filled(2 ** 16, { bitBucketSize: 16 }), { total: 2 ** 16, ...gone })
console.log('controls:')
assert.deepEqual(filled(2 ** 32 - 256, {}), { total: 2 ** 32 - 256, ...right })
assert.deepEqual(filled(2 ** 32, { bitBucketSize: 64 }), { total: 2 ** 32, ...right })
JS
timeout 60 node finding.mjs
