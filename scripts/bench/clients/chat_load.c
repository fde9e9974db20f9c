// chat_load: users who all talk at once, as fast as they are read, and hear each other.
//
//   chat_load PORT USERS LINES SIZE
//
// Each of them says LINES lines of SIZE bytes, with `SAY ` before and \n behind, and hears those of all the others, as they
// were sent or as `<name> text`; what begins with a `*` does not count. Prints
// {"deliveries":N,"lost":M,"duplicates":D,"seconds":S}: lines that have come, that have not, and that have come twice or after
// a later one of the same user. If anything else goes wrong, it is one line on stderr, and the exit code is 1.

#include "client.h"

#define SOON 10 // milliseconds in which one greeting follows the other
#define QUIET 5000 // milliseconds after which the rest is lost
#define PIECE 65536 // of what a user has to say, that much is written down at a time
#define MEMORY (1 << 18)
#define LARGEST 4096
#define LONGEST (LARGEST + 256) // of a line with somebody's name before it

// A line: "SAY 012 0000345 abcdefghijklmno\n", with who says it and the number that it has. The 0th is a greeting.
#define COMMAND 4
#define WHO 3
#define NUMBER 7
#define FILLING (WHO + 1 + NUMBER) // where it begins in the text

struct user {
  int fd;
  int who;
  int said; // the number of the last line that was put in `out`
  char out[PIECE];
  size_t sent;
  size_t length;
  char rest[LONGEST]; // the beginning of a line
  size_t kept;
  int *due; // of each user: the number of the line that comes next
};

static int selector;
static int count;
static int lines;
static size_t size;
static char filling[LARGEST];
static size_t text; // the size of what is between the command and the \n
static long heard; // greetings and lines, each once
static long duplicates;

static void write_number(char *digits, int length, int number) {
  for (; length > 0; number /= 10) digits[--length] = '0' + number % 10;
}

static int read_number(const char *digits, int length) {
  int number = 0;
  for (int i = 0; i < length; i++) number = 10 * number + digits[i] - '0';
  return number;
}

static void write_line(char *line, int who, int number) {
  memcpy(line, "SAY ", COMMAND);
  write_number(line + COMMAND, WHO, who);
  line[COMMAND + WHO] = ' ';
  write_number(line + COMMAND + WHO + 1, NUMBER, number);
  memcpy(line + COMMAND + FILLING, filling, text - FILLING);
  line[size - 1] = '\n';
}

static void greet(struct user *user) {
  char line[LARGEST];
  write_line(line, user->who, 0);
  if (send(user->fd, line, size, MSG_NOSIGNAL) != (ssize_t)size) die("send to", "no room for a line");
}

/** Says as much as the socket takes. */
static void say(struct user *user) {
  while (user->sent < user->length || user->said < lines) {
    if (user->sent == user->length) {
      user->sent = user->length = 0;
      for (; user->said < lines && user->length + size <= PIECE; user->length += size)
        write_line(user->out + user->length, user->who, ++user->said);
    }
    ssize_t sent =
        send(user->fd, user->out + user->sent, user->length - user->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (sent < 0) die("send to", strerror(errno));
    user->sent += sent;
  }
}

/** Counts a line. Its end is what was said, whatever the server has put before it. */
static void hear(struct user *user, const char *line, size_t length) {
  if (*line == '*') return;
  const char *said = line + length - text;
  if (length <= text || memcmp(said + FILLING, filling, text - FILLING) != 0)
    die("receive from", "what came is not what was said");
  unsigned who = read_number(said, WHO);
  unsigned number = read_number(said + WHO + 1, NUMBER);
  if (who >= (unsigned)count || number > (unsigned)lines) die("receive from", "what came was never said");
  int *due = &user->due[who];
  if ((int)number >= *due) {
    *due = number + 1;
    heard++;
  } else if (number > 0) { // A greeting may come twice.
    duplicates++;
  }
}

/** Receives what there is, into memory that all share. Returns how many bytes it was, -1 if there are none. */
static ssize_t receive(struct user *user, int flags) {
  static char memory[LONGEST + MEMORY];
  memcpy(memory, user->rest, user->kept);
  char *unseen = memory + user->kept;
  ssize_t received = recv(user->fd, unseen, MEMORY, flags);
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) return -1;
  if (received < 0) die("receive from", strerror(errno));
  char *line = memory;
  char *end = unseen + received;
  char *newline;
  while ((newline = memchr(unseen, '\n', end - unseen)) != NULL) {
    hear(user, line, newline - line);
    line = unseen = newline + 1;
  }
  user->kept = end - line;
  if (user->kept > LONGEST) die("receive from", "a line is too long");
  memcpy(user->rest, line, user->kept);
  return received;
}

/** Talks until so much has been heard. Returns false if nothing has come for so many milliseconds before that. */
static bool talk(long wanted, int patience) {
  struct epoll_event events[MAX_EVENTS];
  while (heard < wanted) {
    int ready = epoll_wait(selector, events, MAX_EVENTS, patience);
    if (ready == 0) return false;
    for (int i = 0; i < ready; i++) {
      struct user *user = events[i].data.ptr;
      ssize_t received = events[i].events & ~EPOLLOUT ? MEMORY : -1;
      while (received == MEMORY) received = receive(user, MSG_DONTWAIT); // less than that was all: epoll(7)
      if (received == 0) die("receive from", "the server has closed the connection");
      if (events[i].events & EPOLLOUT) say(user);
    }
  }
  return true;
}

static struct user *connect_users(void) {
  struct user *users = calloc(count, sizeof *users);
  for (int i = 0; i < count; i++) {
    if (users == NULL || (users[i].due = calloc(count, sizeof(int))) == NULL) die("connect to", "no memory");
    users[i].fd = open_connection();
    users[i].who = i;
    users[i].said = lines; // for now it has nothing to say
    users[i].due[i] = lines + 1; // and never hears itself
    watch(selector, users[i].fd, EPOLLIN | EPOLLOUT, &users[i]);
  }
  return users;
}

/**
 * Has all greet all, again and again, until each has heard each of the others, and then lets it get quiet. Who is
 * connected may still not be in, and then does not hear what is said; and not every server tells who has come.
 */
static void gather(struct user *users, long pairs) {
  for (int patience = SOON; heard < pairs; patience *= 2) {
    if (patience > 1000 * PATIENCE) die("talk to", "not everybody hears everybody");
    for (int i = 0; i < count; i++) greet(&users[i]);
    talk(pairs, patience);
  }
  talk(LONG_MAX, SOON);
}

/** Waits until the server has closed too: it then is at rest, and the next turn is another's. */
static void end(struct user *users) {
  for (int i = 0; i < count; i++) shutdown(users[i].fd, SHUT_WR);
  for (int i = 0; i < count; i++) {
    ssize_t received;
    while ((received = receive(&users[i], 0)) > 0) continue;
    if (received < 0) die("end with", "it does not close");
    close(users[i].fd);
  }
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "Usage: %s PORT USERS LINES SIZE\n", argv[0]);
    return 1;
  }
  port = number(argv[1], "PORT", 1, 65535);
  count = number(argv[2], "USERS", 2, 999);
  lines = number(argv[3], "LINES", 1, 9999999);
  size = number(argv[4], "SIZE", COMMAND + FILLING + 1, LARGEST);
  text = size - COMMAND - 1;
  for (size_t i = 0; i < text - FILLING; i++) filling[i] = i == 0 ? ' ' : 'a' + (i - 1) % 26;
  allow_descriptors();
  selector = epoll_create1(EPOLL_CLOEXEC);

  long pairs = (long)count * (count - 1);
  struct user *users = connect_users();
  gather(users, pairs);
  double begin = now();
  for (int i = 0; i < count; i++) {
    users[i].said = 0;
    say(&users[i]);
  }
  bool complete = talk(pairs + pairs * lines, QUIET);
  double seconds = now() - begin - (complete ? 0 : QUIET / 1000.0);
  long deliveries = heard - pairs;
  if (complete) end(users);
  long lost = pairs * lines - deliveries;
  printf("{\"deliveries\":%ld,\"lost\":%ld,\"duplicates\":%ld,\"seconds\":%.6f}\n", deliveries, lost, duplicates, seconds);
}
