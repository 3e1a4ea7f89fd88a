#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A gRPC client that nobody here wrote (grpcio) against the server of src/rpc.

usage: rpc-interop.py SOCKET PROTO_DIRECTORY SCRATCH_DIRECTORY

SOCKET is where tests/unit/test-rpc-interop serves the service of test-rpc-service.h. Reports in TAP.
"""
import os
import sys
import time
import traceback

try:
    import grpc
    from grpc_tools import protoc
except ImportError as e:
    print("1..0 # SKIP python3-grpcio and python3-grpc-tools: %s" % e)
    sys.exit(0)

SOCKET, PROTOS, SCRATCH = sys.argv[1:]
INCLUDE = os.environ.get("PROTOBUF_INCLUDE", "/usr/include")
if protoc.main(["protoc", "-I" + PROTOS, "-I" + INCLUDE, "--python_out=" + SCRATCH,
                "--grpc_python_out=" + SCRATCH, "sandbox.proto", "guest.proto"]):
    print("Bail out! no stubs")
    sys.exit(1)
sys.path.insert(0, SCRATCH)
import sandbox_pb2 as pb                # noqa: E402
import sandbox_pb2_grpc as pb_grpc      # noqa: E402
import guest_pb2                        # noqa: E402
import guest_pb2_grpc                   # noqa: E402

PATIENCE = 20
tests = []


def test(function):
    tests.append(function)
    return function


def failure(call):
    """The grpc.RpcError of a call that has to fail."""
    try:
        call()
    except grpc.RpcError as e:
        return e
    raise AssertionError("the call did not fail")


def cancelled(stub):
    return int(stub.Getenv(pb.GetenvRequest(key="n_cancelled"), timeout=PATIENCE).value)


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@test
def unary(stub):
    reply = stub.Getenv(pb.GetenvRequest(key="PATH"), timeout=PATIENCE)
    assert reply.value == "value of PATH"


@test
def without_deadline(stub):
    assert stub.Getenv(pb.GetenvRequest(key="x")).value == "value of x"


@test
def errors(stub):
    e = failure(lambda: stub.Getenv(pb.GetenvRequest(key="missing"), timeout=PATIENCE))
    assert e.code() == grpc.StatusCode.NOT_FOUND
    assert e.details() == 'variable "missing": No such file or directory'
    assert dict(e.trailing_metadata())["runvm-errno"] == "2"
    e = failure(lambda: stub.Getenv(pb.GetenvRequest(key="exists"), timeout=PATIENCE))
    assert e.code() == grpc.StatusCode.ALREADY_EXISTS
    assert "runvm-errno" not in dict(e.trailing_metadata())
    e = failure(lambda: stub.Getenv(pb.GetenvRequest(key="ugly"), timeout=PATIENCE))
    assert e.details() == "100% Müll\nin two lines", e.details()


@test
def unimplemented(stub):
    e = failure(lambda: stub.Mkdir(pb.MkdirRequest(), timeout=PATIENCE))
    assert e.code() == grpc.StatusCode.UNIMPLEMENTED
    guest = guest_pb2_grpc.GuestStub(stub.channel)
    e = failure(lambda: guest.Setup(guest_pb2.SetupRequest(), timeout=PATIENCE))
    assert e.code() == grpc.StatusCode.UNIMPLEMENTED


@test
def malformed(stub):
    call = stub.channel.unary_unary("/%s/Getenv" % SERVICE, request_serializer=None,
                                    response_deserializer=None)
    e = failure(lambda: call(b"\x0a\xff", timeout=PATIENCE))
    assert e.code() == grpc.StatusCode.INTERNAL
    several = stub.channel.stream_unary("/%s/Getenv" % SERVICE, request_serializer=None,
                                        response_deserializer=None)
    e = failure(lambda: several(iter([b"", b""]), timeout=PATIENCE))
    assert e.code() == grpc.StatusCode.UNIMPLEMENTED
    e = failure(lambda: several(iter([]), timeout=PATIENCE))
    assert e.code() == grpc.StatusCode.UNIMPLEMENTED


@test
def deadline(stub):
    before = cancelled(stub)
    e = failure(lambda: stub.WaitProcess(pb.WaitProcessRequest(id="a"), timeout=0.2))
    assert e.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    wait_for(lambda: cancelled(stub) == before + 1)


@test
def cancel(stub):
    before = cancelled(stub)
    future = stub.WaitProcess.future(pb.WaitProcessRequest(id="a"))
    cancelled(stub)
    future.cancel()
    wait_for(lambda: cancelled(stub) == before + 1)


@test
def pending(stub):
    future = stub.WaitProcess.future(pb.WaitProcessRequest(id="a"))
    wait_for(lambda: stub.Kill(pb.KillRequest(signal=9), timeout=PATIENCE).result == 0)
    assert future.result(timeout=PATIENCE).exitCode == 137


@test
def stream(stub):
    replies = stub.Copy(pb.CopyRequest(mode=1000), timeout=PATIENCE)
    assert [r.total_size for r in replies] == list(range(1000))
    assert list(stub.Copy(pb.CopyRequest(mode=0), timeout=PATIENCE)) == []


@test
def stream_error(stub):
    got = []

    def read():
        for reply in stub.Copy(pb.CopyRequest(mode=3, path="fail"), timeout=PATIENCE):
            got.append(reply.total_size)
    e = failure(read)
    assert got == [0, 1, 2]
    assert e.code() == grpc.StatusCode.UNKNOWN and e.details() == "the disk is on fire"


@test
def big(stub):
    size = 3 << 20
    stub.WriteFile(pb.WriteFileRequest(data=b"z" * size, mode=ord("z")), timeout=PATIENCE)
    assert stub.Stat(pb.StatRequest(path="y" * size), timeout=PATIENCE).error == "y" * size


@test
def too_big(stub):
    request = pb.WriteFileRequest(data=b"z" * (5 << 20), mode=ord("z"))
    e = failure(lambda: stub.WriteFile(request, timeout=PATIENCE))
    assert e.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert stub.Getenv(pb.GetenvRequest(key="x"), timeout=PATIENCE).value == "value of x"


@test
def hundreds(stub):
    calls = [stub.Getenv.future(pb.GetenvRequest(key=str(i)), timeout=PATIENCE)
             for i in range(300)]
    for i, call in enumerate(calls):
        assert call.result().value == "value of %d" % i


@test
def compressed(stub):
    e = failure(lambda: stub.Getenv(pb.GetenvRequest(key="x" * 1000), timeout=PATIENCE,
                                    compression=grpc.Compression.Gzip))
    assert e.code() == grpc.StatusCode.UNIMPLEMENTED


@test
def metadata(stub):
    many = [("x-%d" % i, "v" * 50) for i in range(60)]
    assert stub.Getenv(pb.GetenvRequest(key="x"), timeout=PATIENCE, metadata=many).value
    e = failure(lambda: stub.Getenv(pb.GetenvRequest(key="x"), timeout=PATIENCE,
                                    metadata=[("x", "v" * 20000)]))
    assert e.code() != grpc.StatusCode.OK
    assert stub.Getenv(pb.GetenvRequest(key="x"), timeout=PATIENCE).value


@test
def channels(stub):
    before = cancelled(stub)
    others = [connect() for _ in range(20)]
    waits = [other.WaitProcess.future(pb.WaitProcessRequest(id="a")) for other in others]
    for other in others:
        assert other.Getenv(pb.GetenvRequest(key="x"), timeout=PATIENCE).value
        other.channel.close()
    assert len(waits) == 20
    wait_for(lambda: cancelled(stub) == before + 20)


@test
def hold(stub):
    """What comes after a call that holds waits for its end; cancelled, it is never entered."""
    held_back = connect()
    # Connected, it sends its calls in order.
    assert held_back.Getenv(pb.GetenvRequest(key="x"), timeout=PATIENCE).value
    holder = held_back.WaitProcess.future(pb.WaitProcessRequest(id="hold"))
    late = held_back.Getenv.future(pb.GetenvRequest(key="late"), timeout=0.2)
    held = held_back.Getenv.future(pb.GetenvRequest(key="held"), timeout=PATIENCE)
    assert late.exception(timeout=PATIENCE).code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert not held.done()
    stub.Kill(pb.KillRequest(signal=1), timeout=PATIENCE)
    assert holder.result(timeout=PATIENCE).exitCode == 129
    assert held.result(timeout=PATIENCE).value == "value of held"
    held_back.channel.close()


@test
def flood(stub):
    """The handler never yields: what it may queue is bounded, and arrives."""
    replies = list(stub.Copy(pb.CopyRequest(path="flood"), timeout=PATIENCE))
    assert 230 < len(replies) < 280, len(replies)
    assert all(r.error == "f" * 1024 for r in replies)


@test
def slow_reader(stub):
    """Large answers that nobody reads keep nothing back, and are there in the end."""
    calls = [stub.Stat.future(pb.StatRequest(path="s" * (1 << 20)), timeout=PATIENCE)
             for _ in range(20)]
    assert stub.Getenv(pb.GetenvRequest(key="x"), timeout=PATIENCE).value == "value of x"
    assert all(call.result().error == "s" * (1 << 20) for call in calls)


SERVICE = "com.apple.containerization.sandbox.v3.SandboxContext"


def connect():
    channel = grpc.insecure_channel("unix:" + SOCKET, options=[
        ("grpc.keepalive_time_ms", 100), ("grpc.http2.max_pings_without_data", 0),
        ("grpc.use_local_subchannel_pool", 1)])
    stub = pb_grpc.SandboxContextStub(channel)
    stub.channel = channel
    return stub


def main():
    stub = connect()
    failed = 0
    for number, function in enumerate(tests, 1):
        try:
            function(stub)
            print("ok %d - %s" % (number, function.__name__))
        except Exception:
            failed += 1
            for line in traceback.format_exc().splitlines():
                print("# " + line)
            print("not ok %d - %s" % (number, function.__name__))
        sys.stdout.flush()
    print("1..%d" % len(tests))
    return 1 if failed else 0


sys.exit(main())
