// SPDX-License-Identifier: MIT
/*
 * Cap'n Proto RPC over a Unix socket: EzRpcServer, and TwoPartyClient, since
 * through an EzRpcClient calls that stream wait for each other; calls, and one
 * way calls that stream, which its flow control holds back.
 */
#include <capnp/ez-rpc.h>
#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>

#include "echo.capnp.h"
#include "peers.h"

using Data = capnp::Data;

static const struct peer_config *served;
static std::unique_ptr<kj::AsyncIoContext> io;
static kj::Own<kj::AsyncIoStream> stream;
static std::unique_ptr<capnp::TwoPartyClient> client;
static std::unique_ptr<Echo::Client> echo;
static std::unique_ptr<capnp::Response<Echo::CallResults>> response;
static std::unique_ptr<capnp::Response<Echo::ConfirmResults>> confirmed;

static Data::Reader take(Data::Reader data)
{
	const void *answer;
	std::size_t size;

	if (!peer_take(served, data.begin(), data.size(), &answer, &size))
		size = 0;
	return Data::Reader(static_cast<const kj::byte *>(answer), size);
}

class Service final : public Echo::Server
{
	kj::Promise<void> call(CallContext context) override
	{
		context.getResults().setData(
			take(context.getParams().getData()));
		return kj::READY_NOW;
	}

	kj::Promise<void> post(PostContext context) override
	{
		take(context.getParams().getData());
		return kj::READY_NOW;
	}

	kj::Promise<void> confirm(ConfirmContext context) override
	{
		context.getResults().setData(
			take(context.getParams().getData()));
		return kj::READY_NOW;
	}
};

static std::string address(const struct peer_config *config)
{
	return "unix:" + std::string(config->directory) + "/s";
}

static int serve(const struct peer_config *config)
{
	served = config;
	try {
		capnp::EzRpcServer server(kj::heap<Service>(),
					  address(config).c_str());
		auto &scope = server.getWaitScope();

		server.getPort().wait(scope); /* until it listens */
		peer_ready();
		kj::NEVER_DONE.wait(scope);
	} catch (const kj::Exception &exception) {
		return peer_fail(EIO, exception.getDescription().cStr());
	}
}

static int join(const struct peer_config *config)
{
	try {
		io = std::make_unique<kj::AsyncIoContext>(kj::setupAsyncIo());
		stream = io->provider->getNetwork()
				 .parseAddress(address(config).c_str())
				 .wait(io->waitScope)
				 ->connect()
				 .wait(io->waitScope);
	} catch (const kj::Exception &exception) {
		return peer_fail(EIO, exception.getDescription().cStr());
	}
	client = std::make_unique<capnp::TwoPartyClient>(*stream);
	echo = std::make_unique<Echo::Client>(
		client->bootstrap().castAs<Echo>());
	return 0;
}

static Data::Reader bytes(const void *data, std::size_t size)
{
	return Data::Reader(static_cast<const kj::byte *>(data), size);
}

/* Room for the message at once, as its documentation advises. */
static capnp::MessageSize hint(std::size_t size)
{
	return { size / sizeof(capnp::word) + 16, 0 };
}

static int check(Data::Reader data, std::size_t expected, const void **reply)
{
	*reply = data.begin();
	return data.size() == expected ? 0 : peer_fail(EPROTO, "its size");
}

static int call(const void *data, std::size_t size, std::size_t expected,
		const void **reply)
{
	auto &scope = io->waitScope;

	if (expected != size) {
		auto request = echo->confirmRequest(hint(size));

		request.setData(bytes(data, size));
		confirmed =
			std::make_unique<capnp::Response<Echo::ConfirmResults>>(
				request.send().wait(scope));
		return check(confirmed->getData(), expected, reply);
	}
	auto request = echo->callRequest(hint(size));

	request.setData(bytes(data, size));
	response = std::make_unique<capnp::Response<Echo::CallResults>>(
		request.send().wait(scope));
	return check(response->getData(), expected, reply);
}

static int post(const void *data, std::size_t size, bool)
{
	auto request = echo->postRequest(hint(size));

	request.setData(bytes(data, size));
	request.send().wait(io->waitScope);
	return 0;
}

static void leave()
{
	response.reset();
	confirmed.reset();
	echo.reset();
	client.reset();
	stream = nullptr;
	io.reset();
}

static void clean(const struct peer_config *config)
{
	std::remove((std::string(config->directory) + "/s").c_str());
}

#define TEXT(number) TEXT_OF(number)
#define TEXT_OF(number) #number

const struct peer_ops peer_ops = {
	/* .title = */ "Cap'n Proto RPC, Unix socket",
	/* .can_spin = */ false,
	/* .prepare = */ nullptr,
	/* .serve = */ serve,
	/* .end = */ nullptr,
	/* .connect = */ join,
	/* .call = */ call,
	/* .post = */ post,
	/* .close = */ leave,
	/* .clean = */ clean,
};
