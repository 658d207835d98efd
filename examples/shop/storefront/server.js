// The shop window: asks the other services, each through the router, and shows what they said.
import { Agent, createServer, get } from 'node:http';

const { PORT, SLIPWAY_SERVICE, SLIPWAY_INSTANCE, SLIPWAY_REVISION } = process.env;
const me = {
  service: SLIPWAY_SERVICE,
  instance: SLIPWAY_INSTANCE,
  revision: SLIPWAY_REVISION,
  pid: process.pid,
  language: 'JavaScript',
};
const agent = new Agent({ keepAlive: true, timeout: 5_000 });

// A service that can't be asked leaves a gap in the window; it doesn't close the shop.
function ask(base, path) {
  if (!base) return Promise.resolve({ error: 'not part of this shop' });
  return new Promise(resolve => {
    const fail = error => resolve({ error: error.message });
    const request = get(`${base}${path}`, { agent, timeout: 2_000 }, async response => {
      let text = '';
      try {
        for await (const chunk of response.setEncoding('utf8')) text += chunk;
        resolve(response.statusCode === 200 ? JSON.parse(text) : { error: `HTTP ${response.statusCode}` });
      } catch (error) {
        fail(error);
      }
    });
    request.on('timeout', () => request.destroy(new Error('no answer within 2 s')));
    request.on('error', fail);
  });
}

async function window() {
  const { CATALOG_URL, PRICING_URL, STOCK_URL, REVIEWS_URL } = process.env;
  const [catalog, pricing, stock, reviews] = await Promise.all([
    ask(CATALOG_URL, '/products'),
    ask(PRICING_URL, '/prices'),
    ask(STOCK_URL, '/'),
    ask(REVIEWS_URL, '/'),
  ]);
  return { ...me, asked: { catalog, pricing, stock, reviews } };
}

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://shop');
  const answer = pathname === '/healthz' ? { status: 'ok' } : pathname === '/' ? await window() : undefined;
  response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(answer ?? { error: 'not found' }, null, 2)}\n`);
});
server.listen(Number(PORT), '127.0.0.1', () => console.log(`storefront listens on ${PORT}`));

process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
