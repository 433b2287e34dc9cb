// SPDX-License-Identifier: MIT
/*
 * gRPC over a Unix socket: the synchronous server and stub; unary calls, one
 * way a stream of the client's.
 */
#include <grpcpp/grpcpp.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "echo.grpc.pb.h"
#include "peers.h"

static const struct peer_config *served;
static std::unique_ptr<peers::Echo::Stub> stub;
static peers::Message request;
static peers::Message response;
static struct peer_count count;

/* One stream of posts, from the first to the next confirmation. */
static std::unique_ptr<grpc::ClientContext> stream_context;
static std::unique_ptr<grpc::ClientWriter<peers::Message>> stream;
static peers::Count confirmed;

class Service final : public peers::Echo::Service
{
	grpc::Status Call(grpc::ServerContext *, const peers::Message *from,
			  peers::Message *to) override
	{
		const void *answer;
		std::size_t size;

		peer_take(served, from->data().data(), from->data().size(),
			  &answer, &size);
		to->set_data(answer, size);
		return grpc::Status::OK;
	}

	grpc::Status Post(grpc::ServerContext *,
			  grpc::ServerReader<peers::Message> *reader,
			  peers::Count *to) override
	{
		const void *answer;
		struct peer_count now;
		std::size_t size;
		std::string ask(served->size, '\xff'); /* PEER_CONFIRM */

		while (reader->Read(&one))
			peer_take(served, one.data().data(), one.data().size(),
				  &answer, &size);
		peer_take(served, ask.data(), ask.size(), &answer, &size);
		std::memcpy(&now, answer, sizeof(now));
		to->set_count(now.count);
		to->set_wrong(now.wrong);
		return grpc::Status::OK;
	}

	peers::Message one;
};

static std::string address(const struct peer_config *config)
{
	return "unix:" + std::string(config->directory) + "/s";
}

static int serve(const struct peer_config *config)
{
	grpc::ServerBuilder builder;
	Service service;

	served = config;
	builder.AddListeningPort(address(config),
				 grpc::InsecureServerCredentials());
	builder.RegisterService(&service);
	std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
	if (!server)
		return peer_fail(EIO, "BuildAndStart");
	peer_ready();
	server->Wait();
	return 0;
}

static int join(const struct peer_config *config)
{
	stub = peers::Echo::NewStub(grpc::CreateChannel(
		address(config), grpc::InsecureChannelCredentials()));
	return 0;
}

static int failed(const grpc::Status &status)
{
	return peer_fail(EIO, status.error_message().c_str());
}

static int confirm(const void **reply)
{
	grpc::Status status;

	stream->WritesDone();
	status = stream->Finish();
	stream.reset();
	if (!status.ok())
		return failed(status);
	count.count = confirmed.count();
	count.wrong = confirmed.wrong();
	*reply = &count;
	return 0;
}

static int call(const void *data, std::size_t size, std::size_t expected,
		const void **reply)
{
	grpc::ClientContext context;
	grpc::Status status;

	if (stream)
		return confirm(reply);
	request.set_data(data, size);
	status = stub->Call(&context, request, &response);
	if (!status.ok())
		return failed(status);
	*reply = response.data().data();
	return response.data().size() == expected
		       ? 0
		       : peer_fail(EPROTO, "its size");
}

static int post(const void *data, std::size_t size, bool)
{
	if (!stream) {
		stream_context = std::make_unique<grpc::ClientContext>();
		stream = stub->Post(stream_context.get(), &confirmed);
	}
	request.set_data(data, size);
	return stream->Write(request) ? 0 : peer_fail(EPIPE, "Write");
}

static void leave()
{
	stub.reset();
}

static void clean(const struct peer_config *config)
{
	std::remove((std::string(config->directory) + "/s").c_str());
}

const struct peer_ops peer_ops = {
	/* .title = */ "gRPC " GRPC_CPP_VERSION_STRING ", Unix socket",
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
