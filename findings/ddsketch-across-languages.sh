#!/usr/bin/env bash
# A DDSketch from Go is empty in Python and JavaScript, one from Java has another median there.
#
# One would expect: Datadog's libraries share one protobuf message, so that a
# quantile keeps its promised accuracy of 1 % whoever reads it.
# What happens: no error, and
# - Go's usual sketch writes its buckets as a map, which Python and JavaScript do
#   not read: 1000 values arrive as none;
# - Java's usual sketch arrives 8 % too low, with errors up to 9 %;
# - otherwise Python and JavaScript number buckets by rounding up, Go and Java by
#   rounding down, and the message does not say which: every quantile is one
#   bucket off, about 2 %, too low on the way there and too high on the way back.
# Go and Java understand each other, as do Python and JavaScript.
# Versions: PyPI ddsketch 3.0.1, npm @datadog/sketches-js 2.1.1, sketches-go 1.4.8,
# Maven com.datadoghq:sketches-java 0.8.3 (Java 17).
# Why it matters: the sketches of a fleet are merged where they meet. "Two percent
# slower since we moved to Python" is then the library, and a service in Go does
# not count at all. Once merged, no shift repairs it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOMODCACHE="$dir/mod" GOFLAGS=-modcacherw

python3 -m venv venv
venv/bin/pip install --quiet --no-compile ddsketch==3.0.1 protobuf==7.36.2
npm install --silent --no-audit --no-fund @datadog/sketches-js@2.1.1 protobufjs@7.5.4 >/dev/null

# Each program writes a sketch of 1 to 1000, or reads one and prints its count,
# its median, and the largest error of all its quantiles in percent. Half a rank
# beyond i - 1 stands i, whichever way a rank is rounded.
cat >py.py <<'PY'
import sys

from ddsketch import DDSketch
from ddsketch.pb import ddsketch_pb2
from ddsketch.pb.proto import DDSketchProto

what, name = sys.argv[1:]
if what != "read":
    sketch = DDSketch(0.01)
    for i in range(1, 1001):
        sketch.add(i)
    with open(name, "wb") as file:
        file.write(DDSketchProto.to_proto(sketch).SerializeToString())
else:
    with open(name, "rb") as file:
        sketch = DDSketchProto.from_proto(ddsketch_pb2.DDSketch.FromString(file.read()))
    if sketch.count == 0:
        print("0 - -")
        sys.exit()
    worst = max(abs(sketch.get_quantile_value((i - 0.5) / 999) / i - 1) for i in range(1, 1000))
    print(f"{sketch.count:.0f} {sketch.get_quantile_value(0.5):.1f} {100 * worst:.2f}")
PY
cat >js.mjs <<'JS'
import fs from 'node:fs'
import sketches from '@datadog/sketches-js'

const [what, name] = process.argv.slice(2)
if (what !== 'read') {
  const sketch = new sketches.DDSketch({ relativeAccuracy: 0.01 })
  for (let i = 1; i <= 1000; i++) sketch.accept(i)
  fs.writeFileSync(name, sketch.toProto())
} else {
  const sketch = sketches.DDSketch.fromProto(fs.readFileSync(name))
  if (sketch.count === 0) {
    console.log('0 - -')
    process.exit()
  }
  let worst = 0
  for (let i = 1; i < 1000; i++) worst = Math.max(worst, Math.abs(sketch.getValueAtQuantile((i - 0.5) / 999) / i - 1))
  console.log(sketch.count, sketch.getValueAtQuantile(0.5).toFixed(1), (100 * worst).toFixed(2))
}
JS
cat >main.go <<'GO'
// Command finding writes a sketch, or reads one.
package main

import (
	"fmt"
	"log"
	"math"
	"os"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/pb/sketchpb"
	"google.golang.org/protobuf/proto"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	what, name := os.Args[1], os.Args[2]
	if what != "read" {
		create := ddsketch.NewDefaultDDSketch
		if what == "dense" {
			create = ddsketch.LogUnboundedDenseDDSketch
		}
		sketch, err := create(0.01)
		check(err)
		for i := 1; i <= 1000; i++ {
			check(sketch.Add(float64(i)))
		}
		content, err := proto.Marshal(sketch.ToProto())
		check(err)
		check(os.WriteFile(name, content, 0o600))
		return
	}
	content, err := os.ReadFile(name)
	check(err)
	var message sketchpb.DDSketch
	check(proto.Unmarshal(content, &message))
	sketch, err := ddsketch.FromProto(&message)
	check(err)
	if sketch.IsEmpty() {
		fmt.Println("0 - -")
		return
	}
	median, err := sketch.GetValueAtQuantile(0.5)
	check(err)
	worst := 0.0
	for i := 1; i < 1000; i++ {
		value, err := sketch.GetValueAtQuantile((float64(i) - 0.5) / 999)
		check(err)
		worst = math.Max(worst, math.Abs(value/float64(i)-1))
	}
	fmt.Printf("%.0f %.1f %.2f\n", sketch.GetCount(), median, 100*worst)
}
GO
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>com.datadoghq</groupId><artifactId>sketches-java</artifactId><version>0.8.3</version></dependency>
    <dependency><groupId>com.google.protobuf</groupId><artifactId>protobuf-java</artifactId><version>3.25.5</version></dependency>
  </dependencies>
</project>
XML
cat >Finding.java <<'JAVA'
import com.datadoghq.sketch.ddsketch.DDSketch;
import com.datadoghq.sketch.ddsketch.DDSketchProtoBinding;
import com.datadoghq.sketch.ddsketch.DDSketches;
import com.datadoghq.sketch.ddsketch.store.UnboundedSizeDenseStore;
import java.nio.file.Files;
import java.nio.file.Path;

public class Finding {
    public static void main(String[] args) throws Exception {
        var path = Path.of(args[1]);
        if (!args[0].equals("read")) {
            DDSketch sketch = args[0].equals("logarithmic")
                    ? DDSketches.logarithmicUnboundedDense(0.01) : DDSketches.unboundedDense(0.01);
            for (int i = 1; i <= 1000; i++) {
                sketch.accept(i);
            }
            Files.write(path, DDSketchProtoBinding.toProto(sketch).toByteArray());
            return;
        }
        var message = com.datadoghq.sketch.ddsketch.proto.DDSketch.parseFrom(Files.readAllBytes(path));
        DDSketch sketch = DDSketchProtoBinding.fromProto(UnboundedSizeDenseStore::new, message);
        double worst = 0;
        for (int i = 1; i < 1000; i++) {
            worst = Math.max(worst, Math.abs(sketch.getValueAtQuantile((i - 0.5) / 999) / i - 1));
        }
        System.out.printf("%.0f %.1f %.2f%n", sketch.getCount(), sketch.getValueAtQuantile(0.5), 100 * worst);
    }
}
JAVA
mvn --batch-mode --quiet -Dstyle.color=never -Dmaven.repo.local="$dir/repo" dependency:build-classpath -Dmdep.outputFile=classpath &>log || { cat log; exit 1; }
go mod init finding 2>log
go get github.com/DataDog/sketches-go@v1.4.8 google.golang.org/protobuf 2>log && go mod tidy 2>log || { cat log; exit 1; }
go build -o finding .
venv/bin/pip list 2>/dev/null | grep ddsketch
npm ls --depth 0 | grep sketches-js
go list -m github.com/DataDog/sketches-go
tr ':' '\n' <classpath | sed -n 's|.*/\(sketches-java-.*\)\.jar|\1|p'


# run lets a language do what it is told: write a sketch that is made in its
# library's usual way or as named, or read one.
run() {
  case $1 in
    Python) timeout 60 venv/bin/python py.py "$2" "$3" ;;
    JavaScript) timeout 60 node js.mjs "$2" "$3" ;;
    Go) timeout 60 ./finding "$2" "$3" ;;
    Java) timeout 60 java -cp "$(cat classpath)" Finding.java "$2" "$3" ;;
  esac
}
# cross prints what every reader makes of one sketch, and checks it: what the two
# pairs of languages (Python and JavaScript, Go and Java) should read.
cross() {
  local writer=$1 how=$2 reader count median worst expected
  run "$writer" "$how" sketch
  for reader in Python JavaScript Go Java; do
    read -r count median worst <<<"$(run $reader read sketch)"
    echo "$writer ($how) -> $reader: $count values, median $median, largest error $worst %"
    case $reader in Python | JavaScript) expected=$3 ;; *) expected=$4 ;; esac
    [ "$count $median $worst" = "$expected" ] || { echo "it is otherwise now: want $expected" >&2; exit 1; }
  done
}
echo "1 to 1000; the median is 500"
cross Python usual "1000 497.8 1.00" "1000 507.8 3.04"
cross JavaScript usual "1000 497.8 1.00" "1000 507.8 3.04"
cross Go usual "0 - -" "1000 497.8 1.00"
cross Go dense "1000 487.9 2.96" "1000 497.8 1.00"
cross Java usual "1000 459.1 9.25" "1000 497.5 1.00"
cross Java logarithmic "1000 487.9 2.96" "1000 497.8 1.00"
