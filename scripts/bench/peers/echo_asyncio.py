"""The echo server on asyncio, by a Protocol, which is quicker than its streams. TCP_NODELAY is on by default."""

import asyncio
import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a word


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

    # While the client does not take what it is sent, it is not read.
    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


async def main(port):
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port, backlog=4096)
    print("listening on 127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if len(sys.argv) != 3 or sys.argv[1] != "--port":
    sys.exit("Usage: echo_asyncio.py --port PORT")
asyncio.run(main(int(sys.argv[2])))
