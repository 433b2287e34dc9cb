// SPDX-License-Identifier: MIT
/*
 * Nothing is allocated on the hot path: this program's own malloc() counts,
 * in the client's process and in the server's.
 */
#include "pair.h"

#define ECHO 1
#define ALLOCATED 2
#define VALUE 3

static unsigned long allocations;

#if !UNDER_ASAN && !UNDER_TSAN

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *data, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static void count(void)
{
	__atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t size)
{
	count();
	return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
	count();
	return __libc_calloc(number, size);
}

void *realloc(void *data, size_t size)
{
	count();
	return __libc_realloc(data, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	count();
	return __libc_memalign(alignment, size);
}

int posix_memalign(void **data, size_t alignment, size_t size)
{
	count();
	*data = __libc_memalign(alignment, size);
	return *data ? 0 : ENOMEM;
}

#define COUNTED 1
#else
#define COUNTED 0 /* the sanitizer has an allocator of its own */
#endif

static unsigned long allocated(void)
{
	return __atomic_load_n(&allocations, __ATOMIC_RELAXED);
}

static int on_echo(struct fastipc_request *request, void *context)
{
	(void)context;
	fastipc_request_reply(request, fastipc_request_data(request),
			      fastipc_request_size(request));
	return 0;
}

/* @value: a struct fastipc_buffer. */
static int encode(const void *value, void *data, size_t capacity, size_t *size)
{
	const struct fastipc_buffer *buffer = value;

	*size = buffer->size;
	if (capacity < buffer->size)
		return -EMSGSIZE;
	if (buffer->size)
		memcpy(data, buffer->data, buffer->size);
	return 0;
}

static int on_value(struct fastipc_request *request, void *context)
{
	const struct fastipc_buffer value = {
		.data = (void *)fastipc_request_data(request),
		.size = fastipc_request_size(request),
	};

	(void)context;
	check(!fastipc_request_reply_value(request, encode, &value));
	return 0;
}

static int on_allocated(struct fastipc_request *request, void *context)
{
	unsigned long now = allocated();

	(void)context;
	fastipc_request_reply(request, &now, sizeof(now));
	return 0;
}

static void add_handlers(struct fastipc_server *server)
{
	check(!fastipc_server_add_handler(server, ECHO, on_echo, NULL));
	check(!fastipc_server_add_handler(server, VALUE, on_value, NULL));
	check(!fastipc_server_add_handler(server, ALLOCATED, on_allocated,
					  NULL));
}

static const struct service service = { .add = add_handlers };

/* How often the server has allocated. */
static unsigned long allocated_there(struct fastipc_client *client)
{
	unsigned long number;

	ask_for(client, ALLOCATED, &number, sizeof(number));
	return number;
}

static void call_many(struct fastipc_client *client, unsigned int calls,
		      size_t size, struct fastipc_buffer *reply)
{
	static unsigned char data[1 << 20];

	for (unsigned int i = 0; i < calls; i++)
		assert_int_equal(fastipc_client_call(client, ECHO, data, size,
						     reply, soon()),
				 0);
}

static void call_values(struct fastipc_client *client, unsigned int calls,
			size_t size, struct fastipc_buffer *reply)
{
	static unsigned char data[1 << 20];
	const struct fastipc_buffer value = { .data = data, .size = size };

	for (unsigned int i = 0; i < calls; i++)
		assert_int_equal(fastipc_client_call_value(client, VALUE,
							   encode, &value,
							   reply, soon()),
				 0);
}

/* Whatever the server needs for a client that is slow to read, it has then: its
 * worker has had turns enough for another client in between. */
static void warm_up(struct fastipc_client *client, struct fastipc_client *other,
		    size_t size, struct fastipc_buffer *reply)
{
	static unsigned char data[1 << 20];
	struct fastipc_call_options call;
	uint64_t id;

	call_many(client, 10, size, reply);
	fastipc_call_options_init(&call);
	call.reply = reply;
	assert_result(
		fastipc_client_start(client, ECHO, data, size, &call, &id), 0);
	for (int i = 0; i < 20; i++) {
		allocated_there(other);
		usleep(2000);
	}
	assert_result(fastipc_client_finish(client, id), 0);
}

static void count_calls(enum fastipc_wait wait, unsigned int calls, size_t size)
{
	struct fastipc_server_options server_options;
	struct fastipc_client_options options;
	struct fastipc_buffer reply = { 0 };
	unsigned long here, there;
	struct server_process server;
	struct fastipc_client *client, *other;

	fastipc_server_options_init(&server_options);
	server_options.wait = wait;
	server_start(&server, &server_options, &service);
	fastipc_client_options_init(&options);
	options.wait = wait;
	client = connect_with(server.address, &options);
	other = connect_with(server.address, NULL);
	warm_up(client, other, size, &reply);
	fastipc_client_close(other);
	call_values(client, 10, size, &reply);
	there = allocated_there(client);
	here = allocated();
	call_many(client, calls, size, &reply);
	call_values(client, calls, size, &reply);
	assert_int_equal(allocated() - here, 0);
	assert_int_equal(allocated_there(client) - there, 0);
	if (COUNTED)
		assert_true(here && there);
	fastipc_buffer_free(&reply);
	fastipc_client_close(client);
	server_stop(&server);
}

static void small_calls(void **state)
{
	(void)state;
	count_calls(FASTIPC_WAIT_ADAPTIVE, COUNTED ? 100000 : 1000, 64);
	count_calls(FASTIPC_WAIT_BLOCK, 1000, 64);
}

static void large_calls(void **state)
{
	(void)state;
	count_calls(FASTIPC_WAIT_ADAPTIVE, COUNTED ? 200 : 10, 1 << 20);
	count_calls(FASTIPC_WAIT_BLOCK, COUNTED ? 200 : 10, 1 << 20);
}

static void started_calls(void **state)
{
	struct fastipc_buffer reply = { 0 };
	struct fastipc_call_options call;
	unsigned long here, there;
	struct server_process server;
	struct fastipc_client *client;
	uint64_t id;

	(void)state;
	server_start(&server, NULL, &service);
	client = connect_with(server.address, NULL);
	fastipc_call_options_init(&call);
	call.reply = &reply;
	for (int i = 0; i < 2000; i++) {
		if (i == 10) {
			there = allocated_there(client);
			here = allocated();
		}
		assert_int_equal(fastipc_client_start(client, ECHO, "hello", 5,
						      &call, &id),
				 0);
		assert_int_equal(fastipc_client_finish(client, id), 0);
	}
	assert_int_equal(allocated() - here, 0);
	assert_int_equal(allocated_there(client) - there, 0);
	fastipc_buffer_free(&reply);
	fastipc_client_close(client);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_calls),
		cmocka_unit_test(large_calls),
		cmocka_unit_test(started_calls),
	};

	return cmocka_run_group_tests_name("allocations", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
