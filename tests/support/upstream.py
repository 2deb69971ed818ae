"""The upstream of the gateway under test: answers as the request's own headers tell it.

``python upstream.py HTTP_PORT GRPC_PORT VERSION``. Headers: ``x-test-status`` (default 200), in
seconds ``x-test-sleep`` before the answer and ``x-test-stall`` within it, ``x-test-size``, the
bytes of its body, at least, and ``x-test-heard``, a folder where it leaves the request's headers;
gRPC: the first two as metadata, with a gRPC status code (default 0), and ``x-test-arrived``, a file
to make when the call is there.
"""

import json
import sys
import time
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        time.sleep(float(self.headers.get("x-test-sleep", 0)))
        if heard := self.headers.get("x-test-heard"):
            written = Path(heard, f"{sys.argv[3]}.part")
            written.write_text(json.dumps(dict(self.headers)))
            written.rename(written.with_suffix(".json"))
        body = json.dumps({"version": sys.argv[3], "headers": dict(self.headers)}).encode()
        body = body.ljust(int(self.headers.get("x-test-size", 0)))
        self.send_response(int(self.headers.get("x-test-status", 200)))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:1])
        time.sleep(float(self.headers.get("x-test-stall", 0)))
        self.wfile.write(body[1:])

    do_GET = do_HEAD = do_POST  # noqa: N815 (the names are http.server's)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (likewise)
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Grpc(grpc.GenericRpcHandler):  # type: ignore[misc]  # gRPC ships no types
    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        told = dict(details.invocation_metadata)
        status = int(told.get("x-test-status", 0))

        def answer(_request: bytes, context: grpc.ServicerContext) -> bytes:
            if arrived := told.get("x-test-arrived"):
                Path(arrived).touch()
            time.sleep(float(told.get("x-test-sleep", 0)))
            if status:
                code = next(code for code in grpc.StatusCode if code.value[0] == status)
                context.abort(code, "as told")
            return b""

        return grpc.unary_unary_rpc_method_handler(answer)


if __name__ == "__main__":
    rpc = grpc.server(futures.ThreadPoolExecutor(4))
    rpc.add_generic_rpc_handlers((_Grpc(),))
    rpc.add_insecure_port(f"127.0.0.1:{sys.argv[2]}")
    rpc.start()
    _Server(("127.0.0.1", int(sys.argv[1])), _Handler).serve_forever()
