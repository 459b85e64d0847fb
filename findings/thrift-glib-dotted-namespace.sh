#!/usr/bin/env bash
# Thrift's C generator includes headers that it does not write, where a namespace has dots.
#
# One would expect: `namespace * shop.filter`, the way to name a package in all
# languages at once, gives C code that compiles, or an error.
# What happens: the compiler writes shop_filter_filter_types.h, and in the code of
# whoever includes that IDL the line #include "shop.filter_filter_types.h". It
# says nothing, and ends with status 0; a C compiler does not find the file. One
# IDL by itself is fine, so that it shows with the first `include` only. With a
# namespace of its own for c_glib, without dots, all is well.
# Version: Apache Thrift compiler 0.17.0 (Debian 12's), generator c_glib.
# Why it matters: dots are what the same line needs for Java and Python, so an IDL
# that is fine in ten languages cannot be built in C.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 120 apt-get download -qq thrift-compiler=0.17.0-2+b2 2>/dev/null
dpkg-deb -x thrift-compiler_*.deb root
thrift=$dir/root/usr/bin/thrift
"$thrift" --version

# missing NAMESPACE prints the headers that generated code includes and nobody wrote.
missing() {
  rm -rf idl && mkdir idl
  printf 'namespace %s\nstruct Auction {\n  1: optional string id\n}\n' "$1" >idl/filter.thrift
  printf 'include "filter.thrift"\nnamespace %s\nservice Filter {\n  bool keep(1: filter.Auction auction)\n}\n' "${1/filter/service}" >idl/service.thrift
  for file in filter service; do
    "$thrift" --gen c_glib -out idl "idl/$file.thrift" # its status is 0 either way
  done
  sed -n 's/^#include "\(.*\)"$/\1/p' idl/*.[ch] | sort -u | while read -r header; do
    [ -e "idl/$header" ] || echo "$header"
  done
}

dotted=$(missing '* shop.filter')
echo "namespace * shop.filter: included and not there: ${dotted//$'\n'/ }"
echo "written: $(cd idl && echo *.h)"
own=$(missing 'c_glib ShopFilter')
echo "namespace c_glib ShopFilter: included and not there: ${own:-nothing}"
grep -qx 'shop.filter_filter_types.h' <<<"$dotted" && [ -z "$own" ] ||
  { echo "it is otherwise now" >&2; exit 1; }
