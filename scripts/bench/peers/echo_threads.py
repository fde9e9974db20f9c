"""The echo server with a thread for each client: thread4 in Python."""

import signal
import socket
import sys
import threading

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a word


def serve(client):
    with client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while received := client.recv(4096):
            client.sendall(received)


if len(sys.argv) != 3 or sys.argv[1] != "--port":
    sys.exit("Usage: echo_threads.py --port PORT")
listener = socket.create_server(("127.0.0.1", int(sys.argv[2])), backlog=4096)
print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
while True:
    client, _ = listener.accept()
    threading.Thread(target=serve, args=[client], daemon=True).start()
