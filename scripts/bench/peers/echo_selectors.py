"""The echo server on Python's selectors: the same loop as in C, with the same care for a partial send."""

import selectors
import signal
import socket
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a word

selector = selectors.DefaultSelector()


def accept(listener, _):
    try:
        client, _ = listener.accept()
    except OSError:
        return  # it has left already
    client.setblocking(False)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    selector.register(client, selectors.EVENT_READ, readable)


def readable(client, _):
    try:
        received = client.recv(65536)
    except BlockingIOError:
        return
    except OSError:
        return drop(client)
    if not received:
        return drop(client)
    try:
        sent = client.send(received)
    except BlockingIOError:
        sent = 0
    except OSError:
        return drop(client)
    if sent < len(received):
        keep(client, memoryview(received)[sent:])


def keep(client, rest):
    """Until the rest is gone the client is not read: who does not take gets nothing more."""
    selector.modify(client, selectors.EVENT_WRITE, lambda client, _: writable(client, rest))


def writable(client, rest):
    try:
        rest = rest[client.send(rest) :]
    except BlockingIOError:
        return
    except OSError:
        return drop(client)
    if rest:
        keep(client, rest)
    else:
        selector.modify(client, selectors.EVENT_READ, readable)


def drop(client):
    selector.unregister(client)
    client.close()


if len(sys.argv) != 3 or sys.argv[1] != "--port":
    sys.exit("Usage: echo_selectors.py --port PORT")
listener = socket.create_server(("127.0.0.1", int(sys.argv[2])), backlog=4096)
listener.setblocking(False)
selector.register(listener, selectors.EVENT_READ, accept)
print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
while True:
    for key, events in selector.select():
        key.data(key.fileobj, events)
