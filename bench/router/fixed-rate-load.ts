/**
 * An open loop: requests at a fixed rate, whether or not the earlier ones were answered. They become due in small
 * bursts, one each millisecond. A latency counts from then, so that waiting for a free connection is part of it; for
 * requests that are unanswered at the end it counts up to the end. Those due in the first half second don't count.
 *
 * Run by `fixed-rate.ts` as a process of its own: PORT PATH RATE SECONDS CONNECTIONS; it prints a {@link Latencies}.
 */
import { connect, type Socket } from 'node:net';
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
const request = Buffer.from(`GET /${process.argv[3]} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
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
  readonly #socket: Socket;
  /** Of the request in flight; 0 where there is none. */
  due = 0;
  #head = '';
  /** Bytes of the answer that are to come; unknown while its head is incomplete. */
  #rest: number | undefined;

  constructor() {
    const onread = {
      buffer: Buffer.allocUnsafe(65_536),
      callback: (length: number, buffer: Uint8Array) => {
        this.#take(length, buffer as Buffer);
        return true;
      },
    };
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true, onread }, () => {
      idle.push(this);
      open += 1;
      if (open === connections) begin();
    });
    this.#socket.on('error', () => {}); // It is closed then.
    this.#socket.on('close', () => {
      if (!finished) errors += 1;
    });
  }

  ask(due: number): void {
    this.due = due;
    this.#socket.write(request);
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(length: number, buffer: Buffer): void {
    if (this.#rest === undefined) {
      this.#head += buffer.toString('latin1', 0, length);
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return;
      const body = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#head)?.[1]);
      if (!this.#head.startsWith('HTTP/1.1 200') || Number.isNaN(body)) errors += 1;
      this.#rest = end + 4 + body - this.#head.length;
      this.#head = '';
    } else {
      this.#rest -= length;
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
