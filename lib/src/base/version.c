// SPDX-License-Identifier: MIT
/*
 * The library's version, which the build takes from lib/VERSION.
 */
#include <fastipc/types.h>

const char *fastipc_version(void)
{
	return FASTIPC_VERSION;
}
