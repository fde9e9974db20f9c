// What the C servers share: everything but what they do with the bytes.

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

static int selector;
static int listener;
static bool full; // no descriptor is left, so the listener is not watched

static void die(const char *action) {
  fprintf(stderr, "Cannot %s: %s\n", action, strerror(errno));
  exit(1);
}

static void *must(void *memory) {
  if (memory == NULL) die("allocate memory");
  return memory;
}

static bool would_block(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

static void control(int operation, int fd, uint32_t events, void *data) {
  struct epoll_event event = {.events = events, .data = {.ptr = data}};
  if (epoll_ctl(selector, operation, fd, &event) < 0) die("register a descriptor");
}

static int read_port(int argc, char **argv) {
  char *end = "";
  long port = argc == 3 && strcmp(argv[1], "--port") == 0 ? strtol(argv[2], &end, 10) : -1;
  if (port >= 0 && port <= 65535 && *end == '\0') return port;
  fprintf(stderr, "Usage: %s --port PORT\n", argv[0]);
  exit(1);
}

/** Listens, says where, and watches the listener: its events have NULL for data. */
static void set_up(int argc, char **argv) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(read_port(argc, argv))};
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

/** The next client that waits, or -1 if none does. */
static int accept_client(void) {
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  } else if (errno == EMFILE || errno == ENFILE) {
    // The client waits on, so the listener would stay ready, and the loop would spin.
    control(EPOLL_CTL_MOD, listener, 0, NULL);
    full = true;
  }
  return fd;
}

/** Closes a client, which makes room for another. The kernel takes a closed descriptor out of the selector. */
static void close_client(int fd) {
  close(fd);
  if (full) control(EPOLL_CTL_MOD, listener, EPOLLIN, NULL);
  full = false;
}

/** Waits, for as long as it takes. */
static int wait_for_events(struct epoll_event *events) {
  int count = epoll_wait(selector, events, MAX_EVENTS, -1);
  if (count < 0 && errno != EINTR) die("wait");
  return count;
}
