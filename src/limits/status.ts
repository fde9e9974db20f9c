import { createServer } from 'node:http';
import { performance } from 'node:perf_hooks';
import { openOrFail } from '../cli/listen.ts';
import { announce, linesDropped } from '../cli/log.ts';
import { numberOrFail } from '../cli/parse.ts';
import type { Guard } from './guard.ts';

/**
 * Answers HTTP requests on the port of `--status-port`: `GET /health` with 200, or with 503 while the server drains, and
 * `GET /metrics` in the text format of Prometheus. The port is open when this returns: so call it before the first line of output.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function serveStatus(options: { host: string; 'status-port': string }, guard: Guard): void {
  if (options['status-port'] === '') return;
  const port = numberOrFail(options['status-port'], 'Cannot use --status-port', { max: 65535 });
  const listener = openOrFail({ host: options.host, port }, '--status-port');
  const server = createServer(({ method, url }, response) => {
    const [status, text] = method === 'GET' ? answer(url, guard) : [405, 'only GET\n'];
    response.writeHead(status, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
  });
  server.listen({ fd: listener.fd }, () => announce(`status on ${listener.localAddress()}`));
}

function answer(url: string | undefined, guard: Guard): [status: number, text: string] {
  if (url === '/health') return guard.draining ? [503, 'stopping\n'] : [200, 'ok\n'];
  if (url === '/metrics') return [200, metrics(guard)];
  return [404, 'GET /health or /metrics\n'];
}

function metrics({ guests, counters, offenders }: Guard): string {
  let owed = 0;
  for (const watch of guests.values()) owed += watch.owed;
  const cutOff = Array.from(offenders, ([why, count]) => [`{reason="${why}"}`, count] as const);
  return [
    metric('clients', 'gauge', 'Clients that are connected', guests.size),
    metric('accepted_total', 'counter', 'Clients that were let in', counters.accepted),
    metric('refused_total', 'counter', 'Clients that were refused, dismissed or cut off', ...cutOff),
    metric('received_bytes_total', 'counter', 'Bytes received from clients', counters.received),
    metric('sent_bytes_total', 'counter', 'Bytes that the kernel took for clients', counters.sent),
    metric('owed_bytes', 'gauge', 'Bytes kept until the kernel has room for them', owed),
    metric('ticks_total', 'counter', "Turns of Node's loop", performance.nodeTiming.uvMetricsInfo.loopCount),
    metric('log_lines_dropped_total', 'counter', 'Lines that the log had no room for', linesDropped()),
  ].join('');
}

type Sample = number | readonly [labels: string, value: number];

function metric(name: string, type: 'counter' | 'gauge', help: string, ...samples: Sample[]): string {
  const lines = samples.map((sample) => {
    const [labels, value] = typeof sample === 'number' ? ['', sample] : sample;
    return `chat_${name}${labels} ${value}`;
  });
  return [`# HELP chat_${name} ${help}`, `# TYPE chat_${name} ${type}`, ...lines, ''].join('\n');
}
