"""The web server: ``GET /health`` and ``GET /price?item=tea&currency=EUR``, answers in JSON."""

import json
import os
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from price_service.price import UnknownRequestError, price

Answer = tuple[HTTPStatus, dict[str, str]]


def answer(target: str) -> Answer:
    """What a request for ``target`` (path and query) is told."""
    parts = urlsplit(target)
    if parts.path == "/health":
        return HTTPStatus.OK, {"status": "ok"}
    if parts.path != "/price":
        return HTTPStatus.NOT_FOUND, {"error": "there are /health and /price"}
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    item, currency = query.get("item", ""), query.get("currency", "")
    try:
        amount = price(item, currency)
    except UnknownRequestError as unknown:
        return HTTPStatus.BAD_REQUEST, {"error": str(unknown)}
    return HTTPStatus.OK, {"item": item, "currency": currency, "price": amount}


class Handler(BaseHTTPRequestHandler):
    """One request at a time; a defect of the code is an answer 500, not a lost connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a GET request; the name is the one that http.server calls."""
        try:
            status, body = answer(self.path)
        except Exception:  # noqa: BLE001 - the outermost place: any defect is the client's 500
            self.log_error("failed to answer %s", self.path)
            status, body = HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "internal error"}
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: whoever routes the requests counts them; the log is for what went wrong."""


def main() -> None:
    """Serve on the loopback address until the process is ended."""
    port = int(os.environ["BAKEGATE_PORT"])
    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
