#!/bin/sh
# Builds the client of one language and lets it call a task: run.sh LANGUAGE,
# with the variables that README.md names. Status 77 and a message where a tool
# or a library is missing. What is installed and built goes to CACHE.
set -eu
cd "$(dirname "$0")/../.."
language=$1
here=deploy/clients/$language
cache=${CACHE:-$PWD/.clients}/$language
made=$cache/gen
mkdir -p "$cache"

needs() {
	for tool; do
		command -v "$tool" >/dev/null || { echo "there is no $tool: $language is left out"; exit 77; }
	done
}

# generate GENERATOR writes what it makes of the IDL into $made.
generate() {
	needs thrift
	rm -rf "$made" && mkdir -p "$made"
	for idl in openrtb adfilter; do thrift --gen "$1" -out "$made" "idl/$idl.thrift"; done
}

# virtual makes a virtual environment with what requirements.txt names.
virtual() {
	needs python3
	python3 -c 'import ensurepip' 2>/dev/null || { echo "there is no venv for python3: $language is left out"; exit 77; }
	[ -x "$cache/venv/bin/python" ] || python3 -m venv "$cache/venv"
	"$cache/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
}

case $language in
python)
	virtual
	generate py
	PYTHONPATH=$made "$cache/venv/bin/python" "$here/client.py"
	;;
thriftpy2)
	virtual
	"$cache/venv/bin/python" "$here/client.py"
	;;
java)
	needs java javac mvn
	generate java:generated_annotations=suppress
	mvn --quiet --batch-mode --file "$here/pom.xml" \
		org.apache.maven.plugins:maven-dependency-plugin:3.6.1:build-classpath -Dmdep.outputFile="$cache/path" >"$cache/maven" 2>&1 ||
		{ cat "$cache/maven"; exit 1; }
	rm -rf "$cache/classes"
	find "$made" -name '*.java' >"$cache/sources"
	javac -encoding UTF-8 -nowarn -cp "$(cat "$cache/path")" -d "$cache/classes" "@$cache/sources" "$here/Client.java"
	java -cp "$(cat "$cache/path"):$cache/classes" Client "$(sed -n 's/.*libthrift-\([0-9.]*\)\.jar.*/\1/p' "$cache/path")"
	;;
node)
	needs node npm
	generate js:node
	cp "$here/package.json" "$here/client.js" "$cache"
	npm install --silent --no-fund --no-audit --prefix "$cache"
	node "$cache/client.js"
	;;
rust)
	needs cargo
	generate rs
	rm -rf "$cache/src" && cp -r "$here/Cargo.toml" "$here/Cargo.lock" "$here/src" "$cache"
	mkdir -p "$cache/src/sluice/openrtb" "$cache/src/sluice/adfilter"
	cp "$made/openrtb.rs" "$cache/src/sluice/openrtb" && cp "$made/adfilter.rs" "$cache/src/sluice/adfilter"
	cargo run --quiet --locked --manifest-path "$cache/Cargo.toml"
	;;
cpp)
	needs "${CXX:=c++}" pkg-config
	pkg-config --exists thrift || { echo "there is no libthrift for C++: $language is left out"; exit 77; }
	generate cpp:no_skeleton
	"$CXX" -std=c++17 -I"$made" $(pkg-config --cflags thrift) -o "$cache/client" "$here/client.cpp" "$made"/*.cpp $(pkg-config --libs thrift) -lssl -lcrypto
	"$cache/client"
	;;
c_glib)
	needs "${CC:=cc}" pkg-config
	pkg-config --exists thrift_c_glib || { echo "there is no thrift_c_glib: $language is left out"; exit 77; }
	generate c_glib
	"$CC" -I"$made" "-DTHRIFT_VERSION=\"$(pkg-config --modversion thrift_c_glib)\"" $(pkg-config --cflags thrift_c_glib gobject-2.0) \
		-o "$cache/client" "$here/client.c" "$made"/*.c $(pkg-config --libs thrift_c_glib gobject-2.0 libcrypto)
	"$cache/client"
	;;
ruby)
	needs ruby
	ruby -e 'require "thrift"' 2>/dev/null || { echo "there is no thrift for Ruby: $language is left out"; exit 77; }
	generate rb
	ruby -I"$made" "$here/client.rb"
	;;
php)
	needs php
	THRIFT_LIB=${THRIFT_LIB:-/usr/lib/php}
	[ -e "$THRIFT_LIB/Transport/TSocket.php" ] || { echo "there is no thrift for PHP at THRIFT_LIB: $language is left out"; exit 77; }
	generate php
	THRIFT_VERSION=$(dpkg-query -W -f '${Version}' php-thrift 2>/dev/null || echo of its own) THRIFT_LIB=$THRIFT_LIB GENERATED=$made php "$here/client.php"
	;;
go)
	needs go
	cp "$here/go.mod" "$here/go.sum" "$here/main.go" "$cache"
	generate go:package_prefix=client/gen/,skip_remote
	(cd "$cache" && go run .)
	;;
*)
	echo "run.sh: no client is written in $language"
	exit 2
	;;
esac
