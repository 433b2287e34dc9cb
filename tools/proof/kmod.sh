#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Round trips through /dev/fastipc and through memfd, where the module is
# loaded, which is a virtual machine (`make proof-vm`): all sizes, then times,
# the two transports in turns.  What the program prints, as comments of TAP.
set -eu -o pipefail
export LC_ALL=C

trips=${O:-build}/tools/proof/trips

if {
	for transport in kmod memfd; do
		"$trips" --transport $transport --wait adaptive --sweep 100
		"$trips" --transport $transport --wait adaptive --within --sweep 100
	done
	for _ in 1 2 3; do
		for wait in spin block; do
			for transport in kmod memfd; do
				"$trips" --transport $transport --wait $wait \
					--seconds 0.5 0 64 4K 64K 1M
			done
		done
	done
} > >(sed 's/^/# /'); then
	echo 'ok 1 - measured'
else
	echo 'not ok 1 - measured'
fi
echo '1..1'
