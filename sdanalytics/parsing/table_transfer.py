"""Arrow tables over a socket, each with its size in front."""

from __future__ import annotations

import socket
from typing import Final

import pyarrow as pa

HEADER_BYTES: Final = 8
"""Bytes in front of a table: its size."""


def send_table(sock: socket.socket, table: pa.Table) -> None:
    """Send a table, its size in front."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    message = sink.getvalue()
    header = message.size.to_bytes(HEADER_BYTES)
    sock.sendall(header)
    sock.sendall(message)


def recv_table(sock: socket.socket) -> pa.Table | None:
    """Receive the next table; None when the sender has closed the connection."""
    header = _recv_exactly(sock, HEADER_BYTES)
    size = int.from_bytes(header)
    if not size:
        return None
    message = _recv_exactly(sock, size)
    stream = pa.ipc.open_stream(message)
    return stream.read_all()


def _recv_exactly(sock: socket.socket, size: int) -> memoryview:
    """Receive exactly `size` bytes, or none when the connection ends before.

    They are received by one call: after each call a thread has to wait for the interpreter,
    which it shares with one that decodes. Arrow's memory leaves no holes behind.
    """
    buffer = pa.allocate_buffer(size)
    message = rest = memoryview(buffer)
    while rest:  # again where a signal interrupted the call
        received = sock.recv_into(rest, len(rest), socket.MSG_WAITALL)
        if not received:
            return memoryview(b"")
        rest = rest[received:]
    return message
