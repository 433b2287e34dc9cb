// SPDX-License-Identifier: MIT
/*
 * The bell: a page with both ends' doorbell words, written by both.
 */
#include "transport/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"

#define BELL_SIZE 4096u
/* Where each end's word is: in cache lines of their own. */
#define CLIENT_WORD 0u
#define SERVER_WORD FASTIPC_LINE_SIZE

/* The length can change no more: no access to the mapping raises SIGBUS. */
#define SEALS_FIRST (F_SEAL_SHRINK | F_SEAL_GROW)
/* Nor can a hole be punched, by whoever has it mapped or open. */
#define SEALS_THEN (F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

static int map_bell(struct fastipc_link *link, int fd, uint32_t own,
		    uint32_t peer)
{
	unsigned char *page = mmap(NULL, BELL_SIZE, PROT_READ | PROT_WRITE,
				   MAP_SHARED, fd, 0);

	if (page == MAP_FAILED) {
		int error = errno;

		if (error == EAGAIN) /* callers read it as "later" */
			error = ENOMEM;
		else if (error == EPERM) /* sealed against writing */
			error = EBADFD;
		return fastipc_fail(-error, "cannot map a bell page: %s",
				    strerrordesc_np(error));
	}
	madvise(page, BELL_SIZE, MADV_DONTDUMP);
	link->bell = page;
	link->own_bell = (uint32_t *)(page + own);
	link->peer_bell = (const uint32_t *)(page + peer);
	return 0;
}

int fastipc_bell_create(struct fastipc_link *link, int *fd)
{
	int memfd = fastipc_memfd_create("fastipc", BELL_SIZE);
	int ret;

	*fd = -1;
	if (memfd < 0)
		return memfd;
	ret = map_bell(link, memfd, CLIENT_WORD, SERVER_WORD);
	if (ret)
		close(memfd);
	else
		*fd = memfd;
	return ret;
}

int fastipc_bell_check(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals >= 0 &&
	    (seals & (SEALS_FIRST | SEALS_THEN)) == (SEALS_FIRST | SEALS_THEN))
		return 0;
	return fastipc_fail(-EBADFD, "the server took the bell page and did "
				     "not seal it: is it a fastipc server?");
}

static int check_page(int fd)
{
	struct statfs fs;
	struct stat st;

	/* Huge pages would raise SIGBUS when their pool is empty. */
	if (fstatfs(fd, &fs) || fs.f_type != TMPFS_MAGIC)
		return fastipc_fail(-EBADFD,
				    "the peer's bell is not ordinary shared "
				    "memory: it must be a memfd without "
				    "MFD_HUGETLB");
	if (fstat(fd, &st) || st.st_size != BELL_SIZE)
		return fastipc_fail(-ERANGE,
				    "the peer's bell has %lld bytes: it must "
				    "have %u",
				    (long long)st.st_size, BELL_SIZE);
	return 0;
}

static int unsealable(void)
{
	return fastipc_fail(-EBADFD,
			    "the peer's bell cannot be sealed (%s): "
			    "it must be a memfd without seals",
			    strerrordesc_np(errno));
}

int fastipc_bell_attach(struct fastipc_link *link, int fd)
{
	int ret;

	if (fcntl(fd, F_ADD_SEALS, SEALS_FIRST))
		return unsealable();
	ret = check_page(fd);
	if (!ret)
		ret = map_bell(link, fd, SERVER_WORD, CLIENT_WORD);
	if (ret)
		return ret;
	if (!fcntl(fd, F_ADD_SEALS, SEALS_THEN))
		return 0;
	ret = unsealable();
	fastipc_bell_unmap(link);
	return ret;
}

void fastipc_bell_default(struct fastipc_link *link)
{
	link->own_bell = &link->own.control->doorbell;
	link->peer_bell = &link->peer.control->doorbell;
}

void fastipc_bell_unmap(struct fastipc_link *link)
{
	if (link->bell)
		munmap(link->bell, BELL_SIZE);
	link->bell = NULL;
	link->own_bell = NULL;
	link->peer_bell = NULL;
}
