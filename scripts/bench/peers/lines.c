// lines: each whole line is sent back, by way of a read buffer and a write buffer. The reference of the lines table.

#include "server.h"
#include "buffer.h"

#define PIECE 4096
#define LONGEST_LINE (1 << 20)

struct client {
  int fd;
  uint32_t interest;
  struct buffer in;
  struct buffer out;
};

static void drop(struct client *client) {
  close_client(client->fd);
  free(client->in.bytes);
  free(client->out.bytes);
  free(client);
}

static void accept_all(void) {
  int fd;
  while ((fd = accept_client()) >= 0) {
    struct client *client = must(calloc(1, sizeof *client));
    client->fd = fd;
    client->interest = EPOLLIN;
    control(EPOLL_CTL_ADD, fd, EPOLLIN, client);
  }
}

/** Sends what the kernel takes. While something is left, the client is not read. */
static void flush(struct client *client) {
  if (client->out.length > 0) {
    ssize_t sent = send(client->fd, client->out.bytes, client->out.length, MSG_NOSIGNAL);
    if (sent < 0 && !would_block()) return drop(client);
    if (sent > 0) consume(&client->out, sent);
  }
  uint32_t interest = client->out.length > 0 ? EPOLLOUT : EPOLLIN;
  if (interest == client->interest) return;
  client->interest = interest;
  control(EPOLL_CTL_MOD, client->fd, interest, client);
}

/** Moves the whole lines from one buffer to the other. Up to `searched` there is known to be no end of a line. */
static void split(struct client *client, size_t searched) {
  struct buffer *in = &client->in;
  size_t begin = 0;
  char *end;
  while ((end = memchr(in->bytes + searched, '\n', in->length - searched)) != NULL) {
    searched = end + 1 - in->bytes;
    append(&client->out, in->bytes + begin, searched - begin);
    begin = searched;
  }
  if (begin > 0) consume(in, begin);
}

static void readable(struct client *client) {
  struct buffer *in = &client->in;
  reserve(in, PIECE);
  ssize_t received = recv(client->fd, in->bytes + in->length, PIECE, 0);
  if (received < 0 && would_block()) return;
  if (received <= 0) return drop(client);
  size_t searched = in->length;
  in->length += received;
  split(client, searched);
  if (in->length > LONGEST_LINE) return drop(client);
  flush(client);
}

int main(int argc, char **argv) {
  struct epoll_event events[MAX_EVENTS];
  set_up(argc, argv);
  while (true) {
    int count = wait_for_events(events);
    for (int i = 0; i < count; i++) {
      struct client *client = events[i].data.ptr;
      if (client == NULL) accept_all();
      else if (client->interest == EPOLLOUT) flush(client);
      else readable(client);
    }
  }
}
