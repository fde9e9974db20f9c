// load: busy connections, each of which sends a message, waits until all of it is back, and sends the next.
//
//   load PORT BUSY SECONDS SIZE IDLE
//
// SIZE is that of a message in bytes, with its \n. IDLE connections are opened first and then say nothing. Prints
// {"messages":N,"seconds":S,"all":N}, where all are those and the ones of the warm-up, or one line on stderr if an answer is
// missing or wrong; then the exit code is 1.

#include "client.h"

#define BATCH 64
#define LARGEST 4096 // fits any send buffer, so a send is never partial

struct connection {
  int fd;
  size_t received; // of the message that is under way
};

static size_t size;
static char message[LARGEST];

static void send_message(int fd) {
  ssize_t sent = send(fd, message, size, MSG_NOSIGNAL);
  if (sent < 0) die("send to", strerror(errno));
  if ((size_t)sent < size) die("send to", "no room for a message");
}

/** Receives what there is. Returns whether the message is back as a whole; then the next one may begin. */
static int receive(struct connection *connection, int flags) {
  static char bytes[LARGEST + 1]; // one more than is due, so that too much is seen
  size_t due = size - connection->received;
  ssize_t received = recv(connection->fd, bytes, due + 1, flags);
  if (received < 0 && (errno == EAGAIN || errno == EINTR) && flags) return 0;
  if (received < 0) die("receive from", errno == EAGAIN ? "no answer" : strerror(errno));
  if (received == 0) die("receive from", "the server has closed the connection");
  if ((size_t)received > due) die("receive from", "more came back than was sent");
  if (memcmp(bytes, message + connection->received, received) != 0)
    die("receive from", "what came back is not what was sent");
  connection->received = (size_t)received == due ? 0 : connection->received + received;
  return connection->received == 0;
}

/**
 * Opens connections. The last of each batch has a message echoed: by then the server has accepted those before it, so
 * its backlog never overflows, which would cost a second.
 */
static struct connection *open_connections(int count) {
  struct connection *connections = calloc(count + 1, sizeof *connections);
  if (connections == NULL) die("connect to", "no memory");
  for (int i = 0; i < count; i++) {
    connections[i].fd = open_connection();
    if ((i + 1) % BATCH != 0 && i + 1 != count) continue;
    send_message(connections[i].fd);
    while (!receive(&connections[i], 0)) continue;
  }
  return connections;
}

/** Answers each message with the next until the time has come. Returns how many came back. */
static long exchange(int selector, double until) {
  struct epoll_event events[MAX_EVENTS];
  long messages = 0;
  for (double left = until - now(); left > 0; left = until - now()) {
    int count = epoll_wait(selector, events, MAX_EVENTS, (int)(left * 1000) + 1);
    for (int i = 0; i < count; i++) {
      struct connection *connection = events[i].data.ptr;
      if (!receive(connection, MSG_DONTWAIT)) continue;
      messages++;
      send_message(connection->fd);
    }
  }
  return messages;
}

/** Begins on all connections, lets them warm up, and counts. */
static void run(struct connection *connections, int count, double seconds) {
  int selector = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < count; i++) {
    watch(selector, connections[i].fd, EPOLLIN, &connections[i]);
    send_message(connections[i].fd);
  }
  long warm = exchange(selector, now() + warm_up(seconds));
  double begin = now();
  long messages = exchange(selector, begin + seconds);
  // On a busy machine, a short time may be one in which the server had no turn at all.
  while (messages == 0 && now() < begin + PATIENCE) messages = exchange(selector, now() + seconds);
  seconds = now() - begin;
  if (messages == 0) die("receive from", "no answer");
  printf("{\"messages\":%ld,\"seconds\":%.6f,\"all\":%ld}\n", messages, seconds, warm + messages);
  close(selector);
}

/** A reset leaves nothing behind, where a proper end keeps the port for a minute: with thousands they run out. */
static void reset(struct connection *connections, int count) {
  struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  for (int i = 0; i < count; i++) {
    setsockopt(connections[i].fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(connections[i].fd);
  }
}

/**
 * Receives the last answers, and waits until the server has closed too: it then is at rest, and the next turn is
 * another's.
 */
static void end(struct connection *connections, int count) {
  static char bytes[LARGEST];
  for (int i = 0; i < count; i++) shutdown(connections[i].fd, SHUT_WR);
  for (int i = 0; i < count; i++) {
    size_t due = size - connections[i].received;
    ssize_t received;
    while ((received = recv(connections[i].fd, bytes, sizeof bytes, 0)) > 0) due -= received;
    if (received < 0) die("end with", errno == EAGAIN ? "it does not close" : strerror(errno));
    if (due != 0) die("end with", "the last answer is missing, or too long");
    close(connections[i].fd);
  }
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "Usage: %s PORT BUSY SECONDS SIZE IDLE\n", argv[0]);
    return 1;
  }
  port = number(argv[1], "PORT", 1, 65535);
  int busy = number(argv[2], "BUSY", 1, 100000);
  double seconds = number(argv[3], "SECONDS", 0.01, 3600);
  size = number(argv[4], "SIZE", 1, LARGEST);
  int idle = number(argv[5], "IDLE", 0, 100000);
  for (size_t i = 0; i < size; i++) message[i] = i + 1 == size ? '\n' : 'a' + i % 26;

  allow_descriptors();
  struct connection *sleepers = open_connections(idle);
  struct connection *connections = open_connections(busy);
  run(connections, busy, seconds);
  reset(sleepers, idle);
  end(connections, busy);
}
