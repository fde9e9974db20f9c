// load: the clients of npm run bench. They check each answer. A failure is one line on stderr, and exit code 1.
//
//   load messages PORT CLIENTS SIZE SECONDS [IDLE]  Each client sends a message, waits until it is back, and sends the next.
//     Before that, load opens IDLE connections, which send nothing. `all` counts the messages of the warm-up, too.
//   load visits PORT CLIENTS SIZE SECONDS  Each client connects, sends a message, and ends its half of the connection when the
//     message is back. When the server has ended its half, too, the next client follows.
//   load talk PORT CLIENTS SIZE LINES  Each client sends LINES lines, as fast as the server takes them, with `SAY ` before each.
//     It receives the lines of all others, as they were sent or as `<name> text`. A line that begins with `*` does not count.
//     `duplicates` are lines that arrived twice, or after a later line of the same client.
//   load ask PORT CLIENTS SIZE SECONDS [ATTACK]  One client asks `ECHO text` a thousand times a second, or later if it still waits
//     for an answer. `late` is the time that 99 of 100 answers take at most, in milliseconds, from when the question was due.
//     Meanwhile, a child process attacks. With `trickle`, each of CLIENTS sends a byte now and then of a line that never ends.
//     With `hoard`, each of CLIENTS asks and never reads. `flood` is a thousand connections a second, each soon reset.
//
// SIZE is the size of a message or line, in bytes, with its \n. Prints {"count":N,"seconds":S}, with "all", "late", or "lost" and
// "duplicates".

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP 0.3 // seconds, but no longer than what follows
#define PATIENCE 60 // seconds that a blocking call may take
#define MAX_EVENTS 512
#define LARGEST 4096 // fits any send buffer, so that the first send() of a message is never partial

#define BATCH 64 // connections that are opened before one of them waits for an echo
#define LEAST 20 // visits that are counted, however long they take
#define FIRST_SOURCE 0x7f000002 // 127.0.0.2
#define SOURCES 250

#define SOON 10 // milliseconds after which a greeting is repeated
#define QUIET 5000 // milliseconds without a line after which the rest is lost
#define PIECE 65536 // bytes of lines that a client has ready
#define MEMORY (1 << 18)
#define LONGEST (LARGEST + 256) // a line, with a name before it

#define PACE 1000 // microseconds after which the next attacker acts
#define AT_ONCE 10 // connections of a flood that are open at a time
#define FIRST_ACTS 8 // of each attacker, before the client asks
#define SEGMENT 1460 // bytes, as on Ethernet: for the 64 KB of loopback, the kernel has room for megabytes that are not read
#define PLENTY (512 * 1024) // bytes of questions of a client that never reads
#define ECHO 5 // the length of `ECHO `
#define EVERY 0.001 // seconds from one question to the next
#define SETTLED 1 // seconds that a server has to deal with its attackers, before answers are counted

struct client {
  int fd;
  bool asked;
  size_t received; // of the message that is under way
  size_t sent; // by an attacker
};

static int port;
static int count; // of clients
static size_t size;
static int segment; // at most, if not 0
static char message[LARGEST];
static int selector;

static void die(const char *action, const char *cause) {
  fprintf(stderr, "Cannot %s 127.0.0.1:%d: %s\n", action, port, cause);
  exit(1);
}

static void *allocate(size_t number, size_t bytes) {
  void *memory = calloc(number, bytes);
  if (memory == NULL) die("connect to", "no memory");
  return memory;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static double warm_up(double seconds) { return seconds < WARM_UP ? seconds : WARM_UP; }

/** Connects from this address. The kernel chooses the port in connect(); bind() would look for a free port. */
static int open_socket(int flags, in_addr_t source) {
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source)};
  struct timeval patience = {.tv_sec = PATIENCE};
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (fd < 0) die("connect to", strerror(errno));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience); // for connect() as well
  if (segment > 0) setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
  if (bind(fd, (struct sockaddr *)&own, sizeof own) < 0) die("connect to", strerror(errno));
  if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS)
    die("connect to", strerror(errno));
  return fd;
}

/** Watches a socket, edge-triggered: the kernel does not look again at what has been read, which is less work. */
static void watch(int fd, uint32_t events, void *data) {
  struct epoll_event event = {.events = events | EPOLLET, .data = {.ptr = data}};
  if (epoll_ctl(selector, EPOLL_CTL_ADD, fd, &event) < 0) die("wait for", strerror(errno));
}

static void send_to(int fd, const char *bytes) {
  ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
  if (sent < 0) die("send to", strerror(errno));
  if ((size_t)sent < size) die("send to", "no room for a message");
}

/** The result of recv(): how many bytes, 0 at the end of the stream, -1 if none have arrived. */
static ssize_t receive(int fd, void *bytes, size_t most, int flags) {
  ssize_t received = recv(fd, bytes, most, flags);
  if (received >= 0) return received;
  if (errno == EINTR || (errno == EAGAIN && flags == MSG_DONTWAIT)) return -1;
  die("receive from", errno == EAGAIN ? "no answer" : strerror(errno));
  return -1;
}

/** Receives a part of the message. Returns whether all of it is back. */
static bool receive_answer(struct client *client, int flags) {
  static char bytes[LARGEST + 1]; // one byte more than the message, to see if the server sends too much
  size_t due = size - client->received;
  ssize_t received = receive(client->fd, bytes, due + 1, flags);
  if (received < 0) return false;
  if (received == 0) die("receive from", "the server has closed the connection");
  if ((size_t)received > due) die("receive from", "more came back than was sent");
  if (memcmp(bytes, message + client->received, received) != 0)
    die("receive from", "what came back is not what was sent");
  client->received += received;
  return client->received == size;
}

// messages

/**
 * Opens connections. The last of each batch has a message echoed: by then the server has accepted those before it. So its
 * backlog never overflows, which would cost a second.
 */
static struct client *open_connections(int number) {
  struct client *clients = allocate(number + 1, sizeof *clients);
  for (int i = 0; i < number; i++) {
    clients[i].fd = open_socket(0, INADDR_ANY);
    if ((i + 1) % BATCH != 0 && i + 1 != number) continue;
    send_to(clients[i].fd, message);
    while (!receive_answer(&clients[i], 0)) continue;
    clients[i].received = 0;
  }
  return clients;
}

/** Answers each message with the next. Returns how many came back in this time. */
static long exchange(double until) {
  struct epoll_event events[MAX_EVENTS];
  long messages = 0;
  for (double left = until - now(); left > 0; left = until - now()) {
    int ready = epoll_wait(selector, events, MAX_EVENTS, (int)(left * 1000) + 1);
    for (int i = 0; i < ready; i++) {
      struct client *client = events[i].data.ptr;
      if (!receive_answer(client, MSG_DONTWAIT)) continue;
      messages++;
      client->received = 0;
      send_to(client->fd, message);
    }
  }
  return messages;
}

/** Closes by a reset. An orderly end keeps its port for a minute (TIME_WAIT), and thousands use all ports up. */
static void reset(struct client *clients, int number) {
  struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  for (int i = 0; i < number; i++) {
    setsockopt(clients[i].fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(clients[i].fd);
  }
}

static void messages(double seconds, int idle) {
  struct client *sleepers = open_connections(idle);
  struct client *clients = open_connections(count);
  for (int i = 0; i < count; i++) {
    watch(clients[i].fd, EPOLLIN, &clients[i]);
    send_to(clients[i].fd, message);
  }
  long warm = exchange(now() + warm_up(seconds));
  double begin = now();
  long messages = exchange(begin + seconds);
  // On a busy machine, the server may have had no turn in a short time.
  while (messages == 0 && now() < begin + PATIENCE) messages = exchange(now() + seconds);
  if (messages == 0) die("receive from", "no answer");
  printf("{\"count\":%ld,\"seconds\":%.6f,\"all\":%ld}\n", messages, now() - begin, warm + messages);
  reset(sleepers, idle);

  // Wait for the last answers, and until the server has closed: the next turn is another server's.
  for (int i = 0; i < count; i++) shutdown(clients[i].fd, SHUT_WR);
  for (int i = 0; i < count; i++) {
    while (!receive_answer(&clients[i], 0)) continue;
    if (receive(clients[i].fd, message, 1, 0) != 0) die("end with", "the last answer is too long");
  }
}

// visits

static int present;
static long finished;

/**
 * A client that has left keeps its port for a minute (TIME_WAIT), and an address has only 28,000 ports for a server. So the
 * clients come from many addresses: all of 127.0.0.0/8 is this machine.
 */
static void enter(struct client *client) {
  static int visits;
  *client = (struct client){.fd = open_socket(SOCK_NONBLOCK, FIRST_SOURCE + visits++ % SOURCES)};
  watch(client->fd, EPOLLIN | EPOLLOUT, client);
  present++;
}

/** Receives what has arrived: the message, and then the end of the stream. */
static void visit(struct client *client) {
  while (client->received < size) {
    size_t before = client->received;
    if (receive_answer(client, MSG_DONTWAIT)) shutdown(client->fd, SHUT_WR);
    else if (client->received == before) return;
  }
  char more;
  ssize_t received = receive(client->fd, &more, 1, MSG_DONTWAIT);
  if (received < 0) return;
  if (received > 0) die("receive from", "more came back than was sent");
  close(client->fd);
  client->fd = -1;
  present--;
  finished++;
}

/** Waits for events, and handles them. When a client has left, the next one connects, if it may. */
static void turn(bool next) {
  struct epoll_event events[MAX_EVENTS];
  int ready = epoll_wait(selector, events, MAX_EVENTS, PATIENCE * 1000);
  if (ready == 0) die("receive from", "no answer");
  for (int i = 0; i < ready; i++) {
    struct client *client = events[i].data.ptr;
    if (events[i].events & EPOLLOUT && !client->asked) send_to(client->fd, message);
    client->asked = true; // The first event is that it is connected.
    if (events[i].events & ~EPOLLOUT) visit(client);
    if (client->fd < 0 && next) enter(client);
  }
}

static void visits(double seconds) {
  struct client *clients = allocate(count, sizeof *clients);
  for (int i = 0; i < count; i++) enter(&clients[i]);
  double begin = now();
  while (now() < begin + warm_up(seconds)) turn(true);
  begin = now();
  finished = 0;
  while (now() < begin + seconds || finished < LEAST) turn(true);
  printf("{\"count\":%ld,\"seconds\":%.6f}\n", finished, now() - begin);
  while (present > 0) turn(false); // The next turn is another server's, so wait until this one is idle.
}

// talk

// A line: "SAY 012 0000345 abcdefghijklmno\n", with the number of the client, and the number of the line. Line 0 is a greeting.
#define COMMAND 4
#define WHO 3
#define NUMBER 7
#define FILLING (WHO + 1 + NUMBER) // where the letters begin in the text

struct talker {
  int fd;
  int who;
  int said; // the number of the last line that was put in `out`
  char out[PIECE];
  size_t sent;
  size_t length;
  char rest[LONGEST]; // the beginning of a line
  size_t kept;
  int *due; // of each client: the number of the line that comes next
};

static int lines;
static size_t text; // the size of what is between `SAY ` and \n
static long heard; // greetings and lines, each once
static long duplicates;

static unsigned read_number(const char *digits, int length) {
  unsigned number = 0;
  for (int i = 0; i < length; i++) number = 10 * number + digits[i] - '0';
  return number;
}

static void write_line(char *line, int who, int number) {
  memcpy(line, message, size);
  for (int i = WHO; i-- > 0; who /= 10) line[COMMAND + i] = '0' + who % 10;
  for (int i = NUMBER; i-- > 0; number /= 10) line[COMMAND + WHO + 1 + i] = '0' + number % 10;
}

/** Sends as much as the socket takes. */
static void say(struct talker *talker) {
  while (talker->sent < talker->length || talker->said < lines) {
    if (talker->sent == talker->length) {
      talker->sent = talker->length = 0;
      for (; talker->said < lines && talker->length + size <= PIECE; talker->length += size)
        write_line(talker->out + talker->length, talker->who, ++talker->said);
    }
    size_t length = talker->length - talker->sent;
    ssize_t sent = send(talker->fd, talker->out + talker->sent, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (sent < 0) die("send to", strerror(errno));
    talker->sent += sent;
  }
}

/** Counts a line. The server may have put a name before the text. */
static void hear(struct talker *talker, const char *line, size_t length) {
  if (*line == '*') return;
  const char *said = line + length - text;
  if (length < text || memcmp(said + FILLING, message + COMMAND + FILLING, text - FILLING) != 0)
    die("receive from", "what came is not what was sent");
  unsigned who = read_number(said, WHO);
  unsigned number = read_number(said + WHO + 1, NUMBER);
  if (who >= (unsigned)count || number > (unsigned)lines) die("receive from", "what came was never sent");
  int *due = &talker->due[who];
  if ((int)number >= *due) {
    *due = number + 1;
    heard++;
  } else if (number > 0) { // A greeting may arrive twice.
    duplicates++;
  }
}

/** Receives all bytes that have arrived, into memory that all clients share. Returns the result of recv(). */
static ssize_t listen_to(struct talker *talker, int flags) {
  static char memory[LONGEST + MEMORY];
  memcpy(memory, talker->rest, talker->kept);
  char *line = memory;
  char *unseen = memory + talker->kept;
  ssize_t received = receive(talker->fd, unseen, MEMORY, flags);
  if (received <= 0) return received;
  char *end = unseen + received;
  for (char *newline; (newline = memchr(unseen, '\n', end - unseen)) != NULL; line = unseen = newline + 1)
    hear(talker, line, newline - line);
  talker->kept = end - line;
  if (talker->kept > LONGEST) die("receive from", "a line is too long");
  memcpy(talker->rest, line, talker->kept);
  return received;
}

/** Talks until so many lines have arrived. Returns false if no line has arrived for `patience` milliseconds before that. */
static bool converse(long wanted, int patience) {
  struct epoll_event events[MAX_EVENTS];
  while (heard < wanted) {
    int ready = epoll_wait(selector, events, MAX_EVENTS, patience);
    if (ready == 0) return false;
    for (int i = 0; i < ready; i++) {
      struct talker *talker = events[i].data.ptr;
      ssize_t received = events[i].events & ~EPOLLOUT ? MEMORY : -1;
      while (received == MEMORY) received = listen_to(talker, MSG_DONTWAIT); // less than that was all: epoll(7)
      if (received == 0) die("receive from", "the server has closed the connection");
      if (events[i].events & EPOLLOUT) say(talker);
    }
  }
  return true;
}

/**
 * Each client sends greetings, again and again, until each has received one of each other; then waits until no more arrive. A
 * connected client may not have joined the chat yet, and then receives no lines; and not every server tells who has joined.
 */
static void gather(struct talker *talkers, long pairs) {
  char line[LARGEST];
  for (int patience = SOON; heard < pairs; patience *= 2) {
    if (patience > 1000 * PATIENCE) die("talk to", "some clients do not receive the lines of others");
    for (int i = 0; i < count; i++) {
      write_line(line, i, 0);
      send_to(talkers[i].fd, line);
    }
    converse(pairs, patience);
  }
  converse(LONG_MAX, SOON);
}

static void talk(int extent) {
  lines = extent;
  struct talker *talkers = allocate(count, sizeof *talkers);
  memcpy(message, "SAY 000 0000000 ", COMMAND + FILLING + 1);
  text = size - COMMAND - 1;
  for (int i = 0; i < count; i++) {
    talkers[i].due = allocate(count, sizeof(int));
    talkers[i].due[i] = lines + 1; // No client receives its own lines.
    talkers[i].said = lines; // For now, the client has nothing to send.
    talkers[i].who = i;
    talkers[i].fd = open_socket(0, INADDR_ANY);
    watch(talkers[i].fd, EPOLLIN | EPOLLOUT, &talkers[i]);
  }
  long pairs = (long)count * (count - 1);
  gather(talkers, pairs);

  double begin = now();
  for (int i = 0; i < count; i++) {
    talkers[i].said = 0;
    say(&talkers[i]);
  }
  bool complete = converse(pairs + pairs * lines, QUIET);
  double seconds = now() - begin - (complete ? 0 : QUIET / 1000.0);
  for (int i = 0; i < count && complete; i++) shutdown(talkers[i].fd, SHUT_WR);
  for (int i = 0; i < count && complete; i++) {
    while (listen_to(&talkers[i], 0) != 0) continue; // until the server has closed, too
  }
  long deliveries = heard - pairs;
  long lost = pairs * lines - deliveries;
  printf("{\"count\":%ld,\"seconds\":%.6f,\"lost\":%ld,\"duplicates\":%ld}\n", deliveries, seconds, lost, duplicates);
}

// ask

/** Sends the next bytes of this text, again and again, if there is room for them and the server has not closed the connection. */
static void pester(struct client *attacker, const char *text, size_t length, size_t most) {
  while (most > 0) {
    size_t begin = attacker->sent % length;
    size_t part = length - begin < most ? length - begin : most;
    ssize_t sent = send(attacker->fd, text + begin, part, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return;
    attacker->sent += sent;
    most -= sent;
  }
}

static void act(struct client *attacker, const char *kind) {
  static char question[1024] = "ECHO "; // long, so that the answers soon fill all buffers
  memset(question + ECHO, 'x', sizeof question - ECHO - 1);
  question[sizeof question - 1] = '\n';
  if (*kind == 't') pester(attacker, "x", 1, 1);
  if (*kind == 'h') pester(attacker, question, sizeof question, PLENTY - attacker->sent);
  if (*kind != 'f') return;
  reset(attacker, 1);
  attacker->fd = open_socket(0, INADDR_ANY);
}

/** Attacks until it is killed. Writes a byte to `ready` when the attack is under way. */
static void attack(const char *kind, int ready) {
  int number = *kind == 'f' ? AT_ONCE : count;
  segment = SEGMENT;
  struct client *attackers = allocate(number, sizeof *attackers);
  for (int i = 0; i < number; i++) attackers[i].fd = open_socket(0, INADDR_ANY);
  for (int i = 0; i < FIRST_ACTS * number; i++) act(&attackers[i % number], kind);
  if (write(ready, "", 1) != 1) exit(1);
  double end = now() + PATIENCE;
  for (int i = 0; now() < end; i = (i + 1) % number) {
    usleep(PACE);
    act(&attackers[i], kind);
  }
  die("attack", "this takes too long");
}

static pid_t start_attack(const char *kind) {
  int ready[2];
  char byte;
  if (pipe(ready) < 0) die("attack", strerror(errno));
  pid_t attackers = fork();
  if (attackers < 0) die("attack", strerror(errno));
  if (attackers == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    attack(kind, ready[1]);
  }
  close(ready[1]);
  if (read(ready[0], &byte, 1) != 1) exit(1); // The child has printed why.
  return attackers;
}

static void stop_attack(pid_t attackers) {
  int status;
  kill(attackers, SIGKILL);
  waitpid(attackers, &status, 0);
  if (!WIFSIGNALED(status)) exit(1); // The child had ended before, and has printed why.
}

/** Receives the answer, and the lines that begin with `*` before it. */
static void hear_answer(int fd) {
  static char memory[MEMORY];
  static size_t kept;
  while (true) {
    for (char *end; (end = memchr(memory, '\n', kept)) != NULL;) {
      size_t length = end + 1 - memory;
      bool notice = *memory == '*';
      if (!notice && (length != size - ECHO || memcmp(memory, message + ECHO, length) != 0))
        die("receive from", "what came back is not what was sent");
      kept -= length;
      memmove(memory, end + 1, kept);
      if (!notice) return;
    }
    ssize_t received = receive(fd, memory + kept, sizeof memory - kept, 0);
    if (received == 0) die("receive from", kept == MEMORY ? "a line is too long" : "the server has closed the connection");
    if (received > 0) kept += received;
  }
}

/** Asks for so many seconds, once at least. Returns how many answers came, and in `times` how late each was. */
static long question(int fd, double seconds, double *times) {
  double begin = now();
  long answers = 0;
  for (double due = begin; answers == 0 || (due < begin + seconds && now() < begin + seconds); due += EVERY) {
    if (due > now()) usleep(1e6 * (due - now()));
    send_to(fd, message);
    hear_answer(fd);
    times[answers++] = now() - due;
  }
  return answers;
}

static int ascending(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return (difference > 0) - (difference < 0);
}

static void ask(double seconds, const char *kind) {
  double *times = allocate((SETTLED + seconds) / EVERY + 2, sizeof *times);
  memcpy(message, "ECHO ", ECHO);
  pid_t attackers = *kind ? start_attack(kind) : 0;
  int fd = open_socket(0, INADDR_ANY);
  question(fd, *kind ? SETTLED : warm_up(seconds), times);
  double begin = now();
  long answers = question(fd, seconds, times);
  double taken = now() - begin;
  if (*kind) stop_attack(attackers);
  qsort(times, answers, sizeof *times, ascending);
  double late = 1000 * times[(99 * answers + 99) / 100 - 1];
  printf("{\"count\":%ld,\"seconds\":%.6f,\"late\":%.3f}\n", answers, taken, late);
}

int main(int argc, char **argv) {
  if (argc < 6 || (size = strtoul(argv[4], NULL, 10)) > LARGEST) {
    fprintf(stderr, "Usage: %s messages|visits|talk|ask PORT CLIENTS SIZE SECONDS|LINES [IDLE|ATTACK]\n", argv[0]);
    return 1;
  }
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  port = atoi(argv[2]);
  count = atoi(argv[3]);
  for (size_t i = 0; i < size; i++) message[i] = i + 1 == size ? '\n' : 'a' + i % 26;
  selector = epoll_create1(EPOLL_CLOEXEC);
  if (strcmp(argv[1], "talk") == 0) talk(atoi(argv[5]));
  else if (strcmp(argv[1], "ask") == 0) ask(atof(argv[5]), argc > 6 ? argv[6] : "");
  else if (strcmp(argv[1], "visits") == 0) visits(atof(argv[5]));
  else messages(atof(argv[5]), argc > 6 ? atoi(argv[6]) : 0);
}
