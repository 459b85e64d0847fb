#!/bin/sh
# Calls a task from Java: java.sh HOST:PORT RELEASE. Status 77 and a message
# where a tool is missing.
set -eu
cd "$(dirname "$0")/../.."
for tool in thrift java javac mvn; do
	command -v "$tool" >/dev/null || { echo "java.sh: there is no $tool: Java is left out"; exit 77; }
done
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
for idl in openrtb adfilter; do thrift --gen java -out "$made" "idl/$idl.thrift"; done
mvn --quiet --batch-mode --file deploy/interop/pom.xml \
	org.apache.maven.plugins:maven-dependency-plugin:3.6.1:build-classpath -Dmdep.outputFile="$made/path" >"$made/maven" 2>&1 ||
	{ cat "$made/maven"; exit 1; }
find "$made" -name '*.java' >"$made/sources"
javac -encoding UTF-8 -nowarn -cp "$(cat "$made/path")" -d "$made/classes" "@$made/sources" deploy/interop/Client.java
java -cp "$(cat "$made/path"):$made/classes" Client "$@"
