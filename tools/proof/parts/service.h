/* SPDX-License-Identifier: MIT */
/*
 * The server that a proof measures: a process of its own, or threads of this
 * one.  Whatever fails ends the program with a sentence on standard error.
 */
#ifndef FASTIPC_PROOF_SERVICE_H
#define FASTIPC_PROOF_SERVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>
#include <sys/types.h>

#include <fastipc/server.h>

struct service_options {
	bool within;	       /* this process, not another */
	int cpu;	       /* of its threads; -1: any */
	const char *transport; /* "auto", "memfd" or "kmod" */
	struct fastipc_server_options server;
	/* Adds the handlers, in the server's process. */
	int (*add)(struct fastipc_server *server, void *context);
	void *context;
};

struct service {
	char address[96];
	clockid_t cpu_clock; /* of its process */
	pid_t pid;	     /* 0: within this one */
	/* How it is ended. */
	struct service *next;
	char directory[32];
	pthread_t thread;
	struct fastipc_server *server; /* if within */
};

/* Say why and exit; @error is a negative errno of the library's, or 0. */
void fail(int error, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));

/* Defaults: another process, any CPU, "auto", the library's server options. */
void service_options_init(struct service_options *options);
/* Start it and wait until it listens.  There may be several; what is left of
 * them when the program ends is ended, too. */
void service_start(struct service *service,
		   const struct service_options *options);
void service_stop(struct service *service);

#endif
