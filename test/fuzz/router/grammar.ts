/**
 * Messages that are almost valid: each part mostly as it should be, now and then as someone might get it wrong or try
 * it on, and a few octets changed afterwards.
 */
import fc from 'fast-check';

/** Stands in every message for what is different in each run; as long as that is. */
export const mark = 'MARKMARK';

/** What must never be taken for a request, or a response, of its own. */
const hidden = {
  request: `GET /${mark}/hidden HTTP/1.1\r\nHost: ${mark}\r\n\r\n`,
  response: `HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhidden`,
};

export interface Message {
  readonly octets: string;
  /** Lengths of the pieces that it is sent in; the last one is what is left. */
  readonly pieces: readonly number[];
}

/** Mostly the first. */
function mostly(usual: string, ...others: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof({ weight: 3 * others.length, arbitrary: fc.constant(usual) }, fc.constantFrom(...others));
}

const lineEnd = mostly('\r\n', '\n', '\r', '\r\r\n', '\r\n\r\n', ' \r\n', '\n\r', '\r\n ');
const colon = mostly(': ', ':', ' : ', ':\t', ' :', '\t:', ': \r\n ', '\0: ', ':\x0b');
const name = fc.constantFrom(
  ...['Content-Length', 'Transfer-Encoding', 'content-length', 'transfer-Encoding', 'Connection', 'Keep-Alive'],
  ...['X-A', 'TE', 'Trailer', 'Expect', 'Upgrade', 'Host', 'Content_Length', 'Transfer-Encoding\0', 'Date', ''],
);

function value(length: number): fc.Arbitrary<string> {
  return fc.constantFrom(
    ...[
      '0',
      '5',
      '05',
      '+5',
      '-5',
      '5, 5',
      '5, 0',
      '5 5',
      '5;',
      '0x5',
      '5.0',
      '1e1',
      '5\0',
      '٥',
      String(length),
      '9'.repeat(20),
    ],
    ...['chunked', 'Chunked', 'xchunked', 'chunkedx', 'chunked, chunked', 'gzip, chunked', 'chunked, identity'],
    ...[
      'identity',
      '"chunked"',
      "'chunked'",
      'chunked;a=b',
      ',chunked',
      'chunked,',
      '\x0bchunked',
      'chunked\x0c',
      '\xa0chunked',
    ],
    ...[
      'close',
      'keep-alive',
      'keep-alive, Content-Length',
      'Transfer-Encoding, close',
      'upgrade',
      'te',
      'x-a',
      'host',
    ],
    ...['trailers', 'h2c', 'websocket', '100-continue', 'timeout=5', 'a\0b', 'a\rb', 'a\nb', '', '\xff', ' ', mark],
  );
}

function fields(length: number): fc.Arbitrary<string> {
  return fc
    .array(
      fc.oneof(
        { weight: 3, arbitrary: fc.tuple(name, colon, value(length), lineEnd).map(parts => parts.join('')) },
        fc.constantFrom(
          'X: y\r\n',
          'Connection: close\r\n',
          'Connection: keep-alive\r\n',
          ' folded\r\n',
          '\tfolded\r\n',
        ),
      ),
      { maxLength: 3 },
    )
    .map(all => all.join(''));
}

const size = mostly(
  '5',
  '05',
  '5;a=b',
  '5;a="\r\n"',
  '5 ',
  '5 ;a',
  ' 5',
  '0x5',
  '+5',
  '-5',
  '5\t',
  'fffffffffffffffff5',
  '5;\n',
  '5\n',
  '0',
  '6',
  '4',
  'A',
);
const trailer = mostly(
  '',
  'X-T: 1\r\n',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'X : 1\r\n',
  ' x\r\n',
  'X\r\n',
);
const chunk = fc
  .tuple(size, lineEnd, fc.constantFrom('abcde', 'abcde', '0\r\n\r\n', 'abcd', '\r\n\r\n\r'), lineEnd)
  .map(parts => parts.join(''));
const chunks = fc
  .tuple(fc.array(chunk, { maxLength: 3 }), mostly('0', '00', '0;a', '0 ', '-0', '0x0'), lineEnd, trailer, lineEnd)
  .map(([all, last, end, trailers, final]) => all.join('') + last + end + trailers + final);

/** A body, and the fields that frame it: mostly as they belong together. */
function framed(other: string): fc.Arbitrary<readonly [framing: string, body: string]> {
  const whole = `${other.length.toString(16)}\r\n${other}\r\n0\r\n\r\n`;
  const length = (body: string) => `Content-Length: ${body.length}\r\n`;
  const chunked = 'Transfer-Encoding: chunked\r\n';
  const framing = fc.constantFrom(
    '',
    'Content-Length: 0\r\n',
    'Content-Length: 5\r\n',
    length(other),
    chunked,
    length(whole) + chunked,
  );
  const body = fc.constantFrom('', 'abcde', other, `0\r\n\r\n${other}`, whole, `5\r\nabcde\r\n0\r\n\r\n${other}`);
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom(['', ''], [length('abcde'), 'abcde'], [length(other), other], [chunked, whole]),
    },
    { weight: 3, arbitrary: chunks.map(text => [chunked, text] as const) },
    { weight: 3, arbitrary: fc.tuple(framing, fc.oneof(body, chunks)) },
  ) as fc.Arbitrary<readonly [string, string]>;
}

const requestLine = fc
  .tuple(
    fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'),
    mostly(' ', '  ', '\t', '\r', ' \x0b'),
    mostly(
      `/${mark}/a`,
      `http://${mark}/${mark}/b`,
      `/${mark}/c?d=/e`,
      '*',
      `//${mark}`,
      `/${mark}/\xa0`,
      `/${mark}/#f`,
      `/${mark}/ g`,
      mark,
    ),
    mostly(' ', '  ', '\t'),
    mostly(
      'HTTP/1.1',
      'HTTP/1.1',
      'HTTP/1.0',
      'HTTP/1.2',
      'http/1.1',
      'HTTP/0.9',
      'HTTP/2.0',
      'HTTP/1.1 ',
      'HTTP/1.1\0',
    ),
    lineEnd,
  )
  .map(parts => parts.join(''));

const statusLine = fc
  .tuple(
    mostly('HTTP/1.1', 'HTTP/1.0', 'HTTP/1.2', 'http/1.1', 'HTTP/2.0', 'ICY'),
    mostly(' ', '  ', '\t'),
    mostly('200', '100', '103', '199', '101', '204', '304', '404', '599', '999', '099', '20', '2000', '+20'),
    mostly(' OK', '', ' ', ' a\xe4', ' a\0', '  b'),
    lineEnd,
  )
  .map(parts => parts.join(''));

const before = mostly('', '\r\n', '\n', '\r\n\r\n', ' ', '0\r\n\r\n');
const host = mostly(
  `Host: ${mark}\r\n`,
  '',
  `Host: ${mark}\r\nHost: ${mark}\r\n`,
  `Host:${mark}\r\n`,
  `Host : ${mark}\r\n`,
  ` Host: ${mark}\r\n`,
  `Host: ${mark}, b\r\n`,
);

function message(start: fc.Arbitrary<string>, own: fc.Arbitrary<string>, other: string): fc.Arbitrary<string> {
  return fc
    .tuple(before, start, own, fields(other.length), framed(other), lineEnd)
    .map(([empty, line, first, more, [framing, body], end]) => empty + line + first + more + framing + end + body);
}

/** Octets put in, taken out or changed. */
const change = fc.record({
  at: fc.nat(),
  what: fc.constantFrom('\r', '\n', '\r\n', '\0', ' ', '\t', ':', ',', ';', '0', '\x0b', '"', '\x7f', '\xff', ''),
  takes: fc.constantFrom(0, 1, 1, 2),
});

function changed(text: string, changes: readonly { at: number; what: string; takes: number }[]): string {
  return changes.reduce((now, { at, what, takes }) => {
    const place = at % (now.length + 1);
    return now.slice(0, place) + what + now.slice(place + takes);
  }, text);
}

function almost(all: fc.Arbitrary<readonly string[]>): fc.Arbitrary<Message> {
  const changes = fc.oneof(fc.constant([]), fc.constant([]), fc.array(change, { maxLength: 2 }));
  return fc
    .tuple(all, changes, fc.array(fc.nat(60), { maxLength: 6 }))
    .map(([texts, how, pieces]) => ({ octets: changed(texts.join(''), how), pieces }));
}

/** Some requests, one behind the other. */
export const requests: fc.Arbitrary<Message> = almost(
  fc.array(message(requestLine, host, hidden.request), { minLength: 1, maxLength: 4 }),
);

/** A response, perhaps with interim ones before and something behind. */
export const responses: fc.Arbitrary<Message> = almost(
  fc
    .tuple(
      fc.array(fc.constantFrom('HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n'), {
        maxLength: 2,
      }),
      message(statusLine, fc.constant(''), hidden.response),
      fc.constantFrom('', '', '', hidden.response, '\r\n'),
    )
    .map(([interim, main, behind]) => [...interim, main, behind]),
);
