import { Protocol } from './chain.ts';

/** A method. It takes parameters by position or by name, and returns a value that JSON can write. */
type Method = { names: readonly string[]; call(...args: unknown[]): unknown };

class RpcError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

// The errors, with their numbers: section 5.1. Each is made once: no caller needs its stack, and to record a stack takes longer
// than all the rest.
const parseError = new RpcError(-32700, 'Parse error');
const invalidRequest = new RpcError(-32600, 'Invalid Request');
const methodNotFound = new RpcError(-32601, 'Method not found');
const invalidParams = new RpcError(-32602, 'Invalid params');
const internalError = new RpcError(-32603, 'Internal error');

/** The most requests of a batch. An answer may be forty times as long as its request: `[1,1,1]` has three errors. */
const MAX_BATCH = 1000;
const batchTooLong = new RpcError(-32000, `Batch of more than ${MAX_BATCH} requests`);

const methods = new Map<string, Method>([
  ['echo', { names: ['value'], call: (value) => value }],
  ['time', { names: [], call: () => new Date().toISOString() }],
  ['add', { names: ['a', 'b'], call: (a, b) => number(number(a) + number(b)) }],
]);

function number(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw invalidParams;
  return value;
}

/**
 * JSON-RPC 2.0: each message is a request, or a batch of them. Its methods are `echo` (`value`), `time` (nothing) and `add`
 * (`a` and `b`).
 *
 * @see https://www.jsonrpc.org/specification
 */
export class JsonRpcProtocol extends Protocol<string> {
  received(message: string): void {
    const answer = answerTo(message);
    if (answer !== undefined) this.below.send(answer);
  }

  override tooLong(limit: number): void {
    this.below.send(failure(null, new RpcError(-32000, `Request longer than ${limit} bytes`)));
    super.tooLong(limit);
  }
}

function answerTo(message: string): string | undefined {
  if (message === '') return failure(null, parseError); // JSON.parse() would say the same, and take longer.
  let request: unknown;
  try {
    request = JSON.parse(message);
  } catch {
    return failure(null, parseError);
  }
  if (!Array.isArray(request)) return answerOne(request);
  // Section 6: an empty batch is wrong, and a batch of notifications has no answer.
  if (request.length === 0) return failure(null, invalidRequest);
  if (request.length > MAX_BATCH) return failure(null, batchTooLong);
  const answers = request.map(answerOne).filter((answer) => answer !== undefined);
  return answers.length > 0 ? `[${answers.join(',')}]` : undefined;
}

function answerOne(request: unknown): string | undefined {
  if (!isRequest(request)) return failure(null, invalidRequest);
  const { id } = request;
  try {
    const result = perform(request.method, request.params);
    // Section 4.1: a request without an id is a notification, and gets no answer.
    return id === undefined ? undefined : JSON.stringify({ jsonrpc: '2.0', result, id });
  } catch (error) {
    // An error that is no RpcError comes from JSON.stringify(), which nests less deeply than JSON.parse().
    return id === undefined ? undefined : failure(id, error instanceof RpcError ? error : internalError);
  }
}

type Id = string | number | null;
type Request = { method: string; params?: unknown[] | object; id?: Id };

/** Section 4. */
function isRequest(value: unknown): value is Request {
  if (typeof value !== 'object' || value === null) return false;
  const { jsonrpc, method, params, id } = value as Record<string, unknown>;
  return (
    jsonrpc === '2.0' &&
    typeof method === 'string' &&
    (params === undefined || (typeof params === 'object' && params !== null)) &&
    // JSON can't write a number that is too large, 1e400.
    (id === undefined || id === null || typeof id === 'string' || Number.isFinite(id))
  );
}

function perform(name: string, params: unknown[] | object = []): unknown {
  const method = methods.get(name);
  if (!method) throw methodNotFound;
  const { names, call } = method;
  const given = Array.isArray(params) ? params.map((value, i) => [names[i], value]) : Object.entries(params);
  // All wanted names, and no others. They must be own properties: `constructor` is inherited, `__proto__` may be own.
  if (given.length !== names.length) throw invalidParams;
  const found = new Map(given as [string, unknown][]);
  if (!names.every((name) => found.has(name))) throw invalidParams;
  return call(...names.map((name) => found.get(name)));
}

function failure(id: Id, { code, message }: RpcError): string {
  return JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id });
}
