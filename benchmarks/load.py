"""Clients that cost little: prepared requests over connections that stay open."""

from __future__ import annotations

import http.client
import multiprocessing
import socket
import threading
import time
from collections.abc import Sequence

_Requests = Sequence[bytes]


def post_all(port: int, requests: _Requests, *, processes: int, threads: int) -> tuple[float, dict[int, int]]:
    """Send each request once, from that many connections; returns the seconds taken, and how many of each status."""
    shares = [requests[number::processes] for number in range(processes)]
    context = multiprocessing.get_context("fork")
    ready, answers = context.Barrier(processes + 1), context.SimpleQueue()
    children = [
        context.Process(target=_client, args=(port, share, threads, ready, answers)) for share in shares
    ]
    for child in children:
        child.start()
    ready.wait()
    started = time.perf_counter()
    counts: dict[int, int] = {}
    for _ in children:
        for status, count in answers.get().items():
            counts[status] = counts.get(status, 0) + count
    taken = time.perf_counter() - started
    for child in children:
        child.join()
    return taken, counts


def _client(port: int, requests: _Requests, threads: int, ready: object, answers: object) -> None:
    found: list[dict[int, int]] = [{} for _ in range(threads)]
    sockets = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(threads)]
    workers = [
        threading.Thread(target=_send, args=(sockets[number], requests[number::threads], found[number]))
        for number in range(threads)
    ]
    ready.wait()  # type: ignore[attr-defined]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    total: dict[int, int] = {}
    for counts in found:
        for status, count in counts.items():
            total[status] = total.get(status, 0) + count
    answers.put(total)  # type: ignore[attr-defined]


def _send(connection: socket.socket, requests: _Requests, counts: dict[int, int]) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection:
        for request in requests:
            connection.sendall(request)
            status = _read_status(connection)
            counts[status] = counts.get(status, 0) + 1


def _read_status(connection: socket.socket) -> int:
    """Read one answer to its end and return its status."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    response.read()
    return response.status
