/** What a request is for: the forms of a target, Host, and that a path is nobody's but the instance's to change. */
import { type Case, get, head, ok, passes, refused } from './row.ts';

const to = (target: string, host = 'x') => head(`GET ${target} HTTP/1.1`, `Host: ${host}`);
const odd = '/a/../b//c/./%2e%2E/%zz?x=%2F&y=a+b&&=?/:@!$&\'()*+,;=|{}[]\\"<>^`';

export const targets: readonly Case[] = [
  passes('RFC 9112 3.2', 'an empty Host passes', head('GET / HTTP/1.1', 'Host:'), head('GET / HTTP/1.1', 'Host: ')),
  passes(
    'RFC 9112 3.2',
    'HTTP/1.0 needs no Host, its instance does',
    head('GET / HTTP/1.0'),
    head('GET / HTTP/1.1', 'Host: '),
    {
      answer: /^HTTP\/1.1 200 /,
      closes: true,
    },
  ),
  refused('RFC 9112 3.2', 'no Host is refused', 400, head('GET / HTTP/1.1', 'X: 1')),
  refused('RFC 9112 3.2', 'two Hosts are refused', 400, head('GET / HTTP/1.1', 'Host: x', 'Host: x')),
  refused('RFC 9112 3.2', 'two Hosts in HTTP/1.0 are refused', 400, head('GET / HTTP/1.0', 'Host: x', 'Host: y')),
  ...['a/b', 'a b', 'a,b', 'a@b', 'a?b', 'a#b', 'a:8o', 'a:123456', '[::1', '[]', '::1', '[::1]a', 'a\xe4', '"a"'].map(
    host => refused('RFC 9112 3.2', `${JSON.stringify(host)} is no Host, and refused`, 400, to('/', host)),
  ),
  ...['a', 'a.', '[::1]', '[::1]:80', 'a:', 'a:80', '127.0.0.1', 'a_b.c', '%61'].map(host =>
    passes('RFC 9112 3.2', `${host} is a Host, and passes`, to('/', host), to('/', host)),
  ),
  refused('RFC 9112 3.2', 'a space in a target is refused', 400, to('/a b')),
  refused('RFC 9112 3.2', 'a fragment is refused', 400, to('/a#b')),
  refused('RFC 9112 3.2', 'a control character in a target is refused', 400, to('/\x1f')),
  refused('RFC 9112 3.2', 'octets above 127 in a target are refused', 400, to('/\xa0')),
  refused('RFC 9112 3.2', 'a target of no form is refused', 400, to('a/b')),
  passes('RFC 9112 3.2.1', 'a path may begin with two slashes', to('//other/a'), to('//other/a')),
  passes(
    'RFC 9112 3.2.2',
    'the host of an absolute target replaces Host',
    to('http://other:81/a?b'),
    to('/a?b', 'other:81'),
  ),
  passes('RFC 9112 3.2.2', 'an empty path becomes a slash', to('http://other'), to('/', 'other')),
  passes('RFC 9112 3.2.2', 'so it does before a query', to('http://other?q'), to('/?q', 'other')),
  passes('RFC 9112 3.2.2', 'a scheme is not case-sensitive, and may be https', to('HTTPS://other/'), to('/', 'other')),
  refused('RFC 9112 3.2.2', 'Host is needed beside an absolute target', 400, head('GET http://x/ HTTP/1.1')),
  refused('RFC 9112 3.2.2', 'a Host beside it that is none is refused', 400, to('http://x/', 'a b')),
  refused('RFC 9112 3.2.2', 'another scheme is refused', 400, to('ftp://x/')),
  refused('RFC 9112 3.2.2', 'a URL without a host is refused', 400, to('http:///a')),
  refused('RFC 9110 4.2.4', 'user information is refused', 400, to('http://user:pw@x/')),
  refused(
    'RFC 9112 3.2.3',
    'CONNECT, which a gateway does not serve, gets 501',
    501,
    head('CONNECT x:443 HTTP/1.1', 'Host: x'),
  ),
  passes(
    'RFC 9112 3.2.4',
    'OPTIONS * passes',
    head('OPTIONS * HTTP/1.1', 'Host: x'),
    head('OPTIONS * HTTP/1.1', 'Host: x'),
  ),
  passes(
    'RFC 9112 3.2.4',
    'OPTIONS for a host as a whole becomes an asterisk',
    head('OPTIONS http://other HTTP/1.1', 'Host: x'),
    head('OPTIONS * HTTP/1.1', 'Host: other'),
  ),
  passes(
    'RFC 9112 3.2.4',
    'OPTIONS for a path of a host does not',
    head('OPTIONS http://other/ HTTP/1.1', 'Host: x'),
    head('OPTIONS / HTTP/1.1', 'Host: other'),
  ),
  refused('RFC 9112 3.2.4', 'an asterisk is for OPTIONS only', 400, to('*')),
  passes('RFC 9110 7.7', 'path and query pass octet by octet', to(odd), to(odd)),
  {
    section: 'RFC 9110 7.2',
    name: 'Host passes as the client wrote it, wherever it stands',
    request: head('GET / HTTP/1.1', 'A: 1', 'host: Example.ORG:080', 'B: 2'),
    seen: head('GET / HTTP/1.1', 'A: 1', 'host: Example.ORG:080', 'B: 2'),
    answer: ok,
  },
  {
    section: 'RFC 9110 7.4',
    name: 'the host that a request was for is told as X-Forwarded-Host',
    request: get,
    seen: /\r\nX-Forwarded-Host: x\r\n/,
  },
];
