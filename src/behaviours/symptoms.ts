type Meaning = {
  cause: string;
  hint: string;
  /** The step that mends it, unless that is the first step that passes the behaviour. */
  step?: string;
};

/** The symptoms of failures, each with the likeliest cause and a remedy. */
const table = {
  'the process ended': {
    cause:
      'The program ended while it served one client, or when that client disconnected: it did not catch an error, or has no loop around accept().',
    hint: 'Catch errors where one client is served: log them, close that client, and go on with accept().',
    step: 'single3',
  },
  'the server no longer listens': {
    cause: 'The server has closed its listener, or ended.',
    hint: 'Serve clients in a loop around accept(), and close the listener only when the program ends.',
  },
  'the connection was reset': {
    cause:
      'The server closed a socket with unread bytes. The kernel then sends RST in place of FIN, and the client may lose answers that were on their way.',
    hint: 'Read until recv() returns 0 before you close, or shutdown() the sending half first.',
  },
  'nothing came': {
    cause:
      'The server has received the bytes, and waits for more of them, or for the end. Or its answer is still in a buffer of its own.',
    hint: 'Answer each request as soon as it is complete, and flush what you write. Does the loop block in accept() while this client sends?',
  },
  'only a part came': {
    cause:
      'recv() returned several messages at once, and the server answered the first ones only. The others stay in its buffer until more arrives.',
    hint: 'After each recv(), take messages out of the buffer until none is complete.',
  },
  'the answer came only after another client left': {
    cause:
      'The server was blocked in a call for the other client: in recv(), or in send() while that client did not read.',
    hint: 'Give each client a thread of its own (thread4), or wait for all clients with one call, and make their sockets non-blocking (select6).',
  },
  'two lines came as one': {
    cause: 'recv() returned several lines at once, and the server took them for one message.',
    hint: 'TCP is a stream: it keeps the order of bytes, not the pieces in which they were sent. Keep a buffer for each client, and cut it at each \\n.',
  },
  'half a line was answered': {
    cause: 'recv() returned a part of a line, and the server took it for a message.',
    hint: 'TCP is a stream: one send() may arrive in several recv(). Keep the bytes behind the last \\n until the rest arrives.',
  },
  'the end of the stream was taken for the end of a line': {
    cause:
      'The client ended its half, and the function that reads lines returned the last bytes, though they had no \\n.',
    hint: 'Answer a line only if it ends in \\n. The last bytes of a broken connection may be half a command.',
  },
  'the answers came in another order': {
    cause:
      'The server handles each line in a thread or a callback of its own, and the quickest of them answers first.',
    hint: 'Handle the lines of one client one after the other.',
  },
  'the line ends differ': {
    cause:
      'telnet ends a line with \\r\\n. Below level 7, the \\r belongs to the line. From level 7 on, a command has no \\r at its end.',
    hint: 'Cut at \\n. When a line is a command, drop one \\r from its end.',
    step: 'single7',
  },
  'bytes are missing at the end': {
    cause:
      'The client ended its half of the connection: it sends no more, but still reads. The server closed before it had sent all answers.',
    hint: 'When recv() returns 0, answer what is complete, send all of it, and close only then.',
  },
  'bytes are missing after a pause': {
    cause:
      'send() took only a part of the bytes, because the client reads slowly, and the server did not send the rest.',
    hint: 'send() returns how many bytes it took. Keep the others, and send them when the socket is writable. Or call sendall() on a blocking socket.',
  },
  'lines are lost, or in another order': {
    cause:
      'Two threads or callbacks handle one user at the same time, or the server does not send a line to all other users.',
    hint: 'Handle the lines of one user one after the other, and put each into the queues of all other users before you take the next.',
  },
  'lines came twice': {
    cause: 'The server sent a line to a user more than once, or to the user who had sent it.',
    hint: 'Send each line once to each other user. If send() took a part of it, go on from where it stopped, not from the beginning.',
  },
  'a word that is no command was obeyed': {
    cause:
      'The server took the word of the client for the name of a method or property, and an object has more of those than there are commands.',
    hint: 'Look words up in a table of the commands, such as a Map.',
  },
  'a number was computed before the next user was answered': {
    cause: 'The one thread that answers all users computed for one of them, and the others waited.',
    hint: 'Compute in another thread or process. Let it send the result to a descriptor that the loop waits for, too.',
  },
  'the log shows half a character': {
    cause: 'The server decoded the bytes before the last byte of a character had arrived.',
    hint: 'Cut bytes into messages first, and decode a message when it is complete.',
  },
  'the server closed the connection': {
    cause: 'The server closed this connection before it had answered.',
    hint: 'Did an error end the handler of this client? Look into the log of the server.',
  },
  'the server keeps the connection open': {
    cause: 'The client has ended its half, or sent QUIT, and the server does not close.',
    hint: 'When recv() returns 0, the client sends no more: send what is left, and close.',
  },
  'it goes on after Ctrl-C': {
    cause:
      'A signal handler never ran, or did not end the program. Some languages run handlers in the main thread, and can not while that thread is blocked.',
    hint: 'Install no handler for SIGINT: then the kernel ends the process. Or block only in calls that a signal interrupts.',
  },
  'a line may be of any length': {
    cause:
      'The server keeps the bytes of a line until the line ends. A line that never ends takes all memory.',
    hint: 'Count the bytes of the line that has begun. When there are too many, say so, and close.',
  },
  'a client may stay for ever': {
    cause: 'The server waits for the next byte without a deadline, and after each byte it waits again.',
    hint: 'Remember when each client sent its last byte, and when its line began. One timer for the earliest of all deadlines is enough.',
  },
  'a client that does not read is kept': {
    cause:
      'The server keeps all bytes that a client does not read, or makes other clients wait until it reads.',
    hint: 'Count the bytes that wait for each client. When there are too many, or the kernel takes none for too long, close the connection. And read no requests of a client whose answers wait.',
  },
  'no client is refused': {
    cause: 'The server accepts clients until there is no descriptor or no memory left.',
    hint: 'Count clients, in all and by address. Tell a client that is one too many, and close the connection.',
  },
  'SIGTERM ends it at once': {
    cause:
      'The server does not handle SIGTERM, so the kernel ends the process before it has answered all requests.',
    hint: 'On SIGTERM, close the listener, tell the clients, and answer them for a few seconds more.',
  },
  'it does not report its status': {
    cause: 'The server does not answer GET /health on its status port.',
    hint: 'Answer HTTP requests on a second port, from counters that the server keeps anyway.',
  },
  'other bytes came': {
    cause: 'The answer differs from what this level asks for.',
    hint: 'Compare the received bytes with the expected ones, from the mark on. White space and line ends count.',
  },
} satisfies Record<string, Meaning>;

export type Symptom = keyof typeof table;

export const symptoms: Record<Symptom, Meaning> = table;
