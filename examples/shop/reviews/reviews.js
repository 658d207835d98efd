// What customers say. Started by its Procfile, with the port on the command line.
const { createServer } = require('node:http');
const { parseArgs } = require('node:util');

const { values } = parseArgs({ options: { port: { type: 'string' } } });
const { SLIPWAY_SERVICE, SLIPWAY_INSTANCE, SLIPWAY_REVISION } = process.env;
const answer = {
  service: SLIPWAY_SERVICE,
  instance: SLIPWAY_INSTANCE,
  revision: SLIPWAY_REVISION,
  pid: process.pid,
  language: 'JavaScript',
  reviews: { anchor: 'Holds.', compass: 'Points north.', lantern: 'Bright enough.' },
};

const server = createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(`${JSON.stringify(request.url === '/healthz' ? { status: 'ok' } : answer)}\n`);
});
server.listen(Number(values.port), '127.0.0.1', () => console.log(`reviews listens on ${values.port}`));

process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
