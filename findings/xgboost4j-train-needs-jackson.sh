#!/usr/bin/env bash
# xgboost4j 2.1 trains, but not once it is to watch an evaluation set.
#
# One would expect: a library that Maven resolves brings what it needs, and what
# worked with 2.0 works with 2.1.
# What happens: where train is given sets to watch, 2.1 needs classes of Jackson,
# of which the package says that somebody else provides them, as Spark does. The
# native code loads and a training without watches ends well; with one, train
# ends in NoClassDefFoundError. With jackson-databind added by hand the same
# program trains. 2.0.3 trains either way.
# Versions: xgboost4j_2.12 2.0.3 and 2.1.4, jackson-databind 2.15.2, Java 17.
# Why it matters: the small test without a validation set passes; the real job,
# which stops early by one, fails, and an Error passes by what catches Exception.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

pom() { # VERSION [DEPENDENCY]
	cat >pom.xml <<XML
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example</groupId><artifactId>example</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>ml.dmlc</groupId><artifactId>xgboost4j_2.12</artifactId><version>$1</version></dependency>
    ${2:-}
  </dependencies>
</project>
XML
	timeout 600 mvn -q -B dependency:build-classpath -Dmdep.outputFile=classpath >maven.log 2>&1 || { cat maven.log; exit 1; }
}

cat >Few.java <<'JAVA'
import java.util.Map;
import ml.dmlc.xgboost4j.java.DMatrix;
import ml.dmlc.xgboost4j.java.XGBoost;

public class Few {
  public static void main(String[] args) throws Exception {
    float[] x = new float[40], y = new float[40];
    for (int i = 0; i < 40; i++) {
      x[i] = i;
      y[i] = i % 3 == 0 ? 1 : 0;
    }
    DMatrix rows = new DMatrix(x, 40, 1, Float.NaN);
    rows.setLabel(y);
    Map<String, DMatrix> watched = args.length > 0 ? Map.of("rows", rows) : Map.of();
    try {
      XGBoost.train(rows, Map.of("objective", "binary:logistic"), 2, watched, null, null);
      System.out.println("trained");
    } catch (NoClassDefFoundError e) {
      System.out.println("missed " + e.getMessage());
    }
  }
}
JAVA
run() { timeout 120 java -cp "$(cat classpath)" Few.java "$@" 2>/dev/null; }

pom 2.0.3
before=$(run watch)
pom 2.1.4
alone=$(run)
watching=$(run watch)
pom 2.1.4 '<dependency><groupId>com.fasterxml.jackson.core</groupId><artifactId>jackson-databind</artifactId><version>2.15.2</version></dependency>'
helped=$(run watch)
printf '%s\n' "2.0.3, watching: $before" "2.1.4: $alone" "2.1.4, watching: $watching" "2.1.4 and Jackson, watching: $helped"
last() { tail -n 1 <<<"$1"; }
[ "$(last "$before")" = trained ]
[ "$alone" = trained ]
[ "$(last "$watching")" = "missed com/fasterxml/jackson/core/JsonProcessingException" ]
[ "$(last "$helped")" = trained ]
