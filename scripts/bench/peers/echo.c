// echo: what arrives is sent back at once, from the buffer it arrived in. The reference of the echo table.

#include "server.h"

struct client {
  int fd;
  char *rest; // what the kernel had no room for
  size_t length;
};

static char scratch[65536];

static void drop(struct client *client) {
  close_client(client->fd);
  free(client->rest);
  free(client);
}

static void accept_all(void) {
  int fd;
  while ((fd = accept_client()) >= 0) {
    struct client *client = must(calloc(1, sizeof *client));
    client->fd = fd;
    control(EPOLL_CTL_ADD, fd, EPOLLIN, client);
  }
}

/** Keeps what could not be sent. Until it is gone the client is not read: who does not take gets nothing more. */
static void keep(struct client *client, const char *bytes, size_t length) {
  client->rest = must(malloc(length));
  memcpy(client->rest, bytes, length);
  client->length = length;
  control(EPOLL_CTL_MOD, client->fd, EPOLLOUT, client);
}

static void readable(struct client *client) {
  ssize_t received = recv(client->fd, scratch, sizeof scratch, 0);
  if (received < 0 && would_block()) return;
  if (received <= 0) return drop(client);
  ssize_t sent = send(client->fd, scratch, received, MSG_NOSIGNAL);
  if (sent < 0 && !would_block()) return drop(client);
  if (sent < 0) sent = 0;
  if (sent < received) keep(client, scratch + sent, received - sent);
}

static void writable(struct client *client) {
  ssize_t sent = send(client->fd, client->rest, client->length, MSG_NOSIGNAL);
  if (sent < 0 && would_block()) return;
  if (sent < 0) return drop(client);
  client->length -= sent;
  memmove(client->rest, client->rest + sent, client->length);
  if (client->length > 0) return;
  free(client->rest);
  client->rest = NULL;
  control(EPOLL_CTL_MOD, client->fd, EPOLLIN, client);
}

int main(int argc, char **argv) {
  struct epoll_event events[MAX_EVENTS];
  set_up(argc, argv);
  while (true) {
    int count = wait_for_events(events);
    for (int i = 0; i < count; i++) {
      struct client *client = events[i].data.ptr;
      if (client == NULL) accept_all();
      else if (client->rest) writable(client);
      else readable(client);
    }
  }
}
