/**
 * An open loop: requests at a fixed rate, whether or not the earlier ones were answered. They become due in small
 * bursts, one each millisecond. A latency counts from then, so that waiting for a free connection is part of it; for
 * requests that are unanswered at the end it counts up to the end. Those due in the first half second don't count.
 *
 * Run by `fixed-rate.ts` as a process of its own: PORT PATH RATE SECONDS CONNECTIONS; it prints a {@link Latencies}. It
 * takes what the router has for its sockets, so as to need less of the core that it shares with the instances.
 */
import { SocketWire } from '../../src/router/plane/socket-wire.ts';
import { quantile } from '../support/statistics.ts';

export interface Latencies {
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Answered requests a second. */
  readonly rate: number;
  readonly errors: number;
}

const [port = 0, rate = 0, seconds = 0, connections = 0] = [2, 4, 5, 6].map(at => Number(process.argv[at]));
const request = `GET /${process.argv[3]} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
const milliseconds = seconds * 1000;
const settling = 500;

const idle: Connection[] = [];
const waiting: number[] = [];
const latencies: number[] = [];
let nextWaiting = 0;
let errors = 0;
let open = 0;
let answered = 0;
let finished = false;
let countedFrom = Number.POSITIVE_INFINITY;

class Connection {
  readonly #wire: SocketWire;
  /** Of the request in flight; 0 where there is none. */
  due = 0;
  /** Bytes of the answer that are to come; unknown while its head is incomplete. */
  #rest: number | undefined;

  constructor() {
    const connected = () => {
      idle.push(this);
      open += 1;
      if (open === connections) begin();
    };
    const closed = () => {
      if (!finished) errors += 1;
    };
    const received = (bytes: Buffer, start: number, end: number) => this.#take(bytes, start, end);
    const owner = { received, connected, ended: () => this.#wire.destroy(), flushed: () => {}, closed };
    this.#wire = SocketWire.connect(owner, { host: '127.0.0.1', port }, false);
  }

  ask(due: number): void {
    this.due = due;
    this.#wire.write(request);
  }

  close(): void {
    this.#wire.destroy();
  }

  #take(bytes: Buffer, start: number, end: number): void {
    if (this.#rest === undefined) {
      const body = bytes.indexOf('\r\n\r\n', start, 'latin1') + 4;
      if (body < 4 || body > end) {
        this.#wire.keep(bytes, start, end);
        return;
      }
      const head = bytes.toString('latin1', start, body);
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1]);
      if (!head.startsWith('HTTP/1.1 200') || Number.isNaN(length)) errors += 1;
      this.#rest = body + length - end;
    } else {
      this.#rest -= end - start;
    }
    if (this.#rest > 0) return;
    this.#rest = undefined;
    const now = performance.now();
    if (now >= countedFrom) answered += 1;
    if (this.due >= countedFrom) latencies.push(now - this.due);
    this.due = 0;
    const due = waiting[nextWaiting];
    if (due === undefined) {
      idle.push(this);
    } else {
      nextWaiting += 1;
      this.ask(due);
    }
  }
}

const all = Array.from({ length: connections }, () => new Connection());

function begin(): void {
  const start = performance.now();
  countedFrom = start + settling;
  let issued = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    const due = Math.floor(((now - start) / 1000) * rate);
    for (; issued < due; issued++) {
      const connection = idle.pop();
      if (connection === undefined) waiting.push(now);
      else connection.ask(now);
    }
    if (now - start < milliseconds) return;
    clearInterval(timer);
    finish(now);
  }, 1);
}

function finish(now: number): void {
  finished = true;
  const unanswered = [...all.map(({ due }) => due), ...waiting.slice(nextWaiting)].filter(due => due >= countedFrom);
  for (const due of unanswered) latencies.push(now - due);
  const [p50, p99] = [quantile(latencies, 0.5), quantile(latencies, 0.99)];
  const answeredRate = (answered / (milliseconds - settling)) * 1000;
  process.stdout.write(JSON.stringify({ p50, p99, rate: answeredRate, errors } satisfies Latencies));
  for (const connection of all) connection.close();
}
