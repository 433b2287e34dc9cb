# SPDX-License-Identifier: MIT
#
# The programs of the section on peers, which are beside the other benchmarks.

include tools/bench/peers/peers.mk
