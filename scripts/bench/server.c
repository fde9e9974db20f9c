// server: servers on epoll in C, to compare the steps to.
//
//   server echo --port PORT      sends bytes back at once, from the memory that they arrived in
//   server lines --port PORT     sends each whole line back, by way of a read buffer and a write buffer
//   server chat --port PORT      sends each whole line to each of the others at once, by a send() of its own
//   server gathered --port PORT  a chat that sends at the end of a tick: one send() for each client, as in select11

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_EVENTS 1024
#define LARGE_PIECE 65536 // what an echo or a chat receives at most in one call
#define SMALL_PIECE 4096

struct buffer {
  char *bytes;
  size_t length;
  size_t capacity;
};

struct client {
  int fd;
  uint32_t interest;
  struct buffer in;
  struct buffer out;
};

static enum { ECHO, LINES, CHAT, GATHERED } mode;
static int selector;
static int listener;
static struct client **users; // of a chat
static int count;

static void die(const char *action) {
  fprintf(stderr, "Cannot %s: %s\n", action, strerror(errno));
  exit(1);
}

static void *must(void *memory) {
  if (memory == NULL) die("allocate memory");
  return memory;
}

static bool would_block(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

/** Makes room for so many bytes more. */
static void reserve(struct buffer *buffer, size_t more) {
  if (buffer->length + more <= buffer->capacity) return;
  buffer->capacity = 2 * buffer->length + more;
  buffer->bytes = must(realloc(buffer->bytes, buffer->capacity));
}

static void append(struct buffer *buffer, const char *bytes, size_t length) {
  reserve(buffer, length);
  memcpy(buffer->bytes + buffer->length, bytes, length);
  buffer->length += length;
}

/** Takes so many bytes away from the front. */
static void consume(struct buffer *buffer, size_t length) {
  buffer->length -= length;
  memmove(buffer->bytes, buffer->bytes + length, buffer->length);
}

static void control(int operation, int fd, uint32_t events, void *data) {
  struct epoll_event event = {.events = events, .data = {.ptr = data}};
  if (epoll_ctl(selector, operation, fd, &event) < 0) die("register a descriptor");
}

static void enter(int fd) {
  struct client *client = must(calloc(1, sizeof *client));
  *client = (struct client){.fd = fd, .interest = EPOLLIN};
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  control(EPOLL_CTL_ADD, fd, EPOLLIN, client);
  if (mode < CHAT) return;
  users = must(realloc(users, (count + 1) * sizeof *users));
  users[count++] = client;
}

static void accept_all(void) {
  int fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) enter(fd);
  if (errno == EMFILE || errno == ENFILE) die("accept"); // The client stays in the queue, and the loop would spin.
}

/** Closes a connection. The kernel takes a closed descriptor out of the selector. */
static void drop(struct client *client) {
  for (int i = 0; i < count; i++) {
    if (users[i] == client) users[i] = users[--count];
  }
  close(client->fd);
  free(client->in.bytes);
  free(client->out.bytes);
  free(client);
}

/** Sets the interest. With unsent bytes, that is writing alone; in a chat, reading and writing. */
static void choose_interest(struct client *client) {
  uint32_t busy = mode < CHAT ? EPOLLOUT : EPOLLIN | EPOLLOUT;
  uint32_t interest = client->out.length > 0 ? busy : EPOLLIN;
  if (interest == client->interest) return;
  client->interest = interest;
  control(EPOLL_CTL_MOD, client->fd, interest, client);
}

/** Sends what the kernel takes, and keeps the rest. If the connection has failed, its next event reports it. */
static void send_or_keep(struct client *client, const char *bytes, size_t length) {
  ssize_t sent = client->out.length == 0 && mode != GATHERED ? send(client->fd, bytes, length, MSG_NOSIGNAL) : 0;
  if (sent == (ssize_t)length || (sent < 0 && !would_block())) return;
  if (sent < 0) sent = 0;
  append(&client->out, bytes + sent, length - sent);
  if (mode != GATHERED) choose_interest(client);
}

/** Sends the kept bytes. */
static void flush(struct client *client) {
  struct buffer *out = &client->out;
  ssize_t sent = out->length > 0 ? send(client->fd, out->bytes, out->length, MSG_NOSIGNAL) : 0;
  if (sent < 0 && !would_block()) return;
  if (sent > 0) consume(out, sent);
  choose_interest(client);
}

static void take_line(struct client *client, const char *line, size_t length) {
  if (mode == LINES) return append(&client->out, line, length);
  for (int i = 0; i < count; i++) {
    if (users[i] != client) send_or_keep(users[i], line, length);
  }
}

/** Takes the whole lines out of the buffer. The bytes before `searched` contain no end of a line. */
static void split(struct client *client, size_t searched) {
  struct buffer *in = &client->in;
  size_t begin = 0;
  char *end;
  while ((end = memchr(in->bytes + searched, '\n', in->length - searched)) != NULL) {
    searched = end + 1 - in->bytes;
    take_line(client, in->bytes + begin, searched - begin);
    begin = searched;
  }
  if (begin > 0) consume(in, begin);
}

static void readable(struct client *client) {
  static char scratch[LARGE_PIECE];
  size_t piece = mode == LINES ? SMALL_PIECE : LARGE_PIECE;
  size_t searched = client->in.length;
  if (mode != ECHO) reserve(&client->in, piece);
  ssize_t received = recv(client->fd, mode == ECHO ? scratch : client->in.bytes + searched, piece, 0);
  if (received < 0 && would_block()) return;
  if (received <= 0) return drop(client);
  if (mode == ECHO) return send_or_keep(client, scratch, received);
  client->in.length += received;
  split(client, searched);
  if (mode == LINES) flush(client);
}

/** Listens, prints the address, and watches the listener: its events have NULL for data. */
static void set_up(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);

  listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  if (bind(listener, (struct sockaddr *)&address, size) < 0) die("bind");
  if (listen(listener, 4096) < 0) die("listen");
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  fflush(stdout);

  selector = epoll_create1(EPOLL_CLOEXEC);
  if (selector < 0) die("make a selector");
  control(EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
}

int main(int argc, char **argv) {
  static const char *modes[] = {"echo", "lines", "chat", "gathered"};
  struct epoll_event events[MAX_EVENTS];
  while (mode <= GATHERED && (argc != 4 || strcmp(argv[1], modes[mode]) != 0)) mode++;
  if (mode > GATHERED) {
    fprintf(stderr, "Usage: %s echo|lines|chat|gathered --port PORT\n", argv[0]);
    return 1;
  }
  set_up(atoi(argv[3]));
  while (true) {
    int ready = epoll_wait(selector, events, MAX_EVENTS, -1);
    if (ready < 0 && errno != EINTR) die("wait");
    for (int i = 0; i < ready; i++) {
      struct client *client = events[i].data.ptr;
      if (client == NULL) {
        accept_all();
        continue;
      }
      if (events[i].events & EPOLLOUT) flush(client);
      if (events[i].events & ~EPOLLOUT) readable(client);
    }
    for (int i = 0; i < count && mode == GATHERED; i++) {
      if (users[i]->out.length > 0 && users[i]->interest == EPOLLIN) flush(users[i]);
    }
  }
}
