#!/usr/bin/env bash
# openrtb-core removes from a request's block lists what it does not know.
#
# One would expect: a bidder that cannot read "do not send me this" either
# refuses the request or keeps the entry, so that nothing blocked is sent.
# What happens: the reader drops every code that is newer than its tables, or
# the vendor's own (500 and above, which AdCOM provides for), and the request
# goes on with a shorter list: battr [1,18,500] becomes [1], the blocked
# category 483 of the IAB's newer taxonomies is gone. The only other mode,
# strict, refuses such a request as a whole.
# Versions: com.google.openrtb:openrtb-core 1.5.6, on Java 17.
# Why it matters: the publisher's answer to a forbidden ad is a complaint, or
# no more requests. A block list must be read as numbers and text.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>com.google.openrtb</groupId><artifactId>openrtb-core</artifactId><version>1.5.6</version>
  </dependency></dependencies>
</project>
XML
cat >Finding.java <<'JAVA'
import com.google.openrtb.json.OpenRtbJsonFactory;

public class Finding {
    static String pass(String request, boolean strict) throws Exception {
        var json = OpenRtbJsonFactory.create().setStrict(strict);
        return json.newWriter().writeBidRequest(json.newReader().readBidRequest(request));
    }

    static void expect(String what, String in, String out) throws Exception {
        var got = pass(in, false);
        System.out.println(what + "\n  in  " + in + "\n  out " + got);
        if (!got.equals(out)) {
            throw new IllegalStateException("expected " + out);
        }
    }

    public static void main(String[] args) throws Exception {
        String known = "{\"id\":\"1\",\"imp\":[{\"id\":\"a\",\"banner\":{\"battr\":[1,17]}}],"
                + "\"bcat\":[\"IAB1\",\"IAB25-3\"],\"badv\":[\"a.example\"]}";
        expect("control: codes of its own time are all kept", known, known);

        String codes = "{\"id\":\"1\",\"imp\":[{\"id\":\"a\",\"banner\":{\"battr\":%s}}]}";
        expect("blocked attributes", codes.formatted("[1,18,500]"), codes.formatted("[1]"));
        expect("blocked categories",
                "{\"id\":\"1\",\"imp\":[{\"id\":\"a\"}],\"cattax\":7,\"bcat\":[\"IAB1\",\"483\"]}",
                "{\"id\":\"1\",\"imp\":[{\"id\":\"a\"}],\"bcat\":[\"IAB1\"]}");

        try {
            pass(codes.formatted("[1,18,500]"), true);
            throw new IllegalStateException("strict mode accepted it");
        } catch (IllegalArgumentException e) {
            System.out.println("strict mode refuses the request: " + e.getMessage());
        }
    }
}
JAVA
mvn --batch-mode --quiet -Dstyle.color=never -Dmaven.repo.local="$dir/repo" dependency:build-classpath -Dmdep.outputFile=classpath
tr ':' '\n' <classpath | sed -n 's|.*/\(openrtb-core-.*\)\.jar|\1|p'
java -cp "$(cat classpath)" Finding.java 2>stderr || { cat stderr; exit 1; }
