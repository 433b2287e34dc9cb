// SPDX-License-Identifier: MIT
/*
 * Descriptors that go along with messages, between two processes.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "pair.h"

#define AREA (1u << 20)

#define IDENTIFY 1 /* the files that came: their device, inode, and offset */
#define GIVE 2	   /* as many of the server's as asked for, and a loan */
#define SEALED 3   /* reads sealed memory that came, and says its sum */
#define POSTED 4   /* counts what came one-way */
#define LATER 5	   /* IDENTIFY, by another thread */
#define OPEN 6	   /* how many descriptors the server has */

static struct server_process server;

struct identity {
	uint64_t inode;
	uint64_t offset;
};

static struct identity identity_of(int fd)
{
	struct identity identity = { 0 };
	struct stat st;

	if (!fstat(fd, &st))
		identity.inode = st.st_ino;
	identity.offset = (uint64_t)lseek(fd, 0, SEEK_CUR);
	return identity;
}

/* A file that is at @offset. */
static int make_file(off_t offset)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	if (fd >= 0)
		lseek(fd, offset, SEEK_SET);
	return fd;
}

/* ---- the server ---- */

/* The first is taken, and the others are left to be closed. */
static int on_identify(struct fastipc_request *request, void *context)
{
	struct identity identities[FASTIPC_DESCRIPTORS_MAX];
	unsigned int count = fastipc_request_descriptors(request);
	int fds[FASTIPC_DESCRIPTORS_MAX];

	(void)context;
	for (unsigned int i = 0; i < count; i++) {
		fds[i] = fastipc_request_take(request, i);
		check(fds[i] >= 0);
		check(fcntl(fds[i], F_GETFD) == FD_CLOEXEC);
		check(fastipc_request_take(request, i) == -ENOENT);
		identities[i] = identity_of(fds[i]);
		close(fds[i]);
	}
	check(fastipc_request_take(request, count) == -ENOENT);
	return fastipc_request_reply(request, identities,
				     count * sizeof(identities[0]));
}

/* Threads that are not done with their requests. */
static uint32_t threads;

static void *identify_later(void *request)
{
	usleep(5000);
	on_identify(request, NULL);
	__atomic_fetch_sub(&threads, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static int on_later(struct fastipc_request *request, void *context)
{
	(void)context;
	__atomic_fetch_add(&threads, 1, __ATOMIC_SEQ_CST);
	return answer_in_thread(request, identify_later);
}

static int on_give(struct fastipc_request *request, void *context)
{
	int fds[FASTIPC_DESCRIPTORS_MAX];
	struct fastipc_attachment attachment = { .descriptors = fds };
	struct identity identities[FASTIPC_DESCRIPTORS_MAX];
	uint32_t count;
	int error;

	(void)context;
	memcpy(&count, fastipc_request_data(request), sizeof(count));
	check(count <= FASTIPC_DESCRIPTORS_MAX);
	attachment.descriptor_count = count;
	for (uint32_t i = 0; i < count; i++) {
		fds[i] = make_file((off_t)i * 1000);
		identities[i] = identity_of(fds[i]);
	}
	error = fastipc_request_loan(request, 5000, &attachment.loan);
	if (!error) {
		fill(fastipc_loan_data(attachment.loan), 5000, count);
		error = fastipc_request_reply_with(
			request, identities, count * sizeof(identities[0]),
			&attachment);
	}
	for (uint32_t i = 0; i < count; i++)
		close(fds[i]);
	return error;
}

static int on_sealed(struct fastipc_request *request, void *context)
{
	struct fastipc_sealed sealed;
	uint64_t sum = 0;
	int fd = fastipc_request_take(request, 0);
	int error;

	(void)context;
	check(fd >= 0);
	error = fastipc_sealed_map(fd, AREA, &sealed);
	close(fd);
	if (error)
		return error;
	for (size_t i = 0; i < sealed.size; i++)
		sum = sum * 31 + ((const unsigned char *)sealed.data)[i];
	fastipc_sealed_unmap(&sealed);
	return fastipc_request_reply(request, &sum, sizeof(sum));
}

static uint32_t posted;

static int on_posted(struct fastipc_request *request, void *context)
{
	uint32_t expected;

	(void)context;
	if (fastipc_request_is_one_way(request)) {
		int fd = fastipc_request_take(request, 0);

		memcpy(&expected, fastipc_request_data(request),
		       sizeof(expected));
		/* In order, and each with its own. */
		check(expected == posted);
		check(identity_of(fd).offset == expected);
		close(fd);
		posted++;
	}
	return fastipc_request_reply(request, &posted, sizeof(posted));
}

static int on_open(struct fastipc_request *request, void *context)
{
	int count = count_descriptors();

	(void)context;
	return fastipc_request_reply(request, &count, sizeof(count));
}

static void add_handlers(struct fastipc_server *new_server)
{
	static const struct {
		uint16_t type;
		fastipc_handler_fn handler;
	} handlers[] = {
		{ IDENTIFY, on_identify }, { GIVE, on_give },
		{ SEALED, on_sealed },	   { POSTED, on_posted },
		{ LATER, on_later },	   { OPEN, on_open },
	};

	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		check(!fastipc_server_add_handler(new_server, handlers[i].type,
						  handlers[i].handler, NULL));
}

static void end_threads(void)
{
	while (__atomic_load_n(&threads, __ATOMIC_SEQ_CST))
		usleep(1000);
}

static const struct service passing = { .add = add_handlers,
					.destroyed = end_threads };

static void start(uint32_t max_descriptors)
{
	struct fastipc_server_options options;

	fastipc_server_options_init(&options);
	options.bulk_size = AREA;
	options.max_descriptors = max_descriptors;
	server_start(&server, &options, &passing);
}

static struct fastipc_client *client_with(uint32_t max_descriptors)
{
	struct fastipc_client_options options;

	fastipc_client_options_init(&options);
	options.bulk_max = AREA;
	options.max_descriptors = max_descriptors;
	return connect_with(server.address, &options);
}

/* ---- to the server ---- */

static void identify(struct fastipc_client *client, uint16_t type,
		     unsigned int count)
{
	struct identity expected[FASTIPC_DESCRIPTORS_MAX];
	struct identity got[FASTIPC_DESCRIPTORS_MAX];
	struct fastipc_buffer reply = { .data = got,
					.capacity = sizeof(got),
					.fixed = true };
	int fds[FASTIPC_DESCRIPTORS_MAX];
	const struct fastipc_attachment attachment = {
		.descriptors = fds,
		.descriptor_count = count,
	};

	for (unsigned int i = 0; i < count; i++) {
		fds[i] = make_file(1 + (off_t)i);
		expected[i] = identity_of(fds[i]);
	}
	assert_result(fastipc_client_call_with(client, type, NULL, 0,
					       &attachment, &reply, NULL,
					       soon()),
		      0);
	assert_int_equal(reply.size, count * sizeof(got[0]));
	assert_memory_equal(got, expected, reply.size);
	/* The caller's are still his. */
	for (unsigned int i = 0; i < count; i++)
		assert_int_equal(close(fds[i]), 0);
}

static int open_at_server(struct fastipc_client *client)
{
	int count;

	ask_for(client, OPEN, &count, sizeof(count));
	return count;
}

static void requests_bring_them(void **state)
{
	struct fastipc_client *client;
	int before;

	(void)state;
	start(FASTIPC_DESCRIPTORS_MAX);
	client = client_with(1);
	before = open_at_server(client);
	for (unsigned int i = 0; i <= FASTIPC_DESCRIPTORS_MAX; i++) {
		identify(client, IDENTIFY, i);
		identify(client, LATER, i);
	}
	assert_int_equal(open_at_server(client), before);
	/* A handler that does not care, and one that there is not. */
	for (uint16_t type = OPEN; type < OPEN + 2; type++) {
		int fds[] = { 0, 1, 2 };
		const struct fastipc_attachment attachment = {
			.descriptors = fds,
			.descriptor_count = 3,
		};

		assert_result(fastipc_client_call_with(client, type, NULL, 0,
						       &attachment, NULL, NULL,
						       soon()),
			      type == OPEN ? 0 : -EOPNOTSUPP);
	}
	assert_int_equal(open_at_server(client), before);
	fastipc_client_close(client);
	server_stop(&server);
}

static void sealed_memory(void **state)
{
	static unsigned char data[100000];
	struct fastipc_client *client;
	uint64_t sum = 0, expected = 0;
	struct fastipc_buffer reply = { .data = &sum,
					.capacity = sizeof(sum),
					.fixed = true };
	int fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const struct fastipc_attachment attachment = {
		.descriptors = &fd,
		.descriptor_count = 1,
	};

	(void)state;
	fill(data, sizeof(data), 7);
	for (size_t i = 0; i < sizeof(data); i++)
		expected = expected * 31 + data[i];
	assert_int_equal(write(fd, data, sizeof(data)), sizeof(data));
	start(1);
	client = client_with(1);
	assert_result(fastipc_client_call_with(client, SEALED, NULL, 0,
					       &attachment, &reply, NULL,
					       soon()),
		      -EBADFD);
	assert_int_equal(fcntl(fd, F_ADD_SEALS,
			       F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE |
				       F_SEAL_SEAL),
			 0);
	assert_result(fastipc_client_call_with(client, SEALED, NULL, 0,
					       &attachment, &reply, NULL,
					       soon()),
		      0);
	assert_int_equal(sum, expected);
	close(fd);
	fastipc_client_close(client);
	server_stop(&server);
}

/* More than can be on their way at once; others' messages in between. */
static void posts_bring_them(void **state)
{
	struct fastipc_client *client;
	uint32_t count = 0;
	struct fastipc_buffer reply = { .data = &count,
					.capacity = sizeof(count),
					.fixed = true };

	(void)state;
	start(1);
	client = client_with(1);
	for (uint32_t i = 0; i < 2000; i++) {
		int fd = make_file(i);
		const struct fastipc_attachment attachment = {
			.descriptors = &fd,
			.descriptor_count = 1,
		};

		assert_result(fastipc_client_post_with(client, POSTED, &i,
						       sizeof(i), &attachment,
						       soon()),
			      0);
		close(fd);
	}
	assert_result(fastipc_client_call(client, POSTED, NULL, 0, &reply,
					  soon()),
		      0);
	assert_int_equal(count, 2000);
	fastipc_client_close(client);
	server_stop(&server);
}

/* ---- from the server ---- */

static int ask(struct fastipc_client *client, uint32_t count,
	       struct identity got[FASTIPC_DESCRIPTORS_MAX],
	       struct fastipc_delivery **delivery)
{
	struct fastipc_buffer reply = {
		.data = got,
		.capacity = FASTIPC_DESCRIPTORS_MAX * sizeof(got[0]),
		.fixed = true,
	};

	return fastipc_client_call_with(client, GIVE, &count, sizeof(count),
					NULL, &reply, delivery, soon());
}

static void replies_bring_them(void **state)
{
	struct identity expected[FASTIPC_DESCRIPTORS_MAX];
	struct fastipc_client *client;

	(void)state;
	start(1);
	client = client_with(FASTIPC_DESCRIPTORS_MAX);
	for (uint32_t count = 0; count <= FASTIPC_DESCRIPTORS_MAX; count++) {
		unsigned char bytes[5000], wanted[5000];
		struct fastipc_delivery *delivery;

		assert_result(ask(client, count, expected, &delivery), 0);
		assert_int_equal(fastipc_delivery_descriptors(delivery), count);
		for (uint32_t i = 0; i < count; i++) {
			struct identity got;
			int fd;

			if (i % 3 == 2)
				continue; /* closed with the delivery */
			fd = fastipc_delivery_take(delivery, i);
			assert_true(fd >= 0);
			assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
			got = identity_of(fd);
			assert_memory_equal(&got, &expected[i], sizeof(got));
			assert_result(fastipc_delivery_take(delivery, i),
				      -ENOENT);
			close(fd);
		}
		fill(wanted, sizeof(wanted), count);
		assert_int_equal(
			fastipc_shared_copy(fastipc_delivery_lent(delivery),
					    bytes, sizeof(bytes)),
			sizeof(bytes));
		assert_memory_equal(bytes, wanted, sizeof(bytes));
		fastipc_delivery_end(delivery);
		assert_result(ask(client, count, expected, NULL), 0);
	}
	fastipc_client_close(client);
	server_stop(&server);
}

static void not_agreed(void **state)
{
	static const uint32_t ends[][2] = { { 0, 4 }, { 4, 0 }, { 2, 2 } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		int fds[] = { 0, 1, 2, 0 };
		struct fastipc_attachment attachment = {
			.descriptors = fds,
			.descriptor_count = 3,
		};
		struct identity got[FASTIPC_DESCRIPTORS_MAX];
		struct fastipc_delivery *delivery;
		struct fastipc_client *client;

		start(ends[i][0]);
		client = client_with(ends[i][1]);
		assert_result(fastipc_client_call_with(client, OPEN, NULL, 0,
						       &attachment, NULL, NULL,
						       soon()),
			      -EOPNOTSUPP);
		assert_result(ask(client, 3, got, &delivery), -EOPNOTSUPP);
		assert_null(delivery);
		assert_result(ask(client, 0, got, &delivery), 0);
		fastipc_delivery_end(delivery);
		fastipc_client_close(client);
		server_stop(&server);
	}
}

static void wrong_descriptors(void **state)
{
	int fds[] = { 0, -1 };
	struct fastipc_attachment attachment = {
		.descriptors = fds,
		.descriptor_count = 2,
	};
	struct fastipc_client *client;

	(void)state;
	start(2);
	client = client_with(2);
	assert_result(fastipc_client_call_with(client, OPEN, NULL, 0,
					       &attachment, NULL, NULL, soon()),
		      -EBADF);
	attachment.descriptors = NULL;
	assert_result(fastipc_client_call_with(client, OPEN, NULL, 0,
					       &attachment, NULL, NULL, soon()),
		      -EINVAL);
	identify(client, IDENTIFY, 2);
	fastipc_client_close(client);
	server_stop(&server);
}

/* Without room for what comes, the call fails and the connection does not. */
static void no_room_for_them(void **state)
{
	struct identity got[FASTIPC_DESCRIPTORS_MAX];
	struct fastipc_delivery *delivery;
	struct rlimit before, limit;
	struct fastipc_client *client;

	(void)state;
	start(4);
	client = client_with(4);
	assert_result(ask(client, 4, got, NULL), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	limit.rlim_cur = (rlim_t)dup(0) + 2;
	close((int)limit.rlim_cur - 2);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_result(ask(client, 4, got, &delivery), -EMFILE);
	assert_null(delivery);
	assert_result(ask(client, 1, got, &delivery), 0);
	assert_int_equal(fastipc_delivery_descriptors(delivery), 1);
	fastipc_delivery_end(delivery);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	/* All that was lent meanwhile came back. */
	for (int i = 0; i < 300; i++)
		assert_result(ask(client, 1, got, NULL), 0);
	fastipc_client_close(client);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		footprint_test(requests_bring_them),
		footprint_test(sealed_memory),
		footprint_test(posts_bring_them),
		footprint_test(replies_bring_them),
		footprint_test(not_agreed),
		footprint_test(wrong_descriptors),
		footprint_test(no_room_for_them),
	};

	return cmocka_run_group_tests_name("descriptors", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
