"""A Kubeflow Pipelines that only remembers: its backend cannot be run here.

It answers as version 2.17 does, as far as what is sent to it here is concerned, and keeps every
request. `served` puts it behind a real server, for KFP's own client.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

Object = dict[str, Any]
_ROOT = "/apis/v2beta1"


@dataclass(frozen=True)
class Sent:
    """One request."""

    method: str
    path: str
    asked: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Object:
        found: Object = json.loads(self.body)
        return found

    @property
    def file(self) -> str:
        """The part of a form that is the uploaded package."""
        whole = b"content-type: " + self.headers["content-type"].encode() + b"\r\n\r\n" + self.body
        (part,) = message_from_bytes(whole, policy=policy.default).iter_parts()
        disposition = str(part["content-disposition"])
        assert 'name="uploadfile"' in disposition
        assert 'filename="' in disposition
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        return content.decode()


@dataclass
class Remembering(httpx.BaseTransport):
    """The wire to it."""

    sent: list[Sent] = field(default_factory=list)
    kept: dict[str, list[Object]] = field(default_factory=dict)
    """What was made, by what it is listed under."""
    lost: int = 0
    """How many answers of the next writes that begin a run are lost."""
    faster: int = 0
    """How many of the next things that are made somebody else makes just before."""
    answer: tuple[int, Any] | None = None
    """What everything is answered instead, as JSON or as text."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        asked = Sent(
            request.method,
            request.url.path,
            dict(request.url.params),
            dict(request.headers),
            request.read(),
        )
        status, said = self.take(asked)
        if asked.method == "POST" and said.keys() & {"run_id", "recurring_run_id"} and self.lost:
            self.lost -= 1
            raise httpx.ReadError("the answer was lost")
        if isinstance(said.get("text"), str):
            return httpx.Response(status, text=said["text"])
        return httpx.Response(status, json=said)

    def take(self, asked: Sent) -> tuple[int, Object]:
        """Keep a request; status and content of its answer."""
        self.sent.append(asked)
        if self.answer:
            status, said = self.answer
            return status, said if isinstance(said, dict) else {"text": said}
        path = asked.path.partition(_ROOT)[2]
        if path == "/healthz":
            return 200, {"multi_user": True}
        if asked.method == "GET":
            return 200, self._listed(path, asked.asked)
        if path.endswith(":disable"):
            (found,) = (
                each
                for each in self.kept["recurringRuns"]
                if path == f"/recurringruns/{each['recurring_run_id']}:disable"
            )
            found["mode"] = "DISABLE"
            return 200, {}
        return self._made(path, asked)

    def _listed(self, path: str, asked: dict[str, str]) -> Object:
        key = _LISTS["/versions" if path.endswith("/versions") else path]
        found = self.kept.get(key, [])
        if told := asked.get("filter"):
            (predicate,) = json.loads(told)["predicates"]
            assert predicate["operation"] == 1
            assert predicate["key"] == "display_name"
            found = [each for each in found if each["display_name"] == predicate["stringValue"]]
        if experiment := asked.get("experiment_id"):
            found = [each for each in found if each["experiment_id"] == experiment]
        return {key: found} if found else {}

    def _made(self, path: str, asked: Sent) -> tuple[int, Object]:
        key, number = _MADE[path]
        if path == "/pipelines/upload_version":
            content: Object = {
                "display_name": asked.asked["name"],
                "pipeline_id": asked.asked["pipelineid"],
            }
        else:
            content = asked.json
        there = self.kept.setdefault(key, [])
        made = content | {number: f"{number}-{len(there) + 1}"}
        taken = key not in ("runs", "recurringRuns") and any(
            each["display_name"] == content["display_name"] for each in there
        )
        if self.faster and key not in ("runs", "recurringRuns"):
            self.faster -= 1
            there.append(made)
            taken = True
        if taken:
            return 409, {"code": 6, "message": f"{content['display_name']} already exists"}
        there.append(made)
        return 200, made

    def writes(self) -> list[Sent]:
        """What was sent that changes something."""
        return [each for each in self.sent if each.method != "GET"]


_LISTS = {
    "/pipelines": "pipelines",
    "/versions": "pipeline_versions",
    "/experiments": "experiments",
    "/runs": "runs",
    "/recurringruns": "recurringRuns",
}
_MADE = {
    "/pipelines": ("pipelines", "pipeline_id"),
    "/pipelines/upload_version": ("pipeline_versions", "pipeline_version_id"),
    "/experiments": ("experiments", "experiment_id"),
    "/runs": ("runs", "run_id"),
    "/recurringruns": ("recurringRuns", "recurring_run_id"),
}


@contextmanager
def served(wire: Remembering) -> Iterator[str]:
    """The address of a server that answers so."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            url = httpx.URL(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Sent(str(self.command), url.path, dict(url.params), headers, body)
            status, said = wire.take(asked)
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer  # noqa: N815 (names that http.server looks for)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
