// What the load clients share: how they connect, and how they fail.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP 0.3
#define PATIENCE 30 // seconds that a blocking call may take
#define MAX_EVENTS 512

static int port;

static void die(const char *action, const char *cause) {
  fprintf(stderr, "Cannot %s 127.0.0.1:%d: %s\n", action, port, cause);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

/** How long to warm up, in seconds: no longer than what follows. */
static double warm_up(double seconds) { return seconds < WARM_UP ? seconds : WARM_UP; }

static void allow_descriptors(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/** Connects. Calls on the socket wait, but not for ever, unless they have MSG_DONTWAIT. */
static int open_connection(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  struct timeval patience = {.tv_sec = PATIENCE};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("connect to", strerror(errno));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience); // for connect() as well
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) die("connect to", strerror(errno));
  return fd;
}

/** Watches a socket, edge-triggered: the kernel needn't look again at what has been read, so there is less to do. */
static void watch(int selector, int fd, uint32_t events, void *data) {
  struct epoll_event event = {.events = events | EPOLLET, .data = {.ptr = data}};
  if (epoll_ctl(selector, EPOLL_CTL_ADD, fd, &event) < 0) die("wait for", strerror(errno));
}

/** A number that was typed. */
static double number(const char *text, const char *name, double least, double most) {
  char *rest;
  double value = strtod(text, &rest);
  if (*text != '\0' && *rest == '\0' && value >= least && value <= most) return value;
  fprintf(stderr, "Cannot use %s \"%s\": it is a number from %g to %g\n", name, text, least, most);
  exit(1);
}
