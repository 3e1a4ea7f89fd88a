/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service for tests of the RPC room: methods of the public contract that do what a test asks for.
 *
 *	Getenv(key)		"value of <key>"; the key "missing" fails with ENOENT, "exists" with
 *				ALREADY_EXISTS and no errno, "ugly" with an ugly message;
 *				"n_cancelled" gives that number
 *	Stat(path)		the path comes back as error; the path "huge" makes too large an answer
 *	WriteFile(data)		fails with ERANGE unless all bytes of data equal the low byte of mode
 *	Copy(mode = n)		n messages, total_size counting up; then an end, or with the path
 *				"fail" EIO. With the path "flood": as many as are taken
 *	WaitProcess(id)		is kept: see struct test_service; the id "hold" holds back others
 *	Kill(signal)		ends the last WaitProcess that is open, with 128 + signal
 *	Sync			is kept, without a cancel function
 *	Mkdir			is not implemented
 */
#ifndef RUNVM_TEST_RPC_SERVICE_H
#define RUNVM_TEST_RPC_SERVICE_H

#include "rpc/api.h"
#include "rpc/server.h"

/**
 * struct test_service - what the service has seen
 * @waiting: the last WaitProcess that is open
 * @n_waiting: how many are
 * @n_cancelled: how many were cancelled
 * @n_calls: of Getenv
 * @flooded: messages that a Copy of "flood" could send before it was refused
 */
struct test_service {
	struct rpc_call *waiting;
	unsigned int n_waiting;
	unsigned int n_cancelled;
	unsigned int n_calls;
	unsigned int flooded;
};

/* @do_setenv: serves Setenv; NULL: not implemented. */
void test_service_add(struct rpc_server *server, struct test_service *service);
/* Answers the last WaitProcess. */
void test_service_exit(struct test_service *service, int exit_code);

#endif
