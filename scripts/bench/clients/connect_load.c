// connect_load: clients that connect, say a line, get it back, and leave, each followed by the next.
//
//   connect_load PORT CLIENTS SECONDS SIZE
//
// CLIENTS are there at a time, and each says a line of SIZE bytes, with its \n. A client ends its half of the connection, and
// is done when the server has ended the other. Prints {"connections":N,"seconds":S}, or one line on stderr if an answer is
// missing or wrong; then the exit code is 1.

#include "client.h"

#define LEAST 20 // connections that are counted, however long they take
#define LARGEST 4096 // fits any send buffer, so a send is never partial

#define FIRST_SOURCE 0x7f000002 // 127.0.0.2
#define SOURCES 250

struct client {
  int fd;
  bool asked;
  size_t received;
};

static int selector;
static size_t size;
static char message[LARGEST];
static int present;
static long finished;

/**
 * A client who has left keeps its port for a minute (TIME_WAIT), and an address has only 28,000 of them for a server. So
 * they come from many: all of 127.0.0.0/8 is this machine. The port is chosen by connect(), because bind() would want one
 * that nobody uses for anything.
 */
static void bind_source(int fd) {
  static int connections;
  struct sockaddr_in source = {.sin_family = AF_INET};
  source.sin_addr.s_addr = htonl(FIRST_SOURCE + connections++ % SOURCES);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
  if (bind(fd, (struct sockaddr *)&source, sizeof source) < 0) die("connect to", strerror(errno));
}

static void enter(struct client *client) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("connect to", strerror(errno));
  bind_source(fd);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
    die("connect to", strerror(errno));
  *client = (struct client){.fd = fd};
  watch(selector, fd, EPOLLIN | EPOLLOUT, client);
  present++;
}

static void ask(struct client *client) {
  ssize_t sent = send(client->fd, message, size, MSG_NOSIGNAL);
  if (sent < 0) die("send to", strerror(errno));
  if ((size_t)sent < size) die("send to", "no room for a line");
  client->asked = true;
}

/** Receives what there is. Says goodbye when the line is back, and is done when the server has said so too. */
static void receive(struct client *client) {
  char bytes[LARGEST + 1]; // one more than is due, so that too much is seen
  while (true) {
    size_t due = size - client->received;
    ssize_t received = recv(client->fd, bytes, due + 1, 0);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (received < 0) die("receive from", strerror(errno));
    if (received == 0 && due > 0) die("receive from", "the server has closed the connection");
    if (received == 0) break;
    if ((size_t)received > due) die("receive from", "more came back than was sent");
    if (memcmp(bytes, message + client->received, received) != 0)
      die("receive from", "what came back is not what was sent");
    client->received += received;
    if (client->received == size) shutdown(client->fd, SHUT_WR);
  }
  close(client->fd);
  client->fd = -1;
  present--;
  finished++;
}

/** Deals with what happens next, whoever it happens to. Where somebody has left, the next one may come. */
static void turn(bool next) {
  struct epoll_event events[MAX_EVENTS];
  int ready = epoll_wait(selector, events, MAX_EVENTS, PATIENCE * 1000);
  if (ready == 0) die("receive from", "no answer");
  for (int i = 0; i < ready; i++) {
    struct client *client = events[i].data.ptr;
    if (events[i].events & EPOLLOUT && !client->asked) ask(client);
    if (events[i].events & ~EPOLLOUT) receive(client);
    if (client->fd < 0 && next) enter(client);
  }
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "Usage: %s PORT CLIENTS SECONDS SIZE\n", argv[0]);
    return 1;
  }
  port = number(argv[1], "PORT", 1, 65535);
  int count = number(argv[2], "CLIENTS", 1, MAX_EVENTS);
  double seconds = number(argv[3], "SECONDS", 0.01, 3600);
  size = number(argv[4], "SIZE", 1, LARGEST);
  for (size_t i = 0; i < size; i++) message[i] = i + 1 == size ? '\n' : 'a' + i % 26;
  selector = epoll_create1(EPOLL_CLOEXEC);

  static struct client clients[MAX_EVENTS];
  for (int i = 0; i < count; i++) enter(&clients[i]);
  double begin = now();
  while (now() < begin + warm_up(seconds)) turn(true);
  begin = now();
  finished = 0;
  while (now() < begin + seconds || finished < LEAST) turn(true);
  printf("{\"connections\":%ld,\"seconds\":%.6f}\n", finished, now() - begin);
  while (present > 0) turn(false); // Then the server is at rest, and the next turn is another's.
}
