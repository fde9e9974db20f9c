"""A chat on asyncio's streams, as it is usually written: each line is written to each of the others."""

import asyncio
import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a word

users = set()


async def serve(reader, writer):
    users.add(writer)
    try:
        async for line in reader:
            for other in users:
                if other is not writer:
                    other.write(line)  # nobody waits for drain(): one who does not read would stop all the others
    except (OSError, ValueError):
        pass  # it has left, or says a line that is too long
    finally:
        users.discard(writer)
        writer.close()


async def main(port):
    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=4096)
    print("listening on 127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if len(sys.argv) != 3 or sys.argv[1] != "--port":
    sys.exit("Usage: chat_asyncio.py --port PORT")
asyncio.run(main(int(sys.argv[2])))
