// SPDX-License-Identifier: MIT
/*
 * The calls and handlers that are generated of a service, between two
 * processes; requests and replies that are none; handlers that go and come.
 */
#include "integration/pair.h"

#include "service.fastipc.h"

#define LINES 3000 /* of All: far more than a frame, and than 64 KiB */

/* ---- the server ---- */

static void write_line(struct chat_Line *line, struct fastipc_string author,
		       uint32_t number)
{
	static char text[LINES][24];

	chat_Line_init(line);
	line->author = author;
	snprintf(text[number], sizeof(text[number]), "line %u", number);
	line->text = fastipc_string_of(text[number]);
	line->tone = number % 2 ? chat_Tone_Loud : chat_Tone_Plain;
}

static int on_last(struct fastipc_request *request,
		   struct chat_Asked_reader asked, void *context)
{
	struct chat_Line lines[16];
	struct chat_Lines answer;
	uint32_t count = chat_Asked_count(asked);

	check(!strcmp(context, "the context"));
	check(fastipc_request_type(request) == chat_Room_Last_TYPE);
	if (count > 16)
		return -E2BIG;
	chat_Lines_init(&answer);
	for (uint32_t i = 0; i < count; i++)
		/* Without an author, the answer lacks what is required. */
		write_line(&lines[i], chat_Asked_author(asked), i);
	answer.lines.data = lines;
	answer.lines.count = count;
	return chat_Room_Last_reply(request, &answer);
}

/* Answers later, with what neither fits a frame nor a record of 64 KiB. */
static int on_all(struct fastipc_request *request,
		  struct chat_Asked_reader asked, void *context)
{
	static struct chat_Line lines[LINES];
	struct chat_Everything everything;
	struct fastipc_request *later = fastipc_request_defer(request);

	(void)context;
	check(later);
	chat_Everything_init(&everything);
	for (uint32_t i = 0; i < LINES; i++)
		write_line(&lines[i], chat_Asked_author(asked), i);
	everything.lines.data = lines;
	everything.lines.count = LINES;
	check(!chat_Room_All_reply(later, &everything));
	return 0;
}

/* A reply that is none: raw bytes. */
static int on_default(struct fastipc_request *request,
		      struct chat_Asked_reader asked, void *context)
{
	(void)asked;
	(void)context;
	return fastipc_request_reply(request, "\377\377\377", 3);
}

/* As many lines as were asked for, and how many they were as trailers. */
static int on_follow(struct fastipc_request *request,
		     struct chat_Asked_reader asked, void *context)
{
	struct fastipc_stream *stream = fastipc_request_stream(request, NULL);
	uint32_t count = chat_Asked_count(asked);
	struct chat_Line line;

	(void)context;
	check(stream);
	for (uint32_t i = 0; i < count; i++) {
		write_line(&line, chat_Asked_author(asked), i);
		check(!chat_Room_Follow_send_response(stream, &line, 0, 0));
	}
	if (!count) /* what is no line */
		check(!fastipc_stream_write(stream, "\377\377", 2, 0, 0));
	check(!fastipc_stream_finish(stream, 0, NULL, &count, sizeof(count)));
	fastipc_stream_close(stream);
	return 0;
}

static void echo(void *context, struct fastipc_stream *stream, const void *data,
		 size_t size)
{
	struct chat_Line_reader said;
	struct chat_Line line;

	(void)context;
	if (chat_Line_read(fastipc_snapshot_of(data, size), &said)) {
		check(!fastipc_stream_finish(stream, -EBADMSG, "no chat.Line",
					     NULL, 0));
		return;
	}
	chat_Line_init(&line);
	line.author = chat_Line_author(said);
	line.text = chat_Line_text(said);
	line.tone = chat_Line_tone(said);
	check(!chat_Room_Echo_send_response(stream, &line, 0, 0));
}

static void echo_end(void *context, struct fastipc_stream *stream)
{
	(void)context;
	/* It may have ended already, with -EBADMSG. */
	fastipc_stream_finish(stream, 0, NULL, NULL, 0);
	fastipc_stream_close(stream);
}

static int on_echo(struct fastipc_request *request,
		   struct chat_Line_reader first, void *context)
{
	struct fastipc_stream_options options;

	(void)context;
	check(chat_Line_author(first).size);
	fastipc_stream_options_init(&options);
	options.message = echo;
	options.end = echo_end;
	check(fastipc_request_stream(request, &options));
	return 0;
}

static char context[] = "the context";
static const struct chat_Room_handlers handlers = {
	.Last = on_last,
	.All = on_all,
	.Follow = on_follow,
	.Echo = on_echo,
	.default_ = on_default,
	.context = context,
};

static void add_handlers(struct fastipc_server *server)
{
	struct chat_Room_handlers other = { .Quiet = on_last,
					    .default_ = on_last };

	check(!chat_Room_serve(server, &handlers));
	/* All or none: one of them is there already. */
	check(chat_Room_serve(server, &other) == -EEXIST);
	check(chat_Room_serve(server, &handlers) == -EEXIST);
	check(chat_Room_serve(NULL, &handlers) == -EINVAL);
	check(chat_Room_serve(server, NULL) == -EINVAL);
	/* They can go, and come again. */
	chat_Room_withdraw(server, &handlers);
	check(!chat_Room_serve(server, &handlers));
}

static const struct service service = { .add = add_handlers };

static struct fastipc_client *start(struct server_process *server)
{
	struct fastipc_server_options server_options;
	struct fastipc_client_options options;

	fastipc_server_options_init(&server_options);
	server_options.fingerprint = chat_Room_fingerprint;
	server_start(server, &server_options, &service);
	fastipc_client_options_init(&options);
	options.fingerprint = chat_Room_fingerprint;
	options.schema_match = FASTIPC_SCHEMA_FULL;
	return connect_with(server->address, &options);
}

static void finish(struct server_process *server, struct fastipc_client *client)
{
	fastipc_client_close(client);
	server_stop(server);
}

/* ---- the client ---- */

static void assert_line(struct chat_Line_reader line, const char *author,
			uint32_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "line %u", number);
	assert_int_equal(chat_Line_author(line).size, strlen(author));
	assert_memory_equal(chat_Line_author(line).data, author,
			    strlen(author));
	assert_int_equal(chat_Line_text(line).size, strlen(text));
	assert_memory_equal(chat_Line_text(line).data, text, strlen(text));
	assert_int_equal(chat_Line_tone(line),
			 number % 2 ? chat_Tone_Loud : chat_Tone_Plain);
}

static void calls(void **state)
{
	struct fastipc_client_stats stats = { .size = sizeof(stats) };
	struct chat_Lines_received answer = { 0 };
	struct server_process server;
	struct fastipc_client *client = start(&server);
	struct chat_Asked asked;

	(void)state;
	assert_int_equal(fastipc_client_get_stats(client, &stats), 0);
	assert_true(stats.peer_fingerprint.wire == chat_Room_fingerprint.wire);
	assert_true(stats.peer_fingerprint.full == chat_Room_fingerprint.full);
	for (uint32_t count = 0; count <= 16; count++) {
		struct chat_Line_vector lines;

		chat_Asked_init(&asked);
		asked.author = fastipc_string_of("Ada");
		asked.count = count;
		assert_result(chat_Room_Last(client, &asked, &answer, soon()),
			      0);
		lines = chat_Lines_lines(answer.value);
		assert_int_equal(lines.count, count);
		for (uint32_t i = 0; i < count; i++)
			assert_line(chat_Line_vector_at(lines, i), "Ada", i);
	}
	fastipc_buffer_free(&answer.buffer);
	finish(&server, client);
}

static void large_answers(void **state)
{
	struct chat_Everything_received answer = { 0 };
	struct chat_Line_vector lines;
	struct server_process server;
	struct fastipc_client *client = start(&server);
	struct chat_Asked asked;

	(void)state;
	chat_Asked_init(&asked);
	asked.author = fastipc_string_of("Grace");
	assert_result(chat_Room_All(client, &asked, &answer, soon()), 0);
	assert_true(answer.buffer.size > 65536);
	lines = chat_Everything_lines(answer.value);
	assert_int_equal(lines.count, LINES);
	for (uint32_t i = 0; i < LINES; i++)
		assert_line(chat_Line_vector_at(lines, i), "Grace", i);
	fastipc_buffer_free(&answer.buffer);
	finish(&server, client);
}

static void failures(void **state)
{
	static const unsigned char garbage[] = { 0xff, 0xff, 1 };
	struct chat_Lines_received answer = { 0 };
	struct server_process server;
	struct fastipc_client *client = start(&server);
	struct chat_Asked asked;

	(void)state;
	chat_Asked_init(&asked);
	asked.author = fastipc_string_of("Ada");
	/* No handler; the handler's error; a reply that lacks something. */
	assert_result(chat_Room_Quiet(client, &asked, &answer, soon()),
		      -EOPNOTSUPP);
	asked.count = 17;
	assert_result(chat_Room_Last(client, &asked, &answer, soon()), -E2BIG);
	asked.count = 1;
	asked.author = (struct fastipc_string){ 0 };
	assert_result(chat_Room_Last(client, &asked, &answer, soon()), -EINVAL);
	/* Bytes that are no request, and no reply. */
	assert_result(fastipc_client_call(client, chat_Room_Last_TYPE, garbage,
					  sizeof(garbage), NULL, soon()),
		      -EBADMSG);
	assert_non_null(strstr(fastipc_error_detail(), "chat.Asked"));
	assert_int_equal(chat_Room_default(client, &asked, &answer, soon()),
			 -EBADMSG);
	/* The connection is none the worse for it. */
	asked.author = fastipc_string_of("Ada");
	assert_result(chat_Room_Last(client, &asked, &answer, soon()), 0);
	assert_line(chat_Line_vector_at(chat_Lines_lines(answer.value), 0),
		    "Ada", 0);
	fastipc_buffer_free(&answer.buffer);
	finish(&server, client);
}

/* ---- streams ---- */

static void followed(void **state)
{
	struct chat_Line_received line = { 0 };
	struct fastipc_stream_end end;
	struct fastipc_stream *stream;
	struct server_process server;
	struct fastipc_client *client = start(&server);
	struct chat_Asked asked;
	uint32_t count;

	(void)state;
	chat_Asked_init(&asked);
	asked.author = fastipc_string_of("Ada");
	asked.count = 1000;
	assert_result(chat_Room_Follow_open(client, &asked, NULL, &stream), 0);
	for (uint32_t i = 0; i < asked.count; i++) {
		assert_result(chat_Room_Follow_receive_response(stream, &line,
								soon()),
			      0);
		assert_line(line.value, "Ada", i);
	}
	assert_result(chat_Room_Follow_receive_response(stream, &line, soon()),
		      -ENODATA);
	assert_result(fastipc_stream_status(stream, &end), 0);
	assert_int_equal(end.status, 0);
	assert_int_equal(end.size, sizeof(count));
	memcpy(&count, end.trailers, sizeof(count));
	assert_int_equal(count, asked.count);
	fastipc_stream_close(stream);
	/* The client checks what comes, too. */
	asked.count = 0;
	assert_result(chat_Room_Follow_open(client, &asked, NULL, &stream), 0);
	assert_int_equal(chat_Room_Follow_receive_response(stream, &line,
							   soon()),
			 -EBADMSG);
	assert_result(chat_Room_Follow_receive_response(stream, &line, soon()),
		      -ENODATA);
	fastipc_stream_close(stream);
	fastipc_buffer_free(&line.buffer);
	finish(&server, client);
}

static void echoes(void **state)
{
	struct chat_Line_received line = { 0 };
	struct fastipc_stream *stream;
	struct server_process server;
	struct fastipc_client *client = start(&server);
	struct chat_Line said;

	(void)state;
	write_line(&said, fastipc_string_of("Ada"), 0);
	assert_result(chat_Room_Echo_open(client, &said, NULL, &stream), 0);
	for (uint32_t i = 0; i < 100; i++) {
		write_line(&said, fastipc_string_of("Grace"), i);
		assert_result(chat_Room_Echo_send_request(stream, &said, 0,
							  soon()),
			      0);
		assert_result(chat_Room_Echo_receive_response(stream, &line,
							      soon()),
			      0);
		assert_line(line.value, "Grace", i);
	}
	/* Without what is required it is not sent; garbage is no line. */
	said.author = (struct fastipc_string){ 0 };
	assert_int_equal(chat_Room_Echo_send_request(stream, &said, 0, soon()),
			 -EINVAL);
	assert_result(fastipc_stream_write(stream, "\377\377", 2, 0, soon()),
		      0);
	assert_result(chat_Room_Echo_receive_response(stream, &line, soon()),
		      -EBADMSG);
	fastipc_stream_close(stream);
	fastipc_buffer_free(&line.buffer);
	finish(&server, client);
}

static void message_types(void **state)
{
	(void)state;
	assert_int_equal(chat_Room_Last_TYPE, 0x0700);
	assert_int_equal(chat_Room_All_TYPE, 0x0703);
	assert_int_equal(chat_Room_default_TYPE, 0x07ff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls),    cmocka_unit_test(large_answers),
		cmocka_unit_test(failures), cmocka_unit_test(followed),
		cmocka_unit_test(echoes),   cmocka_unit_test(message_types),
	};

	return cmocka_run_group_tests_name("service", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
