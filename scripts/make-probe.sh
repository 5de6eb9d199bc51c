#!/bin/sh
# Makes testdata/run/probe.wasm of probe.c, with the packages of Debian 12:
#   apt-get install --no-install-recommends clang lld wasi-libc libclang-rt-dev-wasm32
# The module is committed, so that tests need no compiler.
set -eu
cd "$(dirname "$0")/../testdata/run"
clang --target=wasm32-wasi -O1 -Wall -fno-optimize-sibling-calls -Wl,--strip-debug -o probe.wasm probe.c
