"""Asks for Netron's page on a model, and the files that it names: ``… SCRATCH``. Ends with a sentence if that fails."""

import http.client
import re
import socket
import sys
import threading
from pathlib import Path

from belvedere.viewers.netron.program import Server


def main() -> None:
    """Run as a process of its own."""
    scratch = Path(sys.argv[1])
    (scratch / "models").mkdir()
    (scratch / "models" / "a b.onnx").write_bytes(b"model")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(scratch / "socket"))
    listener.listen()
    server = Server(listener.detach(), scratch / "models", "")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = _get(scratch, "/show/a%20b.onnx/").decode()
    scripts = re.findall(r'<script[^>]* src="([^"]+)"', page)
    if not scripts or not all(_get(scratch, f"/show/a%20b.onnx/{script}") for script in scripts):
        sys.exit("its page or its scripts are missing")
    if 'name="date"' in page or 'name="version"' in page:
        sys.exit("its page would report to its maker, and refuse to work in some months")
    if _get(scratch, "/show/a%20b.onnx/data/a%20b.onnx") != b"model":
        sys.exit("the model itself is not served")


def _get(scratch: Path, path: str) -> bytes:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(scratch / "socket"))
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return body if answer.status == 200 else b""


if __name__ == "__main__":
    main()
