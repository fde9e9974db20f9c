// chat: each whole line is sent to each of the others at once, by a send() of its own. The reference of the chat table.

#include "server.h"
#include "buffer.h"

#define PIECE 65536
#define LONGEST_LINE (1 << 20)

struct user {
  int fd;
  int place; // among the users
  bool waiting; // for room to send what is in `out`
  struct buffer in;
  struct buffer out;
};

static struct user **users;
static int count;
static int capacity;

static void enter(int fd) {
  if (count == capacity) {
    capacity = 2 * capacity + 64;
    users = must(realloc(users, capacity * sizeof *users));
  }
  struct user *user = must(calloc(1, sizeof *user));
  user->fd = fd;
  user->place = count;
  users[count++] = user;
  control(EPOLL_CTL_ADD, fd, EPOLLIN, user);
}

static void leave(struct user *user) {
  struct user *last = users[--count];
  users[last->place = user->place] = last;
  close_client(user->fd);
  free(user->in.bytes);
  free(user->out.bytes);
  free(user);
}

static void wait_for_room(struct user *user, bool waiting) {
  if (waiting == user->waiting) return;
  user->waiting = waiting;
  control(EPOLL_CTL_MOD, user->fd, waiting ? EPOLLIN | EPOLLOUT : EPOLLIN, user);
}

#ifndef GATHERED
#define GATHERED false
#endif

/** Sends at once, unless something is waiting already. What the kernel does not take is kept. */
static void tell(struct user *user, const char *line, size_t length) {
  ssize_t sent = 0;
  if (!user->waiting && !GATHERED) sent = send(user->fd, line, length, MSG_NOSIGNAL);
  if (sent == (ssize_t)length) return;
  if (sent < 0 && !would_block()) return; // It is gone, and leaves when its own event says so.
  if (sent < 0) sent = 0;
  append(&user->out, line + sent, length - sent);
  if (!GATHERED) wait_for_room(user, true);
}

static void say(struct user *user, const char *line, size_t length) {
  for (int i = 0; i < count; i++) {
    if (users[i] != user) tell(users[i], line, length);
  }
}

static void readable(struct user *user) {
  struct buffer *in = &user->in;
  reserve(in, PIECE);
  ssize_t received = recv(user->fd, in->bytes + in->length, PIECE, 0);
  if (received < 0 && would_block()) return;
  if (received <= 0) return leave(user);
  size_t searched = in->length;
  size_t begin = 0;
  char *end;
  in->length += received;
  while ((end = memchr(in->bytes + searched, '\n', in->length - searched)) != NULL) {
    searched = end + 1 - in->bytes;
    say(user, in->bytes + begin, searched - begin);
    begin = searched;
  }
  if (begin > 0) consume(in, begin);
  if (in->length > LONGEST_LINE) leave(user);
}

static void writable(struct user *user) {
  struct buffer *out = &user->out;
  ssize_t sent = send(user->fd, out->bytes, out->length, MSG_NOSIGNAL);
  // If it says neither, the user is gone, and leaves when there is something to read.
  if (sent < 0 && !would_block()) return;
  if (sent > 0) consume(out, sent);
  wait_for_room(user, out->length > 0);
}

int main(int argc, char **argv) {
  struct epoll_event events[MAX_EVENTS];
  set_up(argc, argv);
  while (true) {
    int ready = wait_for_events(events);
    for (int i = 0; i < ready; i++) {
      struct user *user = events[i].data.ptr;
      int fd;
      if (user == NULL) {
        while ((fd = accept_client()) >= 0) enter(fd);
        continue;
      }
      if (events[i].events & EPOLLOUT) writable(user);
      if (events[i].events & ~EPOLLOUT) readable(user);
    }
    if (!GATHERED) continue;
    for (int i = 0; i < count; i++) {
      if (users[i]->out.length > 0 && !users[i]->waiting) writable(users[i]);
    }
  }
}
