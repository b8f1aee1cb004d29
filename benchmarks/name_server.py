"""A name server on loopback that knows no name. It prints its port and obeys lines on its input:

answer    every question gets "no such name" (the start)
silent    questions are read and dropped, as behind a firewall
end
"""

from __future__ import annotations

import selectors
import socket
import sys

__all__ = ["main", "no_such_name"]

HEADER = 12  # octets
NO_SUCH_NAME = 0x8183  # a response, recursion desired and available, NXDOMAIN (RFC 1035 4.1.1)


def no_such_name(question: bytes) -> bytes:
    """The answer to a question with one name."""
    counts = (1).to_bytes(2, "big") + bytes(6)
    end = HEADER
    while end < len(question) and question[end]:
        end += question[end] + 1
    asked = question[HEADER : end + 5]  # the root label, type and class
    return question[:2] + NO_SUCH_NAME.to_bytes(2, "big") + counts + asked


def main() -> int:
    """Serve until told to end; says how many questions came."""
    silent = False
    questions = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        print(server.getsockname()[1], flush=True)
        with selectors.DefaultSelector() as selector:
            selector.register(server, selectors.EVENT_READ)
            selector.register(sys.stdin, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select()]
                if server in ready:
                    question, source = server.recvfrom(4096)
                    questions += 1
                    if not silent and len(question) > HEADER:
                        server.sendto(no_such_name(question), source)
                if sys.stdin in ready:
                    word = sys.stdin.readline().strip()
                    if word in ("", "end"):
                        return 0
                    silent = word == "silent"
                    print(questions, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
