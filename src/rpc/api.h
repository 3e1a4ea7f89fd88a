/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Short names for what protoc-c makes of sandbox.proto and guest.proto.
 *
 *	SANDBOX(StartProcessRequest) request = SANDBOX_INIT(START_PROCESS_REQUEST);
 *
 *	request.id = id;
 *	rpc_client_call_sync(client, SANDBOX_SERVICE, "StartProcess", &request.base, ...);
 *
 * A oneof of one field f (the contract's `optional`) has f beside an enum opt_f_case, 0 while absent.
 */
#ifndef RUNVM_RPC_API_H
#define RUNVM_RPC_API_H

#include "rpc/guest.pb-c.h"
#include "rpc/sandbox.pb-c.h"

#define SANDBOX(message)      Com__Apple__Containerization__Sandbox__V3__##message
#define SANDBOX_CONST(NAME)   COM__APPLE__CONTAINERIZATION__SANDBOX__V3__##NAME
#define SANDBOX_INIT(MESSAGE) COM__APPLE__CONTAINERIZATION__SANDBOX__V3__##MESSAGE##__INIT
#define SANDBOX_SERVICE	      (&com__apple__containerization__sandbox__v3__sandbox_context__descriptor)

#define GUEST(message)	      Runvm__Guest__V1__##message
#define GUEST_CONST(NAME)     RUNVM__GUEST__V1__##NAME
#define GUEST_INIT(MESSAGE)   RUNVM__GUEST__V1__##MESSAGE##__INIT
#define GUEST_SERVICE	      (&runvm__guest__v1__guest__descriptor)

#endif
