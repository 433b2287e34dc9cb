#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The client for Node.js, if it was built: each test is a process of its own.
set -u
# shellcheck source=selftests/tap.sh
. "${BASH_SOURCE[0]%/*}/tap.sh"

export O=${O:-build}
if [ ! -e "$O/tools/node/fastipc.node" ]; then
	skip 'the client for Node.js' 'node_api.h is not installed'
	finish
	exit
fi
if ! command -v node >/dev/null; then
	skip 'the client for Node.js' 'node is not installed'
	finish
	exit
fi

own_directory node
trap 'rm -rf "$work"' EXIT
log=$work/log
shown=("$log")
for name in $(node selftests/node/tests.js --list); do
	check "$name" timeout 300 node --expose-gc selftests/node/tests.js \
		"$name"
done
check 'the codec: test vectors' node selftests/node/vectors.js
finish
