/** `docs/configuration.md`: the reference of slipway.yaml, from its schema. */
import { configSchema, type JsonSchema } from './render-schema.ts';

/** Shown in the reference; a test holds it to the schema. */
export const exampleConfig = `# yaml-language-server: $schema=./slipway.schema.json
router:
  listen: ["0.0.0.0:8080"]
services:
  greeter:
    package: ./packages/greeter-1.2.0.tgz
    runtime: node@20
    instances: 3
    env: { LOG_LEVEL: info, DB_PASSWORD: { file: ./secrets/db }, TOKEN: "\${GREETER_TOKEN}" }
    route: { host: greeter.localhost, path: / }
    limits: { memory: 256Mi, cpu: 0.5, pids: 64 }
    probes:
      readiness: { http: /healthz, period: 2s }
      liveness: { http: /healthz }
    dependsOn: [ledger]
  ledger:
    package: https://packages.example.com/ledger-3.1.0.jar
    sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    args: ["--server.port=\${PORT}"]
`;

const introduction = `# slipway.yaml

Generated from \`src/config/schema/\`; do not edit. Editors complete and check the file with
\`schema/slipway.schema.json\`, which comes from the same source.

\`\`\`yaml
${exampleConfig}\`\`\`

The file is YAML 1.2 in UTF-8, at most 1Mi; anchors and merge keys (\`<<\`) work. Unknown keys, duplicate keys and values
that don't fit are refused, all at once and each with its line and column; then nothing changes. An empty file is
refused too: to remove every service, write \`services: {}\`.

- **Durations** carry their units: \`500ms\`, \`10s\`, \`1m30s\`, \`2h\`, \`1d\`; at most \`24d\`.
- **Sizes** are bytes or carry a unit: \`Ki Mi Gi Ti\` are powers of 1024, \`k M G T\` of 1000.
- **Paths** are relative to the folder of the file.
- **Addresses** are \`host:port\`. A port alone listens on 127.0.0.1; for the whole network write \`0.0.0.0:8080\`.

## Values from the environment

\`\${NAME}\` in a string is replaced by the variable of the daemon's environment (for \`slipway validate\`, of its own), \`\${NAME:-default}\` also where
it is unset or empty; \`$$\` is a dollar sign. An unset variable without a default is an error. What is a
number, \`true\` or \`false\` then is taken as one. Inside of \`{ }\` and \`[ ]\`, YAML needs quotes around such a value.

- In the values of \`env\` it makes a **secret**: never shown in status, API, events or logs. So are the values that
  \`{ file: PATH }\` reads at each launch.
- In \`command\`, \`args\`, \`runtimeArgs\` and the \`exec\` of probes it is refused, because every user of the host can read
  command lines. There, \`\${PORT}\` and \`$PORT\` stand for the port of the instance.
- Anywhere else it is ordinary, visible configuration.
`;

export function renderConfiguration(): string {
  const titles = new Map<string, string[]>();
  for (const { path, table } of collect('', configSchema())) titles.set(table, [...(titles.get(table) ?? []), path]);
  const sections = [...titles].map(([table, paths]) => `## ${paths.map(titleOf).join(', ')}\n\n${table}`);
  return [introduction, ...sections].join('\n');
}

interface Section {
  readonly path: string;
  readonly table: string;
}

/** One section for each mapping, outer ones first. */
function collect(path: string, schema: JsonSchema): Section[] {
  const { properties = {}, anyOf = [], items, additionalProperties: entry } = schema;
  return [
    ...(Object.keys(properties).length > 0 ? [{ path, table: renderTable(schema) }] : []),
    ...Object.entries(properties).flatMap(([key, value]) => collect(join(path, key), value)),
    ...[...anyOf, ...(items ? [items] : [])].flatMap(other => collect(path, other)),
    ...(entry ? collect(join(path, 'NAME'), entry) : []),
  ];
}

function titleOf(path: string): string {
  return path === '' ? 'Top level' : `\`${path}\``;
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function renderTable({ properties = {}, required = [] }: JsonSchema): string {
  const rows = Object.entries(properties).map(
    ([key, value]) =>
      `| \`${key}\` | ${typeOf(value)} | ${defaultOf(value, required.includes(key))} | ${value.description ?? ''} |`,
  );
  return ['| key | value | default | meaning |', '|---|---|---|---|', ...rows, ''].join('\n');
}

function defaultOf({ default: preset }: JsonSchema, required: boolean): string {
  if (required) return '**required**';
  const text = JSON.stringify(preset);
  if (text === undefined || text === '{}' || text === '[]') return '';
  return `\`${typeof preset === 'string' ? preset : text}\``;
}

function typeOf(schema: JsonSchema): string {
  if (schema.title !== undefined) return schema.title;
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' or ');
  if (schema.enum) return schema.enum.map(word => `\`${word}\``).join(', ');
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.items) return `list of ${typeOf(schema.items)}`;
  if (schema.additionalProperties) return `mapping of names to ${typeOf(schema.additionalProperties)}`;
  if (schema.properties) return 'mapping';
  const number = { integer: 'whole number', number: 'number' }[String(schema.type)];
  if (number === undefined) return schema.type === 'boolean' ? '`true`, `false`' : 'text';
  return `${number}, ${schema.minimum} to ${schema.maximum}`;
}
