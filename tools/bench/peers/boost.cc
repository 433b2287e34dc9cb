// SPDX-License-Identifier: MIT
/*
 * boost::interprocess::message_queue, one for each direction: send() and
 * receive(), or, to spin, try_send() and try_receive() until they work.
 */
#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/version.hpp>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "peers.h"

namespace ipc = boost::interprocess;

static const std::size_t messages = 64;
static const std::size_t room = 8u << 20;

static std::unique_ptr<ipc::message_queue> to_server, to_client;
static std::vector<unsigned char> buffer;
static bool spins;

static std::string name_of(const struct peer_config *config, const char *way)
{
	return std::string(config->name) + way;
}

static std::unique_ptr<ipc::message_queue>
make_queue(const struct peer_config *config, const char *way)
{
	std::size_t fit = room / config->size;

	return std::make_unique<ipc::message_queue>(
		ipc::create_only, name_of(config, way).c_str(),
		fit < messages ? fit : messages, config->size);
}

static int prepare(const struct peer_config *config)
{
	spins = config->wait == PEER_SPIN;
	buffer.resize(config->size);
	try {
		to_server = make_queue(config, "-request");
		to_client = make_queue(config, "-answer");
	} catch (const ipc::interprocess_exception &exception) {
		return peer_fail(EIO, exception.what());
	}
	return 0;
}

static void send_to(ipc::message_queue &queue, const void *data,
		    std::size_t size)
{
	if (spins)
		while (!queue.try_send(data, size, 0))
			;
	else
		queue.send(data, size, 0);
}

static std::size_t receive_from(ipc::message_queue &queue)
{
	std::size_t size = 0;
	unsigned int priority;

	if (spins)
		while (!queue.try_receive(buffer.data(), buffer.size(), size,
					  priority))
			;
	else
		queue.receive(buffer.data(), buffer.size(), size, priority);
	return size;
}

static int serve(const struct peer_config *config)
{
	peer_ready();
	while (!peer_ended) {
		std::size_t got = receive_from(*to_server);
		const void *answer;
		std::size_t size;

		if (peer_take(config, buffer.data(), got, &answer, &size))
			send_to(*to_client, answer, size);
	}
	return 0;
}

static int join(const struct peer_config *)
{
	return 0;
}

static int call(const void *data, std::size_t size, std::size_t expected,
		const void **reply)
{
	send_to(*to_server, data, size);
	*reply = buffer.data();
	return receive_from(*to_client) == expected
		       ? 0
		       : peer_fail(EPROTO, "its size");
}

static int post(const void *data, std::size_t size, bool)
{
	send_to(*to_server, data, size);
	return 0;
}

static void leave()
{
	to_server.reset();
	to_client.reset();
}

static void clean(const struct peer_config *config)
{
	ipc::message_queue::remove(name_of(config, "-request").c_str());
	ipc::message_queue::remove(name_of(config, "-answer").c_str());
}

#define TEXT(number) TEXT_OF(number)
#define TEXT_OF(number) #number

const struct peer_ops peer_ops = {
	/* .title = */ "boost::interprocess message_queue",
	/* .can_spin = */ true,
	/* .prepare = */ prepare,
	/* .serve = */ serve,
	/* .end = */ nullptr,
	/* .connect = */ join,
	/* .call = */ call,
	/* .post = */ post,
	/* .close = */ leave,
	/* .clean = */ clean,
};
