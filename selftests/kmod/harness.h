/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The kernel's harness, with more time for each test than its 30 s: a kernel
 * with KASAN and lockdep in an emulated machine on a busy host takes it.
 */
#ifndef SELFTESTS_KMOD_HARNESS_H
#define SELFTESTS_KMOD_HARNESS_H

#include "kselftest_harness.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 300

#endif
