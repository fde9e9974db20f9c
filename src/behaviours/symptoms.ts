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
      'The process ended while it served a client, or when a client disconnected: an error was not caught, or accept() is not in a loop.',
    hint: 'Catch the errors of each client: log the error, close the connection of that client, and call accept() again.',
    step: 'single3',
  },
  'the server no longer listens': {
    cause:
      'The kernel refused a connection: the server has closed its listener, or ended. (Each conversation begins with a connection that only tests whether the server has started.)',
    hint: 'Call accept() in a loop, and close the listener only when the program ends.',
  },
  'the connection was reset': {
    cause:
      'The server closed a socket with unread bytes. The kernel then sends RST in place of FIN, and the client may lose answers that have not arrived yet.',
    hint: 'Read until recv() returns 0 before you close, or shutdown() the sending half first.',
  },
  'no answer arrived': {
    cause:
      'The server may wait for more bytes, or for the end of the stream. Its answer may be in a buffer that is not flushed. Or it is blocked in another call, such as accept().',
    hint: 'Answer each request as soon as it is complete, and flush the answer.',
  },
  'only part of the answer arrived': {
    cause:
      'recv() returned several messages at once, and the server answered only the first ones. The others stay in its buffer until more bytes arrive.',
    hint: 'After each recv(), answer all complete messages in the buffer, not one.',
  },
  'the answer arrived only after another client left': {
    cause:
      'The server was blocked in a call for the other client: in recv(), or in send() while that client did not read.',
    hint: 'Give each client a thread of its own (thread4). Or make all sockets non-blocking, and wait for all of them with one call (select6).',
  },
  'two lines were answered as one': {
    cause: 'recv() returned several lines at once, and the server took them for one message.',
    hint: 'TCP keeps the order of bytes, not the pieces in which they were sent. Keep a buffer for each client, and cut it at each \\n.',
  },
  'half a line was answered': {
    cause: 'recv() returned a part of a line, and the server took it for a message.',
    hint: 'The bytes of one send() may arrive in several recv(). Keep the bytes behind the last \\n until the rest arrives.',
  },
  'the end of the stream was taken for the end of a line': {
    cause:
      'The client ended its half, and the function that reads lines returned the last bytes, though they had no \\n.',
    hint: 'Answer a line only if it ends in \\n: the last bytes of a broken connection may be half a command.',
  },
  'the answers arrived in another order': {
    cause:
      'The server handles several lines of one client at the same time, in threads or callbacks, and the quickest answers first.',
    hint: 'Handle a line of a client only when the line before it is answered.',
  },
  'the line ends differ': {
    cause:
      'The line ended in \\r\\n, as those of telnet do. Below level 7, the \\r belongs to the line, and comes back. From level 7 on, the server drops it.',
    hint: 'Cut at \\n. When a line is a command, drop one \\r from its end.',
    step: 'single7',
  },
  'bytes are missing at the end': {
    cause:
      'The client ended its half of the connection: it sends no more, but still reads. The server closed before it had sent all answers.',
    hint: 'When recv() returns 0, send the answers to all complete requests, and close only then.',
  },
  'bytes are missing after a pause': {
    cause:
      'The client reads slowly, so send() took only a part of the bytes, and the server did not send the rest.',
    hint: 'send() returns how many bytes it took. Keep the others, and send them when the socket is writable. On a blocking socket, call sendall().',
  },
  'lines are lost, or in another order': {
    cause:
      'The server handles two lines of one user at the same time, or does not send a line to all other users.',
    hint: 'Handle the lines of a user one after the other. Put each line into the queues of all other users before you take the next.',
  },
  'lines arrived twice': {
    cause: 'The server sent a line to a user more than once, or to the user who had sent it.',
    hint: 'Send each line once to each other user. If send() took a part of it, send only the rest.',
  },
  'a word that is no command was obeyed': {
    cause:
      'The server looked the word up among the methods or properties of an object, and an object has more of these than you wrote.',
    hint: 'Look the word up in a table that holds the commands alone, such as a Map.',
  },
  'a number was computed before the next user was answered': {
    cause: 'One thread answers all users. It computed for one of them, and the others waited.',
    hint: 'Compute in another thread or process, and let it send the result to a descriptor that the loop also waits for.',
  },
  'the log shows half a character': {
    cause: 'The server decoded bytes before the last byte of a character had arrived.',
    hint: 'First cut the bytes into messages, then decode each complete message.',
  },
  'the server closed the connection': {
    cause:
      'The function that serves this client ended before it had answered: it threw an error, or returned too early.',
    hint: 'Look for an error in the log of the server. Without one: call recv() in a loop until it returns 0.',
  },
  'the server keeps the connection open': {
    cause: 'The client ended its half of the connection, or sent QUIT, and the server did not close.',
    hint: 'When recv() returns 0, the client sends no more: send the answers that are left, and close.',
  },
  'the server goes on after Ctrl-C': {
    cause:
      'A signal handler did not run, or did not end the program. Some languages run handlers in the main thread, and can not while a call blocks it.',
    hint: 'Without a handler for SIGINT, the kernel ends the process. With one, block only in calls that a signal interrupts.',
  },
  'a line may have any length': {
    cause:
      'The server keeps the bytes of a line until the line ends. A line that never ends takes all memory.',
    hint: 'Count the bytes of the unfinished line. If they are too many, send an error, and close.',
  },
  'a client may stay for ever': {
    cause: 'The server waits for the next byte without a deadline, or each byte moves the deadline.',
    hint: 'Keep two times for each client: of its last byte, and of the first byte of its line. One timer for the earliest deadline of all clients is enough.',
  },
  'the server keeps a client that does not read': {
    cause: 'The server keeps all bytes that the client does not read, or other clients wait until it reads.',
    hint: 'Count the unsent bytes of each client. If they are too many, or the kernel takes none for too long, close the connection. Read no more requests of a client with unsent answers.',
  },
  'no client is refused': {
    cause: 'The server accepts clients until there is no descriptor or no memory left.',
    hint: 'Count the clients, in all and of each address. Send an error to a client that is one too many, and close.',
  },
  'SIGTERM ends the server at once': {
    cause:
      'The server does not handle SIGTERM, so the kernel ends the process before it has answered all requests.',
    hint: 'On SIGTERM, close the listener, send a notice to each client, and answer requests for a few seconds more.',
  },
  'the server reports no status': {
    cause: 'The server does not answer GET /health on its status port.',
    hint: 'Answer GET /health and GET /metrics on a second port. /metrics lists counters, such as the number of clients.',
  },
  'the answer differs': {
    cause: 'This level asks for other bytes. The mark ^ is below the first that differs.',
    hint: 'White space and line ends count. \\xef\\xbf\\xbd replaces a byte that was decoded as text but is no UTF-8: echo bytes, not text.',
  },
} satisfies Record<string, Meaning>;

export type Symptom = keyof typeof table;

export const symptoms: Record<Symptom, Meaning> = table;
