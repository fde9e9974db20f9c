"""Servers in Python, to compare the steps to.

server.py threads --port PORT    echo, with a thread for each client: thread4 in Python
server.py selectors --port PORT  echo, by the same loop as in C, with the same care for a partial send
server.py asyncio --port PORT    echo, by a Protocol, which is quicker than streams
server.py chat --port PORT       a chat on asyncio's streams, as it is usually written
"""

import signal
import socket
import sys

users = set()


def listen():
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    announce(listener)
    return listener


def announce(listener):
    """Call this after all imports: they are a part of the time that the server takes to start."""
    print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)


def threads():
    import threading

    listener = listen()
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=[client], daemon=True).start()


def serve(client):
    with client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while received := client.recv(4096):
            client.sendall(received)


def selectors():
    from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector

    selector = DefaultSelector()

    def accept(listener):
        try:
            client, _ = listener.accept()
        except OSError:
            return  # the client has disconnected already
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(client, EVENT_READ, readable)

    def readable(client):
        received = client.recv(65536)
        if not received:
            return drop(client)
        try:
            sent = client.send(received)
        except BlockingIOError:
            sent = 0
        if sent < len(received):
            keep(client, memoryview(received)[sent:])

    def keep(client, rest):
        """Until the rest is sent, the server reads nothing from the client."""
        selector.modify(client, EVENT_WRITE, lambda client: writable(client, rest))

    def writable(client, rest):
        rest = rest[client.send(rest) :]
        if rest:
            keep(client, rest)
        else:
            selector.modify(client, EVENT_READ, readable)

    def drop(client):
        selector.unregister(client)
        client.close()

    listener = listen()
    listener.setblocking(False)
    selector.register(listener, EVENT_READ, accept)
    while True:
        for key, _ in selector.select():
            try:
                key.data(key.fileobj)
            except BlockingIOError:
                pass
            except OSError:
                drop(key.fileobj)


def asyncio(chats=False):
    import asyncio

    class Echo(asyncio.Protocol):  # TCP_NODELAY is on by default
        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            self.transport.write(data)

        def pause_writing(self):  # the client does not read: so the server does not read from it either
            self.transport.pause_reading()

        def resume_writing(self):
            self.transport.resume_reading()

    async def main():
        if chats:
            server = await asyncio.start_server(converse, "127.0.0.1", port, backlog=4096)
        else:
            server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port, backlog=4096)
        announce(server.sockets[0])
        await server.serve_forever()

    asyncio.run(main())


def chat():
    asyncio(chats=True)


async def converse(reader, writer):
    users.add(writer)
    try:
        async for line in reader:
            for other in users:
                if other is not writer:
                    other.write(line)  # without drain(): one client that does not read would stop all the others
    except (OSError, ValueError):
        pass  # the client has disconnected, or sent a line that is too long
    finally:
        users.discard(writer)
        writer.close()


signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends the process without a traceback
modes = {"threads": threads, "selectors": selectors, "asyncio": asyncio, "chat": chat}
if len(sys.argv) != 4 or sys.argv[1] not in modes:
    sys.exit("Usage: server.py threads|selectors|asyncio|chat --port PORT")
port = int(sys.argv[3])
modes[sys.argv[1]]()
