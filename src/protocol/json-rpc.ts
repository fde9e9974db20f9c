import { Protocol } from './chain.ts';

/** A method takes its parameters by position or by name, and returns what can be written as JSON. */
type Method = { names: readonly string[]; call(...args: unknown[]): unknown };

class RpcError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

// What goes wrong has a number: section 5.1. One of each is enough: where it was thrown does not matter, and to note it
// takes longer than all the rest.
const parseError = new RpcError(-32700, 'Parse error');
const invalidRequest = new RpcError(-32600, 'Invalid Request');
const methodNotFound = new RpcError(-32601, 'Method not found');
const invalidParams = new RpcError(-32602, 'Invalid params');
const internalError = new RpcError(-32603, 'Internal error');

/** The most requests of a batch. An answer may be forty times as long as what it answers: `[1,1,1]` has three errors. */
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
  }
}

function answerTo(message: string): string | undefined {
  if (message === '') return failure(null, parseError); // What JSON.parse() would say, and take its time.
  let request: unknown;
  try {
    request = JSON.parse(message);
  } catch {
    return failure(null, parseError);
  }
  if (!Array.isArray(request)) return answerOne(request);
  // Section 6: an empty batch is no batch, and one of notifications only is not answered.
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
    // What is no RpcError comes of JSON.stringify(), which does not go as deep as JSON.parse().
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
    // A number that is too large, 1e400, could not be sent back.
    (id === undefined || id === null || typeof id === 'string' || Number.isFinite(id))
  );
}

function perform(name: string, params: unknown[] | object = []): unknown {
  const method = methods.get(name);
  if (!method) throw methodNotFound;
  const { names, call } = method;
  const given = Array.isArray(params) ? params.map((value, i) => [names[i], value]) : Object.entries(params);
  // All that are wanted, and no others. Own ones: `constructor` is none, and `__proto__` is a name like any other.
  if (given.length !== names.length) throw invalidParams;
  const found = new Map(given as [string, unknown][]);
  if (!names.every((name) => found.has(name))) throw invalidParams;
  return call(...names.map((name) => found.get(name)));
}

function failure(id: Id, { code, message }: RpcError): string {
  return JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id });
}
