/** What is passed on of the daemon's own environment, and to whom: nothing of it to instances, little to tools. */
import { delimiter } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

const standardPath = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** An instance's PATH: the chosen runtime before everything of the system's. */
export function pathWith(...folders: readonly string[]): string {
  return [...new Set([...folders, ...standardPath])].join(delimiter);
}

/** Where a program is looked for: the daemon's own PATH, then the standard one. */
export function searchPath(env: Environment): readonly string[] {
  const own = (env['PATH'] ?? '').split(delimiter).filter(folder => folder.startsWith('/'));
  return [...new Set([...own, ...standardPath])];
}

const passedOn = [
  /^(lang|lc_\w+|tz|tmpdir|user|logname)$/i,
  /^(https?|all|ftp|no)_proxy$/i,
  /^(node_extra_ca_certs|ssl_cert_(file|dir)|requests_ca_bundle|curl_ca_bundle|git_ssl_cainfo)$/i,
  /^xdg_(config|cache|data)_home$/i,
  // Where and how to fetch, never where or what to install.
  /^npm_config_(registry|userconfig|globalconfig|cache|proxy|https?_proxy|noproxy|ca|cafile|cert|key|strict_ssl)$/i,
  /^npm_config_(offline|prefer_offline|fetch_\w+|maxsockets|replace_registry_host|before|nodedir)$/i,
  /^npm_config_(@|\/\/)/i,
  /^pip_(index_url|extra_index_url|no_index|find_links|trusted_host|cert|client_cert|proxy|cache_dir|no_cache_dir)$/i,
  /^pip_(config_file|constraint|timeout|default_timeout|retries|only_binary|no_binary|prefer_binary|keyring_provider)$/i,
];

/** For npm and pip: a clean environment but for what they need to find their registry. */
export function toolEnvironment(env: Environment, home: string, runtimeFolder: string): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && passedOn.some(pattern => pattern.test(name))) result[name] = value;
  }
  // Install scripts would run as the daemon, outside of every limit.
  const ignoreScripts = env['npm_config_ignore_scripts'] ?? env['NPM_CONFIG_IGNORE_SCRIPTS'] ?? 'true';
  return {
    ...result,
    npm_config_ignore_scripts: ignoreScripts,
    HOME: home,
    PATH: [...new Set([runtimeFolder, ...searchPath(env)])].join(delimiter),
    CI: 'true',
  };
}
